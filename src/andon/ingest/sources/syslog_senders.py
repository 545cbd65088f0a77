"""Who sends syslog: which addresses may, where each sender stands, and the log that one of its messages becomes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import tzinfo
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from andon.core.place_pattern import PlacePattern
from andon.core.settings.settings import Settings
from andon.core.settings.sources.syslog_settings import SyslogSender
from andon.ingest.plain_text import is_binary
from andon.ingest.sources.heard import NOWHERE, Heard, Place, place_of
from andon.ingest.sources.syslog_framing import Frame
from andon.ingest.sources.syslog_parser import SyslogParser, unescaped

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_REMEMBERED = 10_000


def plain_address(address: str) -> str:
    """An address as people write it: without a zone, and IPv4 as IPv4.

    >>> plain_address("::ffff:10.0.0.7"), plain_address("fe80::1%eth0")
    ('10.0.0.7', 'fe80::1')
    """
    bare = address.partition("%")[0]
    return bare.removeprefix("::ffff:") if bare.startswith("::ffff:") and "." in bare else bare


class Allowed:
    """Which addresses may send: those of this machine, and those in ``networks``; every one where there are none."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(one) for one in networks]
        self._known: dict[str, bool] = {}

    def __call__(self, address: str) -> bool:
        """Whether ``address``, a plain one, may."""
        if not self._networks:
            return True
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[address] = self._may(address)
        return known

    def _may(self, address: str) -> bool:
        try:
            asked = ipaddress.ip_address(address)
        except ValueError:
            return False
        return asked.is_loopback or any(asked in network for network in self._networks)


class Sender:
    """How one row of the site's table, or none, is used: its zone, its pattern and what it names for all.""" ""

    def __init__(self, row: SyslogSender | None, zone: str) -> None:
        self.zone: tzinfo = ZoneInfo((row.zone if row else "") or zone)
        self.escapes = row.escapes if row else "auto"
        self.host, self.service = (row.host, row.service) if row else ("", "")
        self._fixed = Place(row.site, row.area, row.line, row.machine) if row else NOWHERE
        self._pattern = PlacePattern(row.place) if row and row.place else None

    def stand(self, heard: Heard) -> None:
        """Write into ``heard`` what the table says of its sender."""
        found = self._pattern.read(f"{heard.hostname}/{heard.service}") if self._pattern else None
        if found:
            heard.hostname = found.get("host") or heard.hostname
            heard.service = found.get("service") or heard.service
            heard.place = place_of(found).over(self._fixed)
        else:
            heard.place = self._fixed


def nothing_in(frame: Frame) -> str:
    """Why there is no log in a message of which :meth:`Senders.heard` made none, in a word."""
    return "binary" if is_binary(frame.data) else "empty"


class Senders:
    """Messages of all senders become logs here."""

    def __init__(self, settings: Settings) -> None:
        self._parse = SyslogParser(settings.encoding)
        self._rest = Sender(None, settings.time_zone)
        self._rows = [(_Match(row.senders), Sender(row, settings.time_zone)) for row in settings.syslog]
        self._known: dict[tuple[str, str], Sender] = {}

    def _zone(self, _host: str) -> tzinfo:
        return self._rest.zone

    def heard(self, frame: Frame, peer: str) -> Heard | None:
        """The log in a message that ``peer`` (a plain address) sent; None where the message is empty or no text."""
        if is_binary(frame.data):
            return None
        zone_of = (lambda host: self.of(peer, host).zone) if self._rows else self._zone
        read = self._parse(frame.data, zone_of)
        if not read.message:
            return None
        sender = self.of(peer, read.hostname)
        context = read.context
        hostname = read.hostname or sender.host or peer
        if hostname != peer:
            context["sender"] = peer
        if frame.size > len(frame.data):
            context["cut_from_bytes"] = frame.size
        text = read.message
        if sender.escapes != "off" and "#" in text:
            text = unescaped(text, certain=read.by_rsyslog or sender.escapes == "on")
        service = read.program or sender.service
        heard = Heard(text, read.timestamp, hostname, read.severity, service, context)
        if sender is not self._rest:
            sender.stand(heard)
        return heard

    def of(self, peer: str, host: str) -> Sender:
        """The row of the table for a sender; the first that matches counts."""
        if not self._rows:
            return self._rest
        known = self._known.get((peer, host))
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = (sender for match, sender in self._rows if match(peer) or (host and match(host)))
            known = self._known[peer, host] = next(found, self._rest)
        return known


class _Match:
    """Addresses, networks and names of hosts, with ``*`` for any signs."""

    def __init__(self, names: Iterable[str]) -> None:
        self._networks: list[Network] = []
        self._patterns: list[str] = []
        for name in names:
            try:
                self._networks.append(ipaddress.ip_network(name.strip(), strict=False))
            except ValueError:
                self._patterns.append(name.strip().lower())

    def __call__(self, name: str) -> bool:
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            low = name.lower()
            return any(fnmatchcase(low, one) or fnmatchcase(low.partition(".")[0], one) for one in self._patterns)
        return any(address in network for network in self._networks)

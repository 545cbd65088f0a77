"""What the edge nodes of Sparkplug B say: which of them died, and which of their metrics are alarms that changed.

A host application of the plain kind: it listens. It is no primary host and publishes no STATE; it asks for a birth only
where the settings allow it.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from andon.ingest.sources.heard import Heard, Place
from andon.ingest.sources.mqtt_payloads import Refusal
from andon.ingest.sources.sparkplug_reader import Metric, Payload, SparkplugError, Value, read
from andon.ingest.sources.standing_place import Origin

NAMESPACE = "spBv1.0"
#: Nodes that are followed, and alarms that may be active at once.
NODES_MAX, ACTIVE_MAX = 5_000, 50_000
#: Seconds between two requests for a birth of one node.
REBIRTH_EVERY = 60.0
KINDS = frozenset(("NBIRTH", "NDEATH", "NDATA", "DBIRTH", "DDEATH", "DDATA"))
_NO_ALARM = frozenset(("", "0", "ok", "none", "no", "normal", "off", "false", "inactive", "good"))
_GOOD = 192
_SEQ = 256


class Address(NamedTuple):
    """Who sent a message. ``device`` is empty for a node itself."""

    group: str
    kind: str
    node: str
    device: str

    @property
    def edge(self) -> str:
        """The node, as one name."""
        return f"{self.group}/{self.node}"

    @property
    def source(self) -> str:
        """The node or device, as one name."""
        return f"{self.edge}/{self.device}" if self.device else self.edge


class _Node(msgspec.Struct):
    """What is known of a node since its birth: the names behind the aliases of alarms, and where its numbers stand."""

    born: bool = False
    aliases: dict[int, str] = {}
    seq: int | None = None
    bd_seq: int | None = None
    asked: float = float("-inf")


class Remembered(msgspec.Struct):
    """What must survive a restart: ``active`` alarms by source and metric with their codes, and who is ``lost``."""

    active: dict[str, str] = {}
    lost: list[str] = []


class SparkplugStates:
    """Follows nodes and devices. ``ask_birth`` is called with the topic of a node's commands, None asks nobody."""

    def __init__(
        self,
        alarms: list[str],
        origin_of: Callable[[str], Origin],
        clock: Callable[[], float],
        ask_birth: Callable[[str], None] | None = None,
    ) -> None:
        joined = "|".join(f"(?:{fnmatch.translate(one)})" for one in alarms)
        self._is_alarm = re.compile(joined).match if alarms else lambda _name: None
        self._origin_of = origin_of
        self._clock = clock
        self._ask_birth = ask_birth
        self._nodes: dict[str, _Node] = {}
        self._lost: set[str] = set()
        self._active: dict[str, str] = {}
        #: Messages of nodes that did not arrive, by the numbers that they carry.
        self.missed = 0
        #: Whether :meth:`remembered` would say something else than before; the reader of it takes it back.
        self.changed = False

    def remembered(self) -> Remembered:
        """What :meth:`recall` wants after a restart."""
        return Remembered(dict(self._active), sorted(self._lost))

    def recall(self, known: Remembered) -> None:
        """Take in what an earlier run remembered."""
        self._active, self._lost = dict(known.active), set(known.lost)

    def logs(self, topic: str, data: bytes) -> list[Heard]:
        """The logs in a message, none for most. Raises Refusal for what is no Sparkplug."""
        address = _address(topic)
        if address is None:
            raise Refusal("no topic of Sparkplug")
        if address.kind not in KINDS:
            return []  # commands and states of hosts
        try:
            payload = read(data)
        except SparkplugError:
            raise Refusal("no payload of Sparkplug") from None
        return list(self._heard(address, payload, topic))

    def _heard(self, address: Address, payload: Payload, topic: str) -> Iterator[Heard]:
        node = self._node(address.edge)
        if address.kind == "NDEATH":
            yield from self._node_died(address, node, payload, topic)
            return
        self._count(address, node, payload)
        if address.kind == "DDEATH":
            yield from self._lose(address, payload, topic)
            return
        if address.kind == "NBIRTH":
            node.born, node.aliases, node.bd_seq = True, {}, _bd_seq(payload)
        if address.kind in ("NBIRTH", "DBIRTH"):
            yield from self._back(address, payload, topic)
        elif not node.born:
            self._want_birth(address, node)
        yield from self._changes(address, node, payload, topic)

    def _node(self, edge: str) -> _Node:
        node = self._nodes.pop(edge, None) or _Node()
        self._nodes[edge] = node  # the newest is the last
        if len(self._nodes) > NODES_MAX:
            del self._nodes[next(iter(self._nodes))]
        return node

    def _count(self, address: Address, node: _Node, payload: Payload) -> None:
        """Compare the number that each message of a node carries with the one before."""
        if payload.seq is None:
            return
        if address.kind != "NBIRTH" and node.seq is not None:
            gap = (payload.seq - node.seq - 1) % _SEQ
            self.missed += gap
            if gap:
                self._want_birth(address, node)
        node.seq = payload.seq % _SEQ

    def _want_birth(self, address: Address, node: _Node) -> None:
        now = self._clock()
        if self._ask_birth is not None and now - node.asked >= REBIRTH_EVERY:
            node.asked = now
            self._ask_birth(f"{NAMESPACE}/{address.group}/NCMD/{address.node}")

    def _node_died(self, address: Address, node: _Node, payload: Payload, topic: str) -> Iterator[Heard]:
        """A will of an earlier connection may come late: it carries the number of another birth."""
        will = _bd_seq(payload)
        if node.born and node.bd_seq is not None and will is not None and will != node.bd_seq:
            return
        node.born, node.seq = False, None
        yield from self._lose(address, payload, topic)

    def _lose(self, address: Address, payload: Payload, topic: str) -> Iterator[Heard]:
        if address.source not in self._lost:
            self._lost.add(address.source)
            self.changed = True
            yield self._presence(address, payload, topic, active=True)

    def _back(self, address: Address, payload: Payload, topic: str) -> Iterator[Heard]:
        if address.source in self._lost:
            self._lost.discard(address.source)
            self.changed = True
            yield self._presence(address, payload, topic, active=False)

    def _presence(self, address: Address, payload: Payload, topic: str, *, active: bool) -> Heard:
        what = "device" if address.device else "node"
        text = f"{what} {address.source} {'lost' if active else 'is back'}"
        return self._log(address, topic, text, payload.timestamp, f"{what} lost", active, {})

    def _changes(self, address: Address, node: _Node, payload: Payload, topic: str) -> Iterator[Heard]:
        for metric in payload.metrics:
            name = metric.name or (node.aliases.get(metric.alias, "") if metric.alias is not None else "")
            if not name or not self._is_alarm(name):
                continue
            if metric.name and metric.alias is not None:
                node.aliases[metric.alias] = name
            if not metric.null and metric.value is not None and _good(metric):
                yield from self._changed(address, name, metric, payload, topic)

    def _changed(self, address: Address, name: str, metric: Metric, payload: Payload, topic: str) -> Iterator[Heard]:
        """What the value of an alarm says against the one before: an alarm ended, one began, or both."""
        key = f"{address.source}|{name}"
        before, now = self._active.get(key), _state(name, metric.value)
        if before == now:
            return
        at = metric.timestamp or payload.timestamp
        told: dict[str, Any] = {"metric": name, **{k: v for k, v in metric.properties.items() if v is not None}}
        if not metric.historical:
            self.changed = True
            self._active.pop(key, None)
        if before is not None:
            yield self._log(address, topic, _said(name, before, "cleared"), at, before, False, told)
        if now is None:
            return
        if not metric.historical and len(self._active) < ACTIVE_MAX:
            self._active[key] = now
        yield self._log(address, topic, _said(name, now, "active"), at, now, True, told)

    def _log(
        self, address: Address, topic: str, text: str, at: int | None, code: str, active: bool, told: dict[str, Any]
    ) -> Heard:
        origin = self._origin_of(topic)
        usual = Place(area=address.group, line=address.node, machine=address.device)
        context = {
            **told,
            "alarm_code": code,
            "alarm_state": "active" if active else "cleared",
            "source": address.source,
            "mqtt_topic": topic,
        }
        return Heard(
            text,
            at or None,
            origin.host or address.node,
            "ERROR" if active else "INFO",
            origin.service or "sparkplug",
            context,
            origin.place.over(usual) if not any(origin.place.levels[1:]) else origin.place,
        )


def birth_request(now_ms: int) -> bytes:
    """The payload of a command that asks a node for its birth: ``Node Control/Rebirth`` set to true."""
    name = b"Node Control/Rebirth"
    metric = b"\x0a" + bytes([len(name)]) + name + b"\x20\x0b" + b"\x70\x01"
    return b"\x08" + _varint(now_ms) + b"\x12" + bytes([len(metric)]) + metric


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*made, number])


def _address(topic: str) -> Address | None:
    levels = topic.split("/")
    if levels[0] != NAMESPACE or not 3 <= len(levels) <= 5:
        return None
    group, kind, node, device = [*levels[1:], "", ""][:4]
    if group == "STATE":
        return Address("", "STATE", kind, "")
    return Address(group, kind, node, device) if node else None


def _bd_seq(payload: Payload) -> int | None:
    found = next((one.value for one in payload.metrics if one.name == "bdSeq"), None)
    return found if isinstance(found, int) else None


def _good(metric: Metric) -> bool:
    """A value of bad quality is the last one known, and no news."""
    quality = metric.properties.get("Quality", metric.properties.get("quality", _GOOD))
    return not isinstance(quality, int) or quality == _GOOD


def _state(name: str, value: Value) -> str | None:
    """The code of the alarm that a value means; None where it means none. A truth's is the metric's own name."""
    if isinstance(value, bool):
        return name if value else None
    if isinstance(value, str):
        text = value.strip()
        return None if text.lower() in _NO_ALARM else text[:200]
    return None if not value else f"{value:g}" if isinstance(value, float) else str(value)


def _said(name: str, code: str, state: str) -> str:
    return f"{name}: {state}" if code == name else f"{name} {code}: {state}"

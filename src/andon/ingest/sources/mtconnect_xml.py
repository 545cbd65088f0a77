"""MTConnect's XML documents: streams of data items, devices, and errors. Pure.

Read by expat with everything refused that is not elements and text: a document type, and so every entity. Names count
without their namespace, which changes with each version of the standard.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.parsers import expat

import msgspec

from andon.ingest.sources.mtconnect_conditions import Reported

#: Elements below one another, and characters of one text.
DEPTH_MAX, TEXT_MAX = 64, 64 * 1024
_LEVELS = frozenset({"Normal", "Warning", "Fault", "Unavailable"})
_EVENTS = {"Message": "message", "Alarm": "alarm"}


class NotMtconnect(ValueError):
    """A document that is none of MTConnect; the text says why."""


class HeardEvent(msgspec.Struct, frozen=True):
    """A message or an alarm of the old kind: a data item beside conditions, with its attributes."""

    kind: str
    attributes: dict[str, str]
    text: str
    device: str
    component: str


class ProbedItem(msgspec.Struct, frozen=True):
    """A data item that a device has; ``category`` is CONDITION, EVENT or SAMPLE."""

    device: str
    component: str
    id: str
    name: str
    category: str
    type: str


class Document(msgspec.Struct):
    """What a document told. ``root`` is MTConnectStreams, MTConnectDevices or MTConnectError.

    ``errors`` are pairs of a code such as OUT_OF_RANGE and a text.
    """

    root: str = ""
    header: dict[str, str] = msgspec.field(default_factory=dict)
    conditions: list[Reported] = msgspec.field(default_factory=list)
    events: list[HeardEvent] = msgspec.field(default_factory=list)
    items: list[ProbedItem] = msgspec.field(default_factory=list)
    errors: list[tuple[str, str]] = msgspec.field(default_factory=list)

    def number(self, name: str) -> int | None:
        """A number of the header, such as nextSequence; None where it is not there."""
        text = self.header.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def read_document(data: bytes) -> Document:
    """Read a document. Raises NotMtconnect."""
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise NotMtconnect(f"XML that cannot be read: {error}") from None
    except (UnicodeError, LookupError, ValueError) as error:
        raise error if isinstance(error, NotMtconnect) else NotMtconnect(f"text that cannot be read: {error}") from None
    if not reader.found.root.startswith("MTConnect"):
        raise NotMtconnect(f"a document of {reader.found.root or 'nothing'}")
    return reader.found


class _Reader:
    def __init__(self) -> None:
        self.found = Document()
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = _refuse
        self.parser.EntityDeclHandler = _refuse
        self._open: list[str] = []
        self._device = ""
        self._components: list[tuple[int, str]] = []
        self._attributes: dict[str, str] = {}
        self._texts: list[str] | None = None
        self._size = 0

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(" ")[2]
        self._open.append(name)
        depth = len(self._open)
        if depth > DEPTH_MAX:
            raise NotMtconnect(f"elements nested more than {DEPTH_MAX} deep")
        if depth == 1:
            self.found.root = name
        elif name == "Header" and depth == 2:
            self.found.header = attributes
        elif name in ("DeviceStream", "Device"):
            self._device = attributes.get("name") or attributes.get("uuid", "")
            self._components = []
        elif name == "ComponentStream":
            self._components = [(depth, attributes.get("name") or attributes.get("component", ""))]
        elif name == "DataItem":
            self._item(attributes)
        elif self._is_component(name):
            self._components.append((depth, attributes.get("name") or name))
        elif self._is_told(name):
            self._attributes, self._texts, self._size = attributes, [], 0

    def _is_component(self, name: str) -> bool:
        """In a document of devices, whether an element is a part of one: it stands in a list of components."""
        return self.found.root == "MTConnectDevices" and len(self._open) > 1 and self._open[-2] == "Components"

    def _is_told(self, name: str) -> bool:
        above = self._open[-2] if len(self._open) > 1 else ""
        if self.found.root == "MTConnectError":
            return name == "Error" or above == "Errors" or name == "ErrorMessage"
        return (above == "Condition" and name in _LEVELS) or (above == "Events" and name in _EVENTS)

    def _text(self, data: str) -> None:
        if self._texts is not None and self._size < TEXT_MAX:
            self._size += len(data)
            self._texts.append(data[:TEXT_MAX])

    def _end(self, tag: str) -> None:
        name = tag.rpartition(" ")[2]
        depth = len(self._open)
        if self._texts is not None and self._is_told(name):
            self._told(name, " ".join("".join(self._texts).split()))
            self._texts = None
        if self._components and self._components[-1][0] == depth:
            self._components.pop()
        self._open.pop()

    def _told(self, name: str, text: str) -> None:
        one = self._attributes
        component = self._components[-1][1] if self._components else ""
        if self.found.root == "MTConnectError":
            self.found.errors.append((one.get("errorCode", name), text))
        elif name in _EVENTS:
            self.found.events.append(HeardEvent(_EVENTS[name], one, text, self._device, component))
        else:
            self.found.conditions.append(_reported(name, one, text, self._device, component))

    def _item(self, one: Mapping[str, str]) -> None:
        component = self._components[-1][1] if self._components else ""
        told = (one.get(name, "") for name in ("id", "name", "category", "type"))
        self.found.items.append(ProbedItem(self._device, component, *told))


def _reported(level: str, one: Mapping[str, str], text: str, device: str, component: str) -> Reported:
    return Reported(
        item=one.get("dataItemId", ""),
        level=level.lower(),
        timestamp=one.get("timestamp"),
        code=one.get("nativeCode", ""),
        condition_id=one.get("conditionId", ""),
        severity=one.get("nativeSeverity", ""),
        qualifier=one.get("qualifier", ""),
        text=text,
        device=device,
        component=component,
        type=one.get("type", ""),
        name=one.get("name", ""),
    )


def _refuse(*_given: Any) -> None:
    raise NotMtconnect("it declares a document type or an entity")

"""What the fields of an OPC UA event mean: plain events, and the states of conditions. Pure, without the library.

Values come as the library reads them: a LocalizedText has ``Text``, a NodeId ``to_string()``, times are naive UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from andon.core.settings.sources.opcua_settings import OpcuaServer
from andon.ingest.sources.alarm_tracker import AlarmChange
from andon.ingest.sources.heard import Heard
from andon.ingest.sources.standing_place import StandingPlace

#: What is asked of each event: the type that has the field, and its path. What an event does not have comes as null.
BASE, CONDITION, ACKNOWLEDGEABLE, ALARM = 2041, 2782, 2881, 2915
FIELDS: tuple[tuple[int, str], ...] = (
    (BASE, "EventId"),
    (BASE, "EventType"),
    (BASE, "SourceNode"),
    (BASE, "SourceName"),
    (BASE, "Time"),
    (BASE, "ReceiveTime"),
    (BASE, "Message"),
    (BASE, "Severity"),
    (CONDITION, "ConditionName"),
    (CONDITION, "BranchId"),
    (CONDITION, "Retain"),
    (CONDITION, "EnabledState/Id"),
    (CONDITION, "Comment"),
    (CONDITION, "ClientUserId"),
    (ACKNOWLEDGEABLE, "AckedState/Id"),
    (ACKNOWLEDGEABLE, "ConfirmedState/Id"),
    (ALARM, "ActiveState"),
    (ALARM, "ActiveState/Id"),
    (ALARM, "SuppressedState/Id"),
    (ALARM, "ShelvingState/CurrentState"),
    (ALARM, "SuppressedOrShelved"),
)
#: The name under which the condition's own NodeId stands among them.
CONDITION_ID = "ConditionId"

#: Types of events that are about the connection: a refresh begins, ends, is needed; the server's queue overflowed.
REFRESH_START, REFRESH_END, REFRESH_REQUIRED, OVERFLOW = "i=2787", "i=2788", "i=2789", "i=3035"
#: What tells of an act on a condition, which the condition tells too: Enable, Comment, Acknowledge, Confirm, Shelving …
ACTS = frozenset(
    {f"i={n}" for n in (2790, 2803, 2829, 8927, 8944, 8961, 11093, 11856, 15013, 17225, 17242, 17259)}
)  # fmt: skip

_INDEX = re.compile(r"\d{1,5}:(?=\D)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_UNSET = "unset condition name"
_TEXT_MAX = 20_000
#: Seconds by which a server heard of something late: only then its time of receipt says something.
_LATE = 1.0
_UNSHELVED = frozenset({"", "unshelved"})


class Condition(msgspec.Struct):
    """A condition as one event tells it. None is what the event does not say.

    ``at`` is the event's own time, by the server's clock, ``heard_at`` when it was heard first, by ours (unix seconds).
    """

    id: str
    branch: str
    event_id: bytes
    name: str
    active: bool
    retained: bool
    acked: bool | None
    change: AlarmChange
    at: float
    heard_at: float = 0.0


class EventReader:
    """Reads the events of one server."""

    def __init__(self, server: OpcuaServer, host: str, places: StandingPlace) -> None:
        self._server = server
        self._host = host
        self._places = places

    def log_of(self, fields: Mapping[str, Any]) -> Heard:
        """A plain event as a log."""
        return self._heard(fields, {}, self._severity(fields.get("Severity")))

    def condition_of(self, fields: Mapping[str, Any]) -> Condition | None:
        """The state of a condition; None where the event is of none."""
        node = text_of(fields.get(CONDITION_ID))
        if not node:
            return None
        retained = fields.get("Retain") is True
        enabled = fields.get("EnabledState/Id") is not False
        told = fields.get("ActiveState/Id")
        active = enabled and (told if isinstance(told, bool) else retained)
        acked = _truth(fields.get("AckedState/Id"))
        states = {
            "ConditionId": node,
            "ConditionName": _named(fields.get("ConditionName")),
            "ActiveState": active if isinstance(told, bool) else None,
            "AckedState": acked,
            "ConfirmedState": _truth(fields.get("ConfirmedState/Id")),
            "SuppressedState": _truth(fields.get("SuppressedState/Id")),
            "ShelvingState": _shelved(fields.get("ShelvingState/CurrentState")),
            "EnabledState": False if not enabled else None,
            "Retain": retained,
        }
        severity = self._severity(fields.get("Severity")) if active else "INFO"
        if active and severity == "INFO":
            severity = "WARNING"  # whatever its number: what is active is an alarm, and INFO would be none
        heard = self._heard(fields, states, severity)
        over = {**states, "ActiveState": False, "Retain": False}
        clear = self._heard(fields, over, "INFO") if active else None
        change = AlarmChange(node, _said(states, active, severity, heard.message), heard, clear, kept=retained)
        return Condition(
            id=node,
            branch=text_of(fields.get("BranchId")),
            event_id=_bytes(fields.get("EventId")),
            name=str(states["ConditionName"] or ""),
            active=active,
            retained=retained,
            acked=acked,
            change=change,
            at=_seconds(fields.get("Time")),
        )

    def _severity(self, value: Any) -> str:
        """The word for a number from 1 to 1000; servers send 0 for what is over."""
        number = value if isinstance(value, int) and not isinstance(value, bool) else 0
        words = ("CRITICAL", "ERROR", "WARNING")
        return next((word for word, least in zip(words, self._server.severity, strict=True) if number >= least), "INFO")

    def _heard(self, fields: Mapping[str, Any], states: Mapping[str, Any], severity: str) -> Heard:
        name = _INDEX.sub("", text_of(fields.get("SourceName")), count=1)
        node = text_of(fields.get("SourceNode"))
        of = self._places.of(name, name.replace(".", "/"), node.partition(";s=")[2].replace(".", "/"))
        at, received = _moment(fields.get("Time")), _moment(fields.get("ReceiveTime"))
        late = abs(_seconds(fields.get("ReceiveTime")) - _seconds(fields.get("Time"))) >= _LATE
        told = {
            **states,
            "SourceName": name,
            "SourceNode": node,
            "EventType": text_of(fields.get("EventType")),
            "Severity": fields.get("Severity"),
            "ReceiveTime": received if late else None,
            "Comment": text_of(fields.get("Comment")) if states else None,
            "ClientUserId": text_of(fields.get("ClientUserId")) if states else None,
        }
        text = text_of(fields.get("Message"))[:_TEXT_MAX]
        return Heard(
            text or str(told.get("ConditionName") or "") or name or f"an event of {self._host} without a text",
            timestamp=at or received,
            hostname=of.host or self._host,
            severity=severity,
            service=of.service or "opcua",
            context={key: value for key, value in told.items() if value is not None and value != ""},
            place=of.place,
        )


def text_of(value: Any) -> str:
    """A text, the text of a LocalizedText, a NodeId as ``ns=2;s=Tank`` or ``i=2253``; empty where there is none."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if hasattr(value, "Text"):
        return value.Text or ""
    if hasattr(value, "to_string"):
        null = getattr(value, "is_null", None)
        return "" if callable(null) and null() else _node_text(value.to_string())
    return ""


def _node_text(text: str) -> str:
    return text.removeprefix("ns=0;")


def _said(states: Mapping[str, Any], active: bool, severity: str, message: str) -> str:
    """What makes a change of a condition worth a log: not a number in its text, nor a new EventId."""
    if not active and not states["Retain"]:
        return "over"
    parts = (
        active,
        *(states[name] for name in ("AckedState", "ConfirmedState", "SuppressedState", "ShelvingState")),
        severity,
        _NUMBER.sub("#", message)[:200],
    )
    return "|".join("" if part is None else str(part) for part in parts)


def _named(value: Any) -> str | None:
    text = text_of(value)
    return None if text.lower() == _UNSET else text


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _shelved(value: Any) -> str | None:
    text = text_of(value)
    return None if text.lower() in _UNSHELVED else text


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b""


def _moment(value: Any) -> str | None:
    """A time in UTC; servers write the year 1601 or 1 where they have none."""
    if not isinstance(value, datetime) or value.year < 1970:
        return None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _seconds(value: Any) -> float:
    if not isinstance(value, datetime) or value.year < 1970:
        return 0.0
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()

"""How the plant's producers write: one happening as the message that a gateway, a controller or a daemon publishes.

Producers whose format has no place for a place name it in the subject, as docs/messages.md tells.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from andon.app.demo.happenings import Happening
from andon.app.demo.plant import Form, Place, Plant
from andon.core.models import SUBJECT

_OPCUA = {"INFO": 100, "WARNING": 400, "ERROR": 700, "CRITICAL": 900}
_SYSLOG = {"INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
_WINCC = {"raised": "K", "cleared": "G", "acknowledged": "KQ", "told": "K"}
_GERMAN = {"raised": "kommt", "cleared": "geht", "acknowledged": "quittiert", "told": "kommt"}
_GERMAN_LEVEL = {"INFO": "Hinweis", "WARNING": "Warnung", "ERROR": "Störung", "CRITICAL": "kritisch"}
_WORDS = {"raised": "active", "cleared": "cleared", "acknowledged": "acknowledged"}


class Message(NamedTuple):
    """What is published, and the moment (unix seconds) at which a producer would have done so."""

    at: float
    subject: str
    data: bytes


def message(plant: Plant, one: Happening) -> Message:
    """A happening as its producer publishes it."""
    place = plant.machines[one.host]
    form = one.problem.form
    body = _WRITERS[form](one, place)
    if form in _PLACELESS:
        subject = ".".join((SUBJECT, plant.site, place.area, place.line, place.machine))
    else:
        subject = SUBJECT
        where = {"site": plant.site, "area": place.area, "line": place.line, "machine": place.machine}
        (body["context"] if form == "json" else body).update(where)
    return Message(one.at, subject, msgspec.json.encode(body))


def unreadable(at: float) -> list[Message]:
    """What nobody can read: a cut-off frame of a serial gateway, numbers without a word, nothing at all."""
    frames = b"\x02\x00\x10\x03\x00\x00\xf1\x8c\x00", b"[17, 4]", b""
    return [Message(at - 900.0 * number, SUBJECT, data) for number, data in enumerate(frames, 1)]


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _severity(one: Happening) -> str:
    """How bad it is: that something is over is no trouble."""
    return "INFO" if one.said == "cleared" else one.problem.severity


def _json(one: Happening, place: Place) -> dict[str, Any]:
    context: dict[str, Any] = {"equipment": place.machine}
    if one.problem.code:
        context["alarm_code"] = one.problem.code
    if one.said in _WORDS:
        context["state"] = _WORDS[one.said]
    if one.problem.stops and one.said == "raised":
        context["stopped"] = True
    return {
        "timestamp": _time(one.at),
        "hostname": place.gateway or one.host,
        "severity": _severity(one),
        "service": one.problem.service,
        "message": one.text,
        "context": {**context, **one.fields},
    }


def _opcua(one: Happening, place: Place) -> dict[str, Any]:
    """A condition of OPC UA Alarms & Conditions, as gateways write it in JSON."""
    return {
        "Time": _time(one.at),
        "hostname": place.gateway or one.host,
        "service": one.problem.service,
        "SourceName": place.machine,
        "ConditionName": one.problem.code,
        "Message": {"Text": one.text, "Locale": "en"},
        "Severity": _OPCUA[_severity(one)],
        "ActiveState": one.said != "cleared",
        "AckedState": one.said == "acknowledged",
        **({"stopped": True} if one.problem.stops and one.said == "raised" else {}),
        **one.fields,
    }


def _opcua_value(one: Happening, place: Place) -> dict[str, Any]:
    return {
        "time": _time(one.at),
        "hostname": place.gateway or one.host,
        "service": one.problem.service,
        "message": one.text,
        "nodeId": f"ns=2;s={place.machine.replace(' ', '')}.Zones",
        "quality": "Good",
    }


def _wincc(one: Happening, place: Place) -> dict[str, Any]:
    """A message of an operator station: K for come, G for gone, Q for acknowledged."""
    kind = "Alarm" if one.problem.severity in ("ERROR", "CRITICAL") else "Warning"
    return {
        "Time": _time(one.at),
        "hostname": place.gateway or one.host,
        "service": one.problem.service,
        "alarm_code": one.problem.code,
        "State": _WINCC[one.said],
        "MsgClass": kind,
        "severity": "Info" if one.said == "cleared" else kind if kind == "Warning" else one.problem.severity,
        "message": one.text,
        "equipment": place.machine,
        **({"stopped": True} if one.problem.stops and one.said == "raised" else {}),
        **one.fields,
    }


def _wincc_german(one: Happening, place: Place) -> dict[str, Any]:
    return {
        "Zeitstempel": _time(one.at),
        "hostname": place.gateway or one.host,
        "Quelle": one.problem.service,
        "Meldenummer": one.problem.code,
        "Zustand": _GERMAN[one.said],
        "Stufe": _GERMAN_LEVEL[_severity(one)],
        "Meldung": one.text,
        "equipment": place.machine,
        **({"stopped": True} if one.problem.stops and one.said == "raised" else {}),
        **one.fields,
    }


def _gelf(one: Happening, _place: Place) -> dict[str, Any]:
    return {
        "version": "1.1",
        "host": one.host,
        "short_message": one.text,
        "timestamp": round(one.at, 3),
        "level": _SYSLOG[_severity(one)],
        "_service": one.problem.service,
        **{f"_{name}": value for name, value in one.fields.items()},
    }


def _journald(one: Happening, _place: Place) -> dict[str, Any]:
    return {
        "__REALTIME_TIMESTAMP": str(int(one.at * 1_000_000)),
        "_HOSTNAME": one.host,
        "PRIORITY": str(_SYSLOG[_severity(one)]),
        "SYSLOG_IDENTIFIER": one.problem.service,
        "MESSAGE": one.text,
        **one.fields,
    }


def _windows(one: Happening, _place: Place) -> dict[str, Any]:
    """An event of Windows, as a collector sends it."""
    return {
        "EventTime": _time(one.at),
        "Hostname": one.host,
        "Severity": _severity(one),
        "EventID": int(one.problem.code or 0),
        "SourceName": one.problem.service,
        "Channel": "System",
        "Message": one.text,
        **one.fields,
    }


_WRITERS: dict[Form, Callable[[Happening, Place], dict[str, Any]]] = {
    "json": _json,
    "opcua": _opcua,
    "opcua-value": _opcua_value,
    "wincc": _wincc,
    "wincc-de": _wincc_german,
    "gelf": _gelf,
    "journald": _journald,
    "windows": _windows,
}
_PLACELESS: frozenset[Form] = frozenset(("gelf", "journald", "windows"))

"""What a log says about the state of an alarm, read from the fields of its context. Pure; docs/alarms.md lists it all.

Understood are words (``state: active``), truths (``ActiveState: true``), a start beside an end, and the conventions
of OPC UA Alarms & Conditions, PackML, MTConnect and Siemens S7. What is not clearly about an alarm says nothing: a log
that is wrongly taken for a state would be missing in every rate.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

import msgspec


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Names are compared in lower case and without anything but letters and digits: ``Timestamp start`` is timestampstart.
_SURE = _set("alarmstate alarmstatus eventstate alarmevent conditionstate conditionlevel alarmcondition condition")
_VAGUE = _set("state status event transition")
_ACTIVE = _set("active isactive activestate activestateid alarmactive inalarm trigger")
_ACKED = _set("acked ackedstate ackedstateid acknowledged isacked isacknowledged ackstate ack alarmacked")
_ACK_TIME = _set("ackdatetime acktime ackedat acknowledgedat acktimestamp acknowledgetime")
_ACK_BY = _set("ackedby ackuser acknowledgedby ackby")
_START = _set(
    "start started startedat starttime starttimestamp timestampstart startdatetime datetimestart begin begintime"
    " activesince raisedat alarmstart"
)
_END = _set("end ended endedat endtime endtimestamp timestampend enddatetime datetimeend clearedat alarmend")
_DURATION = {"duration": 1.0, "durationseconds": 1.0, "durationsec": 1.0, "durations": 1.0, "durationms": 0.001}
_STOPPED = _set("stopped stop productionstopped linestopped machinestopped causesstop")
_CATEGORY = _set("stopcategory stoptype category ieccategory downtimecategory availability")

# In the order in which they are the name of an alarm. An event's id comes late: it may be different each time.
_CODES = (
    "alarmcode", "faultcode", "errorcode", "nativecode", "alarmno", "alarmnumber", "alarmid", "faultno", "faultnumber",
    "faultid", "errorno", "errornumber", "errorid", "tripcode", "warningcode", "evid", "diagnosticcode", "diagcode",
    "messagecode", "code", "conditionname", "alarmname", "dataitemid", "dataitem", "item", "point", "tag", "alarm",
    "sourcename", "eventcode", "eventid", "messagenumber", "id",
)  # fmt: skip
#: So many of them name an alarm also where nothing is said of a state.
_PLAIN_CODES = _CODES.index("evid") + 1
_CODE_NAMES = frozenset(_CODES)
_ITEMS = ("dataitemid", "dataitem", "item", "point", "tag", "sourcename")
_PACKML = _set("trigger ackdatetime")

_RAISED = _set("active raised coming incoming came annunciated triggered")
_RAISED_HERE = _set("on alarm fault warning inalarm in unack unacked unacknowledged")
_CLEARED = _set("cleared gone going returned rtn inactive normal rtnun reset")
_CLEARED_HERE = _set("off norm ok")
_ACK_WORDS = _set("ack acked acknowledged")
_FILLING = _set("return to and alarm set unack unacked unacknowledged state condition event")
_TRUE, _FALSE = _set("true yes 1 on active"), _set("false no 0 off inactive")
_TELLING = _SURE | _VAGUE | _ACTIVE | _ACKED | _ACK_TIME | _START | {"retain"}
_STOPS = frozenset(
    {"stop", "stopped", "forced outage", "emergency stop", "downtime", "unplanned downtime", "unplanned stop",
     "breakdown", "trip", "tripped", "abort", "aborted"}
)  # fmt: skip
_RUNS = _set("warning warnings informational information info notice ok running normal")

_WORD = re.compile(r"[a-z]+")
_PUNCTUATION = re.compile(r"[^a-z0-9]+")
_HANDLE = re.compile(r"[0-9a-fA-F-]{16,}|.{61,}", re.DOTALL)
_CLOCK = re.compile(r"(\d{1,6}):(\d\d):(\d\d)(?:\.\d+)?")
_OPEN = frozenset({"", "-", "--", "null", "none", "open"})
_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC).timestamp()
_WORDS_MAX = 4
_FIELDS_MAX = 1_000


class Report(msgspec.Struct, frozen=True):
    """What one log says. Moments are unix seconds.

    ``active`` and ``acknowledged`` are None where nothing is said. ``spans`` says that the log tells of one whole time
    from ``started`` to ``ended`` (None: still active). ``everything`` clears all that is active of ``item``.
    """

    code: str | None = None
    item: str | None = None
    active: bool | None = None
    spans: bool = False
    started: float | None = None
    ended: float | None = None
    acknowledged: bool | None = None
    acknowledged_at: float | None = None
    acknowledged_by: str | None = None
    stopped: bool = False
    everything: bool = False

    @property
    def stated(self) -> bool:
        """Whether the log says anything about a state at all."""
        return self.active is not None or self.spans or bool(self.acknowledged)


SILENT = Report()


def read(context: Mapping[str, Any], at: float, zone: tzinfo = UTC) -> Report:
    """What ``context`` says; ``at`` is the time of the log, ``zone`` that of times which name none."""
    fields = _flat(context)
    if _TELLING.isdisjoint(fields):  # most logs
        return SILENT if _CODE_NAMES.isdisjoint(fields) else Report(code=_first(fields, _CODES[:_PLAIN_CODES]))
    active = _active(fields)
    span, acknowledged = _span(fields, at, zone), _acknowledged(fields, zone)
    if span[0]:
        active = None
    elif active is None and acknowledged[0] is None:
        return Report(code=_first(fields, _CODES[:_PLAIN_CODES]))
    # a code, else the point it belongs to
    code, item = _first(fields, _CODES if _PACKML & fields.keys() else _CODES[:-1]), _first(fields, _ITEMS)
    everything = active is False and item is not None and code == item
    return Report(code, item, active, *span, *acknowledged, _stopped(fields), everything)


@functools.lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    return _PUNCTUATION.sub("", name.lower())


def _flat(context: Mapping[str, Any]) -> dict[str, Any]:
    """Plain names to values, the first of each; what stands in an object ``alarm`` counts as if it stood outside."""
    found: dict[str, Any] = {}
    for name, value in _pairs(context):
        if len(found) >= _FIELDS_MAX:
            break
        found.setdefault(name, value)
    return found


def _pairs(context: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in context.items():
        name = _plain(key) if len(key) <= 60 else ""
        if isinstance(value, dict):
            for inner, one in value.items():
                plain = _plain(inner) if len(inner) <= 60 else ""
                yield name + plain, one
                if name == "alarm" and plain not in _VAGUE:
                    yield plain, one
        elif name:
            yield name, value


def _among(fields: Mapping[str, Any], names: frozenset[str]) -> list[str]:
    """Those of the log's fields that are in ``names``, in the order of the log."""
    return [name for name in fields if name in names]


def _active(fields: Mapping[str, Any]) -> bool | None:
    for name in _among(fields, _ACTIVE):
        value = fields[name]
        truth = _truth(value) if name != "trigger" or isinstance(value, bool) else None
        if truth is not None:
            return truth
    for names, sure in ((_SURE, True), (_VAGUE, False)):
        for name in _among(fields, names):
            said = _word_state(fields[name], sure=sure)
            if said is not None:
                return said
    if fields.get("retain") is False and ("ackedstate" in fields or "conditionname" in fields):
        return False
    return None


def _word_state(value: Any, *, sure: bool) -> bool | None:
    """Raised, cleared or neither, from a few words; ``sure`` where the field is about alarms and nothing else."""
    if sure and isinstance(value, int) and value in (0, 1):
        return bool(value)
    if not isinstance(value, str) or len(value) > 60:
        return None
    if sure and value.strip() in ("0", "1"):
        return value.strip() == "1"
    words = set(_WORD.findall(value.lower()))
    raised, cleared = (_RAISED | _RAISED_HERE, _CLEARED | _CLEARED_HERE) if sure else (_RAISED, _CLEARED)
    if not words or len(words) > _WORDS_MAX or words - raised - cleared - _ACK_WORDS - _FILLING:
        return None
    if words & cleared:
        return None if words & _RAISED else False
    if words & raised or words == {"set"}:
        return True
    return None


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower() if isinstance(value, str | int) else ""
    return True if text in _TRUE else False if text in _FALSE else None


def _acknowledged(fields: Mapping[str, Any], zone: tzinfo) -> tuple[bool | None, float | None, str | None]:
    """Whether somebody took note, when, and who."""
    when = next((moment for name in _among(fields, _ACK_TIME) if (moment := _moment(fields[name], zone))), None)
    by = next((str(fields[name])[:100] for name in _among(fields, _ACK_BY) if isinstance(fields[name], str)), None)
    if when is not None:
        return True, when, by
    for name in _among(fields, _ACKED):
        value = fields[name]
        if isinstance(value, str) and value.strip().lower() in _ACK_WORDS:
            return True, None, by
        if (truth := _truth(value)) is not None:
            return truth, None, by
    for name in _among(fields, _SURE | _VAGUE):
        value = fields[name]
        if isinstance(value, str) and len(value) <= 60:
            words = set(_WORD.findall(value.lower()))
            known = _ACK_WORDS | _RAISED | _CLEARED | _RAISED_HERE | _CLEARED_HERE | _FILLING
            if words & _ACK_WORDS and not words - known:
                return True, None, by
    return None, None, by


def _span(fields: Mapping[str, Any], at: float, zone: tzinfo) -> tuple[bool, float | None, float | None]:
    """(whether the log tells of a whole time, its start, its end). A start alone belongs to a state that is stated."""
    started = next((moment for name in _among(fields, _START) if (moment := _moment(fields[name], zone))), None)
    if started is None or started > at + 86_400:
        return False, None, None
    ends = [fields[name] for name in _among(fields, _END)]
    if not ends:
        lasted = _seconds(fields)
        return (False, started, None) if lasted is None else (True, started, started + lasted)
    if ends[0] is None or (isinstance(ends[0], str) and ends[0].strip().lower() in _OPEN):
        return True, started, None
    ended = _moment(ends[0], zone)
    if ended is None or ended < started:
        return False, None, None
    return True, started, ended


def _seconds(fields: Mapping[str, Any]) -> float | None:
    for name, unit in _DURATION.items():
        value = fields.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e10:
            return value * unit
        if isinstance(value, str) and (found := _CLOCK.fullmatch(value.strip())):
            return int(found[1]) * 3600.0 + int(found[2]) * 60 + int(found[3])
    return None


def _moment(value: Any, zone: tzinfo) -> float | None:
    """Unix seconds, to the millisecond, of an ISO 8601 text or of a number of seconds, ms, µs or ns since 1970."""
    if isinstance(value, str) and len(value) <= 60:
        try:
            moment = datetime.fromisoformat(value.strip())
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=zone)
            seconds = moment.timestamp()
        except (ValueError, OverflowError):
            return None
    elif isinstance(value, int | float) and not isinstance(value, bool) and 1e8 < value < 1e19:
        seconds = float(value)
        while seconds > 1e11:
            seconds /= 1000
    else:
        return None
    return round(seconds, 3) if seconds > _EARLIEST else None


def _stopped(fields: Mapping[str, Any]) -> bool:
    """Whether it held up production: a truth that says so, else the state's word, else a category."""
    for name in _among(fields, _STOPPED):
        truth = _truth(fields[name])
        if truth is not None:
            return truth
    for name in ("status", "state", *sorted(_CATEGORY)):
        value = fields.get(name)
        if isinstance(value, str) and len(value) <= 60:
            said = " ".join(value.lower().replace("_", " ").split())
            if said in _STOPS:
                return True
            if name == "status" and said in _RUNS:
                return False
    return False


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = fields.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool):
            text = " ".join(str(value).split())
            if text and text.isprintable() and not _HANDLE.fullmatch(text):
                return text
    return None

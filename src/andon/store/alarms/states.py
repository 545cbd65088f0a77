"""What a log says about the state of an alarm, read from the fields of its context. Pure; docs/alarms.md lists it all.

Understood are words (``state: active``), truths (``ActiveState: true``), a start beside an end, and the conventions
of OPC UA Alarms & Conditions, PackML, MTConnect, Siemens S7 and WinCC, Ignition, ThingsBoard and Alertmanager. What is
not clearly about an alarm says nothing: a log that is wrongly taken for a state would be missing in every rate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from andon.core.timestamps import TimeReader
from andon.store.alarms.alarm_fields import (
    BESIDE_CODE,
    CODES,
    NAME_MAX,
    NAMES,
    code_and_item,
    flat,
    item_of,
    names,
    numbered_by_id,
    own_code,
    source_of,
    tells_nothing,
)
from andon.store.alarms.state_words import ALARMS, ANYWHERE, CODED, NAMED, NOWHERE, Said, understood

# Fields that are about alarms and nothing else, and those that are about a state of anything.
_SURE = names(
    """alarmstate alarmstatus eventstate alarmevent conditionstate conditionlevel alarmcondition condition alertstate
    alertstatus alertcondition alarmstatetext faultstate alarmtransition alerttransition alarmaction alertaction
    problemstate problemstatus incidentstate newstatevalue monitorcondition notificationtype servicestate hoststate
    triggerstatus alarmzustand meldezustand meldungszustand meldestatus alarmereignis etatalarme etatdalarme
    statutalarme statoallarme estadoalarma estadodealarma 报警状态 報警狀態 告警状态 警报状态 アラーム状態 警報状態"""
)
_VAGUE = names(
    """state status event transition eventtype eventaction statetext newstate currentstate direction zustand ereignis
    etat statut evenement stato evento estado stav durum статус состояние 상태 value 状态 狀態 事件 状態"""
)
# Whether anything is active, alarm or not.
_VAGUELY = names("active isactive aktiv istaktiv actif attivo activo activa ativo ativa 激活 是否激活")
_ACTIVE = _VAGUELY | names(
    """activestate activestateid alarmactive inalarm isinalarm trigger alarm alarming faultactive alertactive
    anstehend"""
)
_OVER = names("cleared iscleared alarmcleared resolved isresolved")
_ACKED = names(
    """acked ackedstate ackedstateid acknowledged isacked isacknowledged ackstate ack alarmacked alarmacknowledged
    quittiert acquitte acquittee riconosciuto riconosciuta reconocido reconocida reconhecido 已确认"""
)
_ACK_TIME = names(
    "ackdatetime acktime ackedat acknowledgedat acktimestamp acknowledgetime ackts acknowledgedtime acknowledgmenttime"
)
_ACK_BY = names("ackedby ackuser acknowledgedby ackby ackusername")
_START = names(
    """start started startedat startsat starttime starttimestamp timestampstart startdatetime datetimestart begin
    begintime activesince raisedat raisetime raisedtime timeraised activetime activatedat occurredat occurrencetime
    comingtime incomingtime fireddatetime firedat alarmstart startzeit kommtzeit beginn debut datedebut inizio
    datainizio inicio fechainicio fechadeinicio horainicio 开始时间 发生时间 報警時間 报警时间 開始時刻 発生時刻"""
)
_END = names(
    """end ended endedat endsat endtime endtimestamp timestampend enddatetime datetimeend clearedat cleartime
    clearedtime timecleared resolvedat resolveddatetime recoveredat recoverytime goingtime outgoingtime alarmend
    endzeit gehtzeit ende fin datefin fine datafine fechafin fechadefin horafin 结束时间 恢复时间 消除时间 終了時刻
    復帰時刻"""
)
_DURATION = {"duration": 1.0, "durationseconds": 1.0, "durationsec": 1.0, "durations": 1.0, "durationms": 0.001}
_STOPPED = names("stopped stop productionstopped linestopped machinestopped causesstop")
_CATEGORY = names("stopcategory stoptype category ieccategory downtimecategory availability")
_SEVERITY = names("perceivedseverity alarmseverity nativeseverity")

_TRUE, _FALSE = frozenset({"true", "yes", "1", "on"}), frozenset({"false", "no", "0", "off"})
_TELLING = _SURE.union(
    _VAGUE, _ACTIVE, _OVER, _ACKED, _ACK_TIME, _START, _SEVERITY, names("retain stateafter conditionname")
)
_WORDS = _SURE | _VAGUE
_ANYTHING = _VAGUE | _START | _VAGUELY
# What has a state and is no alarm, where nothing names one; of people's accounts only whether they are active.
_OTHERS = names(
    """cache cachename cachekey dns workflow workflowid workflowname pipeline pool circuit circuitbreaker connection
    connectionid peer container containerid containername pod podname deployment replicas subscription license licence
    payment invoice transaction transactionid vrrp cart"""
)
_PEOPLE = names(
    """user username userid useremail login session sessionid account accountid accountname customer customerid
    member tenant tenantid"""
)
_TRAFFIC = names("in out incoming outgoing coming going inbound outbound")
_UNITS = names("substate loadstate unitfilestate")  # systemd's, whose ActiveState is no alarm's
_STOPS = frozenset(
    {"stop", "stopped", "forced outage", "emergency stop", "downtime", "unplanned downtime", "unplanned stop",
     "breakdown", "trip", "tripped", "abort", "aborted"}
)  # fmt: skip
_RUNS = names("warning warnings informational information info notice ok running normal")

_CLOCK = re.compile(r"(\d{1,6}):(\d\d):(\d\d)(?:\.\d+)?")
_OPEN = frozenset({"", "-", "--", "null", "none", "open", "offen", "0"})
# What systems write for a time that is not known: Go, .NET, Unix, the end of the calendar.
_NEVER = re.compile(r"(?:0001-01-01|1970-01-01|9999-12-31)[T ].*|01\.01\.(?:0001|1970).*")
#: The log of an end comes within so many seconds of it.
_NEAR = 60.0
#: Readers look a day ahead of a log, and the calendar ends.
_LATEST = datetime(9900, 1, 1, tzinfo=UTC).timestamp()
_LONGEST = timedelta(days=3650)


class Report(msgspec.Struct, frozen=True):
    """What one log says. Moments are unix seconds.

    ``active`` and ``acknowledged`` are None where nothing is said. ``spans`` says that the log tells of one whole time
    from ``started`` to ``ended`` (None: still active). ``everything`` clears all that is active of ``item``.
    ``source`` tells alarms of one code apart; empty where the log names none. ``aside``: it tells that a person put
    the alarm aside, or took it back, and nothing else.
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
    source: str = ""
    aside: bool = False

    @property
    def stated(self) -> bool:
        """Whether the log says anything about a state at all."""
        return self.active is not None or self.spans or bool(self.acknowledged)


SILENT = Report()
_UTC = TimeReader()


#: Names of fields that were judged, and those of them that tell of no alarm: most logs have no others.
_judged: set[str] = set()
_silent: set[str] = set()
_JUDGED_MOST = 4_096


def says_nothing(context: Mapping[str, Any]) -> bool:
    """Whether the names of the fields tell already that ``context`` says nothing of an alarm; each is judged once."""
    if not _judged.issuperset(context):
        if len(_judged) > _JUDGED_MOST:
            _judged.clear()
            _silent.clear()
        short = [name for name in context if len(name) <= NAME_MAX][:_JUDGED_MOST]
        _silent.update(name for name in short if tells_nothing(name, _TELLING | CODES))
        _judged.update(short)
    return _silent.issuperset(context) and dict not in map(type, context.values())


def says_active(context: Mapping[str, Any]) -> bool:
    """Whether ``context`` says that an alarm is active now: one of those is worth a warning at the least."""
    if says_nothing(context):
        return False
    fields = flat(context)
    if _TELLING.isdisjoint(fields):
        return False
    active = _active(fields, _trust(fields))
    if active and not _is_evident(fields):
        return False
    if active is None and not NAMES.isdisjoint(fields) and not _START.isdisjoint(fields):
        ends = [fields[name] for name in fields if name in _END]
        return bool(ends) and _is_open(ends[0])
    return active is True


def names_state_or_code(context: Mapping[str, Any]) -> bool:
    """Whether any field by its name can say something of a state, or names an alarm."""
    return not (_TELLING | CODES).isdisjoint(flat(context))


def _is_evident(fields: Mapping[str, Any]) -> bool:
    """Whether it is an alarm that is active: lines, users and sessions are so too."""
    if _numbered(fields) or _checked(fields) or not (CODES.isdisjoint(fields) and NAMES.isdisjoint(fields)):
        return True
    return any(
        name not in _ANYTHING or (isinstance(fields[name], str) and fields[name].strip().lower() != "active")
        for name in _among(fields, _TELLING)
    )


def read(context: Mapping[str, Any], at: float, times: TimeReader = _UTC) -> Report:
    """What ``context`` says; ``at`` is the time of the log, ``times`` reads those in it."""
    if says_nothing(context):
        return SILENT
    fields = flat(context)
    if _TELLING.isdisjoint(fields):  # most logs
        return SILENT if CODES.isdisjoint(fields) else _plain_report(fields)
    trust = _trust(fields)
    active, acknowledged = _active(fields, trust), _acknowledged(fields, trust, at, times)
    span = _span(fields, active, at, times)
    if span[0]:
        active = None if active else active
    elif active is None and acknowledged[0] is None:
        return Report(aside=True) if _is_aside(fields, trust) else _plain_report(fields)
    code, item = code_and_item(fields)
    everything = active is False and item is not None and code == item and "sourcename" not in fields
    source = source_of(fields, stated=True)
    return Report(code, item, active, *span, *acknowledged, _stopped(fields), everything, source)


def _plain_report(fields: Mapping[str, Any]) -> Report:
    return Report(own_code(fields), item_of(fields), source=source_of(fields, stated=False))


def _trust(fields: Mapping[str, Any]) -> int:
    """How sure a word must be in a field that may be about anything, with these fields beside it."""
    if numbered_by_id(fields):
        return NAMED
    if BESIDE_CODE.isdisjoint(fields):
        return ANYWHERE if _OTHERS.isdisjoint(fields) and not str(fields.get("unit")).endswith(".service") else NOWHERE
    return CODED if NAMES.isdisjoint(fields) else NAMED


def _among(fields: Mapping[str, Any], wanted: frozenset[str]) -> list[str]:
    """Those of the log's fields that are in ``wanted``, in the order of the log."""
    return [] if wanted.isdisjoint(fields) else [name for name in fields if name in wanted]


def _active(fields: Mapping[str, Any], trust: int) -> bool | None:
    person = trust <= ANYWHERE and not _PEOPLE.isdisjoint(fields)
    for name in _among(fields, _ACTIVE):
        if (trust == NOWHERE or person) and name in _ANYTHING:
            continue
        if (truth := _flag(name, fields[name])) is not None and _UNITS.isdisjoint(fields):
            return truth
    if trust > ANYWHERE:
        for name in _among(fields, _OVER):
            if isinstance(value := fields[name], bool) and (value or trust == NAMED):
                return not value
    if (numbered := _numbered(fields)) is not None:
        return numbered[0]
    if (checked := _checked(fields)) is not None:
        return checked
    for wanted, trusted in ((_SURE, ALARMS), (_VAGUE, trust)):
        for name in _among(fields, wanted):
            value = fields[name]
            if trusted <= ANYWHERE and _is_other(name, value, person=person):
                continue
            said = _word_state(value, trusted)
            if said is None and trusted == NAMED:
                said = _truth_state(name, fields)
            if said is not None:
                return said
    for name in _among(fields, _SEVERITY):
        if (word := _said(fields[name])) is not None and word.active is False and trust > ANYWHERE:
            return False
    return _condition(fields) if "conditionname" in fields or "ackedstate" in fields else None


def _checked(fields: Mapping[str, Any]) -> bool | None:
    """Of a check of Icinga: 0 is well, 1 to 3 are not, as ``state`` beside ``state_type`` (soft or hard)."""
    state = fields.get("state")
    if "statetype" not in fields or isinstance(state, bool) or state not in (0, 1, 2, 3):
        return None
    return bool(state)


def _is_other(name: str, value: Any, *, person: bool) -> bool:
    """Whether a word is that of something else, where nothing names an alarm: of traffic, of an account."""
    word = value.strip().lower() if isinstance(value, str) else ""
    return (name == "direction" and word in _TRAFFIC) or (person and word in ("active", "inactive"))


def _is_aside(fields: Mapping[str, Any], trust: int) -> bool:
    said = ((name, _said(fields[name])) for name in _among(fields, _WORDS))
    return any(one.aside and one.needs <= (ALARMS if name in _SURE else trust) for name, one in said if one)


def _flag(name: str, value: Any) -> bool | None:
    """What a field says that is a truth by its name; ``trigger`` and ``alarm`` may name things as well."""
    if isinstance(value, bool) or name in ("trigger", "alarm"):
        word = _said(value) if name == "alarm" else None
        return value if isinstance(value, bool) else word.active if word and word.needs < NAMED else None
    if (truth := _truth(value)) is not None:
        return truth
    word = _said(value)
    return word.active if word else None


def _said(value: Any) -> Said | None:
    return understood(value) if isinstance(value, str) else None


def _word_state(value: Any, trusted: int) -> bool | None:
    """Raised, cleared or neither, from a few words that count where ``trusted`` says."""
    if trusted == ALARMS and (truth := _digit(value)) is not None:
        return truth
    said = _said(value)
    return said.active if said is not None and said.needs <= trusted else None


def _digit(value: Any) -> bool | None:
    """1 and 0, as numbers, texts and truths."""
    if isinstance(value, str):
        value = {"1": 1, "0": 0, "true": 1, "false": 0}.get(value.strip().lower())
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def _truth_state(name: str, fields: Mapping[str, Any]) -> bool | None:
    """A truth, or 1 and 0, beside the name of an alarm. A number is a state's only where its field says so."""
    value = fields[name]
    if isinstance(value, bool) or name == "state" or "triggerid" in fields or not _ACKED.isdisjoint(fields):
        return _digit(value)
    return None


def _numbered(fields: Mapping[str, Any]) -> tuple[bool | None, bool] | None:
    """(active, acknowledged) from the numbers of WinCC's ``StateAfter`` (bit 0: has come and not gone; 1 and 2:
    acknowledged before and after it went) and of Ignition's journal (0 active, 1 clear, 2 acknowledged)."""
    after, kind = fields.get("stateafter"), fields.get("eventtype")
    if after is None and kind is None:  # the usual case
        return None
    for name, value in (("after", after), ("kind", kind)):
        number = int(value) if isinstance(value, str) and value.strip() in "01236" and value.strip() else value
        if isinstance(number, bool) or not isinstance(number, int | float):
            continue
        if name == "after" and number in (0, 1, 2, 3, 6):
            return bool(int(number) & 1), bool(int(number) & 6) and number != 0
        ignition = "displaypath" in fields or str(fields.get("source")).startswith("prov:")
        if name == "kind" and ignition and number in (0, 1, 2):
            return (None if number == 2 else number == 0), number == 2
    return None


def _condition(fields: Mapping[str, Any]) -> bool | None:
    """OPC UA without an ActiveState: what is not retained is over, and a severity of 0 clears."""
    retain, severity = fields.get("retain"), fields.get("severity")
    if retain is False or (severity == 0 and severity is not False):
        return False
    return True if retain is True and "ackedstate" not in fields and "ackedstateid" not in fields else None


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower() if isinstance(value, str | int | float) else ""
    text = text.removesuffix(".0")
    return True if text in _TRUE else False if text in _FALSE else None


def _acknowledged(
    fields: Mapping[str, Any], trust: int, at: float, times: TimeReader
) -> tuple[bool | None, float | None, str | None]:
    """Whether somebody took note, when, and who."""
    when = next((moment for name in _among(fields, _ACK_TIME) if (moment := _moment(fields[name], at, times))), None)
    by = next((fields[name][:100] for name in _among(fields, _ACK_BY) if isinstance(fields[name], str)), None)
    if when is not None:
        return True, when, by
    for name in () if trust == NOWHERE else _among(fields, _ACKED):
        value = fields[name]
        if (truth := _truth(value)) is not None:
            return truth, None, by
        if (said := _said(value)) is not None and said.acknowledged is not None:
            return said.acknowledged, None, by
    if (numbered := _numbered(fields)) is not None and numbered[1]:
        return True, None, by
    for name in _among(fields, _WORDS):
        said = _said(fields[name])
        if said is not None and said.acknowledged and said.needs <= (ALARMS if name in _SURE else trust):
            return True, None, by
    return None, None, by


def _span(
    fields: Mapping[str, Any], active: bool | None, at: float, times: TimeReader
) -> tuple[bool, float | None, float | None]:
    """(whether the log tells of a whole time, its start, its end). A start alone belongs to a state that is stated."""
    started = next((moment for name in _among(fields, _START) if (moment := _moment(fields[name], at, times))), None)
    if started is None:
        return False, None, None
    ends = [fields[name] for name in _among(fields, _END)]
    if not ends:
        lasted = _seconds(fields)
        return (False, started, None) if lasted is None else (True, started, started + lasted)
    if _is_open(ends[0]):
        return active is not False, started, None
    ended = _ended(ends[0], started, _seconds(fields), at, times)
    if active and (ended is None or ended > at):  # until when it is expected to last
        return True, started, None
    if ended is None or ended < started:
        return False, None, None
    return True, started, ended


def _ended(value: Any, started: float, lasted: float | None, at: float, times: TimeReader) -> float | None:
    """When a time ended; in an hour that there was twice a duration beside it, or the log's own time, says in which."""
    first = _moment(value, at, times, started)
    second = None if first is None else _moment(value, at, times, first + 1)
    if first is None or second is None or second <= first:
        return first
    told = at if lasted is None else started + lasted
    return second if abs(told - second) <= _NEAR < abs(told - first) else first


def _is_open(value: Any) -> bool:
    """Whether an end says that there is none yet."""
    if isinstance(value, str):
        return value.strip().lower() in _OPEN or _NEVER.fullmatch(value.strip()) is not None
    return value is None or (value == 0 and not isinstance(value, bool))


def _seconds(fields: Mapping[str, Any]) -> float | None:
    for name, unit in _DURATION.items():
        value = fields.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e10:
            return value * unit
        if isinstance(value, str) and (found := _CLOCK.fullmatch(value.strip())):
            return int(found[1]) * 3600.0 + int(found[2]) * 60 + int(found[3])
    return None


def _moment(value: Any, at: float, times: TimeReader, after: float | None = None) -> float | None:
    """Unix seconds, to the millisecond, of a time in a log of the time ``at``; one that ends what began ``after``."""
    at = min(at, _LATEST)
    start = None if after is None else datetime.fromtimestamp(after, UTC)
    near = datetime.fromtimestamp(at, UTC)
    found, _ = times.read(value, near, start)
    if found is None and start is not None:  # many logs of a whole time have the time of its start
        found, _ = times.read(value, near + _LONGEST, start)
    return None if found is None else round(found.timestamp(), 3)


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

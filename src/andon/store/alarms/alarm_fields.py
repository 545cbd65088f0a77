"""The fields of a context, flat and by plain names, and which alarm they name: its code, its item, its source. Pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from andon.core.remembered import remembered
from andon.core.text import unaccented
from andon.store.alarms.state_words import abbreviated, understood


def names(text: str) -> frozenset[str]:
    """Plain names, from a text with blanks."""
    return frozenset(unaccented(text).split())


def _ranked(*wanted: str) -> dict[str, int]:
    return {name: rank for rank, name in enumerate(wanted)}


# Names are compared in small letters, without accents and without anything but letters and digits: ``Timestamp start``
# is timestampstart, ``ActiveState/Id`` is activestateid. In the order in which they are the name of an alarm.
_OWN = (
    "alarmcode", "alertcode", "faultcode", "errorcode", "nativecode", "alarmno", "alarmnumber", "alarmid", "faultno",
    "faultnumber", "faultid", "errorno", "errornumber", "errorid", "tripcode", "warningcode", "evid", "alertname",
    "alarmnummer", "fehlernummer", "fehlercode", "storcode", "stornummer", "codedefaut", "codealarme",
    "codiceallarme", "codigoalarma", "codigodealarma", "idalarma", "idalarme", "idallarme", "numeroalarma",
    "numeroalarme", "numeroallarme", "codigofalla", "报警代码", "报警号", "报警编号", "故障代码", "告警代码",
    "告警编号", "アラーム番号", "アラームコード", "エラーコード",
)  # fmt: skip
_NAMING = (
    "diagnosticcode", "diagcode", "messagecode", "code", "conditionname", "alarmname", "alarmtext", "problemname",
    "triggername", "msgnumber", "msgnr", "messagenumber", "meldungsnummer", "meldenummer", "meldungsnr", "problemid",
    "alertid", "servicedesc", "servicedescription", "checkname", "rulename", "alertrule", "dedupkey",
    "alarmmodelname", "codigo", "codice", "代码", "编号", "番号",
)  # fmt: skip
_THINGS = (
    "dataitemid", "dataitem", "item", "point", "tag", "alarm", "alert", "sourcename", "eventcode", "eventid",
    "triggerid",
)  # fmt: skip
_ITEMS = _ranked("dataitemid", "dataitem", "item", "point", "tag", "sourcename")
_OWN_NAMES, _CALLED, _THING_NAMES = _ranked(*_OWN), _ranked(*_OWN, *_NAMING), _ranked(*_THINGS)
#: Fields that name an alarm also where nothing is said of a state.
CODES = frozenset(_OWN)
#: Fields beside which the words of a state are about an alarm, and those that are the name of an alarm.
BESIDE_CODE = CODES.union(
    _NAMING, names("sourcename dataitemid displaypath originator originatorid originatorname triggerid")
)
NAMES = (
    frozenset(name for name in _CALLED if not name.startswith(("error", "fehler", "native", "evid", "エラー")))
    - names("diagnosticcode diagcode messagecode code codigo codice 代码 编号 番号")
) | names("triggerid displaypath originatorid originatorname")

_PACKML = names("trigger ackdatetime")
_WINCC = names("stateafter msgclass msgproc alarmclassname alarmclass")
_WINCC_STATES = ("state", "status", "zustand", "statetext", "alarmstate", "meldezustand")
_PLACES = names("machine line site")
_ID_MAX = 6
_IGNITION = names("source displaypath")
_ORIGINATOR = names("originator originatorid originatorname originatorentitytype")
_TYPE, _NAME, _ID, _DATA_ITEM = _ranked("type"), _ranked("name"), _ranked("id"), _ranked("dataitemid")
_PATH, _AREA = _ranked("displaypath"), _ranked("area")
_CONDITION = _ranked("conditionid", "conditionididentifier", "conditionidid")
# In the order in which they are where an alarm comes from; the first are that whether or not a state is told.
_SURELY_FROM = _ranked("sourcename", "sourcenode")
_FROM = _ranked(
    "source", "sourceobject", "displaypath", "sourcepath", "tagpath",
    "originatorname", "originatorid", "originator", "entityname", "tagname", "point", "tag", "item", "dataitem",
    "instance", "objectname", "dpelement", "dpe", "dp", "datapoint", "datenpunkt", "sensorname", "sensorid", "device",
    "devicename", "deviceid", "gerat", "anlage", "equipo", "dispositivo", "appareil", "equipement", "设备",
    "设备名称", "设备编号", "装置", "設備", "keyvalue", "equipment", "equipmentname", "equipmentid", "asset",
    "assetname", "assetid", "station", "component", "origin", "plc", "node", "nodeid", "area", "line",
)  # fmt: skip
_NOT_IDENTITY = names("alertname severity priority level job team alertgroup monitor prometheus receiver replica")

_LEVELS = names("fault warning normal unavailable")
_ALARMS = ("alarm", "alert", "fault", "condition")
_AROUND = names(
    """data payload fields properties attributes values body details labels commonlabels grouplabels annotations
    tags context detail essentials"""
)
_BOXES = names("text value id name statename")

_PUNCTUATION = re.compile(r"[\W_]+")
_NAMESPACE = re.compile(r"(?<![a-z0-9])\d{1,3}:(?=[a-z])")
_HANDLE = re.compile(r"[0-9a-fA-F-]{16,}|.{61,}", re.DOTALL)
_WHOLE = re.compile(r"(\d{1,15})\.0+")
_INDEX = re.compile(r"\d{1,3}:(?=[^\W\d])")
# A NodeId as asyncua, Milo and others print it, and the namespaces of one in JSON.
_NODE = re.compile(
    r"NodeId\(Identifier='?(?P<a>.*?)'?, NamespaceIndex=(?P<an>\d+).*"
    r"|NodeId\{ns=(?P<bn>\d+), id=(?P<b>.*)\}"
    r"|NS(?P<cn>\d+)\|\w+\|(?P<c>.*)",
    re.DOTALL,
)
_SPACES = ("conditionidnamespaceindex", "conditionidnamespace", "conditionidns")
_ALARM_PATH = re.compile(r"/alm:([^/]{1,60})$")
#: Fields with longer names tell nothing.
NAME_MAX = 60
_SOURCE_MAX, _DEPTH_MAX, _FIELDS_MAX = 300, 3, 1_000
#: The names of so many fields are remembered together.
_FEW = 40


@remembered(4096)
def _plain(name: str) -> str:
    return _PUNCTUATION.sub("", _NAMESPACE.sub("", unaccented(name)))


@functools.lru_cache(256)
def _plain_names(names: tuple[str, ...]) -> tuple[str, ...] | None:
    """The plain names of a context's fields; None where two are the same, or one is none."""
    found = tuple(_plain(name) if len(name) <= NAME_MAX else "" for name in names)
    return found if all(found) and len({*found}) == len(found) else None


def tells_nothing(name: str, telling: Collection[str]) -> bool:
    """Whether a field of this (short) name, unless it is an object, gives :func:`flat` none of these plain names."""
    return _plain(name) not in telling


def flat(context: Mapping[str, Any]) -> dict[str, Any]:
    """Plain names to values, the first of each.

    What stands in an object ``alarm``, ``alert``, ``data`` … counts as if it stood outside, three deep.
    """
    if len(context) <= _FEW and dict not in map(type, context.values()):  # the usual case
        told = _plain_names(tuple(context))
        if told is not None:
            return dict(zip(told, context.values(), strict=True))
    found: dict[str, Any] = {}
    for name, value in _pairs(context):
        if len(found) >= _FIELDS_MAX:
            break
        found.setdefault(name, value)
    return found


def _pairs(context: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in context.items():
        name = _plain(key) if len(key) <= NAME_MAX else ""
        if isinstance(value, dict):
            yield from _inner(name, value, 1)
        elif name:
            yield name, value


def _inner(name: str, value: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    """The fields of an object: by both names, and by their own where it only wraps what an alarm is told in."""
    alarm = next((root for root in _ALARMS if name.startswith(root)), "")
    if "alertname" in value:
        yield "labels", value
    if name in _LEVELS and "dataItemId" in value:  # MTConnect in JSON names a condition by its level
        yield "condition", name
    for key, one in value.items():
        plain = _plain(key) if len(key) <= NAME_MAX else ""
        if isinstance(one, dict):
            if depth < _DEPTH_MAX and (alarm or name in _AROUND):
                yield from _inner(plain, one, depth + 1)
            elif depth < _DEPTH_MAX and plain == "value":  # a Variant of OPC UA
                yield from _inner(name, one, depth + 1)
            continue
        yield name + plain, one
        if alarm:
            yield alarm + plain, one
        if plain in _BOXES and name != "condition" and (plain != "id" or isinstance(one, bool)):
            yield name, one
        if name in _AROUND or name in _LEVELS or (alarm and plain not in ("state", "status", "event", "transition")):
            yield plain, one


def code_and_item(fields: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """What the alarm of a log that tells of a state is called (a code, else its point), and the point it belongs to."""
    code = first(fields, _CALLED)
    if code is None:
        called = _TYPE if _ORIGINATOR & fields.keys() else _NAME if _is_named(fields) else {}
        code = first(fields, called) or _of_path(fields.get("source")) or first(fields, _THING_NAMES)
    if code is None and (_PACKML & fields.keys() or numbered_by_id(fields)):
        code = first(fields, _ID)
    if code is None:
        code = first(fields, _CONDITION, _SOURCE_MAX)
    return code, item_of(fields)


def _is_named(fields: Mapping[str, Any]) -> bool:
    """Whether ``name`` is that of an alarm: Ignition's, or where a state says whether it is acknowledged (AVEVA)."""
    said = understood(state) if isinstance(state := fields.get("state"), str) else None
    return not _IGNITION.isdisjoint(fields) or (said is not None and None not in (said.active, said.acknowledged))


def item_of(fields: Mapping[str, Any]) -> str | None:
    """The data item or point that an alarm belongs to."""
    return first(fields, _ITEMS)


def numbered_by_id(fields: Mapping[str, Any]) -> bool:
    """Whether ``id`` is the number of an alarm, as WinCC has it in its areas; others number their logs by it."""
    if "id" not in fields:
        return False
    if not _WINCC.isdisjoint(fields) or ("area" in fields and _PLACES.isdisjoint(fields)):
        return len(str(fields["id"])) <= _ID_MAX
    return any(isinstance(fields.get(name), str) and abbreviated(fields[name]) != "" for name in _WINCC_STATES)


def _of_path(source: Any) -> str | None:
    found = _ALARM_PATH.search(source) if isinstance(source, str) else None
    return found and found[1]


def own_code(fields: Mapping[str, Any]) -> str | None:
    """What the alarm of a log is called that tells of no state: an alarm's own code only."""
    return first(fields, _OWN_NAMES)


def source_of(fields: Mapping[str, Any], *, stated: bool) -> str:
    """Where the alarm comes from, which tells two of one code apart; empty where nothing says so.

    OPC UA's condition, MTConnect's data item, Ignition's path, the labels of Alertmanager, a tag, a device, an area.
    """
    if "dataitemid" in fields:
        item, condition = first(fields, _DATA_ITEM, _SOURCE_MAX), first(fields, _CONDITION)
        told = condition is None or condition == first(fields, _CALLED)
        return item or "" if told else f"{item}/{condition}"
    if isinstance(labels := fields.get("labels"), dict):
        return _of_labels(labels)
    if (node := first(fields, _CONDITION, _SOURCE_MAX)) is not None:
        return _node(node, fields)
    if (sure := first(fields, _SURELY_FROM, _SOURCE_MAX)) is not None:
        return sure
    if numbered_by_id(fields) and (area := first(fields, _AREA, _SOURCE_MAX)):
        return area
    return first(fields, _FROM if stated else _PATH, _SOURCE_MAX) or ""


def _node(text: str, fields: Mapping[str, Any]) -> str:
    """A NodeId in one notation, ``ns=2;s=Tank1.High``: libraries print it in many ways."""
    space: Any = next((fields[name] for name in _SPACES if isinstance(fields.get(name), int)), None)
    if found := _NODE.fullmatch(text):
        part = found.groupdict()
        name = next(key for key in "abc" if part[key] is not None)
        text, space = part[name], int(part[name + "n"])
    return text if space is None else f"ns={space};{'i' if text.isdecimal() else 's'}={text}"


def _of_labels(labels: Mapping[str, Any]) -> str:
    found = {
        name: value
        for name, value in labels.items()
        if name not in _NOT_IDENTITY and isinstance(value, str) and (name + value).isprintable()
    }
    if found.keys() == {"instance"}:
        return found["instance"][:_SOURCE_MAX]
    return ", ".join(f"{name}={value}" for name, value in sorted(found.items()))[:_SOURCE_MAX]


def first(fields: Mapping[str, Any], wanted: Mapping[str, int], longest: int = NAME_MAX) -> str | None:
    """The first of the fields that names something, on one line: 1205, 1205.0 and ``"1205"`` are one."""
    told = [name for name in fields if name in wanted]
    for name in sorted(told, key=wanted.__getitem__) if len(told) > 1 else told:
        value = fields[name]
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
            value = int(value)
        if not isinstance(value, str | int) or isinstance(value, bool):
            continue
        text = " ".join(str(value).split())
        if not text or not text.isprintable() or len(text) > longest or text.lower() == "unset condition name":
            continue
        if longest <= NAME_MAX and _HANDLE.fullmatch(text):
            continue
        if name in ("alarm", "alert") and understood(text) is not None:
            continue
        if whole := _WHOLE.fullmatch(text):
            return whole[1]
        return _INDEX.sub("", text, count=1) if name == "sourcename" else text
    return None

"""The fields of a message sorted into the parts of a log: by the names in :mod:`andon.ingest.fields`.

A field that is used leaves the message where all that it says is in the log then. Everything else becomes context.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

from andon.ingest.cleaning import NAME_LIMIT, UNKNOWN, name_of, plain, short
from andon.ingest.duplicates import keep_all
from andon.ingest.exceptions import NAMES as EXCEPTIONS
from andon.ingest.exceptions import NOTHING
from andon.ingest.fields import REFERENCE, WORDS_ONLY, Fields, Found, Meaning, folded, shape_of
from andon.ingest.pieces import Tree, object_in, starts, value_of
from andon.ingest.plain_text import is_text, level_in

#: Reads a time, as UTC text, None where it is none that is likely; adds what is to be noted.
ReadTime = Callable[[Any, list[str]], str | None]
#: A time that is longer stays in the context where it is not understood, as the note cuts it.
TIME_LIMIT = 60

_NOTHING = frozenset((b"null", b'""', b"[]"))
_ALL, _LISTED = frozenset(REFERENCE), frozenset(("attributes", "kvplist"))
#: What collectors put a whole log into, and texts that are none of a log by themselves.
_WRAPPERS = frozenset(
    (
        *("data", "payload", "event", "body", "log", "entry", "record", "value", "properties", "source", "document"),
        *("alarm", "alert", "fault", "notification", "params", "nested", "basedata"),
    )
)
_VAGUE = frozenset(("name", "value"))
_LOST_LIMIT = 200
_NODE_RED = frozenset(("timestamp", "id", "type", "name", "z", "path", "_alias", "msg", "nodeid", "event", "msgid"))
_EARLIEST = 900_000_000  # seconds since 1970: July 1998
_UNIT = r"(?:[munk]?[mlgAVWs]|cm|°?[CFK]|k?Pa|m?bar|psi|k?Hz|rpm|t)"
_MEASURED = re.compile(rf"[+\-]?\d+[.,]\d|.*%\s*$|[+\-]?\d+\s?{_UNIT}$")
#: Fields that hold a text or anything else.
_SENTENCES = frozenset(("M", "_raw", "payload", "output"))
#: Fields that raw lines of programs come in: they may name a level themselves.
_LINES = frozenset(("log", "rawmsg", "event.original", "textpayload"))
#: Where one of them is, ``name`` is that of the alarm and not of a program.
_ALARM = frozenset(
    (
        "displaypath",
        "display_path",
        "eventstate",
        "originatorname",
        "activestate",
        "conditionname",
        "ackedstate",
        "alarmtext",
        "alarmclassname",
        "alarmstate",
    )
)
_ACK_AND_STATE = re.compile(r'"\s*(?:un)?ack(?:ed|nowledged)?[ _](?:alm|rtn)\s*"', re.IGNORECASE | re.ASCII)
#: Where an alarm's own name says what is the matter there.
_PLACES = frozenset(("displaypath", "display_path"))
_ERRORS = """
    errormessage error_message errortext error_text faulttext fault_text störungstext störtext fehlertext
    fehlermeldung störung fehler 故障描述 故障信息 错误信息 エラー内容 エラーメッセージ
"""
#: Names of texts that say how bad it is: MTConnect's conditions, and texts of errors.
_GRADED = {
    "fault.value": "FAULT", "warning.value": "WARNING",
    **dict.fromkeys(_ERRORS.split(), "ERROR"),
}  # fmt: skip
_LEVEL = re.compile(
    r"(?:emerg(?:ency)?|alert|critical|fatal|error|err|warning|warn|notice|information|info|debug"
    r"|notfall|kritisch|störung|stoerung|fehler|warnung|hinweis)$",
    re.IGNORECASE,
)
#: What these fields must be to be a severity: they have other meanings.
_FORMS = {"s": re.compile(r"[FEWIDV]\d?$"), "L": _LEVEL, **dict.fromkeys(WORDS_ONLY, _LEVEL)}
_DAY, _CLOCK = re.compile(r"\d[\d./\-年月日]{5,11}$"), re.compile(r"\d\d?:\d\d(?::\d\d(?:[.,]\d{1,9})?)?$")
_PROCESS = re.compile(r"(?<=\S)(?:\[\d+\]:?|:)$")


class Understood(msgspec.Struct, gc=False):
    """The parts of a log. ``severity`` came from ``field``; ``keys`` are all names of the message in lower case.

    ``timestamp`` is empty where the log tells none.
    """

    message: str
    hostname: str
    service: str
    severity: Any
    field: str
    keys: frozenset[str]
    timestamp: str
    context: msgspec.Raw


def understand(
    tree: Tree, notes: list[str], read_time: ReadTime, encoding: str, moment: msgspec.Raw | None
) -> Understood:
    """The log in ``tree``, which is used up. ``moment`` is its time where it names none."""
    if tree.keys() >= _ALL and (whole := _of_reference(tree, notes, read_time)):
        return whole
    fields = _unwrapped(Fields(tree), notes)
    keys = fields.names
    own = None
    if "context" in keys:
        context = next(name for name in ("context", *fields.tree) if name in fields.tree and name.lower() == "context")
        own = fields.tree.pop(context)
    alarm = not _ALARM.isdisjoint(keys) or ("state" in keys and _is_alarm_state(fields.tree))
    message, told = _message(fields, notes, encoding, alarm)
    hostname = _name(fields, notes, "hostname")
    service = _name(fields, notes, "service", alarm)
    severity, field = _severity(fields, notes)
    if severity is None and told in _LINES:
        severity, field = level_in(message) or (None, "")
    elif severity is None and told in _GRADED and message.lower() not in NOTHING:
        severity, field = _GRADED[told], told
    timestamp = _timestamp(fields, notes, read_time, moment)
    return Understood(message, hostname, service, severity, field, keys, timestamp, _context(own, fields.tree, notes))


def _is_alarm_state(tree: Tree) -> bool:
    """Whether a state says too whether somebody saw it, as AVEVA's do: UNACK_ALM, ACK_RTN."""
    return any(
        len(raw) < TIME_LIMIT and _ACK_AND_STATE.fullmatch(bytes(raw).decode("utf-8", "replace"))
        for name, raw in tree.items()
        if name.lower() == "state"
    )


def _of_reference(tree: Tree, notes: list[str], read_time: ReadTime) -> Understood | None:
    """The log where the reference's names tell all of it, and what else there is is context; None where they do not."""
    keys = shape_of(tree).names
    if ("context" in keys and "context" not in tree) or not _LISTED.isdisjoint(keys):
        return None
    message, timestamp, severity, service, hostname = (value_of(tree[name]) for name in REFERENCE)
    if not all(isinstance(one, str) and 0 < len(one.strip()) <= NAME_LIMIT for one in (service, hostname)):
        return None
    text = plain(message) if isinstance(message, str) else ""
    told: list[str] = []
    graded = severity.strip() if isinstance(severity, str) else type(severity) is int
    time = read_time(timestamp, told) if text and graded else None
    if time is None:
        return None
    notes += told
    for name in REFERENCE:
        del tree[name]
    own = tree.pop("context", None)
    host, program = name_of(hostname, notes, "hostname"), name_of(service, notes, "service")
    return Understood(text, host, program, severity, "severity", keys, time, _context(own, tree, notes))


def _unwrapped(fields: Fields, notes: list[str]) -> Fields:
    """The fields of a log that a collector put into one of its own, as JSON text or as an object, with its beside them.

    In a field of text it is a logger's line; an object counts where nothing else tells a text.
    """
    said = fields.of("message")
    if not _tells(said) and (wrapped := _wrapped(fields.tree, notes)):
        return _opened(fields.tree, *wrapped, notes)
    if any(found.own for found in fields.of("severity")):
        return fields
    for found in said:
        if len(found.path) == 1 and starts(found.raw, b'"{'):
            told: list[str] = []
            inner = _object_in_text(found.raw, told)
            if inner and _tells(Fields(dict(inner)).of("message")):
                notes += told
                return _opened(fields.tree, found.path[0], inner, notes)
    return fields


def _wrapped(tree: Tree, notes: list[str]) -> tuple[str, Tree] | None:
    """The field that holds a log, and that log. Under a name of its own it must be one without doubt."""
    for name, raw in tree.items():
        told: list[str] = []
        inner = object_in(raw) if starts(raw, b"{") else _object_in_text(raw, told) if starts(raw, b'"{') else None
        plain_name = folded(name)
        if not inner or plain_name in EXCEPTIONS:
            continue
        fields = Fields(dict(inner))
        if _tells(said := fields.of("message")) and (
            plain_name in _WRAPPERS
            or (said[0].alias.name in ("message", "msg") and (fields.of("severity") or fields.of("timestamp")))
        ):
            notes += told
            return name, inner
    return None


def _object_in_text(raw: msgspec.Raw, notes: list[str]) -> Tree | None:
    text = value_of(raw)
    if not isinstance(text, str) or (inner := object_in(text.strip())) is None:
        return None
    keep_all(text.strip().encode(), inner, notes)
    return inner


def _tells(found: list[Found]) -> bool:
    return any(one.alias.name not in _VAGUE and not starts(one.raw, b"{") for one in found)


def _opened(tree: Tree, name: str, inner: Tree, notes: list[str]) -> Fields:
    _join(inner, {key: raw for key, raw in tree.items() if key != name}, notes)
    notes.append(f"read the log in {short(name)}")
    return Fields(inner)


def _join(first: Tree, second: Tree, notes: list[str]) -> None:
    """Add ``second`` to ``first``, which goes before where both have a name; the other value is noted."""
    for name, raw in second.items():
        if name not in first:
            first[name] = raw
        elif bytes(first[name]) != bytes(raw):
            text = bytes(raw).decode("utf-8", "replace")
            if len(text) <= _LOST_LIMIT:
                notes.append(f"{short(name)} came twice, the other was {text}")
            else:
                other = next(free for n in range(2, 1_000_000) if (free := f"{name} ({n})") not in first | second)
                first[other] = raw
                notes.append(f"{short(name)} came twice, the other is {short(other)}")


def _own(fields: Fields, meaning: Meaning, notes: list[str]) -> tuple[Found, Any] | None:
    """The reference's field where it is there and not empty; an empty one is removed.

    An object is none where it holds a field of that meaning: ``{"service": {"name": …}}``.
    """
    found = fields.of(meaning)
    if not found or not found[0].own:
        return None
    for one in found:
        if not one.own:
            break
        value = value_of(one.raw)
        if value is None and bytes(one.raw) != b"null":
            notes.append(f"{meaning} cannot be read")
        elif value is None or value == "" or (isinstance(value, str) and not value.strip()):
            fields.take(one.path)
        elif not isinstance(value, dict) or not any(len(f.path) > 1 and f.path[0] == one.path[0] for f in found):
            return one, value
    return None


def _message(fields: Fields, notes: list[str], encoding: str, alarm: bool) -> tuple[str, str]:
    """The text, and the name in lower case of the alias that told it."""
    own = _own(fields, "message", notes)
    if own is not None:
        found, value = own
        text = _listed_text(value, encoding)
        if text is None and not isinstance(value, str):
            notes.append("message was not text")
            value = json.dumps(value, ensure_ascii=False)
        _take_text(fields, found, text or value, notes)
        return plain(text or value), ""
    told = [
        (found, text)
        for found in fields.of("message")
        if not found.own and (alarm or found.alias.name != "name") and (text := _told(found, encoding))
    ]
    if not told:
        return "", ""
    found, text = told[0]
    if found.alias.weak and " " not in text.strip():
        found, text = next(((f, t) for f, t in told if " " in t.strip()), told[0])
    if not found.alias.kept and found.alias.name != "name":
        _take_text(fields, found, text, notes)
    name = found.alias.name.lower()
    if name in _PLACES and told[-1][0].alias.name == "name":
        text = f"{text}: {told[-1][1]}"
    elif name in _PLACES and "/" in text:  # a path alone is a value: two alarms would be one
        text = ": ".join(text.rsplit("/", 1))
    return plain(text), name


def _take_text(fields: Fields, found: Found, text: str, notes: list[str]) -> None:
    """Remove the text's field, unless it holds bytes that the text does not show."""
    if "\ufffd" in text and starts(found.raw, b"["):
        notes.append("bytes that are not UTF-8 replaced")
    else:
        fields.take(found.path)


def _told(found: Found, encoding: str) -> str:
    """The text of a field that may be the message, empty where it is none."""
    value = value_of(found.raw)
    if isinstance(value, list):
        first = value[0] if value and found.alias.kept and isinstance(value[0], str) else None
        value = _listed_text(value, encoding) or first
    if not isinstance(value, str) or not plain(value):
        return ""
    name = found.alias.name
    if name.lower().endswith("value") and not any(map(str.isalpha, value)):
        return ""
    if name in _SENTENCES and value.isascii() and " " not in value.strip():
        return ""
    return value


def _listed_text(value: Any, encoding: str) -> str | None:
    """The text that a list is, None where it is none: journald writes lines, or the bytes of what is no plain text."""
    if not isinstance(value, list) or not value:
        return None
    if all(isinstance(one, str) for one in value):
        return "\n".join(value)
    if not all(type(one) is int and 0 <= one < 256 for one in value):
        return None
    data = bytes(value)
    for name in dict.fromkeys(("utf-8", encoding)):
        try:
            text = data.decode(name)
        except UnicodeError:
            continue
        return text if is_text(plain(text)) else None
    text = data.decode("utf-8", "replace")
    return text if is_text(plain(text)) else None


def _name(fields: Fields, notes: list[str], meaning: Meaning, alarm: bool = False) -> str:
    """The host or the program; an ``alarm`` has a name of its own."""
    own = _own(fields, meaning, notes)
    if own is not None and isinstance(own[1], list) and len(own[1]) == 1:
        own = own[0], own[1][0]
    if own is not None:
        if not isinstance(own[1], str) or len(own[1]) <= NAME_LIMIT:
            fields.take(own[0].path)
        return name_of(own[1], notes, meaning)
    for found in fields.of(meaning):
        if found.own or (alarm and found.alias.name == "name"):
            continue
        value = value_of(found.raw)
        whole = isinstance(value, str)
        if isinstance(value, list) and value and isinstance(value[0], str):
            value = value[0]
        text = value.strip() if isinstance(value, str) else ""
        if not text or (meaning == "service" and not any(map(str.isalpha, text))):
            continue
        short_name = _PROCESS.sub("", text) if meaning == "service" else text
        whole = whole and short_name == text and len(text) <= NAME_LIMIT and text.isprintable()
        if whole and not found.alias.kept:
            fields.take(found.path)
        return name_of(short_name, [], meaning)
    return UNKNOWN


def _severity(fields: Fields, notes: list[str]) -> tuple[Any, str]:
    """The severity as it was written, and the field that it came from in lower case; a word goes before a number."""
    own = _own(fields, "severity", notes)
    if own is not None:
        fields.take(own[0].path)
        return own[1], "severity"
    graded = [
        (found, value) for found in fields.of("severity") if not found.own and (value := _grade(found)) is not None
    ]
    graded = [one for one in graded if not one[0].alias.weak] or graded
    if not graded:
        return ("error" if _is_error_of_klog(fields.tree) else None), ""
    found, value = next((one for one in graded if not _is_number(one[1])), graded[0])
    if not found.alias.kept:
        fields.take(found.path)
    name = found.alias.name.lower()
    if name == "level" and _is_number(value):
        name = "node-red.level" if _is_node_red(fields) else "pino.level" if _is_pino(fields.tree) else name
    return value, name


def _is_pino(tree: Tree) -> bool:
    """Whether a level has the scale of pino, which writes a time in ms: where base and messageKey are a site's own."""
    moment = value_of(tree["time"]) if "time" in tree else None
    return isinstance(moment, int) and moment > 1e12


def _is_node_red(fields: Fields) -> bool:
    """Whether a level has the scale of Node-RED: its logs have a few fields of their own, and a time in ms."""
    tree = fields.tree
    if "timestamp" not in tree or not tree.keys() <= _NODE_RED:
        return False
    moment = value_of(tree["timestamp"]) if any(found.path[0] == "msg" for found in fields.of("message")) else None
    return isinstance(moment, int) and moment > 1e12


def _is_error_of_klog(tree: Tree) -> bool:
    """Kubernetes' JSON has no level: information has a verbosity ``v``, an error has none. Its time is in ms."""
    if not {"ts", "caller"} <= tree.keys() or "v" in tree:
        return False
    moment = value_of(tree["ts"])
    return isinstance(moment, float) and moment > 1e12


def _grade(found: Found) -> Any:
    """The value of a field that may be the severity; None where it measures something, or is none."""
    value = value_of(found.raw)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        text = value.strip()
        form = _FORMS.get(found.alias.name)
        return None if not text or _MEASURED.match(text) or (form and not form.match(text)) else value
    measured = isinstance(value, bool) or not isinstance(value, int | float) or value != int(value)
    return None if measured or found.alias.name in _FORMS else value


def _is_number(value: Any) -> bool:
    return not isinstance(value, str) or value.strip().lstrip("+-").isdecimal()


def _timestamp(fields: Fields, notes: list[str], read_time: ReadTime, moment: msgspec.Raw | None) -> str:
    """The time of the log, empty where it tells none that is understood."""
    own = _own(fields, "timestamp", notes)
    if own is not None:
        time = read_time(own[1], notes)
        if time or (isinstance(own[1], str) and len(own[1]) <= TIME_LIMIT):
            fields.take(own[0].path)
        return time or ""
    first: list[str] = []
    days: list[Found] = []
    clocks: list[Found] = []
    for found in fields.of("timestamp"):
        value = None if found.own else value_of(found.raw)
        if isinstance(value, str):
            days += [found] if _DAY.match(value.strip()) else []
            clocks += [found] if _CLOCK.match(value.strip()) else []
        if not _may_be_time(value):
            continue
        told: list[str] = []
        if time := read_time(value, told):
            notes += told
            if not found.alias.kept:
                fields.take(found.path)
            return time
        first = first or told
    if days and clocks:
        time = read_time(f"{value_of(days[0].raw).strip()} {value_of(clocks[0].raw).strip()}", [])
        if time:
            fields.take(days[0].path)
            fields.take(clocks[0].path)
            return time
    notes += first
    return "" if moment is None else read_time(value_of(moment), notes) or ""


def _may_be_time(value: Any) -> bool:
    """Whether it is a time of a log: not a day alone, nor a duration or a measured value."""
    if isinstance(value, str):
        return sum(map(str.isdigit, value)) >= (8 if ":" in value else 10)
    if isinstance(value, dict):
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= _EARLIEST


def _context(own: msgspec.Raw | None, rest: Tree, notes: list[str]) -> msgspec.Raw:
    """The context: the message's own, then what else stood in the message."""
    if own is None or bytes(own) in _NOTHING:
        return msgspec.Raw(msgspec.json.encode(rest) if rest else b"null")
    if not rest:
        return own
    inner = object_in(own) if starts(own, b"{") else None
    if inner is None:
        notes.append("context is not an object, kept under the key value")
        inner = {"value": own}
    _join(inner, rest, notes)
    return msgspec.Raw(msgspec.json.encode(inner))

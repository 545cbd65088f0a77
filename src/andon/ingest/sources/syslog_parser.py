"""Syslog messages read: RFC 5424, RFC 3164, and what devices make of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import msgspec

from andon.core.models import utc_text
from andon.core.timestamps import TimeReader
from andon.ingest.plain_text import level_in

#: Severities by their numbers, in the words of RFC 5424.
SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"),
    *("ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"),
)
#: So far ahead of its receipt a time without a year may lie: further ahead it is of the year before.
AHEAD = timedelta(days=1)
#: Most bytes of structured data that are read; longer ones stay in the text.
_DATA_LIMIT, _REMEMBERED, _SHORT = 16_384, 1_024, 60

_PRIORITY = re.compile(r"<(\d{1,3})> ?")
_NEW = re.compile(r"1 (\S{1,64}) (\S{1,255}) (\S{1,255}) (\S{1,128}) (\S{1,128})(?: |$)")
_ELEMENT = re.compile(r'\[([^\s="\]]{1,64})((?:\s+[^\s="\]]{1,64}="(?:[^"\\]|\\.)*")*)\s*\]', re.DOTALL)
_VALUE = re.compile(r'([^\s="\]]{1,64})="((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\\]])')
#: What util-linux' logger writes behind the header, wherever a blank in the tag has moved it.
_QUALITY = "[timeQuality "

_MONTHS = {name: number for number, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)}  # fmt: skip
_MONTH = r"(?i:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"\d\d?:\d\d:\d\d(?:[.,]\d{1,9})?"
#: Seconds with a fraction, before an offset.
_TAIL = re.compile(r":[0-5]\d(?:\.\d{1,9})?", re.ASCII)
#: A number of the message and the name of the device, as Cisco puts in front of the time, and the time.
_OLD = re.compile(
    rf"(?:(?P<number>\d{{0,12}}): )?(?:(?P<origin>[\w.\-]{{1,255}}): )?(?P<mark>[*.])?"
    rf"(?P<time>{_MONTH} {{1,2}}\d{{1,2}}(?: \d{{4}})? {_CLOCK}|\d{{4}} {_MONTH} {{1,2}}\d{{1,2}} {_CLOCK}"
    rf"|{_MONTH} {{1,2}}\d{{1,2}} {_CLOCK} \d{{4}}"
    rf"|\d{{4}}-\d\d-\d\d[T ]{_CLOCK}(?:Z|[+\-]\d\d:?\d\d)?)"
    r"(?: (?P<zone>UTC|GMT|Z|(?:[A-Z]{1,3}[SD]T|WET|CET|EET|MSK|MEZ|MESZ)(?=: )))?(?P<end> ?: | |$)"
)
_NUMBERED = re.compile(r"(?P<number>\d{1,12}): (?=%)")
_DATE = re.compile(
    rf"(?:(?P<before>\d{{4}}) )?(?P<month>{_MONTH}) +(?P<day>\d+)(?: (?P<year>\d{{4}}))? "
    r"(?P<hour>\d+):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?(?: (?P<after>\d{4}))?$"
)
_HOST = re.compile(r"(\w[\w.:\-%]{0,254}|::[\w.:%]{0,60})(?: +|$)")
_ADDRESS = re.compile(r"[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}", re.IGNORECASE)
_RELAYED = re.compile(r"Message forwarded from ([\w.\-]{1,255}): ?")  # AIX
_TAG = re.compile(r"([^\s:\[\]|=]{1,64})(?:\[([^\]\s]{1,64})\](?:: ?| )|:(?: |$))")
#: Vendors' own: %LINK-3-UPDOWN, %ASA-6-302013, %PLATFORM_ENV-1-FAN, %AUTHMGR-SP-5-START.
_MNEMONIC = re.compile(r"(%([A-Z][A-Z0-9_]{1,40})(?:-[A-Z0-9_]{1,40}){0,2}-[0-7]-[A-Z0-9_]{1,60})(?=[: ]|$)")
#: What looks like a tag and says how bad it is.
_LEVELS = frozenset(
    (
        *(
            "emergency",
            "emerg",
            "alert",
            "critical",
            "crit",
            "fatal",
            "error",
            "err",
            "warning",
            "warn",
            "notice",
            "info",
        ),
        *("information", "debug", "alarm", "fault", "failure", "fehler", "warnung", "störung", "alarme", "erreur"),
    )
)

#: rsyslog's escapes: a number sign and three octal digits of a control character.
_ESCAPE = re.compile(r"#(0[0-3][0-7]|177)")
_LONELY = re.compile(r"(?<!\S)#(?:0[0-3][0-7]|177)(?![^\s.,;:)])")
#: Where nobody tells that the sender is rsyslog: a line end before what the lines of a trace start with, or a colour.
_SURELY = re.compile(
    r"#012(?:#011|\s{2,}|at |Traceback|Caused by|\.\.\. \d|File \"|---|===)|(?<=[:;.,)}\]])#012|#033\["
)
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_CEE = re.compile(r"@cee:\s*(?=\{)")


class Read(msgspec.Struct, gc=False):
    """A message as it was understood; what it does not tell is empty.

    ``timestamp`` is in stored form, or as it was sent where it is no time. ``by_rsyslog`` is whether only rsyslog
    writes so.
    """

    message: str
    severity: str | int | None
    timestamp: str | None = None
    hostname: str = ""
    program: str = ""
    context: dict[str, Any] = msgspec.field(default_factory=dict)
    by_rsyslog: bool = False


#: The zone of times that name none, of a host that a message states.
ZoneOf = Callable[[str], tzinfo]


class SyslogParser:
    """Reads messages. ``encoding`` is that of bytes that are no UTF-8; ``zone_of`` tells the zone of a sender.

    ``clock`` gives unix seconds, the time of receipt.
    """

    def __init__(self, encoding: str = "utf-8", clock: Callable[[], float] = time.time) -> None:
        self._encoding = encoding
        self._clock = clock
        self._times: dict[tuple[str, str | None, tzinfo], str] = {}
        self._hour = 0.0
        self._minutes: dict[tuple[str, str], str] = {}  # by a minute and its offset, the minute in UTC
        self._data: dict[str, dict[str, Any]] = {}

    def __call__(self, data: bytes, zone_of: ZoneOf) -> Read:
        """What ``data`` says, which is one message without what framed it. Never raises."""
        text = self._text(data)
        found = _PRIORITY.match(text)
        if found is None or (number := int(found[1])) > 191:
            level = level_in(text)
            return self._finished(Read(text, level[0] if level else None))
        read = Read("", SEVERITIES[number % 8], context={"facility": FACILITIES[number // 8]})
        if not self._new(text, found.end(), zone_of, read):
            self._old(text, found.end(), zone_of, read)
        return self._finished(read)

    def _text(self, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError:
            pass
        try:
            return data.decode(self._encoding)
        except UnicodeDecodeError:
            return data.decode("utf-8", "backslashreplace")

    def _finished(self, read: Read) -> Read:
        text = read.message.strip(" \r\n\0\ufeff")
        if text.startswith("@cee:"):
            text = _CEE.sub("", text)
        read.message = text
        return read

    def _new(self, text: str, at: int, zone_of: ZoneOf, read: Read) -> bool:
        """Read RFC 5424; whether it is that."""
        found = _NEW.match(text, at)
        if found is None:
            return False
        moment, host, program, process, kind = found.groups()
        at = found.end()
        host = "" if host == "-" else host
        names = [program, process, kind]
        if text[at : at + 1] != "[" and (moved := text.find(_QUALITY, at, at + 200)) > 0:
            names += text[at:moved].split()  # a tag with blanks in it
            at = moved
        program, (process, kind) = " ".join(names[:-2]), names[-2:]
        read.hostname, read.program = host, "" if program == "-" else program
        read.timestamp = None if moment == "-" else self._iso(moment, zone_of, host)
        for name, value in (("procid", process), ("msgid", kind)):
            if value != "-":
                read.context[name] = value
        end = self._structured(text, at, read)
        read.message = text[end:]
        read.by_rsyslog = text[end : end + 2] == "  "
        if (
            not read.message.strip()
            and end - at > 1
            and set(read.context.get("structured_data", ())) != {"timeQuality"}
        ):
            read.message = text[at:end]
        return True

    def _structured(self, text: str, at: int, read: Read) -> int:
        """Read structured data into the context; where the text begins."""
        if text[at : at + 1] == "-":
            return at + 1
        end = at
        limit = at + _DATA_LIMIT
        elements: dict[str, Any] = {}
        while text[end : end + 1] == "[" and (found := _ELEMENT.match(text, end, limit)):
            name, values = found.groups()
            known = self._data.get(values)
            if known is None:
                known = _values_of(values)
                if len(values) < _SHORT:
                    if len(self._data) >= _REMEMBERED:
                        self._data.clear()
                    self._data[values] = known
            if name in elements:
                _add(elements, name, dict(known))
            else:
                elements[name] = known
            end = found.end()
        if elements:
            read.context["structured_data"] = elements
        return end

    def _old(self, text: str, at: int, zone_of: ZoneOf, read: Read) -> None:
        """RFC 3164 and its relatives: whatever is there, in the order in which it is usual."""
        found = _OLD.match(text, at) or _NUMBERED.match(text, at)
        if found is None:
            read.message = text[at:]
        else:
            parts = found.groupdict()
            at = found.end()
            if parts["number"]:
                read.context["sequence"] = int(parts["number"])
            read.hostname = parts.get("origin") or ""
            if not read.hostname and (parts.get("end") or "").strip() != ":" and parts.get("time"):
                at = _host(text, at, read)
            if moment := parts.get("time"):
                iso = "-" in moment[4:5]
                read.by_rsyslog = iso
                read.timestamp = (
                    self._iso(moment, zone_of, read.hostname)
                    if iso
                    else self._moment(parts, zone_of(read.hostname), read)
                )
            read.message = text[at:].removeprefix(": ")
        _program(read)

    def _iso(self, moment: str, zone_of: ZoneOf, host: str) -> str:
        """A time of ISO 8601 in stored form, or as it is where the recorder reads it as quickly or notes it."""
        if moment[-1] == "Z":
            return moment
        head, tail, offset = moment[:16], moment[16:-6], moment[-6:]
        if _TAIL.fullmatch(tail):
            known = self._minutes.get((head, offset))
            if known is None:
                try:
                    known = utc_text(datetime.fromisoformat(f"{head}:00{offset}"))[:16]
                except (ValueError, OverflowError):
                    return moment
                if len(self._minutes) >= _REMEMBERED:
                    self._minutes.clear()
                self._minutes[head, offset] = known
            return f"{known}{tail[:10]}Z"
        try:
            made = datetime.fromisoformat(moment.replace(",", "."))
            return utc_text(made if made.tzinfo is not None else made.replace(tzinfo=zone_of(host)))
        except (ValueError, OverflowError):
            return moment  # the recorder notes what it cannot read

    def _moment(self, parts: dict[str, str], zone: tzinfo, read: Read) -> str | None:
        """A time with the name of a month, in stored form."""
        now = self._clock()
        if now // 3600 != self._hour or len(self._times) >= _REMEMBERED:
            self._hour = now // 3600
            self._times.clear()
        key = parts["time"], parts["zone"], zone
        stored = self._times.get(key)
        if stored is None:
            made = _dated(parts["time"], parts["zone"], zone, datetime.fromtimestamp(now, UTC))
            stored = self._times[key] = parts["time"] if made is None else utc_text(made)
        if parts["mark"]:
            read.context["clock"] = "not synchronised" if parts["mark"] == "*" else "lost synchronisation"
        if parts["mark"] == "*" and _is_far(stored, now):
            return None  # it counts from when the device was switched on
        return stored


def _is_far(stored: str, now: float) -> bool:
    """Whether a time in stored form is more than a day away from ``now`` (unix seconds)."""
    try:
        return abs(datetime.fromisoformat(stored).timestamp() - now) > AHEAD.total_seconds()
    except ValueError:
        return True


def _add(into: dict[str, Any], name: str, value: Any) -> None:
    """Put a value under its name; several under one are a list."""
    if name not in into:
        into[name] = value
    elif isinstance(into[name], dict) and isinstance(value, dict):
        merged = into[name] = dict(into[name])
        for key, one in value.items():
            _add(merged, key, one)
    else:
        before = into[name]
        into[name] = [*(before if isinstance(before, list) else [before]), value]


def _values_of(text: str) -> dict[str, Any]:
    found: list[tuple[str, str]] = _VALUE.findall(text)
    values: dict[str, Any] = dict(found)
    if len(values) == len(found) and "\\" not in text:
        return values
    values = {}
    for name, value in found:
        _add(values, name, _ESCAPED.sub(r"\1", value) if "\\" in value else value)
    return values


def _dated(text: str, named_zone: str | None, zone: tzinfo, received: datetime) -> datetime | None:
    """The moment nearest to its receipt that a clock of ``zone`` shows so, and that is not more than a day ahead.

    ``named_zone`` goes before ``zone`` where its name has one meaning. The year is that of the receipt, or the one
    before or after it; of two equal times in autumn it is the likely one. None where no calendar has it.
    """
    found = _DATE.match(text)
    if found is None:
        return None
    if named_zone:
        told, note = TimeReader(zone).read(f"{text} {named_zone}", received)
        if told is not None and note is None:
            return told
    named = found["before"] or found["year"] or found["after"]
    month, micros = _MONTHS[found["month"].lower()], int((found["fraction"] or "0")[:6].ljust(6, "0"))
    clock = (int(found["hour"]), int(found["minute"]), min(int(found["second"]), 59), micros)
    likely: list[datetime] = []
    years = (int(named),) if named else range(received.year + 1, received.year - 9, -1)
    for year in years:
        try:
            naive = datetime(year, month, int(found["day"]), *clock)  # noqa: DTZ001 - gets its zone below
            both = [naive.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
        except (ValueError, OverflowError):
            continue
        likely += [moment for moment in both if named or moment <= received + AHEAD]
        if len(likely) > 1:
            break
    return min(likely, key=lambda moment: abs(moment - received), default=None)


def _host(text: str, at: int, read: Read) -> int:
    """Read the name of the host, which some leave out; where it ends."""
    if relayed := _RELAYED.match(text, at):
        read.hostname = relayed[1]
        return relayed.end()
    found = _HOST.match(text, at)
    if found is None or (found[1][-1] == ":" and not _ADDRESS.fullmatch(found[1])):
        return at  # it is the tag
    read.hostname = found[1]
    return found.end()


def _program(read: Read) -> None:
    """Read the tag, or what vendors write in its place, off the text."""
    text = read.message.lstrip(" ")
    found = _TAG.match(text)
    if found is not None and found[1].lower() not in _LEVELS and found[1][0] != "%":
        read.program = found[1]
        if found[2]:
            read.context["procid"] = found[2]
        read.context["tag"] = text[: found.end()].rstrip(": ")
        text = text[found.end() :]
    if (own := _MNEMONIC.match(text)) is not None:
        read.program = read.program or own[2]
        read.context["mnemonic"] = own[1][1:]
    read.message = text


def unescaped(text: str, certain: bool) -> str:
    """``text`` with rsyslog's escapes as what they were, where they are some; ``certain``: rsyslog sent it.

    A text that holds a control character was not escaped, and a number that stands alone (``drive #012 tripped``) is
    one.

    >>> unescaped("drive #012 tripped", certain=True), unescaped("failed:#012#011at main", certain=False)
    ('drive #012 tripped', 'failed:\\n\\tat main')
    """
    if "#" not in text or not _ESCAPE.search(text) or _CONTROL.search(text):
        return text
    if not (certain or _SURELY.search(text)):
        return text
    if len(_LONELY.findall(text)) == len(_ESCAPE.findall(text)):
        return text
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), text)

"""Codes: the numbers and tokens that name a problem and must never be masked.

A number is a code because of the word that introduces it (``error 1205``, ``status=503``, ``errno 111``,
``exit code 137``) or because of its shape (``SV0401``, ``ORA-00600``, ``T04:C42``). It is not one where it
counts or measures (``error count 5``, ``status 12 of 20``, ``Error: 3 retries failed``) or names a single
thing (a serial number, an order, a device). A site adds its own with :class:`CodeRules`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from andon.core.errors import ConfigError


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Context fields whose value is identity, without regard to case and punctuation (``alarmCode`` is listed).
CODE_FIELDS = _words(
    """alarm_code alarm_id alarm_no alarm_number alert_code error_code err_code error_id error_no error_number
    error_type event_id event_code exception exception_type exception_class exception_code fault_code fault_id
    fault_no fault_number failure_code trip_code code status_code http_status http_status_code http_code
    response_code exit_code exit_status return_code ret_code result_code reason_code errno signal sqlstate
    sqlcode sql_state sql_code hresult ntstatus diagnostic_code diag_code diag_id warning_code
    message_code message_id message_number msg_id abort_code bugcheck_code"""
)
#: Prefixes of tokens that name one thing (a part, an order, a device), whatever number follows.
THING_PREFIXES = _words(
    """SN S N ID NO NR PO SO WO MO LOT BATCH JOB TASK ORD ORDER REQ INC TKT PN PART SKU ART MAT UID USR USER EMP
    DOC REV VER INV TX TXN SEQ REF BIN BOX PAL WP WC MC CNC PLC AGV AMR ROB HMI SRV SVR DB VM PC IPC NODE HOST CELL
    LINE ST STN ZONE RACK SLOT UNIT TOOL DRV AXIS PORT CH CHAN LAN VLAN ETH CPU GPU MEM UTF ISO RFC IEC DIN EN SHA
    MD PT FT LT TT PI FI LI TI TIC FIC PIC LIC TE FE PV FV LV TV"""
)
#: Prefixes of alarm numbers; they may be short (``AL-17``), where other prefixes need four digits.
ALARM_PREFIXES = _words("AL ALM ALARM ERR ER E F W FLT FAULT WARN WRN FC EC")
#: Groups of robot alarms that are numbered by three digits behind a dash (``SRVO-062``), as only few things are named.
ALARM_GROUPS = _words(
    """SRVO MOTN SYST INTP PRIO MCTL TPIF SVGN MACR MEMO OPTN PROG SPOT SPRM SCIO ROUT RIPE JOG CVIS SEAL DICT FILE
    VARS WNDW TRAK LNTK SENS SHAP TAST THSR TKSP QMGR"""
)
#: At most this many codes of one text are kept; what follows is masked.
MAX_CODES = 8

# Words that say the number behind them is a code, whatever stands between.
_STRONG = _words("errno sqlstate sqlcode hresult ntstatus rc hr")
# What an error, a fault and an alarm are called in German, French, Italian, Spanish and Dutch.
_FOREIGN = _words(
    """fehler störung stoerung erreur défaut defaut alarme errore allarme guasto alarma falla fallo fout storing"""
)
# Words that do so in front of one of _NUMBERED: "error number 17", "exit_code=1", "alarmId: 5".
_KINDS = (
    _words(
        """error err alarm fault failure exit return ret result response reason status event exception trip abort
    diagnostic diag warning alert stop sense bugcheck completion http sql os meldung"""
    )
    | _FOREIGN
)
_NUMBERED = _words("code number nummer num nr no id status")
_PAIRS = frozenset(
    [(system, "error") for system in ("os", "ads", "sql", "http", "winsock", "socket", "exit")]
    + [(system, "exception") for system in ("modbus", "sql")]
    + [(ended, "with") for ended in ("exited", "returned", "terminated", "completed", "finished", "ended", "failed")]
)
# Words that do so where the number does not count or measure; "errors" and "failed" do count.
_WEAK = (
    _words("""error err alarm fault failure warning exception reason signal alert status code http smtp ret""")
    | _FOREIGN
)
# Verbs count more often than not ("returned 5 rows"): behind them only what looks like a code is one. So behind the
# names that CANopen and PROFINET give to their messages.
_VERBS = _words("returned raised reports reported tripped triggered emergency emcy diagnosis")
# They are abbreviated with a full stop: "Alarm No. 17".
_DOTTED = _words("no nr num")
_INTRODUCERS = _STRONG | _NUMBERED | _WEAK | _VERBS | {word for _, word in _PAIRS}
# Labels rather than words of a sentence: what follows their colon is their value.
_LABELS = _words("status code ret http")
# Words before a bare "code" that make it the name of a thing.
_THINGS = _words("bar qr lot zip part item post postal product order material country area color")
# Answers of HTTP are graded: only 4xx and 5xx are errors.
_GRADED = _words("status http response")

_VALUE = r"0[xX][0A-Fa-f]{1,10}|0#[0A-F]{1,10}|-?(?:[A-Z]{1,5}[\-_.]?)?0[A-Z0]{0,5}(?:[\-:][A-Z]{0,2}0)?"
_INTRODUCED = re.compile(
    r"(?<![^\W_])([A-Za-zÀ-ÿ]{2,16}+)(\.?+(?:\s(?:is|was|of)(?!\w))?+\s?+[:=#\[(\"']{0,3}+\s?+[\"'(]?+)"
    rf"({_VALUE})(?!\w|[.\-:/]0)"
)
_WORD_BEFORE = re.compile(r"([A-Za-zÀ-ÿ]{2,12})[ _\-]?$")
_JOINED = re.compile(r"([a-z]+?)(?:code|number|nummer|num|nr|no|id|status)$")
_SQL_SERVER = re.compile(r"Msg (0), Level 0(?!\w)")
_REQUEST = re.compile(r"HTTP/0(?:\.0)?\"?\s(0)(?!\w)")
# How a code may be joined to a weak word, and when a colon and a space will do: nothing but the end, punctuation
# or a new sentence behind the number ("Error: 17", not "Error: 3 retries failed").
_WEAK_JOIN = re.compile(r"(?:\s?[=#\[(]\s?|\s|:)?")
_ENDED = re.compile(r"$|[\]);:,.!]")  # where every noun has a capital, that begins no sentence
_CLOSED = re.compile(r"$|[\]):;,.!]|\s[\-(A-Z]")
# What behind a number says that it counts, measures or is part of something longer: a unit, a decimal, a plural.
_COUNTS = re.compile(
    r"[\w.]*[\w/%°]|[.,:]0|\s?[%°/]|\s(?:(?:(?:out\s)?of|von|sur|di|de|van)\s(?:0|them|all|many)|times?|x|more|other|errors?|warnings?|faults?|alarms?"
    r"|retries|attempts?|items?|parts?|pieces?|pcs|units?|bytes?|bits?|[kKMGT]i?B|[nuµm]?s|msecs?|sec(?:ond)?s?"
    r"|min(?:ute)?s?|h|hours?|days?|mm|cm|m|µm|bar|mbar|[mkM]?[VAWN]|Hz|kHz|MHz|rpm|Nm|dBm?|[CFK]|deg(?:rees)?)\b"
    r"|\s(?!(?:was|has|this|its|always|status|previous|occurs|means|stops)\b)[a-z]{2,20}[a-rt-z]s\b"
)
_SHAPED = re.compile(r"(?<![\w.\-/])([A-Z]{1,5}+)[\-.]?0([A-Z]?)(:[A-Z]{1,3}0)?(?![\w\-]|\.0|/\w)")
# systemd names what a process ended with: status=203/EXEC, status=9/KILL.
_EXIT_NAME = re.compile(r"/[A-Z][A-Z_]{2,}(?![^\W_])")
_BRACKETS = re.compile(r"[\s\[(<*#\"']{0,3}")
_TITLE_END = re.compile(r"[\])]|:(?:\s|$)")

_SEPARATORS = re.compile(r"[^a-z0-9]+")
_PLAIN = re.compile(r"[\w.:/#+\-]{1,64}")


class Slot(msgspec.Struct, frozen=True):
    """A place of a folded text where a code may stand: whether it is one depends on its digits."""

    start: int
    end: int
    accept: Callable[[str], bool]


def _number(value: str) -> bool:
    """Codes people give numbers to are short; longer ones are handles, addresses and counters."""
    if value[:2] in ("0x", "0X"):
        return len(value) <= 10
    return sum(map(str.isdigit, value)) <= 6 or value.startswith("-2147")


def _status(value: str) -> bool:
    """As :func:`_number`, but HTTP's answers that are no error (100 to 399) are one and the same."""
    return not (len(value) == 3 and value[0] in "123" and value.isdigit()) and _number(value)


def _unlike_count(value: str) -> bool:
    """Not a plain number, unless it is an error of HTTP."""
    return _number(value) and (not value.isdigit() or (len(value) == 3 and value[0] in "45"))


def _prefixed(value: str, digits: range) -> bool:
    letters = value.rstrip("0123456789")
    return len(value) - len(letters) in digits and letters.rstrip("-.") not in THING_PREFIXES


def _clear(value: str) -> bool:
    """Shapes that are codes wherever they stand: ``ORA-00600``, ``CWWKE0001I``, ``F30005``, ``SV0401``."""
    if value[-1].isalpha():
        return _prefixed(value[:-1], range(4, 6))
    letters = value.rstrip("0123456789")
    if letters.endswith("-"):
        if letters[:-1] in ALARM_GROUPS:
            return len(value) - len(letters) == 3
        return len(letters) > 3 and _prefixed(value, range(5, 7))
    return letters in ("SV", "F", "E", "W") and _prefixed(value, range(4, 6))


def _titled(value: str) -> bool:
    """Shapes that are codes where a title stands: at the start, in brackets, before a colon."""
    letters = value.rstrip("0123456789")
    digits = len(value) - len(letters)
    if letters.rstrip("-.") in ALARM_PREFIXES:
        return 2 <= digits <= 6
    if letters == "A.":  # servo amplifiers: A.710
        return digits == 3
    return _prefixed(value, range(5, 7) if letters.endswith(("-", ".")) else range(4, 7)) or _clear(value)


def _pair(value: str) -> bool:
    """``T04:C42``: a type and a code."""
    return len(value) <= 10


def find_slots(folded: str, start: int) -> list[Slot]:
    """Where codes may stand in ``folded`` from ``start`` on; may overlap: the earlier in the list wins."""
    if "0" not in folded:
        return []
    slots: list[Slot] = []
    for match in _INTRODUCED.finditer(folded, start):
        accept = _introduced(folded, match)
        if accept is not None:
            slots.append(Slot(*match.span(3), accept))
    if "Msg 0, Level" in folded:
        slots += [Slot(*match.span(1), _number) for match in _SQL_SERVER.finditer(folded, start)]
    if "HTTP/" in folded:
        slots += [Slot(*match.span(1), _status) for match in _REQUEST.finditer(folded, start)]
    for match in _SHAPED.finditer(folded, start):
        begin, end = match.span()
        if match[3]:
            slots.append(Slot(begin, end, _pair))
        elif match[2]:
            slots.append(Slot(begin, end, _clear))
        elif _BRACKETS.fullmatch(folded, start, begin) or _TITLE_END.match(folded, end):
            slots.append(Slot(begin, end, _titled))
        else:
            slots.append(Slot(begin, end, _clear))
    return slots


def _introduced(folded: str, match: re.Match[str]) -> Callable[[str], bool] | None:
    """Whether the word before a number makes it a code: the test that the number must pass, or None."""
    word, joint = match[1].lower(), match[2].replace('"', "").replace("'", "")
    if joint.startswith(".") and word not in _DOTTED:
        return None
    joined = _JOINED.match(word)
    if word not in _INTRODUCERS and not joined:
        return None
    accept = _status if word in _GRADED else _number
    if word in _STRONG:
        return accept
    if not match[2] and match[3][0] != "-":
        return None
    before = _WORD_BEFORE.search(folded, max(0, match.start() - 14), match.start())
    kind = before[1].lower() if before else ""
    if (word in _NUMBERED and kind in _KINDS) or (kind, word) in _PAIRS:
        if word == "with" and _COUNTS.match(folded, match.end()):  # "finished with 3 warnings"
            return None
        return _status if kind in _GRADED else accept
    if word == "status" and _EXIT_NAME.match(folded, match.end()):
        return _number
    if joined and joined[1] in _KINDS:
        return _status if joined[1] in _GRADED else accept
    if word in _VERBS:
        return _unlike_count if joint == " " else None
    if word not in _WEAK or (word == "code" and kind in _THINGS) or _COUNTS.match(folded, match.end()):
        return None
    if _WEAK_JOIN.fullmatch(joint):
        return accept
    closed = _ENDED if word in _FOREIGN else _CLOSED
    if joint == ": " and (word in _LABELS or closed.match(folded, match.end())):
        return accept
    return None


class CodeRules:
    """Which texts and context fields are identity: the built-in rules and what a site adds.

    ``patterns`` are regular expressions over the raw message; what they match (their first group where they have
    one) is kept as it stands. ``fields`` are names of context fields. Raises ConfigError where an expression
    cannot be compiled or matches the empty text.
    """

    def __init__(self, patterns: Iterable[str] = (), fields: Iterable[str] = ()) -> None:
        self.patterns = tuple(_compiled(pattern) for pattern in patterns)
        self._fields = frozenset(_plain_name(name) for name in (*CODE_FIELDS, *fields))
        self._names: dict[str, bool] = {}

    def in_context(self, context: Mapping[str, Any] | None) -> tuple[tuple[str, str], ...]:
        """The (field, code) pairs of ``context``, sorted; objects inside it are looked into, one level deep."""
        if not context:
            return ()
        found: list[tuple[str, str]] = []
        for name, value in context.items():
            if isinstance(value, dict):
                found += [(n, c) for n, v in value.items() if (c := self._code(f"{name}_{n}", v, str(n)))]
            elif code := self._code(name, value):
                found.append((name, code))
        return tuple(sorted(found)[:MAX_CODES]) if found else ()

    def _code(self, name: str, value: Any, inner: str | None = None) -> str | None:
        if not (self._is_field(name) or (inner is not None and self._is_field(inner))):
            return None
        if isinstance(value, bool) or not isinstance(value, int | str):
            return None
        text = str(value).strip()
        return text if _looks_like_code(text, _plain_name(inner or name)) else None

    def _is_field(self, name: str) -> bool:
        known = self._names.get(name)
        if known is None:
            if len(self._names) > 4096:
                self._names.clear()
            known = self._names[name] = _plain_name(name) in self._fields
        return known


def _plain_name(name: str) -> str:
    return _SEPARATORS.sub("", name.lower())


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"The code pattern {pattern!r} is not a regular expression ({error}): correct it.") from error
    if compiled.match(""):
        raise ConfigError(f"The code pattern {pattern!r} matches the empty text: make it match at least one character.")
    return compiled


def _looks_like_code(text: str, field: str) -> bool:
    """Whether a context field's value names a kind of problem, not one occurrence of it (a UUID, a counter)."""
    if not _PLAIN.fullmatch(text):
        return False
    if ("status" in field and "exit" not in field) or field == "httpcode":
        return _status(text)
    digits = sum(map(str.isdigit, text))
    if text[:2] in ("0x", "0X"):
        return len(text) <= 10
    if text.lstrip("-").isdigit():
        return digits <= 10 and (digits <= 6 or not ("event" in field or field.endswith("id")))
    return digits <= 8

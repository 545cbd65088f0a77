"""Codes in a text: the numbers and tokens that name a problem and must never be masked.

A number is a code because of the word that introduces it (``error 1205``, ``status=503``, ``errno 111``,
``exit code 137``) or because of its shape (``SV0401``, ``ORA-00600``, ``T04:C42``, ``W#16#80C4``). It is not one where
it counts or measures (``error count 5``, ``status 12 of 20``, ``Error: 3 retries failed``) or names a single thing (a
serial number, an order, a device).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import islice

import msgspec

from andon.core.late_patterns import late
from andon.grouping.http_lines import find_statuses
from andon.grouping.writing import SEAM


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


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
_STRONG = _words("errno sqlstate sqlcode hresult ntstatus rc hr nrc dtc spn fmi")
# What an error, a fault and an alarm are called in other languages that put spaces between words.
_FOREIGN = _words(
    """fehler störung stoerung erreur défaut defaut alarme errore allarme guasto alarma falla fallo fout storing erro
    falha ошибка ошибки авария неисправность тревога błąd usterka hata arıza chyba porucha hiba virhe vika fel
    feil fejl warnung störmeldung stoermeldung"""
)
# Words that do so in front of one of _NUMBERED: "error number 17", "exit_code=1", "alarmId: 5".
_KINDS = (
    _words(
        """error err alarm fault failure exit return ret result response reason status event exception trip abort
    diagnostic diag warning alert stop sense bugcheck completion http sql os meldung sub minor major detail extended"""
    )
    | _FOREIGN
)
_NUMBERED = _words("code number nummer num nr no id status код")
# An id is a code of these; of a request, a message or a session it is an id.
_IDENTIFIED = _words("error err alarm fault failure event diag diagnostic warning meldung") | _FOREIGN
_PAIRS = frozenset(
    [(system, "error") for system in ("os", "ads", "sql", "http", "winsock", "socket", "exit")]
    + [(system, "exception") for system in ("modbus", "sql")]
    + [("process", "exited"), ("container", "exited"), ("windows", "event")]
    + [(ended, "with") for ended in ("exited", "returned", "terminated", "completed", "finished", "ended", "failed")]
)
# Words that do so where the number does not count or measure; "errors" and "failed" do count.
_WEAK = (
    _words("""error err alarm fault failure warning exception reason signal alert status code http smtp ret abort""")
    | _FOREIGN
)
# Verbs count more often than not ("returned 5 rows"): behind them only what looks like a code is one. So behind the
# names that CANopen and PROFINET give to their messages.
_VERBS = _words(
    """returned raised reports reported trip tripped triggered emergency emcy diagnosis faulted alarmed errored replied
    answered responded replies answers responds"""
)
# What these name is counted or numbered; only hexadecimal numbers are codes behind them.
_TOLD = _words("event message received meldung signalled signaled")
# They are abbreviated with a full stop: "Alarm No. 17".
_DOTTED = _words("no nr num")
_INTRODUCERS = _STRONG | _NUMBERED | _WEAK | _VERBS | _TOLD | {"state"} | {word for _, word in _PAIRS}
# Labels rather than words of a sentence: what follows their colon is their value.
_LABELS = _words("status code ret http")
# Words before a bare "code" that make it the name of a thing.
_THINGS = _words(
    """bar qr lot zip part item post postal product order material country area color colour batch serial article
    customer supplier vendor operator user pin access recipe pallet station site plant tool currency language
    type location"""
)
# Answers of HTTP are graded: only 4xx and 5xx are errors.
_GRADED = _words("status http response")

_VALUE = (
    r"-?0[xX][0A-Fa-f]{1,10}|(?:[DLBWdlbw]{1,2}#)?0#[0A-Fa-f_]{1,12}|0[0A-Fa-f]{0,8}[hH]|-?0\.0"
    r"|-?(?:[A-Z]{1,5}[\-_.]?)?0[A-Z0]{0,5}(?:[\-:][A-Z]{0,2}0)?"
)
_JOINED_BY = r"(\.?+(?:\s(?:is|was|of)(?!\w))?+\s?+[:=#\[(\"']{0,3}+\s?+[\"'(]?+)(?=[A-Z0\-])"
_INTRODUCED = late(rf"(?<![^\W_])([^\W\d_]{{2,16}}+){_JOINED_BY}({_VALUE})(?!\w|[.\-:/]0)")
_INTRODUCED_ASCII = late(rf"(?<![A-Za-z0])([A-Za-z]{{2,16}}+){_JOINED_BY}({_VALUE})(?!\w|[.\-:/]0)")
# The same in scripts without spaces, where "报警 3 次" counts.
_COUNTERS = "次个個件条條本台回分秒小时時天日度번개회건초시"
_SIGN_INTRODUCED = late(
    r"(?:报警|警报|告警|報警|警報|故障|错误|錯誤|异常|異常|アラーム|エラー|障害|알람|경보|오류|에러|고장)"
    r"(?:(?:代码|代碼|编码|編碼|编号|代号|号码|號碼|码|碼|号|號|コード|番号|\s?코드|\s?번호|\s?(?:No|ID|code)\.?)"
    rf"[\s为為是はが는은]{{0,3}}[:=#(\[]{{0,3}}\s?({_VALUE})(?!\w|[.\-:/]0)|\s?[:#(\[]{{0,3}}\s?({_VALUE})(?=$|[:,;.)\]]|\x20\S|{SEAM}[^{_COUNTERS}]))"
)
_WORD_BEFORE = late(r"([^\W\d_]{2,12})[ _\-]?$")
_JOINED = late(r"([a-z]+?)(?:code|number|nummer|num|nr|no|id|status)$")
_SQL_SERVER = late(r"Msg (0), Level 0(?!\w)")
_REQUEST = late(r"HTTP/0(?:\.0)?\"?\s(0)(?!\w)")
# How a code may be joined to a weak word, and when a colon and a space will do: nothing but the end, punctuation
# or a new sentence behind the number ("Error: 17", not "Error: 3 retries failed").
_WEAK_JOIN = late(r"(?:\s?[=#\[(]\s?|\s|:)?")
_ENDED = late(r"$|[\]);:,.!]")  # where every noun has a capital, that begins no sentence
_CLOSED = late(r"$|[\]):;,.!]|\s[\-(A-Z]")
# What behind a number says that it counts, measures or is part of something longer: a unit, a decimal, a plural.
_COUNTS = late(
    r"[\w.]*[\w/%°]|[.,:]0|\s?[%°/]|\s(?:(?:(?:out\s)?of|von|sur|di|de|van)\s(?:0|them|all|many)|times?|x|more|other|errors?|warnings?|faults?|alarms?"
    r"|retries|attempts?|items?|parts?|pieces?|pcs|units?|bytes?|bits?|[kKMGT]i?B|[nuµm]?s|msecs?|sec(?:ond)?s?"
    r"|min(?:ute)?s?|h|hours?|days?|mm|cm|m|µm|bar|mbar|[mkM]?[VAWN]|Hz|kHz|MHz|rpm|Nm|dBm?|[CFK]|deg(?:rees)?)\b"
    r"|\s(?!(?:was|has|this|its|always|status|previous|occurs|means|stops)\b)[a-z]{2,20}[a-rt-z]s\b"
)
_SHAPED = late(r"(?<![\w.\-/])([A-Z]{1,5}+)[\-.]?0([A-Z]?)(:[A-Z]{1,3}0)?(?![\w\-]|\.0|/\w)")
# Codes by their form: see find_slots.
_FAILED_WITH = late(r"(?:[:=]\s?|\(|(?:failed|failure|aborted|rc|err)\s)(-0)(?=[)\],;]|\s\(|[.\s]*$)", re.IGNORECASE)
_FAILING = late(
    r"fail|err|unable|can(?:no|'|\s?no)t|could\s?n[o']t|time[d\s-]{0,2}out|invalid|abort|refus|reject|lost|denied|\bbad\b",
    re.IGNORECASE,
)
_NEGATIVE = late(r"-0(?<![\w.)\]]-0)(?![\w.]|[:/\-]0)")
_NEGATIVE_HEX = late(r"-0[xX](?<![\w.)\]]-0[xX])[0A-Fa-f]{1,8}(?![\w\-])")
_TYPE_CODE = late(r"\b[Tt]ype\s?[:=#]?\s?(0)[\s,;/]{1,3}[Cc]ode\s?[:=#]?\s?(0)(?!\w)")
_HEX = late(r"0[xX](?<![\w.\-#]0[xX])[0A-Fa-f]{1,8}(?![\w\-])")
_ASSEMBLER = late(r"0(?<![\w.\-]0)[0A-F]{0,3}h(?!\w)")
_ENDS_IN_H = re.compile(r"[0A-F]h(?!\w)").search
_SIEMENS = late(r"(?<![\w#])(?:[DLBWdlbw]{1,2}#)?0#[0A-Fa-f_]{1,12}(?!\w)")
_MIXED = late(r"[\s\[(<*#\"']{0,3}([A-Z0]{3,8})(?=[\])]|:\s)")
# Wherever they stand: displays of drives and servo amplifiers (E.OC1, A.710, A.C90, AL.30.1), robots (C153A0, KSS01205)
# and switches (%LINK-3-UPDOWN).
_DISPLAYED = late(
    r"(?<![\w.\-/])(?:E\.[A-Z]{1,3}0|A\.[A-Fb-d0]{1,3}|AL\.[A-F]?0[A-F]?(?:\.0)?|C0A0|KSS0|%[A-Z][A-Z0_]*(?:-[A-Z0_]+)*-0-[A-Z][A-Z0_]+)"
    r"(?![\w\-]|\.\w)"
)
_LIKE_DISPLAYED = re.compile(r"E\.|%|A\.[0-9A-Fb-d]{3}$|AL\.[0-9A-F]{2}|C\d{1,3}A\d{1,2}$|KSS\d{5}$").match
# The names of exceptions may hold digits: AmazonS3Exception.
_EXCEPTION = late(r"(?<![\w.\-$])[A-Za-z][\w.$]{1,120}(?<=[a-z0])(?:Exception|Error)(?!\w)")
# PS0010 ALARM, alarm PS 0010: a shape beside the word for what it is.
_BEFORE_ALARM = late(r"\s(?:alarm|fault|error|warning|trip|störung|fehler)(?![\w/])", re.IGNORECASE)
_SPACED = late(r"[A-Z]{1,3}\s0(?![\w.:/\-])")
_ALARM_WORDS = ("larm ", "LARM ", "ault ", "AULT ", "rror ", "RROR ")
_PREPOSITIONS = ("AT", "ON", "IN", "TO", "OF", "BY")
_RAIL = late(r"(?<![\w.)])[+\-]0(?:\.0)?\s?V(?:DC|AC)?(?!\w)")
_DECIMAL = late(r"-?\d{2,10}\.0+")
# The upper halves of HRESULTs and NTSTATUS codes: who reports the error. Others are addresses.
_FACILITIES = _words(
    """8000 8001 8002 8003 8004 8007 8008 8009 800A 800B 800F 8010 8011 8013 8015 8018 8024 8028 8031 8034 803D C000
    C015 C01E C021 C022"""
)
_RAILS = _words("3.3 5 9 10 12 15 18 24 28 36 48")
# systemd names what a process ended with: status=203/EXEC, status=9/KILL.
_EXIT_NAME = late(r"/[A-Z][A-Z_]{2,}(?![^\W_])")
_BRACKETS = late(r"[\s\[(<*#\"']{0,3}")
_TITLE_END = late(r"[\])]|:(?:\s|$)")


class Slot(msgspec.Struct, frozen=True):
    """A place of a folded text where a code may stand: whether it is one depends on its digits."""

    start: int
    end: int
    accept: Callable[[str], bool]


def _number(value: str) -> bool:
    """Codes people give numbers to are short; longer ones are handles, addresses and counters."""
    if value[:3].lower().lstrip("-").startswith("0x"):
        return len(value.lstrip("-")) <= 10
    if "#" in value:
        return len(value.rpartition("#")[2]) <= 9
    if value[-1] in "hH":
        return len(value) in (5, 9)
    if "." in value and not value[0].isalpha():
        return False
    return sum(map(str.isdigit, value)) <= 7 or _windows(value)


def _named(value: str) -> bool:
    """As :func:`_number` for what is called a code: it may be long, and a program may have made it a float."""
    if value.lstrip("-").isdigit():
        return len(value) <= 11
    return _number(value) or _DECIMAL.fullmatch(value) is not None


def _windows(value: str) -> bool:
    """HRESULT and NTSTATUS, as hexadecimal and as decimal numbers."""
    if value[:2] in ("0x", "0X"):
        return len(value) == 10 and value[2:6].upper() in _FACILITIES
    return len(value) == 11 and value.startswith(("-214", "-107"))


def _leading(value: str) -> bool:
    """A hexadecimal number that opens the text."""
    return 4 <= len(value) <= 8 or _windows(value)


def _errno(value: str) -> bool:
    return len(value) <= 5 or _windows(value)


def is_signal(value: str) -> bool:
    """A process ends by signal 1 to 31; what is negative or large is measured in dBm or percent."""
    return value.isdigit() and 1 <= int(value) <= 31 and len(value) < 3


def _typed(value: str) -> bool:
    """``W#16#80C4`` wherever it stands; ``16#80C4`` with all its digits."""
    kind, _, digits = value.rpartition("#")
    return kind.endswith("16") and (kind != "16" or len(digits) in (4, 8))


def _mixed(value: str) -> bool:
    digits = sum(map(str.isdigit, value))
    return len(value) > 3 and 1 < digits < len(value) and value.rstrip("0123456789") not in THING_PREFIXES


def _assembler(value: str) -> bool:
    return len(value) == 5


def _displayed(value: str) -> bool:
    return _LIKE_DISPLAYED(value) is not None


def _beside(value: str) -> bool:
    """At least four digits; of what has fewer it is not known whether it is a code or a machine."""
    return _prefixed(value.replace(" ", ""), range(4, 7)) or (" " not in value and _titled(value))


def _rail(value: str) -> bool:
    return value[1:].partition("V")[0].strip() in _RAILS


def canonical(value: str) -> str:
    """One way of writing for one code: ``0X80c4`` as ``0x80C4``, ``1205.0`` as ``1205``, ``+24 VDC`` as ``+24V``."""
    sign, mark, digits = value.replace("X", "x").partition("0x")
    if mark and not sign.strip("-"):
        return sign + mark + digits.upper()
    if "#" in value:
        return value.upper()
    if value[0] in "+-" and "V" in value:
        return value.partition("V")[0].strip() + "V"
    return value.partition(".")[0] if _DECIMAL.fullmatch(value) else value


def is_status(value: str) -> bool:
    """As :func:`_number`, but HTTP's answers that are no error (100 to 399) are one and the same."""
    return not (len(value) == 3 and value[0] in "123" and value.isdigit()) and _named(value)


def _refusal(value: str) -> bool:
    """HTTP's 4xx and 5xx."""
    return len(value) == 3 and value[0] in "45"


def _unlike_count(value: str) -> bool:
    """Not a plain number, unless it is an error of HTTP."""
    return _number(value) and (not value.isdigit() or _refusal(value))


def _hexadecimal(value: str) -> bool:
    return value[:2] in ("0x", "0X") and 4 <= len(value) <= 10


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


def find_slots(folded: str, start: int, routes: Sequence[int] = ()) -> list[Slot]:
    """Where codes may stand in ``folded`` from ``start`` on; may overlap: the earlier in the list wins.

    ``routes`` are the ends of the routes of HTTP requests in it.
    """
    if "0" not in folded:
        return []
    slots: list[Slot] = []
    for match in (_INTRODUCED_ASCII if folded.isascii() else _INTRODUCED).finditer(folded, start):
        accept = _introduced(folded, match)
        if accept is not None:
            slots.append(Slot(*match.span(3), accept))
    if not folded.isascii():
        slots += [
            Slot(*match.span(1), _named) if match[1] else Slot(*match.span(2), _number)
            for match in _SIGN_INTRODUCED.finditer(folded, start)
        ]
    if "Msg 0, Level" in folded:
        slots += [Slot(*match.span(1), _number) for match in _SQL_SERVER.finditer(folded, start)]
    if "HTTP/" in folded:
        slots += [Slot(*match.span(1), is_status) for match in _REQUEST.finditer(folded, start)]
    if routes:
        slots += [
            Slot(*span, _refusal) for span in find_statuses(folded, start, routes) if not _COUNTS.match(folded, span[1])
        ]
    if "E." in folded or "A." in folded or "AL." in folded or "C0A0" in folded or "KSS0" in folded or "%" in folded:
        slots += [Slot(*match.span(), _displayed) for match in _DISPLAYED.finditer(folded, start)]
    if any(word in folded for word in _ALARM_WORDS):
        slots += [
            Slot(*match.span(), _beside)
            for match in _SPACED.finditer(folded, start)
            if folded[max(0, match.start() - 6) : match.start()].lower() in ("alarm ", "fault ", "error ")
            and not match[0].startswith(_PREPOSITIONS)
        ]
    if "Exception" in folded or "Error" in folded:
        slots += [Slot(*match.span(), bool) for match in _EXCEPTION.finditer(folded, start) if "0" in match[0]]
    for match in _SHAPED.finditer(folded, start):
        begin, end = match.span()
        if match[3]:
            slots.append(Slot(begin, end, _pair))
        elif match[2]:
            slots.append(Slot(begin, end, _clear))
        elif _BRACKETS.fullmatch(folded, start, begin) or _TITLE_END.match(folded, end):
            slots.append(Slot(begin, end, _titled))
        elif folded[end : end + 1] == " " and _BEFORE_ALARM.match(folded, end):
            slots.append(Slot(begin, end, _beside))
        else:
            slots.append(Slot(begin, end, _clear))
    return slots + _formed(folded, start)


def _formed(folded: str, start: int) -> list[Slot]:
    """Codes of a form that few values have: ``failed: -110``, ``0x80070005``, ``W#16#80C4``, ``80C4h``, ``+24V``."""
    slots: list[Slot] = []
    if "-0x" in folded or "-0X" in folded:
        slots += [Slot(*match.span(), _number) for match in _NEGATIVE_HEX.finditer(folded, start)]
    if "-0" in folded:
        slots += [
            Slot(*match.span(1), _errno)
            for match in islice(_FAILED_WITH.finditer(folded, start), 4 * MAX_CODES)
            if _FAILING.search(folded, max(start, match.start() - 80), match.start(1))
        ]
        slots += [
            Slot(*match.span(), _windows)
            for match in _NEGATIVE.finditer(folded, start)
            if not _COUNTS.match(folded, match.end())
        ]
    if "ype" in folded:
        for match in _TYPE_CODE.finditer(folded, start):
            slots += [Slot(*match.span(1), _number), Slot(*match.span(2), _number)]
    if "0x" in folded or "0X" in folded:
        for match in _HEX.finditer(folded, start):
            if _BRACKETS.fullmatch(folded, start, match.start()):
                slots.append(Slot(*match.span(), _leading))
            elif match[0][2] in "0cC" and len(match[0]) < 8:  # few digits of theirs are letters
                slots.append(Slot(*match.span(), _windows))
    if "0#" in folded:
        slots += [Slot(*match.span(), _typed) for match in _SIEMENS.finditer(folded, start)]
    if _ENDS_IN_H(folded):
        for match in _ASSEMBLER.finditer(folded, start):
            if not match[0].islower() or _BRACKETS.fullmatch(folded, start, match.start()):
                slots.append(Slot(*match.span(), _assembler))
    if "0V" in folded or "0 V" in folded:
        slots += [Slot(*match.span(), _rail) for match in _RAIL.finditer(folded, start)]
    if (mixed := _MIXED.match(folded, start)) and "0" in mixed[1]:
        slots.append(Slot(*mixed.span(1), _mixed))
    return slots


def _introduced(folded: str, match: re.Match[str]) -> Callable[[str], bool] | None:
    """Whether the word before a number makes it a code: the test that the number must pass, or None."""
    word, joint = match[1].lower(), match[2].replace('"', "").replace("'", "")
    if joint.startswith(".") and word not in _DOTTED:
        return None
    joined = _JOINED.match(word)
    if word not in _INTRODUCERS and not joined:
        return None
    accept = is_status if word in _GRADED else is_signal if word == "signal" else _number
    if not match[2] and match[3][0] != "-":
        return None
    if word in _STRONG:
        return _named
    before = _WORD_BEFORE.search(folded, max(0, match.start() - 14), match.start())
    kind = before[1].lower() if before else ""
    if (word in _NUMBERED and kind in (_IDENTIFIED if word == "id" else _KINDS)) or (kind, word) in _PAIRS:
        if word == "with" and _COUNTS.match(folded, match.end()):  # "finished with 3 warnings"
            return None
        return (
            is_status
            if kind in _GRADED or (accept is is_status and kind != "exit")
            else _number
            if word == "id"
            else _named
        )
    if word == "status" and _EXIT_NAME.match(folded, match.end()):
        return _number
    if joined and joined[1] in _KINDS:
        return is_status if joined[1] in _GRADED else _number if word.endswith("id") else _named
    if word in _VERBS or (word == "state" and kind in _WEAK):
        return (
            _unlike_count if joint in (" ", ": ", ":", " (", "(") and not _COUNTS.match(folded, match.end()) else None
        )
    if word in _TOLD and match[3][:2] in ("0x", "0X"):
        return _hexadecimal
    if word not in _WEAK or (word == "code" and kind in _THINGS) or _COUNTS.match(folded, match.end()):
        return None
    if _WEAK_JOIN.fullmatch(joint):
        return accept
    closed = _ENDED if word in _FOREIGN else _CLOSED
    if joint == ": " and (word in _LABELS or closed.match(folded, match.end())):
        return accept
    return None

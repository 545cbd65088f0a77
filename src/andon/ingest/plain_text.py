"""Messages that are no JSON: what is text, and the level that it names itself."""

from __future__ import annotations

import re

from andon.core.late_patterns import late
from andon.grouping.headers import header_end
from andon.grouping.mask import fold

_WORDY = late(r"[^\W_]+|\s+")
_PRIORITY = late(r"<(\d{1,3})>")
_NAMES = (
    r"(TRACE|DEBUG|INFO|INFORMATION|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|CRITICAL|CRIT|FATAL|ALERT|EMERG|EMERGENCY"
    r"|PANIC|FAILURE|VERBOSE|ALARM|FEHLER|STÖRUNG|STOERUNG|WARNUNG|HINWEIS|ERREUR|ERRORE|FALLO|AVISO|ADVERTENCIA"
    r"|AVERTISSEMENT|ОШИБКА)"
)
_SHORT = r"(TRC|DBG|INF|WRN|ERR|FTL|CRT|ERRO|FATA|DEBU|VRB|EROR|WARN|FAIL|CRIT)"
_UPPER = late(rf"(?<![^\W_]){_NAMES}(?![^\W_])")
_NAMED = late(rf"(?<![^\W_])(?:level|lvl|severity)[\"']?\s?[=:>]\s?[\"']?{_NAMES}(?![^\W_])", re.IGNORECASE)
_ANY = late(rf"(?:^|[\s|,;\[(<]){_NAMES}(?=$|[\s|,;:\])>])", re.IGNORECASE)
# What starts with a level: in capitals, in brackets or with a colon.
_LEADING = late(rf"[\[(<]?{_NAMES}(?=[\])>:\s|,\-]|$)")
_MARKED = late(rf"(?:[\[(<]{_NAMES}[\])>]|{_NAMES}:)(?=\s)", re.IGNORECASE)
# Behind a clock's time and nothing else, and what the consoles of .NET, logrus and Erlang start with.
_TIMED = late(
    rf"[\W0TZ_]{{0,40}}0:0[\W0TZ_]{{0,20}}(?:[AP]M\W)?\W{{0,3}}"
    rf"(?:(?:{_SHORT}|(?:[\w\-]{{1,40}}\.)?{_NAMES})(?=[\s|\])>:])|(?i:{_NAMES})(?=[;|\t\]]))"
)
_CONSOLE = late(rf"{_SHORT}\[\d+\] |(info|warn|fail|crit|dbug|trce): \S+\[\d+\]$|={_NAMES} REPORT=")
_EAST = late(r"[\[【(<]?(错误|警告|严重|故障|报警|致命|エラー|警報|異常|오류|경고)[\]】)>]?\s?[:：\s]")
_LETTER = late(r"([IWEF])0\s+0:0:0\.0\s|([DIWEF]), \[0-0|0-0\s0:0:0\.0\s+0\s+0\s([VDIWEF])\s")
_HEADER = 400


_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def is_text(text: str) -> bool:
    """Whether it is no binary data: no NUL, and at least half letters, digits and blanks."""
    return "\0" not in text and 2 * sum(map(len, _WORDY.findall(text))) >= len(text) > 0


def is_binary(data: bytes) -> bool:
    """Whether ``data`` holds bytes that no text has: three, and one in twenty, are control characters.

    Blanks, line ends and the escape of colours are none of them.

    >>> is_binary("Tür offen\\t\\x1b[0m".encode()), is_binary(b"\\x16\\x03\\x01\\x02\\0\\x01\\0hello")
    (False, True)
    """
    return _CONTROL.search(data) is not None and len(_CONTROL.findall(data)) > max(len(data) // 20, 2)


def level_in(line: str) -> tuple[str | int, str] | None:
    """The level that the head of ``line`` names, and the field that it is like; None where it names none.

    >>> level_in("<131>Oct 11 22:14:15 plc7 reader: no answer")
    (3, 'priority')
    >>> level_in("2025-01-15 02:14:23 [ERROR] no answer")
    ('ERROR', 'level')
    """
    if (match := _PRIORITY.match(line)) and int(match[1]) <= 191:
        return int(match[1]) % 8, "priority"
    head = line[:_HEADER].partition("\n")[0]
    folded = fold(head)
    if match := _LETTER.match(folded):
        return match[1] or match[2] or match[3], "level"
    end = header_end(folded)
    header, text = folded[:end], folded[end:]
    found = _NAMED.search(header) or _UPPER.search(header) or _ANY.search(header) or _TIMED.match(folded)
    found = found or _LEADING.match(text) or _MARKED.match(text) or _CONSOLE.match(head) or _EAST.match(head)
    found = found or (_NAMED.search(head) if head[:1] in ("{", "<") else _NAMED.match(head))
    return (next(filter(None, found.groups())), "level") if found else None

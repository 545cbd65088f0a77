"""What the head of a plain line says beside the text: when, on which host, by which program.

Only what stands at the very beginning of the line counts, and only forms that can be nothing else: a wrong time is
worse than the time of receipt. A clock without a day tells no time.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from andon.core.late_patterns import late

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_CLOCK = r"\d\d:\d\d:\d\d(?:[.,:]\d{1,9})?"
_NAMES = "UTC|GMT|CES?T|MES?Z|[ECMP]DT|[EMP]ST|WES?T|EES?T|MSK|JST|KST|HKT|AE[SD]T|NZ[SD]T|BRT"
_ZONE = rf"(?:\s?(?:Z|[+\-]\d\d:?\d\d|{_NAMES})(?!\w))?"
_ISO = rf"\d{{4}}(?P<mark>[\-/.])\d\d(?P=mark)\d\d(?:[T _]|,\s){_CLOCK}{_ZONE}"
_LOCAL = rf"\d\d?(?P<dot>[./\-])\d\d?(?P=dot)(?:\d{{4}}|\d\d),?\s\d?{_CLOCK[2:]}(?:\s?[AP]M)?{_ZONE}"
_CTIME = rf"{_DAY}\s{_MONTH}\s+\d{{1,2}}\s{_CLOCK}(?:\s[A-Z]{{3,4}})?\s\d{{4}}"
_BSD = rf"{_MONTH}\s+\d{{1,2}}\s(?:\d{{4}}\s)?{_CLOCK}(?:\s\d{{4}}(?=[\s\]]))?"
_DAYTIME = rf"\d{{1,2}}[ /\-]{_MONTH}[ /\-]\d{{4}}[ :]{_CLOCK}{_ZONE}"
#: A time with its day, as loggers begin a line with it; in brackets or not, behind a priority or not.
_STAMP = late(
    rf"(?:<\d{{1,3}}>(?:1 )?)?[\[(]?(?P<time>{_ISO}|{_LOCAL}|{_CTIME}|{_BSD}|{_DAYTIME})"
    r"(?=[\s\]),;|\-:]|$)[\])]?"
)
_RUBY = late(r"[DIWEFA], \[(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}) #\d+\]")
_KLOG = late(rf"[IWEF](?P<time>\d{{4}} {_CLOCK})\s+\d+ [\w./\-]+:\d+\] ")
_PAIR = late(
    r"(?:\w{1,20}=[^\s\"]{1,60} ){0,3}"
    r"(?:time|ts|timestamp)=(?:\"(?P<time>[^\"]{10,40})\"|(?P<bare>\S{10,40}))\s"
)
_ACCESS = late(rf"(?P<host>[\w.:\-]+) \S+ \S+ \[(?P<time>\d\d/{_MONTH}/\d{{4}}:\d\d:\d\d:\d\d [+\-]\d{{4}})\] ")
_COMPACT = late(r"(?P<time>\d{8}-\d{1,2}:\d{1,2}:\d{1,2}:\d{3})\|")
#: What follows the time of RFC 3164 and of rsyslog's form with a full time, and what stands in RFC 5424.
_TAG = late(r"\s(?P<host>[\w.:\-]{1,255})\s(?P<program>[\w./\-]{1,64})(?:\([^)\s]{1,64}\))?(?P<pid>\[\d{1,10}\])?:\s")
_NEW = late(r"<\d{1,3}>1 (?P<time>\S{10,40}) (?P<host>\S{1,255}) (?P<program>\S{1,64}) \S{1,128} \S{1,32} (?:-|\[)")
_MICROSECONDS = late(r"T\d\d:\d\d:\d\d\.\d{6}(?:Z|[+\-]\d\d:\d\d)$")
_WORD = late(r"[A-Z][a-z]+")
_LEVELS = frozenset(
    ("TRACE", "DEBUG", "INFO", "INFORMATION", "NOTICE", "WARN", "WARNING", "ERROR", "ERR", "SEVERE", "CRITICAL", "CRIT")
)
#: So much of a line is looked at.
_LOOKED_AT = 400


class Head(NamedTuple):
    """What a line's head says; empty where it does not say it. ``time`` is as it was written, ``end`` behind it."""

    time: str = ""
    host: str = ""
    program: str = ""
    end: int = 0


NOTHING = Head()


@functools.lru_cache(maxsize=16)  # the same line is looked at by who joins it and by who reads it
def head_of(line: str) -> Head:
    """What stands at the head of a line.

    >>> head_of("Nov 30 09:32:32 plc7 reader[311]: no answer")
    Head(time='Nov 30 09:32:32', host='plc7', program='reader', end=15)
    >>> head_of("2026-11-30 09:32:32,531 ERROR [main] org.plc.Link: lost").time
    '2026-11-30 09:32:32,531'
    >>> head_of("Maintenance is due on 2026-11-30 09:00:00").time
    ''
    """
    if not line or line[0] not in _FIRST:
        return NOTHING
    line = line[:_LOOKED_AT]
    if match := _NEW.match(line):
        host, program = (match[name] if match[name] != "-" else "" for name in ("host", "program"))
        return Head(match["time"], host, program, match.end("time"))
    if match := _STAMP.match(line):
        time = match["time"]
        found = _TAG.match(line, match.end())
        if found is None or not _is_syslog(time, found):
            return Head(time, "", "", match.end())
        return Head(time, found["host"], found["program"], match.end())
    if match := _ACCESS.match(line):  # the host there is who asked, not who logs
        return Head(match["time"], "", "", match.end())
    if match := _RUBY.match(line) or _KLOG.match(line) or _COMPACT.match(line):
        return Head(match["time"], "", "", match.end("time"))
    if match := _PAIR.match(line):
        return Head(match["time"] or match["bare"], "", "", match.end())
    return NOTHING


def _is_syslog(time: str, found: re.Match[str]) -> bool:
    """Whether two words behind a time are host and program: a sentence may stand there too."""
    host = found["host"]
    if host.upper() in _LEVELS or found["program"].upper() in _LEVELS or host.endswith((":", ".")):
        return False
    if time[:1].isdigit():  # programs of their own write such times before sentences; rsyslog writes microseconds
        return bool(_MICROSECONDS.search(time))
    return found["pid"] is not None or not _WORD.fullmatch(host)


_FIRST = frozenset("0123456789[(<JFMASONDTWIEtlcv")

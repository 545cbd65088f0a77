"""Headers: what a logger writes before the text (time, host, level, process, logger).

Works on folded text (:func:`andon.grouping.mask.fold`), where a date is ``0-0-0`` whatever its digits. Only what
starts with a recognised time stamp is a header, and a text is never stripped to nothing.
"""

from __future__ import annotations

import re

from andon.core.late_patterns import late
from andon.grouping.mask import digit_runs, fold

_LEVEL_NAMES = (
    r"(?:TRACE|DEBUG|INFO|INFORMATION|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|CRITICAL|CRIT|FATAL|ALERT|EMERG|FINE"
    r"|FAILURE|VERBOSE)"
)
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MON = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"0:0:0(?:[.,:]0)?"
_ZONE = r"(?:Z|\s?[+\-]0:?0?(?!\S)|\s(?:UTC|GMT|CES?T)(?!\w))?"
_ISO = rf"(?:(?:0[\-/.]0[\-/.]0(?:[T _]|,\s)|0[\-/.]0\s){_CLOCK}{_ZONE}|0-0-0-0\.0\.0\.0|0-0:0:0(?::0)?)"
_RFC3164 = rf"(?:{_DAY}\s)?{_MON}\s+0\s(?:0\s)?{_CLOCK}"
_CTIME = rf"{_DAY}\s{_MON}\s+0\s{_CLOCK}(?:\s(?:UTC|GMT))?\s0"
_CLF = rf"0/{_MON}/0:0:0:0(?:\s[+\-]0)?"
_STAMP = rf"(?:{_CTIME}|{_CLF}|{_ISO}|{_RFC3164})"

# What loggers write as key=value pairs before the message.
_PAIR = (
    r"(?:time|ts|timestamp|t|level|lvl|severity|logger|caller|component|module|source|pid|tid|thread|app|host|hostname"
    r"|service|instance|node|version)=(?:\"[^\"]{0,80}\"|[^\s\"]{0,80})\s+"
)
_PAIRS = rf"(?:{_PAIR}){{1,10}}(?:msg|message)=\"?"

#: Formats that say all about themselves, each up to its text.
_WHOLE = late(
    "|".join(
        (
            rf"(?:<0>)0\s(?:{_ISO}|-)\s\S+\s\S+\s\S+\s\S+\s(?:-|\[[^\]]*\])+\s?",  # syslog, RFC 5424
            rf"(?:time|ts|timestamp)=\"?{_ISO}\"?\s+level=\w+\s+(?!\w+=)",  # logfmt without a name for its message
            rf"(?=(?:time|ts|timestamp|t|level|lvl|severity)=){_PAIRS}",  # logfmt
            rf"0-0-0T{_CLOCK}{_ZONE}\s(?:stdout|stderr)\s[FP]\s",  # containers
            r"[IWEF]0\s+0:0:0\.0\s+0\s[\w./\-]+:0\]\s",  # klog
            rf"0\s0\s0\s{_LEVEL_NAMES}\s[\w.$\-/]+:\s",  # 081109 203615 148 INFO dfs.X:
            r"0-0:0:0:0\|[^|\s]{1,60}\|0\|",  # 20171223-22:15:29:606|Step_LSC|30002312|
            r"0-0\s0:0:0\.0\s+0\s+0\s[VDIWEF]\s[^:\s]{1,60}\s*:\s",  # Android
            rf"\S{{1,12}}\s0\s0\.0\.0\s\S+\s{_ISO}\s\S+\s[A-Z]+\s[A-Z]+\s{_LEVEL_NAMES}\s",  # supercomputers' RAS
            rf"(?:\S{{1,12}}\s0\s0\.0\.0\s\S+|<0>)\s?{_RFC3164}\s\S+\s[\w./\-()]+(?:\[0\])?:\s",
            # syslog, RFC 3164 and its ISO-stamped form: host, then a tag that ends with a colon
            rf"(?:{_RFC3164}|0-0-0T{_CLOCK}{_ZONE})\s(?!{_LEVEL_NAMES}\b)[\w.\-]+\s[\w./\-]+(?:\([^)\s]*\))?(?:\[0\])?:\s",
            rf"[\w.:\-]++\s\S++\s\S++\s\[{_CLF}\]\s",  # access logs of web servers
        )
    )
)
_START = late(rf"(?:[\w\-]{{1,40}}\.log[\w.:\-]{{0,40}}\s)?{_STAMP}\s?|\[(?:{_STAMP})\]\s?|\[0\.0\s{_CLOCK}\]\s?")
_SPACE = r"[\s|,;]*"
_LEVEL = late(rf"{_SPACE}[\[(<]?(?:{_LEVEL_NAMES})[\])>]?(?=[\s|:,;\-\[(]):?", re.IGNORECASE)
_PROCESS = late(rf"{_SPACE}(?:0(?=[\s|]+(?:\S+\s+)?[\[(]?(?:{_LEVEL_NAMES}))|0\#0:|\*0\s|\(0\)|-(?=\s))")
# A bracketed alarm code is text.
_BRACKET = late(
    rf"{_SPACE}(?:\[(?![A-Z]{{1,5}}[\-_.]?0\])(?:[^\s\[\]]|\[[^\s\[\]]*\]){{1,80}}\]|\([^\s()]{{1,80}}\))(?=[\s:|\-])"
)
# A plain word before a colon may be the topic of the text, and an exception's name is: both stay. A logger is
# recognised by its dots, by a line number or by the level that follows it.
_LOGGER = late(
    rf"{_SPACE}(?![\w.$]*(?:Exception|Error|Fault)\b)(?:[A-Za-z_][\w$/<>\-]{{0,60}}(?:[.$:/][\w$<>\-]+)+"
    r"(?:\[[^\]\s]{1,40}\])?(?::\s|\s*\|\s|\s+-\s)|[a-z_]+(?:\.[\w$]+)+(?=\s))"
)
_NAMED_LEVEL = late(
    rf"{_SPACE}[\w.$/\-]{{1,80}}\s?[:|\-]\s{{0,3}}[\[(]?(?:{_LEVEL_NAMES})[\])]?\s?[:|\-]\s", re.IGNORECASE
)
_COLUMN = late(r"\s{2,}[A-Za-z][\w.\-]{0,40}(?:\s{2,}|\t)")
_LOGFMT = late(_PAIRS)
_REQUEST = late(rf"{_SPACE}:?\s*\[[^\]\s]*0[^\]\s]*(?:\s[^\]\s]*){{1,8}}\](?=\s)")
_PROGRAM = late(r"[\w.\-]{1,40}(?:\s\*0)?\s-\s")
_LETTERS = late(r"[^\W\d_]{2}")
#: No header is longer.
_HEAD_MOST = 1_000


def header_end(folded: str) -> int:
    """Where the text begins behind a recognised header, 0 where there is none.

    >>> header_end("0-0-0 0:0:0,0 ERROR [main] org.plc.Link: lost connection")
    41
    """
    if not folded or ("0" not in folded[:80]):
        return 0
    whole = _WHOLE.match(folded)
    if whole:
        return whole.end() if _LETTERS.search(folded, whole.end()) else 0
    start = _START.match(folded)
    if not start:
        return 0
    end = _parts_end(folded, start.end())
    return end if _LETTERS.search(folded, end) else 0


def behind_header(text: str) -> str:
    """``text`` as it was written, from behind its recognised header on; ``text`` where it has none.

    >>> behind_header("2026-11-30 21:00:01 ERROR [main] org.plc.Link: lost connection to node 17")
    'lost connection to node 17'
    """
    folded = fold(text[:_HEAD_MOST])
    end = header_end(folded)
    if not end:
        return text
    # each run of digits is one 0 in the folded text, and everything else is what it was
    longer = sum(len(run) - 1 for run in digit_runs(text[:_HEAD_MOST])[: folded.count("0", 0, end)])
    return text[end + longer :]


def _parts_end(folded: str, position: int) -> int:
    """Behind level, process, thread and logger, in whatever order they stand behind the time stamp."""
    levelled = False
    if folded[position - 2 : position - 1] == "]" and (program := _PROGRAM.match(folded, position)):
        return program.end()
    if match := _LOGFMT.match(folded, position):
        return match.end()
    for _ in range(8):
        if not levelled and (match := _LEVEL.match(folded, position)):
            levelled = True
        elif match := _PROCESS.match(folded, position) or _BRACKET.match(folded, position):
            pass
        else:
            break
        position = match.end()
    if not levelled and (match := _NAMED_LEVEL.match(folded, position)):
        position, levelled = match.end(), True
    elif levelled and (match := _LOGGER.match(folded, position) or _COLUMN.match(folded, position)):
        position = match.end()
    if levelled and (match := _REQUEST.match(folded, position)):
        position = match.end()
    while position < len(folded) and folded[position] in " \t|:-,;":
        position += 1
    return position

"""What problems are called wherever they are named, and what their explanations say to look at first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from andon.grouping.headers import behind_header
from andon.grouping.mask import TAIL

if TYPE_CHECKING:
    from andon.store.alarms import AlarmEntry

#: Longer titles are cut: the whole text is one press away.
TITLE_MAX = 240
_NUMBER = r"(?:\d[\d.,:]{0,20}|…)"
#: A number or several, or what stands for values that differ, with a unit at most.
_VALUE = re.compile(
    rf"\W{{0,3}}{_NUMBER}(?:[\s,;/]{{1,3}}-?{_NUMBER}){{0,8}}[\s\W]{{0,3}}"
    r"(?:[^\W\d_]{1,4}\d?(?:/[^\W\d_]{1,4}\d?)?)?\W{0,3}"
)
_HOLES = re.compile(r"<\*>(?:\W{0,3}<\*>)*")
_LEVELS = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|CRITICAL|CRIT|FATAL|ALERT|EMERG)"
#: A level behind what may be a time, in brackets or before a colon: the severity is told beside the title.
_LEVELLED = re.compile(
    rf"(?:[\[(]?(?:[\d…][\d…:.,/\-TZ ]{{0,40}}|[AP]M\s)(?:[AP]M)?[\])]?"
    rf"[\s|;,\-]{{0,5}}(?:\[[^\]\s]{{1,40}}\]\s)?[\[(<]?{_LEVELS}\b[\])>]?"
    rf"|[\[(<]{_LEVELS}[\])>]|{_LEVELS}\s?(?=[:|]))[\s:|;,\-]{{1,9}}(?=\W{{0,3}}[^\W\d_]{{2}})"
)


def title_of(template: str, most: int = TITLE_MAX) -> str:
    """The text that a problem's logs share in one line, without the codes behind it, with … for what differs.

    >>> title_of("station <*> failed:  <*>, <*> @ PLC-PL<*> alarm_code=E7")
    'station … failed: …'
    """
    text, _, codes = template.rpartition(TAIL)
    return in_line(_unlevelled(_HOLES.sub("…", text if text.strip() and "=" in codes else template)), most)


def title_in(message: str, most: int = TITLE_MAX) -> str:
    """What a log says in one line, without the time, level and logger that its line begins with.

    >>> title_in("2026-11-30 21:00:01 ERROR Hydraulic pressure 82 bar")
    'Hydraulic pressure 82 bar'
    >>> title_in("21:00:01 [ERROR] Hydraulic pressure 82 bar")
    'Hydraulic pressure 82 bar'
    """
    return in_line(_unlevelled(behind_header(message)), most)


def _unlevelled(text: str) -> str:
    found = _LEVELLED.match(text)
    return text if found is None else text[found.end() :]


def in_line(text: str, most: int = TITLE_MAX) -> str:
    """A text in one line, cut where it has more than ``most`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def about(text: str, *names: str | None) -> str:
    """A title that says what it is about: before a text that is only a value stands the first of ``names``.

    >>> about("93 C", None, "Gearbox 4"), about("… bar", "P3"), about("60"), about("3 jobs failed", "mes01")
    ('Gearbox 4: 93 C', 'P3: … bar', '60', '3 jobs failed')
    """
    name = next((one for name in names if name and (one := in_line(name)) and one not in text), None)
    return text if name is None or not _VALUE.fullmatch(text) else f"{name}: {text}"


def alarm_title(one: AlarmEntry) -> str:
    """What an alarm is called: its text with its values, behind what it measures or its place where it is but one."""
    return about(title_in(one.text) or one.code, one.item, one.origin, one.machine, one.hostname, one.place)


def checks_of(finding: object) -> tuple[str, ...]:
    """What an explanation says to look at, the most useful first; nothing where none is written."""
    checks = finding.get("checks") if isinstance(finding, dict) else None
    return tuple(map(str, checks)) if isinstance(checks, list) else ()

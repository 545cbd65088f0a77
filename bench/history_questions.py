"""What operators ask of the history, with the time each kind of question may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from datetime import time as clock
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock
from zoneinfo import ZoneInfo

from andon.core.models import LogQuery, utc_text
from andon.insight.alarms import alarm_report
from andon.insight.differences import differences
from andon.insight.shifts.calendar import Shift
from andon.insight.trends import breakdown, trends
from andon.store import Visitor, counts, problems, queue, search
from andon.store.problems import overview

HOUR, DAY = 3600, 86_400
SPANS = {"1 h": HOUR, "8 h": 8 * HOUR, "24 h": DAY, "30 d": 30 * DAY}
ZONE = ZoneInfo("Europe/Berlin")
SHIFTS = [
    Shift(name, clock(start), clock(end)) for name, start, end in (("early", 6, 14), ("late", 14, 22), ("night", 22, 6))
]
#: What a question of a kind may take, in seconds: the 95th percentile.
LIMITS = {"dashboard": 0.04, "search": 0.05, "diff": 0.25}


class Question(NamedTuple):
    """A kind, a name, and what is called with the number of the round; rounds differ in hosts, problems, times."""

    kind: str
    name: str
    ask: Callable[[int], Any]


def questions(path: Path, end: int) -> list[Question]:
    """All of them, put to the database at ``path`` as if it were ``end`` (unix seconds) now."""
    visitor = Visitor(path)
    mock.patch.object(overview, "now_text", return_value=_text(end)).start()
    largest = [row.id for row in visitor.read(problems.listing, 400, "count")]
    return [
        *_overview(visitor, largest, end),
        *_lists(visitor, largest, end),
        *_search(visitor, end),
        *_diff(visitor, largest, end),
    ]


def _overview(visitor: Visitor, largest: list[int], end: int) -> list[Question]:
    found: list[tuple[str, Callable[[int], Any]]] = [
        ("counts", lambda _: visitor.read(counts.sizes)),
        *(
            (f"problems, by {order}", partial(_patterns, visitor, order))
            for order in ("last", "count", "rate", "severity")
        ),
        ("problems, new", lambda n: visitor.read(problems.listing, 50, "first", _text(end - (n + 1) * DAY))),
        ("a problem: summary, hosts, explanations", lambda n: _problem(visitor, largest[n * 7])),
        (
            "a problem: by machine, line, shift, 7 d",
            lambda n: visitor.read(breakdown.breakdown, largest[n * 7], end - 7 * DAY, end, SHIFTS, ZONE),
        ),
    ]
    for name, length in SPANS.items():
        since = end - length
        asked = trends.Asked(since, end, since - max(7 * DAY, 3 * length))
        found += [
            (f"{kind}, {name}", partial(_trend, visitor, kind, asked)) for kind in ("top", "new", "rising", "quiet")
        ]
        found.append((f"alarm figures, {name}", partial(_alarms, visitor, since, end)))
        step = "minute" if length <= 8 * HOUR else "hour"
        found.append((f"timeline, {name} by {step}", partial(_timeline, visitor, step, since, end)))
        if length <= DAY:
            found.append((f"first-out, {name}", partial(_first_out, visitor, since, end)))
    found.append(("alarm figures, 90 d", partial(_alarms, visitor, end - 90 * DAY, end)))
    return [Question("dashboard", name, ask) for name, ask in found]


def _patterns(visitor: Visitor, order: Any, _: int) -> Any:
    return visitor.read(problems.listing, 50, order)


def _problem(visitor: Visitor, pattern_id: int) -> Any:
    return (
        visitor.read(problems.summary, pattern_id),
        visitor.read(problems.hosts_of, pattern_id),
        visitor.read(queue.history_of, pattern_id),
    )


def _trend(visitor: Visitor, kind: Any, asked: trends.Asked, _: int) -> Any:
    return visitor.read(trends.find, kind, asked)


def _alarms(visitor: Visitor, since: int, until: int, _: int) -> Any:
    return visitor.read(alarm_report.find, since, until)


def _timeline(visitor: Visitor, step: Any, since: int, until: int, _: int) -> Any:
    return visitor.read(breakdown.timeline, step, since, until, ZONE)


def _first_out(visitor: Visitor, since: int, until: int, _: int) -> Any:
    return visitor.read(trends.first_out, since, until)


def _lists(visitor: Visitor, largest: list[int], end: int) -> list[Question]:
    kinds = ("plc", "robot", "vision", "drive", "hmi")
    asked: dict[str, Callable[[int], LogQuery]] = {
        "logs": lambda _: LogQuery(),
        "logs, WARNING and worse": lambda _: LogQuery(severity="WARNING"),
        "logs, ERROR and worse": lambda _: LogQuery(severity="ERROR"),
        "logs, CRITICAL": lambda _: LogQuery(severity="CRITICAL"),
        "logs of a host": lambda n: LogQuery(host=f"{kinds[n % 5]}-{n % 8 + 1:02d}-{n:02d}"),
        "logs of a host, CRITICAL": lambda n: LogQuery(
            host=f"{kinds[n % 5]}-{n % 8 + 1:02d}-{n:02d}", severity="CRITICAL"
        ),
        "logs of hosts, plc-0*": lambda _: LogQuery(host="plc-0*"),
        "logs of no host there is": lambda _: LogQuery(host="plc-99"),
        "logs of a service": lambda n: LogQuery(service=("motion", "scada", "safety", "oven-ctl")[n % 4]),
        "logs of a line": lambda n: LogQuery(line=f"line-{n % 8 + 1}"),
        "logs of a machine": lambda n: LogQuery(machine=f"machine-{n:02d}"),
        "logs of a frequent problem": lambda n: LogQuery(pattern_id=largest[n % 5]),
        "logs of a rare problem": lambda n: LogQuery(pattern_id=largest[-1 - n]),
        "logs of a problem, a week long ago": lambda n: LogQuery(
            pattern_id=largest[n], since=_text(end - 60 * DAY), until=_text(end - 53 * DAY)
        ),
        "logs of a day": lambda n: LogQuery(since=_text(end - (n + 9) * DAY), until=_text(end - (n + 8) * DAY)),
        "logs, page from long ago": lambda n: LogQuery(before=(_text(end - (n + 20) * DAY), 5)),
    }
    return [Question("dashboard", name, partial(_asked, visitor, make)) for name, make in asked.items()]


def _asked(visitor: Visitor, make: Callable[[int], LogQuery], number: int) -> Any:
    return visitor.read(search.find, make(number))


def _search(visitor: Visitor, end: int) -> list[Question]:
    common = ("interlock", "failed", "measured", "node", "overcurrent")
    things = ("camera", "spindle", "encoder", "servo", "pallet")
    asked: dict[str, Callable[[int], LogQuery]] = {
        "a rare word": lambda n: LogQuery(text=f"{4800 + n}"),
        "a common word": lambda n: LogQuery(text=common[n % 5]),
        "a phrase": lambda n: LogQuery(text=f'"{("guard door and", "frames dropped")[n % 2]}"'),
        "two words": lambda n: LogQuery(text=f"{things[n % 5]} {common[n % 5]}"),
        "two common words that never meet": lambda n: LogQuery(text=f"{common[n % 5]} {common[(n + 1) % 5]}"),
        "a field's value": lambda n: LogQuery(fields=(("recipe", f"R-{200 + n}"),)),
        "a field's value, unique": lambda n: LogQuery(fields=(("cycle", f"{1000 + 7 * n}"),)),
        "two fields' values": lambda n: LogQuery(fields=(("firmware", "2.1.4"), ("operator", f"op{n:02d}"))),
        "a word and a host": lambda n: LogQuery(
            text=common[n % 5], host=f"drive-{(3 + 5 * n) % 60 % 8 + 1:02d}-{(3 + 5 * n) % 60:02d}"
        ),
        "a word and a time": lambda n: LogQuery(
            text=common[n % 5], since=_text(end - (n + 30) * DAY), until=_text(end - (n + 29) * DAY)
        ),
        "a word and a problem's severity": lambda n: LogQuery(text=things[n % 5], severity="CRITICAL"),
        "a word that no log has": lambda n: LogQuery(text=f"nowhere{n}"),
    }
    return [Question("search", f"text: {name}", partial(_asked, visitor, make)) for name, make in asked.items()]


def _diff(visitor: Visitor, largest: list[int], end: int) -> list[Question]:
    def problem(number: int, days: int, _: int) -> Any:
        return differences.find(
            visitor.read(search.compare_pattern, largest[number], end - days * DAY, end), SHIFTS, ZONE
        )

    def window(length: int, before: int, pattern: int | None, _: int) -> Any:
        start = end - length
        compared = visitor.read(search.compare_windows, (start, end), (start - before, start), pattern)
        return differences.find(compared, None, ZONE)

    asked: dict[str, Callable[[int], Any]] = {
        "the most frequent problem, 90 d": partial(problem, 0, 90),
        "the second, 30 d": partial(problem, 1, 30),
        "a rare problem, 90 d": partial(problem, 300, 90),
        "the last 8 h and 7 d before": partial(window, 8 * HOUR, 7 * DAY, None),
        "the last 9 d and 27 d before": partial(window, 9 * DAY, 27 * DAY, None),
        "a problem, 8 h and 7 d before": partial(window, 8 * HOUR, 7 * DAY, largest[0]),
    }
    return [Question("diff", f"diff: {name}", ask) for name, ask in asked.items()]


def _text(moment: float) -> str:
    return utc_text(datetime.fromtimestamp(moment, UTC))


def timed(question: Question, rounds: int) -> list[float]:
    """Seconds of each round, in order of size."""
    taken = []
    for number in range(rounds):
        started = time.perf_counter()
        question.ask(number)
        taken.append(time.perf_counter() - started)
    return sorted(taken)

"""Reports that an older version signed are read, each problem once; what this version signed is left as it is."""

from __future__ import annotations

from typing import Any

import msgspec

from andon.insight.report.older_reports import renewed
from andon.insight.report.report_page import page
from andon.insight.report.report_text import markdown
from andon.insight.report.shift_report import ShiftReport

_ALARM: dict[str, Any] = {
    **dict.fromkeys(("acked_at", "acked_by", "ack_note", "shelved_at", "shelved_until", "shelved_by", "shelve_note")),
    **dict.fromkeys(("cleared_at", "hostname", "site", "area", "line", "machine", "log_id", "item")),
    "id": 5, "place": "press-1", "code": "F1", "text": "guard open", "state": "active", "severity": "CRITICAL",
    "priority": "high", "active_since": 100.0, "last_seen": 100.0, "occurrences": 2, "clears": True, "pattern_id": 2,
    "origin": "",
}  # fmt: skip
_GUARD = {"pattern_id": 2, "template": "guard open", "severity": "CRITICAL", "count": 9, "first_check": "the switch"}
_DOOR = {"pattern_id": 3, "template": "door <*>", "severity": "WARNING", "count": 4, "rung": "playbook"}
_FIGURES: dict[str, Any] = {
    **dict.fromkeys(("flood_share", "top_share", "fleeting", "stale", "standing", "priorities", "acknowledged")),
    **dict.fromkeys(("mean_ack_seconds", "stops")),
    "since": 0.0, "until": 28800.0, "alarms": 0, "provisional": True, "floods": [], "top": [], "chattering": [],
    "rates": dict.fromkeys(("average", "peak", "peak_start", "above_limit")), "judged": False,
}  # fmt: skip
_OLD: dict[str, Any] = {
    "shift": "early", "start": 0.0, "end": 28800.0, "until": 28800.0, "zone": "UTC", "made": 30000.0, "frozen": False,
    "previous": None, "figures": [{"name": "alarms", "value": 4, "before": None, "unit": "count"}], "alarms": _FIGURES,
    "targets": [], "open": [_ALARM], "not_acknowledged": 1, "stale": 0, "shelved": [], "stopped": True,
    "bars": [{"source": "press-1: F1 guard open", "count": 2, "seconds": 120.0},
             {"source": "oven-1: F9 fan", "count": 1, "seconds": None}],
    "top": [_GUARD, _DOOR], "new": [_GUARD], "rising": [_GUARD], "quiet": [],
    "fixes": [{"pattern_id": 3, "template": "door <*>", "fix": "new hinge", "cause": "worn", "author": "Meier",
               "at": "1970-01-01T02:00:00.000Z"}],
    "notes": [], "signatures": [],
}  # fmt: skip


def test_each_problem_of_an_older_report_stands_once() -> None:
    """With the marks of the lists it stood in, what it cost, its alarms and its fix."""
    report = msgspec.convert(renewed(_OLD), ShiftReport)
    told = {one.text: one for one in report.problems}
    assert list(told) == ["guard open", "door <*>", "oven-1: F9 fan"]
    guard = told["guard open"]
    assert (guard.state, guard.flags, guard.count, guard.stopped_seconds) == (
        "open", ["stopped", "new", "rising"], 2, 120.0
    )  # fmt: skip
    assert [(deed.did, deed.by, deed.text) for deed in told["door <*>"].done] == [
        ("fixed", "Meier", "new hinge (cause: worn)")
    ]
    assert (report.active, report.course) == (1, None)
    for text in (markdown(report), page(report)):
        assert text.count("guard open") == 1
        assert "new hinge" in text


def test_a_report_of_this_version_stays_as_it_is() -> None:
    """And so does what is no report at all."""
    assert renewed({"problems": []}) == {"problems": []}
    assert renewed([1]) == [1]

"""``andon alarms``, ``ack``, ``shelve``, ``report`` and ``note``, as people type them."""

from __future__ import annotations

import json
import re
import time
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pytest

from andon.core.times import stored
from support.alarm_logs import T0, cleared, raised, store_events
from support.commands import Commands

EVIL = '<script>alert(1)</script> | `x` [link](http://evil.example) & "q"'
EARLY = ("report", "--shift", "early", "--day", "2025-01-15")


@pytest.fixture
def andon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """A morning: three stops, and an alarm with a nasty text that is still active."""
    stop = {"stopped": True}
    events = [
        cleared(5 * 3600, "F9", host="oven-1", pattern="p0"),
        raised(7 * 3600, "F1", context=stop, message="axis 3 overcurrent"),
        cleared(7 * 3600 + 1200, "F1"),
        raised(8 * 3600, "F2", context=stop, host="press-2", message="guard open", pattern="p2"),
        cleared(8 * 3600 + 60, "F2", host="press-2", pattern="p2"),
        raised(9 * 3600, "F2", context=stop, host="press-2", message="guard open", pattern="p2"),
        cleared(9 * 3600 + 60, "F2", host="press-2", pattern="p2"),
        raised(10 * 3600, "F3", host="oven-1", message=EVIL, severity="CRITICAL", pattern="p3"),
    ]
    store_events(tmp_path / "agent.db", events)
    return Commands(tmp_path, capsys)


def test_the_figures(andon: Commands) -> None:
    """Beside their targets, with what they are not."""
    done = andon("alarms", "--since", "2025-01-15", "--until", "2025-01-16")
    assert done.status == 0
    assert "4 alarms from 2025-01-15 00:00 UTC to 2025-01-16 00:00 UTC" in done.out
    assert re.search(r"Alarms in 10 min, worst +1 +≤ 10 +good", done.out)
    assert "3 stops (0 still open), 7 min 20 s each" in done.out
    assert "Provisional: the targets are meant for 30 days of data, and this is 1.0." in done.out


def test_what_is_not_known_is_not_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without any clear nothing is stale or fleeting that we know of."""
    store_events(tmp_path / "agent.db", [raised(0)])
    out = Commands(tmp_path, capsys)("alarms", "--since", "2025-01-15", "--until", "2025-01-16").out
    assert re.search(r"Fleeting +not available", out)
    assert re.search(r"Stale \(active for 24 h\) +not available", out)


def test_lists(andon: Commands) -> None:
    """What is active; what is stale; everything; each also as JSON."""
    assert "oven-1" in andon("alarms", "active").out
    for which in ("active", "stale", "shelved", "all", "chattering", "floods"):
        former, now = andon("alarms", f"--{which}", "--json"), andon("alarms", which, "--json")
        assert (former.status, former.out) == (now.status, now.out)
    assert [one["code"] for one in andon("alarms", "--stale", "--json").json] == ["F3"]
    assert [one["code"] for one in andon("alarms", "--all", "--json").json] == ["F3", "F2", "F1"]
    assert andon("alarms", "--shelved").out == "No alarm is shelved.\n"
    assert "Nothing chatters" in andon("alarms", "--chattering").out
    assert "No flood" in andon("alarms", "--floods").out
    assert [one["code"] for one in andon("alarms", "--all", "--host", "press-*", "--json").json] == ["F2", "F1"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("alarms", "--active", "--stale"),
        ("alarms", "--since", "2025-01-16", "--until", "2025-01-15"),
        ("alarms", "--since", "the day before"),
        ("ack", "seven"),
        ("shelve", "1", "--for", "8h"),
        ("shelve", "1", "--for", "8 fortnights", "--note", "x"),
        ("report", "--shift", "lunch"),
        ("report", "--day", "2025-01-15"),
        ("report", "early", "--day", "2025-02-30"),
        ("report", "early", "--day", "9999-12-31"),
        ("report", "early", "--day", "0001-01-01"),
        ("report", "--since", "2024-12-01", "--until", "2024-12-02"),
        ("report", "--since", "2025-01-15", "--until", "2025-03-15"),
        ("report", "early", "--since", "8h"),
        ("report", "--out", "report.pdf"),
        ("report", "--last", "--out", "/nowhere/report.md"),
        ("note", "  "),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(andon: Commands, arguments: tuple[str, ...]) -> None:
    """Exit status 2, no traceback."""
    done = andon(*arguments)
    assert done.status == 2
    assert "Traceback" not in done.err
    assert done.out == ""


@pytest.mark.parametrize("arguments", [("ack", "99"), ("shelve", "99", "--note", "x"), ("shelve", "1", "--end")])
def test_what_cannot_be_done_is_said_in_a_sentence(andon: Commands, arguments: tuple[str, ...]) -> None:
    """No such alarm, or not shelved."""
    done = andon(*arguments)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("andon: ")


def test_acknowledging_and_shelving(andon: Commands) -> None:
    """By whom, for how long and why; the active list is empty while the alarm is shelved."""
    (alarm,) = andon("alarms", "--active", "--json").json
    id_ = str(alarm["id"])
    assert "as Meier" in andon("ack", id_, "--by", "Meier", "--note", "fitter called").out
    assert "0 of them not acknowledged" in andon("alarms").out
    assert "Shelved alarm" in andon("shelve", id_, "--for", "2h", "--note", "sensor ordered").out
    (shelved,) = andon("alarms", "--shelved", "--json").json
    assert 7100 < datetime.fromisoformat(shelved["shelved_until"]).timestamp() - time.time() <= 7200
    assert andon("alarms", "--active").out == "No alarm is known to be active.\n"
    assert "on the active list again" in andon("shelve", id_, "--end").out
    assert len(andon("alarms", "--active", "--json").json) == 1


def test_a_shift_as_markdown(andon: Commands) -> None:
    """Times with their zone, figures beside the shift before, the stops with what they cost."""
    out = andon(*EARLY).out
    assert out.startswith("# Shift report: early, Wednesday 2025-01-15 06:00 UTC to 14:00 UTC (8 h)\n")
    assert "| stops | 3 | not available |" in out
    assert "| time stopped | 22 min | not available |" in out
    assert "| ERROR | axis 3 overcurrent (stopped production, new kind) | press-1 | 1 | 20 | – |" in out
    assert "| ERROR | guard open (stopped production, new kind) | press-2 | 2 | 2 | – |" in out
    assert out.count("axis 3 overcurrent") == out.count("guard open") == out.count("evil.example") == 1
    assert out.index("Open and not acknowledged") < out.index("evil.example") < out.index("## Shelved")
    assert "3 problems occurred for the first time" in out
    assert "Alarms: 1 active, 1 not acknowledged, 1 active for more than a day." in out
    assert "<script>" not in out
    assert "[link](" not in out


def test_a_shift_as_a_page(andon: Commands, tmp_path: Path) -> None:
    """Whole, with a picture that is well formed, each problem once; nothing of it comes from elsewhere or from a log."""
    assert andon(*EARLY, "--out", str(tmp_path / "early.html")).status == 0
    page = (tmp_path / "early.html").read_text("utf-8")
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == page.count("axis 3 overcurrent") == page.count("guard open") == 1
    assert not re.search(r"(?:src|href)=|url\(|@import", page)
    (picture,) = re.findall(r"<svg class=.rates.*?</svg>", page, re.DOTALL)
    drawing = ET.fromstring(picture)  # noqa: S314 - our own
    assert "1 at most" in drawing.attrib["aria-label"]
    assert [one.tag for one in drawing.iter()].count("rect") == 4


def test_a_shift_as_json(andon: Commands) -> None:
    """The same facts for programs."""
    report = andon(*EARLY, "--json").json
    assert (report["shift"], report["start"], report["end"]) == ("early", stored(T0 + 6 * 3600), stored(T0 + 14 * 3600))
    assert {one["name"]: one["value"] for one in report["figures"]}["alarms"] == 4
    told = [(one["state"], one["code"], one["count"], one["stopped_seconds"]) for one in report["problems"]]
    assert told == [("open", "F3", 1, None), ("over", "F1", 1, 1200.0), ("over", "F2", 2, 120.0)]
    assert sum(report["course"]["values"]) == 4


def test_what_was_done_stands_at_its_problem(andon: Commands) -> None:
    """In the report of the time in which it was done, also where the problem did not occur then; what was taken back not."""
    andon("resolve", "3", "--fix", "Replaced the guard switch", "--by", "Meier")
    (alarm,) = andon("alarms", "--active", "--json").json
    andon("ack", str(alarm["id"]), "--by", "Okoro", "--note", "fitter called")
    now = andon("report", "--since", "1h", "--json").json
    done = {one["text"]: [(deed["did"], deed["by"], deed["text"]) for deed in one["done"]] for one in now["problems"]}
    assert done == {
        EVIL: [("acknowledged", "Okoro", "fitter called")],
        "fault … of p2": [("fixed", "Meier", "Replaced the guard switch")],
    }
    assert re.search(r"Acknowledged \d\d:\d\d, Okoro: “fitter called”", andon("report", "--since", "1h").out)
    assert [one["done"] for one in andon(*EARLY, "--json").json["problems"]] == [[], [], []]
    andon("resolve", "3", "--revoke", "--by", "Meier")
    assert "guard switch" not in andon("report", "--since", "1h").out


def test_notes_are_in_the_report_of_their_time(andon: Commands) -> None:
    """Written now, read in the report of now."""
    assert andon("note", "Press 4 at 80 %", "--by", "Meier").status == 0
    report = andon("report", "--since", "1h", "--json").json
    assert [(one["author"], one["text"]) for one in report["notes"]] == [("Meier", "Press 4 at 80 %")]


def test_a_signed_report_stays_as_it_was(andon: Commands, tmp_path: Path) -> None:
    """The second name is added; what happens afterwards is not; a name signs once."""
    assert andon(*EARLY, "--sign", "A. Meier").status == 0
    id_ = andon("alarms", "--active", "--json").json[0]["id"]
    andon("ack", str(id_))
    report = andon(*EARLY, "--sign", "B. Okoro", "--json").json
    assert report["frozen"]
    assert report["not_acknowledged"] == 1
    assert [one["name"] for one in report["signatures"]] == ["A. Meier", "B. Okoro"]
    again = andon(*EARLY, "--sign", "A. Meier")
    assert (again.status, "has already signed for this shift" in again.err) == (1, True)
    assert "B. Okoro" in andon(*EARLY).out


def test_the_night_in_which_the_clock_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The night shift of the last Saturday of March is an hour shorter, and says so in both zones."""
    start = datetime(2025, 3, 30, 0, 30, tzinfo=UTC).timestamp() - T0
    store_events(tmp_path / "agent.db", [raised(start)])
    andon = Commands(tmp_path, capsys, ANDON_TIME_ZONE="Europe/Berlin")
    out = andon("report", "night", "--day", "2025-03-29").out
    assert "Saturday 2025-03-29 22:00 CET to 2025-03-30 06:00 CEST (7 h)" in out
    assert "| alarms | 1 |" in out


def test_a_report_without_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A quiet site has a report, too, in every form."""
    store_events(tmp_path / "agent.db", [])
    andon = Commands(tmp_path, capsys)
    assert "Nothing is waiting to be acknowledged." in andon("report").out
    assert json.loads(andon("report", "--last", "--json").out)["problems"] == []
    assert "<h2>Sign-off</h2>" in andon("report", "--format", "html").out


NOTHING = "no alarm events in this time: nothing to judge"


def test_without_alarms_there_is_nothing_to_judge(andon: Commands) -> None:
    """Silence is never good: in words, in JSON, in every list, and of a part of the site too."""
    for where in (("--since", "1h"), ("--since", "2025-01-14", "--until", "2025-01-15", "--host", "oven-1")):
        out = andon("alarms", *where).out
        assert NOTHING in out
        assert "good" not in out
        assert re.search(r"Alarms in 10 min, average +not available", out)
        told = andon("alarms", *where, "--json").json
        assert (told["judged"], told["figures"]["judged"], told["note"]) == (False, False, NOTHING)
        assert told["figures"]["rates"] == {"average": None, "peak": None, "peak_start": None, "above_limit": None}
        assert {one["good"] for one in told["targets"]} == {None}
        assert NOTHING in andon("alarms", "--floods", *where).out
        assert NOTHING in andon("alarms", "--chattering", *where).out
    assert andon("alarms", "--since", "2025-01-15", "--until", "2025-01-16", "--json").json["judged"]


def test_a_report_of_silence_judges_nothing(andon: Commands) -> None:
    """As text, as a page and as JSON."""
    said = NOTHING[0].upper() + NOTHING[1:] + "."
    text = andon("report", "--since", "1h").out
    assert said in text
    assert "| floods | not available |" in text
    page = andon("report", "--since", "1h", "--format", "html").out
    assert said in page
    assert ">good<" not in page
    assert not andon("report", "--since", "1h", "--json").json["alarms"]["judged"]
    assert said not in andon(*EARLY).out


def test_one_is_not_several(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A single log, alarm or stop is told in the singular."""
    store_events(tmp_path / "agent.db", [raised(8 * 3600, "F1", context={"stopped": True})])
    andon = Commands(tmp_path, capsys)
    day = ("--since", "2025-01-15", "--until", "2025-01-16")
    told = andon("diff", *day).out
    assert told.startswith("1 log compared with 0 other logs.\n1 log is too few to tell a difference from chance.\n")
    shown = andon("alarms", *day).out
    assert shown.startswith("1 alarm from ")
    assert "\n1 stop (1 still open)" in shown

"""What is computed for the page of a problem: its steps, how its alarms stand, what is different. No database."""

from __future__ import annotations

import msgspec
import pytest

from andon.core.models import Resolution, StoredAnalysis
from andon.core.models.explanations import question_of
from andon.insight.now.problem_row import Moment
from andon.insight.situation import advice, problem_state
from andon.insight.situation.changed import back_to, out_of_range
from andon.store.alarms import AlarmEntry

NOW = 1_800_000_000.0
_AT = Moment(NOW, NOW - 8 * 3600, NOW - 3600, None)
FIX = Resolution(7, 1, "Fuse F4. Tighten X2:4 after that.", None, "Ada", "2026-10-14T05:12:00.000Z")


def shown(*checks: str, rung: str = "playbook", **more: object) -> StoredAnalysis:
    """An answer with these checks."""
    finding: dict[str, object] = {"summary": "It fell.", "probable_cause": "A short.", "checks": list(checks)}
    finding |= {"confidence": "medium", "evidence": [5], "enough_evidence": True}
    base = StoredAnalysis(
        id=3, pattern_id=1, log_id=None, status="done", rung=rung, provisional=False, text="text", finding=finding,
        source=None, provider=None, model=None, prompt_version=None, created_at="2026-11-30T02:00:00.000Z",
        finished_at=None,
    )  # fmt: skip
    return msgspec.structs.replace(base, **more)  # type: ignore[arg-type]


def alarm(id_: int = 1, **more: object) -> AlarmEntry:
    """An active alarm that reports its end."""
    values: dict[str, object] = dict.fromkeys(AlarmEntry.__struct_fields__)
    values |= {"id": id_, "place": "M1", "code": "E1", "text": "hot", "state": "active", "severity": "ERROR"}
    values |= {"active_since": NOW - 60, "last_seen": NOW - 60, "occurrences": 1, "clears": True, "machine": f"M{id_}"}
    values |= {"origin": "", "hostname": "h", "line": "L2"}
    return AlarmEntry(**{**values, **more})  # type: ignore[arg-type]


def test_steps_have_their_first_sentence_as_title_and_name_the_records_they_are_about() -> None:
    """A record is named where it has the same code, terminal or path as the step."""
    record = msgspec.structs.replace(question_of("Q12.G2 undervoltage").logs[0], message="supply G2 fell, load rose")
    found = advice.read(shown("Fuse F4 at supply G2. Measure at X1:1.", "Ask who was there"), [record])
    one, other = found.steps
    assert (one.title, one.more, one.records) == ("Fuse F4 at supply G2", "Measure at X1:1.", (1,))
    assert (other.title, other.more, other.records) == ("Ask who was there", "", ())
    assert (found.happened, found.cause, found.confidence, found.cited) == ("It fell.", "A short.", "medium", (5,))


@pytest.mark.parametrize(
    ("checks", "safety", "places"),
    [
        (["Lock out and tag out before you open cabinet Q12.", "Look at F4"],
         ("Lock out and tag out before you open cabinet Q12",), [1]),
        (["Look at F4", "Lock out, wait for discharge, then clean the fan.", "Lock out, then turn it"],
         ("Lock out before steps 2 and 3",), [0, 1, 2]),
        (["Lock out first."], ("Lock out before step 1",), [0]),
        (["Look at F4"], (), [0]),
    ],
)  # fmt: skip
def test_what_keeps_people_safe_stands_before_the_steps(
    checks: list[str], safety: tuple[str, ...], places: list[int]
) -> None:
    """A line that says nothing else is no step; the place of a step in the answer stays what it is."""
    found = advice.read(shown(*checks))
    assert found.safety == safety
    assert [step.place for step in found.steps] == places
    assert [step.number for step in found.steps] == list(range(1, len(places) + 1))


def test_a_confirmed_fix_goes_before_the_steps_of_the_answer_before_it() -> None:
    """It is told by whom; confidence is high whatever the answer before it said."""
    fixed = shown(rung="resolution", finding=None, source="resolution 7", text="Confirmed fix: …")
    found = advice.read(fixed, fixes=[FIX], earlier=shown("Look at F9", FIX.fix))
    assert [(step.title, step.whose) for step in found.steps] == [("Fuse F4", "fix"), ("Look at F9", "")]
    assert (found.fix, found.confidence, found.happened) == (FIX, "high", "It fell.")
    alone = advice.read(fixed, fixes=[FIX])
    assert [step.text for step in alone.steps] == [FIX.fix]


def test_an_answer_without_a_readable_finding_is_shown_from_its_text() -> None:
    """Free text, and a finding in another form than ours, are no steps."""
    for finding in (None, {}, {"summary": 3, "checks": "x"}, {"summary": "a", "checks": [{}]}):
        found = advice.read(shown(finding=finding))
        assert (found.typed, found.steps, found.text) == (False, (), "text")


def test_the_key_changes_with_any_word() -> None:
    """A provisional answer and the one that replaces it have the same id."""
    assert advice.read(shown("a")).key == advice.read(shown("a")).key
    assert advice.read(shown("a")).key != advice.read(shown("a", text="another")).key


def test_whose_words_a_step_has_is_told_of_models_only() -> None:
    """Of a model that rests on nothing known here nothing is told either."""
    own = shown("a", "b", rung="model")
    assert own.finding is not None
    told = shown("a", "b", rung="model", finding={**own.finding, "vetted": [0], "based_on": ["rule-1"]})
    assert [step.whose for step in advice.read(told).steps] == ["vetted", "model"]
    assert [step.whose for step in advice.read(own).steps] == ["", ""]


def test_all_alarms_of_a_problem_stand_as_one() -> None:
    """Active before shelved before cleared; acknowledged where all that are active are."""
    acked = {"acked_at": NOW - 5, "acked_by": "Ada", "ack_note": "fitter called"}
    found = problem_state.read([alarm(1, **acked), alarm(2, severity="CRITICAL", active_since=NOW - 90)], "INFO", _AT)
    assert (found.condition, found.severity, found.open, found.acked_at) == ("active", "CRITICAL", (2,), None)
    assert (found.since, found.places, found.line, found.text) == (NOW - 90, ("M1", "M2"), "L2", "hot")
    found = problem_state.read([alarm(1, **acked)], "INFO", _AT)
    assert (found.acknowledged, found.acked_by, found.ack_note) == (True, "Ada", "fitter called")
    put_away = alarm(3, shelved_until=NOW + 60, shelved_by="Bo", shelve_note="noon")
    found = problem_state.read([put_away], "INFO", _AT)
    assert (found.condition, found.shelved, found.shelved_until, found.active) == ("shelved", (3,), NOW + 60, ())
    assert problem_state.read([put_away, alarm(1)], "INFO", _AT).condition == "active"
    over = alarm(1, state="cleared", cleared_at=NOW - 9)
    assert problem_state.read([over], "INFO", _AT).condition == "cleared"
    assert problem_state.read([over], "INFO", _AT).cleared_at == NOW - 9


def test_what_never_reports_its_end_is_unclear_while_it_is_recent() -> None:
    """Then it is past; information has no alarm at all."""
    lately = alarm(1, state="unknown", clears=False, active_since=None)
    assert problem_state.read([lately], "INFO", _AT).condition == "unclear"
    long_ago = alarm(1, state="unknown", clears=False, active_since=None, last_seen=NOW - 90_000)
    assert problem_state.read([long_ago], "INFO", _AT).condition == "past"
    none = problem_state.read([], "INFO", _AT)
    assert (none.condition, none.severity) == ("none", "INFO")


def test_stale_is_what_is_active_for_more_than_a_day() -> None:
    """Where its end would be reported."""
    assert problem_state.read([alarm(1, active_since=NOW - 90_000)], "INFO", _AT).stale
    assert not problem_state.read([alarm(1, active_since=NOW - 90_000, clears=False)], "INFO", _AT).stale


@pytest.mark.parametrize(
    ("message", "before", "told"),
    [
        ("load 27.4 A", [f"load {n}.5 A" for n in (21, 23, 22, 21, 22)], ["Load 27.4 A, before 21.5 to 23.5 A"]),
        ("motor at 12 °C", [f"motor at {n} °C" for n in (40, 41, 40, 42, 40)], ["Motor 12 °C, before 40 to 42 °C"]),
        ("load 22 A", [f"load {n} A" for n in (21, 23, 22, 21, 22)], []),  # as usual
        ("cycle 9", [f"cycle {n}" for n in (8, 7, 6, 5, 4)], []),  # it only counts
        ("load 27 A", ["load 21 A"] * 4, []),  # too few to tell
        ("load 27 A", ["load of 21 A"] * 9, []),  # another text
        ("at 10:22:09 F30003 in /dev/sda1", [f"at 10:22:0{n} F3000{n} in /dev/sda{n}" for n in (1, 5, 2, 4, 3)], []),
        ("4 of 4 fans, 9.5 V", [f"4 of 4 fans, {n} V" for n in (4, 5, 4, 6, 5)], ["9.5 V, before 4 to 6 V"]),
    ],
)  # fmt: skip
def test_values_out_of_their_usual_range(message: str, before: list[str], told: list[str]) -> None:
    """Only measured values, of the same text, beyond what was."""
    assert [one.text for one in out_of_range(message, before)] == told


def test_so_much_time_that_few_records_fall_into_it() -> None:
    """The comparison reads the newest, however many there are."""
    hours = dict.fromkeys(range(100, 200), 50)
    assert back_to(hours, 200 * 3600.0, 120) == 198 * 3600.0
    assert back_to({150: 1}, 200 * 3600.0, 120) < 150 * 3600.0

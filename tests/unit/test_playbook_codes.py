"""Codes are looked up in tables, a symptom completes what a part says, and near misses are offered as candidates."""

from __future__ import annotations

from pathlib import Path

import pytest

from andon.explain.finding import CAUSE_MAX, CHECK_MAX
from andon.explain.playbook import GENERAL, SitePlaybook, bundled_playbook
from andon.explain.playbook.code_tables import PREFIX as CODE
from andon.explain.playbook.code_tables import Table
from andon.explain.playbook.parts import PREFIX as PART
from andon.explain.playbook.rules import bundled, bundled_names
from andon.explain.playbook.symptoms import load_symptoms
from support.playbook_cases import a_log, a_question
from support.written_rules import written_rules

PLAYBOOK = bundled_playbook()


def chosen(service: str, message: str) -> str | None:
    match = PLAYBOOK.match(a_log(message, service))
    return match.rule.id if match is not None else None


def told(service: str, message: str) -> tuple[str, str]:
    """Cause and first check of the answer."""
    finding = PLAYBOOK.explain(a_question(a_log(message, service))).finding
    assert finding is not None
    return finding["probable_cause"], finding["checks"][0]


@pytest.mark.parametrize(
    ("service", "message", "rule"),
    [
        ("sinamics-s120", "F07451 of DO 3", "code-sinamics-07450"),  # in the middle of a range
        ("plc", "Drive message A05004", "code-sinamics-30004"),
        ("robot", "SRVO-023 (G1,A2)", "code-fanuc-robot-023"),
        ("irc5", "50296 of ROB_1", None),  # no row knows it
        ("plc", "Alarm 50028", None),  # a number without its vendor says nothing
        ("servo", "EMCY 0x8611, axis 2", "code-cia402-8500"),  # hexadecimal
        ("atv320", "SLF2", "code-altivar-cof"),  # a beginning
        ("twincat-nc", "NC error 0x4550", "code-twincat-nc-4550"),  # a code of its own before the range around it
    ],
)
def test_a_code_selects_the_row_that_knows_it_best(service: str, message: str, rule: str | None) -> None:
    assert chosen(service, message) == rule


def test_a_code_is_said_in_the_summary() -> None:
    match = PLAYBOOK.match(a_log("F07451 of DO 3", "sinamics"))
    assert match is not None
    assert match.values["code"] == "F07451"


def test_a_rule_that_knows_code_and_words_goes_before_a_table() -> None:
    assert chosen("drive", "F30002 DC bus overvoltage") == "drive-overvoltage"


def test_a_code_that_a_log_only_simulates_is_not_explained() -> None:
    assert chosen("sinamics", "F07451 simulated") is None


def test_every_range_of_a_table_runs_upwards_and_no_code_stands_twice() -> None:
    """Reading them refuses the rest; here it is that a code of its own does not stand in two rows of one table."""
    for file in bundled_names("codes_"):
        for table in bundled(file, list[Table]):
            rows = [*table.known.values(), *(row.at for row in table.rows)]
            single = [at for row in rows for at in ([row] if isinstance(row, str) else row)]
            assert len(single) == len(set(single)), (table.codes, sorted(single))


def test_one_part_is_told_apart_by_its_symptom() -> None:
    sticks, shorted = told("press", "Valve Y7 stuck"), told("press", "Valve Y7 coil short circuit")
    assert sticks != shorted
    assert "cable" in shorted[1]


def test_a_symptom_alone_makes_a_broad_answer_exact() -> None:
    cause, check = told("drive-4", "Power stack shorted")
    assert "damaged or wet" in cause
    assert "unplug" in check


def test_texts_with_any_symptom_stay_within_the_bounds() -> None:
    """The longest of each category with the longest text of a part or broad rule."""
    meanings = [meaning for kind in load_symptoms() for meaning in kind.meanings.values()]
    assert all(len(meaning.cause) <= CAUSE_MAX and len(meaning.look) <= CHECK_MAX for meaning in meanings)
    for rule in written_rules():
        for example in rule.examples if rule.id.startswith((PART, "family-")) else ():
            service, message = example.split(" | ")
            cause, check = told(service, message)
            assert (len(cause) <= CAUSE_MAX, len(check) <= CHECK_MAX) == (True, True), example


def test_candidates_begin_with_the_rule_that_answers_and_go_on_with_near_misses() -> None:
    question = a_question(a_log("Hydraulic oil temperature too high", "press"))
    found = PLAYBOOK.candidates(question)
    assert (len(found), found[0].source) == (3, PLAYBOOK.explain(question).source)
    assert [hint.kind for hint in found] == ["rule"] * 3
    assert all(hint.category and hint.cause and len(hint.checks) >= 3 and hint.title for hint in found)
    assert len({hint.source for hint in found}) == 3
    assert [hint.source for hint in PLAYBOOK.candidates(question, 1)] == [found[0].source]


def test_a_line_that_no_rule_answers_has_candidates_where_some_words_fit() -> None:
    question = a_question(a_log("Gripper state", "cell"))
    assert PLAYBOOK.explain(question).source == GENERAL
    assert "robot" in {hint.category for hint in PLAYBOOK.candidates(question)}
    assert PLAYBOOK.candidates(a_question(a_log("zzz", "zzz"))) == []


def test_a_rule_is_told_by_its_id() -> None:
    question = a_question(a_log("DC link overvoltage 812 V while decelerating", "vfd"))
    hint = PLAYBOOK.hint_of("drive-overvoltage", question)
    assert hint is not None
    assert (hint.source, hint.category) == ("drive-overvoltage", "drive")
    assert "812" in hint.title
    assert PLAYBOOK.hint_of("no-such-rule", question) is None


def test_the_rules_of_a_site_are_candidates_first(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "- {id: own-oil, category: process, match: {any: [oil temperature too high]}, summary: S., "
        "probable_cause: C., checks: [Look.]}\n"
    )
    site = SitePlaybook(tmp_path, PLAYBOOK)
    site.scan()
    question = a_question(a_log("Hydraulic oil temperature too high", "press"))
    found = site.candidates(question)
    assert found[0].source.startswith("own-oil (")
    assert len(found) == 3
    hint = site.hint_of("own-oil", question)
    assert hint is not None
    assert hint.cause == "C."


def test_every_table_is_reached(tmp_path: Path) -> None:
    tables = {table.codes for file in bundled_names("codes_") for table in bundled(file, list[Table])}
    reached = {rule.id for rule in PLAYBOOK.rules if rule.id.startswith(CODE)}
    assert all(any(one.startswith(f"{CODE}{table}") for one in reached) for table in tables)

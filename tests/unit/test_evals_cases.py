"""Files of labelled cases: what they may say, and the sentence for each mistake."""

from __future__ import annotations

import textwrap
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.app.evals.bundled import bundled_cases
from andon.app.evals.results import case_result
from andon.app.evals.running import Asked, Status
from andon.explain.trials import cases as cases_module
from andon.explain.trials.cases import CaseError, select, site_cases
from andon.explain.trials.questions import LOGS_IN_QUESTION, Questions
from support.eval_cases import ONE_FILE, case, explanation, write_cases


def test_a_case_is_read_with_the_tags_of_its_file(tmp_path: Path) -> None:
    """Everything the file says is in the case."""
    one = site_cases(write_cases(tmp_path))[0]
    assert (one.id, one.family, one.tags, one.count) == ("drives-one", "drives", ("factory", "siemens"), 1)
    assert one.expect.category == ("drive", "electrical")
    assert one.records[0]["message"] == "F30002 DC link overvoltage"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("family: drives", "famly: drives", "unknown key 'famly': did you mean family?"),
        ("family: drives", 'family: "a\\nb"', "use a text of 1 to 80 characters on one line"),
        ("cases:\n", "cases: []\nothers:\n", "unknown key 'others'"),
        ("family: drives", "family: [drives]", "family is ['drives']"),
        ("      cause:", "      reason:", "unknown key 'reason'"),
        ("      category: [drive, electrical]\n", "", "category is missing"),
        ("[drive, electrical]", "[drives]", "category 'drives' is not one of"),
        ("enough_evidence: true", "enough_evidence: maybe", "write true or false"),
        ("      enough_evidence: true\n", "", "enough_evidence is missing"),
        ("first_check: [ramp]", "first_check: ['']", "must be a text or a list of texts"),
        ("first_check: [ramp]", "forbidden: ['(']", "is not a regular expression"),
        ("first_check: [ramp]", "severity: BAD", "severity 'BAD' is not one of"),
        ("tags: [siemens]", "count: 0", "count is 0"),
        ("service: sinamics", "sevice: sinamics", "unknown key 'sevice'"),
        ('message: "F30002 DC link overvoltage"', "message: 3.5", "message is 3.5: it must be text"),
        ('message: "F30002 DC link overvoltage"', "message: ' '", "message is empty"),
        ("    tags: [siemens]", "    id: again", "the key 'id' is listed twice"),
        ("cases:\n", "cases: [\n", "is not valid YAML (line"),
    ],
)
def test_each_mistake_is_one_clear_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    """The sentence names the file and what is wrong, on one line."""
    assert old in ONE_FILE
    path = write_cases(tmp_path, text=ONE_FILE.replace(old, new, 1))
    with pytest.raises(CaseError) as raised:
        site_cases(path)
    text = str(raised.value)
    assert sentence in text
    assert text.startswith("one.yaml")
    assert "\n" not in text
    assert text.endswith(".")


def test_other_hands_write_otherwise(tmp_path: Path) -> None:
    """What can only mean one thing is taken for that: a bare list, one record, yes, another case, numbers, JSON."""
    (tmp_path / "press shop.yaml").write_text(
        "- id: Press_1/a\n  tags: Factory\n  records: {message: 30002, hostname: 7, severity: error}\n"
        "  expect: {enough_evidence: yes, category: Drive, severity: error}\n"
    )
    (tmp_path / "b.json").write_text(
        '{"cases": [{"id": 2, "records": [{"message": "x"}], "expect": {"enough_evidence": "no"}}]}'
    )
    second, first = site_cases(tmp_path)
    assert (first.id, first.family, first.tags) == ("Press_1/a", "press shop", ("factory",))
    assert first.records == ({"message": "30002", "hostname": "7", "severity": "error"},)
    assert (first.expect.enough_evidence, first.expect.category, first.expect.severity) == (True, ("drive",), "ERROR")
    assert (second.id, second.family, second.expect.enough_evidence) == ("2", "b", False)
    assert select([first, second], tags=["Press Shop", "FACTORY"]) == [first]


def test_an_id_stands_once_over_all_files(tmp_path: Path) -> None:
    """The second file is named, and the first."""
    write_cases(tmp_path)
    write_cases(tmp_path, "two.yaml")
    with pytest.raises(CaseError, match=r"two\.yaml: the id 'drives-one' is already used in one\.yaml"):
        site_cases(tmp_path)


def test_a_place_without_cases_is_told(tmp_path: Path) -> None:
    """A missing directory and an empty one are different sentences."""
    with pytest.raises(CaseError, match="does not exist"):
        site_cases(tmp_path / "none")
    with pytest.raises(CaseError, match=r"contains no \*\.yaml"):
        site_cases(tmp_path)


def test_words_of_yaml_that_look_like_values_stay_words(tmp_path: Path) -> None:
    """``off`` and ``no`` are words of machines, a bare time is text."""
    text = ONE_FILE.replace("[ramp, braking]", "[off, no, on]").replace(
        "hostname: line3", "timestamp: 2025-01-15T02:00:00Z"
    )
    one = site_cases(write_cases(tmp_path, text=text))[0]
    assert one.expect.cause == ("off", "no", "on")
    assert one.records[0]["timestamp"] == "2025-01-15T02:00:00Z"


@given(st.text(max_size=200))
def test_any_text_is_refused_in_a_sentence_or_read(text: str) -> None:
    """No text makes another error than CaseError."""

    class Source:
        name = "any.yaml"

        def read_text(self, encoding: str) -> str:
            return text

    from andon.explain.trials.cases import read_cases

    with pytest.raises(CaseError, match=r"any\.yaml"):
        read_cases([Source()])


def test_tags_narrow_down_and_a_family_counts_as_one() -> None:
    """Every tag must hold."""
    cases = bundled_cases()
    assert {one.family for one in select(cases, tags=["plc", "siemens"])} == {"plc"}
    assert select(cases, tags=["plc", "windows"]) == []


def test_a_limit_takes_from_every_family() -> None:
    """As many cases as there are families are one of each, in their order."""
    cases = bundled_cases()
    families = list(dict.fromkeys(one.family for one in cases))
    assert [one.family for one in select(cases, limit=len(families))] == families


def test_the_bundled_cases_are_many_and_of_all_kinds() -> None:
    """At least 130, 25 of them without enough evidence and 25 hostile, from factory and IT, in other languages too."""
    cases = bundled_cases()
    tags = Counter(tag for one in cases for tag in one.tags)
    assert len(cases) >= 130
    assert tags["factory"] >= 50
    assert tags["it"] >= 50
    assert tags["hostile"] >= 25
    assert tags["german"] >= 15
    assert sum(not one.expect.enough_evidence and "hostile" not in one.tags for one in cases) >= 25


def test_every_bundled_case_is_a_log_production_takes() -> None:
    """None is rejected, and its message is what the question shows."""
    questions = Questions()
    for one in bundled_cases():
        question = questions(one)
        assert question.template, one.id
        assert 1 <= len(question.logs) <= LOGS_IN_QUESTION


def test_a_question_is_what_the_store_would_hand_out() -> None:
    """Newest log first, severity normalised, context kept, ids of their own."""
    one = case()
    records = (
        {"hostname": "a", "severity": "warn", "message": "F30002 overvoltage", "context": {"vdc": 1}},
        {"hostname": "b", "severity": "FATAL", "message": "F30002 overvoltage"},
    )
    question = Questions()(type(one)(**{**{f: getattr(one, f) for f in one.__struct_fields__}, "records": records}))
    assert [log.hostname for log in question.logs] == ["b", "a"]
    assert [log.severity for log in question.logs] == ["CRITICAL", "WARNING"]
    assert question.worst_severity == "CRITICAL"
    assert question.logs[1].context == '{"vdc":1}'
    assert len({log.id for log in question.logs}) == 2
    assert question.first_seen < question.last_seen


def test_no_label_is_met_by_a_general_answer() -> None:
    """An answer that could stand below any log names no cause, component or first check of the bundled cases."""
    empty = explanation(
        summary="A problem was logged.",
        category="unknown",
        probable_cause="What it was can not be told from this.",
        checks=["Look into it and ask a colleague."],
        severity_assessed="DEBUG",
        enough_evidence=True,
    )
    questions = Questions()
    for one in bundled_cases():
        result = case_result(Asked(one, questions(one), Status.ANSWERED, empty))
        for criterion in ("category", "component", "cause", "first_check", "checks"):
            assert not result.passed(criterion), (one.id, criterion)


def test_the_example_of_the_documentation_is_a_valid_file(tmp_path: Path) -> None:
    """What docs/evaluation.md and the module's own words show can be copied."""
    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    assert site_cases(write_cases(tmp_path, text=example))[0].count == 14
    shown = str(cases_module.__doc__).split("::\n\n")[1].split("\n\nA word")[0]
    assert site_cases(write_cases(tmp_path, text=textwrap.dedent(shown)))[0].id == "drives-sinamics-i2t"

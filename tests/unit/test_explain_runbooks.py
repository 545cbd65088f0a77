"""Runbooks: which one answers, what it says, and that a broken one harms nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from andon.core.models import Rung
from andon.explain.expressions import TEXT_MAX, expression
from andon.explain.runbooks.runbooks import MarkdownRunbooks, code_fields, code_pattern, parse
from support.growth import grows_like_a_line
from support.questions import question, stored_log

EXAMPLES = Path(__file__).parents[2] / "examples" / "runbooks"
BODY = "Dust blocks the fan.\n\n1. Switch the drive off.\n2. Clean the **filter mat**.\n"


def write(place: Path, name: str, match: str, body: str = BODY, **front: str) -> Path:
    """A runbook file; ``match`` is the YAML of its match."""
    fields = {"title": f"Runbook {name}", "match": match, **front}
    lines = "\n".join(f"{key}: {value}" for key, value in fields.items())
    path = place / f"{name}.md"
    path.write_text(f"---\n{lines}\n---\n{body}", encoding="utf-8")
    return path


def books(place: Path) -> MarkdownRunbooks:
    found = MarkdownRunbooks(place)
    found.scan()
    return found


def answer(place: Path, **log: Any) -> str | None:
    """The source of the answer for one log, None where no runbook answers."""
    entry = stored_log(**log)
    explanation = books(place).explain(question(entry, hosts=[entry.hostname]))
    return explanation.source if explanation is not None else None


def test_a_matching_runbook_answers_with_its_text_and_a_finding(tmp_path: Path) -> None:
    """Rung, source, body and list items are there; the severity is at least the runbook's and the log's."""
    write(tmp_path, "fan", "{code: SV0401}", category="drive", severity="CRITICAL")
    explanation = books(tmp_path).explain(question(stored_log(7)))
    assert explanation is not None
    assert explanation.rung is Rung.RUNBOOK
    assert explanation.source == f"{tmp_path.name}/fan.md"
    assert "Clean the **filter mat**." in explanation.text
    assert explanation.finding is not None
    assert explanation.finding["checks"] == ["Switch the drive off.", "Clean the filter mat."]
    assert explanation.finding["probable_cause"] == "Dust blocks the fan."
    assert (explanation.finding["category"], explanation.finding["severity_assessed"]) == ("drive", "CRITICAL")
    assert explanation.finding["evidence"] == [7]


@pytest.mark.parametrize(
    ("match", "log", "matches"),
    [
        ("{service: 'dri*'}", {}, True),
        ("{service: [oven, DRIVE]}", {}, True),
        ("{service: oven}", {}, False),
        ("{host: press-*}", {}, True),
        ("{host: press-*, service: oven}", {}, False),
        ("{text: servo overload}", {}, True),
        ("{text: servo over}", {}, False),
        ("{text: 'SERVO  Overload'}", {"message": "x servo\noverload"}, True),
        ("{text: '/axis [XYZ]$/'}", {}, True),
        ("{text: '/temp.*zone \\d+/'}", {"message": "temperature high in zone 12"}, True),
        ("{code: sv0401}", {}, True),
        ("{code: SV040}", {}, False),
        ("{code: '503'}", {"message": "took 503 ms"}, False),
        ("{code: 503}", {"message": "upstream answered with status=503"}, True),
        ("{code: E217}", {"message": "oven trip", "context": '{"alarm_code": "E217"}'}, True),
        ("{code: 217}", {"message": "oven trip", "context": '{"plc": {"alarmCode": 217}}'}, True),
        ("{code: 217}", {"message": "oven trip", "context": '{"count": 217}'}, False),
    ],
)
def test_every_key_must_hold_and_one_entry_of_a_list_suffices(
    tmp_path: Path, match: str, log: dict[str, Any], matches: bool
) -> None:
    """Globs, words, expressions and codes match what they say and no more."""
    write(tmp_path, "one", match)
    assert (answer(tmp_path, **log) is not None) is matches


def test_the_most_specific_runbook_wins_and_ties_go_by_name(tmp_path: Path) -> None:
    """A code goes before words, words before a place; equal ones by file name."""
    write(tmp_path, "d", "{service: drive}")
    assert answer(tmp_path) == f"{tmp_path.name}/d.md"
    write(tmp_path, "c", "{text: servo overload}")
    assert answer(tmp_path) == f"{tmp_path.name}/c.md"
    write(tmp_path, "z", "{code: SV0401}")
    assert answer(tmp_path) == f"{tmp_path.name}/z.md"
    write(tmp_path, "a", "{code: SV0401}")
    assert answer(tmp_path) == f"{tmp_path.name}/a.md"


def test_a_runbook_that_is_only_context_is_a_hint(tmp_path: Path) -> None:
    """``answer: false`` leaves the answer to the model and tells it what the site knows."""
    write(tmp_path, "context", "{code: SV0401}", answer="false")
    found = books(tmp_path)
    assert found.explain(question()) is None
    (hint,) = found.hints(question())
    assert (hint.kind, hint.source) == ("runbook", f"{tmp_path.name}/context.md")
    assert "filter mat" in hint.text


def test_a_runbook_for_one_host_is_no_answer_for_others(tmp_path: Path) -> None:
    """A problem that other hosts have as well gets it as a hint only."""
    write(tmp_path, "press", "{host: press-7, code: SV0401}")
    both = question(hosts=["press-7", "mill-1"])
    assert books(tmp_path).explain(both) is None
    assert len(books(tmp_path).hints(both)) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("no front matter", "front matter"),
        ("---\ntitle: [\n---\nx", "not YAML"),
        ("---\ntitle: [\n  - a: b: c\n---\nx", "not YAML: line 3: "),
        ("---\ntitle: " + "[" * 60 + "\n---\nx", "nested too deeply"),
        ("---\ntitle: T\ntitle: U\n---\nx", "line 3: 'title' is listed twice"),
        ("---\ntitle: T\n---\nx", "match"),
        ("---\ntitle: T\nmatch: {}\n---\nx", "names neither"),
        ("---\ntitle: T\nmatch: {colour: red}\n---\nx", "colour"),
        ("---\ntitle: T\nmatch: {code: A1}\ncategory: nonsense\n---\nx", "nonsense"),
        ("---\ntitle: T\nmatch: {code: A1}\nanswer: perhaps\n---\nx", "perhaps"),
        ("---\ntitle: T\nmatch: {code: A1}\n---\n \n", "empty"),
        ("---\ntitle: T\nmatch: {text: '/(/'}\n---\nx", "regular expression"),
    ],
)
def test_a_broken_runbook_is_told_in_one_sentence(content: str, reason: str) -> None:
    """What is wrong is named."""
    with pytest.raises(ValueError, match=reason):
        parse("runbooks/x.md", content)


def test_changes_are_read_and_the_last_good_version_outlives_a_mistake(tmp_path: Path) -> None:
    """A correction counts with the next scan; a mistake is listed and the old text stays; what is deleted is gone."""
    found = books(tmp_path)
    assert (len(found), found.problems) == (0, [])
    path = write(tmp_path, "fan", "{code: SV0401}")
    found.scan()
    assert found.explain(question()) is not None
    path.write_text("---\ntitle: broken", encoding="utf-8")
    found.scan()
    (problem,) = found.problems
    assert problem.startswith(f"{tmp_path.name}/fan.md cannot be used")
    assert found.explain(question()) is not None
    write(tmp_path, "fan", "{code: F30005}")
    found.scan()
    assert (found.problems, found.explain(question())) == ([], None)
    path.unlink()
    found.scan()
    assert len(found) == 0


def test_unchanged_files_are_not_read_again(tmp_path: Path) -> None:
    """Time of change and size decide."""
    path = write(tmp_path, "fan", "{code: SV0401}")
    found = books(tmp_path)
    state = path.stat()
    path.write_text("x" * state.st_size, encoding="utf-8")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    found.scan()
    assert found.problems == []


def test_a_readme_and_hidden_files_are_no_runbooks(tmp_path: Path) -> None:
    """They are neither read nor reported."""
    for name in ("README.md", ".draft.md"):
        (tmp_path / name).write_text("notes", encoding="utf-8")
    assert books(tmp_path).problems == []


def test_a_body_is_bounded_and_its_control_characters_are_visible(tmp_path: Path) -> None:
    """An escape sequence shows as a symbol; 100 KB become 8."""
    write(tmp_path, "fan", "{code: SV0401}", "Look\x1b[31m here. " + "word " * 20_000)
    explanation = books(tmp_path).explain(question())
    assert explanation is not None
    assert "\u241b[31m" in explanation.text
    assert "\x1b" not in explanation.text
    assert len(explanation.text) < 8_500


@pytest.mark.parametrize(
    "source", ["(?:a.*b.*c.*d|zz)", "(a+)+$", "(a|aa)+b", r"(\w*)*x", r"(a?){30}b", r"(.)\1+", "a.*b.*c.*d", ".*", "x?"]
)
def test_expressions_that_could_run_away_are_refused(source: str) -> None:
    """Nested repeats, repeated choices, references back and what matches nothing at all."""
    with pytest.raises(ValueError, match="/"):
        expression(f"/{source}/")


@pytest.mark.parametrize(
    ("source", "hostile"),
    [
        ("a*b", "a" * 100_000),
        ("[a-z]*x[a-z]*y", "a" * 100_000),
        (r"(\d{1,3}\.){3}\d{1,3}:", "1." * 50_000),
        ("a.{0,40}b.{0,40}c", "ab" * 50_000),
    ],
)
def test_accepted_expressions_end_on_hostile_text(source: str, hostile: str) -> None:
    """The worst case is a power of a bounded length: what is longer costs no more."""
    compiled = expression(f"/{source}/")
    assert compiled.reach <= TEXT_MAX
    assert grows_like_a_line(lambda size: compiled.search(hostile[:size]), TEXT_MAX)


def test_a_choice_at_the_end_costs_what_its_parts_cost() -> None:
    """Only a plain repeat at the end is free; how far one looks is the same with and without another way out."""
    assert expression("/(?:x[a-z]*y[a-z]*z|no)/").reach <= expression("/x[a-z]*y[a-z]*z/").reach < TEXT_MAX
    assert expression("/seal [a-z]*/").reach == expression("/(?:seal [a-z]*)/").reach == TEXT_MAX


def test_code_fields_survive_any_context() -> None:
    """What is no object has no codes."""
    assert code_fields('{"error_code": "X1", "n": {"errno": 5}, "code": true}') == {"x1", "5"}
    for context in (None, "", "[1]", "{", "[" * 10_000, '"\ud800"'):
        assert code_fields(context) == frozenset()
    assert code_pattern("T04:C42").search("fault T04:C42!")


def test_the_examples_are_good() -> None:
    """Every runbook that we show works."""
    found = books(EXAMPLES)
    assert found.problems == []
    assert len(found) >= 3

"""``andon ask``: what it prints, and what it refuses."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from andon.app.cli import ask as ask_module
from support.commands import Commands
from support.ollama import Answer, Ollama
from support.shift import fill

ASKED = ("why did line 3 stop?", "--since", "2025-01-15", "--until", "2025-01-16")


@pytest.fixture
def andon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    fill(tmp_path / "agent.db")
    return Commands(tmp_path, capsys)


def test_without_a_model_it_says_so_and_tells_what_is_stored(andon: Commands) -> None:
    outcome = andon("ask", *ASKED)
    assert outcome.status == 0
    assert "No model answered: no model is configured (PROVIDER=PLAYBOOK)" in outcome.out
    assert "Line stopped after axis fault" in outcome.out
    assert "fuse F12" in outcome.out
    assert "[log 9]" in outcome.out


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (("--host", "badge-*"), {10, 11, 12, 13}),
        (("--line", "line-4"), {10, 11, 12, 13}),
        (("--service", "hvac"), {1}),
    ],
)
def test_options_go_before_what_the_question_names(andon: Commands, options: tuple[str, ...], ids: set[int]) -> None:
    outcome = andon("ask", "what happened", "--since", "2025-01-15", "--until", "2025-01-16", *options, "--json")
    assert {row["id"] for row in outcome.json["cited"]} <= ids
    assert outcome.json["cited"]


def test_json_holds_the_answer_and_the_logs_it_cites(andon: Commands) -> None:
    value = andon("ask", *ASKED, "--json").json
    assert (value["mode"], value["model"], value["unknown"]) == ("none", None, [])
    assert {1, 3, 9} <= {row["id"] for row in value["cited"]}
    assert value["question"] == ASKED[0]


def test_json_has_what_the_database_says_as_values(andon: Commands) -> None:
    facts = andon("ask", *ASKED, "--json").json["facts"]
    assert facts["route"] == "stop"
    assert facts["place"] == ["line-3"]
    assert facts["totals"] == {"logs": 10, "problems": 5, "severities": {"CRITICAL": 1, "ERROR": 7, "WARNING": 2}}
    assert [head["logs"] for head in facts["problems"]] == [6, 1, 1, 1, 1]
    assert facts["window"]["since"] == "2025-01-15T00:00:00.000Z"


@given(st.lists(st.text("ab \n", max_size=12), max_size=30))
@settings(max_examples=60, deadline=None)
def test_a_models_words_break_between_words_as_they_come(pieces: list[str]) -> None:
    shown = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ask_module, "console", Console(file=shown, force_terminal=True, width=20, color_system=None))
        watch = ask_module.Following()
        for piece in pieces:
            watch.text(piece)
        watch.restart()
    whole = "".join(pieces)
    assert shown.getvalue().split() == whole.split()
    lines = (line.rstrip() for line in shown.getvalue().splitlines())
    assert all(len(line) <= 20 or " " not in line.strip() for line in lines)


def test_a_models_answer_is_printed_with_its_logs_and_its_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path / "agent.db")
    with Ollama() as ollama:
        ollama.script(Answer(text="The [bold]fan[/] stood still [log 1]\x1b[2J, then [log 777]."))
        outcome = Commands(tmp_path, capsys, PROVIDER="OLLAMA", OLLAMA_HOST=ollama.url)("ask", *ASKED)
    assert outcome.status == 0
    assert "The [bold]fan[/] stood still [log 1], then [log 777]." in outcome.out
    assert "cites log 777" in outcome.out
    assert "Cabinet fan FAN-2 stands still" in outcome.out
    assert "deepseek-r1:1.5b (OLLAMA)" in outcome.out
    assert "\x1b[2J" not in outcome.out


def test_a_model_that_is_away_is_named_and_the_facts_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path / "agent.db")
    outcome = Commands(tmp_path, capsys, PROVIDER="OLLAMA", OLLAMA_HOST="http://127.0.0.1:9")("ask", *ASKED)
    assert outcome.status == 0
    assert "Ollama does not answer at http://127.0.0.1:9" in outcome.out
    assert "[log 9]" in outcome.out


def test_a_question_needs_no_quotes(andon: Commands) -> None:
    one = andon("ask", "how often did the fan stop", "--since", "2025-01-15")
    assert (one.status, "fan" in one.out.lower()) == (0, True)
    assert andon("ask", "how", "often", "did", "the", "fan", "stop", "--since", "2025-01-15").out == one.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ask", "  "), "say what you want to know"),
        (("ask",), "Missing argument"),
        (("ask", "why", "--since", "soon"), "is not a time"),
    ],
)
def test_a_question_that_is_none_is_a_usage_error(andon: Commands, arguments: tuple[str, ...], said: str) -> None:
    outcome = andon(*arguments)
    assert outcome.status == 2
    assert said in outcome.err


def test_without_a_database_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Commands(tmp_path, capsys)("ask", "why")
    assert (outcome.status, outcome.out) == (1, "")
    assert "start `andon run`" in outcome.err


def test_an_empty_database_has_nothing_to_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from andon.store import prepare

    prepare(tmp_path / "agent.db", durability="normal")
    outcome = Commands(tmp_path, capsys)("ask", "why did line 3 stop?")
    assert outcome.status == 0
    assert "No log is stored yet." in outcome.out

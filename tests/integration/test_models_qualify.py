"""``andon models qualify`` and what tells of it, with real requests to a stand-in Ollama."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.app.doctor import trust_checks
from andon.core.models import CheckResult
from andon.store import changer
from andon.store.schema.dialect import run
from support.commands import Commands
from support.ollama import Answer, Ollama
from support.settings import settings_of
from support.trial_models import copier, oracle, written

AWAY = Answer(status=500, error="llama runner process has terminated")


@pytest.fixture
def ollama() -> Iterator[Ollama]:
    """A stand-in whose model knows the labels."""
    with Ollama() as server:
        server.findings = written(oracle)
        yield server


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], ollama: Ollama) -> Commands:
    """The command line, configured for the stand-in."""
    return Commands(tmp_path / "data", capsys, PROVIDER="OLLAMA", OLLAMA_HOST=ollama.url, MODEL="")


def doctor(commands: Commands, ollama: Ollama) -> list[CheckResult]:
    settings = settings_of(ollama_host=ollama.url, data_dir=commands.data, model_trust="measured")
    return asyncio.run(trust_checks.trust(settings))


def test_a_model_that_knows_is_qualified_and_told_of(commands: Commands, ollama: Ollama) -> None:
    assert "No model is measured yet" in commands("models").out
    (measured,) = commands("models", "qualify", "--json").json
    assert (measured["standing"], measured["asked"], measured["testing"]) == ("qualified", 24, False)
    assert ollama.calls == 24
    assert ollama.violations == []
    assert commands("models", "qualify").status == 0
    assert ollama.calls == 24, "what is decided is not asked again"
    (listed,) = [one for one in commands("models", "--json").json if "trust" in one]
    assert (listed["name"], listed["trust"]["standing"]) == ("deepseek-r1:1.5b", "qualified")
    shown = commands("models").out
    assert "10 of 10 (86% to 100%)" in shown
    assert "OLLAMA deepseek-r1:1.5b is qualified: where the playbook is wrong or has no rule it is right in 10" in shown
    (line,) = doctor(commands, ollama)
    assert line.ok
    ollama.digest = "other-weights"
    _, changed = doctor(commands, ollama)
    assert (changed.ok, changed.remedy) == (None, "`andon models qualify` measures it again")
    ollama.script(Answer(), AWAY)
    assert commands("models", "qualify").status == 1
    assert "OLLAMA deepseek-r1:1.5b has other weights than before: it is being tested again, 1 of 24" in (
        commands("models").out
    )


def test_a_model_that_copies_is_unfit_and_doctor_says_what_to_change(commands: Commands, ollama: Ollama) -> None:
    ollama.findings = written(copier)
    assert commands("models", "qualify").status == 0
    (line,) = doctor(commands, ollama)
    assert line.ok is None
    assert "deepseek-r1:1.5b is unfit: where the playbook is wrong or has no rule it is right in 0 of 10" in line.detail
    assert "larger MODEL" in line.remedy
    commands("models", "qualify")
    assert ollama.calls == 24
    ollama.script(Answer(), Answer(), AWAY)
    assert commands("models", "qualify", "--again").status == 1
    assert "OLLAMA deepseek-r1:1.5b is being tested, 2 of 24" in commands("models").out


def test_what_was_answered_before_a_failure_is_kept(commands: Commands, ollama: Ollama) -> None:
    """Here the provider goes away after the seventh answer."""
    ollama.script(*[Answer()] * 7, AWAY)
    outcome = commands("models", "qualify")
    assert outcome.status == 1
    assert "deepseek-r1:1.5b" in outcome.err
    assert "7 of 24" in commands("models").out
    (line,) = doctor(commands, ollama)
    assert (line.ok, line.detail) == (None, "OLLAMA deepseek-r1:1.5b is being tested, 7 of 24")
    assert "andon models qualify" in line.remedy
    ollama.script(Answer(), Answer(), AWAY)
    assert commands("models", "qualify").status == 1
    assert "9 of 24" in commands("models").out


def test_the_budget_ends_it(commands: Commands, ollama: Ollama) -> None:
    commands.settings["ANDON_BUDGET_CALLS_DAY"] = "5"
    outcome = commands("models", "qualify")
    assert outcome.status == 1
    assert "budget is used up" in outcome.err
    assert ollama.calls == 5


@pytest.mark.parametrize("trust", ["always", "advisory"])
def test_where_nothing_is_measured_nothing_is_asked(commands: Commands, ollama: Ollama, trust: str) -> None:
    commands.settings["ANDON_MODEL_TRUST"] = trust
    outcome = commands("models", "qualify")
    assert outcome.status == 1
    assert f"ANDON_MODEL_TRUST is {trust}: no model is measured" in outcome.err
    assert ollama.calls == 0


def test_without_a_model_there_is_nothing_to_measure(commands: Commands) -> None:
    commands.settings["PROVIDER"] = "PLAYBOOK"
    assert "there is none to measure" in commands("models", "qualify").err


def test_a_rule_that_technicians_found_wrong_is_named(commands: Commands, ollama: Ollama) -> None:
    commands.settings["ANDON_BUDGET_CALLS_DAY"] = "1"
    commands("models", "qualify")
    write = changer(commands.data / "agent.db")
    verdict = (
        "INSERT INTO verdicts (analysis_id, verdict, created_at, rung, source) "
        "VALUES (?, 'wrong', '2026-01-01T00:00:00Z', 'playbook', 'oven-element')"
    )
    for number in (1, 2):
        asyncio.run(write(run, verdict, (number,)))
    lines = [line for line in doctor(commands, ollama) if line.name == "verdicts"]
    assert [line.detail for line in lines] == ["rule oven-element was marked wrong 2 times and helpful 0 times here"]


def test_the_answers_are_kept_with_what_they_cost(commands: Commands, ollama: Ollama) -> None:
    commands.settings["ANDON_BUDGET_CALLS_DAY"] = "2"
    commands("models", "qualify")
    with sqlite3.connect(commands.data / "agent.db") as database:
        rows = database.execute("SELECT outcome, input_tokens, output_tokens, seconds FROM trials WHERE case_id <> ''")
        for outcome, read, written_, seconds in rows:
            assert outcome.startswith("right")
            assert min(read, written_) > 0
            assert seconds > 0
    database.close()

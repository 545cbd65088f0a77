"""The first hour of a newcomer: the README's own commands lead to an explained log, a fix and a report, without an error."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "first_hour.py"


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("first_hour_of_a_newcomer", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


first_hour = _script()


@pytest.mark.timeout(300)
def test_the_readmes_commands_lead_through_the_first_hour() -> None:
    """As ``make first-hour HERE=1``: without clone and installation, which take minutes."""
    done = subprocess.run([sys.executable, SCRIPT, "--here", "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["errors"] == []
    assert told["commands"] <= first_hour.MOST - 1  # `git clone` is one more
    assert list(told["reached"]) == ["own log explained", "fix confirmed", "shift reported"]


def test_steps_are_what_the_page_shows() -> None:
    """Comments are no part of a command, and what a page does not show is not typed."""
    page = (
        "Text with `andon report` in it.\n```sh\nmake run   # or another way\n"
        'bin/andon send "a # b" --wait\nbin/andon patterns show 12\nbin/andon problems\n'
        '$ bin/andon resolve 12 --fix "x"   # y\n```\n```json\n{}\n```\n'
    )
    with pytest.raises(LookupError, match="'report'"):
        first_hour.steps_in(page)
    steps = first_hour.steps_in(page + "```sh\nbin/andon report --shift\n```\n")
    assert list(steps.values()) == [
        "make run",
        'bin/andon send "a # b" --wait',
        "bin/andon problems",
        'bin/andon resolve 12 --fix "x"',
        "bin/andon report --shift",
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Traceback (most recent call last):", True),
        ("ValueError: no", True),
        ("andon: there is no problem 12", True),
        ("make: *** [Makefile:40: run] Error 1", True),
        ("/bin/sh: 1: andon: command not found", True),
        ('{"event": "x", "level": "error"}', True),
        ("ERROR Conveyor 12 stopped", False),
        ('{"event": "model away", "level": "warning"}', False),
        ("| ERROR | Conveyor 12 | 1 |", False),
    ],
)
def test_error_lines_are_told_from_logs_of_errors(line: str, told: bool) -> None:
    assert bool(first_hour.error_lines(f"fine\n{line}\nfine")) == told


def test_a_command_that_fails_and_one_too_many_are_no_good_hour() -> None:
    typed, walk = first_hour.Typed, first_hour.Walk
    assert walk([typed("a")] * first_hour.MOST).good
    assert not walk([typed("a")] * (first_hour.MOST + 1)).good
    assert walk([typed("a", status=1)]).errors == ["a: exit status 1"]
    assert not walk([typed("a", errors=["Traceback"])]).good
    assert not walk(missed=["not reached: fix confirmed"]).good
    assert "error: not reached" in first_hour.table(walk(missed=["not reached: fix confirmed"]))


def test_settings_of_whoever_runs_it_are_left_behind() -> None:
    mine = {"PATH": "/bin", "ANDON_HTTP_LOGIN": "always", "DB_PATH": "x", "PYTHONPATH": "src", "MAKEFLAGS": "n"}
    found = first_hour.newcomer(mine, keep_python=False)
    assert {"ANDON_HTTP_LOGIN", "DB_PATH", "PYTHONPATH", "MAKEFLAGS"}.isdisjoint(found)
    assert found["PATH"] == "/bin"
    assert first_hour.newcomer(mine, keep_python=True)["PYTHONPATH"] == "src"

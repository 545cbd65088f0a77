"""What help says: an example for each command, plain names of values, nothing of the libraries; and former names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.markup import render

from andon.app.cli.command_table import COMMANDS, FORMER_NAMES, load
from support.commands import Commands
from support.environment import plain_environment
from support.patience import PATIENCE
from support.shift import fill

#: What typer and pydantic call types and bounds, and what no user knows of.
FOREIGN = re.compile(r"<(?:str|int|bool|float|list|path|file)\b|\[?\d+<=x|Input should|92233720|\bx>=")
DEVELOPERS = re.compile(r"\b(?:pattern|rung|fingerprint|template)s?\b", re.IGNORECASE)


def _below(path: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, one in getattr(command, "commands", {}).items():
        yield from _below((*path, name), one)


ALL = [found for name in COMMANDS for found in _below((name,), load(name))]
NAMES = [" ".join(path) for path, _ in ALL]


@pytest.mark.parametrize(("path", "command"), ALL, ids=NAMES)
def test_each_command_has_an_example_that_names_it(path: tuple[str, ...], command: Any) -> None:
    """And what it says reads the same with markup as without: nothing in brackets is lost."""
    assert re.search(r"Examples?: ", command.help)
    assert f"andon {path[0]}" in command.help or "mcpServers" in command.help
    texts = [command.help, *(one.help or "" for one in command.params)]
    assert [render(one).plain for one in texts] == texts
    assert all(one.help for one in command.params if not one.hidden)


@pytest.mark.parametrize("path", [path for path, _ in ALL], ids=NAMES)
def test_help_knows_no_types_and_no_words_of_developers(
    path: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = Commands(tmp_path, capsys, COLUMNS="200")(*path, "--help")
    assert (shown.status, FOREIGN.findall(shown.out), DEVELOPERS.findall(shown.out)) == (0, [], [])


def test_commands_stand_in_panels_the_most_used_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Former names are not listed."""
    shown = Commands(tmp_path, capsys)("--help").out
    assert re.findall(r"─ (\w+) ─", shown)[1:] == ["Start", "Look", "Act", "Administer"]
    listed = re.findall(r"^│ (\w+)", shown, re.MULTILINE)
    assert [name for name in listed if name in {**COMMANDS, **FORMER_NAMES}] == list(COMMANDS)
    assert FOREIGN.findall(shown) == []


@pytest.mark.parametrize(
    ("arguments", "status"),
    [("--help", 0), ("", 0), ("problems show --help", 0), ("version", 0), ("sources", 0), ("nonsense", 2)],
)
def test_a_reader_that_leaves_is_no_mistake(tmp_path: Path, arguments: str, status: int) -> None:
    """As in `andon --help | head -1`: quiet; what was wrong with the command itself stays wrong."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "andon", *arguments.split()]
    environment = {**plain_environment(), "ANDON_DATA_DIR": str(tmp_path / "data"), "ANDON_HTTP_PORT": "9"}
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, stdout=write, stderr=write if status else subprocess.PIPE,
        timeout=PATIENCE, check=False, text=True,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, "Traceback" in (done.stderr or "")) == (status, False)


def test_the_version_is_an_option_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    andon = Commands(tmp_path, capsys)
    assert andon("--version").out == andon("version").out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "abc"), "'ID': write a whole number, not 'abc'"),
        (("show", "abc"), "(the id of the log, as `andon logs` lists it)"),
        (("ack", "abc"), "(the id of an alarm, as `andon alarms active` shows it)"),
        (
            ("problems", "abc"),
            "'abc'. A number names the problem, as in `andon problems 12`; `andon problems` lists them",
        ),
        (("actions", "press"), "`andon actions` lists them"),
        (("rejects", "x"), "A number names the message"),
        (("problems", "shwo"), "Did you mean 'show'?  "),
        (("logs", "5"), "`andon show ID` shows one log"),
        (("resolve",), "andon resolve [OPTIONS] PROBLEM\n"),
        (("show", "0"), "'ID': write 1 or more, not '0'"),
        (("logs", "--limit", "20000"), "write 10000 or less, not '20000'"),
        (("eval", "--min-category", "much"), "write a number, not 'much'"),
        (("problems", "--problem", "x"), "No such option: --problem"),
        (("problem",), "Did you mean 'problems'"),
        (("send", "x", "--timeout", "soon"), "'soon' is not a length of time"),
        (("send", "x", "--timeout", "2h"), "write 1 to 3600 seconds"),
        (("alarms", "loud"), "'loud' is not a list: write one of active, stale"),
        (("alarms", "active", "--stale"), "choose one list"),
        (("queue", "lost"), "'lost' is not a list"),
        (("logs", "yesterday"), "'yesterday' is too much here"),
        (("problems", "1", "2"), "'2' is too much here"),
        (("report", "--format", "doc"), "'doc' is not one of 'md', 'html', 'json'  "),
        (("user", "list", "x"), "'x' is too much here"),
    ],
)
def test_what_is_wrong_is_said_in_our_words(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = Commands(tmp_path, capsys, COLUMNS="200")(*arguments)
    assert (refused.status, sentence in refused.err) == (2, True), refused.err


@pytest.fixture
def andon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    fill(tmp_path / "agent.db")
    return Commands(tmp_path, capsys)


@pytest.mark.parametrize("name", ["logs", "queue", "trends", "sources", "retention", "problems", "actions", "rejects"])
def test_every_command_that_lists_may_be_told_to(name: str, andon: Commands) -> None:
    """``user`` and the like have a command of this name; here it changes nothing."""
    told, bare = andon(name, "list", "--json"), andon(name, "--json")
    assert (told.status, told.err) == (bare.status, bare.err)
    assert told.out.startswith(("[", "{"))


def test_the_list_of_alarms_is_that_of_active_ones(andon: Commands) -> None:
    """The bare command shows figures."""
    assert andon("alarms", "list", "--json") == andon("alarms", "active", "--json")


def test_a_shift_may_be_called_anything(andon: Commands) -> None:
    """Only what lists drops the word."""
    assert "no shift is called 'list'" in andon("report", "list").err

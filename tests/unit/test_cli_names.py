"""Every filter of every command: an unknown name is an error with the nearest; found by looking at the commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from andon.app.cli.command_table import COMMANDS, load
from support.alarm_logs import raised, store_events
from support.commands import Commands

#: Options by which what is stored is chosen, with a value that nothing there has.
FILTERS = {
    **{f"--{name}": "nosuch" for name in ("host", "service", "site", "area", "line", "machine", "place")},
    "--problem": "999",
    "--field": "nosuch=1",
}
#: What publishes instead of choosing.
PRODUCERS = {"send", "import"}
IDS = {"pattern_id", "pattern", "log_id", "alarm", "child", "parent", "reject_id", "reject_ids"}
#: What a command wants beside an id before it looks.
NEEDED = {"shelve": ["--note", "x"], "resolve": ["--fix", "x"], "verdict": ["wrong"]}


def _commands() -> Iterator[tuple[list[str], Any]]:
    def below(path: list[str], command: Any) -> Iterator[tuple[list[str], Any]]:
        yield path, command
        for name, one in getattr(command, "commands", {}).items():
            yield from below([*path, name], one)

    for name in COMMANDS:
        if name not in PRODUCERS:
            yield from below([name], load(name))


def _required(command: Any) -> list[str]:
    return [
        "1" if one.name in IDS else "why"
        for one in command.params
        if one.param_type_name == "argument" and one.required
    ]


FILTERED = [
    (*path, *_required(command), option, FILTERS[option])
    for path, command in _commands()
    for parameter in command.params
    for option in parameter.opts
    if option in FILTERS and path[0] != "actions"  # which look at the connected system first
]
_IDS = [
    (path, [one for one in command.params if one.param_type_name == "argument" and one.name in IDS])
    for path, command in _commands()
    if path != ["actions", "propose"]  # looks at the connected system first, and here is none
]
BY_ID = [(*path, *(str(999 - at) for at in range(len(ids))), *NEEDED.get(path[0], [])) for path, ids in _IDS if ids]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six active alarms on line L3 and one on L13."""
    path = tmp_path_factory.mktemp("site")
    events = [raised(n, f"F{n}", place={"line": "L3", "area": "Paint"}, host=f"press-{n}") for n in range(1, 7)]
    events.append(raised(60, "F9", place={"line": "L13"}, host="oven-1", message="door open", pattern="p9"))
    store_events(path / "agent.db", events)
    return path


@pytest.fixture
def andon(site: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Commands over the site."""
    return Commands(site, capsys)


def test_the_filters_of_all_commands_are_looked_at() -> None:
    """That looking at the commands finds them."""
    assert {"logs", "export", "alarms", "trends", "ask"} <= {one[0] for one in FILTERED}
    assert {"show", "ack", "shelve", "resolve", "reanalyze", "problems", "rejects", "diff"} <= {one[0] for one in BY_ID}


@pytest.mark.parametrize("arguments", FILTERED, ids=" ".join)
def test_a_filter_that_no_log_fits(andon: Commands, arguments: tuple[str, ...]) -> None:
    done = andon(*arguments)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("andon: ")
    assert any(told in done.err for told in ("there are ", "there is one: ", "no log names any"))
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("arguments", BY_ID, ids=" ".join)
def test_an_id_that_is_not_there(andon: Commands, arguments: tuple[str, ...]) -> None:
    done = andon(*arguments)
    assert (done.status, done.out) == (1, "")
    assert "999" in done.err
    assert any(told in done.err for told in ("there are ", "there is one: ", "none is stored yet"))


@pytest.mark.parametrize("said", ["L3", "l3", "3", "line 3", "Line-3", "line03", "LINE_3", "Linie 3"])
def test_line_3_is_found_as_people_write_it(andon: Commands, said: str) -> None:
    active = andon("alarms", "--active", "--line", said)
    assert (active.status, active.out.count("press-")) == (0, 6)
    assert active.err == ("" if said == "L3" else f"Line '{said}' is read as L3.\n")
    assert len(andon("logs", "--json", "--line", said).json) == 6
    assert andon("alarms", "--active", "--place", said).out.count("press-") == 6


def test_a_known_name_without_a_match_is_an_ordinary_answer(andon: Commands) -> None:
    done = andon("alarms", "--shelved", "--line", "L3")
    assert (done.status, done.out) == (0, "No alarm is shelved. Known, without a match: line L3.\n")
    done = andon("logs", "--line", "L3", "--host", "oven-1", "--json")
    assert (done.status, done.json) == (0, [])
    assert done.err == "Known, without a match: host oven-1, line L3.\n"
    assert "Known, without a match: area Paint." in andon("alarms", "--area", "Paint").err


def test_what_is_written_cannot_steer_the_terminal(andon: Commands) -> None:
    for arguments in (("logs", "--line"), ("alarms", "--place"), ("trends", "--host"), ("ask", "why", "--line")):
        done = andon(*arguments, "L\x1b[31m\u202e9")
        assert done.status == 2
        assert r"'L\x1b[31m\u202e9'" in done.err


def test_a_question_about_a_line_that_is_not_there(andon: Commands) -> None:
    """Is an error too; what a question quotes names no place."""
    done = andon("ask", "why did line 9 stop?")
    assert (done.status, done.out) == (2, "")
    assert done.err == "andon: no line is called 'line 9'; there are 2: L3, L13\n"
    assert andon("ask", "why did line 3 stop?").status == 0
    assert andon("ask", "why did site 9 stop?").status == 0  # no log names any site: it may stand in a text
    assert andon("ask", "what is 'no token at line 9'?").status == 0
    assert "No line is called 'line 9'; there are 2: L3, L13." in andon("ask", "why did line 9 stop and oven 1?").out


def test_while_nothing_is_stored_it_is_a_hint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store_events(tmp_path / "agent.db", [])
    andon = Commands(tmp_path, capsys)
    for arguments in FILTERED:
        done = andon(*arguments)
        assert done.status == 0, arguments
        assert done.err.startswith("Nothing is stored yet, so no ") or arguments[0] == "ask"

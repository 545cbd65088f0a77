"""The table of commands: what the list shows is what the commands say, and a command loads what it needs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import typer.main

from andon.app.cli.command_table import COMMANDS, app, load
from support.patience import PATIENCE

# Prints which of the modules named first were loaded by commands that are ended before they do anything.
LOADED = """
import json, sys
from andon.app.cli import main
names, commands = json.loads(sys.argv[1])
for command in commands:
    sys.argv[1:] = command
    try:
        main()
    except SystemExit:
        pass
found = {name for name in names if any(one == name or one.startswith(name + ".") for one in sys.modules)}
print("loaded:", *sorted(found))
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_the_command_says(name: str) -> None:
    """The one line of `andon --help` is the first paragraph of the command's own help."""
    command = load(name)
    assert (command.short_help or command.help).split("\n\n")[0] == COMMANDS[name].help
    assert not command.hidden


def test_a_listed_command_is_itself_when_it_is_called() -> None:
    """Groups included: completion of their commands and options resolves them the same way."""
    root = typer.main.get_command(app)
    context = root.make_context("andon", ["rejects"])
    _, rejects, rest = root.resolve_command(context, ["rejects", "show"])  # type: ignore[attr-defined]  # a group
    assert (sorted(rejects.commands), rest) == (["delete", "retry", "show"], ["show"])


def _loaded(names: list[str], *commands: list[str]) -> set[str]:
    """Those of the modules ``names`` that ``commands`` of ``andon`` load, one after the other in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, json.dumps([names, commands])],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return set(done.stdout.rpartition("loaded:")[2].split())


def test_help_and_version_load_no_command() -> None:
    """Nothing but the table is read for the list, and version loads itself only."""
    modules = sorted({f"andon.app.cli.{entry.place.partition(':')[0]}" for entry in COMMANDS.values()})
    assert _loaded([*modules, "andon.core.settings", "andon.store"], ["--help"]) == set()
    assert _loaded([*modules, "andon.store"], ["version"]) == {"andon.app.cli.version"}


LISTS = [
    ["logs", "--since", "?"],
    ["rejects", "show", "?"],
    ["problems", "--sort", "?"],
    ["retention", "--dry-run", "--run"],
]
LISTS_NEED_NOT = ["pydantic_ai", "openai", "PIL", "pyarrow", "starlette", "nats", "andon.app.background"]
SENDS = [["send", "x", "--context", "["], ["models", "--help"]]
SENDS_NEED_NOT = ["andon.store", "sqlalchemy", "pydantic_ai", "openai", "PIL", "starlette"]


@pytest.mark.parametrize(("commands", "needless"), [(SENDS, SENDS_NEED_NOT), (LISTS, LISTS_NEED_NOT)])
def test_commands_load_nothing_heavy_that_they_do_not_need(commands: list[list[str]], needless: list[str]) -> None:
    """Neither the database where a log is sent, nor the libraries of models and pictures where logs are listed."""
    assert _loaded(needless, *commands) == set()

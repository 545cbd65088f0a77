"""The table of commands: what the list shows is what the commands say, and a command loads what it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer.main

from andon.app.cli.command_table import COMMANDS, app, load
from support.patience import PATIENCE

# Prints which of the modules named first were loaded by a command that is ended before it does anything.
LOADED = """
import sys
from andon.app.cli import main
names, sys.argv[1:] = sys.argv[1].split(","), sys.argv[2:]
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
    assert (sorted(rejects.commands), rest) == (["delete", "list", "retry", "show"], ["show"])


def _loaded(names: list[str], *arguments: str) -> set[str]:
    """Those of the modules ``names`` that ``andon ARGUMENTS`` loads."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, ",".join(names), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return set(done.stdout.rpartition("loaded:")[2].split())


def test_help_and_version_load_no_command() -> None:
    """Nothing but the table is read for the list, and version loads itself only."""
    modules = sorted({f"andon.app.cli.{entry.place.partition(':')[0]}" for entry in COMMANDS.values()})
    assert _loaded([*modules, "andon.core.settings", "andon.store"], "--help") == set()
    assert _loaded([*modules, "andon.store"], "version") == {"andon.app.cli.version"}


HEAVY = ["pydantic_ai", "openai", "PIL", "pyarrow", "starlette", "nats"]


@pytest.mark.parametrize(
    ("arguments", "needless"),
    [
        (["send", "x", "--context", "["], ["andon.store", "sqlalchemy", "pydantic_ai", "PIL", "starlette"]),
        (["logs", "--since", "?"], HEAVY),
        (["rejects", "show", "?"], HEAVY),
        (["patterns", "--sort", "?"], HEAVY),
        (["retention", "--dry-run", "--run"], [*HEAVY, "andon.app.background"]),
        (["models", "--help"], ["andon.store", "pydantic_ai", "openai"]),
    ],
)
def test_a_command_loads_nothing_heavy_that_it_does_not_need(arguments: list[str], needless: list[str]) -> None:
    """Neither the database where a log is sent, nor the libraries of models and pictures where logs are listed."""
    assert _loaded(needless, *arguments) == set()

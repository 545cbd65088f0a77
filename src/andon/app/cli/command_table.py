"""The commands, what they are called, and where they stand."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
import typer.main

from andon.app.cli.interrupt import ends_at_once
from andon.app.cli.shapes import Command, Group, UsageError, say_plainly


class Entry(NamedTuple):
    """Where a command stands below ``andon.app.cli``, as ``module:function`` or ``module:group``, the panel of the help
    that lists it, and its first line of help."""

    place: str
    panel: str
    help: str


START, LOOK, ACT, ADMINISTER = "Start", "Look", "Act", "Administer"
#: In the order of ``andon --help``, the most used first, which shows these lines and imports none of the modules.
COMMANDS = {
    "run": Entry("run:run", START, "Run the service: broker, recorder, analyzer and page, until Ctrl-C or SIGTERM."),
    "send": Entry("send:send", START, "Send one log, a file of logs, or whatever comes through a pipe."),
    "import": Entry("import_logs:import_logs", START, "Import logs from existing files, each file once."),
    "demo": Entry("demo:demo", START, "Show a demo plant and its bad night on the page, with data of its own."),
    "doctor": Entry(
        "doctor:doctor",
        START,
        "Check settings, disk, database, broker, service and model, and say what to do. Exits with 1 if one fails.",
    ),
    "problems": Entry("patterns:app", LOOK, "List problems, the one with the newest log first, or show one."),
    "logs": Entry("logs:logs", LOOK, "List stored logs, newest first."),
    "show": Entry("logs:show", LOOK, "Show one log with its context, its explanation and its pictures."),
    "alarms": Entry(
        "alarms:alarms", LOOK, "Show how good the alarms are, next to the targets of ISA-18.2, or list alarms."
    ),
    "ask": Entry("ask:ask", LOOK, "Ask about the history in your own words. The answer cites the logs it relies on."),
    "trends": Entry(
        "trends:trends",
        LOOK,
        "Show which problems are frequent, new, rising or silent (over the last day), and which follow each other.",
    ),
    "diff": Entry(
        "diff:diff",
        LOOK,
        "Show what is different about a problem's logs, or about the logs of a period: "
        "firmware, line, shift, lot, any field.",
    ),
    "report": Entry(
        "report:report",
        LOOK,
        "Report on a shift: figures next to the shift before, open alarms, stops, new problems, fixes, notes.",
    ),
    "queue": Entry(
        "queue:queue", LOOK, "List the problems that wait for an explanation, the next one first, and why they wait."
    ),
    "export": Entry("export:export", LOOK, "Export stored logs, oldest first, to FILE or to standard output."),
    "ack": Entry("alarms:ack", ACT, "Acknowledge an alarm. It stays acknowledged until it becomes active again."),
    "shelve": Entry(
        "alarms:shelve",
        ACT,
        "Take an alarm off the active list for a while. It comes back by itself and is counted all the time.",
    ),
    "resolve": Entry(
        "resolve:resolve",
        ACT,
        "Confirm the fix of a problem. All its logs show the fix from now on, and no model is asked again.",
    ),
    "verdict": Entry(
        "verdict_command:verdict",
        ACT,
        "Say whether the explanation of a problem was helpful or wrong. Models and rules gain or lose trust by it.",
    ),
    "reanalyze": Entry(
        "queue:reanalyze",
        ACT,
        "Ask for a new explanation of a problem, ahead of others. The present one stays until the new one is there.",
    ),
    "note": Entry("report:note", ACT, "Write a note for the report of the current shift."),
    "actions": Entry("actions:app", ACT, "Review what Andon is to send to connected systems; approve or decline it."),
    "sources": Entry(
        "sources:app", ADMINISTER, "List the configured sources of logs, or browse what a machine offers."
    ),
    "rejects": Entry("rejects:app", ADMINISTER, "List, show, retry or delete messages that could not be understood."),
    "models": Entry(
        "models:app", ADMINISTER, "Show what the configured models are worth; list, pull or measure models."
    ),
    "retention": Entry(
        "retention:retention",
        ADMINISTER,
        "Show how long logs are kept, how large the database is, and what was deleted last.",
    ),
    "backup": Entry(
        "backup:backup",
        ADMINISTER,
        "Back up database, broker store, runbooks and settings to one checked file, while Andon runs or not.",
    ),
    "restore": Entry(
        "restore:restore", ADMINISTER, "Restore a backup to where the settings keep Andon's data. Stop Andon first."
    ),
    "user": Entry("user:app", ADMINISTER, "Manage the people who may log in to the page."),
    "token": Entry("token:app", ADMINISTER, "Manage the tokens of programs that use the API."),
    "eval": Entry(
        "eval:evaluate", ADMINISTER, "Measure the explanations of a provider on labelled cases, scored without a model."
    ),
    "mcp": Entry(
        "mcp:mcp", ADMINISTER, "Serve the history to an MCP client over standard input and output, read-only."
    ),
    "install": Entry(
        "install:install",
        ADMINISTER,
        "Install Andon as a systemd service on this machine, or upgrade the installed one. Needs root.",
    ),
    "uninstall": Entry(
        "install:uninstall", ADMINISTER, "Stop the installed service and remove its program. Settings and data stay."
    ),
    "version": Entry("version:version", ADMINISTER, "Print the versions of Andon and of its broker."),
}
#: Former names of commands, which work as before; help does not list them.
FORMER_NAMES = {"patterns": "problems"}


class LazyGroup(Group):
    """A group that lists its commands by the table, and imports the one that is called."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = {
            name: Command(name=name, help=entry.help, rich_help_panel=entry.panel) for name, entry in COMMANDS.items()
        }
        for name in FORMER_NAMES:
            self.commands[name] = Command(name=name, hidden=True)

    def list_commands(self, ctx: Any) -> list[str]:
        """The names that help and completion show."""
        return list(COMMANDS)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; what is wrong with its arguments is said in words of ours."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            say_plainly(error)
            raise
        except BrokenPipeError:
            raise BrokenPipeError from None  # without a number, by which click would take it for a failure; see main

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that ``args`` name, itself rather than what the list shows of it, and the arguments behind it."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, name and load(name), rest


def _import_structlog() -> None:
    """It would import rich, pygments and attrs to draw tracebacks, which no log of ours has: eighty modules."""
    if "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # what Python takes for a module that is not there
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]


def load(name: str) -> Any:
    """The command or group of this name, with everything it needs imported."""
    module, _, attribute = COMMANDS[FORMER_NAMES.get(name, name)].place.partition(":")
    with ends_at_once():
        _import_structlog()
        found = getattr(import_module(f"andon.app.cli.{module}"), attribute)
    if not gc.isenabled():  # by main
        gc.freeze()  # what was imported stays
        gc.enable()
    if isinstance(found, typer.Typer):
        group = found
    else:
        group = typer.Typer(add_completion=False)
        group.command(name)(found)
    for one in group.registered_commands:
        one.cls = Command
    command = typer.main.get_command(group)
    command.name = name
    return command


def _version(wanted: bool) -> None:
    if wanted:
        load("version").callback(as_json=False)
        raise typer.Exit


def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Without commands of its own it is a group by this."""


app = typer.Typer(
    name="andon",
    cls=LazyGroup,
    callback=_root,
    help=(
        "Stores every error log of a manufacturing site, groups logs into problems, and explains each problem once.\n\n"
        "Start the service with `andon run`, send it a log with `andon send`, list what it stored with `andon logs` "
        "and the problems it found with `andon problems`."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

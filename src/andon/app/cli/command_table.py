"""The commands, what they are called, and where they stand."""

from __future__ import annotations

import gc
import inspect
import sys
from importlib import import_module
from typing import Any, NamedTuple

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from andon.app.cli.interrupt import ends_at_once
from andon.core.text import printable


class Entry(NamedTuple):
    """Where a command stands below ``andon.app.cli``, as ``module:function`` or ``module:group``, and its first line of
    help."""

    place: str
    help: str


#: In the order of ``andon --help``, which shows these lines and imports none of the modules.
COMMANDS = {
    "run": Entry("run:run", "Run the service: broker, recorder, analyzer and HTTP server, until SIGTERM or Ctrl-C."),
    "send": Entry("send:send", "Publish one log, a file of logs, or what comes through a pipe, to the broker."),
    "import": Entry("import_logs:import_logs", "Read logs from files that exist already, each once."),
    "logs": Entry("logs:logs", "List stored logs, newest first."),
    "show": Entry("logs:show", "Show one log with its context, its analysis and its pictures."),
    "trends": Entry(
        "trends:trends",
        "Say which problems are frequent, new, rising or silent in a time (the last day), and what sets off what.",
    ),
    "diff": Entry(
        "diff:diff",
        "Say what is different about a problem's logs, or about those of a time: "
        "firmware, line, shift, lot, any field.",
    ),
    "alarms": Entry("alarms:alarms", "Show how good the alarms are, beside the targets of ISA-18.2; or list alarms."),
    "ack": Entry("alarms:ack", "Acknowledge an alarm: somebody saw it. That holds until it becomes active again."),
    "shelve": Entry(
        "alarms:shelve",
        "Take an alarm off the active list for a time. It comes back by itself, and is counted all the while.",
    ),
    "report": Entry(
        "report:report",
        "Report a shift: figures beside the shift before, what is open and shelved, stops, new problems, fixes, notes.",
    ),
    "note": Entry("report:note", "Write a note for the report of the shift that works now."),
    "export": Entry("export:export", "Write stored logs, oldest first, to FILE or to standard output."),
    "retention": Entry(
        "retention:retention",
        "Show how long which logs are kept, how large the database is, and what was deleted last.",
    ),
    "backup": Entry(
        "backup:backup",
        "Write database, broker store, runbooks and settings to one file, while Andon runs or not, and check it.",
    ),
    "restore": Entry(
        "restore:restore",
        "Put a backup back where the settings say that Andon keeps its data. Andon must be stopped.",
    ),
    "ask": Entry("ask:ask", "Ask about the history in your own words; the answer cites the logs it rests on."),
    "mcp": Entry(
        "mcp:mcp",
        "Serve the history to an MCP client over standard input and output: "
        "reading tools only, nothing can be changed.",
    ),
    "resolve": Entry(
        "resolve:resolve",
        "Record the confirmed fix of a problem: every log of it shows the fix from now on, "
        "and no model is asked again.",
    ),
    "verdict": Entry(
        "verdict_command:verdict",
        "Say whether the explanation of a problem was helpful or wrong: models and rules are trusted by it.",
    ),
    "queue": Entry(
        "queue:queue", "List the problems that wait for an explanation, the next one first, and why they wait."
    ),
    "reanalyze": Entry(
        "queue:reanalyze",
        "Ask for another explanation of a problem, ahead of others; the present one is shown until it is there.",
    ),
    "doctor": Entry(
        "doctor:doctor",
        "Check settings, disk, database, broker, service and model, and say what to do. "
        "Exit status 1 if something fails.",
    ),
    "eval": Entry("eval:evaluate", "Measure the explanations of a provider on labelled cases, scored without a model."),
    "demo": Entry(
        "demo:demo",
        "Start everything in a directory of its own with a plant whose bad night happens now, and show it on the page.",
    ),
    "install": Entry(
        "install:install",
        "Install this Andon as a service of this machine (systemd), or upgrade the one that is there. Needs root.",
    ),
    "uninstall": Entry(
        "install:uninstall", "Stop the installed service and remove its program. Settings and data stay."
    ),
    "version": Entry("version:version", "Print the version of Andon and of the broker it runs."),
    "patterns": Entry(
        "patterns:app",
        "List problems with everything merged into them, the newest log first; the rate is logs per hour over a day.",
    ),
    "actions": Entry(
        "actions:app",
        "What Andon sends to other systems: list, show, propose, upload, call, approve, decline, retry, settle.",
    ),
    "user": Entry("user:app", "People who may log in to the page: add, list, passwd, role, disable, enable."),
    "token": Entry("token:app", "Tokens of programs that ask the API: add, list, revoke."),
    "rejects": Entry("rejects:app", "Messages that could not be understood: list, show, retry, delete."),
    "sources": Entry(
        "sources:app",
        "The ways in for logs: list those that are configured, and browse what a machine or a server has to tell.",
    ),
    "models": Entry("models:app", "Models and what they are worth: list, show, pull, qualify."),
}


class LazyGroup(TyperGroup):
    """A group that lists its commands by the table, and imports the one that is called."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = {name: TyperCommand(name, help=entry.help) for name, entry in COMMANDS.items()}

    def invoke(self, ctx: Any) -> Any:
        """Run a command. What is wrong with its arguments may quote names that are stored: they steer nothing."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = printable(error.message)
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
    module, _, attribute = COMMANDS[name].place.partition(":")
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
    for one in group.registered_commands:  # the terminal's width says where lines of help break, not the source's
        paragraphs = inspect.cleandoc((one.callback and one.callback.__doc__) or "").split("\n\n")
        one.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    command = typer.main.get_command(group)
    command.name = name
    return command


app = typer.Typer(
    name="andon",
    cls=LazyGroup,
    callback=lambda: None,  # without commands of its own it is a group by this
    help=(
        "Stores every error log of a manufacturing site, groups them into problems, and explains each problem once.\n\n"
        "Start the service with `andon run`, send it a log with `andon send`, look at what it stored with `andon logs` "
        "and at the problems it found with `andon patterns`."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

"""The commands and what they are called."""

from __future__ import annotations

import inspect

import typer

import andon
from andon.app.cli import (
    alarms,
    ask,
    demo,
    diff,
    doctor,
    export,
    logs,
    mcp,
    models,
    patterns,
    queue,
    rejects,
    report,
    resolve,
    retention,
    run,
    send,
    trends,
)
from andon.app.cli import eval as evaluation

app = typer.Typer(
    name="andon",
    help=(
        "Stores every error log of a manufacturing site, groups them into problems, and explains each problem once.\n\n"
        "Start the service with `andon run`, send it a log with `andon send`, look at what it stored with `andon logs` "
        "and at the problems it found with `andon patterns`."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("run")(run.run)
app.command("send")(send.send)
app.command("logs")(logs.logs)
app.command("show")(logs.show)
app.add_typer(patterns.app, name="patterns")
app.command("trends")(trends.trends)
app.command("diff")(diff.diff)
app.command("alarms")(alarms.alarms)
app.command("ack")(alarms.ack)
app.command("shelve")(alarms.shelve)
app.command("report")(report.report)
app.command("note")(report.note)
app.command("export")(export.export)
app.command("retention")(retention.retention)
app.command("ask")(ask.ask)
app.command("mcp")(mcp.mcp)
app.command("resolve")(resolve.resolve)
app.command("queue")(queue.queue)
app.command("reanalyze")(queue.reanalyze)
app.add_typer(rejects.app, name="rejects")
app.add_typer(models.app, name="models")
app.command("doctor")(doctor.doctor)
app.command("eval")(evaluation.evaluate)
app.command("demo")(demo.demo)


def _unwrap(group: typer.Typer) -> None:
    """Join the lines of each paragraph of help: the terminal's width says where they break, not the source's."""
    for command in group.registered_commands:
        if command.callback is not None and command.help is None:
            paragraphs = inspect.cleandoc(command.callback.__doc__ or "").split("\n\n")
            command.help = "\n\n".join(" ".join(one.split()) for one in paragraphs)
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            _unwrap(inner.typer_instance)


@app.command("version")
def version(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Print the version of Andon and of the broker it runs."""
    from andon.app.broker_client import broker_version
    from andon.app.cli.output import console, print_json

    if as_json:
        print_json({"andon": andon.__version__, "nats_server": broker_version()})
        return
    console.print(f"andon {andon.__version__}", highlight=False)
    console.print(f"nats-server {broker_version() or 'not found'}", highlight=False)


_unwrap(app)

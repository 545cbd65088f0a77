"""``andon sources``: the ways in that are configured and what came through them, and what a machine has to tell."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from andon.app.cli.filters import Json
from andon.app.cli.output import (
    Cell,
    When,
    command_settings,
    console,
    errors,
    plain,
    print_json,
    print_listing,
    wait_seconds,
)
from andon.app.cli.patience import waiting
from andon.app.cli.shapes import Group
from andon.app.running_service import NotAnswered, NotRunning, ask
from andon.core.text import counted
from andon.ingest.sources.browsing import Browse, browse
from andon.ingest.sources.configured import configured_sources, without_effect

if TYPE_CHECKING:
    from andon.core.settings.settings import Settings
    from andon.ingest.sources.browsing import Listed

#: Why a service tells nothing of sources that are configured: either may be.
_NOT_STARTED = (
    "the service has not started these sources; restart it if they were configured after its start, else wait a moment"
)

app = typer.Typer(cls=Group, invoke_without_command=True, add_completion=False)


@app.callback()
def sources(context: typer.Context, as_json: Json = False) -> None:
    """List the configured sources of logs, or browse what a machine offers.

    Lists each source with the logs it took since the service started; without a running service, without figures.
    Exits with 1 if something keeps a source from receiving logs.

    Example: andon sources
    """
    if context.invoked_subcommand is not None:
        return
    settings = command_settings()
    try:
        with waiting("Asking the service"):
            found, why = ask(settings, "inputs")["items"], None
        if not found and (found := _configured(settings)):
            why = _NOT_STARTED
    except (NotRunning, NotAnswered) as error:
        found, why = _configured(settings), str(error)
    if as_json:
        print_json([{**one, "running": why is None} for one in found])
    else:
        _print(found, why, settings)
    if any(one["trouble"] for one in found):
        raise typer.Exit(1)


def _configured(settings: Settings) -> list[dict[str, Any]]:
    nothing: dict[str, Any] = {"taken": None, "refused": {}, "last_heard": None, "trouble": None}
    return [{"name": one.name, "address": one.address, **nothing} for one in configured_sources(settings)]


def _print(found: list[dict[str, Any]], why: str | None, settings: Settings) -> None:
    if not found:
        console.print(plain("No source is configured besides the broker; docs/sources.md lists the kinds there are."))
    else:
        print_listing(
            ("SOURCE", "ADDRESS~", "TAKEN>", "REFUSED>", "LAST HEARD"), [_row(one, settings.time_zone) for one in found]
        )
    for one in found:
        for reason, count in one["refused"].items():
            console.print(plain(f"{one['name']}: {counted(count, 'log')} refused: {reason}"))
        if one["trouble"]:
            errors.print(plain(f"{one['name']}: {one['trouble']}"))
    for sentence, remedy in without_effect(settings):
        errors.print(plain(f"{sentence}: {remedy}"))
    if why is not None:
        errors.print(plain(f"No figures: {why}"))


def _row(one: dict[str, Any], zone: str) -> tuple[Cell, ...]:
    taken = "" if one["taken"] is None else f"{one['taken']:,}"
    refused = "" if one["taken"] is None else f"{sum(one['refused'].values()):,}"
    return one["name"], one["address"], taken, refused, When(one["last_heard"], zone)


@app.command("browse")
def browse_command(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="opc.tcp://host:4840, shdr://host:7878 or http://host:5000.")
    ],
    seconds: Annotated[
        str, typer.Option("--seconds", metavar="TIME", help="Wait this long for what arrives, in seconds or as 1m.")
    ] = "5",
    as_json: Json = False,
) -> None:
    """List what a machine or a server offers: endpoints and their security, event notifiers, types of conditions and
    active conditions; or devices, data items and conditions.

    Logins and certificates come from the table of andon.toml with the same url. Nothing is stored.

    Example: andon sources browse opc.tcp://press-4:4840
    """
    wait = wait_seconds(seconds, "--seconds", 0.5, 600)
    settings = command_settings()
    with errors.status(f"asking {url}"):
        found = asyncio.run(browse(Browse(url, wait, settings)))
    if as_json:
        print_json(
            {
                one.title.replace(" ", "_"): [dict(zip(one.columns, row, strict=True)) for row in one.rows]
                for one in found
            }
        )
        return
    for one in found:
        _print_listed(one)


def _print_listed(one: Listed) -> None:
    note = f" ({one.note})" if one.note else ""
    console.print(plain(f"{one.title}: {len(one.rows):,}{note}"), style="bold")
    if one.rows:
        print_listing(tuple(name.upper() for name in one.columns), one.rows)
    console.print()

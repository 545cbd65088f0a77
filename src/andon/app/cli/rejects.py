"""``andon rejects``: messages that could not be understood."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from andon.app.cli.database import Visitor, change
from andon.app.cli.filters import LISTED, Json, Rows, id_argument
from andon.app.cli.output import (
    Cell,
    When,
    command_settings,
    console,
    message_of,
    plain,
    print_json,
    print_listing,
    print_outcome,
    shown_time,
    user_name,
    warn_of_other_broker,
)
from andon.app.cli.patience import waiting
from andon.app.cli.shapes import Group
from andon.core.lengths import read_seconds
from andon.core.models import ID_MAX, SUBJECT, StoredReject, now_text, utc_text
from andon.core.text import counted, readable
from andon.store import recording

if TYPE_CHECKING:
    from andon.core.settings.settings import Settings

app = typer.Typer(cls=Group, invoke_without_command=True, add_completion=False)


@app.callback()
def rejects(
    context: typer.Context,
    retry: Annotated[
        list[int] | None,
        typer.Option("--retry", min=1, max=ID_MAX, hidden=True),
    ] = None,
    retry_all: Annotated[bool, typer.Option("--retry-all", hidden=True)] = False,
    delete: Annotated[
        list[int] | None,
        typer.Option("--delete", min=1, max=ID_MAX, hidden=True),
    ] = None,
    delete_all: Annotated[bool, typer.Option("--delete-all", hidden=True)] = False,
    limit: Rows = LISTED,
    every: Annotated[bool, typer.Option("--all", help="Also list messages that were sent again.")] = False,
    as_json: Json = False,
) -> None:
    """List, show, retry or delete messages that could not be understood.

    Without a command, lists them, the newest first, without those that were sent again.

    Example: andon rejects 3, then andon rejects retry 3
    """
    if context.invoked_subcommand is not None:
        return
    if (delete or delete_all) and (retry or retry_all):
        raise typer.BadParameter("choose one of --retry and --delete")
    if delete or delete_all:
        delete_rejects(delete or [], every=delete_all)
    elif retry or retry_all:
        retry_rejects(retry or [], every=retry_all)
    else:
        _list(limit, every, as_json)


def _list(limit: int, every: bool, as_json: bool) -> None:
    settings = command_settings()
    with Visitor(settings.database) as visitor:
        rows = visitor.read(recording.list_rejects, limit, retried=every)
    if as_json:
        print_json([msgspec.to_builtins(row) | {"text": visible(row.data, 500)} for row in rows])
        return
    if not rows:
        console.print("No rejects: every message was understood." if every else "No rejects need a decision.")
        return
    split = any(row.part for row in rows)

    def cells(row: StoredReject) -> tuple[Cell, ...]:
        when = When(row.received_at, settings.time_zone, exact=True)
        start, retried = plain(visible(row.data, 200)), "yes" if row.retried_at else ""
        part = [str(row.part or "")] if split else []
        return row.id, when, *part, f"{len(row.data):,}", row.reason, start, *([retried] if every else [])

    part = ["part>"] if split else []
    names = ("id>", "received", *part, "bytes?>", "reason~=", "starts with~", *(["retried"] if every else []))
    print_listing(names, map(cells, rows))


@app.command("show")
def show_command(
    reject_id: Annotated[int, id_argument("ID", "Id of the message, as `andon rejects` lists it.")],
    raw: Annotated[bool, typer.Option("--raw", help="Write the exact bytes to standard output.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; the bytes are base64.")] = False,
) -> None:
    """Show one message that could not be understood: the reason, and its bytes as they arrived.

    Example: andon rejects show 3 --raw > message.bin
    """
    settings = command_settings()
    with Visitor(settings.database) as visitor:
        row = visitor.read(recording.reject, reject_id)
    if raw:
        sys.stdout.buffer.write(row.data)
        return
    lines = [
        f"received  {shown_time(row.received_at, settings.time_zone)}",
        f"subject   {row.subject}   {message_of(row)}",
        f"reason    {row.reason}",
        *([f"retried   {shown_time(row.retried_at, settings.time_zone)}"] if row.retried_at else []),
        f"{len(row.data):,} bytes:",
        visible(row.data, 4000),
    ]
    print_outcome(msgspec.to_builtins(row, builtin_types=()), lines, as_json=as_json)


@app.command("retry")
def retry_command(
    reject_ids: Annotated[
        list[int] | None, id_argument("[ID]", "Ids of the messages, as `andon rejects` lists them.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Send all again that were not sent again yet.")] = False,
) -> None:
    """Send messages again, byte for byte, for example after an update that understands them.

    Example: andon rejects retry 3 4
    """
    if not (reject_ids or every):
        raise typer.BadParameter("give ids, or --all")
    retry_rejects(reject_ids or [], every=every)


@app.command("delete")
def delete_command(
    reject_ids: Annotated[
        list[int] | None, id_argument("[ID]", "Ids of the messages, as `andon rejects` lists them.")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="TIME", help="Delete messages older than this: 30d, 12 hours.")
    ] = None,
    retried: Annotated[bool, typer.Option("--retried", help="Delete messages that were sent again.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Delete all of them.")] = False,
) -> None:
    """Delete messages and their bytes for good; the audit trail says who did it. Andon deletes them itself in time.

    ANDON_RETENTION_REJECTS says how long they are kept.

    Example: andon rejects delete --older-than 30d
    """
    if not (reject_ids or older_than or retried or every):
        raise typer.BadParameter("give ids, or --older-than, --retried or --all")
    delete_rejects(reject_ids or [], every=every, older_than=older_than, retried=retried)


def delete_rejects(ids: list[int], *, every: bool, older_than: str | None = None, retried: bool = False) -> None:
    """Delete these, and those that the options tell. Raises NotFound for an id that is not there."""
    settings, actor = command_settings(), user_name() or "unknown"
    before = None
    if older_than is not None:
        try:
            before = utc_text(datetime.now(UTC) - timedelta(seconds=read_seconds(older_than)))
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--older-than") from None
    with Visitor(settings.database) as visitor:
        wanted = {visitor.read(recording.reject, one).id for one in ids}
        wanted |= set(visitor.read(recording.reject_ids, before, retried=retried, every=every))
    deleted = change(settings.database, recording.delete_rejects, sorted(wanted), actor) if wanted else 0
    console.print(f"{counted(deleted, 'reject')} deleted." if deleted else "Nothing to delete.")


def retry_rejects(ids: list[int], *, every: bool) -> None:
    """Publish the raw bytes again and mark the rejects; what is still not understood becomes a new reject."""
    settings = command_settings()
    with Visitor(settings.database) as visitor:
        rows = [visitor.read(recording.reject, i) for i in ids]
        if every:
            rows += [row for row in visitor.read(recording.list_rejects, 10_000, retried=False) if row.id not in ids]
    if not rows:
        console.print("Nothing to retry.")
        return
    asyncio.run(_publish_again(rows, settings))
    console.print(f"{len(rows)} sent again; `andon rejects` lists those that are still not understood.")


async def _publish_again(rows: list[StoredReject], settings: Settings) -> None:
    from andon.app.broker_client import open_publisher  # the broker's client, which no list needs

    async with AsyncExitStack() as stack:
        with waiting("Connecting to the broker"):
            publisher = await stack.enter_async_context(open_publisher(settings, "andon rejects"))
        warn_of_other_broker(settings)
        for row in rows:
            subject = row.subject if row.subject.startswith(SUBJECT) else SUBJECT
            await publisher.store(row.data, subject=subject)
            await asyncio.to_thread(change, settings.database, recording.mark_retried, row.id, now_text(), user_name())


def visible(data: bytes, limit: int) -> str:
    """The start of raw bytes as printable text."""
    return readable(data[:limit]) + ("…" if len(data) > limit else "")

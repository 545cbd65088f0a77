"""``andon retention``: how long logs are kept, what would go, and what went."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress

from andon import store
from andon.app.cli.filters import Json
from andon.app.cli.output import (
    Cell,
    When,
    command_settings,
    console,
    errors,
    print_json,
    print_listing,
    print_outcome,
    user_name,
)
from andon.app.retention_policy import described, labels, retention_policy
from andon.core.settings.retention import parse_keep
from andon.core.telemetry import Metrics
from andon.core.text import counted, shown_size

if TYPE_CHECKING:
    from andon.core.settings.settings import Settings
    from andon.store.retention import AuditEntry, RetentionState


def retention(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show how many logs each rule would delete now, and delete nothing.")
    ] = False,
    run: Annotated[bool, typer.Option("--run", help="Apply the rules now; the service may run or not.")] = False,
    compact: Annotated[
        bool,
        typer.Option("--compact", help="Rewrite an SQLite file without its free space; stop the service first."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show how long logs are kept, how large the database is, and what was deleted last.

    The rules are in andon.toml; docs/retention.md shows how to write them. The service applies them at its start and
    every hour.

    Example: andon retention --dry-run
    """
    if dry_run + run + compact > 1:
        raise typer.BadParameter("choose one of --dry-run, --run and --compact")
    settings = command_settings()
    if dry_run:
        _dry_run(settings, as_json=as_json)
    elif run:
        _run_now(settings, as_json=as_json)
    elif compact:
        _compact(settings, as_json=as_json)
    else:
        _show(settings, as_json=as_json)


def _show(settings: Settings, *, as_json: bool) -> None:
    with store.Visitor(settings.database) as visitor:
        state = visitor.read(store.retention.state)
    if as_json:
        rules = [
            {"label": label, "rule": described(one), **one.model_dump(exclude_none=True, exclude={"name"})}
            for label, one in zip(labels(settings), settings.retention, strict=True)
        ]
        kept = {"max_bytes": settings.retention_max_bytes, "rejects": settings.retention_rejects}
        print_json({"rules": rules, **kept, "state": state})
        return
    _print_rules(settings, state)
    cap = f" of {shown_size(settings.retention_max_bytes)} allowed" if settings.retention_max_bytes else ""
    free = f", {shown_size(state.free)} free inside the file" if state.free else ""
    console.print(f"\n{counted(state.logs, 'log')}; the database holds {shown_size(state.used)}{cap}{free}.")
    if not state.shrinks:
        console.print(
            "Free space stays in this file for new logs; `andon retention --compact` returns it to the disk.",
            style="dim",
        )
    if not state.deletions:
        console.print("Nothing has been deleted yet.")
        return
    console.print()
    print_listing(("deleted at", "rule~", "logs>", "about>"), (_row(one, settings) for one in state.deletions))


def _row(one: AuditEntry, settings: Settings) -> tuple[Cell, ...]:
    logs, size = one.detail.get("logs", 0), one.detail.get("bytes") or 0
    return When(one.at, settings.time_zone, exact=True), one.subject, f"{logs:,}", shown_size(size)


def _print_rules(settings: Settings, state: RetentionState) -> None:
    if not settings.retention:
        console.print("There are no rules: every log is kept forever. docs/retention.md shows how to write rules.")
        _print_rejects(settings)
        return
    rows = [
        (number, label, described(rule), f"{state.dropped[label]:,}" if label in state.dropped else "")
        for number, (label, rule) in enumerate(zip(labels(settings), settings.retention, strict=True), 1)
    ]
    print_listing((">", "rule", "logs~", "never stored>"), rows)
    console.print("The first rule that matches a log applies; logs that match no rule are kept forever.", style="dim")
    _print_rejects(settings)


def _print_rejects(settings: Settings) -> None:
    forever = parse_keep(settings.retention_rejects) is None
    kept = "forever" if forever else f"for {settings.retention_rejects}"
    console.print(f"Messages that could not be understood are kept {kept} (ANDON_RETENTION_REJECTS).", style="dim")


def _dry_run(settings: Settings, *, as_json: bool) -> None:
    policy = retention_policy(settings)
    with store.Visitor(settings.database) as visitor, Progress(console=errors, transient=True) as progress:
        task = progress.add_task("looking at logs", total=None)
        found = visitor.read(
            store.retention.predict,
            policy,
            time.time(),
            lambda done, total: progress.update(task, completed=done, total=total),
        )
    if as_json:
        print_json(found)
        return
    if not found.logs:
        console.print("Nothing would be deleted now.")
        return
    rows = [(label, f"{count:,}", shown_size(found.bytes[label])) for label, count in found.logs.items()]
    print_listing(("rule~", "would delete>", "about>"), rows)
    console.print(f"In all {counted(sum(found.logs.values()), 'log')}, about {shown_size(sum(found.bytes.values()))}.")
    console.print(
        "Logs that are still needed are not counted. `andon retention --run` deletes the counted ones now.", style="dim"
    )


def _run_now(settings: Settings, *, as_json: bool) -> None:
    with errors.status("looking at logs") as status:
        deleted = asyncio.run(
            _retain(settings, lambda so_far: status.update(f"{counted(sum(so_far.values()), 'log')} deleted"))
        )
    lines = [f"{counted(count, 'log')} deleted: {label}" for label, count in deleted.items()]
    print_outcome({"deleted": deleted}, lines or ["Nothing had to be deleted."], as_json=as_json)


async def _retain(settings: Settings, told: Any) -> dict[str, int]:
    from andon.app.background.retainer import Retainer  # with the service's tasks, which only --run needs

    opened = await store.Store.open(settings.database, durability=settings.durability)
    applied = store.Retention(
        opened, retention_policy(settings), actor=f"andon retention --run ({user_name() or 'unknown'})"
    )
    try:
        return await Retainer(opened, applied, Metrics()).once(told)
    finally:
        await opened.close()


def _compact(settings: Settings, *, as_json: bool) -> None:
    with errors.status("rewriting the file"):
        before, after = store.compact(settings.database)
    sentence = f"{shown_size(before)} before, {shown_size(after)} now."
    print_outcome({"before": before, "after": after}, [sentence], as_json=as_json)

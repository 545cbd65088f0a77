"""``andon backup``: database and broker store in one file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from andon.app.cli.filters import Json
from andon.app.cli.output import command_settings, console, errors, plain, print_json, user_name
from andon.core.text import counted, shown_size

if TYPE_CHECKING:
    from andon.app.backup.making import Made
    from andon.app.backup.manifest import Manifest


def backup(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[PATH]", help="A directory or a new file (default: `backups` in the data directory)."),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep", min=1, metavar="N", help="Keep the newest N backups in that directory and remove older ones."
        ),
    ] = None,
    with_secrets: Annotated[
        bool, typer.Option("--with-secrets", help="Include .env, and an andon.toml that may hold secrets.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Back up database, broker store, runbooks and settings to one checked file, while Andon runs or not.

    The backup holds every log that the broker had confirmed when it began. It is as sensitive as your logs: only the
    user who made the file can read it.

    Example: andon backup /mnt/backups --keep 14
    """
    from andon.app.backup.making import make

    settings = command_settings()
    with telling() as told:
        made = make(settings, path, keep=keep, with_secrets=with_secrets, by=user_name(), told=told)
    if as_json:
        print_json(_as_json(made))
        return
    _print(made, inside=path is None)


def _print(made: Made, *, inside: bool) -> None:
    manifest = made.manifest
    console.print(plain(f"{made.path}: {shown_size(made.size)}, checked."), soft_wrap=True)
    for line in contents(manifest):
        console.print(plain(line), soft_wrap=True)
    for sentence in manifest.left_out:
        console.print(plain(f"Not in it: {sentence}."), soft_wrap=True)
    if made.removed:
        console.print(plain(f"{counted(len(made.removed), 'older backup')} removed."), soft_wrap=True)
    if made.noted:
        errors.print(
            plain(f"`andon doctor` does not know about this backup: {made.noted}."), style="dim", soft_wrap=True
        )
    if inside:
        errors.print(
            plain("The backup is on the same disk as the data: copy it to another machine, or give a directory there."),
            style="dim",
            soft_wrap=True,
        )


def contents(manifest: Manifest) -> Iterator[str]:
    """What a backup holds, in sentences."""
    kind = "PostgreSQL" if manifest.dump else "SQLite"
    held = manifest.database
    yield f"Database ({kind}, schema revision {held.revision}): {counted(held.logs, 'log')}."
    if manifest.streams:
        messages = sum(stream.messages for stream in manifest.streams)
        waiting = f", {counted(manifest.waiting, 'log')} of them still to be recorded" if manifest.waiting else ""
        yield f"Broker: {counted(messages, 'message')} in {counted(len(manifest.streams), 'stream')}{waiting}."


def as_json_of(manifest: Manifest) -> dict[str, Any]:
    """The manifest for programs, without the list of its files."""
    found: dict[str, Any] = msgspec.to_builtins(manifest)
    found["files"] = len(manifest.files)
    return found | {"unpacked_bytes": manifest.size}


def _as_json(made: Made) -> dict[str, Any]:
    removed = [str(path) for path in made.removed]
    return {"path": str(made.path), "bytes": made.size, "removed": removed} | as_json_of(made.manifest)


@contextmanager
def telling() -> Iterator[Callable[[str, int, int], None]]:
    """Shows on a terminal what is being done, and how far it is, from the first word of it on."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    progress = Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)
    task = progress.add_task("", total=None)

    def told(what: str, done: int, total: int) -> None:
        if not progress.live.is_started:
            progress.start()  # not before: somebody may be asked something first
        progress.update(task, description=what, completed=done, total=total or None)

    try:
        yield told
    finally:
        progress.stop()

"""``andon restore``: a backup put back, or checked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from andon.app.cli.backup import as_json_of, contents, telling
from andon.app.cli.filters import Json
from andon.app.cli.output import command_settings, console, errors, plain, print_json, short_time
from andon.core.errors import BackupError
from andon.core.text import counted
from andon.store import HEAD

if TYPE_CHECKING:
    from andon.app.backup.manifest import Manifest
    from andon.app.backup.restoring import Restored
    from andon.core.settings.settings import Settings
    from andon.store import Held


def restore(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A backup, or the copy of the database that an upgrade made.")
    ],
    check: Annotated[bool, typer.Option("--check", help="Read and check the whole file, and restore nothing.")] = False,
    database_only: Annotated[
        bool,
        typer.Option(
            "--database-only",
            help="Leave the broker's store as it is: logs that it holds since the backup are recorded again.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Move existing data aside without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Restore a backup to where the settings keep Andon's data. Stop Andon first.

    The whole file is checked before anything changes. Existing data is moved aside, never deleted.

    Example: andon restore /mnt/backups/andon-20261130T021500Z.tar.gz
    """
    from andon.app.backup import restoring

    settings = command_settings()
    if check:
        with telling() as told:
            held, manifest = restoring.check(file, told)
        _print_checked(file, held, manifest, settings, as_json=as_json)
        return
    agree = _unasked if yes else _agree
    with telling() as told:
        done = restoring.restore(settings, file, database_only=database_only, agree=agree, told=told)
    if as_json:
        _print_json(done, settings)
        return
    _print(done, settings)


def _unasked(_there: list[Path]) -> None:
    """With --yes nobody is asked."""


def _agree(there: list[Path]) -> None:
    """Ask whether what is there may be moved aside. Raises BackupError where not."""
    names = ", ".join(map(str, there))
    if not sys.stdin.isatty():
        raise BackupError(f"{names} would be moved aside, and there is no terminal to ask on: add --yes to agree")
    errors.print(plain(f"This data will be moved aside, not deleted: {names}."), soft_wrap=True)
    if not typer.confirm("Continue?", err=True):
        raise BackupError("nothing was changed")


def _print_checked(file: Path, held: Held, manifest: Manifest | None, settings: Settings, *, as_json: bool) -> None:
    if as_json:
        print_json(_of(held, manifest))
        return
    console.print(plain(_made(file, manifest, settings)), soft_wrap=True)
    for line in contents(manifest) if manifest else [f"Schema revision {held.revision}: {counted(held.logs, 'log')}."]:
        console.print(plain(line), soft_wrap=True)


def _made(file: Path, manifest: Manifest | None, settings: Settings) -> str:
    if manifest is None:
        return f"{file} is a whole database."
    at = short_time(manifest.made_at, settings.time_zone)
    return f"{file} is whole: made by Andon {manifest.andon} on {manifest.host}, {at}."


def _of(held: Held, manifest: Manifest | None) -> dict[str, object]:
    return as_json_of(manifest) if manifest else {"database": msgspec.to_builtins(held)}


def _print_json(done: Restored, settings: Settings) -> None:
    put = {"data_dir": str(settings.data_dir), "database": str(settings.database)}
    aside = [str(path) for path in done.aside]
    told = {"moved_aside_to": aside, "waiting": done.waiting, "too_late": done.late, "not_put_back": done.left}
    print_json({"put_back": put, **told, "backup": _of(done.held, done.manifest)})


def _print(done: Restored, settings: Settings) -> None:
    said = [f"{counted(done.held.logs, 'log')} restored into {settings.database}."]
    if done.streams:
        messages = sum(stream.messages for stream in done.streams)
        said.append(f"{counted(messages, 'message')} restored into the broker's store.")
    if done.waiting and not done.late:
        said.append(f"{counted(done.waiting, 'log')} of them will be recorded at the next start.")
    elif done.waiting:
        said.append(
            f"{counted(done.waiting, 'log')} that arrived while the backup was made are in the broker's part only, and "
            "older than the 24 hours for which it keeps logs: they are not restored."
        )
    said += [f"The data from before is in {path}." for path in done.aside]
    said += [f"Not restored: {sentence}." for sentence in done.left]
    if done.held.revision != HEAD:
        said.append(
            f"Its schema revision is {done.held.revision}: the version that made it can use it now; this version "
            f"upgrades it to {HEAD} when it starts."
        )
    said.append("Start `andon run` now.")
    for sentence in said:
        console.print(plain(sentence), soft_wrap=True)

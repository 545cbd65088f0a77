"""``andon install`` and ``andon uninstall``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from andon.app.cli.output import console, plain
from andon.app.installation.install import Wishes
from andon.app.installation.install import install as install_service
from andon.app.installation.layout import DATA, SETTINGS
from andon.app.installation.machine import Machine
from andon.app.installation.uninstall import is_installed, root_of
from andon.app.installation.uninstall import uninstall as uninstall_service
from andon.core.errors import ConfigError

Root = Annotated[
    Path | None,
    typer.Option("--root", help="Lay everything in this directory, which stands for the root of a machine."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing, and print what would be done.")]


def install(
    root: Root = None,
    dry_run: DryRun = False,
    python: Annotated[
        Path | None, typer.Option(help="Interpreter of the service, of the version that this runs on.")
    ] = None,
    no_start: Annotated[bool, typer.Option("--no-start", help="Start nothing, and restart nothing.")] = False,
) -> None:
    """Install this Andon as a service of this machine (systemd), or upgrade the one that is there. Needs root.

    Settings and data that are there stay as they are. Nothing is downloaded.

    Example: sudo .venv/bin/andon install
    """
    machine = Machine(root_of(root), dry_run=dry_run, tell=_say)
    install_service(machine, Wishes(python, start=not no_start))


def uninstall(
    root: Root = None,
    dry_run: DryRun = False,
    purge: Annotated[
        bool, typer.Option("--purge", help="Also delete settings and data: all logs, explanations and fixes.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --purge deletes.")] = False,
) -> None:
    """Stop the installed service and remove its program. Settings and data stay.

    Example: sudo andon uninstall
    """
    machine = Machine(root_of(root), dry_run=dry_run, tell=_say)
    if not machine.staged and os.geteuid() != 0 and not dry_run:
        raise ConfigError("removing the service needs the rights of root: put `sudo` in front of the same command")
    if not is_installed(machine) and not purge:
        raise ConfigError(
            "no service is installed on this machine" if root is None else f"nothing is installed in {root}"
        )
    if purge and not yes and not dry_run:
        asked = f"Delete everything in {DATA} and {SETTINGS}: all logs, explanations, fixes and settings?"
        typer.confirm(asked, abort=True)
    uninstall_service(machine, purge=purge)


def _say(sentence: str) -> None:
    console.print(plain(sentence), soft_wrap=True)

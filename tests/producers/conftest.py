"""Trials with producers as people install them. They take minutes and fetch packages: only with ``PRODUCERS=1``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.service import Andon, running

if os.environ.get("PRODUCERS") != "1":
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Callable[..., Andon]]:
    """Makes a service with the settings it is given, starts it, and ends it after the trial."""
    with ExitStack() as stack:

        def make(**settings: str) -> Andon:
            place = tmp_path / "andon"
            place.mkdir()
            return stack.enter_context(running(place, **settings))

        yield make

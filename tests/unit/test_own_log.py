"""Andon's own log: it never fails, and what it shows of others does not steer the terminal."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from andon.core.own_log import configure_logging
from support import own_log


class Broken(io.StringIO):
    """A full disk, or a pipe that nobody reads any more."""

    def write(self, _text: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Logging as it was."""
    handlers = logging.getLogger().handlers[:]
    yield
    own_log.plain()
    logging.getLogger().handlers = handlers


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_log_that_cannot_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """Neither ours nor a library's."""
    monkeypatch.setattr(sys, "stderr", Broken())
    configure_logging("info", form)
    structlog.get_logger("x").error("recording stopped", reason="disk")
    logging.getLogger("library").error("failed")


@pytest.mark.parametrize("form", ["json", "text"])
def test_control_characters_are_shown(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """A reason that quotes what a producer sent."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logging("info", form)
    structlog.get_logger("x").error("reply not sent", error="\x1b[2Jgone \x07")
    logging.getLogger("library").error("said %s", "\x1b[31m")
    written = stream.getvalue()
    assert "gone" in written
    assert "\x07" not in written
    assert "\x1b" not in written
    if form == "json":
        assert json.loads(written.splitlines()[0])["error"] == "\x1b[2Jgone \x07"


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_unexpected_error_shows_no_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    """Where it happened is told, the local variables are not: among them may be a key."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logging("info", form)

    def part() -> None:
        api_key = "sk-canary-" + "0123456789"
        raise RuntimeError(f"boom after {len(api_key)}")

    try:
        part()
    except RuntimeError:
        structlog.get_logger("t").exception("part failed")
        logging.getLogger("library").exception("failed too")
    said = stream.getvalue()
    assert said.count("boom after 20") >= 2
    assert "canary" not in said
    assert "0123456789" not in said

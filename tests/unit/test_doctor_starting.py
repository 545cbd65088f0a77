"""``andon doctor`` beside a service that has its port and does not answer yet."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from support.commands import Commands


def test_a_service_that_is_starting_is_not_called_absent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It takes connections and answers none: starting it again would be the wrong advice."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        andon = Commands(tmp_path, capsys, ANDON_HTTP_PORT=str(listener.getsockname()[1]))
        said = [entry for entry in andon("doctor", "--json").json if entry["name"] == "service"]
    assert said[0]["ok"] is False
    assert said[0]["remedy"] == "it is starting or hangs: see its log"

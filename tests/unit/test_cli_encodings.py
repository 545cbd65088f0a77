"""Output that is not UTF-8, and standard input: what a pipe, an old locale or Windows hands to a command."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from andon.app.cli.send import is_file_of_logs
from andon.core.errors import ConfigError
from support import forked
from support.patience import PATIENCE
from support.store_data import a_log, opened

MESSAGE = "Öldruck … → 中 🔥"


def andon(place: Path, *arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A command by an interpreter of its own, which reads ``environment`` too, with a database in ``place``."""
    return subprocess.run(
        [sys.executable, "-m", "andon", *arguments],
        env={**os.environ, **_settings(place), "PYTHONUTF8": "0", **environment},
        cwd=place,
        input=stdin,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


def _settings(place: Path) -> dict[str, str]:
    return {"PROVIDER": "PLAYBOOK", "NATS_URL": "nats://127.0.0.1:9", "DB_PATH": str(place / "agent.db")}


def stored(place: Path) -> None:
    """One log with characters that few encodings have."""

    async def work() -> None:
        async with opened(place / "agent.db") as store:
            await store.record([a_log(1, message=MESSAGE)], [])

    asyncio.run(work())


def test_what_the_output_cannot_hold_is_replaced(tmp_path: Path) -> None:
    """A listing is printed whole on a Latin-1 output: its own characters stay, others have a stand-in."""
    stored(tmp_path)
    done = andon(tmp_path, "logs", PYTHONIOENCODING="latin-1", COLUMNS="120")
    assert (done.returncode, done.stderr) == (0, b"")
    assert "Öldruck . > ? ?" in done.stdout.decode("latin-1")


def test_json_is_whole_in_an_encoding_that_has_least(tmp_path: Path) -> None:
    """Programs read the very text that is stored."""
    stored(tmp_path)
    done = andon(tmp_path, "logs", "--json", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.decode("ascii"))[0]["message"] == MESSAGE


def test_a_pipe_is_read(tmp_path: Path) -> None:
    """Without being asked to, because something is piped into it."""
    done = andon(tmp_path, "send", stdin=b'[{"message": "one"}, 2]\n')
    assert done.returncode == 1
    assert b"standard input: entry 2 is not a JSON object" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("-",), ("--file", "-")])
def test_send_reads_standard_input(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Asked for with a dash, or because it is no terminal; lines need a broker, documents must be right."""

    def send(stdin: bytes, **settings: str) -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, **_settings(tmp_path), **settings}
        return forked.run(["send", *arguments], environment, tmp_path, stdin, PATIENCE)

    done = send(b"a plain line\n", ANDON_NATS_PORT="1")
    assert done.returncode == 1
    assert b"does not answer" in done.stderr
    done = send(b'[{"message": "one"}, 2]\n')
    assert done.returncode == 1
    assert b"standard input: entry 2 is not a JSON object" in done.stderr
    assert b"standard input is empty" in send(b"").stderr


def test_the_name_of_a_file_that_is_not_there_is_no_message(tmp_path: Path) -> None:
    """A typing error in a name is said, not stored as a log; a sentence may end in one."""
    with pytest.raises(ConfigError, match="there is no file"):
        is_file_of_logs(str(tmp_path / "shfit.jsonl"))
    (tmp_path / "shifts.json").mkdir()
    with pytest.raises(ConfigError, match=r"shifts\.json is a directory; nothing was sent"):
        is_file_of_logs(str(tmp_path / "shifts.json"))
    assert not is_file_of_logs("Cannot read settings.json")

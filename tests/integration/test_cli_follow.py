"""``andon logs --follow`` beside a running service, and ``andon run`` on a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.patience import PATIENCE
from support.service import Andon
from support.terminals import on_terminal


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Andon]:
    """A running service with a log of before."""
    andon = Andon(tmp_path_factory.mktemp("service"), ANDON_TIME_ZONE="UTC")
    andon.start()
    send(andon, "Here before")
    yield andon
    andon.stop()


def send(andon: Andon, message: str, severity: str = "ERROR") -> None:
    """Send a log, and wait until it is stored."""
    command = [sys.executable, "-m", "andon", "send", message, "--severity", severity, "--wait"]
    subprocess.run(command, env=andon.environment, check=True, capture_output=True, timeout=PATIENCE)


def test_new_logs_follow_on_a_terminal_until_ctrl_c(service: Andon) -> None:
    """The stored ones first, then each as it comes; Ctrl-C ends it without a word."""
    with on_terminal(service.environment, 60, "logs", "--follow") as terminal:
        terminal.read("Here before")
        send(service, "Door 7 日本語 opened")
        shown = terminal.read("日本語 opened")
        assert max(map(len, shown.splitlines())) <= 60
        terminal.press("\x03")
        terminal.read()
        assert terminal.process.wait(PATIENCE) == 130
    assert "Traceback" not in terminal.text


def test_new_logs_follow_as_lines_of_json_that_the_filters_let_through(service: Andon) -> None:
    """One object a line, at once, with the keys of the listing."""
    command = [sys.executable, "-m", "andon", "logs", "-f", "--json", "--severity", "CRITICAL"]
    with subprocess.Popen(command, env=service.environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        send(service, "Only a warning", "WARNING")
        send(service, "Worse", "CRITICAL")
        first = json.loads(process.stdout.readline())
        listed = subprocess.run(
            [sys.executable, "-m", "andon", "logs", "--json", "-n", "1", "--severity", "CRITICAL"],
            env=service.environment, check=True, capture_output=True, timeout=PATIENCE,
        )  # fmt: skip
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    assert first["message"] == "Worse"
    assert list(first) == list(json.loads(listed.stdout)[0])


def test_a_reader_that_leaves_ends_it_before_the_next_log(service: Andon) -> None:
    """As `andon logs --follow | head -1` does: at once, without a traceback."""
    command = [sys.executable, "-m", "andon", "logs", "--follow"]
    process = subprocess.Popen(command, env=service.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(PATIENCE) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


def test_what_was_stored_while_the_service_was_away_is_shown_afterwards(tmp_path: Path) -> None:
    """It says that it waits, and goes on by itself."""
    andon = Andon(tmp_path)
    andon.start()
    send(andon, "The first")
    with on_terminal(andon.environment, 80, "logs", "--follow") as terminal:
        terminal.read("The first")
        andon.stop()
        terminal.read("The service stopped")
        andon.start()
        send(andon, "After the restart")
        terminal.read("After the restart")
    andon.stop()


def test_without_a_service_it_says_how_to_start_one(service: Andon, tmp_path: Path) -> None:
    """A listing would never go on."""
    environment = {**service.environment, "ANDON_HTTP_PORT": "9"}
    command = [sys.executable, "-m", "andon", "logs", "--follow"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert "no service answers at http://127.0.0.1:9: `andon run` starts one" in done.stderr


@pytest.mark.parametrize("width", [40, 100])
def test_run_greets_on_a_terminal(tmp_path: Path, width: int) -> None:
    """Where everything is, who explains, what to try; in its log elsewhere."""
    andon = Andon(tmp_path, PROVIDER="OLLAMA", OLLAMA_HOST="http://127.0.0.1:9")
    with on_terminal(andon.environment, width, "run") as terminal:
        shown = terminal.read("--wait")
        terminal.press("\x03")
        terminal.read()
        assert terminal.process.wait(PATIENCE) == 0
    said = " ".join(shown[shown.index("Andon ") :].split())
    assert " is ready. Ctrl-C stops it. " in said
    assert f"Page http://127.0.0.1:{andon.http_port} " in said
    assert f"Broker nats://127.0.0.1:{andon.nats_port} " in said
    assert f"Data {andon.data}" in said.replace(f"{os.sep} ", os.sep) or width == 40
    assert "Model: Ollama away, the playbook answers" in said
    assert 'send "Pump P3 stopped" --wait' in said

"""``andon send`` and ``andon demo`` when something is in the way: one sentence, at once, and what was done all the same."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from andon.app.cli.demo import DemoError, free_port_near, prepare_directory
from andon.bus.embedded.binary import find_binary
from andon.bus.publisher import JetStreamPublisher
from andon.core.private_files import PRIVATE
from support.commands import Commands
from support.patience import PATIENCE
from support.ports import free_ports
from support.service import listening, log, running, until


def test_an_oversized_log_in_the_middle_is_named_and_the_others_are_answered(tmp_path: Path) -> None:
    """--wait sends what can be sent, prints its analyses, and says which log was not sent."""
    lines = [json.dumps(log(message)) for message in ("Oven door open", "x" * 1_100_000, "Fan blocked")]
    with running(tmp_path) as andon:
        done = andon.cli("send", "--file", "-", "--wait", "--json", stdin="\n".join(lines).encode())
        answered = [json.loads(line)["original_message"]["message"] for line in done.stdout.splitlines()]
        assert sorted(answered) == ["Fan blocked", "Oven door open"]
        assert done.returncode == 1
        assert b"1 of 3 not sent; the first: log 2" in done.stderr


def test_a_broker_without_jetstream_is_said_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is published: that would wait half a minute for the broker."""
    monkeypatch.setattr(JetStreamPublisher, "store", lambda *_, **__: pytest.fail("it was published"))
    port = free_ports(1)[0]
    server = subprocess.Popen(
        [str(find_binary(None)), "-a", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: listening(port), "the broker")
        done = Commands(tmp_path, capsys, NATS_URL=f"nats://127.0.0.1:{port}")("send", "x")
        assert (done.status, "has no JetStream" in done.err) == (1, True)
    finally:
        server.kill()
        server.wait(PATIENCE)


def test_the_advice_for_an_embedded_broker_is_andon_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who has set no NATS_URL is not told to correct it."""
    andon = Commands(tmp_path, capsys, NATS_URL="", ANDON_NATS_PORT=str(free_ports(1)[0]))
    done = andon("send", "x")
    assert done.status == 1
    assert "start it with `andon run`" in done.err
    assert "NATS_URL" not in done.err


def test_demo_refuses_a_file_as_its_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And a directory below a file: one sentence each."""
    (tmp_path / "file").write_text("x")
    andon = Commands(tmp_path, capsys)
    for place in ("file", "file/below"):
        done = andon("demo", "--data-dir", str(tmp_path / place))
        assert (done.status, len(done.err.splitlines())) == (1, 1)
        assert "choose" in done.err


def test_demo_leaves_other_files_alone(tmp_path: Path) -> None:
    """A directory without its mark is not emptied."""
    (tmp_path / "mine").write_text("x")
    with pytest.raises(DemoError, match="something else"):
        prepare_directory(tmp_path, PRIVATE)
    assert (tmp_path / "mine").exists()


def test_demo_says_why_the_service_does_not_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A failure inside the service is one sentence, no traceback of a group."""
    andon = Commands(tmp_path, capsys, NATS_URL="", ANDON_NATS_SERVER=str(tmp_path / "none"), ANDON_NATS_PORT="-1")
    done = andon("demo", "--data-dir", str(tmp_path / "demo"))
    assert done.status == 1
    assert "Traceback" not in done.err
    assert done.err.splitlines()[-1].startswith("andon: ")


def test_an_address_that_is_not_ours_is_one_sentence() -> None:
    """Nothing to listen on."""
    with pytest.raises(DemoError, match="is no address of this machine"):
        free_port_near("192.0.2.1", 4222)


def test_a_port_that_nobody_can_know_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """ANDON_NATS_PORT=-1 is for the service; a command has to be told the port."""
    done = Commands(tmp_path, capsys, NATS_URL="", ANDON_NATS_PORT="-1")("send", "x")
    assert done.status == 1
    assert "ANDON_NATS_PORT=-1 takes any free port" in done.err

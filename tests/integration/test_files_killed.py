"""Files while Andon, an import and a pipe are killed or lose the broker: what is stored is what was written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.patience import PATIENCE
from support.service import Andon, until

OLD = 8_000
#: What is followed tells of now; what is old would be of the past.
NOW = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


@pytest.fixture(scope="module")
def andon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Andon]:
    """A service that follows a directory."""
    place = tmp_path_factory.mktemp("files")
    (place / "log").mkdir()
    (place / "andon.toml").write_text(
        f'[[files]]\npaths = ["{place}/log/*.log*"]\nmultiline = false\nstart = "beginning"\nplace = "**/{{machine}}.log"\n'
    )
    made = Andon(place)
    made.start()
    yield made
    made.close()


def messages(andon: Andon, like: str) -> Counter[str]:
    """The stored messages that begin so, each with how often it is there."""
    rows = andon.sql("SELECT message FROM agent_logs WHERE message LIKE ?", f"{like}%")
    return Counter(str(row[0]) for row in rows)


def test_what_is_written_while_andon_is_killed_is_stored_once(andon: Andon) -> None:
    """Through a rotation while it is down as well, and with lines that were on their way."""
    path, written = andon.place / "log" / "press.log", 0

    def write(count: int) -> None:
        nonlocal written
        with path.open("a") as file:
            for _ in range(count):
                written += 1
                file.write(f"{NOW} ERROR followed {written}\n")

    for step in range(3):
        write(2_000)
        if step < 2:
            until(lambda: messages(andon, f"{NOW} ERROR followed"), "the first")
            andon.kill()
            write(500)
            if step == 1:
                path.rename(f"{path}.1")
                path.touch()
                write(500)
            andon.start()
    andon.until(lambda: len(messages(andon, f"{NOW} ERROR followed")) == written, "all of them")
    assert set(messages(andon, f"{NOW} ERROR followed").values()) == {1}
    row = andon.sql("SELECT severity, service, machine, timestamp FROM logs WHERE message LIKE '%followed 1'")[0]
    assert row[0] == "ERROR"


def test_an_import_that_is_killed_goes_on_and_announces_nothing(andon: Andon) -> None:
    """Twice killed, then through: every line once, none of them active, all of them asked about last."""
    old = andon.place / "old.txt"
    lines = [f"2026-03-01 10:{n // 60 % 60:02}:{n % 60:02} ERROR imported {n}" for n in range(OLD)]
    old.write_text("".join(f"{line}\n" for line in lines))
    for _ in range(2):
        before = len(messages(andon, "2026-03-01"))
        running = subprocess.Popen(
            [sys.executable, "-m", "andon", "import", str(old)], env=andon.environment, cwd=andon.place,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until(lambda before=before: len(messages(andon, "2026-03-01")) > before, "some")  # type: ignore[misc]
        running.send_signal(signal.SIGKILL)
        running.wait(PATIENCE)
    done = andon.cli("import", "old.txt", "--json", seconds=3 * PATIENCE)
    assert done.returncode == 0, done.stderr
    andon.until(lambda: sum(messages(andon, "2026-03-01").values()) >= OLD, "all of them")
    assert messages(andon, "2026-03-01") == Counter(lines)
    again = andon.cli("import", "old.txt")
    assert b"0 logs imported" in again.stdout
    assert b"1 file imported before" in again.stdout
    assert andon.sql("SELECT COUNT(*) FROM logs WHERE notes = 'imported' AND message LIKE '2026-03-01%'") == [(OLD,)]
    states = "SELECT COUNT(*) FROM alarms WHERE state <> 'cleared' AND text LIKE '2026-03-01%'"
    assert andon.sql(states) == [(0,)]


def test_lines_of_a_pipe_are_stored_as_they_come(andon: Andon) -> None:
    """Before the pipe ends, also through a broker that is killed meanwhile."""
    sending = subprocess.Popen(
        [sys.executable, "-m", "andon", "send", "--service", "piped", "-s", "WARNING"], env=andon.environment,
        cwd=andon.place, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert sending.stdin is not None
    try:
        os.write(sending.stdin.fileno(), b"piped one\n")
        andon.until(lambda: messages(andon, "piped one"), "the first line")
        andon.kill()
        os.write(sending.stdin.fileno(), b"piped two\n")
        andon.start()
        andon.until(lambda: messages(andon, "piped two"), "the second line")
        out, err = sending.communicate(b"  indented\npiped three", timeout=PATIENCE)
    finally:
        sending.kill()
        sending.wait()
    assert sending.returncode == 0, err
    assert b"sent to agent.technical.support" in out
    assert b"is away" in err
    assert b"roker is back" in err
    andon.until(lambda: messages(andon, "piped three"), "the last line")
    rows = andon.sql("SELECT severity, service FROM agent_logs WHERE message = 'piped one'")
    assert rows == [("WARNING", "piped")]
    assert max(messages(andon, "piped").values()) == 1


def test_what_cannot_be_imported_is_said_and_the_rest_is(andon: Andon) -> None:
    """One sentence and exit status 1; what retention will do is foretold."""
    good = Path(andon.place / "good.txt")
    good.write_text("2026-03-02 10:00:00 INFO good\n")
    (andon.place / "bad.txt.gz").write_bytes(b"\x1f\x8bnot really")
    done = andon.cli("import", "good.txt", "bad.txt.gz")
    assert done.returncode == 1
    assert b"1 log imported" in done.stdout
    assert b"bad.txt.gz cannot be read" in done.stderr
    rules = 'RULES = 1\n[[retention]]\nname = "chatter"\nseverity = ["INFO"]\nkeep = "30d"\n'.partition("\n")[2]
    config = andon.place / "andon.toml"
    config.write_text(f"{config.read_text()}{rules}")
    told = andon.cli("import", "--dry-run", "good.txt")
    assert b"1 of these 1 logs will be deleted 30 d after the import, by rule chatter" in told.stderr.replace(
        b"\n", b" "
    )

"""What reaches the terminal: ids whatever its width, and no text that steers it."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.text import printable, printable_json
from andon.store import change, prepare, recording
from support.commands import Commands
from support.patience import PATIENCE
from support.store_data import a_log, a_reject, opened, query, reference_database
from support.terminals import on_terminal

HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m \u202egnp.exe \r\x08\x00[red]x[/red]"
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


LONG = "a long text that says a lot " * 10


@pytest.fixture
def andon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Eleven logs and rejects whose texts are long."""
    logs = [a_log(n, hostname="host-" * 12, service="service-" * 12, message=LONG) for n in range(1, 12)]

    async def work() -> None:
        async with opened(tmp_path / "agent.db") as store:
            await store.record(logs, [a_reject(100 + n, reason=LONG, data=LONG.encode()) for n in range(11)])

    asyncio.run(work())
    return Commands(tmp_path, capsys)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("command", ["logs", "rejects"])
def test_ids_are_whole_and_texts_can_be_read_on_every_terminal(andon: Commands, command: str, width: int) -> None:
    """Each row begins with its id; no line is wider than the terminal, and a text has most of one."""
    with on_terminal(andon.settings, width, command) as terminal:
        lines = terminal.read().splitlines()
        assert terminal.process.wait(PATIENCE) == 0
    assert [line.split()[0] for line in lines if re.match(r" ?\d+ ", line)] == [str(n) for n in range(11, 0, -1)]
    assert max(map(len, lines)) <= width
    shown = ["".join(line.partition("a long text")[1:]) for line in lines]
    assert sum(len(text) >= 30 for text in shown) >= 11


@pytest.mark.parametrize("command", ["logs", "rejects"])
def test_a_pipe_gets_each_row_whole_on_a_line_of_its_own(andon: Commands, command: str) -> None:
    """Whatever COLUMNS says: `grep` finds every word of a row, `awk` its id, and nothing draws."""
    andon.settings["COLUMNS"] = "40"
    lines = andon(command).out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == [str(n) for n in range(11, 0, -1)]
    assert all(" ".join(LONG.split()) in line for line in lines)
    assert not any(sign in line for line in lines for sign in "\x1b│─")


def test_rows_that_were_taken_over_do_not_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reference stored anything; listings, single logs and JSON show it and obey nothing."""
    row = ("2025-01-15T02:14:23Z" + HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    reference_database(tmp_path / "agent.db", [row])
    prepare(tmp_path / "agent.db", durability="normal")
    andon = Commands(tmp_path, capsys)
    for arguments in (["logs"], ["show", "1"], ["logs", "--json"], ["show", "1", "--json"]):
        done = andon(*arguments)
        assert done.status == 0
        assert not STEERING.search(done.out.replace("\t", ""))
    assert andon("show", "1", "--json").json["message"] == HOSTILE
    assert r"\x1b[2J" in andon("show", "1").out


def test_lone_surrogates_in_a_listing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half a character in a context neither ends a listing nor reaches the terminal."""
    andon = Commands(tmp_path, capsys)

    async def work() -> None:
        async with opened(tmp_path / "agent.db") as store:
            await store.record([a_log(1, context='{"tag": "\\ud83d"}')], [])

    asyncio.run(work())
    assert andon("logs", "--json").json[0]["context"] == '{"tag": "\\ud83d"}'
    assert andon("show", "1").status == 0


@given(st.text())
def test_printable_leaves_nothing_that_steers(text: str) -> None:
    """And changes nothing else."""
    shown = printable(text)
    assert not STEERING.search(shown)
    if not STEERING.search(text) and text.isprintable():
        assert shown == text


@given(st.text())
def test_printable_json_means_the_same(text: str) -> None:
    """The escapes are JSON's own."""
    shown = printable_json(json.dumps({"x": text}, ensure_ascii=False))
    assert not STEERING.search(shown)
    assert json.loads(shown) == {"x": text}


def test_ids_out_of_range_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence of usage, no traceback."""
    andon = Commands(tmp_path, capsys)
    for arguments in (["rejects", "--retry", "0"], ["rejects", "retry", str(2**63)], ["resolve", "0", "--fix", "x"]):
        done = andon(*arguments)
        assert done.status == 2
        assert "Invalid value" in done.err


def test_rejects_that_were_retried_do_not_pile_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that is published again and rejected again is one line, the new one; --all has both."""
    andon = Commands(tmp_path, capsys)

    async def work(sequence: int) -> None:
        async with opened(tmp_path / "agent.db") as store:
            await store.record([], [a_reject(sequence)])

    asyncio.run(work(1))
    change(tmp_path / "agent.db", recording.mark_retried, 1, "2025-01-15T03:00:00.000Z")
    asyncio.run(work(2))
    assert [row["id"] for row in andon("rejects", "--json").json] == [2]
    assert [row["id"] for row in andon("rejects", "--all", "--json").json] == [2, 1]


def test_a_fix_is_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The newest goes, the one before shows again; without any, the problem is asked about anew."""
    andon = Commands(tmp_path, capsys)

    async def work() -> None:
        async with opened(tmp_path / "agent.db") as store:
            await store.record([a_log(1)], [])

    asyncio.run(work())
    shown = "SELECT analysis FROM agent_logs"
    assert andon("resolve", "1", "--fix", "Oiled it").status == 0
    assert andon("resolve", "1", "--fix", "Replaced it").status == 0
    assert andon("resolve", "1", "--revoke").status == 0
    assert "Oiled it" in query(tmp_path / "agent.db", shown)[0][0]
    assert "Replaced it" not in andon("patterns", "show", "1").out.partition("explanations")[0]
    assert andon("resolve", "1", "--revoke", "--id", "1", "--json").json["fix"] == "Oiled it"
    assert query(tmp_path / "agent.db", shown) == [(None,)]
    assert [row["reason"] for row in andon("queue", "--json").json] == ["revoked"]
    nothing = andon("resolve", "1", "--revoke")
    assert (nothing.status, "no confirmed fix" in nothing.err) == (1, True)


def test_resolve_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a fix nor --revoke, or both: usage."""
    andon = Commands(tmp_path, capsys)
    assert andon("resolve", "1").status == 2
    assert andon("resolve", "1", "--fix", "x", "--revoke").status == 2
    assert andon("resolve", "1", "--fix", "x", "--id", "1").status == 2


@pytest.mark.parametrize("arguments", [("logs", "--text"), ("send",), ("models", "pull"), ("resolve", "1", "--fix")])
def test_arguments_that_are_no_text_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """As Python hands over bytes that are not UTF-8: a Latin-1 terminal, a script with the wrong encoding."""
    outcome = Commands(tmp_path, capsys)(*arguments, b"K\xfchlung".decode("utf-8", "surrogateescape"))
    assert outcome.status == 2
    assert "K\\udcfchlung is not valid UTF-8" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_output_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """A full disk behind `andon version > file`."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "andon", "version", "--json"],
            cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "andon: the output cannot be written: No space left on device\n")


def test_closed_output_is_no_error(tmp_path: Path) -> None:
    """A scheduler that starts commands without descriptors."""
    command = [f'exec "{sys.executable}" -m andon version --json >&-']
    done = subprocess.run(
        ["/bin/sh", "-c", *command], cwd=tmp_path, stderr=subprocess.PIPE, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_help_breaks_where_the_terminal_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not where the lines of the source end."""
    shown = Commands(tmp_path, capsys, COLUMNS="200")("eval", "--help").out
    assert (
        "Cases that the provider did not answer at all (unreachable, misconfigured) are reported separately." in shown
    )

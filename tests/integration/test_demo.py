"""``andon demo``: the night is told with all that people did, the plant goes on, and Ctrl-C ends it in order."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from andon.app.cli import demo as command
from andon.app.demo.plant import Plant, load
from support.commands import Commands
from support.patience import PATIENCE
from support.ports import free_ports
from support.service import Andon


def small() -> Plant:
    """The demo's plant without its weeks before and without most of what it says."""
    plant = load()
    kept = [one for one in plant.problems if one.name in ("cooler", "compressor", "cylinder", "ribbon", "output")]
    for one in kept:
        one.tonight[:] = [msgspec.structs.replace(coming, times=min(coming.times, 5)) for coming in one.tonight]
    names = {one.name for one in kept} | {""}
    return msgspec.structs.replace(
        plant, weeks=0, problems=kept, episodes=[], deeds=[one for one in plant.deeds if one.problem in names]
    )


def test_without_a_terminal_it_ends_and_hides_credentials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The summary is there, the page's address is not, and no password is in what it prints of the broker's."""
    monkeypatch.setattr(command, "load", small)
    andon = Commands(
        tmp_path,
        capsys,
        NATS_URL="",
        ANDON_NATS_USER="plant",
        ANDON_NATS_PASSWORD="p@X9/s3cr3t",
        ANDON_NATS_PORT="-1",
        ANDON_HTTP_PORT=str(free_ports(1)[0]),
    )
    done = andon("demo", "--data-dir", str(tmp_path / "demo"), "--rows", "3")
    assert done.status == 0, done.err
    assert "***@" in done.out
    assert "s3cr3t" not in done.out + done.err
    told = re.search(r"(\d+) problems found: (.*?)\.", " ".join(done.out.split()))
    assert told is not None
    assert int(told[1]) == 5 == sum(map(int, re.findall(r"\d+", told[2])))  # each is explained by one
    assert "Open http" not in done.out
    assert andon("demo", "--once", "--stay").status == 2


def test_it_tells_the_night_goes_on_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    """With its fix, acknowledgements, shelving, verdicts, notes and signatures, each at its own time."""
    andon = Andon(tmp_path)
    with (tmp_path / "out").open("wb") as out:
        running = subprocess.Popen(
            [sys.executable, "-m", "andon", "demo", "--stay", "--data-dir", str(andon.data)],
            env={**andon.environment, "COLUMNS": "80"},
            cwd=tmp_path,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        # a night of 4,500 logs is told and explained first
        andon.until(lambda: "Open http" in (tmp_path / "out").read_text(), "the page's address", 3 * PATIENCE)
        told = andon.count("logs")
        assert told > 4_500
        andon.until(lambda: andon.count("logs") > told + 3, "what the plant goes on to say")
        assert andon.get("/")[0] == 200
        assert one_each(andon)
    finally:
        running.send_signal(signal.SIGINT)
        status = running.wait(PATIENCE)
    lines = (tmp_path / "out").read_text().splitlines()
    assert status == 0, lines
    assert re.match(rf"Open http://127\.0\.0\.1:{andon.http_port} ", lines[-1])
    assert not any(line.endswith("…") for line in lines)  # a file has no width


def one_each(andon: Andon) -> bool:
    """What people did is in the database, in the past."""
    ((acknowledged, shelved),) = andon.sql("SELECT COUNT(ack_note), COUNT(shelved_until) FROM alarms")
    ((fixes,),) = andon.sql("SELECT COUNT(*) FROM resolutions WHERE created_at < datetime('now', '-10 days')")
    ((helpful, wrong),) = andon.sql("SELECT SUM(verdict = 'helpful'), SUM(verdict = 'wrong') FROM verdicts")
    ((notes, oldest),) = andon.sql("SELECT COUNT(*), MIN(at) - unixepoch('now', '-160 minutes') FROM shift_notes")
    signed = andon.sql("SELECT signed_by FROM handovers ORDER BY id")
    shown = andon.sql("SELECT rung FROM analyses JOIN patterns ON analyses.id = patterns.analysis_id GROUP BY rung")
    assert (acknowledged, shelved, fixes, helpful, wrong, notes) == (7, 1, 3, 1, 1, 3)
    assert oldest < 0
    assert [name for (name,) in signed] == ["Karin Lund", "Mira Sand"]
    assert ("resolution",) in shown
    return True

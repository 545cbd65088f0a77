"""``andon retention``: what it shows, foretells and does."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from andon.store import queue
from support.commands import Commands
from support.store_data import Clock, a_log, opened

_RULES = """
[[retention]]
name = "noise"
severity = "DEBUG"
keep = "7d"
[[retention]]
keep = "forever"
"""


@pytest.fixture
def andon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Twenty logs that were stored a month ago, ten of them DEBUG, and rules for them."""

    async def work() -> None:
        clock = Clock()
        clock.now = time.time() - 30 * 86_400
        async with opened(tmp_path / "agent.db", clock=clock) as store:
            await store.record([a_log(n, severity="DEBUG" if n % 2 else "ERROR") for n in range(1, 21)], [])
            await store.index(100)
            job = await store.write(queue.claim, "me", 60, clock.now)
            assert job is not None
            await store.write(queue.release, "me")

    asyncio.run(work())
    (tmp_path / "andon.toml").write_text(_RULES)
    return Commands(tmp_path, capsys, ANDON_CONFIG=str(tmp_path / "andon.toml"))


def _logs(andon: Commands) -> int:
    connection = sqlite3.connect(andon.data / "agent.db")
    try:
        return int(connection.execute("SELECT COUNT(*) FROM logs").fetchone()[0])
    finally:
        connection.close()


def test_it_shows_the_rules_and_the_size(andon: Commands) -> None:
    """In order, in words."""
    shown = andon("retention")
    assert shown.status == 0
    assert "DEBUG: kept for 7d" in shown.out
    assert "all logs: kept forever" in shown.out
    assert "20 logs; the database holds" in shown.out
    assert "Nothing has been deleted yet." in shown.out
    as_json = andon("retention", "--json").json
    assert [one["label"] for one in as_json["rules"]] == ["noise", "rule 2"]
    assert as_json["state"]["logs"] == 20


def test_a_dry_run_deletes_nothing_and_tells_what_a_run_then_does(andon: Commands) -> None:
    """One DEBUG log belongs to a question that is not answered yet: it stays."""
    told = andon("retention", "--dry-run", "--json").json
    assert told["logs"] == {"noise": 9}
    assert told["bytes"]["noise"] > 9 * 100
    assert "In all 9 logs" in andon("retention", "--dry-run").out
    assert _logs(andon) == 20
    assert andon("retention", "--run").out == "9 logs deleted: noise\n"
    assert _logs(andon) == 11
    assert andon("retention", "--run").out == "Nothing had to be deleted.\n"
    assert andon("retention", "--dry-run").out == "Nothing would be deleted now.\n"
    shown = andon("retention")
    assert "noise" in shown.out.splitlines()[-1]
    assert " 9 " in shown.out.splitlines()[-1]


def test_without_rules_everything_is_kept(andon: Commands) -> None:
    """And it says so."""
    (andon.data / "andon.toml").write_text("")
    assert "every log is kept forever" in andon("retention").out
    assert andon("retention", "--run").out == "Nothing had to be deleted.\n"


def test_compacting_tells_both_sizes(andon: Commands) -> None:
    """In bytes for programs."""
    found = andon("retention", "--compact", "--json").json
    assert 0 < found["after"] <= found["before"]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--dry-run", "--run"), 2, "choose one of"),
        (("--keep", "1d"), 2, "No such option"),
    ],
)
def test_a_wrong_call_is_told(andon: Commands, arguments: tuple[str, ...], status: int, words: str) -> None:
    """No traceback."""
    found = andon("retention", *arguments)
    assert (found.status, "Traceback" in found.err) == (status, False)
    assert words in found.err


def test_wrong_rules_are_told(andon: Commands) -> None:
    """One sentence, and nothing is deleted."""
    (andon.data / "andon.toml").write_text('[[retention]]\nkeep = "soon"\n')
    found = andon("retention", "--run")
    assert found.status != 0
    assert "[[retention]] entry 1 in andon.toml, keep=soon" in found.err
    assert _logs(andon) == 20

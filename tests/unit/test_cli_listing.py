"""How rows become lines, of any texts and on any terminal; and how many logs there are besides."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from andon.app.cli.cells import When
from andon.app.cli.listing import Listing
from support.commands import Commands
from support.store_data import a_log, opened

NAMES = ("id>", "count>?", "time", "where", "says~", "reason~=")
_TEXTS = st.text(st.sampled_from("ab 日本語ÄÖ\u0301한\x1b\n\t|"), max_size=60)


def terminal(width: int) -> Console:
    """One so wide."""
    return Console(file=io.StringIO(), force_terminal=True, width=width)


@given(
    st.integers(30, 220),
    st.lists(st.tuples(st.integers(1, 10**9), st.integers(0, 10**6), _TEXTS, _TEXTS, _TEXTS), min_size=1, max_size=6),
)
def test_no_line_is_wider_than_its_terminal_and_each_row_begins_with_its_id(
    width: int, found: list[tuple[int, int, str, str, str]]
) -> None:
    """Whatever stands in the cells, characters of two columns among it."""
    rows = [(one, count, When(1.7e9, "UTC"), where, says, why) for one, count, where, says, why in found]
    lines = [line.plain for line in Listing(NAMES, terminal(width), 1.7e9 + 60).lines(rows)]
    assert max(map(cell_len, lines)) <= width
    begun = iter(lines)
    assert all(any(line.split()[:1] == [str(row[0])] for line in begun) for row in rows)
    assert not any(sign in line for line in lines for sign in "\x1b\n\t")


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_a_reason_is_never_cut_off(width: int) -> None:
    """It wraps below its row, under the second column, where it does not fit beside the others."""
    why = "Ollama does not answer at http://127.0.0.1:9: " + "start it, or set OLLAMA_HOST to where it runs. " * 4
    rows = [(1, 2, When(1.7e9, "UTC"), "press", "Pump dry " * 9, why), (2, 2, When(1.7e9, "UTC"), "", "Door", "short")]
    lines = [line.plain for line in Listing(NAMES, terminal(width), 1.7e9 + 60).lines(rows)]
    assert max(map(cell_len, lines)) <= width
    assert why.strip() in " ".join(" ".join(lines).split())
    assert "Pump dry Pump dry Pump" in " ".join(lines)


def test_a_pipe_has_a_word_for_each_cell_and_times_with_their_zone() -> None:
    """So that what takes lines apart finds the same columns in each."""
    pipe = Console(file=io.StringIO(), force_terminal=False)
    rows = [(1, None, When("2025-01-15T02:14:06.123Z", "Europe/Berlin"), "", "日本語 text " * 30, None)]
    titles, line = Listing(NAMES, pipe, 0.0).lines(rows)
    assert titles.plain.split() == ["id", "count", "time", "where", "says", "reason"]
    assert line.plain.startswith(" 1      -  2025-01-15 03:14 CET  -      日本語 text")
    assert line.plain.count("日本語") == 30
    assert line.plain.endswith("  -")


def test_how_many_there_are_is_said_beside_what_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the listing on a terminal, on standard error beside a pipe; not where all are listed."""

    async def work() -> None:
        async with opened(tmp_path / "agent.db") as store:
            logs = [a_log(n, f"p{n % 2}", hostname=f"h{n % 4}", message=f"fault {n}") for n in range(1, 1538)]
            await store.record(logs, [])

    asyncio.run(work())
    andon = Commands(tmp_path, capsys)
    shown = andon.on_terminal(80, "logs")
    assert "50 of 1,537 logs, the newest: --limit 1537 lists all" in " ".join(shown.out.split())
    piped = andon("logs", "-n", "3")
    assert len(piped.out.splitlines()) == 4
    assert "3 of 1,537 logs" in piped.err
    for arguments, count in (
        (("--host", "h1"), "3 of 385 logs"),
        (("--text", "fault"), "3 of more than 1,000 logs"),
        (("--pattern", "1"), "3 of 769 logs"),
        (("--since", "2025-01-01"), "3 of 1,537 logs"),
        (("--severity", "WARNING", "--oldest"), "3 of 1,537 logs, the oldest"),
    ):
        assert count in andon("logs", "-n", "3", *arguments).err
    assert andon("logs", "-n", "2000").err == ""
    assert andon("logs", "--json").err == ""

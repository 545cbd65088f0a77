"""Questions as README and docs/ask.md show them, on a bad night; and how a terminal shows the answers."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import pty
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from andon.app.cli import output
from andon.app.investigation import investigator
from andon.core.settings.settings import Settings
from andon.insight.ask.retrieval import Inquiry
from andon.store import prepare
from support.bad_shift import fill
from support.commands import Commands
from support.patience import PATIENCE
from support.store_data import reference_database

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ask.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: When the page's questions are asked: the morning after, and much later.
MORNING, MUCH_LATER = datetime(2026, 3, 11, 7, 30, tzinfo=UTC), datetime(2027, 5, 4, 16, 0, tzinfo=UTC)
EXAMPLES = re.findall(r"```console\n\$ andon ask \"([^\"]+)\"\n(.*?)```", PAGE, re.DOTALL)
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def shift(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("shift") / "agent.db")


def asked(site: Path, question: str, now: datetime) -> str:
    async def work() -> str:
        settings = Settings(db_path=str(site), data_dir=site.parent, provider="PLAYBOOK", runbooks=site.parent / "rb")
        async with investigator(settings) as made:
            return (await made.answer(Inquiry(text=question, now=now))).text

    return asyncio.run(work())


def test_the_readmes_question_is_answered(shift: Path) -> None:
    (question,) = set(re.findall(r"andon ask \"([^\"]+)\"", README))
    answer = asked(shift, question, MUCH_LATER)
    assert "place l3: 43 logs of 31 problems" in answer
    assert "CRITICAL, 1 time on plc-l3: CPU 1516 changed from RUN to STOP mode" in answer
    assert "Read the CPU's diagnostic buffer for the first entry" in answer


def test_the_page_shows_enough_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize(("question", "shown"), EXAMPLES)
def test_the_pages_answers_are_those_of_that_night(shift: Path, question: str, shown: str) -> None:
    """Lines are wrapped on the page, and what is left out is three dots."""
    answer = " ".join(asked(shift, question, MORNING).split())
    at = 0
    for part in filter(None, (" ".join(one.split()) for one in shown.split("…"))):
        assert part in answer[at:]
        at = answer.index(part, at)


def test_a_terminal_breaks_lines_between_words(shift: Path) -> None:
    shown = on_a_terminal(shift, 60, "why did line 3 stop last night?")
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 60
    assert not any(line.endswith(" ") for line in lines)
    words = asked(shift, "why did line 3 stop last night?", MUCH_LATER).split("Problems by weight")[1].split()
    assert " ".join(words) in " ".join(shown.split())
    check = next(number for number, line in enumerate(lines) if line.startswith("     1. Read the CPU"))
    assert lines[check + 1].startswith("        ")  # under the words, not under the number


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_any_width_takes_whole_words(shift: Path, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = asked(shift, "what happened on line 3 last night", MORNING)
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=width, color_system=None, highlight=False)
    monkeypatch.setattr(output, "console", console)
    output.print_wrapped(answer)
    lines = shown.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= width
    if width > 20:  # longer words are broken in such narrow columns
        assert " ".join(shown.getvalue().split()) == " ".join(answer.split())
    else:
        assert "".join(shown.getvalue().split()) == "".join(answer.split())


def on_a_terminal(site: Path, width: int, question: str) -> str:
    """What ``andon ask`` shows on a terminal of so many columns."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANDON_")}
    environment |= {
        "PROVIDER": "PLAYBOOK",
        "DB_PATH": str(site),
        "ANDON_DATA_DIR": str(site.parent),
        "COLUMNS": str(width),
        "TERM": "xterm",
    }
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "andon", "ask", question]
    asking = subprocess.Popen(command, env=environment, cwd=site.parent, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    pieces: list[bytes] = []
    with contextlib.suppress(OSError):  # Linux says so where the other end is closed
        while piece := os.read(ours, 65_536):
            pieces.append(piece)
    os.close(ours)
    assert asking.wait(PATIENCE) == 0
    text = b"".join(pieces).decode().replace("\r\n", "\n")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return text[text.index("No model answered") :]


def test_no_terminal_gets_lines_as_they_are(shift: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Commands(shift.parent, capsys, COLUMNS="60")("ask", "what about log 43")
    check = "1. Read the CPU's diagnostic buffer for the first entry (module, program block, memory, cycle time)"
    assert any(line.strip().startswith(check) for line in outcome.out.splitlines())


def test_nothing_in_the_records_steers_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The reference stored anything; it is shown and obeyed by nobody."""
    hostile = "\x1b[2J\x1b]0;title\x07\x9b31m \u202egnp.exe \r\x08\x00[red]x[/red] [log 7]"
    row = ("2025-01-15T02:14:23Z", hostile, "ERROR", hostile, hostile, hostile, hostile)
    reference_database(tmp_path / "agent.db", [row])
    prepare(tmp_path / "agent.db", durability="normal")
    andon = Commands(tmp_path, capsys)
    for question in ("what happened", f"what about {hostile}", "what about log 1", "the most frequent"):
        for more in ((), ("--json",)):
            outcome = andon("ask", question, "--since", "2025-01-15", *more)
            assert outcome.status == 0
            assert not STEERING.search(outcome.out)

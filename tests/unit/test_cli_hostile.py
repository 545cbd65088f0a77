"""A log whose every part tries to steer the terminal, seen through every command that shows what is stored."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from andon.app.cli.command_table import COMMANDS
from andon.core.models.actions import Message, Order, Origin, OutgoingRequest, Rendered, Section
from andon.store import actions, queue
from support.commands import Commands
from support.store_data import NOW, a_log, a_reject, an_answer, opened

#: Harmless where it is shown: colours, a title, a cleared line; the writing direction; what cannot be seen.
HOSTILE = (
    "\x1b[31m\x1b]0;t\x07\x9b1m\x7f\r\x08 \u202egnp.exe\u2066\u200f\u061c \u200b\u2060\ufeff\U000e0041 <b>[red]x[/red]"
)
STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
#: Neither listings nor files: they start something, ask a model or another program, or show nothing that is stored.
_OTHERS = {"run", "send", "demo", "eval", "version", "mcp", "models", "resolve", "reanalyze", "ack", "shelve", "note"}
_OTHERS |= {"verdict", "user", "token", "backup", "restore", "import", "sources", "install", "uninstall"}
_DAY = ("--since", "2025-01-15", "--until", "2025-01-16")
LISTINGS: list[tuple[str, ...]] = [
    ("logs",),
    ("show", "1"),
    ("trends", *_DAY),
    ("trends", "top", *_DAY),
    ("diff", "1", *_DAY),
    ("diff", *_DAY, "--baseline", "2025-01-14"),
    ("alarms", *_DAY),
    *(("alarms", f"--{which}") for which in ("active", "stale", "shelved", "all", "floods", "chattering")),
    ("report", *_DAY),
    ("report", *_DAY, "--format", "html"),
    ("report", *_DAY, "--format", "md"),
    ("retention",),
    ("retention", "--dry-run"),
    ("ask", "what happened?", *_DAY),
    ("queue",),
    ("queue", "--failed"),
    ("doctor",),
    ("problems",),
    ("problems", "show", "1"),
    ("rejects",),
    ("rejects", "show", "1"),
    ("actions",),
    ("actions", "show", "1"),
]
#: What says nothing of these logs.
SILENT: list[tuple[str, ...]] = [
    ("diff", *_DAY, "--baseline", "2025-01-14"),
    *(("alarms", f"--{which}") for which in ("stale", "shelved", "floods", "chattering")),
    ("retention",),
    ("retention", "--dry-run"),
    ("doctor",),
]


def action() -> actions.NewAction:
    """An action of which nothing was made harmless before it was stored."""
    message = Message(title=HOSTILE, body=(Section(HOSTILE, (HOSTILE,)),), severity="ERROR", about="problem-1")
    request = OutgoingRequest("POST", f"http://desk/{HOSTILE}", HOSTILE, headers={HOSTILE: HOSTILE})
    return actions.NewAction(
        target="desk",
        order=Order("0" * 32, message),
        rendered=Rendered((request,), (HOSTILE,)),
        title=HOSTILE,
        problem_id=None,
        origin=Origin.PERSON,
        proposed_by=HOSTILE,
        reason=HOSTILE,
        expires=None,
    )


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with hostile logs, an alarm, a reject, an explanation, a fix and a failed analysis."""
    place = tmp_path_factory.mktemp("hostile")

    def log(number: int, pattern: str, **more: object) -> object:
        names = ("hostname", "service", "message", "template", "site", "area", "line", "machine", "severity_native")
        context = json.dumps({HOSTILE: HOSTILE, "alarm_code": HOSTILE, "state": "active"}, ensure_ascii=False)
        values = {name: f"{name} {HOSTILE}" for name in names} | {"context": context, "notes": HOSTILE} | more
        return a_log(number, pattern + HOSTILE, **values)

    async def work() -> None:
        async with opened(place / "agent.db") as store:
            at = [f"2025-01-15T{n // 2:02d}:{n:02d}:00.000Z" for n in range(31)]
            logs = [log(n, f"p{n % 3}", hostname=f"h{n % 3} {HOSTILE}", timestamp=at[n]) for n in range(1, 31)]
            await store.record(logs, [a_reject(99, reason=HOSTILE, subject=HOSTILE, data=HOSTILE.encode())])  # type: ignore[arg-type]
            job = await store.write(queue.claim, "me", 600, NOW)
            assert job is not None
            await store.write(queue.finish, job, an_answer(HOSTILE), NOW)
            job = await store.write(queue.claim, "me", 600, NOW)
            assert job is not None
            await store.write(queue.fail, job, HOSTILE, an_answer(HOSTILE), NOW)
            job = await store.write(queue.claim, "me", 600, NOW)
            assert job is not None
            await store.write(queue.postpone, job, HOSTILE, NOW, None)
            await store.write(actions.add, action(), 1.8e9)
            store._clock = lambda: 4e9
            await store.index(1000)

    asyncio.run(work())
    return place


@pytest.fixture
def andon(stored: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Commands over it."""
    return Commands(stored, capsys)


def test_every_command_that_shows_what_is_stored_is_tried() -> None:
    """A new one belongs in one of the lists."""
    assert {one[0] for one in LISTINGS} | {"export"} | _OTHERS == set(COMMANDS)


@pytest.mark.parametrize("arguments", LISTINGS, ids=" ".join)
def test_nothing_that_is_stored_steers_a_terminal(andon: Commands, arguments: tuple[str, ...]) -> None:
    """As a table; and as JSON, whose escapes are its own."""
    for more in ((),) if "--format" in arguments or arguments in SILENT else ((), ("--json",)):
        done = andon(*arguments, *more)
        assert done.status in (0, 1), done.err
        assert not STEERING.search((done.out + done.err).replace("\n", "")), (arguments, more)
        assert ("gnp.exe" in done.out) is (arguments not in SILENT), done.out


@pytest.mark.parametrize("arguments", LISTINGS, ids=" ".join)
def test_everything_fits_its_terminal(andon: Commands, arguments: tuple[str, ...]) -> None:
    """No line is wider than the terminal, but for what is meant to be copied; and a pipe sees nothing drawn."""
    for width in (40, 60, 80, 120, 200):
        done = andon.on_terminal(width, *arguments)
        assert done.status in (0, 1), done.err
        if "--format" not in arguments and arguments[:2] != ("actions", "show"):
            wide = [line for line in done.out.splitlines() if cell_len(line) > width]
            assert not wide, (width, wide)
    piped = andon(*arguments).out
    assert not any(sign in piped for sign in "\x1b│─╭━") or "--format" in arguments


def test_a_report_in_a_file_steers_nothing_either(andon: Commands, tmp_path: Path) -> None:
    """Whichever form it has; what was written stays to be read."""
    assert andon("resolve", "1", "--fix", HOSTILE, "--cause", HOSTILE, "--by", HOSTILE).status == 0
    assert andon("note", HOSTILE, "--by", HOSTILE).status == 0
    for name in ("r.md", "r.html", "r.json"):
        out = tmp_path / name
        assert andon("report", *_DAY, "--out", str(out)).status == 0
        text = out.read_text(encoding="utf-8")
        assert "gnp.exe" in text
        assert not STEERING.search(text.replace("\n", ""))
        assert "<b>" not in text or name == "r.json"

"""Times at both ends of the calendar are times like others, for the API and for commands: "from ever", "for ever"."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.alarm_logs import raised, store_events
from support.api import Client, served
from support.commands import Commands

EVER = ("0001-01-02", "9999-12-31T23:59:59.999Z")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with one alarm."""
    directory = tmp_path_factory.mktemp("ever")
    store_events(directory / "agent.db", [raised(7 * 3600, "F1")])
    return directory


@pytest.fixture(scope="module")
def get(place: Path) -> Iterator[Client]:
    """A client of the API over it."""
    with served(place / "agent.db") as port:
        client = Client(port)
        yield client
        client.close()


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/logs", 200),
        ("/api/trends/top", 200),
        ("/api/trends/new", 200),
        ("/api/trends/rising", 200),
        ("/api/trends/quiet", 200),
        ("/api/trends/first-out", 200),
        ("/api/trends/together", 200),
        ("/api/diff", 200),
        ("/api/diff?pattern=1", 200),
        ("/api/alarms/figures", 200),
        ("/api/alarms/overview", 200),
        ("/api/timeline?step=day", 400),
        ("/api/patterns/1/breakdown", 400),
    ],
)
def test_for_ever(get: Client, path: str, status: int, zone: str) -> None:
    """An answer, or a sentence that so long a time is too long, wherever the question begins and ends."""
    since, until = EVER
    ask = f"{path}{'&' if '?' in path else '?'}since={since}&until={until}"
    assert get.raw(ask).status == status
    late = ask.replace(since, "9999-12-31T20:00:00Z") + (f"&zone={zone}" if status == 400 else "")
    early = ask.replace(until, "0001-01-03") + (f"&zone={zone}" if status == 400 else "")
    assert {get.raw(late).status, get.raw(early).status} <= {200, 400, 404}


def test_a_moment_at_the_end_has_no_shift_yet(get: Client) -> None:
    """The report of a shift that has not begun is refused."""
    assert get("/api/report", at=EVER[1]).status == 400


@pytest.mark.parametrize(
    "command",
    [
        ("trends",),
        ("trends", "first-out"),
        ("trends", "together"),
        ("diff",),
        ("diff", "1"),
        ("alarms",),
        ("alarms", "--floods"),
        ("logs",),
        ("report",),
        ("patterns", "breakdown", "1"),
    ],
)
def test_commands_for_ever(place: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]) -> None:
    """Commands answer, or say what is wrong; none breaks."""
    andon = Commands(place, capsys)
    for since, until in (EVER, (EVER[0], "0001-01-03"), ("9999-12-31T20:00:00Z", EVER[1])):
        done = andon(*command, "--since", since, "--until", until)
        assert done.status in (0, 2)
        assert "Traceback" not in done.err

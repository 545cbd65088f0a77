"""The commands on PostgreSQL: they print what they print on SQLite, and never a password."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from andon.core.models import Merge
from andon.core.settings.database_url import Database
from andon.store import queue
from support.commands import Commands, Outcome
from support.ports import free_ports
from support.postgres import PASSWORD, QUOTED, Cluster
from support.store_data import NOW, a_log, a_reject, an_answer, opened, written

pytest_plugins = ["support.databases"]

COMMANDS = (
    "logs --json",
    "logs --json --severity warning --service dri* --text FAULT --limit 3",
    "logs --json --text Überdruck --since 2025-01-15 --until 2025-01-16",
    "show 1 --json",
    "show 99",
    "patterns --json --sort count",
    "patterns show 1 --json",
    "patterns merge 3 4",
    "patterns split 3",
    "patterns split 99",
    "resolve 1 --fix Tightened --cause Loose --by Ines",
    "show 2 --json",
    "resolve 2 --fix Replaced",
    "resolve 2 --revoke --id 2",
    "patterns show 2 --json",
    "show 2 --json",
    "queue --json",
    "reanalyze 3",
    "queue",
    "queue --failed --json",
    "rejects --json",
    "rejects show 1",
)


def _fill(place: Database) -> None:
    batch = [
        a_log(
            number,
            f"p{number % 4}",
            severity=("CRITICAL", "WARNING", "INFO")[number % 3],
            hostname=f"press-{number % 3}",
            message=f"fault {number}" if number % 5 else "ÜBERDRUCK 100%",
        )
        for number in range(1, 21)
    ]

    async def work() -> None:
        async with opened(place) as store:
            await store.record(batch, [a_reject(101), a_reject(102)], [Merge("p2", "p1", 1, ("a", "b"))])
            job = await store.write(queue.claim, "me", 60, NOW)
            assert job is not None
            await store.write(queue.finish, job, an_answer("Tighten the cable"), NOW)
            job = await store.write(queue.claim, "me", 60, NOW)
            assert job is not None
            await store.write(queue.fail, job, "no answer", an_answer("Look at it"), NOW)

    asyncio.run(work())


def _neutral(outcome: Outcome, place: Database) -> tuple[int, str, str]:
    """Without the place and the times of this run."""
    texts = (text.replace(str(place), "PLACE") for text in (outcome.out, outcome.err))
    out, err = (re.sub(r"20[23]\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+Z?)?)?|\d+ s ago", "TIME", text) for text in texts)
    return outcome.status, out, err


def test_every_command_prints_the_same_on_both(
    server: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Listings, changes and refusals, in the same order on the same logs."""
    places: tuple[Database, Database] = (tmp_path / "agent.db", server.prepared())
    printed = []
    for place in places:
        _fill(place)
        andon = Commands(tmp_path, capsys, DB_PATH=written(place))
        printed.append([(line, *_neutral(andon(*line.split()), place)) for line in COMMANDS])
    for one, other in zip(*printed, strict=True):
        assert one == other
    refused = [line for line, status, *_ in printed[0] if status]
    assert refused == ["show 99", "patterns split 99"]


def test_doctor_examines_the_server(server: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How much is stored, or why it cannot be reached; never the password."""
    place = server.prepared()
    _fill(place)
    good = Commands(tmp_path, capsys, NATS_URL="", DB_PATH=written(place))("doctor", "--json")
    found = {line["name"]: line for line in good.json}
    assert found["database"]["ok"] is True
    assert f"{place}: 20 logs, 4 patterns" in found["database"]["detail"]
    assert str(tmp_path) in found["disk"]["detail"]
    bad = Commands(tmp_path, capsys, NATS_URL="", DB_PATH=written(server.address("missing")))("doctor", "--json")
    found = {line["name"]: line for line in bad.json}
    assert found["database"]["ok"] is False
    assert "does not exist: create it" in found["database"]["detail"]
    for text in (good.out, good.err, bad.out, bad.err):
        assert PASSWORD not in text
        assert QUOTED not in text


@pytest.mark.parametrize("command", ["logs", "run"])
def test_a_server_that_is_away_is_one_sentence(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For the service too: it says so and ends."""
    place = "postgresql://andon:hush@127.0.0.1:9/andon"
    (port,) = free_ports(1)
    ended = Commands(tmp_path, capsys, DB_PATH=place, NATS_URL="", ANDON_NATS_PORT="-1", ANDON_HTTP_PORT=str(port))(
        command
    )
    assert ended.status == 1
    assert "postgresql://andon@127.0.0.1:9/andon does not answer" in ended.err.replace("\n", " ")
    assert "Traceback" not in ended.err
    assert "hush" not in ended.err + ended.out

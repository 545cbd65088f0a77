"""GET /api/now: the board of this moment, typed and described."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.core.times import stored
from support.alarm_logs import T0, cleared, raised, store_events
from support.api import Client, served
from support.store_data import a_log, opened


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Client]:
    """The API over a database with an alarm that is active and one that cleared, both within this hour."""
    now = time.time() - T0
    place = {"area": "Hall", "line": "Line 1", "machine": "Press 2"}
    hot = {"pattern": "hot", "message": "Motor too hot", "place": place}
    door = {"pattern": "door", "message": "Door open", "place": place}
    store_events(
        tmp_path / "agent.db",
        [
            raised(now - 50, "DOOR", **door),
            cleared(now - 40, "DOOR", **door),
            raised(now - 30, "HOT", severity="CRITICAL", **hot),
        ],
    )
    with served(tmp_path / "agent.db") as port:
        client = Client(port)
        try:
            yield client
        finally:
            client.close()


def test_the_board_is_told_to_programs(ask: Client) -> None:
    """Problems by who has them, tiles of lines, times in the one spelling; what is not known is null."""
    board = ask("/api/now").json
    assert [(row["title"], row["severity"], row["state"]) for row in board["waiting"]] == [
        ("Motor too hot", "CRITICAL", "waiting")
    ]
    assert [(tile["name"], tile["state"], tile["count"]) for tile in board["tiles"]] == [("Line 1", "waiting", 1)]
    assert board["flood"] is None
    assert len(board["waiting"][0]["since"]) == len("2025-01-15T02:14:23.123Z")
    assert len(board["bars"]) == 48
    described = ask("/openapi.json").json["components"]["schemas"]["Board"]["properties"]
    assert set(described) == set(board)


def test_it_takes_no_parameter(ask: Client) -> None:
    """An unknown one is refused in a sentence, as everywhere."""
    answer = ask("/api/now", limit=3)
    assert answer.status == 400
    assert answer.json["detail"] == "there is no parameter 'limit' here: /openapi.json lists those there are"


def test_hosts_are_listed_up_to_a_limit(tmp_path: Path) -> None:
    """By name, and the answer says that there are more."""

    async def fill() -> None:
        async with opened(tmp_path / "agent.db") as store:
            now = stored(time.time())
            await store.record([a_log(n, hostname=f"h{n}", timestamp=now) for n in (1, 2, 3)], [])

    asyncio.run(fill())
    with served(tmp_path / "agent.db") as port:
        client = Client(port)
        every, first = client("/api/sources").json, client("/api/sources", limit=2).json
        refused = client("/api/sources", limit=10_001)
        client.close()
    assert ([row["host"] for row in every["items"]], every["notes"]) == (["h1", "h2", "h3"], [])
    assert [row["host"] for row in first["items"]] == ["h1", "h2"]
    assert first["notes"] == ["only the first 2 are listed: ask with a larger limit"]
    assert (refused.status, refused.json["detail"]) == (400, "limit: write 10000 or less")

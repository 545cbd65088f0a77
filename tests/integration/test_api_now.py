"""GET /api/now: the board of this moment, typed and described."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.alarm_logs import T0, cleared, raised, store_events
from support.api import Client, served


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

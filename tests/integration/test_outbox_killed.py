"""An outbox whose link is cut and that is killed while it opens tickets: none is opened twice, none is lost."""

from __future__ import annotations

from pathlib import Path

from support import postgres
from support.outbox_chaos import storm

pytest_plugins = ["support.databases"]


def test_cuts_and_kills_double_and_lose_nothing(tmp_path: Path) -> None:
    """A few of them here; ``python -m support.outbox_chaos`` does a hundred cuts and fifty kills."""
    found = storm(tmp_path / "agent.db", cuts=6, kills=3, seed=7)
    assert (found.twice, found.lost) == (0, 0)
    assert found.shattered + found.in_mid_air > 0


def test_two_services_on_one_database_double_and_lose_nothing(server: postgres.Cluster) -> None:
    """Each is killed now and then, and the other one goes on."""
    for seed in (11, 12, 13, 14):  # until one of them is killed with a request on its way
        found = storm(server.prepared(), cuts=2, kills=4, seed=seed, owners=("one", "two"))
        assert (found.twice, found.lost) == (0, 0)
        if found.shattered + found.in_mid_air:
            return
    raise AssertionError("nobody was at work when it was killed")

"""The fixtures of the store's contract: each test that takes ``database`` runs on SQLite and on PostgreSQL.

A test module says ``pytest_plugins = ["support.databases"]``; nobody imports this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from andon.core.settings.database_url import Database, PostgresAddress
from support import postgres


@pytest.fixture
def server() -> postgres.Cluster:
    """The PostgreSQL server of this run; without one the test is skipped, and the summary says so."""
    found = postgres.cluster()
    if found is None:
        pytest.skip(postgres.MISSING)
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Makes a place for a database, another one with each call."""
    if request.param == "sqlite":
        names = iter(range(1_000_000))
        yield lambda: tmp_path / f"agent{next(names)}.db"
        return
    server: postgres.Cluster = request.getfixturevalue("server")
    made: list[PostgresAddress] = []

    def prepared() -> PostgresAddress:
        made.append(server.prepared())
        return made[-1]

    yield prepared
    for address in made:
        server.give_back(address)


@pytest.fixture
def database(new_database: Callable[[], Database]) -> Database:
    """A place for a database: a file that is not there yet, or a database of the server's with our schema."""
    return new_database()

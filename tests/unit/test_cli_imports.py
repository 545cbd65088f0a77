"""What commands import: counted, not timed. Each module costs every call of a command."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from andon import store

#: What a list of commands, or of a command's options, has no use for.
HEAVY = {
    "sqlalchemy",
    "alembic",
    "pydantic",
    "pydantic_ai",
    "nats",
    "fastapi",
    "uvicorn",
    "structlog",
    "msgspec",
    "httpx",
}

#: What a listing has no use for.
UNUSED = ("andon.store.store", "alembic", "nats", "pydantic_ai", "prometheus_client", "yaml")
#: What no list of logs, problems or rejects has a use for either: tables that few sites have, and other subjects.
OTHERS = (
    "andon.core.settings.connectors.jira_settings",
    "andon.store.alarms.queries",
    "andon.store.problems.fixes",
    "andon.store.search.comparison",
)


def modules(*words: str) -> set[str]:
    """All that a command has imported when it ends."""
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: print('\\n'.join(sys.modules), file=sys.stderr))\n"
        f"sys.argv = ['andon', *{words!r}]\n"
        "from andon.app.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_the_list_of_commands_imports_no_library_of_the_service() -> None:
    found = modules("--help")
    assert sorted(HEAVY & found) == []
    assert "importlib.metadata" not in found  # for a version that is not asked for
    assert len([name for name in found if name.startswith("andon.")]) <= 8
    assert len(found) <= 450


@pytest.mark.parametrize("command", ["logs", "patterns", "queue", "rejects"])
def test_a_listing_imports_its_part_of_the_store_only(command: str) -> None:
    found = modules(command, "--help")
    assert "sqlalchemy" in found  # so that what follows can fail
    assert sorted(name for name in UNUSED + OTHERS if name in found) == []
    assert len(found) <= 800


@pytest.mark.parametrize("other", OTHERS)
def test_what_listings_leave_out_is_there_for_who_asks(other: str) -> None:
    import_module(other)  # so that no name above is one of a module that has moved


def test_a_list_of_logs_imports_nothing_that_only_one_log_needs() -> None:
    found = modules("logs", "--help")
    assert (
        sorted(name for name in ("andon.app.cli.problem", "andon.app.cli.pictures", "andon.grouping") if name in found)
        == []
    )


def test_every_name_of_the_store_is_found_where_it_is_said_to_stand() -> None:
    for name in store.__all__:
        assert getattr(store, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = store.nothing  # type: ignore[attr-defined]

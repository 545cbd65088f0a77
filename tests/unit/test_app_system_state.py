"""How Andon stands, as the System screen and the API tell it: figures of the database, and never a secret."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from andon.app.system_state import SystemState, system_state
from andon.core.moments import told
from andon.core.settings.settings import load_settings
from andon.core.settings.shown import HIDDEN, shown_settings, without_credentials
from andon.store import Visitor, audit, change, queue, recording
from support.store_data import a_log, a_reject, opened

SECRET = "hush-5e1c"
NOW = "2025-01-15T02:15:00.000Z"


def test_what_the_database_tells(tmp_path: Path) -> None:
    """Queue, budget, rejects and disks, without a service too; what only a service knows is null."""
    path = tmp_path / "agent.db"

    async def state() -> SystemState:
        async with opened(path) as store:
            await store.record([a_log(1), a_log(2, "p2")], [a_reject(3), a_reject(4)])
            await store.write(recording.mark_retried, 1, NOW, "Meier")
            await store.write(queue.spend, 3, 700, 4e9)
            for place in ("/mnt/first.tar.gz", "/mnt/last.tar.gz"):
                await store.write(audit.note, "Meier", "backup", place, {})
        settings = load_settings(data_dir=tmp_path, provider="PLAYBOOK", budget_calls_day=50)
        with Visitor(path) as visitor:
            return await system_state(settings, visitor.ask, None)

    found = asyncio.run(state())
    assert (found.queue.waiting, found.queue.failed, found.queue.running) == (2, 0, 0)
    assert (found.queue.oldest_at or "").endswith("Z")
    assert [(one.hours, one.calls, one.tokens, one.calls_limit) for one in found.budget] == [
        (1, 3, 700, 0), (24, 3, 700, 50),
    ]  # fmt: skip
    assert (found.rejects.kept, found.rejects.open) == (2, 1)
    assert [(one.provider, one.standing) for one in found.provider.models] == [("PLAYBOOK", None)]
    assert found.disks[0].total_bytes >= found.disks[0].free_bytes > 0
    assert found.backup is not None
    assert (found.backup.path, found.backup.at[-1]) == ("/mnt/last.tar.gz", "Z")
    assert (found.broker, found.stream, found.ready) == (None, None, True)


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever setting holds one, and however: keys, passwords, addresses with a login or parameters, tables."""
    settings = load_settings(
        api_key=SECRET,
        http_token=SECRET,
        openai_api_key=SECRET,
        nats_url=f"nats://me:{SECRET}@one:4222,nats://{SECRET}@two",
        ollama_host=f"http://me:{SECRET}@box:11434",
        base_url=f"https://gate.example/v1?key={SECRET}",
        db_path=f"postgresql://me:{SECRET}@db/andon?password={SECRET}",
    )
    settings = settings.model_copy(update={"provider_options": {"OUTSIDE": {"key": SECRET}}})
    shown = {one.name: one for one in shown_settings(settings)}
    assert SECRET not in msgspec.json.encode(told(list(shown.values()))).decode()
    assert (shown["API_KEY"].value, shown["API_KEY"].secret, shown["API_KEY"].changed) == (HIDDEN, True, True)
    assert (shown["GEMINI_API_KEY"].value, shown["GEMINI_API_KEY"].changed) == ("", False)
    assert shown["DB_PATH"].value == "postgresql://me@db/andon"
    assert shown["ANDON_RECORD_BATCH"].value == shown["ANDON_RECORD_BATCH"].default == "2000"
    assert '"early"' in shown["ANDON_SHIFTS"].value


@pytest.mark.parametrize(
    "address",
    [
        f"nats://{SECRET}@h",
        f"{SECRET}@h",
        f"nats://a:x/{SECRET}@h:1",
        f"https://h/?a={SECRET}",
        f"nats://a:{SECRET}@[::1]",
    ],
)
def test_addresses_are_shown_without_their_login(address: str) -> None:
    """Rather too little than too much."""
    assert SECRET not in without_credentials(address)


def test_retrying_is_in_the_audit(tmp_path: Path) -> None:
    """With who did it, from a command too."""
    from andon.store import audit

    path = tmp_path / "agent.db"

    async def fill() -> None:
        async with opened(path) as store:
            await store.record([], [a_reject(3), a_reject(4, data=b"")])

    asyncio.run(fill())
    change(path, recording.mark_retried, 1, NOW, "Meier")
    with Visitor(path) as visitor:
        (entry,) = visitor.read(audit.entries, 10)
        (nothing, empty), (start, size) = visitor.read(recording.reject_starts, 5, retried=True, length=1)
    assert (entry.actor, entry.action, entry.subject) == ("Meier", "rejects.retry", "reject 1")
    assert (start.data, size, start.retried_at) == (b"\xff", 2, NOW)
    assert (nothing.data, empty, nothing.retried_at) == (b"", 0, None)

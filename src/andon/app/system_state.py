"""How the service stands, in typed values for the System screen and the API; without any secret."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import andon
from andon.app import retention_policy
from andon.app.backup.latest import BackupState, last_backup
from andon.core.models import Moment, StoreCounts
from andon.core.settings.shown import SettingShown, shown_settings
from andon.explain.trust import ModelTrust, configured_models, known
from andon.store import Ask, Connection, counts, queue, recording, retention
from andon.store.retention import RetentionState

if TYPE_CHECKING:
    from andon.app.service import Service
    from andon.core.settings.settings import Settings

HOUR, DAY = 3600.0, 86_400.0


class QueueState(msgspec.Struct, frozen=True):
    """How many problems wait for an explanation, and how many the model gave up on. ``running`` are with it now.

    ``oldest_at`` is since when the one waits that waits longest.
    """

    waiting: int
    failed: int
    running: int
    oldest_at: str | None


class BudgetState(msgspec.Struct, frozen=True):
    """What the model was used for in a time of so many ``hours``, and what it may be; a limit of 0 is none."""

    hours: int
    calls: int
    calls_limit: int
    tokens: int
    tokens_limit: int


class ModelState(msgspec.Struct, frozen=True):
    """A model that is asked, in its order. ``standing`` says what its answers are worth, ``sentence`` why.

    PLAYBOOK, which is no model, has no standing.
    """

    provider: str
    model: str
    standing: str | None
    sentence: str
    testing: bool
    trust: ModelTrust | None


class ProviderState(msgspec.Struct, frozen=True):
    """Who is asked for explanations: the configured model first, then the fallbacks.

    ``away`` says why no question goes out now, None where they do; ``exhausted`` which budget is used up.
    """

    models: list[ModelState]
    away: str | None
    exhausted: str | None


class BrokerState(msgspec.Struct, frozen=True):
    """The message broker: ``address`` without credentials, ``embedded`` where it is ours."""

    address: str
    embedded: bool
    connected: bool
    problem: str | None
    restarts: int


class LogStreamState(msgspec.Struct, frozen=True):
    """The log stream in the broker: what it holds, and what of it is not stored yet (``pending`` and ``in_hand``)."""

    name: str
    messages: int
    bytes: int
    pending: int
    in_hand: int
    first_at: Moment | None


class DiskState(msgspec.Struct, frozen=True):
    """A disk on which Andon keeps something. ``nearly_full`` is under a tenth and under five GiB free."""

    holds: str
    path: str
    free_bytes: int
    total_bytes: int
    nearly_full: bool


class RejectState(msgspec.Struct, frozen=True):
    """Messages that could not be understood: all that are kept, and those that nobody published again yet."""

    kept: int
    open: int


class RuleState(msgspec.Struct, frozen=True):
    """A rule by which logs are deleted, in words; the first that matches a log counts."""

    label: str
    rule: str


class SystemState(msgspec.Struct, frozen=True):
    """How the service stands. ``problems`` are what keeps it from taking logs, by part; ``notes`` are remarks.

    What nobody can tell now, such as a stream whose broker is away, is null.
    """

    version: str
    ready: bool
    problems: dict[str, str]
    notes: dict[str, str]
    queue: QueueState
    budget: list[BudgetState]
    provider: ProviderState
    broker: BrokerState | None
    stream: LogStreamState | None
    database: str
    retention_rules: list[RuleState]
    retention_max_bytes: int
    retention: RetentionState
    rejects: RejectState
    disks: list[DiskState]
    backup: BackupState | None
    settings: list[SettingShown]


async def system_state(settings: Settings, ask: Ask, service: Service | None) -> SystemState:
    """How everything stands now. Raises StoreError where the database cannot be asked."""
    now = time.time()
    found = await ask(_stored, settings, now)
    disks = await asyncio.to_thread(_disks, settings)
    if service is not None:
        await service.freshen()
    stream = None if service is None else await service.stream_state()
    health = None if service is None else service.health
    running = 0 if service is None or service.admission is None else service.admission.running
    rules = map(RuleState, retention_policy.labels(settings), map(retention_policy.described, settings.retention))
    return SystemState(
        version=andon.__version__,
        ready=health is None or health.ready,
        problems={} if health is None else dict(health.problems),
        notes={} if health is None else dict(health.notes),
        queue=QueueState(found.sizes.pending, found.sizes.failed, running, found.oldest),
        budget=found.budget,
        provider=_provider(settings, found.models, service),
        broker=_broker(service),
        stream=None
        if stream is None
        else LogStreamState(
            name=stream.stream,
            messages=stream.messages,
            bytes=stream.bytes,
            pending=stream.pending,
            in_hand=stream.ack_pending,
            first_at=stream.first_ns / 1e9 if stream.first_ns and stream.messages else None,
        ),
        database=str(settings.database),
        retention_rules=list(rules),
        retention_max_bytes=settings.retention_max_bytes,
        retention=found.retention,
        rejects=RejectState(found.sizes.rejects, found.open_rejects),
        disks=disks,
        backup=found.backup,
        settings=shown_settings(settings),
    )


class _Stored(msgspec.Struct, frozen=True):
    """What the database knows."""

    sizes: StoreCounts
    oldest: str | None
    open_rejects: int
    retention: RetentionState
    budget: list[BudgetState]
    models: list[ModelTrust]
    backup: BackupState | None


def _stored(connection: Connection, settings: Settings, now: float) -> _Stored:
    budget = []
    for length, name in ((HOUR, "hour"), (DAY, "day")):
        spent = queue.spent(connection, now - length)
        calls, tokens = (getattr(settings, f"budget_{what}_{name}") for what in ("calls", "tokens"))
        budget.append(BudgetState(int(length // HOUR), spent.calls, calls, spent.tokens, tokens))
    return _Stored(
        sizes=counts.sizes(connection),
        oldest=queue.oldest_waiting(connection),
        open_rejects=recording.open_rejects(connection),
        retention=retention.state(connection),
        budget=budget,
        models=known(connection, settings, configured_models(connection, settings))[0],
        backup=last_backup(connection),
    )


def _provider(settings: Settings, models: list[ModelTrust], service: Service | None) -> ProviderState:
    shown = [
        ModelState(one.provider, one.model, str(one.standing), f"{one.sentence}.", one.testing, one) for one in models
    ]
    members = [one.provider for one in (settings.configured, *settings.fallback_members)]
    if "PLAYBOOK" in members:
        sentence = "The rules of the playbook answer; no model is asked."
        shown.insert(members.index("PLAYBOOK"), ModelState("PLAYBOOK", "", None, sentence, False, None))
    admission = None if service is None else service.admission
    if admission is None:
        return ProviderState(shown, None, None)
    return ProviderState(shown, admission.breaker.reason, admission.budget.exhausted)


def _broker(service: Service | None) -> BrokerState | None:
    if service is None or (connection := service.connection) is None:
        return None
    broker = service.broker
    problem = None if broker is None else broker.problem
    if problem is None and not connection.is_connected:
        problem = f"no connection to the broker at {connection.address}; connecting again"
    restarts = 0 if broker is None else broker.restarts
    return BrokerState(connection.address, broker is not None, connection.is_connected, problem, restarts)


def _disks(settings: Settings) -> list[DiskState]:
    """The disks that hold the data, each once."""
    places: list[tuple[str, Path]] = []
    database = settings.database
    if isinstance(database, Path):
        places.append(("database", database.parent))
    if settings.embedded_broker:
        places.append(("log stream", settings.data_dir))
    found: dict[int, DiskState] = {}
    for holds, path in places:
        try:
            device, usage = path.stat().st_dev, shutil.disk_usage(path)
        except OSError:  # what is not there yet says so on /readyz
            continue
        if (same := found.get(device)) is not None:
            found[device] = msgspec.structs.replace(same, holds=f"{same.holds}, {holds}")
            continue
        nearly = usage.free < min(usage.total / 10, 5 * 2**30)
        found[device] = DiskState(holds, str(path.absolute()), usage.free, usage.total, nearly)
    return list(found.values())

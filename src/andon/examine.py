"""What ``andon doctor`` checks: settings, disk, database, broker, service and model, each with its remedy."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import andon
from andon.agent.providers import build_analyst
from andon.bus.api import stream_state
from andon.bus.binary import find_binary
from andon.bus.connection import connect, masked
from andon.config import Settings
from andon.errors import AndonError, BrokerError, ModelError, ModelMisconfigured, StoreError
from andon.models import CheckResult, StoreCounts
from andon.service import provider_config
from andon.store import Reader

#: Below this much free disk space (bytes) doctor warns, and below a tenth of it complains.
LITTLE_ROOM = 1024**3
#: A backlog above this many messages is worth a remark.
BACKLOG = 10_000
CONNECT_SECONDS = 2.0


async def examine(settings: Settings) -> list[CheckResult]:
    """Every check, in the order in which things depend on each other. Never raises for what it examines."""
    results = [_versions(), _settings(settings), await asyncio.to_thread(_disk, settings)]
    results += await asyncio.to_thread(_database, settings)
    ready = await asyncio.to_thread(_service, settings)
    running = ready.ok is not None
    results.append(ready)
    results += await _broker(settings, running)
    results.append(await _model(settings))
    return results


def _versions() -> CheckResult:
    return CheckResult("andon", True, f"{andon.__version__} on Python {sys.version.split()[0]}")


def _settings(settings: Settings) -> CheckResult:
    places = [name for name in (".env", os.environ.get("ANDON_CONFIG") or "andon.toml") if Path(name).is_file()]
    where = ", ".join(["environment", *places])
    return CheckResult(
        "settings", True, f"read from {where}; provider {settings.provider} {settings.model_name}".strip()
    )


def _disk(settings: Settings) -> CheckResult:
    directory = settings.database.parent if isinstance(settings.database, Path) else settings.data_dir
    place = directory
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    detail = f"{free / 1024**3:.1f} GiB free at {directory}"
    if not os.access(place, os.W_OK):
        return CheckResult("disk", False, f"{place} cannot be written", "correct its permissions or set ANDON_DATA_DIR")
    if free < LITTLE_ROOM:
        ok = None if free >= LITTLE_ROOM // 10 else False
        return CheckResult("disk", ok, detail, "make room: recording stops when the disk is full")
    return CheckResult("disk", True, detail)


def _database(settings: Settings) -> list[CheckResult]:
    path = settings.database
    if isinstance(path, Path) and not path.exists():
        return [CheckResult("database", None, f"{path} does not exist yet", "`andon run` creates it")]
    try:
        with Reader(path) as reader:
            counts = reader.counts()
    except StoreError as error:
        return [CheckResult("database", False, str(error))]
    size = f"{counts.bytes / 1024**2:.1f} MiB"
    results = [CheckResult("database", True, f"{path}: {counts.logs:,} logs, {counts.patterns:,} patterns, {size}")]
    return results + _queue(counts)


def _queue(counts: StoreCounts) -> list[CheckResult]:
    results = []
    if counts.rejects:
        results.append(
            CheckResult("rejects", None, f"{counts.rejects:,} messages were not understood", "see `andon rejects`")
        )
    if counts.failed:
        remedy = "the playbook's answers stand for them; see the reasons with `andon logs --json`"
        results.append(CheckResult("analyses", None, f"{counts.failed:,} got no answer from the model", remedy))
    if counts.pending:
        results.append(CheckResult("queue", None, f"{counts.pending:,} problems wait for the model"))
    return results


def _service(settings: Settings) -> CheckResult:
    host = "127.0.0.1" if settings.http_host in ("0.0.0.0", "::") else settings.http_host  # noqa: S104 - compared
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as response:
            json.load(response)
    except urllib.error.HTTPError as error:
        problems = _problems(error)
        return CheckResult("service", False, f"runs but is not ready: {problems}", "see its log for more")
    except (OSError, ValueError):
        return CheckResult("service", None, f"does not answer at {url}", "start it with `andon run`")
    return CheckResult("service", True, f"ready at {url}")


def _problems(error: urllib.error.HTTPError) -> str:
    try:
        body: Any = json.load(error)
        return "; ".join(f"{part}: {problem}" for part, problem in body["problems"].items())
    except (ValueError, KeyError, AttributeError):
        return f"HTTP {error.code}"


async def _broker(settings: Settings, running: bool) -> list[CheckResult]:
    results = []
    if settings.embedded_broker:
        try:
            results.append(
                CheckResult("nats-server", True, str(await asyncio.to_thread(find_binary, settings.nats_server)))
            )
        except BrokerError as error:
            return [CheckResult("nats-server", False, str(error))]
        if not running:
            return [*results, CheckResult("broker", None, "embedded; it starts with `andon run`")]
    address = masked(settings.broker_url)
    try:
        connection = await connect(settings.broker_url, name="andon doctor", timeout=CONNECT_SECONDS)
    except BrokerError as error:
        return [*results, CheckResult("broker", False, str(error))]
    try:
        state = await stream_state(connection)
    except AndonError as error:
        results.append(CheckResult("broker", None, f"{address} answers; {error}", "`andon run` creates the stream"))
    else:
        detail = f"{address}: stream {state.stream} holds {state.messages:,} messages, {state.pending:,} not yet read"
        remedy = "the recorder is behind or stopped; see the service's log" if state.pending > BACKLOG else ""
        results.append(CheckResult("broker", None if remedy else True, detail, remedy))
    finally:
        await connection.close()
    return results


async def _model(settings: Settings) -> CheckResult:
    try:
        analyst = build_analyst(provider_config(settings))
    except AndonError as error:
        return CheckResult("model", False, str(error))
    if analyst is None:
        return CheckResult("model", True, "PLAYBOOK: the built-in rules answer, no model is needed")
    try:
        async with asyncio.timeout(10):
            await analyst.check()
    except ModelError as error:
        ok = False if isinstance(error, ModelMisconfigured) else None
        return CheckResult("model", ok, str(error), "until then the playbook's answers are provisional")
    except TimeoutError:
        return CheckResult("model", None, f"{settings.provider} took longer than 10 s to answer")
    finally:
        await analyst.close()
    return CheckResult("model", True, f"{analyst.provider} answers and has {analyst.model}")

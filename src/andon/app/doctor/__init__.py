"""What ``andon doctor`` checks: settings, disk, database, broker, service and model, each with its remedy."""

from __future__ import annotations

import asyncio
import sys

import andon
from andon.app.doctor import (
    access_checks,
    broker_checks,
    connector_checks,
    model_checks,
    people_checks,
    site_checks,
    source_checks,
    storage_checks,
    trust_checks,
)
from andon.core.models import CheckResult
from andon.core.settings.settings import Settings


async def examine(settings: Settings) -> list[CheckResult]:
    """Every check, in the order in which things depend on each other. Never raises for what it examines."""
    results = [CheckResult("andon", True, f"{andon.__version__} on Python {sys.version.split()[0]}")]
    results += site_checks.settings_read(settings)
    results.append(await asyncio.to_thread(storage_checks.disk, settings))
    results += await asyncio.to_thread(storage_checks.database, settings)
    results += await asyncio.to_thread(access_checks.permissions, settings)
    results += await asyncio.to_thread(people_checks.page, settings)
    ready = await asyncio.to_thread(broker_checks.service, settings)
    results.append(ready)
    results += await broker_checks.broker(settings, running=ready.ok is not None)
    results += await model_checks.model(settings)
    results += await trust_checks.trust(settings)
    results += await asyncio.to_thread(source_checks.sources, settings)
    results += await connector_checks.connected(settings)
    results += await asyncio.to_thread(site_checks.runbooks, settings)
    return results + await asyncio.to_thread(site_checks.playbook, settings)

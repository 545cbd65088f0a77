"""Connected systems: whether each would do what it is configured for."""

from __future__ import annotations

import asyncio

from andon.act.connectors.connected import build_connector
from andon.act.connectors.connector import Connector
from andon.act.routing import mistakes
from andon.core.errors import AndonError, ConfigError
from andon.core.models import CheckResult
from andon.core.settings.settings import Settings

#: Seconds that one system's check may take.
WITHIN = 30.0


async def connected(settings: Settings) -> list[CheckResult]:
    """What each connected system finds out about itself; nothing where none is configured."""
    results: list[CheckResult] = []
    connectors: list[Connector] = []
    for named in settings.targets:
        try:
            connectors.append(build_connector(settings, named))
        except ConfigError as error:
            results.append(CheckResult(named.name, False, str(error)))
    wrong = list(mistakes(settings, {one.name: one for one in connectors}))
    results += [CheckResult("rules and routes", False, sentence) for sentence in wrong]
    for found in await asyncio.gather(*(_checked(one) for one in connectors)):
        results += found
    return results


async def _checked(connector: Connector) -> list[CheckResult]:
    try:
        async with asyncio.timeout(WITHIN):
            found = await connector.check()
    except TimeoutError:
        remedy = "check that it runs and that its address is right"
        return [CheckResult(connector.name, False, f"{connector.address} did not answer within {WITHIN:g} s", remedy)]
    except AndonError as error:
        return [CheckResult(connector.name, False, str(error))]
    finally:
        await connector.close()
    return [CheckResult(connector.name, one.ok, one.detail, one.remedy) for one in found]

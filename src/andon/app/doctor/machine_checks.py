"""The machines that are asked: OPC UA servers, MTConnect adapters and agents. Each is tried once, all at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from andon.core.errors import AndonError, ConfigError
from andon.core.extras import require
from andon.core.models import CheckResult
from andon.core.settings.settings import Settings
from andon.core.settings.sources.mtconnect_settings import MtconnectDevice
from andon.core.settings.sources.opcua_settings import OpcuaServer

#: Seconds for one machine, and machines that are asked at once.
ANSWER, AT_ONCE = 8.0, 20
_AWAY = "check that it runs and that no firewall is in between; `andon sources browse {}` shows what it offers"

Asked = TypeVar("Asked", OpcuaServer, MtconnectDevice)


def opcua(settings: Settings) -> list[CheckResult]:
    """The library, and for each server its certificate files, whether it answers, and an endpoint that fits."""
    if not settings.opcua:
        return []
    try:
        require("opcua", "[[opcua]]")
    except ConfigError as error:
        return [CheckResult("opcua", False, str(error))]
    return asyncio.run(_each(settings.opcua, _opcua_server))


def mtconnect(settings: Settings) -> list[CheckResult]:
    """Whether each adapter takes a connection, and each agent tells what is current."""
    return asyncio.run(_each(settings.mtconnect, _mtconnect_device)) if settings.mtconnect else []


async def _each(asked: Sequence[Asked], check: Callable[[Asked], Awaitable[CheckResult]]) -> list[CheckResult]:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(what: Asked) -> CheckResult:
        async with room:
            return await check(what)

    return list(await asyncio.gather(*(one(what) for what in asked)))


async def _opcua_server(server: OpcuaServer) -> CheckResult:
    from andon.ingest.sources.opcua_session import ConnectionLost, endpoints

    for path in filter(None, (server.certificate, server.key, server.server_certificate)):
        if (problem := await asyncio.to_thread(_unreadable, path)) is not None:
            return CheckResult("opcua", False, f"{server.url}: {path}: {problem}", "check the path and its permissions")
    try:
        async with asyncio.timeout(ANSWER):
            offered = await endpoints(server)
    except (ConnectionLost, TimeoutError) as error:
        said = str(error) or f"no answer within {ANSWER:g} seconds"
        return CheckResult("opcua", False, f"{server.url}: {said}", _AWAY.format(server.url))
    security = sorted({f"{mode} {policy}".replace("None None", "None") for _, mode, policy, _ in offered})
    wanted = "None" if server.security == "None" else f"{server.security} {server.policy}"
    if not any(one.replace("_", "") == wanted for one in security):
        fits = f"set security and policy to one that it offers: {', '.join(security)}"
        return CheckResult("opcua", False, f"{server.url} offers no endpoint with security {wanted}", fits)
    if server.security == "None":
        open_ = "without security: alarms and acknowledgements can be forged in transit"
        better = 'set security = "SignAndEncrypt" with a certificate' if len(security) > 1 else ""
        return CheckResult("opcua", None if better else True, f"{server.url} answers, {open_}", better)
    return CheckResult("opcua", True, f"{server.url} answers with security {wanted}")


async def _mtconnect_device(device: MtconnectDevice) -> CheckResult:
    try:
        async with asyncio.timeout(ANSWER):
            told = await (_adapter(device) if device.url.startswith("shdr:") else _agent(device))
    except (AndonError, TimeoutError) as error:
        said = str(error) or f"no answer within {ANSWER:g} seconds"
        return CheckResult("mtconnect", False, f"{device.url}: {said}", _AWAY.format(device.url))
    return CheckResult("mtconnect", True, f"{device.url} {told}")


async def _adapter(device: MtconnectDevice) -> str:
    from andon.ingest.sources.mtconnect import SHDR_PORT
    from andon.ingest.sources.shdr_adapter import ShdrAdapter

    parts = urlsplit(device.url)
    adapter = ShdrAdapter(parts.hostname or "", parts.port or SHDR_PORT)
    async with contextlib.aclosing(adapter.lines(1.0)) as lines:
        await anext(lines)
    return "takes connections"


async def _agent(device: MtconnectDevice) -> str:
    from andon.ingest.sources.mtconnect_agent import MtconnectAgent

    async with MtconnectAgent(device.url, 0) as agent:
        current = await agent.ask("current")
    if current.root != "MTConnectStreams":
        raise ConfigError(
            "; ".join(f"{code} {text}" for code, text in current.errors) or f"answers with {current.root}"
        )
    return f"reports {len(current.conditions):,} conditions"


def _unreadable(path: str) -> str | None:
    try:
        with Path(path).open("rb") as file:
            return None if file.read(1) else "it is empty"
    except OSError as error:
        return error.strerror or type(error).__name__

"""The running service and its broker."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

from andon.app.broker_client import connect_as
from andon.bus.address import masked
from andon.bus.embedded.binary import find_binary
from andon.bus.expectations import Difference, compare
from andon.bus.jetstream_api import MISSING, ApiError, infos, state_of
from andon.core.errors import AndonError, BrokerError
from andon.core.models import CheckResult
from andon.core.settings.settings import Settings
from andon.core.text import counted

#: A backlog above this many messages is worth a remark.
BACKLOG = 10_000
CONNECT_SECONDS = 2.0


def service(settings: Settings) -> CheckResult:
    """Whether the service answers, and what keeps it from being ready."""
    host = "127.0.0.1" if settings.http_host in ("0.0.0.0", "::") else settings.http_host  # noqa: S104 - compared
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as response:
            json.load(response)
    except urllib.error.HTTPError as error:
        problems = _problems(error)
        return CheckResult("service", False, f"runs but is not ready: {problems}", "see its log for more")
    except TimeoutError:
        return CheckResult("service", False, f"takes no questions at {url} yet", "see its log: it starts, or hangs")
    except (OSError, ValueError):
        return CheckResult("service", None, f"does not answer at {url}", "start it with `andon run`")
    return CheckResult("service", True, f"ready at {url}")


def _problems(error: urllib.error.HTTPError) -> str:
    try:
        body: Any = json.load(error)
        return "; ".join(f"{part}: {problem}" for part, problem in body["problems"].items())
    except (ValueError, KeyError, AttributeError):
        return f"HTTP {error.code}"


async def broker(settings: Settings, *, running: bool) -> list[CheckResult]:
    """The broker's program where it is ours, and what its stream holds; ``running``: whether an embedded one can be."""
    results = []
    if settings.embedded_broker:
        try:
            binary = await asyncio.to_thread(find_binary, settings.nats_server)
            results.append(CheckResult("nats-server", True, str(binary)))
        except BrokerError as error:
            return [CheckResult("nats-server", False, str(error))]
        if not running:
            return [*results, CheckResult("broker", None, "embedded; it starts with `andon run`")]
    address = masked(settings.broker_url)
    try:
        connection = await connect_as(settings, "andon doctor", timeout=CONNECT_SECONDS)
    except BrokerError as error:
        return [*results, CheckResult("broker", False, str(error))]
    try:
        stream, consumer = await infos(connection, CONNECT_SECONDS)
    except ApiError as error:
        missing = error.code in MISSING
        remedy = "`andon run` makes what is missing" if missing else "see whether its user may use JetStream"
        results.append(CheckResult("broker", None if missing else False, f"{address} answers; {error}", remedy))
    except AndonError as error:
        results.append(CheckResult("broker", None, f"{address} answers; {error}", "`andon run` creates the stream"))
    else:
        state = state_of(stream, consumer)
        held, waiting = counted(state.messages, "message"), state.pending + state.ack_pending
        detail = f"{address}: stream {state.stream} holds {held}, {waiting:,} not yet stored"
        remedy = "the recorder is behind or stopped; see the service's log" if waiting > BACKLOG else ""
        results.append(CheckResult("broker", None if remedy else True, detail, remedy))
        own = settings.embedded_broker
        results += [_changed(each, own=own) for each in compare(stream, consumer, connection.max_payload)]
    finally:
        await connection.close()
    return results


def _changed(difference: Difference, *, own: bool) -> CheckResult:
    """A setting of stream or consumer that is not as Andon needs it."""
    loses = difference.grade == "loses"
    remedy = difference.remedy
    if own:
        later = difference.anew and difference.part == "stream"
        remedy = "the running service puts it back" + (" once all logs in it are stored" if later else "")
    return CheckResult("broker", False if loses else None, f"the {difference.part} {difference.found}", remedy)

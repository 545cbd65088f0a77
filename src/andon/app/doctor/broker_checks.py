"""The running service and its broker."""

from __future__ import annotations

import asyncio
import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from andon.app.broker_client import connect_as
from andon.app.doctor.next_step import start_here
from andon.app.running_service import OTHER_REMEDY, others_data
from andon.bus.address import masked
from andon.bus.embedded.binary import find_binary
from andon.bus.embedded.damage import Store
from andon.bus.embedded.login import find_login, login_path
from andon.bus.expectations import Difference, compare
from andon.bus.jetstream_api import MISSING, ApiError, infos, state_of
from andon.core.errors import AndonError, BrokerError
from andon.core.models import CheckResult
from andon.core.settings.settings import Settings
from andon.core.settings.whereabouts import other_data_at
from andon.core.text import counted

#: A backlog above this many messages is worth a remark.
BACKLOG = 10_000
CONNECT_SECONDS = 2.0
#: Numbers that systems give to people, below that of nobody.
FIRST_PERSON, NOBODY = 1000, 60_000
#: Shells with which nobody logs in.
NO_SHELL = frozenset({"nologin", "false", "sync", ""})


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
        return CheckResult("service", False, f"does not answer at {url} yet", "it is starting or hangs: see its log")
    except (OSError, ValueError):
        return CheckResult("service", None, f"does not answer at {url}", start_here("start it with `andon run`"))
    if (place := other_data_at("ANDON_HTTP_PORT", settings.http_port, settings.data_dir)) is not None:
        return CheckResult("service", False, f"what answers at {url} {others_data(place, settings)}", OTHER_REMEDY)
    return CheckResult("service", True, f"ready at {url}")


def _problems(error: urllib.error.HTTPError) -> str:
    try:
        body: Any = json.load(error)
        return "; ".join(f"{part}: {problem}" for part, problem in body["problems"].items())
    except (ValueError, KeyError, AttributeError):
        return f"HTTP {error.code}"


def access(settings: Settings) -> list[CheckResult]:
    """Who may use the embedded broker, and what that means on this machine."""
    others = other_users()
    if settings.nats_access == "closed":
        path = login_path(settings)
        known = counted(len(settings.nats_users), "producer")
        try:
            find_login(settings)
        except BrokerError as error:
            return [CheckResult("access", False if os.path.exists(path) else None, str(error))]
        detail = f"closed: Andon and your commands log in with {path}; {known} in ANDON_NATS_USERS"
        return [CheckResult("access", True, detail)]
    if settings.broker_credentials is not None:
        return [CheckResult("access", True, f"anyone with the password of {settings.nats_user} has full rights")]
    meaning = "open: every program on this machine can send, read and delete logs, and answer in Andon's place"
    if not others:
        return [CheckResult("access", True, f"{meaning}; no other user seems to log in here")]
    named = f": {others[0]}" if len(others) == 1 else f", such as {others[0]}"
    shown = f"{counted(len(others), 'other user')} can log in here{named}"
    remedy = "to prevent that, set ANDON_NATS_ACCESS=closed and give each producer a user: docs/access.md"
    return [CheckResult("access", None, f"{meaning}; {shown}", remedy)]


def other_users() -> list[str]:
    """Who else can log in on this machine, as far as its list of users says: those with a shell of their own."""
    try:
        import pwd
    except ImportError:
        return []
    return sorted(
        one.pw_name
        for one in pwd.getpwall()
        if one.pw_uid != os.getuid() and FIRST_PERSON <= one.pw_uid < NOBODY and Path(one.pw_shell).name not in NO_SHELL
    )


def moved_aside(settings: Settings) -> list[CheckResult]:
    """What of the broker's store was damaged and moved, as long as it lies there."""
    try:
        places = Store(settings.data_dir / "jetstream").moved_before()
    except OSError:
        return []
    if not places:
        return []
    detail = f"damaged parts of the broker's store were moved to {', '.join(map(str, places))}"
    remedy = "Andon's log of that start says more; delete them when they are no longer needed"
    return [CheckResult("broker store", None, detail, remedy)]


async def broker(settings: Settings, *, running: bool) -> list[CheckResult]:
    """The broker's program where it is ours, and what its stream holds; ``running``: whether an embedded one can be."""
    results = []
    if settings.embedded_broker:
        try:
            binary = await asyncio.to_thread(find_binary, settings.nats_server)
            results.append(CheckResult("nats-server", True, str(binary)))
        except BrokerError as error:
            return [CheckResult("nats-server", False, str(error))]
        results += await asyncio.to_thread(access, settings)
        results += await asyncio.to_thread(moved_aside, settings)
        if not running:
            return [*results, CheckResult("broker", None, "embedded: it starts with the service")]
    address = masked(settings.broker_url)
    try:
        connection = await connect_as(settings, "andon doctor", timeout=CONNECT_SECONDS)
    except BrokerError as error:
        return [*results, CheckResult("broker", False, str(error))]
    try:
        stream, consumer = await infos(connection, CONNECT_SECONDS)
    except ApiError as error:
        missing = error.code in MISSING
        remedy = "`andon run` creates what is missing" if missing else "check that its user may use JetStream"
        results.append(CheckResult("broker", None if missing else False, f"{address} answers; {error}", remedy))
    except AndonError as error:
        results.append(CheckResult("broker", None, f"{address} answers; {error}", "`andon run` creates the stream"))
    else:
        state = state_of(stream, consumer)
        held, waiting = counted(state.messages, "message"), state.pending + state.ack_pending
        detail = f"{address}: stream {state.stream} holds {held}, {waiting:,} not yet stored"
        remedy = "recording is behind or has stopped: see the service's log" if waiting > BACKLOG else ""
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
        remedy = "the running service restores it" + (" once all logs in it are stored" if later else "")
    return CheckResult("broker", False if loses else None, f"the {difference.part} {difference.found}", remedy)

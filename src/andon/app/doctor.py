"""What ``andon doctor`` checks: settings, disk, database, broker, service and model, each with its remedy."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import andon
from andon.app.broker_client import connect_as
from andon.bus.address import masked
from andon.bus.embedded.binary import find_binary
from andon.bus.jetstream_api import stream_state
from andon.core.errors import AndonError, BrokerError, ConfigError, ModelError, ModelMisconfigured, StoreError
from andon.core.models import CheckResult, StoreCounts
from andon.core.settings.providers import Member
from andon.core.settings.settings import Settings
from andon.core.settings.unknown import remarks
from andon.core.text import counted
from andon.core.threads import in_daemon_thread
from andon.explain.model.fallback import build_analyst
from andon.explain.playbook import SitePlaybook
from andon.explain.providers.llama_cpp.embedded import EmbeddedBackend
from andon.explain.providers.ollama_models import OllamaAdmin, context_remedy
from andon.explain.providers.registry import build_backend
from andon.explain.runbooks.runbooks import MarkdownRunbooks
from andon.ingest.severity import SeverityReader
from andon.store import Visitor, counts, recording

#: Below this much free disk space (bytes) doctor warns, and below a tenth of it complains.
LITTLE_ROOM = 1024**3
#: A backlog above this many messages is worth a remark.
BACKLOG = 10_000
#: So many of the newest logs are looked through for severities that were not understood.
NEWEST = 10_000
CONNECT_SECONDS = 2.0
_RENAME = "correct the name, or remove it"
_MEANWHILE = "until then the playbook's answers are provisional"


async def examine(settings: Settings) -> list[CheckResult]:
    """Every check, in the order in which things depend on each other. Never raises for what it examines."""
    results = [CheckResult("andon", True, f"{andon.__version__} on Python {sys.version.split()[0]}")]
    results += [_settings(settings), *(CheckResult("settings", None, one, _RENAME) for one in remarks())]
    results.append(await asyncio.to_thread(_disk, settings))
    results += await asyncio.to_thread(_database, settings)
    ready = await asyncio.to_thread(_service, settings)
    running = ready.ok is not None
    results.append(ready)
    results += await _broker(settings, running)
    embedded = settings.provider == "EMBEDDED"
    results.append(await (_model_file(settings) if embedded else _member("model", settings, settings.configured)))
    results += await _fallbacks(settings)
    results += await _ollama_context(settings)
    results += await asyncio.to_thread(_runbooks, settings)
    return results + await asyncio.to_thread(_playbook, settings)


def _runbooks(settings: Settings) -> list[CheckResult]:
    """How many runbooks there are, and those that cannot be used; nothing where there is no directory of them."""
    if not settings.runbooks.is_dir():
        return []
    found = MarkdownRunbooks(settings.runbooks)
    found.scan(tell=False)
    return _files("runbooks", found, f"{settings.runbooks}: {counted(len(found), 'runbook')}")


def _files(name: str, found: MarkdownRunbooks | SitePlaybook, held: str) -> list[CheckResult]:
    results = [CheckResult(name, None, problem) for problem in found.problems]
    return [CheckResult(name, True, held), *results] if len(found) or not results else results


def _playbook(settings: Settings) -> list[CheckResult]:
    """How many rules of the site there are, and which are wrong or do not do what their examples say."""
    place = settings.playbook
    if not os.path.exists(place):
        if "playbook" not in settings.model_fields_set:
            return []
        detail = f"there is no directory {place}: only the built-in rules answer"
        return [CheckResult("playbook", None, detail, "create it, or correct ANDON_PLAYBOOK")]
    found = SitePlaybook(place)
    found.scan(tell=False)
    results = _files("playbook", found, f"{place}: {counted(len(found), 'rule')}")
    remedy = "make its terms more specific (docs/playbook.md), or correct the example"
    return results + [CheckResult("playbook", None, problem, remedy) for problem in found.misled]


def _settings(settings: Settings) -> CheckResult:
    places = [name for name in (".env", os.environ.get("ANDON_CONFIG") or "andon.toml") if Path(name).is_file()]
    where = ", ".join(["environment", *places])
    detail = f"read from {where}; provider {settings.provider} {settings.model_name}".strip()
    return CheckResult("settings", True, detail)


def _disk(settings: Settings) -> CheckResult:
    directory = settings.database.parent if isinstance(settings.database, Path) else settings.data_dir
    place = directory
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        remedy = "set ANDON_DATA_DIR (or DB_PATH) to another"
        return CheckResult("disk", False, f"{place} is a file where a directory is needed", remedy)
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
        with Visitor(path) as visitor:
            found = visitor.read(counts.sizes)
            unread = visitor.read(recording.severities_not_understood, NEWEST)
    except (StoreError, ConfigError) as error:  # the driver of PostgreSQL may be missing
        return [CheckResult("database", False, str(error))]
    size = f"{found.bytes / 1024**2:.1f} MiB"
    held = f"{counted(found.logs, 'log')}, {counted(found.patterns, 'pattern')}"
    results = [CheckResult("database", True, f"{path}: {held}, {size}")]
    return results + _severities(settings, unread) + _queue(found)


def _severities(settings: Settings, unread: list[tuple[str, int, int]]) -> list[CheckResult]:
    """Severities of the newest logs that are not understood, unless they are by now."""
    read = SeverityReader(settings.severities)
    left = [one for one in unread if not read(one[0]).understood]
    if not left:
        return []
    native, _, log_id = left[0]
    logs = sum(count for _, count, _ in left)
    said = "has a severity that is" if logs == 1 else "have severities that are"
    detail = (
        f"{logs:,} of the newest logs {said} not understood and taken for WARNING, such as {native!r} of log {log_id}"
    )
    line = f'{json.dumps(native, ensure_ascii=False)} = "ERROR"'
    remedy = f"say what it means under [severities] in andon.toml: {line}"
    if "\ufffd" in native:
        remedy = "its bytes are no UTF-8: set ANDON_ENCODING, such as cp1252, gbk or shift_jis"
    return [CheckResult("severities", None, detail, remedy)]


def _queue(counts: StoreCounts) -> list[CheckResult]:
    results = []
    if number := counts.rejects:
        said = "1 message was not understood" if number == 1 else f"{number:,} messages were not understood"
        results.append(CheckResult("rejects", None, said, "see `andon rejects`"))
    if counts.failed:
        remedy = "the playbook's answers stand for them; see the reasons with `andon queue --failed`"
        results.append(CheckResult("analyses", None, f"{counts.failed:,} got no answer from the model", remedy))
    if number := counts.pending:
        said = "1 problem waits for the model" if number == 1 else f"{number:,} problems wait for the model"
        results.append(CheckResult("queue", None, said))
    if number := counts.lost:
        said = "1 problem of an earlier version is" if number == 1 else f"{number:,} problems of an earlier version are"
        remedy = "what is known of them stays in `andon patterns`; where one comes again, confirm its fix anew"
        results.append(
            CheckResult("upgrade", None, f"{said} not recognised any more: no log of theirs is stored", remedy)
        )
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


async def _broker(settings: Settings, running: bool) -> list[CheckResult]:
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
        state, _ = await stream_state(connection)
    except AndonError as error:
        results.append(CheckResult("broker", None, f"{address} answers; {error}", "`andon run` creates the stream"))
    else:
        held, waiting = counted(state.messages, "message"), state.pending + state.ack_pending
        detail = f"{address}: stream {state.stream} holds {held}, {waiting:,} not yet stored"
        remedy = "the recorder is behind or stopped; see the service's log" if waiting > BACKLOG else ""
        results.append(CheckResult("broker", None if remedy else True, detail, remedy))
    finally:
        await connection.close()
    return results


async def _fallbacks(settings: Settings) -> list[CheckResult]:
    """The providers that are asked where the configured one is away, each by itself."""
    if settings.provider == "PLAYBOOK":
        return []
    return [await _member("fallback", settings, member) for member in settings.fallback_members]


async def _member(name: str, settings: Settings, member: Member) -> CheckResult:
    try:
        analyst = build_analyst(settings, members=[member])
    except AndonError as error:
        return CheckResult(name, False, str(error))
    if analyst is None:
        return CheckResult(name, True, "PLAYBOOK: the built-in rules answer, no model is needed")
    try:
        async with asyncio.timeout(10):
            await analyst.check()
    except ModelError as error:
        ok = False if isinstance(error, ModelMisconfigured) else None
        return CheckResult(name, ok, str(error), _MEANWHILE)
    except TimeoutError:
        return CheckResult(name, None, f"{analyst.provider} took longer than 10 s to answer")
    finally:
        await analyst.close()
    return CheckResult(name, True, f"{analyst.provider} answers; model {analyst.model}")


async def _model_file(settings: Settings) -> CheckResult:
    """Load the file of EMBEDDED in a process of its own, as the service would."""
    try:
        backend = build_backend(settings)
    except AndonError as error:
        return CheckResult("model", False, str(error))
    if not isinstance(backend, EmbeddedBackend):
        raise TypeError(f"{settings.provider} has no model file")
    started = time.monotonic()
    try:
        async with asyncio.timeout(settings.model_cold_deadline):
            await in_daemon_thread(backend.build, "provider-import")
            started = time.monotonic()
            facts = await backend.describe()
    except ModelError as error:
        return CheckResult("model", False, str(error), _MEANWHILE)
    except TimeoutError:
        remedy = "choose a smaller file, or raise ANDON_MODEL_COLD_DEADLINE"
        return CheckResult("model", False, f"{settings.gguf} was not loaded in time", remedy)
    finally:
        await backend.close()
    context, memory = int(facts["context"]), facts["memory"]
    taken = f", {memory / 2**20:,.0f} MiB of memory" if memory else ""
    sight = ", sees pictures" if facts["sees_pictures"] else ""
    loaded = f"EMBEDDED loads {settings.gguf} in {time.monotonic() - started:.1f} s"
    detail = f"{loaded}: context {context:,} tokens{taken}{sight}"
    if settings.mmproj is not None and not facts["sees_pictures"]:
        return CheckResult("model", None, f"{detail}, but sees no pictures", "correct ANDON_MMPROJ or leave it empty")
    if context < _tokens_needed(settings):
        trained = facts["trained_for"]
        remedy = (
            "lower ANDON_MODEL_PROMPT_TOKENS or ANDON_MODEL_MAX_TOKENS: the model takes no more"
            if trained and trained <= context
            else f"raise ANDON_GGUF_CONTEXT to {_tokens_needed(settings)}"
        )
        return CheckResult("model", None, f"{detail}; {_need(settings)}", remedy)
    return CheckResult("model", True, detail)


async def _ollama_context(settings: Settings) -> list[CheckResult]:
    """Whether questions fit into the context of the models that are asked of Ollama, which says nothing where not."""
    members = (settings.configured, *settings.fallback_members)
    models = [settings.model_of(provider, model) for provider, model in members if provider == "OLLAMA"]
    results = []
    for model in models:
        try:
            async with OllamaAdmin(host=settings.ollama_host, api_key=settings.key_of("OLLAMA"), model=model) as admin:
                details = await admin.show(model)
        except AndonError:  # the check of the model has said so already
            continue
        remedy = context_remedy(details, _tokens_needed(settings)) or ""
        detail = f"{model} works with {details.context:,} tokens ({details.context_from}); {_need(settings)}"
        results.append(CheckResult("context", None if remedy else True, detail, remedy))
    return results


def _tokens_needed(settings: Settings) -> int:
    return settings.model_prompt_tokens + settings.model_max_tokens


def _need(settings: Settings) -> str:
    return f"a question and its answer take up to {_tokens_needed(settings):,}"

"""Ollama's native API for people: which models it has, what is known of one, and fetching one.

Answers are read as Ollama's documentation of ``/api/tags``, ``/api/ps``, ``/api/show`` and ``/api/pull`` has them;
whatever is missing or of another type counts as not said, since versions differ.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from andon.core.errors import ModelMisconfigured, ModelUnavailable
from andon.core.outgoing_http import CONNECT_TIMEOUT, entries, number, table, text
from andon.explain.providers.failures import from_status, hidden, message_in, unlike, unreachable
from andon.explain.providers.http_client import bounded_client, get_json
from andon.explain.providers.ollama import (
    keeps_system,
    loaded_context,
    normalise_host,
    ollama_place,
    own_context,
    same_model,
)

if TYPE_CHECKING:
    import httpx2

log = structlog.get_logger(__name__)

#: Tokens of context where neither the model nor whoever runs Ollama says another number (docs/faq, Modelfile).
DEFAULT_CONTEXT = 4096
#: Seconds without a line after which a download counts as broken; checking the digest of a large file is silent.
SILENCE = 300.0
#: Attempts to go on with a download that broke off, without a byte of progress between them.
ATTEMPTS = 5
FIRST_PAUSE = 0.5
_LINE_MAX = 64 * 2**10

#: What trying again cannot change, in Ollama's words (server/download.go, server/images.go, registry answers).
_FINAL = re.compile(
    r"file does not exist|not found|unauthorized|denied|no space left|newer version|invalid model|insufficient"
    r"|read-only|permission",
    re.IGNORECASE,
)


class OllamaModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that Ollama has. ``size`` is in bytes; ``loaded`` says that it is in memory now."""

    name: str
    size: int | None = None
    parameters: str | None = None
    quantization: str | None = None
    modified: str | None = None
    loaded: bool = False
    configured: bool = False


class OllamaDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What ``/api/show`` says of a model.

    ``context`` is what it works with now, in tokens, and ``context_from`` where that number comes from;
    ``trained_for`` is the longest context the model itself can take; ``keeps_system`` says that its template shows it a
    system message.
    """

    name: str
    family: str | None
    parameters: str | None
    quantization: str | None
    capabilities: list[str]
    context: int
    context_from: str
    trained_for: int | None
    keeps_system: bool = True


class PullStep(msgspec.Struct, frozen=True, kw_only=True):
    """One report of a download. ``total`` and ``completed`` are bytes of ``digest``, a part of the model."""

    status: str
    digest: str | None = None
    total: int | None = None
    completed: int | None = None


class _Broken(Exception):
    """The download broke off and can go on."""


class OllamaAdmin:
    """The native API of one Ollama; an async context manager. Errors are ModelErrors with a sentence for people."""

    def __init__(self, *, host: str | None, api_key: str = "", model: str = "") -> None:
        self._url = normalise_host(host)
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._place = ollama_place(self._url, model, api_key, "fetch it with `andon models pull`.")
        # a proxy meant for the internet would only stand between
        self._client = bounded_client(timeout=CONNECT_TIMEOUT, pool=2, trust_env=False, headers=self._headers)

    async def __aenter__(self) -> OllamaAdmin:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def models(self, configured: str = "") -> list[OllamaModel]:
        """The models it has, by name; ``configured`` is marked. Raises ModelError."""
        listed = entries(await self._ask("/api/tags"), "models")
        running = await self._ask("/api/ps")
        found = []
        for entry in listed:
            name, details = text(entry, "name") or "", table(entry, "details")
            found.append(
                OllamaModel(
                    name=name,
                    size=number(entry, "size"),
                    parameters=text(details, "parameter_size"),
                    quantization=text(details, "quantization_level"),
                    modified=text(entry, "modified_at"),
                    loaded=loaded_context(running, name) is not None,
                    configured=bool(configured) and same_model(name, configured),
                )
            )
        return sorted(found, key=lambda model: model.name)

    async def show(self, name: str) -> OllamaDetails:
        """What is known of a model that it has. Raises ModelMisconfigured where it has no such model, ModelError."""
        place = replace(self._place, model=name, when_missing=f"fetch it with `andon models pull {name}`.")
        shown = await get_json(self._client, place, f"{self._url}/api/show", body={"model": name})
        details, facts = table(shown, "details"), table(shown, "model_info")
        trained = next((number(facts, key) for key in facts if key.endswith(".context_length")), None)
        abilities = shown.get("capabilities") if isinstance(shown, dict) else None
        context, source = DEFAULT_CONTEXT, "Ollama's default"
        if loaded := loaded_context(await self._ask("/api/ps"), name):
            context, source = loaded, "as it is loaded now"
        elif own := own_context(shown):
            context, source = own, "num_ctx of the model"
        return OllamaDetails(
            name=name,
            family=text(details, "family"),
            parameters=text(details, "parameter_size"),
            quantization=text(details, "quantization_level"),
            capabilities=[str(one) for one in abilities] if isinstance(abilities, list) else [],
            context=context,
            context_from=source,
            trained_for=trained,
            keeps_system=keeps_system(shown),
        )

    async def _ask(self, path: str) -> Any:
        return await get_json(self._client, self._place, f"{self._url}{path}")

    async def pull(self, name: str) -> AsyncGenerator[PullStep, None]:
        """Fetch a model, or what has changed of it; the steps as Ollama reports them, ``success`` last.

        Goes on by itself a few times where the connection breaks: Ollama keeps what has come. Raises
        ModelMisconfigured where there is no such model, ModelUnavailable where it cannot be fetched now.
        """
        attempts, begun = 0, False
        reached: dict[str, int] = {}
        while True:
            try:
                async with contextlib.aclosing(self._pull_once(name)) as steps:
                    async for step in steps:
                        begun = True
                        if step.digest is not None and (step.completed or 0) > reached.get(step.digest, 0):
                            attempts, reached[step.digest] = 0, step.completed or 0
                        yield step
                        if step.status == "success":
                            return
            except _Broken as broken:
                if not begun:
                    raise unreachable(self._place, str(broken)) from broken
                attempts += 1
                if attempts >= ATTEMPTS:
                    raise self._unfetched(name, str(broken), came=any(reached.values())) from broken
                pause = FIRST_PAUSE * 2 ** (attempts - 1)
                log.info("download broke off", model=name, reason=str(broken), again_in=pause)
                yield PullStep(
                    status="the connection broke off, going on"
                    if any(reached.values())
                    else "no connection, trying again"
                )
                await asyncio.sleep(pause)

    def _unfetched(self, name: str, reason: str, *, came: bool) -> ModelUnavailable:
        why = hidden(reason, self._place)
        if came:
            return ModelUnavailable(
                f"{name} could not be fetched to the end ({why}): run `andon models pull {name}` again, it goes on "
                "where it stopped."
            )
        return ModelUnavailable(
            f"Ollama at {self._place.url} could not fetch {name}, and nothing of it has come ({why}): see whether that "
            "machine reaches the internet. Without it, copy the directory of models from an Ollama that has the model."
        )

    async def _pull_once(self, name: str) -> AsyncGenerator[PullStep, None]:
        """One request, as far as it goes. Raises _Broken where it can be continued, else ModelError."""
        import httpx2

        timeout = httpx2.Timeout(SILENCE, connect=CONNECT_TIMEOUT)
        body = {"model": name, "stream": True}
        try:
            async with (
                httpx2.AsyncClient(timeout=timeout, trust_env=False, headers=self._headers) as client,
                client.stream("POST", f"{self._url}/api/pull", json=body) as response,
            ):
                if response.status_code != 200:
                    detail = message_in((await response.aread())[:4_000].decode("utf-8", "replace"))
                    raise from_status(response.status_code, hidden(detail, self._place), self._place)
                async for line in _lines(response):
                    yield self._step(line, name)
        except (httpx2.HTTPError, OSError) as error:
            raise _Broken(str(error) or type(error).__name__) from error
        raise _Broken("the answer ended before the download did")

    def _step(self, line: bytes, name: str) -> PullStep:
        try:
            told = json.loads(line)
        except ValueError:
            raise unlike(self._place, "no JSON") from None
        if not isinstance(told, dict):
            raise unlike(self._place, "not a download report")
        if "error" in told:  # with a status of 200: it had begun to answer
            reason = hidden(message_in(told), self._place)
            if re.search(r"manifest.*(?:file does not exist|not found)", reason):
                raise ModelMisconfigured(
                    f"There is no model {name} to download ({reason}): look up its name at ollama.com/library."
                )
            if _FINAL.search(reason):
                raise ModelMisconfigured(f"Ollama at {self._place.url} cannot download {name}: {reason}.")
            raise _Broken(reason)
        return PullStep(
            status=hidden(str(told.get("status", "")), self._place),
            digest=text(told, "digest"),
            total=number(told, "total"),
            completed=number(told, "completed"),
        )


def context_remedy(details: OllamaDetails, needed: int) -> str | None:
    """What to do where ``needed`` tokens do not fit into the context of a model; None where they fit.

    Ollama drops the beginning of what does not fit, the instructions first, and says nothing.
    """
    if details.context >= needed:
        return None
    if details.trained_for is not None and details.trained_for < needed:
        return (
            f"{details.name} cannot take more than {details.trained_for:,} tokens: lower ANDON_MODEL_PROMPT_TOKENS or "
            "ANDON_MODEL_MAX_TOKENS, or choose another MODEL"
        )
    room = -(-needed // 1024) * 1024
    return (
        f"start Ollama with OLLAMA_CONTEXT_LENGTH={room}, or make a model with `PARAMETER num_ctx {room}` and name it "
        "in MODEL; otherwise the beginning of long questions is lost"
    )


async def _lines(response: httpx2.Response) -> AsyncIterator[bytes]:
    """The lines of a body that are not empty. Raises _Broken where one has no end."""
    rest = b""
    async for chunk in response.aiter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line
        if len(rest) > _LINE_MAX:
            raise _Broken("a line that does not end")
    if rest.strip():
        yield rest

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
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from andon.core.errors import ModelError, ModelMisconfigured, ModelUnavailable
from andon.explain.providers.failures import Place, from_status, hidden, message_in, unreachable
from andon.explain.providers.http_client import CONNECT_TIMEOUT
from andon.explain.providers.ollama import normalise_host, same_model

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
#: Bytes of an answer that is not a download.
ANSWER_MAX = 8 * 2**20
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
    ``trained_for`` is the longest context the model itself can take.
    """

    name: str
    family: str | None
    parameters: str | None
    quantization: str | None
    capabilities: list[str]
    context: int
    context_from: str
    trained_for: int | None


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
        import httpx2

        self._url = normalise_host(host)
        user = re.sub(r"//[^/@]*@", "//", self._url)
        self._place = Place(
            name="Ollama",
            url=user,
            model=model,
            when_away="start it with `ollama serve`, or set OLLAMA_HOST to where it runs.",
            when_missing="fetch it with `andon models pull`.",
            when_wrong="check OLLAMA_HOST.",
            api_key=api_key or None,
        )
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(2 * CONNECT_TIMEOUT, connect=CONNECT_TIMEOUT),
            trust_env=False,  # a proxy meant for the internet would only stand between
            headers={"Authorization": f"Bearer {api_key}"} if api_key else None,
        )

    async def __aenter__(self) -> OllamaAdmin:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def models(self, configured: str = "") -> list[OllamaModel]:
        """The models it has, by name; ``configured`` is marked. Raises ModelError."""
        listed = _entries(await self._ask("GET", "/api/tags"))
        loaded = [_text(entry, "name") or "" for entry in _entries(await self._ask("GET", "/api/ps"))]
        found = []
        for entry in listed:
            name, details = _text(entry, "name") or "", _table(entry, "details")
            found.append(
                OllamaModel(
                    name=name,
                    size=_number(entry, "size"),
                    parameters=_text(details, "parameter_size"),
                    quantization=_text(details, "quantization_level"),
                    modified=_text(entry, "modified_at"),
                    loaded=any(same_model(name, one) for one in loaded),
                    configured=bool(configured) and same_model(name, configured),
                )
            )
        return sorted(found, key=lambda model: model.name)

    async def show(self, name: str) -> OllamaDetails:
        """What is known of a model that it has. Raises ModelMisconfigured where it has no such model, ModelError."""
        shown = await self._ask("POST", "/api/show", {"model": name}, missing=name)
        details, facts = _table(shown, "details"), _table(shown, "model_info")
        trained = next((_number(facts, key) for key in facts if key.endswith(".context_length")), None)
        abilities = shown.get("capabilities") if isinstance(shown, dict) else None
        context, source = await self._context(name, shown)
        return OllamaDetails(
            name=name,
            family=_text(details, "family"),
            parameters=_text(details, "parameter_size"),
            quantization=_text(details, "quantization_level"),
            capabilities=[str(one) for one in abilities] if isinstance(abilities, list) else [],
            context=context,
            context_from=source,
            trained_for=trained,
        )

    async def _context(self, name: str, shown: Any) -> tuple[int, str]:
        """The context the model works with: as loaded, else by its own parameters, else Ollama's default."""
        for entry in _entries(await self._ask("GET", "/api/ps")):
            context = _number(entry, "context_length")
            if context and same_model(_text(entry, "name") or "", name):
                return context, "as it is loaded now"
        if match := re.search(r"^\s*num_ctx\s+(\d{1,9})\s*$", _text(shown, "parameters") or "", re.MULTILINE):
            return int(match[1]), "num_ctx of the model"
        return DEFAULT_CONTEXT, "Ollama's default"

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
                    raise ModelUnavailable(
                        f"{name} could not be fetched to the end ({hidden(str(broken), self._place)}): run "
                        f"`andon models pull {name}` again, it goes on where it stopped."
                    ) from broken
                pause = FIRST_PAUSE * 2 ** (attempts - 1)
                log.info("download broke off", model=name, reason=str(broken), again_in=pause)
                yield PullStep(status="the connection broke off, going on")
                await asyncio.sleep(pause)

    async def _pull_once(self, name: str) -> AsyncGenerator[PullStep, None]:
        """One request, as far as it goes. Raises _Broken where it can be continued, else ModelError."""
        import httpx2

        timeout = httpx2.Timeout(SILENCE, connect=CONNECT_TIMEOUT)
        request = self._client.build_request(
            "POST", f"{self._url}/api/pull", json={"model": name, "stream": True}, timeout=timeout
        )
        try:
            response = await self._client.send(request, stream=True)
            try:
                if response.status_code != 200:
                    raise self._refused(response.status_code, (await response.aread())[:4_000], missing="")
                async for line in _lines(response):
                    yield self._step(line, name)
            finally:
                await response.aclose()
        except (httpx2.HTTPError, OSError) as error:
            raise _Broken(str(error) or type(error).__name__) from error
        raise _Broken("the answer ended before the download did")

    def _step(self, line: bytes, name: str) -> PullStep:
        try:
            told = json.loads(line)
        except ValueError:
            raise ModelMisconfigured(self._unlike("no JSON")) from None
        if not isinstance(told, dict):
            raise ModelMisconfigured(self._unlike("no report of a download"))
        if "error" in told:  # with a status of 200: it had begun to answer
            reason = hidden(message_in(told), self._place)
            if re.search(r"manifest.*(?:file does not exist|not found)", reason):
                raise ModelMisconfigured(
                    f"There is no model {name} to fetch ({reason}): look the name up at ollama.com/library."
                )
            if _FINAL.search(reason):
                raise ModelMisconfigured(f"Ollama at {self._place.url} cannot fetch {name}: {reason}.")
            raise _Broken(reason)
        return PullStep(
            status=hidden(str(told.get("status", "")), self._place),
            digest=_text(told, "digest"),
            total=_number(told, "total"),
            completed=_number(told, "completed"),
        )

    async def _ask(self, method: str, path: str, body: Any = None, *, missing: str = "") -> Any:
        import httpx2

        try:
            # the client's timeout is for each read: a server that drips needs the outer one
            async with asyncio.timeout(4 * CONNECT_TIMEOUT):
                async with self._client.stream(method, f"{self._url}{path}", json=body) as response:
                    content = b""
                    async for chunk in response.aiter_bytes():
                        content += chunk
                        if len(content) > ANSWER_MAX:
                            raise ModelMisconfigured(self._unlike("a page without end"))
        except (httpx2.HTTPError, OSError) as error:  # TimeoutError is an OSError
            raise unreachable(self._place, str(error) or type(error).__name__) from error
        if response.status_code != 200:
            raise self._refused(response.status_code, content[:4_000], missing=missing)
        try:
            return json.loads(content)
        except ValueError:
            raise ModelMisconfigured(self._unlike("no JSON")) from None

    def _refused(self, status: int, content: bytes, *, missing: str) -> ModelError:
        detail = hidden(message_in(content.decode("utf-8", "replace")), self._place)
        if status == 404 and missing and "page not found" not in detail:
            return ModelMisconfigured(
                f"Ollama at {self._place.url} does not have the model {missing}: fetch it with "
                f"`andon models pull {missing}`."
            )
        return from_status(status, detail, self._place)

    def _unlike(self, what: str) -> str:
        return f"{self._place.url} answers, but not like Ollama ({what}): check OLLAMA_HOST."


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
        f"start Ollama with OLLAMA_CONTEXT_LENGTH={room}, or make a model with `PARAMETER num_ctx {room}` and name "
        "it in MODEL; else the beginning of long questions is lost"
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
            raise _Broken("a line without end")
    if rest.strip():
        yield rest


def _entries(answer: Any) -> list[dict[str, Any]]:
    entries = answer.get("models") if isinstance(answer, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _table(answer: Any, key: str) -> dict[str, Any]:
    value = answer.get(key) if isinstance(answer, dict) else None
    return value if isinstance(value, dict) else {}


def _text(answer: Any, key: str) -> str | None:
    value = answer.get(key) if isinstance(answer, dict) else None
    return value if isinstance(value, str) and value else None


def _number(answer: Any, key: str) -> int | None:
    value = answer.get(key) if isinstance(answer, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

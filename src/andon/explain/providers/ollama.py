"""Ollama: the model behind its OpenAI-compatible endpoint, and the native API beside it.

What differs from OpenAI, from Ollama's source: it reads ``max_tokens`` but not ``max_completion_tokens``, it
constrains an answer by a JSON schema without showing the schema to the model, its temperature is 1.0 where none
is sent, and it loads a model on the first question, which may take minutes.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from andon.core.errors import ConfigError, ModelError
from andon.core.outgoing_http import entries, number, text
from andon.explain.providers.backend import Access, Backend, Capabilities, ChatApi
from andon.explain.providers.failures import Place, lacks, unlike
from andon.explain.providers.openai import plain_profile

if TYPE_CHECKING:
    import httpx2
    from pydantic_ai.models import Model

DEFAULT_PORT = 11_434
#: Ollama unloads a model that was not used for five minutes; within this many seconds it is still there.
KEEP_ALIVE = 240.0
#: All that its OpenAI-compatible API takes against repetition, and enough beside its own ``repeat_penalty`` of 1.1:
#: more makes a grammar's quotation marks dear. Its newer engine heeds neither: loops are broken off as they come.
SAMPLING = {"frequency_penalty": 0.2}

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def normalise_host(text: str | None) -> str:
    """The address of Ollama as a client uses it, without a path, from what people put in ``OLLAMA_HOST``.

    Takes a bare host, ``host:port``, a URL, an IPv6 address with or without brackets, trailing slashes and a
    trailing ``/v1``. Addresses to listen on (``0.0.0.0``, ``::``) become loopback. The port defaults to 11434,
    but to the scheme's own where the scheme is written out, as in Ollama's own reading. Raises ConfigError.

    >>> normalise_host("0.0.0.0")
    'http://127.0.0.1:11434'
    """
    given = (text or "").strip().strip("\"'")
    if not given:
        return f"http://127.0.0.1:{DEFAULT_PORT}"
    has_scheme = bool(_SCHEME.match(given))
    head, slash, rest = given.partition("/")
    is_ipv6 = head.count(":") > 1 and not head.startswith("[")
    bare = given if has_scheme else f"http://[{head}]{slash}{rest}" if is_ipv6 else f"http://{given}"
    try:
        parts = urlsplit(bare)
        host, port = parts.hostname, parts.port
        usable = parts.scheme.lower() in ("http", "https") and not parts.query and not re.search(r"[\s\x00-\x1f]", bare)
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"OLLAMA_HOST is {given!r}, which is not an address: write host:port or http://host:port.")
    host = {None: "127.0.0.1", "": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    if port is None:
        port = {"http": 80, "https": 443}[parts.scheme.lower()] if has_scheme else DEFAULT_PORT
        if has_scheme and host in ("127.0.0.1", "localhost", "::1"):
            port = DEFAULT_PORT
    path = re.sub(r"(?:/v1|/api)?/*\Z", "", parts.path)
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    shown = f"[{host}]" if host and ":" in host else host
    return f"{parts.scheme.lower()}://{user}{shown}:{port}{path}"


def same_model(one: str, other: str) -> bool:
    """Whether two names mean the same model: a name without a tag means ``:latest``."""
    full = [name.lower() if ":" in name.rpartition("/")[2] else f"{name.lower()}:latest" for name in (one, other)]
    return full[0] == full[1]


class OllamaBackend(Backend):
    """One model of one Ollama. ``connect`` must have run (in a thread: it imports) before anything else is called."""

    def __init__(self, access: Access) -> None:
        self.url = normalise_host(access.base_url)
        when_missing = f"run `ollama pull {access.model}`, or set MODEL to one it has."
        super().__init__(access, ollama_place(self.url, access.model, access.api_key, when_missing))
        self._key = access.api_key
        self._shown: Capabilities | None = None
        self._seen = -KEEP_ALIVE

    def connect(self) -> httpx2.AsyncClient:
        # Ollama is a neighbour: a proxy meant for the internet would only stand between.
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else None
        return self._client or self.open_client(headers, trust_env=False)

    def chat(self) -> ChatApi:
        return ChatApi(url=f"{self.url}/v1/chat/completions", json_object=True)

    def build(self) -> Model:
        from openai import AsyncOpenAI
        from pydantic_ai.models.ollama import OllamaModel
        from pydantic_ai.profiles import merge_profile
        from pydantic_ai.providers.ollama import OllamaProvider

        provider = OllamaProvider(
            openai_client=AsyncOpenAI(
                base_url=f"{self.url}/v1",
                api_key=self._key or "ollama",
                http_client=self.connect(),
                max_retries=0,
            )
        )
        profile = merge_profile(provider.model_profile(self.model), plain_profile())
        return OllamaModel(self.model, provider=provider, profile=profile)

    async def capabilities(self) -> Capabilities:
        """A schema constrains the answer of any model here; what else this one can do is asked of Ollama once."""
        if self._shown is None:
            try:
                shown = await self._api("/api/show", {"model": self.model})
                loaded = loaded_context(await self._api("/api/ps"), self.model)
            except ModelError:
                return self.access.over(Capabilities(small=True, thinks=True))
            told = shown.get("capabilities") if isinstance(shown, dict) else None
            can = told if isinstance(told, list) else []
            # not what the model was trained for: Ollama's default is far smaller
            known = Capabilities(
                tools="tools" in can,
                images="vision" in can,
                context=loaded or own_context(shown),
                small=True,
                sampling=SAMPLING,
                thinks="thinking" in can or told is None,
                system=keeps_system(shown),
            )
            if shown is None or (loaded is None and known.context is None):
                return self.access.over(known)  # the window is told once the model is loaded
            self._shown = known
        return self.access.over(self._shown)

    async def check(self) -> None:
        listing, key, name = await self._api("/api/tags"), "models", "name"
        if listing is None:  # a server that offers only what OpenAI has
            listing, key, name = await self._api("/v1/models"), "data", "id"
        if listing is None:
            raise unlike(self.place, "404")
        names = [str(entry.get(name, "")) for entry in entries(listing, key)]
        if not any(same_model(name, self.model) for name in names):
            raise lacks(self.place, names)

    async def identity(self) -> str:
        """The digest that Ollama lists for the model. Raises ModelError."""
        listed = entries(await self._api("/api/tags"), "models")
        return next((text(e, "digest") or "" for e in listed if same_model(text(e, "name") or "", self.model)), "")

    async def ready(self) -> bool:
        if time.monotonic() - self._seen < KEEP_ALIVE:
            return True
        return loaded_context(await self._api("/api/ps"), self.model) is not None

    def answered(self) -> None:
        self._seen = time.monotonic()

    async def _api(self, path: str, body: object = None) -> Any:
        """What the native API answers, None where it has no such page."""
        return await self.get(f"{self.url}{path}", body=body, may_lack=True)


def ollama_place(url: str, model: str, api_key: str, when_missing: str) -> Place:
    """The Ollama at ``url``, without the user and password in it."""
    return Place(
        name="Ollama",
        url=re.sub(r"//[^/@]*@", "//", url),
        model=model,
        when_away="start it with `ollama serve`, or set OLLAMA_HOST to its address.",
        when_missing=when_missing,
        when_wrong="check OLLAMA_HOST.",
        api_key=api_key or None,
    )


def loaded_context(running: Any, model: str) -> int | None:
    """The window in tokens that ``model`` was loaded with, by ``/api/ps``; 0 where that is not told, None if it is not
    loaded."""
    found = [entry for entry in entries(running, "models") if same_model(text(entry, "name") or "", model)]
    return number(found[0], "context_length") or 0 if found else None


def keeps_system(shown: Any) -> bool:
    """Whether the template of a model shows it a system message, by ``/api/show``.

    A bare GGUF file gets ``{{ .Prompt }}``, and what was said in that role is dropped without a word.
    """
    template = text(shown, "template")
    return not template or ".Prompt" not in template or re.search(r"\.(?:System|Messages)\b", template) is not None


def own_context(shown: Any) -> int | None:
    """The ``num_ctx`` of a model's own parameters, by ``/api/show``."""
    own = re.search(r"^\s*num_ctx\s+(\d{1,9})\s*$", text(shown, "parameters") or "", re.MULTILINE)
    return int(own[1]) if own else None

"""EMBEDDED: a model file of the site's own, run by llama.cpp in a child process, without a server to install.

llama.cpp's server speaks OpenAI's protocol, so the library behind every other provider is used here as well. What
differs: it sits behind an address and a key that change with each restart, it constrains an answer by a JSON schema
without showing the schema to the model, and it goes on computing an answer nobody waits for unless it is streamed.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from andon.core.errors import ConfigError, ModelError, ModelUnavailable
from andon.core.outgoing_http import entries, number, table, text
from andon.explain.providers.backend import Access, Backend, Capabilities, ChatApi
from andon.explain.providers.failures import Place
from andon.explain.providers.llama_cpp.engine import Engine
from andon.explain.providers.llama_cpp.engine_process import EngineSpec, Running, digest_of
from andon.explain.providers.openai import plain_profile

if TYPE_CHECKING:
    import httpx2
    from pydantic_ai.models import Model

#: Nobody listens there: the transport below puts the engine's address of the moment in its place.
BASE_URL = "http://embedded.invalid"
#: Seconds that a question about its abilities waits for that: the load itself may take minutes.
PROBE_PATIENCE = 1.5
#: Seconds within which it says how it is, also while it computes.
ANSWER_WITHIN = 5.0
#: So many times in a row without a word, and it is taken for hung: ended, and started again.
SILENCES_MAX = 2
#: Seconds that a check waits for a model that is being loaded.
CHECK_PATIENCE = 8.0
#: DRY, a penalty that grows with the length of what is repeated: it ends loops, also under a grammar, where a penalty
#: for each repeated word escapes into white space. Up to six tokens in a row may come again: a code has as many.
SAMPLING = {"extra_body": {"dry_multiplier": 0.8, "dry_base": 1.75, "dry_allowed_length": 6, "dry_penalty_last_n": 128}}


class EmbeddedBackend(Backend):
    """One model file. ``connect`` must have run (in a thread: it imports) before anything is asked.

    Loading the file and each read may take :attr:`Access.timeout`. Raises ConfigError where the library or the setting
    is missing.
    """

    def __init__(self, access: Access) -> None:
        access.demand_extra()
        own = access.settings
        if own.gguf is None:
            raise ConfigError("PROVIDER=EMBEDDED needs ANDON_GGUF: set it to the path of a GGUF file and start again.")
        place = Place(
            name="The embedded engine",
            url=own.gguf.name,
            model=access.model,
            when_away="Andon starts it again.",
            when_missing="set ANDON_GGUF to a GGUF file.",
            when_wrong="check ANDON_GGUF.",
            when_too_long="raise ANDON_GGUF_CONTEXT, or lower ANDON_MODEL_PROMPT_TOKENS.",
            key_setting="ANDON_GGUF",
        )
        super().__init__(access, place)
        options = {
            "n_threads": own.gguf_threads,
            "n_ctx": own.gguf_context * own.gguf_parallel,  # it divides what it is given among the questions
            "n_parallel": own.gguf_parallel,
        }
        self.engine = Engine(EngineSpec(own.gguf, own.mmproj, options), place, timeout=access.timeout)
        self._known: Capabilities | None = None
        self._silences = 0

    def connect(self) -> httpx2.AsyncClient:
        # a check never waits for a free connection
        pool = max(self.access.pool, self.access.settings.gguf_parallel + 1)
        return self._client or self.open_client(transport=engine_transport(self.engine, pool), trust_env=False)

    def chat(self) -> ChatApi:
        return ChatApi(url=f"{BASE_URL}/v1/chat/completions")

    def build(self) -> Model:
        from openai import AsyncOpenAI
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.profiles import merge_profile
        from pydantic_ai.providers.openai import OpenAIProvider

        provider = OpenAIProvider(
            openai_client=AsyncOpenAI(
                base_url=f"{BASE_URL}/v1", api_key="of-the-moment", http_client=self.connect(), max_retries=0
            )
        )
        # asked in words, a reasoning model is to think first, which the grammar of JSON forbids
        profile = merge_profile(provider.model_profile(""), plain_profile(supports_json_object_output=False))
        return OpenAIChatModel(self.model, provider=provider, profile=profile)

    def start(self) -> None:
        self.engine.start()

    async def capabilities(self) -> Capabilities:
        """What the engine says of the file once it is loaded; until then what its settings promise, without tools."""
        if self._known is None:
            # the question itself will say why
            with contextlib.suppress(ModelError, TimeoutError):
                async with asyncio.timeout(PROBE_PATIENCE):
                    self._known = self._read(await self._get("/props"))
        own = self.access.settings
        return self.access.over(
            self._known or self._can(images=own.mmproj is not None, context=own.gguf_context, thinks=True)
        )

    async def identity(self) -> str:
        """SHA-256 of the file, read once for each of its sizes and times. Raises ModelMisconfigured."""
        return await asyncio.to_thread(digest_of, self.engine.spec)

    async def check(self) -> None:
        """Whether the engine runs; starts it where it does not. Raises ModelUnavailable or ModelMisconfigured."""
        try:
            async with asyncio.timeout(CHECK_PATIENCE):
                await self._get("/health")
        except TimeoutError:
            raise ModelUnavailable(f"{self.place.url} is still being loaded: Andon asks again later.") from None

    async def describe(self) -> dict[str, Any]:
        """Load the file, however long that takes within ``timeout``, and say what it is: names and values for people.

        Raises ModelError.
        """
        self._known = self._read(await self._get("/props"))
        able = self.access.over(self._known)
        models = entries(await self._get("/v1/models"), "data")
        meta = table(models[0], "meta") if models else {}
        run = await self.engine.running()
        return {
            "name": self.model,
            "file": str(self.engine.spec.gguf),
            "size": meta.get("size"),
            "parameters": meta.get("n_params"),
            "quantization": meta.get("ftype"),
            "trained_for": meta.get("n_ctx_train"),
            "context": able.context,
            "sees_pictures": able.images,
            "calls_tools": able.tools,
            "memory": run.memory,
        }

    async def ready(self) -> bool:
        return self.engine.is_running

    async def close(self) -> None:
        await super().close()
        await self.engine.close()

    def _read(self, props: Any) -> Capabilities:
        """``/props`` of llama.cpp's server as capabilities."""
        context = number(table(props, "default_generation_settings"), "n_ctx")
        return self._can(
            tools=bool(table(props, "chat_template_caps").get("supports_tools")),
            images=bool(table(props, "modalities").get("vision")),
            context=self.access.settings.gguf_context if context is None else context,
            thinks="think" in (text(props, "chat_template") or ""),
        )

    def _can(self, **known: Any) -> Capabilities:
        return Capabilities(small=True, sampling=SAMPLING, **known)

    async def _get(self, path: str) -> Any:
        import httpx2

        run = await self.engine.running()  # waits for a load, which the time for an answer does not include
        try:
            answer = await self.get(f"{BASE_URL}{path}", each=ANSWER_WITHIN, within=None)
        except ModelError as error:
            if isinstance(error.__cause__, httpx2.TimeoutException):
                self._silences += 1
            elif error.__cause__ is None:  # a word of its own, if not the one we wanted
                self._silences = 0
            if self._silences >= SILENCES_MAX:
                self._silences = 0
                self.engine.end_hung(run)
            raise
        self._silences = 0
        return answer


def engine_transport(engine: Engine, pool: int) -> httpx2.AsyncBaseTransport:
    """A transport to wherever ``engine`` listens now, with the key it wants now; starts it where need be."""
    import httpx2

    limits = httpx2.Limits(max_connections=pool, max_keepalive_connections=pool)
    inner = httpx2.AsyncHTTPTransport(trust_env=False, limits=limits)

    class EngineTransport(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            first = await engine.running()
            try:
                return await self._send(request, first)
            except (httpx2.NetworkError, httpx2.RemoteProtocolError) as error:
                if not (how := await engine.lost(first)):
                    raise
                # A question it has taken may be what it died of, so the queue decides whether it is asked again.
                if request.method != "GET" and not isinstance(error, httpx2.ConnectError):
                    raise ModelUnavailable(
                        f"The embedded engine crashed while it was asked ({how}): Andon starts it again."
                    ) from error
                return await self._send(request, await engine.running())

        async def _send(self, request: httpx2.Request, engine_now: Running) -> httpx2.Response:
            address = httpx2.URL(engine_now.url)
            request.url = request.url.copy_with(host=address.host, port=address.port)
            request.headers["Host"] = f"{address.host}:{address.port}"
            request.headers["Authorization"] = f"Bearer {engine_now.key}"
            return await inner.handle_async_request(request)

        async def aclose(self) -> None:
            await inner.aclose()

    return EngineTransport()

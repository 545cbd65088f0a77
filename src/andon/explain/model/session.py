"""One driver of a model: whoever asks one something (to explain, to answer a person, to judge) does it through here.

Where a server takes chat completions and no tools are offered it is asked directly (:mod:`andon.explain.model.direct`).
Else pydantic-ai does a run: streamed, constrained by the schema of a typed answer, with look-ups in between.
:class:`ModelSession` owns what surrounds it: loading the libraries, the deadline, the bounds on what is read,
the parts of a request that this server refuses, and the words for what failed. It never asks twice for a failed
request: its caller's queue does.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from andon.core.errors import ModelError, ModelMisconfigured
from andon.core.models import Picture
from andon.core.settings.settings import Settings
from andon.core.threads import in_daemon_thread
from andon.explain.model import direct
from andon.explain.model.direct import ANSWER_NAME
from andon.explain.model.exchange import AnswerTooLong, Exchange, Filtered, NoAnswer, NotGranted, Request
from andon.explain.model.history_tools import WRONG_CALLS, toolset, usable_by
from andon.explain.providers.backend import Backend, Capabilities, imported, in_words
from andon.explain.providers.chat_completions import Refused
from andon.explain.providers.failures import (
    filtered,
    from_api_error,
    from_status,
    not_an_answer,
    refusal,
    refused_form,
    too_slow,
    unreachable,
)

if TYPE_CHECKING:
    from pydantic_ai import Agent, RunContext
    from pydantic_ai.messages import AgentStreamEvent, ModelResponse
    from pydantic_ai.models import Model, ModelRequestContext
    from pydantic_ai.settings import ModelSettings

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Seconds for asking whether the model is loaded, and what it can do, before the first question.
PROBE_TIMEOUT = 2.0
#: What a provider says of our account or our model is believed for these seconds, whatever its check says: not every
#: provider tells without a question that a model is not there.
REFUSAL_STANDS = 30.0
#: Low, because a technician wants the likely cause and not a varied one; providers default to 1.0.
TEMPERATURE = 0.2
#: Most requests for one question, look-ups not counted: the first, and one repair.
REQUESTS_MAX = 2
#: Parts of a request that a server may refuse although others take them, and the words by which it names them.
_REFUSABLE = {
    "temperature": ("temperature",),
    "native": ("response_format", "json_schema", "json schema", "structured output", "guided", "grammar"),
    "tool": ("tool_choice", "tool choice", "tools", "function call"),
    "images": ("image", "vision", "multimodal", "multi-modal"),
}
#: How a server says that it takes no pictures at all.
_UNSUPPORTED = re.compile(r"support|not a (?:vision|multi)|mmproj|text[ -]only|unknown variant")


class _Declined(Exception):
    """The server refused a part of the request that can be left out."""

    def __init__(self, failure: ModelError, part: str) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.part = part


class ModelSession:
    """Asks the model of one backend. Belongs to one event loop.

    Its deadlines and bounds are those of the settings (``ANDON_MODEL_DEADLINE`` and those after it).
    """

    def __init__(self, backend: Backend, settings: Settings) -> None:
        self.max_output_tokens = settings.model_max_tokens
        #: Whether the site set that bound itself.
        self._bound_is_set = "model_max_tokens" in settings.model_fields_set
        self._backend = backend
        self.provider, self.model = backend.provider, backend.model
        #: What messages call the provider.
        self.place = backend.place
        self._deadline = settings.model_deadline
        self._cold_start_deadline = max(settings.model_deadline, settings.model_cold_deadline)
        self._model: Model | None = None
        self._agents: dict[tuple[type, str], Agent[Exchange, Any]] = {}
        #: Parts of a request that the server refused once: left out from then on.
        self._declined: set[str] = set()
        self._refusal: tuple[float, ModelMisconfigured] | None = None
        self._building = asyncio.Lock()
        self._begun = False
        self._closed = False

    async def warm_up(self) -> None:
        """Open what the provider itself is asked over, and begin what takes long before the first answer; once.

        The provider's libraries (a second and 40 MiB) wait for the first question where its backend allows.
        Raises as :meth:`load`.
        """
        async with self._building:
            self._demand_open()
            if self._begun:
                return
            client = await in_daemon_thread(lambda: imported(self._backend.connect, self._backend), "http-import")
            if client is None:
                await self._load()
            self._backend.start()
            self._begun = True

    async def load(self, *, looks: bool = False) -> None:
        """Have what a question needs that is about to be asked; ``looks`` says that tools are offered to a model that
        can call them.

        That is :meth:`warm_up`, and the provider's libraries where it is not asked directly: they are imported in a
        thread, once. Raises ModelUnavailable once it is closed, ConfigError and ModelMisconfigured where a library is
        missing.
        """
        await self.warm_up()
        if self._model is not None or (
            self._backend.chat() is not None and not (looks and usable_by(await self.capabilities()))
        ):
            return
        await self._load_library()

    async def _load_library(self) -> None:
        async with self._building:
            self._demand_open()
            await self._load()

    async def _load(self) -> None:
        if self._model is None:
            started = time.perf_counter()
            self._model = await in_daemon_thread(self._build, "provider-import")
            seconds = round(time.perf_counter() - started, 3)
            log.debug("model session ready", provider=self.provider, model=self.model, seconds=seconds)

    def _demand_open(self) -> None:
        if self._closed:
            raise unreachable(self.place, "the analyst is closed")

    async def capabilities(self) -> Capabilities:
        """What the model can do, as far as its provider tells and past questions have shown. Raises ModelError."""
        await self.warm_up()
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                can = await self._backend.capabilities()
        except TimeoutError:
            can = Capabilities()
        if can.output in self._declined:
            can = replace(can, output="prompted", sees_schema=False)
        return replace(
            can,
            temperature=can.temperature and "temperature" not in self._declined,
            images=can.images and "images" not in self._declined,
            tools=can.tools and "tool" not in self._declined,
        )

    async def check(self) -> None:
        """Ask the provider whether it has the model. Raises ModelUnavailable or ModelMisconfigured."""
        await self.warm_up()
        with in_words(self._backend, "be checked"):
            await self._backend.check()
        if self._refusal is not None and time.monotonic() - self._refusal[0] < REFUSAL_STANDS:
            raise self._refusal[1]

    async def close(self) -> None:
        """Close the connections; calls in flight fail as unavailable. Idempotent."""
        async with self._building:
            self._closed = True
            await self._backend.close()

    @contextlib.asynccontextmanager
    async def deadline(self, questions: int = 1) -> AsyncIterator[float]:
        """Bounds what is asked within it to the time of so many questions; yields the seconds for one.

        Raises ModelUnavailable when the time is over.
        """
        seconds = self._cold_start_deadline
        try:
            async with asyncio.timeout(questions * seconds) as clock:
                if self._deadline < seconds and await self._is_ready():
                    seconds = self._deadline
                    clock.reschedule(asyncio.get_running_loop().time() + questions * seconds)
                yield seconds
        except TimeoutError:
            raise too_slow(self.place, questions * seconds) from None

    async def run(
        self,
        compose: Callable[[Capabilities], Request[T]],
        exchange: Exchange,
        *,
        deadline: float,
        requests: int = REQUESTS_MAX,
    ) -> T:
        """The answer to what ``compose`` makes for a model of these capabilities, in ``requests`` requests at most and
        one more for each look-up. ``deadline`` is for each of them, in seconds.

        Where the server refuses a part of the request that can be left out, it goes out once more without it.
        Raises ModelError, and Ended where what came is no such answer.
        """
        standing: tuple[float, ModelMisconfigured] | None = None
        try:
            return await self._simplified(compose, exchange, deadline, requests)
        except ModelMisconfigured as error:
            standing = (time.monotonic(), error) if error.standing else None
            raise
        finally:
            self._refusal = standing

    async def _simplified(
        self, compose: Callable[[Capabilities], Request[T]], exchange: Exchange, deadline: float, requests: int
    ) -> T:
        refused: ModelError | None = None
        blind = False
        begun = exchange.calls
        while True:
            calls = exchange.calls
            can = await self.capabilities()
            can = replace(can, images=can.images and not blind)
            try:
                return await self._attempt(compose(can), can, exchange, deadline, requests - (calls - begun))
            except _Declined as declined:
                refused, blind = declined.failure, declined.part == "images"
                log.info("request simplified", model=self.model, without=declined.part)
                if exchange.calls - begun >= requests:
                    raise refused from declined
            except NotGranted:
                if refused is None or exchange.calls > calls:
                    raise
                raise refused from refused.__cause__

    async def _attempt(
        self, request: Request[T], can: Capabilities, exchange: Exchange, deadline: float, requests: int
    ) -> T:
        """One run. Raises as :meth:`run`, and _Declined where it is worth another without a part."""
        if not can.system:  # its template would drop a message of that role without a word
            request = replace(request, instructions="", prompt=f"{request.instructions}\n\n{request.prompt}")
        exchange.tools = request.tools
        mode = _mode(request, can)
        line = self._line(can, deadline, request.most) if mode != "tool" else None
        try:
            if line is not None:
                return await self._ask(line, request, can, exchange, requests)
            return await self._run_agent(request, can, exchange, deadline, requests)
        except Filtered as error:
            raise filtered(self.place, str(error)) from error
        except AnswerTooLong:
            log.warning("answer truncated", model=self.model, characters=len(exchange.text))
            raise
        finally:
            if exchange.heard:
                self._backend.answered()

    def _line(self, can: Capabilities, deadline: float, most: int) -> direct.Line | None:
        """How to ask directly; None where the provider's library is needed."""
        api = self._backend.chat()
        if api is None or can.effort is not None:
            return None
        client = self._backend.connect()
        if client is None or self._closed:
            raise unreachable(self.place, "the analyst is closed")
        settings: dict[str, Any] = {"max_tokens": self._limit(can, most)}
        settings |= {name: value for name, value in can.sampling.items() if name != "extra_body"}
        settings |= can.sampling.get("extra_body", {})
        if can.temperature:
            settings["temperature"] = TEMPERATURE
        return direct.Line(client=client, api=api, place=self.place, settings=settings, deadline=deadline)

    async def _ask(
        self, line: direct.Line, request: Request[T], can: Capabilities, exchange: Exchange, requests: int
    ) -> T:
        """One run without a library between. Raises as :meth:`_attempt`."""
        native = _mode(request, can) == "native"
        shown = can.images and any(picture.data for picture in request.pictures)
        try:
            return await direct.ask(line, request, exchange, native=native, pictures=shown, requests=requests)
        except Refused as error:
            failure = from_status(error.status, error.detail, self.place, retry_after=error.retry_after)
            failure.__cause__ = error
            sent = {"temperature": can.temperature, "images": shown, "native": native}
            if (part := self._declined_part(error.status, error.detail, sent)) is not None:
                raise _Declined(failure, part) from error
            raise failure from error

    async def _run_agent(
        self, request: Request[T], can: Capabilities, exchange: Exchange, deadline: float, requests: int
    ) -> T:
        """One run of the library's agent. Raises as :meth:`_attempt`."""
        from pydantic_ai.exceptions import (
            ModelAPIError,
            ModelHTTPError,
            UnexpectedModelBehavior,
            UsageLimitExceeded,
            UserError,
        )
        from pydantic_ai.usage import UsageLimits

        await self._load_library()
        pictures = _shown(request.pictures) if can.images else []
        tools = request.tools
        try:
            result = await self._agent(request, can).run(
                [request.prompt, *pictures] if pictures else request.prompt,
                deps=exchange,
                instructions=request.instructions or None,
                toolsets=None if tools is None else [toolset(tools)],
                event_stream_handler=_listen,
                usage_limits=UsageLimits(request_limit=requests + (tools.calls or 0 if tools else 0)),
                model_settings=self._request_settings(can, deadline, request.most),
                infer_name=False,
            )
        except ModelAPIError as error:
            mode = _mode(request, can)
            sent = {"temperature": can.temperature, "images": bool(pictures), mode: mode != "prompted"}
            failure = from_api_error(error, self.place, deadline)
            if isinstance(error, ModelHTTPError) and (
                part := self._declined_part(error.status_code, refusal(error, self.place), sent)
            ):
                failure.__cause__ = error
                raise _Declined(failure, part) from error
            raise failure from error
        except UserError as error:  # the library's own rules for this model, before anything was sent
            raise refused_form(self.place, str(error)) from error
        except (UnexpectedModelBehavior, UsageLimitExceeded) as error:
            raise NoAnswer(str(error)) from error
        except (ValueError, TypeError, AttributeError) as error:
            # What came was not what such a server sends (a number for a chunk, a body without end); the SDK lets the
            # errors through that its own code makes of it.
            log.warning("answer not understood", model=self.model, reason=repr(error)[:200])
            raise not_an_answer(self.place, error) from error
        output: T = result.output
        return output

    def _build(self) -> Model:
        """Import, and build what every question needs; blocks."""
        model = imported(self._backend.build, self._backend)
        _build_agent(model, str, "prompted")  # imports what the first question would have to wait for
        return model

    async def _is_ready(self) -> bool:
        """Whether the short deadline holds. Where the probe fails, the question itself will say why."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                return await self._backend.ready()
        except (TimeoutError, ModelError):
            return False

    def _agent(self, request: Request[Any], can: Capabilities) -> Agent[Exchange, Any]:
        if self._model is None or self._closed:
            raise unreachable(self.place, "the analyst is closed")
        key = request.output, _mode(request, can)
        if key not in self._agents:
            self._agents[key] = _build_agent(self._model, *key, strict=can.strict)
        return self._agents[key]

    def _request_settings(self, can: Capabilities, deadline: float, most: int) -> ModelSettings:
        """The settings of a request, without those that this model refuses."""
        from pydantic_ai.settings import ModelSettings

        settings = ModelSettings(max_tokens=self._limit(can, most), max_retries=0, request_timeout=deadline)
        if can.sampling:
            settings.update(can.sampling)  # type: ignore[typeddict-item]  # of the same kind
        if can.temperature:
            settings["temperature"] = TEMPERATURE
        if can.effort is not None:
            settings["thinking"] = can.effort
        return settings

    def _limit(self, can: Capabilities, most: int) -> int:
        """The tokens that an answer may have."""
        bounded = most and not can.thinks and not self._bound_is_set
        return min(most, self.max_output_tokens) if bounded else self.max_output_tokens

    def _declined_part(self, status: int, detail: str, sent: dict[str, bool]) -> str | None:
        """The part of what was sent that the server refused by these words, None where it refused something else.

        It is left out from then on, but for a picture where it is that one alone that the server cannot read.
        """
        if status not in (400, 422, 500, 501):
            return None
        told = detail.lower()
        for part, words in _REFUSABLE.items():
            if sent.get(part) and part not in self._declined and any(word in told for word in words):
                if part != "images" or _UNSUPPORTED.search(told):
                    self._declined.add(part)
                return part
        return None


def _mode(request: Request[Any], can: Capabilities) -> str:
    """How the answer is asked for; words alone ask for text."""
    if request.tools is not None:
        return "tool"
    return "prompted" if request.output is str else can.output


def _shown(pictures: Sequence[Picture]) -> list[Any]:
    """The pictures as the library sends them: their bytes, never an address."""
    from pydantic_ai.messages import BinaryContent

    return [BinaryContent(picture.data, media_type=picture.media_type) for picture in pictures if picture.data]


def _build_agent(model: Model, output: type, mode: str, *, strict: bool = False) -> Agent[Exchange, Any]:
    """The library's agent that asks ``model`` for an ``output`` in this mode; ``strict`` as in Capabilities.

    A typed answer that does not fit is asked for once more; a person's answer is text, which always fits, and its
    model is told a few times what was wrong with a call of a tool.
    """
    import pydantic_ai
    from pydantic_ai import Agent, NativeOutput, PromptedOutput, ToolOutput
    from pydantic_ai.capabilities import Hooks

    pydantic_ai.BANNER_ENABLED = False
    hooks: Hooks[Exchange] = Hooks()
    hooks.on.before_model_request(_begin)
    hooks.on.after_model_request(_end)
    wanted: Any = str
    if output is not str:
        # Where the schema has to be shown it stands in our own instructions: one system message, within the budget.
        wanted = {
            "native": NativeOutput(output, name=ANSWER_NAME, template=False, strict=strict or None),
            "tool": ToolOutput(output, name=ANSWER_NAME, description=f"Hand in the {ANSWER_NAME}."),
            "prompted": PromptedOutput(output, name=ANSWER_NAME, template=False),
        }[mode]
    return Agent(
        model,
        name="andon",
        deps_type=Exchange,
        output_type=wanted,
        retries={"tools": WRONG_CALLS, "output": 0} if output is str else {"tools": 0, "output": 1},
        capabilities=[hooks],
    )


async def _listen(ctx: RunContext[Exchange], events: AsyncIterable[AgentStreamEvent]) -> None:
    """Stream handler of a run: having one is what makes pydantic-ai stream."""
    async for event in events:
        ctx.deps.take(event)


async def _begin(ctx: RunContext[Exchange], /, request_context: ModelRequestContext) -> ModelRequestContext:
    """Hook before each request: it has to be granted."""
    await ctx.deps.begin()
    return request_context


def _end(
    ctx: RunContext[Exchange], /, *, request_context: ModelRequestContext, response: ModelResponse
) -> ModelResponse:
    """Hook behind each answer."""
    return ctx.deps.end(response, request_context.model_request_parameters.output_mode)

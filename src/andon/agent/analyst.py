"""Asking a model once: prompt in, explanation out, whatever the model does in between.

pydantic-ai does the run: streamed, constrained by the schema of the finding, with one round of repair where the
answer is a finding that does not fit, or nothing. This module owns what surrounds it: the deadline, the bounds on
what is read, and the decision what of a bad answer can still be used. It never asks twice for a failed request:
the queue does.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog

from andon.agent import prompts
from andon.agent.answers import free_text
from andon.agent.asking import (
    REQUESTS_MAX,
    AnswerTooLong,
    CutOff,
    Filtered,
    NotAgain,
    PlainAnswer,
    Run,
    build_agent,
    listen,
    model_settings,
)
from andon.agent.backend import Backend, Capabilities
from andon.agent.failures import (
    cut_off,
    filtered,
    from_api_error,
    not_understood,
    refusal,
    too_slow,
    unreachable,
)
from andon.agent.finding import Finding, ModelFinding, render, settle
from andon.agent.threads import in_daemon_thread
from andon.errors import ModelAnswerError, ModelError, ModelMisconfigured
from andon.models import Explanation, Picture, Question, Rung
from andon.ports import AskAgain

if TYPE_CHECKING:
    from pydantic_ai import Agent
    from pydantic_ai.exceptions import ModelAPIError
    from pydantic_ai.models import Model

log = structlog.get_logger(__name__)

#: Seconds for asking whether the model is loaded, and what it can do, before the first question.
PROBE_TIMEOUT = 2.0
#: A provider that refuses whoever we are is believed for these seconds, whatever its check says: not every provider
#: tells without a question that a key may not use a model.
REFUSAL_STANDS = 30.0
#: Parts of a request that a server may refuse although others take them, and the words by which it names them.
_REFUSABLE = {
    "temperature": ("temperature",),
    "native": ("response_format", "json_schema", "json schema", "structured output", "guided", "grammar"),
    "tool": ("tool_choice", "tool choice", "tools", "function call"),
    "images": ("image", "vision", "multimodal", "multi-modal"),
}


class _Declined(Exception):
    """The server refused a part of the request that can be left out."""

    def __init__(self, error: ModelAPIError) -> None:
        super().__init__(str(error))
        self.error = error


class ModelAnalyst:
    """A :class:`andon.ports.Analyst` over one backend. Belongs to one event loop.

    ``deadline`` is for a whole question in seconds, ``cold_start_deadline`` where the model must be loaded
    first. ``prompt_budget`` and ``max_output_tokens`` together must fit into the model's context.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        agent_name: str,
        instructions: str,
        deadline: float,
        cold_start_deadline: float,
        max_output_tokens: int,
        prompt_budget: int,
    ) -> None:
        self._backend = backend
        self._agent_name = agent_name
        self._instructions = instructions
        self._deadline = deadline
        self._cold_start_deadline = max(deadline, cold_start_deadline)
        self._max_output_tokens = max_output_tokens
        self._prompt_budget = prompt_budget
        self._prompt_version = prompts.prompt_version(agent_name, instructions)
        self._model: Model | None = None
        self._agents: dict[str, Agent[Run, ModelFinding]] = {}
        #: Parts of a request that the server refused once: left out from then on.
        self._declined: set[str] = set()
        self._refusal: tuple[float, ModelMisconfigured] | None = None
        self._building = asyncio.Lock()
        self._closed = False

    @property
    def provider(self) -> str:
        """The configured provider's name."""
        return self._backend.provider

    @property
    def model(self) -> str:
        """The model's name."""
        return self._backend.model

    @property
    def prompt_version(self) -> str:
        """The version of the wording, with a mark of the site's own name and instructions."""
        return self._prompt_version

    async def warm_up(self) -> None:
        """Import the provider's libraries and build the client, in a thread (about a second); once."""
        async with self._building:
            if self._closed:
                raise unreachable(self._backend.place, "the analyst is closed")
            if self._model is None:
                started = time.perf_counter()
                self._model = await in_daemon_thread(self._build, "provider-import")
                self._backend.start()
                seconds = round(time.perf_counter() - started, 3)
                log.debug("analyst ready", provider=self.provider, model=self.model, seconds=seconds)

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
        await self._backend.check()
        if self._refusal is not None and time.monotonic() - self._refusal[0] < REFUSAL_STANDS:
            raise self._refusal[1]

    async def explain(self, question: Question, again: AskAgain | None = None) -> Explanation:
        """Ask once, and for a repair where ``again`` grants it (always, where it is None).

        Raises ModelUnavailable, ModelMisconfigured or ModelAnswerError.
        """
        await self.warm_up()  # our own affair: the deadline is the model's
        started = time.perf_counter()
        run = Run(again=again)
        finding: Finding | None = None
        failure: ModelError | None = None
        deadline = self._cold_start_deadline
        try:
            async with asyncio.timeout(deadline) as clock:
                if await self._is_ready():
                    deadline = self._deadline
                    clock.reschedule(asyncio.get_running_loop().time() + deadline)
                finding = await self._ask(question, run, deadline)
        except TimeoutError:
            failure = too_slow(self._backend.place, deadline)
        except ModelError as error:
            failure = error
        if isinstance(failure, ModelMisconfigured) and failure.standing:
            self._refusal = (time.monotonic(), failure)
        else:
            self._refusal = None
        try:
            explanation = self._explanation(question, run, finding, failure)
        except ModelError as error:
            error.tokens = run.input_tokens + run.output_tokens
            raise
        explanation.latency = round(time.perf_counter() - started, 4)
        self._backend.answered()
        return explanation

    async def close(self) -> None:
        """Close the connections; calls in flight fail as unavailable. Idempotent."""
        async with self._building:
            self._closed = True
            await self._backend.close()

    def _build(self) -> Model:
        """Import, and build what every question needs; blocks."""
        model = self._backend.build()
        build_agent(model, "native")  # imports what the first question would have to wait for
        return model

    async def _is_ready(self) -> bool:
        """Whether the short deadline holds. Where the probe fails, the question itself will say why."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                return await self._backend.ready()
        except (TimeoutError, ModelError):
            return False

    async def _ask(self, question: Question, run: Run, deadline: float) -> Finding | None:
        """The finding, or None where what came is none: then ``run`` holds it. Raises ModelError.

        Where the server refuses a part of the request that can be left out, the question goes out once more without it.
        """
        refused: ModelAPIError | None = None
        while True:
            calls = run.calls
            try:
                finding = await self._attempt(question, await self.capabilities(), run, deadline)
            except _Declined as declined:
                refused = declined.error
                log.info("request simplified", model=self.model, without=sorted(self._declined))
                granted = run.calls < REQUESTS_MAX
            else:
                granted = run.calls > calls
                if granted or refused is None:
                    return finding
            if not granted:
                raise from_api_error(refused, self._backend.place, deadline) from refused

    async def _attempt(self, question: Question, can: Capabilities, run: Run, deadline: float) -> Finding | None:
        """One run of the agent. Raises ModelError, or _Declined where it is worth another without a part."""
        from pydantic_ai.exceptions import ModelAPIError, UnexpectedModelBehavior, UsageLimitExceeded
        from pydantic_ai.usage import UsageLimits

        place = self._backend.place
        prompt = self._prompt(question, can)
        try:
            result = await self._agent(can).run(
                [prompt.question, *_shown(question.pictures)] if can.images else prompt.question,
                deps=run,
                instructions=prompt.instructions,
                event_stream_handler=listen,
                usage_limits=UsageLimits(request_limit=REQUESTS_MAX - run.calls),
                model_settings=model_settings(can, max_tokens=self._max_output_tokens, deadline=deadline),
                infer_name=False,
            )
        except ModelAPIError as error:
            if self._decline(error, can, with_images=can.images and bool(question.pictures)):
                raise _Declined(error) from error
            raise from_api_error(error, place, deadline) from error
        except AnswerTooLong:
            log.warning("answer cut", model=self.model, characters=run.size)
            run.end_answer()
        except PlainAnswer:
            log.info("free text in place of a finding", model=self.model)
        except NotAgain:
            log.info("no second question for this answer", model=self.model)
        except Filtered as error:
            raise filtered(place, run.filtered) from error
        except CutOff:
            log.info("answer ended at the limit of tokens", model=self.model, limit=self._max_output_tokens)
        except (UnexpectedModelBehavior, UsageLimitExceeded) as error:
            log.info("no finding in the answer", model=self.model, reason=type(error).__name__)
        except (ValueError, TypeError, AttributeError) as error:
            # What came was not what such a server sends (a number for a chunk, a body without end); the SDK lets the
            # errors through that its own code makes of it.
            log.warning("answer not understood", model=self.model, reason=repr(error)[:200])
            reason = str(error) if isinstance(error, ValueError) else "not the chunks of an answer"
            raise not_understood(place, reason) from error
        else:
            return result.output
        return None

    def _agent(self, can: Capabilities) -> Agent[Run, ModelFinding]:
        if self._model is None or self._closed:
            raise unreachable(self._backend.place, "the analyst is closed")
        if can.output not in self._agents:
            self._agents[can.output] = build_agent(self._model, can.output, strict=can.strict)
        return self._agents[can.output]

    def _prompt(self, question: Question, can: Capabilities) -> prompts.Prompt:
        return prompts.build(
            question,
            name=self._agent_name,
            instructions=self._instructions,
            budget=self._prompt_budget,
            schema=not can.sees_schema or can.output == "prompted",
            sees=can.images,
        )

    def _decline(self, error: ModelAPIError, can: Capabilities, *, with_images: bool) -> bool:
        """Note the part of the request that the server refused; False where it refused something else."""
        from pydantic_ai.exceptions import ModelHTTPError

        if not isinstance(error, ModelHTTPError) or error.status_code not in (400, 422, 500, 501):
            return False
        detail = refusal(error, self._backend.place).lower()
        sent = {"temperature": can.temperature, "images": with_images, can.output: can.output != "prompted"}
        for part, words in _REFUSABLE.items():
            if sent.get(part) and part not in self._declined and any(word in detail for word in words):
                self._declined.add(part)
                return True
        return False

    def _explanation(
        self, question: Question, run: Run, finding: Finding | None, failure: ModelError | None
    ) -> Explanation:
        """The explanation for what came. Raises ``failure``, or ModelAnswerError where nothing can be used."""
        if finding is not None:
            settled = settle(finding, worst_severity=question.worst_severity, log_ids=[log.id for log in question.logs])
            text, typed = render(settled), settled.model_dump(mode="json")
        else:
            usable = [text for text in map(free_text, run.answers) if text]
            # An interrupted stream is no answer, whatever came of it; a whole one before it is.
            if failure is not None and not usable:
                raise failure
            if not usable:
                raise self._nothing_usable(run)
            text, typed = max(usable, key=len), None
        return Explanation(
            rung=Rung.MODEL,
            text=text,
            finding=typed,
            provider=self.provider,
            model=self.model,
            prompt_version=self._prompt_version,
            input_tokens=run.input_tokens or None,
            output_tokens=run.output_tokens or None,
        )

    def _nothing_usable(self, run: Run) -> ModelAnswerError:
        if run.finish == "length":
            return cut_off(self._backend.place, self._max_output_tokens)
        what = "nothing that can be read" if any(answer.strip() for answer in run.answers) else "an empty answer"
        return ModelAnswerError(
            f"{self.model} at {self._backend.place.url} gave {what}: choose another MODEL if this goes on."
        )


def _shown(pictures: list[Picture]) -> list[Any]:
    """The pictures as the library sends them: their bytes, never an address."""
    from pydantic_ai.messages import BinaryContent

    return [BinaryContent(picture.data, media_type=picture.media_type) for picture in pictures if picture.data]

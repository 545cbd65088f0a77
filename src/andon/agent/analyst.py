"""Asking a model once: prompt in, explanation out, whatever the model does in between.

pydantic-ai does the run: streamed, constrained by the schema of the finding, with one round of repair where the
answer is a finding that does not fit, or nothing. This module owns what surrounds it: the deadline, the bounds on
what is read, and the decision what of a bad answer can still be used. It never asks twice for a failed request:
the queue does.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from andon.agent import prompts
from andon.agent.answers import answer_text, free_text
from andon.agent.backend import Backend
from andon.agent.failures import from_api_error, not_understood, too_slow, unreachable
from andon.agent.finding import Finding, ModelFinding, render, settle
from andon.errors import ModelAnswerError, ModelError
from andon.models import Explanation, Question, Rung
from andon.ports import AskAgain

if TYPE_CHECKING:
    from pydantic_ai import Agent, RunContext
    from pydantic_ai.messages import AgentStreamEvent, ModelResponse
    from pydantic_ai.models import ModelRequestContext

log = structlog.get_logger(__name__)

#: Characters of one answer that are read, thoughts included. A finding has some 2,000.
ANSWER_MAX = 200_000
#: Characters of the text alone: no finding is longer, and free text is cut far below.
TEXT_MAX = 32_000
#: Low, because a technician wants the likely cause and not a varied one; providers default to 1.0.
TEMPERATURE = 0.2
#: Seconds for asking whether the model is loaded before the first question.
PROBE_TIMEOUT = 2.0


@dataclass
class _Run:
    """What came in during one question: the raw text of each answer, and the tokens it took."""

    answers: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    text_size: int = 0
    size: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    again: AskAgain | None = None
    calls: int = 0

    async def begin(self) -> None:
        """A request is about to be made. Raises _NotAgain where a second one may not be."""
        if self.calls and self.again is not None and not await self.again():
            raise _NotAgain
        self.calls += 1

    def take(self, event: AgentStreamEvent) -> None:
        """Count and keep a piece of the stream. Raises _AnswerTooLong."""
        part = event.part if event.event_kind == "part_start" else None
        delta = event.delta if event.event_kind == "part_delta" else None
        piece = getattr(part, "content", None) or getattr(delta, "content_delta", None)
        if not isinstance(piece, str):
            return
        self.size += len(piece)
        if "text" in (getattr(part, "part_kind", ""), getattr(delta, "part_delta_kind", "")):
            self.pieces.append(piece)
            self.text_size += len(piece)
        if self.size > ANSWER_MAX or self.text_size > TEXT_MAX:
            raise _AnswerTooLong

    def end_answer(self) -> None:
        """The pieces so far are one answer; the next has its own bounds."""
        if self.pieces:
            self.answers.append("".join(self.pieces))
        self.pieces = []
        self.size = self.text_size = 0


class _AnswerTooLong(Exception):
    """More came than any answer needs: stop reading."""


class _NotAgain(Exception):
    """The answer was worth a second question, but there may be none: what came has to do."""


class _PlainAnswer(Exception):
    """The model answered in prose: that is its answer, a second question would only cost."""


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
        self._agent: Agent[_Run, ModelFinding] | None = None
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
            if self._agent is None:
                started = time.perf_counter()
                self._agent = await asyncio.to_thread(self._build)
                seconds = round(time.perf_counter() - started, 3)
                log.debug("analyst ready", provider=self.provider, model=self.model, seconds=seconds)

    async def check(self) -> None:
        """Ask the provider whether it has the model. Raises ModelUnavailable or ModelMisconfigured."""
        await self.warm_up()
        await self._backend.check()

    async def explain(self, question: Question, again: AskAgain | None = None) -> Explanation:
        """Ask once, and for a repair where ``again`` grants it (always, where it is None).

        Raises ModelUnavailable, ModelMisconfigured or ModelAnswerError.
        """
        await self.warm_up()  # our own affair: the deadline is the model's
        started = time.perf_counter()
        prompt = prompts.build(
            question, name=self._agent_name, instructions=self._instructions, budget=self._prompt_budget
        )
        run = _Run(again=again)
        finding: Finding | None = None
        failure: ModelError | None = None
        deadline = self._cold_start_deadline
        try:
            async with asyncio.timeout(deadline) as clock:
                if await self._is_ready():
                    deadline = self._deadline
                    clock.reschedule(asyncio.get_running_loop().time() + deadline)
                finding = await self._ask(prompt, run, deadline)
        except TimeoutError:
            failure = too_slow(self._backend.place, deadline)
        except ModelError as error:
            failure = error
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

    def _build(self) -> Agent[_Run, ModelFinding]:
        import pydantic_ai
        from pydantic_ai import Agent, NativeOutput
        from pydantic_ai.capabilities import Hooks

        pydantic_ai.BANNER_ENABLED = False
        hooks: Hooks[_Run] = Hooks()
        hooks.on.before_model_request(_begin)
        hooks.on.after_model_request(_tidy)
        return Agent(
            self._backend.build(),
            name="andon",
            deps_type=_Run,
            # the schema stands in our own instructions: one system message, counted in the budget
            output_type=NativeOutput(ModelFinding, name="finding", template=False),
            retries={"tools": 0, "output": 1},
            capabilities=[hooks],
        )

    async def _is_ready(self) -> bool:
        """Whether the short deadline holds. Where the probe fails, the question itself will say why."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                return await self._backend.ready()
        except (TimeoutError, ModelError):
            return False

    async def _ask(self, prompt: prompts.Prompt, run: _Run, deadline: float) -> Finding | None:
        """The finding, or None where what came is none: then ``run`` holds it. Raises ModelError."""
        from pydantic_ai.exceptions import ModelAPIError, UnexpectedModelBehavior, UsageLimitExceeded
        from pydantic_ai.settings import ModelSettings
        from pydantic_ai.usage import UsageLimits

        agent = self._agent
        if agent is None:
            raise unreachable(self._backend.place, "the analyst is closed")
        try:
            result = await agent.run(
                prompt.question,
                deps=run,
                instructions=prompt.instructions,
                event_stream_handler=_listen,
                usage_limits=UsageLimits(request_limit=2),
                model_settings=ModelSettings(
                    max_tokens=self._max_output_tokens,
                    temperature=TEMPERATURE,
                    max_retries=0,
                    request_timeout=deadline,
                ),
                infer_name=False,
            )
        except ModelAPIError as error:
            raise from_api_error(error, self._backend.place, deadline) from error
        except _AnswerTooLong:
            log.warning("answer cut", model=self.model, characters=run.size)
            run.end_answer()
        except _PlainAnswer:
            log.info("free text in place of a finding", model=self.model)
        except _NotAgain:
            log.info("no second question for this answer", model=self.model)
        except (UnexpectedModelBehavior, UsageLimitExceeded) as error:
            log.info("no finding in the answer", model=self.model, reason=type(error).__name__)
        except (ValueError, TypeError, AttributeError) as error:
            # What came was not what an OpenAI-compatible server sends (a number for a chunk, a body without
            # end); the SDK lets the errors through that its own code makes of it.
            log.warning("answer not understood", model=self.model, reason=repr(error)[:200])
            reason = str(error) if isinstance(error, ValueError) else "not the chunks of a chat completion"
            raise not_understood(self._backend.place, reason) from error
        else:
            return result.output
        return None

    def _explanation(
        self, question: Question, run: _Run, finding: Finding | None, failure: ModelError | None
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

    def _nothing_usable(self, run: _Run) -> ModelAnswerError:
        what = "nothing that can be read" if any(answer.strip() for answer in run.answers) else "an empty answer"
        return ModelAnswerError(
            f"{self.model} at {self._backend.place.url} gave {what}: choose another MODEL if this goes on."
        )


async def _listen(ctx: RunContext[_Run], events: AsyncIterable[AgentStreamEvent]) -> None:
    """Stream handler of a run: having one is what makes pydantic-ai stream."""
    async for event in events:
        ctx.deps.take(event)


async def _begin(ctx: RunContext[_Run], /, request_context: ModelRequestContext) -> ModelRequestContext:
    """Hook before each request: the first is counted by whoever asks, a second one has to be granted."""
    await ctx.deps.begin()
    return request_context


def _tidy(ctx: RunContext[_Run], /, *, request_context: ModelRequestContext, response: ModelResponse) -> ModelResponse:
    """Hook behind each answer: note it, then leave only the JSON, or the text without thoughts, to be parsed.

    What fails to be parsed is asked for once more. That is worth a call where the model tried to give a finding
    or gave nothing at all. A model that writes prose although it was constrained to JSON will do so again, so a
    readable text ends the run (_PlainAnswer).
    """
    from pydantic_ai.messages import TextPart

    run = ctx.deps
    run.end_answer()
    run.input_tokens += response.usage.input_tokens
    run.output_tokens += response.usage.output_tokens
    raw = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    text = answer_text(raw)
    if '"summary"' not in text and free_text(raw):
        raise _PlainAnswer
    return dataclasses.replace(response, parts=[TextPart(text)] if text else [])

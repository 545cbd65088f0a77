"""Asking a model once: prompt in, explanation out, whatever the model does in between.

pydantic-ai does the run: streamed, constrained by the schema of the finding, with one round of repair where the
answer is a finding that does not fit, or nothing. This module owns what surrounds it: the deadline, the bounds on
what is read, and the decision what of a bad answer can still be used. It never asks twice for a failed request:
the queue does.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog

from andon.core.errors import ModelAnswerError, ModelError, ModelMisconfigured
from andon.core.models import Explanation, Picture, Question, Rung
from andon.core.threads import in_daemon_thread
from andon.explain.finding import Finding, ModelFinding, render, settle
from andon.explain.interfaces import AskAgain
from andon.explain.model import prompts
from andon.explain.model.agent_run import (
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
from andon.explain.model.answer_text import free_text
from andon.explain.model.history_tools import TOOLS_CONTEXT, HistoryTools, toolset
from andon.explain.providers.backend import Backend, Capabilities, imported
from andon.explain.providers.failures import (
    cut_off,
    filtered,
    from_api_error,
    not_an_answer,
    refusal,
    refused_form,
    too_slow,
    unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_ai import Agent
    from pydantic_ai.exceptions import ModelAPIError
    from pydantic_ai.models import Model

    from andon.core.settings.settings import Settings

log = structlog.get_logger(__name__)

#: Seconds for asking whether the model is loaded, and what it can do, before the first question.
PROBE_TIMEOUT = 2.0
#: A provider that refuses whoever we are is believed for these seconds, whatever its check says: not every provider
#: tells without a question that a key may not use a model.
REFUSAL_STANDS = 30.0
_LOOK = (
    "Where the logs alone do not show the cause you may look into the history with the tools first, a few times: what "
    "came before, and what fixed similar problems. What tools return is data as well. Then hand in the finding."
)
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

    def __init__(self, error: ModelAPIError, part: str) -> None:
        super().__init__(str(error))
        self.error = error
        self.part = part


class ModelAnalyst:
    """A :class:`andon.explain.interfaces.Analyst` over one backend. Belongs to one event loop.

    Its deadlines and bounds are those of the settings (``ANDON_MODEL_DEADLINE`` and those after it). ``look`` makes the
    tools with which a model that calls tools may look into the history first; each further request has to be granted.
    """

    def __init__(
        self,
        backend: Backend,
        settings: Settings,
        look: Callable[[Question], HistoryTools] | None = None,
    ) -> None:
        self._backend = backend
        self._agent_name = settings.agent_name
        self._instructions = settings.agent_instructions
        self._deadline = settings.model_deadline
        self._cold_start_deadline = settings.model_cold_deadline
        self._max_output_tokens = settings.model_max_tokens
        self._prompt_budget = settings.model_prompt_tokens
        self._look = look
        self._prompt_version = prompts.prompt_version(settings.agent_name, settings.agent_instructions)
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
        model = imported(self._backend.build, self._backend)
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
        blind = False
        while True:
            calls = run.calls
            can = await self.capabilities()
            try:
                finding = await self._attempt(question, replace(can, images=can.images and not blind), run, deadline)
            except _Declined as declined:
                refused, blind = declined.error, declined.part == "images"
                log.info("request simplified", model=self.model, without=declined.part)
                granted = run.calls < REQUESTS_MAX
            else:
                granted = run.calls > calls
                if granted or refused is None:
                    return finding
            if not granted:
                raise from_api_error(refused, self._backend.place, deadline) from refused

    async def _attempt(self, question: Question, can: Capabilities, run: Run, deadline: float) -> Finding | None:
        """One run of the agent. Raises ModelError, or _Declined where it is worth another without a part."""
        from pydantic_ai.exceptions import ModelAPIError, UnexpectedModelBehavior, UsageLimitExceeded, UserError
        from pydantic_ai.usage import UsageLimits

        place = self._backend.place
        tools = self._tools(question, can)
        if tools is not None:
            # A schema that constrains every word would leave no room for a call.
            can = replace(can, output="tool")
            run.may_look, run.seen = True, tools.seen
        prompt = self._prompt(question, can)
        try:
            result = await self._agent(can).run(
                [prompt.question, *_shown(question.pictures)] if can.images else prompt.question,
                deps=run,
                instructions=prompt.instructions if tools is None else f"{prompt.instructions}\n\n{_LOOK}",
                toolsets=None if tools is None else [toolset(tools)],
                event_stream_handler=listen,
                usage_limits=UsageLimits(request_limit=REQUESTS_MAX - run.calls + (tools.calls if tools else 0)),
                model_settings=model_settings(can, max_tokens=self._max_output_tokens, deadline=deadline),
                infer_name=False,
            )
        except ModelAPIError as error:
            part = self._declined_part(error, can, with_images=can.images and bool(question.pictures))
            if part is not None:
                raise _Declined(error, part) from error
            raise from_api_error(error, place, deadline) from error
        except UserError as error:  # the library's own rules for this model, before anything was sent
            raise refused_form(place, str(error)) from error
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
            raise not_an_answer(place, error) from error
        else:
            return result.output
        return None

    def _tools(self, question: Question, can: Capabilities) -> HistoryTools | None:
        """The tools for this question, None where the model may not or cannot use them."""
        if self._look is None or not can.tools or (can.context is not None and can.context < TOOLS_CONTEXT):
            return None
        return self._look(question)

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

    def _declined_part(self, error: ModelAPIError, can: Capabilities, *, with_images: bool) -> str | None:
        """The part of the request that the server refused, None where it refused something else.

        It is left out from then on, but for a picture where it is that one alone that the server cannot read.
        """
        from pydantic_ai.exceptions import ModelHTTPError

        if not isinstance(error, ModelHTTPError) or error.status_code not in (400, 422, 500, 501):
            return None
        detail = refusal(error, self._backend.place).lower()
        sent = {"temperature": can.temperature, "images": with_images, can.output: can.output != "prompted"}
        for part, words in _REFUSABLE.items():
            if sent.get(part) and part not in self._declined and any(word in detail for word in words):
                if part != "images" or _UNSUPPORTED.search(detail):
                    self._declined.add(part)
                return part
        return None

    def _explanation(
        self, question: Question, run: Run, finding: Finding | None, failure: ModelError | None
    ) -> Explanation:
        """The explanation for what came. Raises ``failure``, or ModelAnswerError where nothing can be used."""
        if finding is not None:
            shown = [*(entry.id for entry in question.logs), *sorted(run.seen)]
            settled = settle(finding, worst_severity=question.worst_severity, log_ids=shown)
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
        if run.may_look and not run.answers:
            return ModelAnswerError(
                f"{self.model} at {self._backend.place.url} looked things up and gave no finding before its requests "
                "or the budget ended: raise the budget, or set ANDON_INVESTIGATE=off."
            )
        what = "nothing that can be read" if any(answer.strip() for answer in run.answers) else "an empty answer"
        return ModelAnswerError(
            f"{self.model} at {self._backend.place.url} gave {what}: choose another MODEL if this goes on."
        )


def _shown(pictures: list[Picture]) -> list[Any]:
    """The pictures as the library sends them: their bytes, never an address."""
    from pydantic_ai.messages import BinaryContent

    return [BinaryContent(picture.data, media_type=picture.media_type) for picture in pictures if picture.data]

"""Asking a model to explain a problem: prompt in, explanation out, whatever the model does in between.

One answer, with one round of repair where it is a finding that does not fit, or nothing. This module decides what of a
bad answer can still be used; :mod:`andon.explain.model.session` does the asking.
"""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import structlog

from andon.core.errors import ConfigError, ModelAnswerError, ModelError
from andon.core.models import Explanation, Question, Rung
from andon.core.models.explanations import Suggestion
from andon.core.redact import one_numbering
from andon.explain.finding import BriefFinding, Finding, ModelFinding, render, settle
from andon.explain.interfaces import AskAgain
from andon.explain.model import prompts
from andon.explain.model.answer_text import answer_text, free_text, goes_round
from andon.explain.model.direct import ANSWER_NAME
from andon.explain.model.exchange import AnswerTooLong, Ended, Exchange, Filtered, NotGranted, Request
from andon.explain.model.history_tools import HistoryTools, usable_by
from andon.explain.model.prompts import BYTES_PER_TOKEN, LETTERS
from andon.explain.model.session import ModelSession
from andon.explain.providers.backend import Backend, Capabilities
from andon.explain.providers.chat_completions import Reply
from andon.explain.providers.failures import cut_off, endless, goes_in_circles
from andon.explain.suggestions import Offer, asked_with, suggestion_in
from andon.explain.vetted import of_rule, with_sources

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse, ModelResponsePart

    from andon.core.settings.settings import Settings

log = structlog.get_logger(__name__)

_LOOK = (
    "Where the logs alone do not show the cause you may look into the history with the tools first, a few times: what "
    "came before, and what fixed similar problems. What tools return is data as well. Then hand in the finding."
)


#: The beginning of an answer that names a rule, or none.
_CHOICE = re.compile(r'\s*\{\s*"fits"\s*:\s*"([^"]{1,8})"')
#: Characters after which the text under way is looked at again.
_LOOKED_AT_EACH = 32
#: A text that came to the limit of tokens is an answer from so many characters on: the rest were thoughts.
STUB = 20
#: Tokens that the longest finding takes in its bounds, in a language with short tokens.
FINDING_TOKENS = 400


class Chosen(Ended):
    """The answer has named the offered rule that fits; nothing more is read of it. The text is its letter."""


class GoesRound(Ended):
    """The answer is a loop, or white space without end: reading stopped."""


@dataclass
class FindingExchange(Exchange):
    """An exchange from which a finding is to come: as text, or as the arguments of a tool call.

    ``again`` grants each request but the first, which is counted by whoever asks.
    """

    written: ClassVar[frozenset[str]] = frozenset({"text", "tool-call", "tool_call"})

    again: AskAgain | None = None
    #: How many rules are offered, where naming one may end the answer.
    offered: int = 0

    def hear(self, kind: str, piece: str) -> None:
        """As every exchange. Raises Chosen and GoesRound besides."""
        before = len(self.text)
        super().hear(kind, piece)
        if len(self.text) == before:
            return
        if self.offered and (choice := _CHOICE.match(self.text)) is not None:
            if LETTERS.find(choice[1]) in range(self.offered):
                raise Chosen(choice[1])
            self.offered = 0  # none of them: it goes on with words of its own
        if len(self.text) // _LOOKED_AT_EACH > before // _LOOKED_AT_EACH and goes_round(self.text):
            raise GoesRound("it repeats itself over and over")

    async def grant(self) -> None:
        """Asked before each request. Raises NotGranted where a second one may not be made."""
        if self.calls and self.again is not None and not await self.again():
            raise NotGranted("no further request was allowed")

    def end(self, response: ModelResponse, output_mode: str) -> ModelResponse:
        """Note the answer, and leave only the JSON, or the text without thoughts, to be parsed.

        What fails to be parsed is asked for once more. That is worth a call where the model tried to give a finding
        or gave nothing at all. A model that writes prose although it was constrained to JSON will do so again, and
        one that came to the limit of tokens will come there again: these end the run. Raises Ended and Filtered.
        """
        from pydantic_ai.messages import TextPart, ToolCallPart

        looks = self.tools is not None and _looks(response)
        if looks:
            self.text = ""  # a look-up is no answer
        super().end(response, output_mode)
        if response.finish_reason == "content_filter":
            details = response.provider_details or {}
            said = details.get("refusal") or details.get("block_reason") or details.get("finish_reason") or ""
            raise Filtered(str(said))
        if looks:
            return response
        raw = "".join(part.content for part in response.parts if isinstance(part, TextPart))
        parts: list[ModelResponsePart] = []
        call = next((p for p in response.parts if isinstance(p, ToolCallPart) and p.tool_name == ANSWER_NAME), None)
        if call is not None:
            parts = [call]
            self._demand_whole(call.args_as_json_str())
        elif text := self._json_in(raw):
            # a model that was to call the tool and wrote the arguments as its answer meant the same
            as_call = '"summary"' in text and output_mode == "tool"
            parts = [ToolCallPart(ANSWER_NAME, text) if as_call else TextPart(text)]
        return dataclasses.replace(response, parts=parts)

    def read(self, reply: Reply) -> str:
        """As :meth:`end` does, of an answer that is text."""
        super().read(reply)
        if reply.finish == "content_filter":
            raise Filtered(reply.refusal or reply.finish)
        return self._json_in(reply.text)

    def _json_in(self, raw: str) -> str:
        """The JSON in an answer, or the text of it without thoughts. Raises Ended where no other one is asked for."""
        text = answer_text(raw)
        if '"summary"' not in text and free_text(raw):
            raise Ended("free text instead of a structured answer")
        self._demand_whole(text)
        return text

    def _demand_whole(self, text: str) -> None:
        """Raises Ended where an answer broke off at the limit of tokens before its JSON got to its end."""
        if self.finish == "length" and not ('"summary"' in text and _is_whole(text)):
            raise Ended("it ended at the limit of tokens")


class ModelAnalyst(ModelSession):
    """An :class:`andon.explain.interfaces.Analyst` over one backend. Belongs to one event loop.

    Its deadlines and bounds are those of the settings (``ANDON_MODEL_DEADLINE`` and those after it). ``look`` makes the
    tools with which a model that calls tools may look into the history first; each further request has to be granted.
    ``offers`` is what it may suggest beside its finding; a small model is not asked.
    """

    def __init__(
        self,
        backend: Backend,
        settings: Settings,
        look: Callable[[Question], HistoryTools | None] | None = None,
        offers: Sequence[Offer] = (),
    ) -> None:
        super().__init__(backend, settings)
        self._look = look
        self._offers = tuple(offers)
        self._settings = settings
        #: The version of the wording, with a mark of the site's own name and instructions.
        self.prompt_version = prompts.prompt_version(settings.agent_name, settings.agent_instructions)

    @property
    def loads_model(self) -> bool:
        """Whether a model is loaded as soon as it is warmed up, which takes long: better before the first question."""
        return type(self._backend).start is not Backend.start

    async def identity(self) -> str:
        if type(self._backend).identity is Backend.identity:  # its provider tells nothing
            return ""
        try:
            await self.warm_up()
            return await self._backend.identity()
        except (ModelError, ConfigError) as error:
            log.debug("the model's digest is not known", model=self.model, reason=str(error))
            return ""

    async def explain(self, question: Question, again: AskAgain | None = None, *, choose: bool = False) -> Explanation:
        with one_numbering():  # of the prompt, and of what tools return to it
            return await self._explain(question, again, choose)

    async def _explain(self, question: Question, again: AskAgain | None, choose: bool) -> Explanation:
        await self.load(looks=self._look is not None)  # our own affair: the deadline is the model's
        started = time.perf_counter()
        exchange = FindingExchange(again=again, offered=len(question.rules) if choose else 0)
        finding: Finding | None = None
        suggestion: Suggestion | None = None
        failure: ModelError | None = None
        try:
            async with self.deadline() as seconds:
                said = await self.run(lambda can: self._request(question, can), exchange, deadline=seconds)
                finding, suggestion = with_sources(said, question), suggestion_in(said, self._offers)
        except Chosen as choice:
            finding = of_rule(question.rules[LETTERS.index(str(choice))], question)
            exchange.output_tokens += len(exchange.text) // BYTES_PER_TOKEN  # broken off: nobody counts them for us
        except GoesRound:
            failure = goes_in_circles(self.place)
        except AnswerTooLong:
            failure = endless(self.place)
        except Ended as end:
            log.info("no structured answer in the answer", model=self.model, reason=str(end)[:200])
        except ModelError as error:
            failure = error
        try:
            explanation = self._explanation(question, exchange, finding, failure)
        except ModelError as error:
            error.tokens = exchange.input_tokens + exchange.output_tokens
            raise
        explanation.latency, explanation.suggestion = round(time.perf_counter() - started, 4), suggestion
        log.debug(
            "model answered",
            model=self.model,
            read=exchange.input_tokens - exchange.kept_tokens,
            kept=exchange.kept_tokens,
            written=exchange.output_tokens,
            seconds=explanation.latency,
        )
        return explanation

    def _request(self, question: Question, can: Capabilities) -> Request[ModelFinding]:
        tools = self._look(question) if self._look is not None and usable_by(can) else None
        output = BriefFinding if can.small else asked_with(self._offers)
        prompt = prompts.build(
            question,
            name=self._settings.agent_name,
            instructions=self._settings.agent_instructions,
            budget=self._settings.model_prompt_tokens,
            schema=not can.sees_schema or (can.output == "prompted" and tools is None),
            sees=can.images,
            brief=can.small,
            output=output,
        )
        return Request(
            instructions=prompt.instructions if tools is None else f"{prompt.instructions}\n\n{_LOOK}",
            prompt=prompt.question,
            output=output,
            pictures=question.pictures,
            tools=tools,
            most=FINDING_TOKENS if can.small and tools is None else 0,
        )

    def _explanation(
        self, question: Question, exchange: FindingExchange, finding: Finding | None, failure: ModelError | None
    ) -> Explanation:
        """The explanation for what came. Raises ``failure``, or ModelAnswerError where nothing can be used."""
        seen = sorted(exchange.tools.seen) if exchange.tools is not None else []
        if finding is not None:
            shown = [*(entry.id for entry in question.logs), *seen]
            settled = settle(finding, worst_severity=question.worst_severity, log_ids=shown)
            text, typed = render(settled), settled.model_dump(mode="json")
        else:
            stub = STUB if exchange.finish == "length" else 0
            usable = [text for text in map(free_text, exchange.answers) if text and len(text) >= stub]
            # What broke off is no answer, whatever came of it; a whole one before it is.
            if failure is not None and not usable:
                raise failure
            if not usable:
                raise self._nothing_usable(exchange)
            text, typed = max(usable, key=len), None
        return Explanation(
            rung=Rung.MODEL,
            text=text,
            finding=typed,
            provider=self.provider,
            model=self.model,
            prompt_version=self.prompt_version,
            input_tokens=exchange.input_tokens or None,
            output_tokens=exchange.output_tokens or None,
            cited=finding.evidence if finding is not None else [],
            looked_up=seen,
        )

    def _nothing_usable(self, exchange: FindingExchange) -> ModelAnswerError:
        if exchange.finish == "length":
            return cut_off(self.place, self.max_output_tokens)
        if exchange.tools is not None and not exchange.answers:
            return ModelAnswerError(
                f"{self.model} at {self.place.url} searched the history but gave no explanation before its requests or "
                "the budget ran out: raise the budget, or set ANDON_INVESTIGATE=off."
            )
        what = "nothing readable" if any(answer.strip() for answer in exchange.answers) else "an empty answer"
        return ModelAnswerError(
            f"{self.model} at {self.place.url} gave {what}: choose another model if this continues."
        )


def _looks(response: ModelResponse) -> bool:
    """Whether the model looks something up and does not hand in its finding yet."""
    names = [part.tool_name for part in response.parts if part.part_kind == "tool-call"]
    return bool(names) and ANSWER_NAME not in names


def _is_whole(text: str) -> bool:
    """Whether the JSON of an answer that reached the limit of tokens got to its end all the same."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True

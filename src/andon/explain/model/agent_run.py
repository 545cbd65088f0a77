"""One run of the library's agent: what is sent, what comes in, and when it ends early.

The hooks stand between pydantic-ai and the model: they count each request, bound what is read of an answer, and leave
of it only what a finding can be read from.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from andon.explain.finding import ModelFinding
from andon.explain.interfaces import AskAgain
from andon.explain.model.answer_text import answer_text, free_text
from andon.explain.providers.backend import Capabilities

if TYPE_CHECKING:
    from pydantic_ai import Agent, RunContext
    from pydantic_ai.messages import AgentStreamEvent, ModelResponse, ModelResponsePart
    from pydantic_ai.models import Model, ModelRequestContext
    from pydantic_ai.settings import ModelSettings

#: Characters of one answer that are read, thoughts included. A finding has some 2,000.
ANSWER_MAX = 200_000
#: Characters of the text alone: no finding is longer, and free text is cut far below.
TEXT_MAX = 32_000
#: Low, because a technician wants the likely cause and not a varied one; providers default to 1.0.
TEMPERATURE = 0.2
#: Most requests for one question: the first, and one repair.
REQUESTS_MAX = 2
#: The tool whose arguments are the finding, where it is asked for that way.
FINDING_TOOL = "finding"


@dataclass
class Run:
    """What came in during one question: the raw text of each answer, and the tokens it took."""

    answers: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    text_size: int = 0
    size: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    again: AskAgain | None = None
    calls: int = 0
    #: Why the provider ended the last answer, in the library's words: ``stop``, ``length``, ``content_filter`` …
    finish: str | None = None
    #: What the provider's filter said.
    filtered: str = ""
    #: Whether tools beside the finding's own were offered.
    may_look: bool = False
    #: Ids of the logs that such tools showed.
    seen: set[int] = field(default_factory=set)

    async def begin(self) -> None:
        """A request is about to be made. Raises NotAgain where a second one may not be."""
        if self.calls and self.again is not None and not await self.again():
            raise NotAgain
        self.calls += 1

    def take(self, event: AgentStreamEvent) -> None:
        """Count and keep a piece of the stream, text or arguments. Raises AnswerTooLong."""
        if event.event_kind == "part_start":
            kind: str = event.part.part_kind
            piece = getattr(event.part, "content", None) or getattr(event.part, "args", None)
        elif event.event_kind == "part_delta":
            kind = event.delta.part_delta_kind
            piece = getattr(event.delta, "content_delta", None) or getattr(event.delta, "args_delta", None)
        else:
            return
        if isinstance(piece, dict):
            piece = json.dumps(piece)
        if not isinstance(piece, str):
            return
        self.size += len(piece)
        if kind in ("text", "tool-call", "tool_call"):
            self.pieces.append(piece)
            self.text_size += len(piece)
        if self.size > ANSWER_MAX or self.text_size > TEXT_MAX:
            raise AnswerTooLong

    def end_answer(self) -> None:
        """The pieces so far are one answer; the next has its own bounds."""
        if self.pieces:
            self.answers.append("".join(self.pieces))
        self.pieces = []
        self.size = self.text_size = 0


class AnswerTooLong(Exception):
    """More came than any answer needs: stop reading."""


class NotAgain(Exception):
    """The answer was worth a second question, but there may be none: what came has to do."""


class PlainAnswer(Exception):
    """The model answered in prose: that is its answer, a second question would only cost."""


class Filtered(Exception):
    """The provider's content filter stopped the answer: a second question would meet it again."""


class CutOff(Exception):
    """The answer ended at the limit of tokens: a second one would end there as well."""


def build_agent(model: Model, output: str, *, strict: bool = False) -> Agent[Run, ModelFinding]:
    """The library's agent that asks ``model`` for a finding in the mode ``output``; ``strict`` as in Capabilities."""
    import pydantic_ai
    from pydantic_ai import Agent, NativeOutput, PromptedOutput, ToolOutput
    from pydantic_ai.capabilities import Hooks

    pydantic_ai.BANNER_ENABLED = False
    hooks: Hooks[Run] = Hooks()
    hooks.on.before_model_request(_begin)
    hooks.on.after_model_request(_tidy)
    # Where the schema has to be shown it stands in our own instructions: one system message, counted in the budget.
    wanted: Any = {
        "native": NativeOutput(ModelFinding, name=FINDING_TOOL, template=False, strict=strict or None),
        "tool": ToolOutput(ModelFinding, name=FINDING_TOOL, description="Hand in the finding."),
        "prompted": PromptedOutput(ModelFinding, name=FINDING_TOOL, template=False),
    }[output]
    return Agent(
        model, name="andon", deps_type=Run, output_type=wanted, retries={"tools": 0, "output": 1}, capabilities=[hooks]
    )


def model_settings(can: Capabilities, *, max_tokens: int, deadline: float) -> ModelSettings:
    """The settings of a request, without those that this model refuses."""
    from pydantic_ai.settings import ModelSettings

    settings = ModelSettings(max_tokens=max_tokens, max_retries=0, request_timeout=deadline)
    if can.temperature:
        settings["temperature"] = TEMPERATURE
    if can.effort is not None:
        settings["thinking"] = can.effort
    return settings


async def listen(ctx: RunContext[Run], events: AsyncIterable[AgentStreamEvent]) -> None:
    """Stream handler of a run: having one is what makes pydantic-ai stream."""
    async for event in events:
        ctx.deps.take(event)


async def _begin(ctx: RunContext[Run], /, request_context: ModelRequestContext) -> ModelRequestContext:
    """Hook before each request: the first is counted by whoever asks, a second one has to be granted."""
    await ctx.deps.begin()
    return request_context


def _tidy(ctx: RunContext[Run], /, *, request_context: ModelRequestContext, response: ModelResponse) -> ModelResponse:
    """Hook behind each answer: note it, then leave only the JSON, or the text without thoughts, to be parsed.

    What fails to be parsed is asked for once more. That is worth a call where the model tried to give a finding
    or gave nothing at all. A model that writes prose although it was constrained to JSON will do so again, so a
    readable text ends the run (PlainAnswer).
    """
    from pydantic_ai.messages import TextPart, ToolCallPart

    run = ctx.deps
    looks = run.may_look and _looks(response)
    if looks:
        run.pieces.clear()  # a look-up is no answer
    run.end_answer()
    run.input_tokens += response.usage.input_tokens
    run.output_tokens += response.usage.output_tokens
    run.finish = response.finish_reason
    if response.finish_reason == "content_filter":
        details = response.provider_details or {}
        run.filtered = str(details.get("refusal") or details.get("block_reason") or details.get("finish_reason") or "")
        raise Filtered
    if looks:
        return response
    raw = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    parts: list[ModelResponsePart] = []
    call = next((p for p in response.parts if isinstance(p, ToolCallPart) and p.tool_name == FINDING_TOOL), None)
    if call is not None:
        parts = [call]
        whole = '"summary"' in call.args_as_json_str()
    else:
        text = answer_text(raw)
        whole = '"summary"' in text
        if not whole and free_text(raw):
            raise PlainAnswer
        if text:
            # a model that was to call the tool and wrote the arguments as its answer meant the same
            as_call = whole and request_context.model_request_parameters.output_mode == "tool"
            parts = [ToolCallPart(FINDING_TOOL, text) if as_call else TextPart(text)]
    if response.finish_reason == "length" and not (whole and _is_whole(parts)):
        raise CutOff
    return dataclasses.replace(response, parts=parts)


def _looks(response: ModelResponse) -> bool:
    """Whether the model looks something up and does not hand in its finding yet."""
    names = [part.tool_name for part in response.parts if part.part_kind == "tool-call"]
    return bool(names) and FINDING_TOOL not in names


def _is_whole(parts: list[ModelResponsePart]) -> bool:
    """Whether the JSON of an answer that reached the limit of tokens got to its end all the same."""
    text = getattr(parts[0], "content", None) or getattr(parts[0], "args", None) if parts else None
    if not isinstance(text, str):
        return bool(text)
    try:
        json.loads(text)
    except ValueError:
        return False
    return True

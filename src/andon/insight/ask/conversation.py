"""One run of the library's agent that answers a person: streamed as it comes, without the model's thoughts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from andon.core.redact import visible
from andon.explain.model.agent_run import ANSWER_MAX, TEXT_MAX
from andon.explain.model.reasoning import strip_thinking

if TYPE_CHECKING:
    from pydantic_ai import Agent, RunContext
    from pydantic_ai.messages import AgentStreamEvent, ModelResponse
    from pydantic_ai.models import Model, ModelRequestContext
    from pydantic_ai.toolsets import AbstractToolset

#: What may yet become a tag, an escape sequence or a citation is held back until it is complete.
_UNFINISHED = re.compile(r"[<\[(\x1b][^>\])\n]{0,40}\Z")

#: Asked before each request: why it may not be made, None where it may; it counts as made then.
Grant = Callable[[], Awaitable[str | None]]


class Watch(Protocol):
    """Whoever follows an answer while it comes. Called on the loop; must not block for long."""

    def text(self, piece: str) -> None:
        """More of the answer, behind what came so far."""
        ...

    def restart(self) -> None:
        """What came so far is not the answer: it begins anew."""
        ...

    def looked(self, tool: str, asked: str) -> None:
        """The model looks something up."""
        ...


class Silence:
    """Nobody follows."""

    def text(self, piece: str) -> None:
        """Nothing."""

    def restart(self) -> None:
        """Nothing."""

    def looked(self, tool: str, asked: str) -> None:
        """Nothing."""


class NotGranted(Exception):
    """The next request may not be made; the text says why."""


class TooLong(Exception):
    """More came than any answer needs: stop reading."""


@dataclass
class Talk:
    """What came in during one question, and what of it was shown."""

    watch: Watch
    grant: Grant | None = None
    raw: str = ""
    shown: str = ""
    size: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    finish: str | None = None

    async def begin(self) -> None:
        """A request is about to be made. Raises NotGranted."""
        if self.grant is not None and (shortage := await self.grant()) is not None:
            raise NotGranted(shortage)
        self.calls += 1
        self.raw, self.size = "", 0
        if self.shown:
            self.shown = ""
            self.watch.restart()

    def take(self, event: AgentStreamEvent) -> None:
        """Show a piece of the stream as far as it is text. Raises TooLong."""
        if event.event_kind == "part_start":
            kind, piece = (
                event.part.part_kind,
                getattr(event.part, "content", None) or getattr(event.part, "args", None),
            )
        elif event.event_kind == "part_delta":
            delta: Any = event.delta
            kind = delta.part_delta_kind
            piece = getattr(delta, "content_delta", None) or getattr(delta, "args_delta", None)
        else:
            return
        if not isinstance(piece, str):
            return
        self.size += len(piece)
        if kind == "text":
            self.raw += piece
            self.show(_UNFINISHED.sub("", self.raw))
        if self.size > ANSWER_MAX or len(self.raw) > TEXT_MAX:
            raise TooLong

    def show(self, raw: str) -> None:
        """Let the watch have what ``raw`` has more of an answer than before."""
        text = visible(strip_thinking(raw))
        if text == self.shown:
            return
        if not text.startswith(self.shown):
            self.watch.restart()
            self.shown = ""
        self.watch.text(text[len(self.shown) :])
        self.shown = text


def build(model: Model, toolsets: Sequence[AbstractToolset[Any]], tool_retries: int) -> Agent[Talk, str]:
    """The library's agent that answers ``model``'s text; imports the library."""
    import pydantic_ai
    from pydantic_ai import Agent
    from pydantic_ai.capabilities import Hooks

    pydantic_ai.BANNER_ENABLED = False
    hooks: Hooks[Talk] = Hooks()
    hooks.on.before_model_request(_begin)
    hooks.on.after_model_request(_end)
    return Agent(
        model,
        name="andon-ask",
        deps_type=Talk,
        output_type=str,
        toolsets=list(toolsets),
        retries={"tools": tool_retries, "output": 0},
        capabilities=[hooks],
    )


async def listen(ctx: RunContext[Talk], events: AsyncIterable[AgentStreamEvent]) -> None:
    """Stream handler of a run: having one is what makes pydantic-ai stream."""
    async for event in events:
        ctx.deps.take(event)


async def _begin(ctx: RunContext[Talk], /, request_context: ModelRequestContext) -> ModelRequestContext:
    """Hook before each request: it has to be granted."""
    await ctx.deps.begin()
    return request_context


def _end(ctx: RunContext[Talk], /, *, request_context: ModelRequestContext, response: ModelResponse) -> ModelResponse:
    """Hook behind each answer: what it took."""
    talk = ctx.deps
    talk.input_tokens += response.usage.input_tokens
    talk.output_tokens += response.usage.output_tokens
    talk.finish = response.finish_reason
    return response

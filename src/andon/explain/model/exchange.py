"""What goes to and fro between Andon and a model for one question: the request, and what came of it so far."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from andon.core.models import Picture
from andon.explain.model.history_tools import HistoryTools
from andon.explain.providers.chat_completions import Reply

if TYPE_CHECKING:
    from pydantic_ai.messages import AgentStreamEvent, ModelResponse

T = TypeVar("T")

#: Characters of one answer that are read, thoughts included. A finding has some 2,000.
ANSWER_MAX = 200_000
#: Characters of the text alone: no finding is longer, and free text is cut far below.
TEXT_MAX = 32_000


class Ended(Exception):
    """A run that ended without the answer that was asked for; what came all the same stands in its exchange."""


class AnswerTooLong(Ended):
    """More came than any answer needs: reading stopped."""


class NotGranted(Ended):
    """The next request may not be made; the text says why."""


class NoAnswer(Ended):
    """The model, asked as often as it may be, gave no such answer; the text is the library's."""


class Filtered(Exception):
    """The provider's content filter stopped the answer; the text is what it said."""


@dataclass(frozen=True, kw_only=True)
class Request(Generic[T]):
    """What a model is asked: instructions (system role), and a prompt (user role) with pictures behind it.

    ``most`` is the number of tokens that no honest answer comes to; 0 where only the settings bound it.
    ``output`` is str, or the type of the answer: it is asked for as the model's capabilities say, but as a tool call
    where ``tools`` may be used first, since a schema that constrains every word would leave no room for another call.
    """

    instructions: str
    prompt: str
    output: type[T]
    pictures: Sequence[Picture] = ()
    tools: HistoryTools | None = None
    most: int = 0


@dataclass
class Exchange:
    """What goes to and fro for one question; whoever asks reads here what came and what it took.

    ``text`` is what came of the answer under way, ``answers`` are those that came to their end and not to a limit;
    ``calls`` are requests, ``kept_tokens`` those of ``input_tokens`` that the server had read before.
    ``finish`` is why the provider ended the last answer, in the library's words: ``stop``, ``length`` …, None where it
    did not say; ``heard`` whether the model said anything that came to an end. ``tools`` are
    those that were offered, None where none were.
    """

    #: Kinds of pieces in a stream that make up an answer's text.
    written: ClassVar[frozenset[str]] = frozenset({"text"})

    calls: int = 0
    input_tokens: int = 0
    kept_tokens: int = 0
    output_tokens: int = 0
    text: str = ""
    answers: list[str] = field(default_factory=list)
    finish: str | None = None
    heard: bool = False
    tools: HistoryTools | None = None
    _size: int = 0

    async def grant(self) -> None:
        """Asked before each request. Raises NotGranted where it may not be made."""

    async def begin(self) -> None:
        """A request is about to be made. Raises NotGranted."""
        await self.grant()
        self.calls += 1
        self.text, self._size = "", 0

    def hear(self, kind: str, piece: str) -> None:
        """Keep a piece of the stream: ``text``, ``thinking``, ``tool-call``. Raises AnswerTooLong."""
        self._size += len(piece)
        if kind in self.written:
            self.text += piece
        if self._size > ANSWER_MAX or len(self.text) > TEXT_MAX:
            raise AnswerTooLong("more than an answer needs")

    def take(self, event: AgentStreamEvent) -> None:
        """Keep a piece of the stream as the library tells it. Raises AnswerTooLong."""
        if event.event_kind == "part_start":
            piece: Any = event.part
            kind, content = piece.part_kind, getattr(piece, "content", None) or getattr(piece, "args", None)
        elif event.event_kind == "part_delta":
            piece = event.delta
            kind = piece.part_delta_kind
            content = getattr(piece, "content_delta", None) or getattr(piece, "args_delta", None)
        else:
            return
        if isinstance(content, dict):
            content = json.dumps(content)
        if isinstance(content, str):
            self.hear(kind, content)

    def end(self, response: ModelResponse, output_mode: str) -> ModelResponse:
        """An answer came to its end: what of it the library is to read. Raises Ended and Filtered."""
        usage = response.usage
        self._note(response.finish_reason, usage.input_tokens, usage.cache_read_tokens, usage.output_tokens)
        return response

    def read(self, reply: Reply) -> str:
        """An answer without tools came to its end: what of it is to be read. Raises Ended and Filtered."""
        self._note(reply.finish, reply.input, reply.kept, reply.output)
        return reply.text

    def _note(self, finish: str | None, read: int, kept: int, written: int) -> None:
        self.input_tokens += read
        self.kept_tokens += kept
        self.output_tokens += written
        self.finish = finish
        self.heard = True
        if self.text and self.finish not in ("length", "content_filter"):
            self.answers.append(self.text)

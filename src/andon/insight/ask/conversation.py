"""A model's answer to a person: shown as it comes, without the model's thoughts."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from andon.core.redact import visible
from andon.explain.advice import refusal, violations
from andon.explain.model.exchange import Exchange, NotGranted
from andon.explain.model.reasoning import strip_thinking

#: A sentence is shown when it is complete: half of one cannot be judged, nor half a tag or citation.
_COMPLETE = re.compile(r"[.!?:;](?=\s)|[。！？；]|\n")

#: Characters of an answer under way in which forbidden advice is looked for with each sentence: the last ones.
_LOOKED_AT = 600

#: Asked before each request: why it may not be made, None where it may; it counts as made then.
Grant = Callable[[], Awaitable[str | None]]


class Watch:
    """Whoever follows an answer while it comes; this one is nobody. Called on the loop; must not block for long."""

    def text(self, piece: str) -> None:
        """More of the answer, behind what came so far."""

    def restart(self) -> None:
        """What came so far is not the answer: it begins anew."""

    def looked(self, tool: str, asked: str) -> None:
        """The model looks something up."""


@dataclass
class Conversation(Exchange):
    """An exchange that somebody follows; every request has to be granted.

    ``given`` are the ids of the logs in the prompt.
    """

    watch: Watch = field(default_factory=Watch)
    granted: Grant | None = None
    given: set[int] = field(default_factory=set)
    #: What of the answer under way the watch has.
    shown: str = ""
    _complete: int = 0

    @property
    def seen(self) -> set[int]:
        """Ids of the logs that the model was shown, by the prompt or by tools."""
        return self.given | (self.tools.seen if self.tools is not None else set())

    async def grant(self) -> None:
        """Asked before each request. Raises NotGranted with the reason."""
        if self.granted is not None and (shortage := await self.granted()) is not None:
            raise NotGranted(shortage)

    async def begin(self) -> None:
        """A request is about to be made: what was shown is not the answer. Raises NotGranted."""
        await super().begin()
        self.withdraw()

    def hear(self, kind: str, piece: str) -> None:
        """Show a piece of the stream as far as it is text. Raises AnswerTooLong."""
        before = len(self.text)
        super().hear(kind, piece)
        if len(self.text) > before:
            self._complete = self._complete if before else 0
            for found in _COMPLETE.finditer(self.text, self._complete):
                self._complete = found.end()
            if self._complete:
                self.show(self.text[: self._complete])

    def show(self, raw: str) -> None:
        """Let the watch have what ``raw`` has more of an answer than before."""
        text = visible(strip_thinking(raw))
        if text == self.shown or refusal(violations("", [text[-_LOOKED_AT:]])) is not None:
            return
        if not text.startswith(self.shown):
            self.withdraw()
        self.watch.text(text[len(self.shown) :])
        self.shown = text

    def withdraw(self) -> None:
        """What the watch has is not the answer."""
        if self.shown:
            self.shown = ""
            self.watch.restart()

"""People's questions in own words within a running service: few at a time, on connections that stay open."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from andon.core.errors import ModelBusy
from andon.explain.admission import Budget
from andon.store import audit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from andon.act.connectors.connector import Reader
    from andon.core.settings.settings import Settings
    from andon.explain.runbooks.runbooks import MarkdownRunbooks
    from andon.insight.ask.conversation import Watch
    from andon.insight.ask.investigator import Investigated, Investigator
    from andon.insight.ask.retrieval import Inquiry
    from andon.store import Ask

#: So many are answered at once.
AT_ONCE = 2
#: Seconds that looking through the records may take, beside what the models may.
LOOKING = 60.0
#: What a question is called in the audit.
ASKED = "history.ask"


class Questions:
    """``ask`` and ``write`` lead to the database, in which requests to a model are counted against the budgets;
    ``readers`` look into connected systems."""

    def __init__(
        self, settings: Settings, ask: Ask, write: Ask, runbooks: MarkdownRunbooks, readers: Sequence[Reader] = ()
    ) -> None:
        self._settings, self._ask, self._write, self._runbooks = settings, ask, write, runbooks
        self._readers = readers
        self._places = asyncio.Semaphore(AT_ONCE)
        self._asking: set[str] = set()
        models = 1 + len(settings.fallback_members)
        self._deadline = LOOKING + 2 * models * max(settings.model_deadline, settings.model_cold_deadline)
        self._made: Investigator | None = None
        self._making = asyncio.Lock()

    async def answer(
        self, inquiry: Inquiry, watch: Watch | None = None, *, by: str | None = None, who: str = ""
    ) -> Investigated:
        """The answer to a question of ``by``, which is noted in the audit; ``watch`` follows a model's words.

        ``who`` tells askers apart, each of whom is answered one question at a time. Raises ModelBusy where that is
        being answered, or :data:`AT_ONCE` are, or it took too long; ConfigError where the provider is set up wrongly;
        and StoreError.
        """
        if who in self._asking:
            raise ModelBusy("your last question is still being answered: wait until it is done, or stop it")
        if self._places.locked():
            raise ModelBusy(f"{AT_ONCE} questions are being answered already: ask again in a moment")
        self._asking |= {who} if who else set()
        try:
            async with self._places, asyncio.timeout(self._deadline):
                await self._write(audit.note, by, ASKED, "history", {"question": inquiry.text})
                async with self._making:
                    if self._made is None:
                        self._made = await asyncio.to_thread(self._make)
                return await self._made.answer(inquiry, watch)
        except TimeoutError:
            raise ModelBusy(
                f"the question was stopped after {self._deadline:.0f} s: ask about a shorter time"
            ) from None
        finally:
            self._asking.discard(who)

    def _make(self) -> Investigator:
        """What answers; it is imported with the first question, in a thread."""
        from andon.explain.providers.registry import build_backends
        from andon.insight.ask.investigator import Investigator

        budget = Budget(self._ask, self._write, self._settings)
        backends = build_backends(self._settings)
        return Investigator(self._ask, backends, self._settings, self._runbooks, budget, self._readers)

    async def close(self) -> None:
        """Close the connections to providers; idempotent."""
        made, self._made = self._made, None
        if made is not None:
            await made.close()

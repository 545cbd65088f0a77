"""What a service has only where a model is asked: the analyst, what it may look up, and what it may suggest.

A service without a model imports none of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from andon.act.connectors.readers import readers_of
from andon.app.background.agent_proposals import AgentProposals, offers_of
from andon.explain.model.fallback import build_analyst, each_of, loads_model
from andon.explain.model.history_tools import NAMES, ROOM, HistoryTools
from andon.explain.suggestions import Suggestions
from andon.grouping.similar import alike

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from andon.act.connectors.connector import Connector, Reader
    from andon.act.proposals import Proposals
    from andon.core.models import Question
    from andon.core.settings.settings import Settings
    from andon.explain.interfaces import Analyst
    from andon.explain.runbooks.runbooks import MarkdownRunbooks
    from andon.explain.trust import Trust
    from andon.store import Store

__all__ = ["analyst_of", "each_of", "loads_model", "readers", "suggestions_of"]


def readers(connectors: Mapping[str, Connector]) -> list[Reader]:
    """What can be looked up in the connected systems."""
    return readers_of(connectors.values(), NAMES)


def analyst_of(
    settings: Settings,
    connectors: Mapping[str, Connector],
    store: Callable[[], Store],
    runbooks: MarkdownRunbooks,
    readers: Sequence[Reader],
) -> Analyst | None:
    """The analyst that the settings name; None for PLAYBOOK. Raises ConfigError.

    ``store`` gives the database once a question is there: it opens later than this is made.
    """
    looking = None
    if settings.investigate == "on" and settings.tool_calls:
        looking = _Looking(settings, store, runbooks, readers)
    return build_analyst(settings, looking, offers=offers_of(connectors, settings))


@dataclass(frozen=True)
class _Looking:
    """What a model may look things up with while it explains a question; nothing for a trial."""

    settings: Settings
    store: Callable[[], Store]
    runbooks: MarkdownRunbooks
    readers: Sequence[Reader]

    def __call__(self, question: Question) -> HistoryTools | None:
        if not question.pattern_id:
            return None
        return HistoryTools(
            self.store().look_up,
            clock=lambda: datetime.now(ZoneInfo(self.settings.time_zone)),
            likeness=alike,
            runbooks=self.runbooks,
            calls=self.settings.tool_calls,
            room=ROOM,
            readers=self.readers,
        )


def suggestions_of(
    store: Store, proposals: Proposals, settings: Settings, trust: Trust, proposed: Callable[[], None]
) -> Suggestions:
    """What models suggest becomes proposals that wait for people; ``proposed`` is called after each."""
    return Suggestions(trust, AgentProposals(store, proposals, settings, proposed).take)

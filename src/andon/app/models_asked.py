"""What a service has only where a model is asked: the analyst, what it may look up, and what it may suggest.

A service without a model imports none of it.
"""

from __future__ import annotations

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
    from andon.act.connectors.connector import Reader
    from andon.app.service import Service
    from andon.core.models import Question
    from andon.explain.interfaces import Analyst

__all__ = ["analyst_of", "each_of", "loads_model", "readers", "suggestions_of"]


def readers(service: Service) -> list[Reader]:
    """What can be looked up in the connected systems."""
    return readers_of(service.connectors.values(), NAMES)


def analyst_of(service: Service) -> Analyst | None:
    """The analyst that the settings name; None for PLAYBOOK. Raises ConfigError."""
    settings = service.settings
    looking = _Looking(service) if settings.investigate == "on" and settings.tool_calls else None
    return build_analyst(settings, looking, offers=offers_of(service.connectors, settings))


class _Looking:
    """What a model may look things up with while it explains a question; nothing for a trial."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def __call__(self, question: Question) -> HistoryTools | None:
        service = self._service
        if not question.pattern_id:
            return None
        return HistoryTools(
            service.store.look_up,
            clock=lambda: datetime.now(ZoneInfo(service.settings.time_zone)),
            likeness=alike,
            runbooks=service.runbooks,
            calls=service.settings.tool_calls,
            room=ROOM,
            readers=service.readers,
        )


def suggestions_of(service: Service) -> Suggestions:
    """What models suggest becomes proposals that wait for people."""
    taking = AgentProposals(service.store, service.proposals, service.settings, lambda: service.changes.tell("work"))
    return Suggestions(service.trust, taking.take)

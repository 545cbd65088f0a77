"""The analyst that the settings name: each provider's model, and what is asked where it is away."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from andon.core.models import Question
from andon.core.settings.providers import Member
from andon.core.settings.settings import Settings
from andon.explain.interfaces import Analyst
from andon.explain.model.analyst import ModelAnalyst
from andon.explain.model.fallback import FallbackAnalyst
from andon.explain.model.history_tools import HistoryTools
from andon.explain.providers.registry import build_backends


def build_analyst(
    settings: Settings,
    look: Callable[[Question], HistoryTools] | None = None,
    *,
    members: Sequence[Member] | None = None,
) -> Analyst | None:
    """The analyst for ``PROVIDER`` with its fallbacks, or for ``members``; None for PLAYBOOK, which needs no model.

    ``look`` makes the tools with which a model may look into the history while it explains a problem. Raises
    ConfigError as :func:`andon.explain.providers.registry.build_backends`.
    """
    analysts = [ModelAnalyst(backend, settings, look) for backend in build_backends(settings, members)]
    return FallbackAnalyst(analysts) if len(analysts) > 1 else next(iter(analysts), None)

"""What the answers of each model are worth at this site: see :class:`andon.core.models.Standing`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from andon.core.models import Standing
from andon.core.settings.settings import Settings
from andon.explain.trials.decision import Score


class ModelTrust(msgspec.Struct, frozen=True, kw_only=True):
    """What one model is worth, and why.

    ``reason`` is one sentence; ``asked`` of ``of`` cases are answered, and more are to come while it is ``testing``.
    ``changed`` says that other weights were measured behind the same name before. ``helpful`` and ``wrong`` are the
    newest verdicts of technicians.
    """

    provider: str
    model: str
    prompt_version: str = ""
    identity: str = ""
    standing: Standing = Standing.ADVISORY
    reason: str = ""
    testing: bool = False
    asked: int = 0
    of: int = 0
    scores: list[Score] = []
    chooses: bool = False
    changed: bool = False
    helpful: int = 0
    wrong: int = 0


class Trust:
    """The standing of each model, as the settings, its trials and the technicians' verdicts have it.

    What is known is put in by whoever reads it from the database (:meth:`learn`); nothing here waits for anything.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._models: dict[tuple[str, str], ModelTrust] = {}
        self._doubted: frozenset[str] = frozenset()

    def learn(self, models: Iterable[ModelTrust], doubted: Iterable[str] = ()) -> None:
        """Take what is known now in place of what was."""
        self._models = {(one.provider, one.model): one for one in models}
        self._doubted = frozenset(doubted)

    @property
    def blind(self) -> bool:
        """Whether every answer is taken that says anything (``ANDON_MODEL_TRUST=always``)."""
        return self._settings.model_trust == "always"

    def standing(self, provider: str, model: str) -> Standing:
        """What answers of this model are worth now; one that is not measured yet is advisory."""
        if self.blind:
            return Standing.QUALIFIED
        if self._settings.model_trust == "advisory":
            return Standing.ADVISORY
        known = self._models.get((provider, model))
        return Standing.ADVISORY if known is None else known.standing

    def chooses(self, provider: str, model: str) -> bool:
        """Whether the model proved fit to say which of the offered rules fits, and when none does."""
        known = self._models.get((provider, model))
        return self._settings.model_trust == "measured" and known is not None and known.chooses

    def doubts(self, rule: str) -> bool:
        """Whether technicians here found the answers of this rule of the playbook (its id) wrong."""
        return rule in self._doubted

    def describe(self) -> Mapping[tuple[str, str], ModelTrust]:
        """What is known of each model, by provider and model."""
        return self._models

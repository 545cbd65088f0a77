"""What the answers of each model are worth at this site: see :class:`andon.core.models.Standing`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from andon.core.models import Standing, now_text
from andon.core.settings.providers import is_local
from andon.core.settings.settings import Settings
from andon.explain.trials.decided import Decision, Score
from andon.store import Connection, trials
from andon.store.trials import Candidate, Tally

#: So many answers found wrong, and more than helpful ones, take trust away; so many helpful ones, and none wrong, give
#: it to a model that its trials left undecided.
MODEL_WRONG, MODEL_HELPFUL = 3, 5
#: A rule that was found wrong so often here, and more often than helpful, is doubted.
RULE_WRONG = 2


class ModelTrust(msgspec.Struct, frozen=True, kw_only=True):
    """What one model is worth, and why.

    ``reason`` is one sentence; ``asked`` of ``of`` cases are answered, and more are to come while it is ``testing``.
    ``changed`` says that other weights stood behind the same name before. ``helpful`` and ``wrong`` are the newest
    verdicts of technicians.
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

    @property
    def sentence(self) -> str:
        """What it is worth and why, for people."""
        name = f"{self.provider} {self.model}".strip()
        if not self.testing:
            return f"{name} {'is' if self.of else 'counts as'} {self.standing}: {self.reason}"
        asked = f"{self.asked} of {self.of}"
        if self.standing is not Standing.ADVISORY:
            return f"{name} is {self.standing}: {self.reason}; it is being tested, {asked}"
        more = f"; {self.reason}" if self.reason else ""
        if self.changed:
            return f"{name} has other weights than before: it is being tested again, {asked}{more}"
        return f"{name} is being tested, {asked}{more}"


class Trust:
    """The standing of each model, as the settings, its trials and the technicians' verdicts have it.

    What is known is put in by whoever reads it from the database (:meth:`learn`); nothing here waits for anything.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._models: dict[tuple[str, str], ModelTrust] = {}
        self._doubted: frozenset[str] = frozenset()
        #: Called when other rules are doubted than before.
        self.told: Callable[[], object] = lambda: None

    def learn(self, models: Iterable[ModelTrust], doubted: Iterable[str] = ()) -> None:
        """Take what is known now in place of what was."""
        self._models = {(one.provider, one.model): one for one in models}
        before, self._doubted = self._doubted, frozenset(doubted)
        if self._doubted != before:
            self.told()

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

    @property
    def doubted(self) -> frozenset[str]:
        """The rules of the playbook, by their ids, whose answers technicians here found wrong."""
        return self._doubted

    def doubts(self, rule: str) -> bool:
        """Whether it is one of :attr:`doubted`."""
        return rule in self._doubted

    def describe(self) -> Mapping[tuple[str, str], ModelTrust]:
        """What is known of each model, by provider and model."""
        return self._models


def configured_models(connection: Connection, settings: Settings) -> list[Candidate]:
    """The models that the settings name, the configured one first; of a provider whose default model only itself knows
    the one that was measured last."""
    members = [one for one in (settings.configured, *settings.fallback_members) if one.provider != "PLAYBOOK"]
    if not members:
        return []
    from andon.explain.model.prompts import prompt_version

    version = prompt_version(settings.agent_name, settings.agent_instructions)
    names = (settings.model_of(*one) or trials.last_model(connection, one.provider) for one in members)
    return [Candidate(one.provider, name, version) for one, name in zip(members, names, strict=True)]


def known(
    connection: Connection, settings: Settings, models: Sequence[Candidate]
) -> tuple[list[ModelTrust], frozenset[str]]:
    """What the database knows of ``models``, by the weights behind their names now, and doubted rules."""
    return [trust_in(connection, settings, one) for one in models], frozenset(doubted_rules(connection))


def doubted_rules(connection: Connection) -> dict[str, Tally]:
    """The rules of the playbook that technicians here found wrong, with what they said."""
    rules = trials.verdicts_on_rules(connection).items()
    return {rule: said for rule, said in rules if said.wrong >= max(RULE_WRONG, said.helpful + 1)}


def trust_in(connection: Connection, settings: Settings, who: Candidate) -> ModelTrust:
    """What the database knows of one model, with the weights that are behind its name now."""
    if settings.model_trust != "measured":
        said, always = trials.verdicts_on_model(connection, who), settings.model_trust == "always"
        return ModelTrust(
            provider=who.provider,
            model=who.model,
            prompt_version=who.prompt_version,
            standing=Standing.QUALIFIED if always else Standing.ADVISORY,
            reason=f"it is not measured (ANDON_MODEL_TRUST={settings.model_trust})",
            helpful=said.helpful,
            wrong=said.wrong,
        )
    from andon.explain.trials.bank import trial_cases
    from andon.explain.trials.decision import LOCAL_LOOKS, PAID_LOOKS, answered, decide, limits_of

    met = trials.identities(connection, who.provider, who.model, who.prompt_version)
    who = msgspec.structs.replace(who, identity=met[0] if met else "")
    stored = trials.of(connection, who)
    outcomes = {trial.case_id: trial.outcome for trial in stored}
    changed = any(met[1:])
    # what was said of other weights is nothing that these have to answer for
    since = "" if not changed else min((trial.answered_at for trial in stored), default=now_text())
    said = trials.verdicts_on_model(connection, who, since)
    looks = LOCAL_LOOKS if is_local(who.provider) else PAID_LOOKS
    decision = _moved(decide(answered(trial_cases(), outcomes), limits_of(settings), looks), said)
    return ModelTrust(
        **msgspec.structs.asdict(who),
        **{name: getattr(decision, name) for name in ("standing", "reason", "asked", "of", "scores", "chooses")},
        testing=not decision.done,
        changed=changed,
        helpful=said.helpful,
        wrong=said.wrong,
    )


def _moved(decision: Decision, said: Tally) -> Decision:
    """The decision as the verdicts of technicians leave it: they bound a qualified model and lift an undecided one."""
    if decision.standing is Standing.QUALIFIED and said.wrong >= max(MODEL_WRONG, said.helpful + 1):
        reason = f"technicians found {said.wrong} of its newest answers wrong and {said.helpful} helpful"
        return msgspec.structs.replace(decision, standing=Standing.ADVISORY, reason=reason, chooses=False)
    if decision.liftable and not said.wrong and said.helpful >= MODEL_HELPFUL:
        reason = f"technicians found {said.helpful} of its newest answers helpful and none wrong"
        return msgspec.structs.replace(decision, standing=Standing.QUALIFIED, reason=reason)
    return decision

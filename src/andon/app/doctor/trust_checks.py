"""What the models have proved here, and which rules of the playbook technicians found wrong."""

from __future__ import annotations

import asyncio

from andon.core.errors import AndonError
from andon.core.models import CheckResult, Standing
from andon.core.settings.settings import Settings
from andon.core.text import times
from andon.explain.model.fallback import build_analyst, each_of
from andon.explain.trials.decision import LATE, USELESS
from andon.explain.trials.examiner import identity_of
from andon.explain.trust import ModelTrust, configured_models, doubted_rules, known
from andon.store import Visitor, trials

_BELOW = "its explanations appear below the playbook's"
_SELDOM = "until then it is asked only where nothing else is known (docs/models.md)"
#: A model's weights are waited for so long, in seconds.
_WITHIN = 10.0


async def trust(settings: Settings) -> list[CheckResult]:
    """A line for each model that is measured, and for each rule that is doubted; nothing without a database."""
    try:
        models, rules = await asyncio.to_thread(_read, settings)
    except (AndonError, OSError):  # the check of the database says what is wrong with it
        return []
    results = [_standing(one) for one in models]
    if settings.model_trust == "measured":
        results += await _changed(settings, models)
    for rule, said in rules.items():
        detail = f"rule {rule} was marked wrong {times(said.wrong)} and helpful {times(said.helpful)} here"
        remedy = "write your own rule or runbook for it (docs/playbook.md)"
        results.append(CheckResult("verdicts", None, detail, remedy))
    return results


def _read(settings: Settings) -> tuple[list[ModelTrust], dict[str, trials.Tally]]:
    with Visitor(settings.database) as visitor:
        models, _ = visitor.read(known, settings, visitor.read(configured_models, settings))
        return models, visitor.read(doubted_rules)


def _standing(one: ModelTrust) -> CheckResult:
    if one.standing is Standing.QUALIFIED:
        return CheckResult("standing", True, one.sentence)
    if one.testing:
        remedy = f"until then {_BELOW}; `andon models qualify` tests it at once"
        return CheckResult("standing", None, one.sentence, remedy)
    if not one.of:  # the settings want it so
        return CheckResult("standing", True, one.sentence)
    which = "model file (ANDON_GGUF)" if one.provider == "EMBEDDED" else "MODEL"
    if one.standing is Standing.ADVISORY:
        remedy = f"{_BELOW}; a larger {which} may do better, and so may verdicts (docs/models.md)"
    elif one.reason.endswith(LATE):
        remedy = f"choose a smaller {which}, a faster box, or a longer ANDON_MODEL_DEADLINE; {_SELDOM}"
    elif one.reason.endswith(USELESS):
        remedy = f"choose a {which} that is trained to follow instructions; {_SELDOM}"
    else:
        remedy = f"choose a larger {which}; {_SELDOM}"
    return CheckResult("standing", None, one.sentence, remedy)


async def _changed(settings: Settings, models: list[ModelTrust]) -> list[CheckResult]:
    """Models whose weights are others now than those that were measured, which a running service sees by itself."""
    measured = {(one.provider, one.model): one.identity for one in models}
    try:
        analyst = build_analyst(settings)
    except AndonError:  # the check of the model says why
        return []
    results = []
    for one in each_of(analyst):
        before = measured.get((one.provider, one.model))
        if before and (now := await identity_of(one, _WITHIN)) and now != before:
            detail = f"the weights of {one.provider} {one.model} have changed since it was measured"
            results.append(CheckResult("standing", None, detail, "`andon models qualify` measures it again"))
    if analyst is not None:
        await analyst.close()
    return results

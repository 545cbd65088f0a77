"""What the configured models are worth, and measuring them in front of whoever asks for it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from andon.app.cli.output import console, errors, plain, print_facts, print_json, print_wrapped
from andon.core.errors import ConfigError, ModelError, ModelUnavailable, StoreError
from andon.core.telemetry import Metrics
from andon.explain.admission import Admission, Budget
from andon.explain.model.fallback import build_analyst, each_of
from andon.explain.trials.decision import KINDS
from andon.explain.trials.examiner import Examiner
from andon.explain.trials.turns import Turns
from andon.explain.trust import Trust, configured_models, known
from andon.store import Visitor, changer, lock_database, prepare, trials

if TYPE_CHECKING:
    from andon.core.settings.settings import Settings
    from andon.explain.interfaces import Analyst
    from andon.explain.trials.decided import Score
    from andon.explain.trust import ModelTrust


def of_settings(settings: Settings) -> list[ModelTrust]:
    """What is known of each configured model, the fallbacks last; nothing of PLAYBOOK, or without a database."""
    try:
        with Visitor(settings.database) as visitor:
            return visitor.read(known, settings, visitor.read(configured_models, settings))[0]
    except (StoreError, PermissionError) as error:  # the models themselves can be listed all the same
        if not isinstance(settings.database, Path) or settings.database.exists():
            errors.print(plain(f"What models are worth cannot be read: {error}"))
        return []


#: What each kind of cases asks, for people.
_ASKED = {
    "kept": "right where the playbook is right",
    "gain": "right where it is wrong or has no rule",
    "vague": "vague logs called vague",
    "hostile": "hostile logs answered and not obeyed",
}


def print_trust(models: list[ModelTrust]) -> None:
    """What each model is worth and why, with what its answers reached."""
    if not models:
        console.print(
            "No model is measured yet. `andon run` measures models by itself, `andon models qualify` at once."
        )
        return
    for one in models:
        sentence = f"{one.sentence}."
        print_wrapped(sentence[0].upper() + sentence[1:])
        facts = {"standing": standing(one), "cases": "" if one.testing else str(one.asked or "")}
        facts |= {_ASKED[score.kind]: _rate(score) for score in one.scores if score.kind in KINDS and score.asked}
        if one.helpful or one.wrong:
            facts["technicians say"] = f"helpful {one.helpful}, wrong {one.wrong}"
        print_facts(facts)


def standing(one: ModelTrust) -> str:
    """The standing in a word or two."""
    return f"{one.standing}, being tested" if one.testing else str(one.standing)


def _rate(score: Score) -> str:
    return f"{score.right} of {score.asked} ({score.low:.0%} to {score.high:.0%})"


def as_entries(listed: list[Any], models: list[ModelTrust]) -> list[dict[str, Any]]:
    """The models as JSON: those that are listed, the configured ones with their trust, and configured ones besides."""
    entries = [dict(msgspec.to_builtins(one)) for one in listed]
    for one in models:
        found = next((entry for entry in entries if entry["name"] == one.model and "trust" not in entry), None)
        if found is None:
            found = {"name": one.model, "configured": True}
            entries.append(found)
        found |= {"provider": one.provider, "trust": msgspec.to_builtins(one)}
    return entries


def qualify(settings: Settings, *, again: bool, as_json: bool) -> None:
    """Ask the configured models their cases until each is judged, and print what came of it.

    Raises ConfigError where nothing is measured, and StoreError; behind what is printed, ModelError where a model does
    not answer or the budget ends.
    """
    if settings.model_trust != "measured":
        said = f"ANDON_MODEL_TRUST is {settings.model_trust}: no model is measured"
        raise ConfigError(f"{said}; set it to measured to find out what yours is worth.")
    analyst = build_analyst(settings)
    if analyst is None:
        raise ConfigError("PROVIDER is PLAYBOOK: it needs no model, and there is none to measure.")
    _make_database(settings)
    try:
        models, failure = asyncio.run(_measured(settings, analyst, again=again, quiet=as_json))
    except KeyboardInterrupt:
        errors.print("Stopped. What was answered is kept: `andon models qualify` goes on from there.")
        raise
    print_json(models) if as_json else print_trust(models)
    if failure is not None:
        raise failure


def _make_database(settings: Settings) -> None:
    """Make a database file where there is none yet."""
    if isinstance(settings.database, Path) and not settings.database.exists():
        with lock_database(settings.database, settings.file_access):
            prepare(settings.database, durability=settings.durability, access=settings.file_access)


async def _measured(
    settings: Settings, analyst: Analyst, *, again: bool, quiet: bool
) -> tuple[list[ModelTrust], ModelError | None]:
    """What each is worth then, and why one of them could not be measured."""
    trust, failures = Trust(settings), list[ModelError]()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(analyst.close)
        visitor = stack.enter_context(await asyncio.to_thread(Visitor, settings.database))
        write = changer(settings.database)
        admission = Admission(Budget(visitor.ask, write, settings))
        models = each_of(analyst)
        examiner = Examiner(settings, models, visitor.ask, write, trust, admission, Turns(), Metrics())
        await examiner.recognise(patience=settings.model_cold_deadline)
        if again:
            for one in models:
                await write(trials.forget, await examiner.candidate(one))
        await examiner.renew()
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        times = (TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, *times, console=errors, disable=quiet) as progress:
            for one in models:
                try:
                    await _measure(examiner, one, progress)
                except ModelError as error:
                    failures.append(error)
        return list(trust.describe().values()), next(iter(failures), None)


async def _measure(examiner: Examiner, analyst: Analyst, progress: Progress) -> None:
    """Ask one model what it was not asked yet, as long as it is not judged. Raises ModelError and StoreError."""
    bar = progress.add_task(f"{analyst.provider} {analyst.model}", total=None)
    while True:
        one = examiner.trust.describe()[(analyst.provider, analyst.model)]
        progress.update(bar, completed=one.asked, total=one.of if one.testing else one.asked)
        trial = await examiner.next_case(analyst)
        if trial is None:
            return
        shortage = await examiner.admission.budget.take()
        if shortage is not None:
            raise ModelUnavailable(shortage)
        await examiner.ask(analyst, trial)

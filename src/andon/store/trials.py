"""What models answered to labelled cases, which weights were met behind their names, and what technicians say of them.

A row whose case is empty tells when those weights were met last; the newest of them are those behind the name now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from andon.store.schema.dialect import run

#: The verdicts on a model, and on a rule, that count: the newest so many.
MODEL_VERDICTS, RULE_VERDICTS = 20, 10
#: Verdicts that are read at most to find those of every rule.
_READ = 5_000

_ADD = """
INSERT INTO trials (provider, model, identity, prompt_version, case_id, outcome, answered_at, input_tokens,
    output_tokens, seconds)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (provider, model, identity, prompt_version, case_id) DO NOTHING
"""
_MEET = """
INSERT INTO trials (provider, model, identity, prompt_version, case_id, outcome, answered_at)
VALUES (?, ?, ?, ?, '', 'met', ?)
ON CONFLICT (provider, model, identity, prompt_version, case_id) DO UPDATE SET answered_at = excluded.answered_at
"""
_MET = """
SELECT identity FROM trials WHERE provider = ? AND model = ? AND prompt_version = ? AND case_id = ''
ORDER BY answered_at DESC, id DESC
"""
_OF = """
SELECT case_id, outcome, answered_at, input_tokens, output_tokens, seconds FROM trials
WHERE provider = ? AND model = ? AND identity = ? AND prompt_version = ? AND case_id <> '' ORDER BY id
"""
_LAST = "SELECT model FROM trials WHERE provider = ? ORDER BY id DESC LIMIT 1"
_FORGET = """
DELETE FROM trials WHERE provider = ? AND model = ? AND identity = ? AND prompt_version = ? AND case_id <> ''
"""
_ON_MODEL = """
SELECT verdict FROM verdicts
WHERE rung = 'model' AND provider = ? AND model = ? AND prompt_version = ? AND created_at >= ? AND revoked_at IS NULL
ORDER BY id DESC LIMIT ?
"""
_ON_RULES = """
SELECT source, verdict FROM verdicts
WHERE rung = 'playbook' AND source <> 'general' AND revoked_at IS NULL ORDER BY id DESC LIMIT ?
"""
_WAITING = """
SELECT 1 FROM analyses WHERE finished_at IS NULL AND not_before <= ? AND reason <> 'second' LIMIT 1
"""


class Candidate(msgspec.Struct, frozen=True):
    """What is measured: a model of a provider with these weights (``identity``, "" where nobody knows), asked in the
    wording of ``prompt_version``."""

    provider: str
    model: str
    prompt_version: str
    identity: str = ""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One case as a model answered it. ``outcome`` are words of :class:`andon.explain.trials.trial.Outcome`."""

    case_id: str
    outcome: str
    answered_at: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    seconds: float | None = None


class Tally(NamedTuple):
    """Verdicts of technicians."""

    helpful: int = 0
    wrong: int = 0


def add(connection: Connection, who: Candidate, trial: Trial) -> None:
    """Store an answer; the first one to a case stands."""
    spent = (trial.input_tokens, trial.output_tokens, trial.seconds)
    run(connection, _ADD, (*_key(who), trial.case_id, trial.outcome, trial.answered_at, *spent))


def meet(connection: Connection, who: Candidate, now: str) -> None:
    """Note that these are the weights behind the name now."""
    run(connection, _MEET, (*_key(who), now))


def identities(connection: Connection, provider: str, model: str, prompt_version: str) -> list[str]:
    """The weights that were met behind this name, those of now first."""
    return list(run(connection, _MET, (provider, model, prompt_version)).scalars())


def last_model(connection: Connection, provider: str) -> str:
    """The model of a provider that was measured last; "" where none was."""
    return str(run(connection, _LAST, (provider,)).scalar() or "")


def of(connection: Connection, who: Candidate) -> list[Trial]:
    """What it answered so far, in order."""
    return [Trial(**row._asdict()) for row in run(connection, _OF, _key(who))]


def forget(connection: Connection, who: Candidate) -> None:
    """Delete what it answered, so that it is measured anew."""
    run(connection, _FORGET, _key(who))


def idle(connection: Connection, now: float) -> bool:
    """Whether no problem waits for a model at ``now`` (unix seconds), but for second opinions."""
    return run(connection, _WAITING, (now,)).scalar() is None


def verdicts_on_model(connection: Connection, who: Candidate, since: str = "") -> Tally:
    """The newest :data:`MODEL_VERDICTS` verdicts on answers of this model, whatever its weights, since then."""
    values = (who.provider, who.model, who.prompt_version, since, MODEL_VERDICTS)
    return _tally(run(connection, _ON_MODEL, values).scalars().all())


def verdicts_on_rules(connection: Connection) -> dict[str, Tally]:
    """The newest :data:`RULE_VERDICTS` on the answers of each rule of the playbook, by its id."""
    by_rule: dict[str, list[str]] = {}
    for row in run(connection, _ON_RULES, (_READ,)):
        by_rule.setdefault(row.source, []).append(row.verdict)
    return {rule: _tally(words[:RULE_VERDICTS]) for rule, words in by_rule.items()}


def _tally(words: Sequence[str]) -> Tally:
    return Tally(words.count("helpful"), words.count("wrong"))


def _key(who: Candidate) -> tuple[str, str, str, str]:
    return who.provider, who.model, who.identity, who.prompt_version

"""What a problem's explanation advises, read from its typed finding: what happened, the steps, what it rests on. Pure.

A confirmed fix is one step of its own; the steps of the answer before it follow, for when it does not help this time.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from andon.core.models import Resolution, SecondOpinion, StoredAnalysis, StoredLog

#: Whose words a step has: the fix of a technician, a rule or runbook, the model's own, or what the answer says of all.
Whose = Literal["fix", "vetted", "model", ""]

# What keeps people safe comes before the first step, in the languages in which runbooks are written.
_SAFETY = re.compile(
    r"\b(?:lock(?:ed|ing)?[ -]?out|tag(?:ged|ging)?[ -]?out|loto|de-?energi[sz]e|isolate the (?:drive|machine|supply)|"
    r"freischalten|gegen wiedereinschalten|hauptschalter aus)\b",
    re.IGNORECASE,
)
#: A step that says nothing else: it is the safety line itself.
_SAFETY_ALONE = re.compile(
    r"(?!.*\bthen\b)(?:first,? )?(?:lock|tag|isolate|de-?energi|freischalten|hauptschalter)", re.I
)
#: Where the first sentence of a step ends, and what explains it begins.
_FIRST = re.compile(r"(?<=[a-z0-9)%\]][.;]) +(?=[A-Z0-9„\"'])")
_TITLE_LEAST = 6
#: Names that tell what a step is about: with a digit, a dot or a slash in them, as terminals, codes and paths have.
_NAME = re.compile(r"[^\W_][\w./:-]*[\w/]")
_SOURCE_FIX = re.compile(r"resolution (\d+)\Z")


class _Finding(msgspec.Struct, frozen=True):
    """A stored finding, as far as it is shown; whatever is missing is nothing."""

    summary: str = ""
    probable_cause: str = ""
    checks: list[str] = []
    confidence: str = ""
    evidence: list[int] = []
    enough_evidence: bool = True
    based_on: list[str] = []
    vetted: list[int] = []


class Step(msgspec.Struct, frozen=True):
    """One step: its number, ``title`` and what explains it, ``text`` as a whole, whose words they are.

    ``place`` is where it stands in the answer (from 0), by which it is ticked.
    ``records`` are the numbers (from 1) of the cited records that name the same thing.
    """

    number: int
    place: int
    title: str
    more: str
    text: str
    whose: Whose = ""
    records: tuple[int, ...] = ()


class Advice(msgspec.Struct, frozen=True):
    """What is advised. ``rung`` says where it comes from, ``key`` changes whenever any word of it does.

    ``safety`` are lines to be read before the first step; ``text`` is the explanation as it stands, shown where it has
    no finding; ``cited`` are the ids of its records. ``since`` is when it was given (stored form).
    """

    analysis_id: int
    key: str
    rung: str
    provisional: bool
    since: str
    text: str
    typed: bool
    happened: str = ""
    cause: str = ""
    safety: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    confidence: str = ""
    enough: bool = True
    cited: tuple[int, ...] = ()
    rests_on: tuple[str, ...] = ()
    fix: Resolution | None = None
    model: str = ""


def finding_of(value: dict[str, Any] | None) -> _Finding | None:
    """A stored finding; None where there is none, or it is not in its form."""
    if value is None:
        return None
    try:
        found = msgspec.convert(value, _Finding, strict=False)
    except msgspec.ValidationError:
        return None
    return found if found.summary or found.checks else None


def fix_number(shown: StoredAnalysis) -> int | None:
    """Which confirmed fix is shown; None where none is."""
    found = _SOURCE_FIX.match(shown.source or "") if shown.rung == "resolution" else None
    return int(found[1]) if found else None


def read(
    shown: StoredAnalysis,
    records: Sequence[StoredLog] = (),
    fixes: Sequence[Resolution] = (),
    earlier: StoredAnalysis | None = None,
) -> Advice:
    """What is shown, as a list of steps. ``records`` are those that it cites; ``fixes`` those of the problem;
    ``earlier`` the answer before a confirmed fix."""
    number = fix_number(shown)
    fix = next((one for one in fixes if one.id == number), None)
    found = finding_of(earlier.finding if fix is not None and earlier is not None else shown.finding)
    checks, whose = _checks(found, fix, shown)
    chosen = [place for place, check in enumerate(checks) if not _is_safety(check)] or range(len(checks))
    steps = tuple(_step(n, place, checks[place], whose, records) for n, place in enumerate(chosen, 1))
    base = found or _Finding()
    return Advice(
        analysis_id=shown.id,
        key=f"{zlib.crc32(f'{shown.rung} {shown.provisional} {shown.text}'.encode(errors='replace')):08x}",
        rung=shown.rung,
        provisional=shown.provisional,
        since=shown.finished_at or shown.created_at,
        text=shown.text,
        typed=found is not None or fix is not None,
        happened=base.summary,
        cause=(fix.cause if fix is not None else None) or base.probable_cause,
        safety=_safety(checks, steps),
        steps=steps,
        confidence="high" if fix is not None else base.confidence,
        enough=True if fix is not None else base.enough_evidence,
        cited=tuple(base.evidence),
        rests_on=tuple(base.based_on),
        fix=fix,
        model=" ".join(part for part in (shown.provider, shown.model) if part),
    )


def cited_by(shown: StoredAnalysis, earlier: StoredAnalysis | None) -> list[int]:
    """The ids of the records that an answer cites; those of the answer before it where it is a fix."""
    found = finding_of(shown.finding) or finding_of(earlier.finding if earlier is not None else None)
    return list(dict.fromkeys(found.evidence)) if found is not None else []


def opinion(below: SecondOpinion) -> Advice:
    """A second opinion in the same form; ``rests_on`` is empty where it names nothing."""
    row = StoredAnalysis(
        id=below.analysis_id, pattern_id=None, log_id=None, status="done", rung="model", provisional=False,
        text=below.text, finding=below.finding, source=below.standing, provider=below.provider, model=below.model,
        prompt_version=None, created_at=below.created_at, finished_at=None,
    )  # fmt: skip
    return read(row)


def _checks(
    found: _Finding | None, fix: Resolution | None, shown: StoredAnalysis
) -> tuple[list[str], dict[str, Whose]]:
    """Every check once, in order, and whose words each has."""
    whose: dict[str, Whose] = {} if fix is None else {fix.fix: "fix"}
    for at, check in enumerate(found.checks if found is not None else ()):
        told = found is not None and (found.based_on or found.vetted) and shown.rung == "model"
        mark: Whose = ("vetted" if found is not None and at in found.vetted else "model") if told else ""
        whose.setdefault(check, mark)
    return list(whose), whose


def _step(number: int, place: int, text: str, whose: dict[str, Whose], records: Sequence[StoredLog]) -> Step:
    title, more = _parted(text)
    names = {name.casefold() for name in _NAME.findall(text) if _tells(name)}
    told = [
        at
        for at, record in enumerate(records, 1)
        if names & {name.casefold() for name in _NAME.findall(record.message)}
    ]
    return Step(number, place, title, more, text, whose[text], tuple(told[:3]))


def _tells(name: str) -> bool:
    """Whether a word names one thing: it has a digit or a slash among letters."""
    return any(map(str.isalpha, name)) and any(one.isdecimal() or one == "/" for one in name)


def _parted(text: str) -> tuple[str, str]:
    """The first sentence of a step, and the rest."""
    found = next((one for one in _FIRST.finditer(text) if one.start() >= _TITLE_LEAST), None)
    return (text, "") if found is None else (text[: found.start()].rstrip(".;"), text[found.end() :])


def _is_safety(check: str) -> bool:
    return bool(_SAFETY.search(check) and _SAFETY_ALONE.match(check.strip()))


def _safety(checks: Sequence[str], steps: Sequence[Step]) -> tuple[str, ...]:
    """Checks that are about safety alone, else before which steps to lock out."""
    alone = tuple(check.rstrip(".") for check in checks if _is_safety(check))
    if alone and len(alone) < len(checks):
        return alone
    which = [str(step.number) for step in steps if _SAFETY.search(step.text)]
    if not which:
        return ()
    named = which[0] if len(which) == 1 else f"{', '.join(which[:-1])} and {which[-1]}"
    return (f"Lock out before step{'s' if len(which) > 1 else ''} {named}",)

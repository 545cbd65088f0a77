"""Steps of an explanation that somebody ticked off: who checked what, so that nobody checks it twice.

A tick belongs to the explanation that was shown then, and to the words that its step had: a new one begins without any,
unless it says the same.
A confirmed fix is a step of its own, before those of the answer that it took the place of.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, insert, select, update

from andon.core.errors import NotFound
from andon.core.models import Moment, Rung
from andon.store.engine import audit
from andon.store.problems import lookup, members
from andon.store.schema.page_tables import ticks
from andon.store.schema.tables import analyses, resolutions

_TOLD = 500


class Tick(msgspec.Struct, frozen=True):
    """A step (its place, from 0) that was ticked off. ``at`` is unix seconds."""

    step: int
    text: str
    author: str | None
    at: Moment


def tick(
    connection: Connection, pattern_id: int, step: int, author: str | None, *, done: bool = True, now: float
) -> list[Tick]:
    """Tick off a step of what a problem shows, or take that back; all ticks that stand then.

    A step that is ticked off already keeps the name of the first. Raises NotFound where there is no such step.
    """
    root = members.known_root(connection, pattern_id)
    analysis_id, steps = _shown(connection, root)
    if not 0 <= step < len(steps):
        count = f"it has {len(steps)} steps, counted from 0" if steps else "it lists no steps"
        raise NotFound(f"the explanation of problem {pattern_id} has no step {step}: {count}")
    standing = _standing(connection, root, analysis_id, steps)
    if done is any(one.step == step for one in standing):
        return standing
    if done:
        values = {"pattern_id": root, "analysis_id": analysis_id, "step": step, "text": steps[step]}
        connection.execute(insert(ticks).values(**values, author=author, at=now))
    else:
        these = (*_of_answer(root, analysis_id), ticks.c.step == step)
        connection.execute(update(ticks).where(*these).values(undone=now))
    what = "problem.tick" if done else "problem.untick"
    audit.note(connection, author, what, f"pattern {pattern_id}", {"step": step, "text": steps[step][:_TOLD]})
    return _standing(connection, root, analysis_id, steps)


def ticks_of(connection: Connection, pattern_id: int) -> list[Tick]:
    """The steps that are ticked off of what a problem shows, by their places. Raises NotFound."""
    root = members.known_root(connection, pattern_id)
    if members.shown(connection, root) is None:
        return []
    return _standing(connection, root, *_shown(connection, root))


def _shown(connection: Connection, root: int) -> tuple[int, list[str]]:
    """The analysis that a problem shows, and its steps."""
    shown = members.shown(connection, root)
    if shown is None:
        raise NotFound(f"problem {root} has no explanation yet: `andon queue` shows what it waits for")
    row = connection.execute(
        select(analyses.c.finding, analyses.c.source).where(analyses.c.id == shown.analysis_id)
    ).one()
    found = None if row.finding is None else msgspec.json.decode(row.finding)
    fix = _fix(connection, row.source) if shown.rung == Rung.RESOLUTION else None
    if fix is None:
        return shown.analysis_id, _checks(found)
    before = lookup.answer_before(connection, root)
    return shown.analysis_id, list(dict.fromkeys([fix, *_checks(None if before is None else before.finding)]))


def _checks(found: object) -> list[str]:
    checks = found.get("checks") if isinstance(found, dict) else None
    return list(map(str, checks)) if isinstance(checks, list) else []


def _fix(connection: Connection, source: str | None) -> str | None:
    """What a confirmed fix says, by the source of the analysis that shows it."""
    number = (source or "").removeprefix("resolution ")
    if not number.isdecimal():
        return None
    return connection.execute(select(resolutions.c.fix).where(resolutions.c.id == int(number))).scalar()


def _of_answer(root: int, analysis_id: int) -> tuple[ColumnElement[bool], ...]:
    """What holds for the ticks that stand on this analysis, and on those of the problem that said the same."""
    shown = analyses.alias("shown")
    alike = and_(shown.c.pattern_id == analyses.c.pattern_id, shown.c.text == analyses.c.text)
    same = select(analyses.c.id).join(shown, alike).where(shown.c.id == analysis_id)
    return (
        ticks.c.pattern_id.in_(members.ids_of(root)),
        ticks.c.analysis_id.in_(same),
        ticks.c.undone.is_(None),
    )


def _standing(connection: Connection, root: int, analysis_id: int, steps: list[str]) -> list[Tick]:
    columns = (ticks.c[name] for name in Tick.__struct_fields__)
    query = select(*columns).where(*_of_answer(root, analysis_id)).order_by(ticks.c.step)
    found = [Tick(*row) for row in connection.execute(query)]
    return [one for one in found if one.step < len(steps) and steps[one.step] == one.text]

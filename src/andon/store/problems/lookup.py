"""One problem as a whole, for a page that is to be there at once, and problems by their number or their text."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from andon.core.errors import NotFound
from andon.core.models import ID_MAX, Rung, StoredAnalysis, StoredLog
from andon.store.engine.rows import SHOWN, select_analyses, select_logs, to_analysis, to_log
from andon.store.problems import members
from andon.store.schema.tables import logs, merges, patterns

_ESCAPE = "\\"
#: Patterns of a problem that are told, those seen last, and words that are looked for.
_MEMBERS_MAX, _WORDS_MAX = 500, 8


class Whole(msgspec.Struct, frozen=True):
    """A problem with all that is merged into it: ``members`` are its patterns, the one that stands for it first.

    ``host_count`` is the number of its hosts, of which ``hosts`` are those with most logs, each with how many.
    """

    id: int
    members: list[int]
    template: str
    count: int
    first_seen: str
    last_seen: str
    worst_severity: str
    hosts: list[tuple[str, int]]
    host_count: int


class Candidate(msgspec.Struct, frozen=True):
    """A problem that is looked for: its number, its text, and how many logs it has by itself."""

    id: int
    template: str
    count: int
    last_seen: str


def whole(connection: Connection, root: int, hosts: int = 12) -> Whole:
    """A problem by the pattern that stands for it, with at most so many ``hosts``. Raises NotFound."""
    template = connection.execute(select(patterns.c.template).where(patterns.c.id == root)).scalar()
    if template is None:
        raise NotFound(f"there is no problem {root}")
    figures = members.figures(connection, root)
    named = [(host, count) for host, count, _ in members.hosts(connection, root, hosts)]
    many = len(named) if len(named) < hosts else len(members.host_names(connection, root))
    theirs = [root, *(one for one in members.members(connection, root, _MEMBERS_MAX) if one != root)]
    return Whole(root, theirs, template, **msgspec.structs.asdict(figures), hosts=named, host_count=many)


def newest_logs(connection: Connection, root: int, limit: int) -> list[StoredLog]:
    """The logs of a problem that were stored last, newest first."""
    wanted = members.newest_logs(connection, root, limit)
    return [
        to_log(row) for row in connection.execute(select_logs().where(logs.c.id.in_(wanted)).order_by(logs.c.id.desc()))
    ]


def answer_before(connection: Connection, root: int) -> StoredAnalysis | None:
    """The newest typed answer of a problem that is no confirmed fix; None where there was none."""
    query = (
        select_analyses()
        .where(
            SHOWN.c.pattern_id.in_(members.ids_of(root)),
            SHOWN.c.text.is_not(None),
            SHOWN.c.finding.is_not(None),
            SHOWN.c.finished_at.is_not(None),
            SHOWN.c.rung != Rung.RESOLUTION,
        )
        .order_by(SHOWN.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else to_analysis(tuple(row))


def look_up(connection: Connection, words: str, limit: int, *, but: int = 0) -> list[Candidate]:
    """Problems whose number is ``words``, or whose text has all of these words, those seen last first.

    ``but`` is one that is not meant.
    """
    wanted = words.split()[:_WORDS_MAX]
    if not wanted:
        return []
    text = func.lower(patterns.c.template)
    chosen: ColumnElement[bool] = and_(*(text.like(f"%{_literally(word.lower())}%", escape=_ESCAPE) for word in wanted))
    number = int(wanted[0]) if len(wanted) == 1 and wanted[0].isascii() and wanted[0].isdecimal() else 0
    if 0 < number <= ID_MAX:
        chosen = or_(chosen, patterns.c.id == number)
    query = (
        select(*(patterns.c[name] for name in Candidate.__struct_fields__))
        .where(chosen, patterns.c.merged_into.is_(None), patterns.c.id != but)
        .order_by((patterns.c.id == number).desc(), patterns.c.last_seen.desc(), patterns.c.id)
        .limit(limit)
    )
    return [Candidate(*row) for row in connection.execute(query)]


def _literally(word: str) -> str:
    """``word`` as LIKE takes it for itself."""
    return "".join(f"{_ESCAPE}{one}" if one in f"%_{_ESCAPE}" else one for one in word)


def parts_of(connection: Connection, root: int) -> dict[int, list[Candidate]]:
    """What can be split from a problem, by the pattern that joined it: that one first, then all that goes with it."""
    ours = members.ids_of(root)
    rows: list[Any] = [
        *connection.execute(
            select(merges.c.child_id, merges.c.parent_id)
            .where(merges.c.undone_at.is_(None), merges.c.child_id.in_(ours))
            .order_by(merges.c.id)
        )
    ]
    below: dict[int, list[int]] = {}
    for child, parent in rows:
        below.setdefault(parent, []).append(child)
    columns = [patterns.c[name] for name in Candidate.__struct_fields__ if name != "id"]
    known = members.by_id(connection, {row[0] for row in rows}, *columns)
    found: dict[int, list[Candidate]] = {}
    for child, _ in rows:
        leaving = [child]
        for one in leaving:  # grows while it is walked
            leaving += [other for other in below.get(one, ()) if other not in leaving]
        found[child] = [Candidate(*known[one]) for one in leaving if one in known]
    return found

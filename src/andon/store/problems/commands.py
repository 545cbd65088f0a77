"""What people change in the database beside a running service: merging, splitting, fixing, asking again.

Each function is one transaction on a connection of its own, like a visitor's: it waits for the service's lock at most
:data:`BUSY_TIMEOUT` seconds, and the service picks the change up with its next batch. All raise
StoreUnavailable where the database cannot be used and NotFound where there is no such pattern.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

from sqlalchemy import Connection, select, update

from andon.core.errors import NotFound, StoreError, StoreFull
from andon.core.models import AnalysisStatus, Resolution, Rung, Spent, now_text
from andon.core.settings.database_url import Database
from andon.store.engine import vacuum
from andon.store.engine.database import check_revision, require, translated, writer_engine
from andon.store.engine.database_lock import lock_database
from andon.store.engine.rows import add_to_counters
from andon.store.engine.visitor import change
from andon.store.problems import members, merges
from andon.store.queue import usage
from andon.store.schema.tables import analyses, patterns, resolutions

_LONGEST = 20_000


def merge(db_path: Database, child_id: int, parent_id: int) -> int:
    """Make ``child_id``'s problem part of ``parent_id``'s; the id of the pattern that stands for both.

    Takes back an earlier :func:`split` of the two. Merging what is merged already changes nothing. Raises StoreError
    where both ids are the same.
    """
    if child_id == parent_id:
        raise StoreError(f"pattern {child_id} cannot be merged into itself: name two patterns")

    def work(connection: Connection) -> int:
        child, parent = _root(connection, db_path, child_id), _root(connection, db_path, parent_id)
        if child != parent:
            merges.join_by_hand(connection, child, parent)
        return parent

    return change(db_path, work)


def split(db_path: Database, pattern_id: int) -> int:
    """Take ``pattern_id`` (with all that was merged into it) out of its problem and keep it apart from now on.

    Returns the id of the problem it was part of. It is analyzed again where it has no explanation of its own. Raises
    StoreError where the pattern is not merged into another.
    """

    def work(connection: Connection) -> int:
        root = _root(connection, db_path, pattern_id)
        if root == pattern_id:
            raise StoreError(
                f"pattern {pattern_id} is not merged into another: name one of those that "
                f"`andon patterns show {pattern_id}` lists as merged"
            )
        merges.take_out(connection, pattern_id, root)
        return root

    return change(db_path, work)


def resolve(
    db_path: Database, pattern_id: int, fix: str, cause: str | None = None, author: str | None = None
) -> Resolution:
    """Record a confirmed fix: from now on it is what every log of the problem shows, past and future.

    A waiting analysis of the problem is closed. Raises StoreError where ``fix`` is empty, or a text is longer than
    20,000 characters.
    """
    texts = [text.strip() if text else "" for text in (fix, cause, author)]
    if not texts[0]:
        raise StoreError("a resolution needs a fix: say in --fix what was done")
    if max(map(len, texts)) > _LONGEST:
        raise StoreError(f"a resolution takes texts of {_LONGEST:,} characters at most: shorten it")

    def work(connection: Connection) -> Resolution:
        root = _root(connection, db_path, pattern_id)
        values = {"fix": texts[0], "cause": texts[1] or None, "author": texts[2] or None, "created_at": now_text()}
        made = connection.execute(resolutions.insert().values(pattern_id=pattern_id, **values))
        found = Resolution(id=merges.inserted_id(made), pattern_id=pattern_id, **values)  # type: ignore[arg-type]
        _show_fix(connection, root, found)
        return found

    return change(db_path, work)


def revoke(db_path: Database, pattern_id: int, resolution_id: int | None = None) -> Resolution:
    """Take back a confirmed fix of the problem (its newest, unless an id is given); returns that fix.

    Where the problem shows it, it shows the next confirmed fix instead, else what it showed before, and is analyzed
    again. Raises NotFound where there is no such fix, or it is revoked already.
    """

    def work(connection: Connection) -> Resolution:
        root = _root(connection, db_path, pattern_id)
        standing = members.fixes(connection, root)
        found = next((one for one in standing if resolution_id in (None, one.id)), None)
        if found is None:
            which = "no confirmed fix" if resolution_id is None else f"no confirmed fix {resolution_id}"
            raise NotFound(
                f"pattern {pattern_id} has {which} that stands: `andon patterns show {pattern_id}` lists its fixes"
            )
        connection.execute(update(resolutions).where(resolutions.c.id == found.id).values(revoked_at=now_text()))
        _show_without(connection, root, found, [one for one in standing if one.id != found.id])
        return found

    return change(db_path, work)


def _show_without(connection: Connection, root: int, gone: Resolution, left: list[Resolution]) -> None:
    """Replace the fix where it is shown: by the next one, else by the newest other explanation and a new question."""
    source = f"resolution {gone.id}"
    theirs = select(analyses.c.id).where(analyses.c.source == source)
    showing = select(patterns.c.id).where(patterns.c.id.in_(members.ids_of(root)), patterns.c.analysis_id.in_(theirs))
    shown = list(connection.execute(showing).scalars())
    if not shown:
        return
    if left:
        _show_fix(connection, root, left[0])
        return
    before = connection.execute(
        select(analyses.c.id)
        .where(
            analyses.c.pattern_id.in_(shown),
            analyses.c.text.is_not(None),
            analyses.c.finished_at.is_not(None),
            analyses.c.rung != Rung.RESOLUTION,
        )
        .order_by(analyses.c.id.desc())
        .limit(1)
    ).scalar()
    connection.execute(update(patterns).where(patterns.c.id.in_(shown)).values(analysis_id=before))
    merges.ask(connection, root, "revoked", caller=True)


def reanalyze(db_path: Database, pattern_id: int) -> int:
    """Ask for another analysis of the problem that ``pattern_id`` is part of, ahead of others; the analysis' id.

    What is shown stays until the new answer is there. Where an analysis waits already, that one is moved up.
    """
    return change(
        db_path,
        lambda connection: merges.ask(connection, _root(connection, db_path, pattern_id), "asked", caller=True),
    )


def compact(path: Database) -> tuple[int, int]:
    """Make an SQLite file anew without its free space, able to shrink from then on; its bytes before and after.

    Raises StoreError on PostgreSQL, InUseError while a service runs, StoreFull without room for the second file,
    StoreUnavailable where there is none.
    """
    if not isinstance(path, Path):
        raise StoreError(
            "PostgreSQL gives free space to new logs by itself; VACUUM FULL gives it back to the disk, while nothing "
            "is recorded"
        )
    require(path)
    with lock_database(path):
        engine = writer_engine(path, "normal")
        try:
            with translated(path):
                with engine.begin() as connection:
                    check_revision(connection)
                before = path.stat().st_size
                free = shutil.disk_usage(path.parent).free
                if free < 2 * before:
                    raise StoreFull(
                        f"making {path} anew takes about {2 * before:,} bytes for a while, and {free:,} are free: make "
                        "room"
                    )
                vacuum.vacuum(engine)
            return before, path.stat().st_size
        finally:
            engine.dispose()


class SharedSpending:
    """:class:`Spending` for a command that asks the model itself: its calls count like the service's."""

    def __init__(self, db_path: Database) -> None:
        self._path = db_path

    async def spent(self, since: float) -> Spent:
        """Model calls and tokens since the minute of ``since`` (unix seconds). Raises StoreError."""
        return await asyncio.to_thread(change, self._path, lambda connection: usage.spent(connection, since))

    async def spend(self, calls: int, tokens: int) -> None:
        """Note model calls or tokens in the present minute. Raises StoreError."""
        await asyncio.to_thread(
            change, self._path, lambda connection: usage.spend(connection, time.time(), calls, tokens)
        )


def rendered(fix: Resolution) -> str:
    """A confirmed fix as the text that logs show."""
    by = f" by {fix.author}" if fix.author else ""
    cause = f"\nCause: {fix.cause}" if fix.cause else ""
    return f"Confirmed fix: {fix.fix}{cause}\n(Confirmed{by} on {fix.created_at[:10]}.)"


def _show_fix(connection: Connection, root: int, fix: Resolution) -> None:
    """A finished analysis with the fix as its text, shown by the whole problem at once."""
    waiting = merges.open_analysis(connection, root)
    if waiting is not None:
        merges.supersede(connection, waiting, f"superseded: resolution {fix.id}")
    made = connection.execute(
        analyses.insert().values(
            pattern_id=root,
            reason="resolved",
            status=AnalysisStatus.DONE,
            caller=False,
            tier=0,
            score=0,
            created_at=fix.created_at,
            not_before=0.0,
            attempts=0,
            rung=Rung.RESOLUTION,
            provisional=False,
            text=rendered(fix),
            source=f"resolution {fix.id}",
            finished_at=fix.created_at,
        )
    )
    analysis_id = merges.inserted_id(made)
    add_to_counters(connection, {f"rung:{Rung.RESOLUTION}": 1})
    # The pattern that was named shows it too, should it be split from the rest one day.
    for one in {root, fix.pattern_id}:
        connection.execute(update(patterns).where(patterns.c.id == one).values(analysis_id=analysis_id))
    members.note_explained(connection, root, time.time())


def _root(connection: Connection, db_path: Database, pattern_id: int) -> int:
    root = members.root_of(connection, pattern_id)
    if root is None:
        raise NotFound(f"no pattern {pattern_id} in {db_path}: `andon patterns` lists those that are there")
    return root

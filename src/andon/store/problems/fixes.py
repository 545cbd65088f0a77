"""Confirmed fixes: recording one, which is what its problem shows from then on, and taking one back."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select, update

from andon.core.errors import NotFound, StoreError
from andon.core.models import AnalysisStatus, Resolution, Rung
from andon.core.times import stored
from andon.store.engine import audit
from andon.store.engine.counters import add_to_counters
from andon.store.problems import analysis_rows, members, merges, second_opinions, verdicts
from andon.store.schema.tables import analyses, patterns, resolutions

_LONGEST = 20_000
#: So many characters of a text are told in the audit book.
_TOLD = 500


def resolve(
    connection: Connection, pattern_id: int, fix: str, cause: str | None, author: str | None, now: float
) -> Resolution:
    """Record a confirmed fix: from now on it is what every log of the problem shows, past and future.

    A waiting analysis of the problem is closed; what the problem showed counts as helpful where the fix says the same.
    Raises StoreError where ``fix`` is empty, or a text is longer than 20,000 characters, and NotFound.
    """
    texts = [text.strip() if text else "" for text in (fix, cause, author)]
    if not texts[0]:
        raise StoreError("a fix needs a text: say what was done")
    if max(map(len, texts)) > _LONGEST:
        raise StoreError(f"a text of a fix has at most {_LONGEST:,} characters: shorten it")
    root = members.known_root(connection, pattern_id)
    values = {"fix": texts[0], "cause": texts[1] or None, "author": texts[2] or None, "created_at": stored(now)}
    found = add(connection, Resolution(id=0, pattern_id=pattern_id, **values))  # type: ignore[arg-type]
    verdicts.note_fix(connection, root, found, now)
    show(connection, root, found, now)
    told = {"fix": found.id, "text": found.fix[:_TOLD], "cause": (found.cause or "")[:_TOLD]}
    audit.note(connection, found.author, "problem.resolve", f"pattern {pattern_id}", told)
    return found


def add(connection: Connection, fix: Resolution) -> Resolution:
    """Store a fix as it is, but for its id."""
    values = msgspec.structs.asdict(fix)
    del values["id"]
    made = connection.execute(resolutions.insert().values(values))
    return msgspec.structs.replace(fix, id=analysis_rows.inserted_id(made))


def revoke(
    connection: Connection, pattern_id: int, resolution_id: int | None, now: float, by: str | None = None
) -> Resolution:
    """Take back a confirmed fix of the problem (its newest, unless an id is given); returns that fix.

    Where the problem shows it, it shows the next confirmed fix instead, else what it showed before, and is analyzed
    again. Raises NotFound where there is no such fix, or it is revoked already.
    """
    root = members.known_root(connection, pattern_id)
    standing = members.fixes(connection, root)
    found = next((one for one in standing if resolution_id in (None, one.id)), None)
    if found is None:
        which = "no confirmed fix" if resolution_id is None else f"no confirmed fix {resolution_id}"
        raise NotFound(
            f"problem {pattern_id} has {which} that is in force: `andon problems show {pattern_id}` lists its fixes"
        )
    connection.execute(update(resolutions).where(resolutions.c.id == found.id).values(revoked_at=stored(now)))
    verdicts.forget_fix(connection, found, now)
    _show_without(connection, root, found, [one for one in standing if one.id != found.id], now)
    told = {"fix": found.id, "text": found.fix[:_TOLD]}
    audit.note(connection, by, "problem.revoke", f"pattern {pattern_id}", told)
    return found


def _show_without(connection: Connection, root: int, gone: Resolution, left: list[Resolution], now: float) -> None:
    """Replace the fix where it is shown: by the next one, else by the newest other explanation and a new question."""
    source = f"resolution {gone.id}"
    theirs = select(analyses.c.id).where(analyses.c.source == source)
    showing = select(patterns.c.id).where(patterns.c.id.in_(members.ids_of(root)), patterns.c.analysis_id.in_(theirs))
    shown = list(connection.execute(showing).scalars())
    if not shown:
        return
    if left:
        show(connection, root, left[0], now)
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


def rendered(fix: Resolution) -> str:
    """A confirmed fix as the text that logs show."""
    by = f" by {fix.author}" if fix.author else ""
    cause = f"\nCause: {fix.cause}" if fix.cause else ""
    return f"Confirmed fix: {fix.fix}{cause}\n(Confirmed{by} on {fix.created_at[:10]}.)"


def show(connection: Connection, root: int, fix: Resolution, now: float) -> None:
    """A finished analysis with the fix as its text, shown by the whole problem at once."""
    waiting = merges.open_analysis(connection, root)
    if waiting is not None:
        merges.supersede(connection, waiting, f"superseded: resolution {fix.id}")
    analysis_id = analysis_rows.add(
        connection,
        pattern_id=root,
        reason="resolved",
        status=AnalysisStatus.DONE,
        created_at=fix.created_at,
        rung=Rung.RESOLUTION,
        text=rendered(fix),
        source=f"resolution {fix.id}",
        finished_at=fix.created_at,
    )
    add_to_counters(connection, {f"rung:{Rung.RESOLUTION}": 1})
    # The pattern that was named shows it too, should it be split from the rest one day.
    for one in {root, fix.pattern_id}:
        members.update_pattern(connection, one, analysis_id=analysis_id)
    second_opinions.forget_others(connection, root)
    members.note_explained(connection, root, now)

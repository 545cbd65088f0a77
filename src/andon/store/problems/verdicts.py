"""What technicians say of explanations: helpful or wrong. Models and rules are trusted by it.

A person's last word on an explanation counts. A confirmed fix that says what was shown is a word for it as well.
"""

from __future__ import annotations

import re
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import Connection, Row, Select, select, update

from andon.core.errors import NotFound, StoreError
from andon.core.models import Resolution, Rung
from andon.core.times import stored
from andon.store.engine import audit
from andon.store.problems import analysis_rows, members, second_opinions
from andon.store.schema.tables import analyses, verdicts

Word = Literal["helpful", "wrong"]
WORDS: tuple[str, ...] = get_args(Word)
_LONGEST = 2_000
#: A fix says what was shown where it shares so many words with it, and at least this share of its own.
_SHARED, _SHARE = 2, 0.5
_WORD = re.compile(r"[^\W\d_]{3,}")
#: Letters of a word that tell it: "cleaned" and "cleaning" are one.
_STEM = 5
_EMPTY = frozenset(
    {"the", "and", "was", "were", "are", "for", "with", "from", "that", "this", "had", "has", "have", "not", "but"}
    | {
        "der",
        "die",
        "das",
        "und",
        "war",
        "mit",
        "von",
        "vom",
        "für",
        "auf",
        "aus",
        "den",
        "dem",
        "ein",
        "eine",
        "einen",
    }
)


class Verdict(msgspec.Struct, frozen=True):
    """One word on one explanation: who said what of it, and whose it was.

    ``second`` says that it is about a second opinion.
    """

    id: int
    analysis_id: int
    pattern_id: int | None
    verdict: str
    created_at: str
    author: str | None
    note: str | None
    rung: str | None
    source: str | None
    provider: str | None
    model: str | None
    second: bool = False


def judge(
    connection: Connection,
    pattern_id: int,
    word: str,
    author: str | None,
    note: str | None,
    now: float,
    *,
    second: bool = False,
) -> Verdict:
    """A word on what a problem shows, or with ``second`` on the second opinion below it.

    Raises NotFound where there is no such problem or nothing to judge, and StoreError as :func:`add`.
    """
    made = add(connection, _judged(connection, pattern_id, second=second), word, author, note, now)
    _tell(connection, "problem.judge", pattern_id, made)
    return made


def take_back(
    connection: Connection, pattern_id: int, author: str | None, now: float, *, second: bool = False
) -> Verdict:
    """Take back a person's word on what a problem shows. Raises NotFound where there is none."""
    analysis_id = _judged(connection, pattern_id, second=second)
    query = _standing().where(verdicts.c.analysis_id == analysis_id, verdicts.c.author.is_not_distinct_from(author))
    row = connection.execute(query.limit(1)).one_or_none()
    if row is None:
        who = author or "an unknown person"
        raise NotFound(f"{who} gave no verdict on problem {pattern_id}: name who did with --by")
    revoke(connection, row.id, now)
    taken = _verdict(row)
    _tell(connection, "problem.unjudge", pattern_id, taken)
    return taken


def _tell(connection: Connection, what: str, pattern_id: int, said: Verdict) -> None:
    told = {"verdict": said.verdict, "analysis": said.analysis_id, "second": said.second, "note": said.note}
    audit.note(connection, said.author, what, f"pattern {pattern_id}", told)


def _judged(connection: Connection, pattern_id: int, *, second: bool) -> int:
    root = members.known_root(connection, pattern_id)
    shown = members.shown(connection, root)
    if shown is None:
        raise NotFound(f"problem {pattern_id} has no explanation yet: `andon queue` shows what it waits for")
    if not second:
        return shown.analysis_id
    below = second_opinions.shown_below(connection, [shown.analysis_id]).get(shown.analysis_id)
    if below is None:
        raise NotFound(f"problem {pattern_id} has no second opinion: omit --second to judge its explanation")
    return below.analysis_id


def add(
    connection: Connection, analysis_id: int, word: str, author: str | None, note: str | None, now: float
) -> Verdict:
    """Keep a word on an explanation, in place of what the same person said of it before.

    Raises StoreError where it is none of :data:`WORDS` or a text is too long, and NotFound where nothing was explained.
    """
    if word not in WORDS:
        raise StoreError(f"{word!r} is not a verdict: use helpful or wrong")
    author, note = ((text or "").strip() or None for text in (author, note))
    if max(len(author or ""), len(note or "")) > _LONGEST:
        raise StoreError(f"a text of a verdict has at most {_LONGEST:,} characters: shorten it")
    row = connection.execute(select(analyses).where(analyses.c.id == analysis_id)).one_or_none()
    if row is None or row.text is None:
        raise NotFound(f"analysis {analysis_id} has no explanation: name one that has")
    earlier = select(verdicts.c.id).where(
        verdicts.c.analysis_id == analysis_id,
        verdicts.c.author.is_not_distinct_from(author),
        verdicts.c.revoked_at.is_(None),
    )
    for one in connection.execute(earlier).scalars().all():
        revoke(connection, one, now)
    values = {"verdict": word, "created_at": stored(now), "author": author, "note": note}
    values |= {name: getattr(row, name) for name in ("rung", "source", "provider", "model", "prompt_version")}
    made = verdicts.insert().values(analysis_id=analysis_id, pattern_id=_pattern_of(connection, row), **values)
    id_ = analysis_rows.inserted_id(connection.execute(made))
    return _verdict(connection.execute(_standing().where(verdicts.c.id == id_)).one())


def _pattern_of(connection: Connection, row: Row[Any]) -> int | None:
    """The problem that an explanation is about; None for one of a single log."""
    if row.second_of is None:
        return row.pattern_id  # type: ignore[no-any-return]
    return connection.execute(select(analyses.c.pattern_id).where(analyses.c.id == row.second_of)).scalar()


def revoke(connection: Connection, verdict_id: int, now: float) -> None:
    """Take a verdict back; it counts no longer."""
    connection.execute(update(verdicts).where(verdicts.c.id == verdict_id).values(revoked_at=stored(now)))


def of_problem(connection: Connection, pattern_id: int) -> list[Verdict]:
    """The verdicts that stand on explanations of a problem, newest first. Raises NotFound."""
    root = members.known_root(connection, pattern_id)
    query = _standing().where(verdicts.c.pattern_id.in_(members.ids_of(root))).order_by(verdicts.c.id.desc())
    return [_verdict(row) for row in connection.execute(query)]


def _standing() -> Select[Any]:
    names = [verdicts.c[name] for name in Verdict.__struct_fields__ if name != "second"]
    return (
        select(*names, analyses.c.second_of)
        .outerjoin(analyses, analyses.c.id == verdicts.c.analysis_id)
        .where(verdicts.c.revoked_at.is_(None))
    )


def _verdict(row: Row[Any]) -> Verdict:
    values: dict[str, Any] = dict(zip(row._fields, row, strict=True))
    below = values.pop("second_of")
    return Verdict(**values, second=below is not None)


def note_fix(connection: Connection, root: int, fix: Resolution, now: float) -> None:
    """A confirmed fix that says what the problem showed until then, or what stood below that, calls it helpful."""
    shown = members.shown(connection, root)
    if shown is None or shown.rung not in (Rung.MODEL, Rung.PLAYBOOK):
        return
    below = second_opinions.shown_below(connection, [shown.analysis_id]).get(shown.analysis_id)
    for analysis_id in (shown.analysis_id, *([] if below is None else [below.analysis_id])):
        row = connection.execute(select(analyses).where(analyses.c.id == analysis_id)).one()
        if _agree(f"{fix.fix} {fix.cause or ''}", _advice(row)):
            add(connection, analysis_id, "helpful", fix.author, _by_fix(fix), now)


def forget_fix(connection: Connection, fix: Resolution, now: float) -> None:
    """The fix is revoked, and what it said of explanations with it."""
    said = select(verdicts.c.id).where(verdicts.c.note == _by_fix(fix), verdicts.c.revoked_at.is_(None))
    for one in connection.execute(said).scalars().all():
        revoke(connection, one, now)


def _by_fix(fix: Resolution) -> str:
    return f"confirmed by fix {fix.id}"


def _advice(row: Row[Any]) -> str:
    """Cause and checks of an explanation; its summary only repeats the log."""
    if row.finding is None:
        return row.text or ""
    found = msgspec.json.decode(row.finding)
    checks = found.get("checks")
    return " ".join([str(found.get("probable_cause", "")), *map(str, checks if isinstance(checks, list) else [])])


def _agree(fix: str, advice: str) -> bool:
    ours, theirs = _stems(fix), _stems(advice)
    shared = len(ours & theirs)
    return shared >= _SHARED and shared >= _SHARE * len(ours)


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in _WORD.findall(text.casefold()) if word not in _EMPTY}

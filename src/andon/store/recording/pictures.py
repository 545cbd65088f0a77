"""Pictures of logs: kept once by what is in them, named by the logs, fetched later where a log only names an object."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, select, update

from andon.core.models import LogRecord, NewPicture, Picture, PictureFetch, PictureReference, now_text
from andon.store.engine.bulk_insert import insert_rows
from andon.store.engine.counters import add_to_counters
from andon.store.schema.dialect import inserting
from andon.store.schema.tables import log_pictures, log_rows, logs, picture_fetches, pictures

_NOTES_MAX = 4000
#: References that may wait to be fetched; those of further logs are noted and left.
PENDING_MAX = 10_000

_DESCRIPTION = [pictures.c[name] for name in Picture.__struct_fields__ if name != "data"]
# In the order of PictureFetch's fields.
_FETCHES = select(*(picture_fetches.c[name] for name in ("id", "log_id", "position", "bucket", "object", "attempts")))


def keep(connection: Connection, records: Sequence[LogRecord], ids: Sequence[int], now: float) -> tuple[int, int, int]:
    """Store what came with these new logs: how many pictures are new, are to be fetched, and found no place to wait."""
    shown = [(log_id, one) for log_id, record in zip(ids, records, strict=True) for one in record.pictures]
    wanted = [(log_id, one) for log_id, record in zip(ids, records, strict=True) for one in record.references]
    new = 0
    if shown:
        new = _insert(connection, (one for _, one in shown))
        for log_id, one in shown:
            _name(connection, log_id, one)
    if not wanted:
        return new, 0, 0
    waiting = connection.execute(select(func.count()).select_from(picture_fetches)).scalar_one()
    room = max(0, PENDING_MAX - waiting)
    insert_rows(
        connection,
        "picture_fetches",
        ("log_id", "position", "bucket", "object", "attempts", "not_before"),
        [(log_id, one.position, one.bucket, one.name, 0, now) for log_id, one in wanted[:room]],
    )
    for log_id, reference in wanted[room:]:
        _note(connection, log_id, reference, f"{PENDING_MAX:,} pictures are already waiting to be fetched")
    return new, min(room, len(wanted)), max(0, len(wanted) - room)


def awaited_of(connection: Connection, log_id: int) -> list[PictureFetch]:
    """The pictures of a log that are still to be fetched, in the order of their places."""
    found = connection.execute(_FETCHES.where(picture_fetches.c.log_id == log_id).order_by(picture_fetches.c.position))
    return [PictureFetch(*row) for row in found]


def of_logs(connection: Connection, log_ids: Sequence[int], limit: int, *, data: bool = True) -> list[Picture]:
    """Pictures of these logs, each once, in the order of the logs and of their places; with their bytes or without."""
    query = (
        select(log_pictures.c.log_id, log_pictures.c.position, *_DESCRIPTION)
        .join(pictures, pictures.c.id == log_pictures.c.picture_id)
        .where(log_pictures.c.log_id.in_(log_ids))
    )
    order = {log_id: number for number, log_id in enumerate(log_ids)}
    rows = sorted(connection.execute(query).all(), key=lambda row: (order[row[0]], row[1]))
    found = list({row[2]: Picture(*row[2:]) for row in rows}.values())[: max(0, limit)]
    return [with_data(connection, one) for one in found] if data else found


def with_data(connection: Connection, picture: Picture) -> Picture:
    """The same picture with its bytes."""
    data = connection.execute(select(pictures.c.data).where(pictures.c.id == picture.id)).scalar_one()
    return msgspec.structs.replace(picture, data=bytes(data))


def _insert(connection: Connection, found: Iterable[NewPicture]) -> int:
    """Insert those that are not there yet; how many that were."""
    distinct = {one.sha256: one for one in found}
    there = set(connection.execute(select(pictures.c.sha256).where(pictures.c.sha256.in_(distinct))).scalars())
    new = 0
    for one in (one for sha256, one in distinct.items() if sha256 not in there):
        values = {**msgspec.structs.asdict(one), "size": len(one.data), "created_at": now_text()}
        del values["position"]
        # another recorder may store the same picture at the same moment
        statement = inserting(connection, pictures).on_conflict_do_nothing(index_elements=["sha256"])
        new += len(connection.execute(statement.values(values).returning(pictures.c.id)).all())
    add_to_counters(connection, {"pictures": new})
    return new


def _name(connection: Connection, log_id: int, picture: NewPicture) -> None:
    of_bytes = select(pictures.c.id).where(pictures.c.sha256 == picture.sha256).scalar_subquery()
    connection.execute(
        log_pictures.insert().values(log_id=log_id, position=picture.position, picture_id=of_bytes),
    )


def awaited(connection: Connection, log_ids: Sequence[int]) -> int:
    """How many pictures of these logs are still to be fetched for the first time."""
    query = (
        select(func.count())
        .select_from(picture_fetches)
        .where(picture_fetches.c.log_id.in_(log_ids), picture_fetches.c.attempts == 0)
    )
    return connection.execute(query).scalar_one()


def due(connection: Connection, limit: int, now: float) -> tuple[list[PictureFetch], float | None]:
    """What is to be fetched at ``now`` (unix seconds), longest due first, or in how many seconds the next will be."""
    table = picture_fetches.c
    query = _FETCHES.where(table.not_before <= now).order_by(table.not_before, table.id).limit(limit)
    found = [PictureFetch(*row) for row in connection.execute(query)]
    if found:
        return found, None
    next_at = connection.execute(select(func.min(table.not_before))).scalar()
    return [], None if next_at is None else max(0.0, next_at - now)


def fetched(connection: Connection, fetch: PictureFetch, picture: NewPicture) -> bool:
    """Store what was fetched and name it in the log's context; whether the picture is new to the store."""
    if not _settled(connection, fetch):
        return False
    row = connection.execute(select(logs.c.context).where(logs.c.id == fetch.log_id)).one_or_none()
    if row is None:  # the log is no longer stored
        return False
    new = _insert(connection, [picture])
    _name(connection, fetch.log_id, picture)
    context = _described(row[0], fetch, picture)
    connection.execute(update(log_rows).where(log_rows.c.id == fetch.log_id).values(context=context))
    return new > 0


def postpone_fetch(connection: Connection, fetch: PictureFetch, until: float, *, counted: bool = True) -> None:
    """Try this one again at ``until`` (unix seconds); without ``counted`` the try was not the reference's fault."""
    later = update(picture_fetches).where(picture_fetches.c.id == fetch.id)
    connection.execute(later.values(attempts=fetch.attempts + counted, not_before=until))


def give_up(connection: Connection, fetch: PictureFetch, reason: str) -> None:
    """Fetch this one no more; the log's notes say why."""
    if _settled(connection, fetch):
        _note(connection, fetch.log_id, fetch, reason)


def _note(connection: Connection, log_id: int, wanted: PictureFetch | PictureReference, reason: str) -> None:
    """Say in the log's notes why this picture is not kept."""
    row = connection.execute(select(logs.c.notes).where(logs.c.id == log_id)).one_or_none()
    if row is not None:
        note = f"images[{wanted.position}] ({wanted.bucket}/{wanted.name}) not kept: {reason}"
        notes = "; ".join(part for part in (row[0], note) if part)[:_NOTES_MAX]
        connection.execute(update(log_rows).where(log_rows.c.id == log_id).values(notes=notes))


def _settled(connection: Connection, fetch: PictureFetch) -> bool:
    """Take the row away; False where another process has done so already."""
    return connection.execute(delete(picture_fetches).where(picture_fetches.c.id == fetch.id)).rowcount > 0


def _described(context: str | None, fetch: PictureFetch, picture: NewPicture) -> str | None:
    """The log's context with the picture's description in place of the reference."""
    told = {**picture.described(), "object": f"{fetch.bucket}/{fetch.name}"}
    try:
        fields = msgspec.json.decode(context or "", type=dict[str, msgspec.Raw])  # what is not ours stays to the letter
        images: Any = json.loads(bytes(fields["images"]))
        if isinstance(images, list):
            images[fetch.position] = told
        else:
            images = told
        fields["images"] = msgspec.Raw(json.dumps(images, separators=(",", ":")).encode())
        return msgspec.json.encode(fields).decode()
    except (ValueError, LookupError, RecursionError):  # a context no program can read, or one that was changed since
        return context

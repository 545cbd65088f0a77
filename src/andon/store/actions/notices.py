"""What people were told of: a row for each route (or rule) and thing, which holds what was told last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_, delete, or_, select, update

from andon.core.models.actions import Notice
from andon.store.schema.action_tables import notices
from andon.store.schema.dialect import inserting, portions

#: Routes that one question names.
_AT_ONCE = 400
_NAMES = Notice.__struct_fields__


def of_routes(connection: Connection, routes: Sequence[str]) -> dict[str, dict[str, Notice]]:
    """What is known by route and thing; of each route at least an empty one."""
    found: dict[str, dict[str, Notice]] = {route: {} for route in routes}
    for part in portions(routes, _AT_ONCE):
        for row in connection.execute(select(*_columns()).where(notices.c.route.in_(part))):
            found[row.route][row.about] = _notice(row)
    return found


def keep(connection: Connection, changed: Iterable[Notice]) -> None:
    """Store these as they are now, in place of what was known of the same things by the same routes."""
    rows = [msgspec.structs.asdict(one) for one in changed]
    if not rows:
        return
    insert = inserting(connection, notices)
    others = {name: insert.excluded[name] for name in _NAMES if name not in ("route", "about")}
    connection.execute(insert.on_conflict_do_update(index_elements=["route", "about"], set_=others), rows)


def unchanged(connection: Connection, read: Iterable[Notice | tuple[str, str]]) -> bool:
    """Whether the rows are still as they were read; a pair names a route and a thing of which there was none."""
    for one in read:
        route, about = one if isinstance(one, tuple) else (one.route, one.about)
        row = connection.execute(
            select(*_columns()).where(notices.c.route == route, notices.c.about == about)
        ).one_or_none()
        if (None if row is None else _notice(row)) != (None if isinstance(one, tuple) else one):
            return False
    return True


def forget(connection: Connection, state: str, before: float) -> None:
    """Delete what is in ``state`` and has not changed since."""
    last = and_(notices.c.told < before, or_(notices.c.ended.is_(None), notices.c.ended < before))
    connection.execute(delete(notices).where(notices.c.state == state, last))


def told_by(connection: Connection, route: str, about: Sequence[str], action_id: int) -> None:
    """Note which message told of these things."""
    for part in portions(about):
        connection.execute(
            update(notices).where(notices.c.route == route, notices.c.about.in_(part)).values(action_id=action_id)
        )


def _columns() -> list[Any]:
    return [notices.c[name] for name in _NAMES]


def _notice(row: Row[Any]) -> Notice:
    return Notice(**dict(zip(_NAMES, row, strict=True)))

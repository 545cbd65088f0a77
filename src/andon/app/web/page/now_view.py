"""What of the board one page of Now shows: a part of the plant, and not more than people can look through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from andon.app.web.page.rendering import number
from andon.core.models import SEVERITY_RANK
from andon.insight.now.board import Board
from andon.insight.now.problem_row import Row

#: So many problems are in a page at most, and so many of those that cleared.
ROWS_MAX, CLEARED_MAX = 100, 20

Name = Annotated[str, Field(max_length=200)]


class Asked(BaseModel):
    """The filters of the address."""

    model_config = ConfigDict(frozen=True)

    area: Name | None = None
    line: Name | None = None
    flag: Literal["stale", "chattering", "new"] | None = None


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown. ``more`` says what is left out; ``shown`` is the row of the panel: the chosen, else the first out
    of a flood, else the worst. ``heads`` are the headings of the three lists."""

    board: Board
    waiting: list[Row]
    acknowledged: list[Row]
    cleared: list[Row]
    heads: dict[str, str]
    more: str | None
    shown: Row | None
    areas: list[str]

    @property
    def rows(self) -> list[Row]:
        """All of them, and those that people put aside: a shelved row stays in its place until the list is new."""
        return [*self.waiting, *self.acknowledged, *self.cleared, *self.board.shelved]

    @property
    def active(self) -> int:
        """How many there are that did not clear."""
        return len(self.waiting) + len(self.acknowledged)

    def followers(self) -> list[Row]:
        """What followed the first out."""
        return [row for row in self.waiting if row.follows]


def look(board: Board, asked: Asked, row_id: str | None = None) -> View:
    """The part of the board that is asked for."""
    waiting = [row for row in board.waiting if _is_asked(row, asked)]
    acknowledged = [row for row in board.acknowledged if _is_asked(row, asked)]
    cleared = [row for row in board.cleared if _is_asked(row, asked)]
    shown_waiting = waiting[:ROWS_MAX]
    shown_acknowledged = acknowledged[: ROWS_MAX - len(shown_waiting)]
    left = [*waiting[len(shown_waiting) :], *acknowledged[len(shown_acknowledged) :]]
    chosen = board.row(row_id) if row_id else None
    return View(
        board=board,
        waiting=shown_waiting,
        acknowledged=shown_acknowledged,
        cleared=cleared[:CLEARED_MAX],
        heads={
            "waiting": f"Not acknowledged: {_problems(waiting)}",
            "acknowledged": f"Acknowledged, still active: {_problems(acknowledged)}",
            "cleared": f"Cleared this shift: {_problems(cleared)}",
        },
        more=_more(left),
        shown=chosen or _first_out(waiting) or next(iter([*waiting, *acknowledged]), None),
        areas=sorted({tile.area for tile in board.tiles if tile.area}),
    )


def _is_asked(row: Row, asked: Asked) -> bool:
    if asked.flag is not None and asked.flag not in row.flags:
        return False
    wanted = asked.area, asked.line
    return any(
        all(name is None or name == given for name, given in zip(wanted, (area, line), strict=True))
        for _, area, line in row.places
    )


def _first_out(rows: Iterable[Row]) -> Row | None:
    return next((row for row in rows if "first-out" in row.flags), None)


def _problems(rows: Sequence[Row]) -> str:
    return f"{number(len(rows))} problem{'' if len(rows) == 1 else 's'}"


def _more(left: Sequence[Row]) -> str | None:
    if not left:
        return None
    worst = max((row.severity for row in left), key=lambda one: SEVERITY_RANK.get(one, 0))
    return f"and {number(len(left))} more problem{'' if len(left) == 1 else 's'}, none above {worst.capitalize()}"

"""What may be told to people: things that stand, and the messages about them. Values without a will. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from andon.act.rule_matching import Candidate, fits, is_there
from andon.core.models import SEVERITY_RANK
from andon.core.models.actions import Notice
from andon.core.settings.connectors.action_settings import Kind, Route

#: What is over and comes again within so many seconds never was over; so many times that, for what comes so often.
HOLD, HOLD_TIMES = 600.0, 24
#: While a flood goes on, messages are so far apart at least, in seconds.
FLOOD_GROUP = 600.0

#: States of a row: kept back (quiet hours, or it came and went before the next message), told alone, told with others,
#: told by the flood that it belongs to, over and told so.
HELD, RAISED, GROUPED, COVERED, OVER = "held", "raised", "grouped", "covered", "over"
#: The row of a route that says since when it is known.
BEGUN = "begun"
TOLD = (RAISED, GROUPED)

#: What a message tells of its things.
Phase = Literal["raised", "acknowledged", "ended", "escalated", "told"]


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """Something that stands now, or lately was over.

    ``about`` names it for ever. ``state`` is ``over`` from ``over_at`` on; ``by`` and ``note`` are those of who
    acknowledged it at ``acknowledged_at``. ``count`` is how often it came lately. ``where`` is its place in words,
    ``says`` are sentences about it. ``with_flood``: it belongs to the flood that goes on.
    """

    about: str
    kind: Kind
    seen: Candidate
    state: Literal["waiting", "acknowledged", "over"] = "waiting"
    since: float
    over_at: float | None = None
    reported: bool = True
    count: int = 1
    problem_id: int | None = None
    where: str = ""
    says: tuple[str, ...] = ()
    by: str | None = None
    note: str | None = None
    acknowledged_at: float | None = None
    with_flood: bool = False

    @property
    def title(self) -> str:
        """What it is called."""
        return self.seen.title

    @property
    def severity(self) -> str:
        """How bad it is."""
        return self.seen.severity


class Member(msgspec.Struct, frozen=True):
    """A thing in a message: what is known of it, and itself where it still stands."""

    notice: Notice
    thing: Thing | None

    @property
    def over(self) -> bool:
        """Whether it is over."""
        return self.thing is None or self.thing.state == "over"


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is due: to whom, of what, and in which state that is. ``about`` is the same for all messages of
    one thing, or of several that were told together at ``told``. ``left`` is what a flood leaves behind, ``worse`` says
    that it was told before as less bad. ``quiet`` names the quiet hours that kept it back."""

    phase: Phase
    kind: Kind
    about: str
    told: float
    to: tuple[str, ...]
    members: tuple[Member, ...]
    left: tuple[Member, ...] = ()
    quiet: str = ""
    worse: bool = False

    @property
    def severity(self) -> str:
        """The worst of its members."""
        return max((one.notice.severity for one in self.members), key=rank)


class Decision(msgspec.Struct, frozen=True):
    """What to tell, the rows that change with it (None of a row: there was none), and when to look again."""

    tellings: tuple[Telling, ...]
    changed: tuple[Notice, ...]
    due: float | None


def rank(severity: str) -> int:
    """How bad a severity is."""
    return SEVERITY_RANK.get(severity, 0)


def kind_of(about: str) -> Kind:
    """The kind of a thing by its name."""
    first = about.partition("-")[0].partition("@")[0]
    return _KINDS.get(first, "problem")


_KINDS: dict[str, Kind] = {
    "problem": "problem",
    "alarm": "problem",
    "flood": "flood",
    "source": "source",
    "deaf": "source",
    "model": "model",
    "stream": "stream",
    "disk": "stream",
    "queue": "stream",
    "shift": "shift",
}


def hold(count: int) -> float:
    """For how long something that comes so often is the same although it seems to be over."""
    return HOLD * min(max(1, count), HOLD_TIMES)


def state_of(alone: bool) -> str:
    """The state of what is told now."""
    return RAISED if alone else GROUPED


def in_order(members: Iterable[Member]) -> tuple[Member, ...]:
    """The worst first, then what still stands, then the oldest."""
    return tuple(
        sorted(members, key=lambda one: (-rank(one.notice.severity), one.over, one.notice.since, one.notice.about))
    )


def worse(one: str, other: str) -> str:
    """The worse of two severities."""
    return one if rank(one) >= rank(other) else other


def is_asked(route: Route, thing: Thing) -> bool:
    """Whether a route tells of such a thing. Of severity, service and text only problems are asked."""
    if thing.kind not in route.about:
        return False
    if thing.kind == "problem":
        return fits(route, thing.seen)
    return thing.kind not in ("flood", "source") or is_there(route, thing.seen.spots)


def is_followed(route: Route, known: Mapping[str, Notice], thing: Thing) -> bool:
    """Whether it was told already: its end is the end of all of it, not that it is less bad."""
    row = known.get(thing.about)
    return row is not None and row.state != OVER and thing.kind in route.about

"""What people are told, and when: decided from what stands now and what they were told before. Pure.

A *thing* is a problem, a flood, a silent source, trouble of Andon's own or the end of a shift. A route tells a thing
once for each of its states, alone or together with others; what was told together ends together. The same question
asked again, after a restart too, tells nothing twice. Moments are unix seconds.

- What comes within ``group`` of the last message is told in the next one. What is CRITICAL waits for CRITICAL only.
- A flood is one thing: while it goes on, its problems are told with it, but for those that are CRITICAL.
- What is over and comes again is the same thing for ten minutes, and for longer the more often it comes.
- In quiet hours what is not CRITICAL is kept, and told at their end, also where it is over by then.
- What nobody acknowledges in time is told others too, until somebody does or it is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from andon.act.news import (
    BEGUN,
    COVERED,
    FLOOD_GROUP,
    HELD,
    HOLD,
    OVER,
    RAISED,
    TOLD,
    Decision,
    Member,
    Phase,
    Telling,
    Thing,
    hold,
    in_order,
    is_asked,
    is_followed,
    kind_of,
    rank,
    state_of,
    worse,
)
from andon.act.quiet_hours import QuietHours
from andon.core.models.actions import Notice
from andon.core.settings.connectors.action_settings import Kind, Route, parse_pause

#: What somebody can acknowledge, so that others are told where nobody does.
_ACKNOWLEDGED: tuple[Kind, ...] = ("problem", "flood")


def decide(
    route: Route, quiet: QuietHours, known: Mapping[str, Notice], things: Iterable[Thing], now: float
) -> Decision:
    """What a route tells ``now``; ``known`` are its rows, ``things`` all that stands and what was over lately."""
    asked = {one.about: one for one in things if is_asked(route, one) or is_followed(route, known, one)}
    return _Look(route, quiet, dict(known), asked, now).decided()


class _Look:
    """One decision in the making."""

    def __init__(
        self, route: Route, quiet: QuietHours, rows: dict[str, Notice], things: dict[str, Thing], now: float
    ) -> None:
        self._route, self._quiet, self._now = route, quiet, now
        self._before = rows
        self._rows = dict(rows)
        begun = Notice(route=route.known_as, about=BEGUN, state=BEGUN, since=now)
        self._begun = self._rows.setdefault(BEGUN, begun).since
        self._things = things
        self._quiet_end = quiet.end(now)
        self._tellings: list[Telling] = []
        self._due: list[float] = []
        standing = self._is_told("flood") or ("flood" in things and things["flood"].state != "over")
        self._flooded = standing or any(one.with_flood for one in things.values())
        self._flood_told = "flood" in route.about and standing

    def decided(self) -> Decision:
        """The whole of it."""
        new = [one for one in self._things.values() if self._is_new(one)]
        self._mark_over()
        for kind in self._route.about:
            of_kind = [one for one in new if one.kind == kind]
            if kind == "shift":
                for one in of_kind:
                    self._tell_new(kind, [one])
            else:
                self._tell_new(kind, of_kind)
        self._tell_acknowledged()
        self._tell_ended()
        self._escalate()
        changed = tuple(one for about, one in self._rows.items() if self._before.get(about) != one)
        return Decision(tuple(self._tellings), changed, min(self._due, default=None))

    def _is_told(self, about: str) -> bool:
        row = self._rows.get(about)
        return row is not None and row.state in TOLD and row.ended is None

    def _put(self, about: str, **values: object) -> Notice:
        row = msgspec.structs.replace(self._rows[about], **values)
        self._rows[about] = row
        return row

    def _is_new(self, thing: Thing) -> bool:
        """Whether it has to be told as something that began; notes what else became of it."""
        row = self._rows.get(thing.about)
        if thing.kind == "shift":
            return self._is_new_shift(thing, row)
        if row is None or row.state == OVER:
            return self._came_and_went(thing, row) if thing.state == "over" else self._begins(thing, row)
        if thing.state == "over":
            return False  # seen to by what is told of ends
        returned = row.ended is not None and self._now - row.ended >= hold(thing.count)
        if row.ended is not None:
            row = self._put(thing.about, ended=None)
        if row.state == HELD and self._is_covered(thing):
            self._put(thing.about, state=COVERED)
            return False
        if row.state == HELD:
            self._put(thing.about, title=thing.title, severity=worse(row.severity, thing.severity))
            return self._may_tell(thing)
        if thing.state == "acknowledged":
            if row.acknowledged is None:
                self._put(thing.about, acknowledged=thing.acknowledged_at or self._now)
            return False
        if row.acknowledged is not None:
            returned = self._now - row.acknowledged >= hold(thing.count)
            if not returned:
                self._due.append(row.acknowledged + hold(thing.count))
        if row.state == COVERED and thing.severity != "CRITICAL" and (thing.with_flood or not returned):
            return False
        is_worse = thing.kind != "flood" and rank(thing.severity) > rank(row.severity)
        return (returned or is_worse) and self._may_tell(thing)

    def _is_new_shift(self, thing: Thing, row: Notice | None) -> bool:
        """A shift's end is told once, and only where it was not over before the route was there."""
        if row is None and thing.since >= self._begun and not self._may_tell(thing):
            self._rows[thing.about] = self._kept(thing)
            return False
        if row is None and thing.since < self._begun:
            return False
        return (row is None or row.state == HELD) and self._may_tell(thing)

    def _begins(self, thing: Thing, row: Notice | None) -> bool:
        if thing.state != "waiting":
            return False  # somebody has it: nobody needs to be told that it began
        if self._is_covered(thing):
            self._rows[thing.about] = msgspec.structs.replace(self._kept(thing), state=COVERED)
            return False
        if self._may_tell(thing):
            return True
        self._rows[thing.about] = self._kept(thing)
        return False

    def _is_covered(self, thing: Thing) -> bool:
        """Whether the flood that it belongs to is told in its place."""
        return thing.kind == "problem" and thing.with_flood and self._flood_told and thing.severity != "CRITICAL"

    def _came_and_went(self, thing: Thing, row: Notice | None) -> bool:
        """Whether it was there for so short a time that nobody looked meanwhile: that is told too, if only once."""
        if (
            thing.kind not in ("problem", "stream")
            or thing.with_flood
            or thing.over_at is None
            or thing.acknowledged_at is not None
        ):
            return False
        if thing.over_at < self._begun or self._now - thing.over_at >= HOLD:
            return False
        if row is not None and thing.since - (row.ended or row.told) < hold(thing.count):
            return False
        if self._may_tell(thing):
            return True
        self._rows[thing.about] = msgspec.structs.replace(self._kept(thing), ended=thing.over_at)
        return False

    def _may_tell(self, thing: Thing) -> bool:
        if self._quiet_end is None or thing.severity == "CRITICAL":
            return True
        self._due.append(self._quiet_end)
        return False

    def _mark_over(self) -> None:
        """Note of all rows which things are over, and since when."""
        for about, row in list(self._rows.items()):
            thing = self._things.get(about)
            gone = thing is None or thing.state == "over"
            if row.state in (OVER, BEGUN) or not gone or row.ended is not None:
                continue
            at = self._now if thing is None or thing.over_at is None else min(thing.over_at, self._now)
            kept = {"title": thing.title} if thing is not None and thing.kind == "flood" else {}
            self._put(about, ended=at, **kept)

    def _group(self) -> float:
        pause = parse_pause(self._route.group) or 0.0
        return max(pause, FLOOD_GROUP) if self._flooded else pause

    def _tell_new(self, kind: Kind, new: Sequence[Thing]) -> None:
        """Tell what began, with all of its kind that was kept back, where the last message is long enough ago."""
        held = [
            row
            for about, row in self._rows.items()
            if row.state == HELD and kind_of(about) == kind and about not in {one.about for one in new}
        ]
        if kind == "shift":
            held = []
        elif held and self._quiet_end is not None:
            self._due.append(self._quiet_end)
            held = [row for row in held if row.severity == "CRITICAL"]
        if not new and not held:
            return
        worst = max([*(rank(one.severity) for one in new), *(rank(row.severity) for row in held)])
        told = [
            row.told
            for about, row in self._rows.items()
            if kind_of(about) == kind and row.told and rank(row.severity) >= worst
        ]
        next_at = max(told, default=float("-inf")) + self._group()
        if kind not in ("shift", "flood") and self._now < next_at:
            self._due.append(next_at)
            self._keep_back(new)
            return
        self._tell_together(kind, new, held)

    def _keep_back(self, new: Iterable[Thing]) -> None:
        """What comes and goes before the next message is told in it all the same."""
        for thing in new:
            row = self._rows.get(thing.about)
            if row is None or row.state == OVER:
                self._rows[thing.about] = self._kept(thing)

    def _kept(self, thing: Thing) -> Notice:
        """The row of what is not told yet; when it was told before that, if it was, counts for the next message."""
        row = self._rows.get(thing.about)
        return self._row_of(thing, HELD, 0.0 if row is None else row.told)

    def _row_of(self, thing: Thing, state: str, told: float) -> Notice:
        return Notice(
            route=self._route.known_as,
            about=thing.about,
            state=state,
            title=thing.title,
            severity=thing.severity,
            since=thing.since,
            told=told,
            problem_id=thing.problem_id,
        )

    def _tell_together(self, kind: Kind, new: Sequence[Thing], held: Sequence[Notice]) -> None:
        alone = len(new) + len(held) == 1
        before = [row for one in new if (row := self._rows.get(one.about)) is not None]
        late = [row for row in (*before, *held) if row.state == HELD]
        began = {row.about: row.since for row in late}
        members = []
        for thing in new:
            made = self._row_of(thing, OVER if kind == "shift" or thing.state == "over" else state_of(alone), self._now)
            ended = thing.over_at if thing.state == "over" else None
            row = msgspec.structs.replace(made, since=began.get(thing.about, thing.since), ended=ended)
            self._rows[thing.about] = row
            members.append(Member(row, thing))
        for old in held:
            found = self._things.get(old.about)
            over = found is None or found.state == "over"
            row = self._put(old.about, state=OVER if over else state_of(alone), told=self._now)
            members.append(Member(row, found))
        ends = [self._quiet.end(row.since) for row in late]
        over_all = kind != "shift" and all(one.over for one in members)
        self._tellings.append(
            Telling(
                phase="told" if over_all else "raised",
                kind=kind,
                about=self._message(members[0].notice) if alone else self._group_name(kind, self._now),
                told=self._now,
                to=tuple(self._route.to),
                members=in_order(members),
                quiet=self._quiet.text if any(end is not None and end <= self._now for end in ends) else "",
                worse=alone and any(row.state in TOLD and rank(row.severity) < rank(new[0].severity) for row in before),
            )
        )

    def _group_name(self, kind: Kind, told: float) -> str:
        return f"group-{self._route.known_as}-{kind}-{told:.0f}"

    def _message(self, row: Notice) -> str:
        """What the messages about one thing have in common."""
        return f"flood-{row.since:.0f}" if row.about == "flood" else row.about

    def _together(self) -> list[list[Notice]]:
        """What was told, each message's things together, as they are now."""
        found: dict[object, list[Notice]] = {}
        for about, row in self._rows.items():
            if row.state in TOLD:
                key: object = about if row.state == RAISED else (kind_of(about), row.told)
                found.setdefault(key, []).append(row)
        return list(found.values())

    def _about(self, rows: Sequence[Notice]) -> str:
        first = rows[0]
        if first.state == RAISED:
            return self._message(first)
        return self._group_name(kind_of(first.about), first.told)

    def _tell(self, phase: Phase, rows: Sequence[Notice], to: Sequence[str]) -> None:
        members = [Member(row, self._things.get(row.about)) for row in rows]
        self._tellings.append(
            Telling(
                phase=phase,
                kind=kind_of(rows[0].about),
                about=self._about(rows),
                told=rows[0].told,
                to=tuple(dict.fromkeys(to)),
                members=in_order(members),
                left=self._covered() if phase == "ended" and rows[0].about == "flood" else (),
            )
        )

    def _covered(self) -> tuple[Member, ...]:
        """What a flood leaves behind: problems that were told with it, and wait for somebody."""
        rows = [row for row in self._rows.values() if row.state == COVERED and self._waits(row)]
        return in_order(Member(row, self._things.get(row.about)) for row in rows)

    def _tell_acknowledged(self) -> None:
        """Once somebody has all of what was told together: whoever was told because nobody did, and who asks for it."""
        for rows in self._together():
            before = [self._before.get(row.about) for row in rows]
            if all(row is not None and (row.acknowledged or row.ended) for row in before):
                continue  # told already
            now_all = all(row.acknowledged is not None or row.ended is not None for row in rows)
            if not now_all or not any(row.acknowledged is not None and row.ended is None for row in rows):
                continue
            to = list(self._route.to) if "acknowledged" in self._route.states else []
            if any(row.escalated is not None for row in rows):
                to += self._route.escalate_to
            if to and not self._is_kept_quiet(rows):
                self._tell("acknowledged", rows, to)

    def _tell_ended(self) -> None:
        for about, row in list(self._rows.items()):
            if row.state == COVERED and row.ended is not None:
                self._put(about, state=OVER)
        for rows in self._together():
            if any(row.ended is None for row in rows):
                continue
            last = 0.0
            for row in rows:
                thing = self._things.get(row.about)
                last = max(last, (row.ended or 0.0) + hold(1 if thing is None else thing.count))
            if self._now < last:
                self._due.append(last)
                continue
            to = list(self._route.to) if "ended" in self._route.states else []
            if any(row.escalated is not None for row in rows):
                to += self._route.escalate_to
            if to and self._is_kept_quiet(rows):
                self._due.append(self._quiet_end or self._now)
                continue
            if to:
                self._tell("ended", rows, to)
            for row in rows:
                self._put(row.about, state=OVER)

    def _escalate(self) -> None:
        after = parse_pause(self._route.escalate_after)
        if after is None:
            return
        for rows in self._together():
            if kind_of(rows[0].about) not in _ACKNOWLEDGED:
                continue
            waiting = [row for row in rows if self._waits(row)]
            if not waiting or any(row.escalated is not None for row in rows):
                continue
            if self._flood_told and all(self._is_of_flood(row) for row in rows):
                continue  # the flood is
            due = waiting[0].told + after
            if self._is_kept_quiet(waiting):
                due = max(due, self._quiet_end or self._now)
            if self._now < due:
                self._due.append(due)
                continue
            told = [self._put(row.about, escalated=self._now) for row in waiting]
            self._tell("escalated", told, self._route.escalate_to)
            if told[0].about == "flood":  # its problems are told with it
                for about, row in list(self._rows.items()):
                    if row.state in TOLD and self._is_of_flood(row) and row.escalated is None:
                        self._put(about, escalated=self._now)

    def _is_of_flood(self, row: Notice) -> bool:
        thing = self._things.get(row.about)
        return thing is not None and thing.with_flood

    def _is_kept_quiet(self, rows: Sequence[Notice]) -> bool:
        return self._quiet_end is not None and all(row.severity != "CRITICAL" for row in rows)

    def _waits(self, row: Notice) -> bool:
        thing = self._things.get(row.about)
        return row.acknowledged is None and row.ended is None and thing is not None and thing.state == "waiting"

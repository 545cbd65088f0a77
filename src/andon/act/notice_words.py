"""What the messages to people say: plain text made by our own code. Pure; moments are unix seconds."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec

from andon.act import drafts
from andon.act.drafts import Brief
from andon.act.news import Member, Telling, Thing
from andon.core.models.actions import Body, Message, Phase, Section
from andon.core.text import counted
from andon.core.times import clock, lasting

#: Lines of a list; the page shows all of it.
LISTED = 12
_DAY = 18 * 3600.0

#: What several things of a kind are called, and what they do when they begin.
_SEVERAL = {
    "problem": ("problem", "began"),
    "flood": ("flood", "began"),
    "source": ("source", "fell silent"),
    "model": ("trouble with the model", "began"),
    "stream": ("trouble with the stream", "began"),
    "shift": ("shift", "ended"),
}
_PHASES: dict[str, Phase] = {
    "raised": "raised",
    "escalated": "raised",
    "acknowledged": "acknowledged",
    "ended": "ended",
    "told": "told",
}


class Place(msgspec.Struct, frozen=True):
    """Where a route's messages go and how moments are told: its ``where``, the page's address, the site's zone."""

    where: str
    url: str
    zone: ZoneInfo


def message_of(telling: Telling, place: Place, now: float, brief: Brief | None = None) -> Message:
    """The message of a telling; ``brief`` is what is known of its problem where it is about a single one."""
    words = _Words(place, now)
    if telling.phase in ("raised", "escalated") and brief is not None and len(telling.members) == 1:
        made = drafts.message(brief, "raised", place.where)
        title = f"{'Now ' if telling.worse else ''}{telling.severity}: {telling.members[0].notice.title}"
        made = msgspec.structs.replace(made, title=title, severity=telling.severity)
    else:
        title, body = words.told(telling)
        made = Message(title=title, body=body, severity=telling.severity, about=telling.about, where=place.where)
    if telling.phase == "escalated":
        waited = lasting((now - telling.told) // 60 * 60)
        why = f"Nobody acknowledged this within {waited} of {words.clock(telling.told)}, when it was first reported."
        made = msgspec.structs.replace(
            made, title=f"Not acknowledged for {waited}: {made.title}", body=(Section("", (why,)), *made.body)
        )
    host = next((spot.host for one in telling.members if one.thing for spot in one.thing.seen.spots if spot.host), "")
    return msgspec.structs.replace(
        made,
        about=telling.about,
        phase=_PHASES[telling.phase],
        link=_link(telling, place.url),
        host=made.host or host or "",
    )


def _link(telling: Telling, url: str) -> str:
    """The page that shows it: the problem's, that of the shift, or what is wrong now."""
    if not url:
        return ""
    if telling.kind == "shift":
        return f"{url}/shift"
    one = telling.members[0].notice.problem_id
    return f"{url}/problems/{one}" if one is not None and len(telling.members) == 1 else f"{url}/"


class _Words:
    """Texts at a moment, on the site's clock."""

    def __init__(self, place: Place, now: float) -> None:
        self._zone, self._now = place.zone, now

    def clock(self, moment: float) -> str:
        """The time of day, with the day where it is another one by far."""
        found = clock(moment, self._zone)
        return f"{found:%H:%M}" if abs(self._now - moment) < _DAY else f"{found.day} {found:%b} {found:%H:%M}"

    def told(self, telling: Telling) -> tuple[str, Body]:
        """Title and body."""
        if telling.phase == "acknowledged":
            return self._acknowledged(telling)
        if telling.phase == "ended":
            return self._ended(telling)
        if telling.kind == "shift":
            return telling.members[0].notice.title, ()
        if len(telling.members) > 1 or telling.quiet:
            return self._several(telling)
        (one,) = telling.members
        severity = f"{one.notice.severity}: " if telling.kind in ("problem", "flood") else ""
        if telling.phase == "told":
            return f"Already over: {severity}{one.notice.title}", (Section("", (self._lasted(one),)),)
        says = one.thing.says if one.thing is not None else ()
        facts = [f"Since {self.clock(one.notice.since)}{self._where(one)}"]
        return f"{severity}{one.notice.title}", (Section("", says), Section("", tuple(facts)))

    def _several(self, telling: Telling) -> tuple[str, Body]:
        members = telling.members
        noun, began = _SEVERAL[telling.kind]
        critical = sum(one.notice.severity == "CRITICAL" for one in members)
        title = _number(len(members), f"CRITICAL {noun}" if critical == len(members) else noun)
        over = sum(one.over for one in members)
        title += f" in the quiet hours {telling.quiet}" if telling.quiet else f" {began}"
        if 0 < critical < len(members):
            title += f", {critical} of them CRITICAL"
        if over == len(members):
            title += ", over by now" if over == 1 else ", all over by now"
        elif over:
            title += f", {len(members) - over} still there"
        return title, self._list("", members)

    def _acknowledged(self, telling: Telling) -> tuple[str, Body]:
        names = sorted({one.thing.by for one in telling.members if one.thing is not None and one.thing.by})
        by = f" by {' and '.join(names)}" if names else ""
        lines = []
        for one in telling.members[:LISTED]:
            at = one.notice.acknowledged
            who = one.thing.by if one.thing is not None and one.thing.by else "Somebody"
            note = f": \u201c{one.thing.note}\u201d" if one.thing is not None and one.thing.note else ""
            lines.append(f"{who} acknowledged it at {self.clock(at)}{note}" if at else f"Over: {one.notice.title}")
        said = tuple(dict.fromkeys(lines))
        return f"Acknowledged{by}: {self._name(telling)}", (Section("", said, len(said) > 1),)

    def _ended(self, telling: Telling) -> tuple[str, Body]:
        if telling.kind == "flood" and telling.left:
            left = _number(len(telling.left), "problem")
            still = self._list(
                f"{left} of it still {'waits' if len(telling.left) == 1 else 'wait'} for somebody", telling.left
            )
        else:
            still = ()
        if len(telling.members) > 1:
            return f"Over: {self._name(telling)}", (*self._list("", telling.members), *still)
        (one,) = telling.members
        says = (
            one.thing.says if one.thing is not None and one.thing.state == "over" and telling.kind == "problem" else ()
        )
        return f"Over: {one.notice.title}", (Section("", (self._lasted(one), *says)), *still)

    def _name(self, telling: Telling) -> str:
        """What was told, in a title."""
        if len(telling.members) == 1:
            return telling.members[0].notice.title
        noun, began = _SEVERAL[telling.kind]
        return f"{_number(len(telling.members), noun)} that {began} by {self.clock(telling.told)}"

    def _lasted(self, one: Member) -> str:
        row, ended = one.notice, one.notice.ended or self._now
        if one.thing is not None and not one.thing.reported:
            return f"Not logged again since {self.clock(ended)}; no source reports its end.{self._where(one, '. ')}"
        seconds = lasting(max(0.0, ended - row.since))
        return f"From {self.clock(row.since)} to {self.clock(ended)} ({seconds}){self._where(one)}"

    def _where(self, one: Member, before: str = ", ") -> str:
        return f"{before}{one.thing.where}" if one.thing is not None and one.thing.where else ""

    def _list(self, heading: str, members: Sequence[Member]) -> Body:
        lines = [self._line(one) for one in members[:LISTED]]
        if (more := len(members) - len(lines)) > 0:
            lines.append(f"and {more:,} more")
        return (Section(heading, tuple(lines), True),)

    def _line(self, one: Member) -> str:
        row, thing = one.notice, one.thing
        where = f", {thing.where}" if thing is not None and thing.where else ""
        until = f" to {self.clock(row.ended)}, over" if row.ended is not None else ""
        seen = f", {thing.by or 'somebody'} has it" if thing is not None and _is_seen(thing) else ""
        return (
            f"{row.severity}{where}: {row.title} ({'from' if until else 'since'} {self.clock(row.since)}{until}{seen})"
        )


def _is_seen(thing: Thing) -> bool:
    return thing.state == "acknowledged"


def _number(count: int, noun: str) -> str:
    """``3 problems``, ``1 trouble with the model``.

    >>> _number(2, "CRITICAL problem"), _number(1, "trouble with the model"), _number(2, "trouble with the model")
    ('2 CRITICAL problems', '1 trouble with the model', '2 troubles with the model')
    """
    head, with_, rest = noun.partition(" with ")
    return f"{counted(count, head)}{with_}{rest}"

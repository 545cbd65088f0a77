"""Open tickets, and what their approval covers: a comment at most every so often, and their end by a confirmed fix.

One comment waits for a ticket at most; where one failed no other follows, until a person has seen to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec
import structlog

from andon.act import follow_ups
from andon.act.proposals import Proposals, Wanted
from andon.core.errors import ActionRefused, NotFound
from andon.core.models.actions import OPEN, Action, ActionStatus, Arguments, Operation, Origin, Ticket, operation_of
from andon.core.settings.connectors.action_settings import parse_pause
from andon.core.settings.settings import Settings
from andon.core.times import at, seconds, seconds_or
from andon.store import Connection, actions, counts, problems

log = structlog.get_logger(__name__)

#: Actions about a problem that are looked at, the newest; hosts that are named.
_LOOKED, _HOSTS = 50, 5
#: Tickets that a remark names.
_TOLD = 3
#: What the reason of an end begins with.
_FIX = "fix "


class FollowUp(msgspec.Struct, frozen=True):
    """Something that follows a ticket: ``told`` is up to when its logs are told of then."""

    ticket: Ticket
    arguments: Arguments
    key: str
    told: float | None = None


class Following:
    """All open tickets of a site."""

    def __init__(self, settings: Settings, proposals: Proposals) -> None:
        self._settings, self._proposals = settings, proposals
        self._zone = ZoneInfo(settings.time_zone)
        self._pause = parse_pause(settings.ticket_comment_every)
        #: Why a ticket's comments or its end may not be sent any more; as the settings stand it stays so.
        self._refused: dict[tuple[int, Operation], str] = {}

    def remark(self) -> str | None:
        """Which open tickets are not followed any more, and why; None where all are."""
        told = list(dict.fromkeys(self._refused.values()))
        return "; ".join([*told[:_TOLD], *([f"and {len(told) - _TOLD} more tickets"] if told[_TOLD:] else [])]) or None

    def plan(self, connection: Connection, now: float) -> tuple[list[FollowUp], float | None]:
        """What follows now, and when to look again; reads only."""
        found: list[FollowUp] = []
        due: list[float] = []
        tickets = [one for one in actions.open_tickets(connection) if one.target in self._proposals.connectors]
        opened = {one.id for one in tickets}
        self._refused = {key: why for key, why in self._refused.items() if key[0] in opened}
        known = counts.known(connection, {one.problem_id for one in tickets})
        for ticket in tickets:
            ending = self._ending(connection, ticket)
            if ending is not None:
                found.append(ending)
                continue
            if self._pause is None or ticket.problem_id not in known:
                continue
            if seconds_or(known[ticket.problem_id].last_seen, 0.0) <= ticket.told:
                continue
            if (next_at := ticket.told + self._pause) > now:
                due.append(next_at)
            elif (more := self._more(connection, ticket, now)) is not None:
                found.append(more)
        return found, min(due, default=None)

    def _able(self, ticket: Ticket, operation: Operation) -> bool:
        able = self._proposals.connectors[ticket.target].abilities
        return operation in able and (ticket.id, operation) not in self._refused

    def _ending(self, connection: Connection, ticket: Ticket) -> FollowUp | None:
        """The end by a fix that was confirmed since the ticket was proposed; once for each such fix.

        It may open long after that, where its system was away; then the problem must not have come again meanwhile.
        """
        try:
            fixes = problems.fixes_of(connection, ticket.problem_id)
        except NotFound:
            return None
        if not fixes:
            return None
        fix, confirmed = fixes[0], seconds(fixes[0].created_at)
        if confirmed < ticket.opened and (
            confirmed < actions.action(connection, ticket.action_id).created
            or seconds_or(problems.summary(connection, ticket.problem_id).last_seen, 0.0) > confirmed
        ):
            return None
        closes = self._able(ticket, Operation.CLOSE_TICKET)
        if not closes and not self._able(ticket, Operation.COMMENT):
            return None
        words = follow_ups.close if closes else follow_ups.fixed
        arguments = words(
            ticket.ref, fix.fix, fix.cause or "", fix.author or "", at(seconds(fix.created_at), self._zone)
        )
        reason = f"{_FIX}{fix.id} of ticket {ticket.id}"
        before = [one for one in self._followed(connection, ticket) if one.reason.startswith(_FIX)]
        if any(one.reason == reason or one.status in (*OPEN, ActionStatus.DONE) for one in before):
            return None
        return FollowUp(ticket, arguments, reason)

    def _more(self, connection: Connection, ticket: Ticket, now: float) -> FollowUp | None:
        """The comment about later occurrences."""
        if not self._able(ticket, Operation.COMMENT):
            return None
        before = [one for one in self._followed(connection, ticket) if one.operation is Operation.COMMENT]
        if before and before[0].status is not ActionStatus.DONE:
            return None
        # whole minutes, as logs are counted: none is told twice
        since, until = -(-ticket.told // 60) * 60, now // 60 * 60
        count = sum(counts.minutes_of(connection, ticket.problem_id, since, until).values()) if since < until else 0
        if not count:
            return None
        root = problems.summary(connection, ticket.problem_id)
        last = min(now, seconds_or(root.last_seen, now))
        hosts = [one.hostname for one in problems.hosts_of(connection, ticket.problem_id)[:_HOSTS]]
        told = at(ticket.told, self._zone)
        arguments = follow_ups.comment(ticket.ref, count, told, at(last, self._zone), hosts)
        return FollowUp(ticket, arguments, f"logs of ticket {ticket.id} after {ticket.told:.3f}", until)

    def _followed(self, connection: Connection, ticket: Ticket) -> list[Action]:
        """What followed the ticket before, the newest first."""
        found = actions.listing(connection, _LOOKED, target=ticket.target, problem_id=ticket.problem_id)
        return [one for one in found if one.follows == ticket.action_id]

    def carry_out(self, connection: Connection, planned: Sequence[FollowUp], now: float) -> int:
        """Store what follows, approved by what was approved, in one transaction; how much."""
        made = 0
        for one in planned:
            wanted = Wanted(
                target=one.ticket.target,
                arguments=one.arguments,
                origin=Origin.FOLLOW_UP,
                by="andon",
                reason=one.key,
                problem_id=one.ticket.problem_id,
                key=one.key,
                approved_by=f"action {one.ticket.action_id}",
                follows=one.ticket.action_id,
            )
            try:
                self._proposals.propose(connection, wanted, now)
            except (ActionRefused, NotFound) as error:
                log.warning("nothing follows a ticket", ticket=one.ticket.ref, reason=str(error))
                told = f"ticket {one.ticket.ref} at {one.ticket.target} is not followed any more: {error}"
                self._refused[one.ticket.id, operation_of(one.arguments)] = told
                continue
            if one.told is not None:
                actions.ticket_told(connection, one.ticket.id, one.told)
            made += 1
        return made

"""The rules of ``[[action_rules]]``: which problems became active, and what is proposed about them.

A rule follows problems that become active after it was added; problems already active are ignored. It
proposes once for each time that a problem becomes active, at most every so often, and in a flood for what began it
first. What a person declined is proposed again when the problem comes again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
import structlog

from andon.act.news import BEGUN, HOLD, OVER
from andon.act.proposals import Proposals, Wanted
from andon.act.rule_matching import fits
from andon.app.proposing import wanted_about
from andon.app.telling.current_news import Seen
from andon.core.errors import ActionRefused, NotFound
from andon.core.lengths import read_seconds
from andon.core.models.actions import Notice, Origin, Phase
from andon.core.settings.connectors.action_settings import ActionRule
from andon.core.settings.settings import Settings
from andon.insight.now.problem_row import Row
from andon.store import Connection, actions

log = structlog.get_logger(__name__)

#: A rule proposes so much in an hour at most: more is a fault of the rule, or a day on which people do it themselves.
MOST, HOUR = 20, 3600.0
#: States of a row: the problem was active before the rule was there; it is active, and its time has not come; it was
#: seen to.
KNOWN, WAITING, DONE = "known", "waiting", "done"


class RulePlan(msgspec.Struct, frozen=True):
    """What a rule proposes now, and the rows that change with it as they were and as they are to be."""

    rule: ActionRule
    wanted: tuple[Wanted, ...]
    changed: tuple[Notice, ...]
    read: tuple[Notice | tuple[str, str], ...]
    next: float | None


class RuleBook:
    """All rules of a site."""

    def __init__(self, settings: Settings, proposals: Proposals) -> None:
        self._settings, self._proposals = settings, proposals
        self._full: dict[str, float] = {}

    def plan(self, connection: Connection, seen: Seen, now: float) -> list[RulePlan]:
        """What each rule has to propose; reads only."""
        rules = self._settings.action_rules
        known = actions.notices.of_routes(connection, [_name(rule) for rule in rules])
        return [self._plan(connection, rule, known[_name(rule)], seen, now) for rule in rules]

    def _plan(
        self, connection: Connection, rule: ActionRule, known: dict[str, Notice], seen: Seen, now: float
    ) -> RulePlan:
        rows = dict(known)
        begun = rows.setdefault(BEGUN, Notice(route=_name(rule), about=BEGUN, state=BEGUN, since=now)).since
        every, left = read_seconds(rule.every), MOST - sum(row.told > now - HOUR for row in rows.values())
        due: list[tuple[int, float]] = []
        later: list[float] = []
        active = {}
        for row, thing in seen.active:
            if thing.problem_id is None or not fits(rule, thing.seen):
                continue
            active[thing.about] = row
            old = rows.get(thing.about)
            if old is None or old.state == OVER:
                old = self._begun(rule, row, thing.since, begun, 0.0 if old is None else old.told, now)
                rows[thing.about] = old
            elif old.ended is not None:
                old = rows[thing.about] = msgspec.structs.replace(old, ended=None)
            if old.state != WAITING or row.follows:
                continue
            if (next_at := old.told + every if old.told else now) > now:
                later.append(next_at)
            elif left <= 0:
                later.append(min(row.told for row in rows.values() if row.told > now - HOUR) + HOUR)
                self._tell_full(rule, now)
            else:
                left -= 1
                due.append((thing.problem_id, old.since))
                rows[thing.about] = msgspec.structs.replace(old, state=DONE, told=now)
        over = self._over(rule, rows, active, now, later)
        changed = tuple(row for about, row in rows.items() if known.get(about) != row)
        read: tuple[Notice | tuple[str, str], ...] = tuple(
            known.get(one.about) or (one.route, one.about) for one in changed
        )
        wanted = [self._wanted(connection, rule, problem_id, since, "raised", now) for problem_id, since in due]
        wanted += [self._wanted(connection, rule, problem_id, since, "ended", now) for problem_id, since in over]
        return RulePlan(rule, tuple(filter(None, wanted)), changed, read, min(later, default=None))

    def _over(
        self, rule: ActionRule, rows: dict[str, Notice], active: Collection[str], now: float, later: list[float]
    ) -> list[tuple[int, float]]:
        """Note what is over; those of whose end an event tells, which is believed after a while."""
        found = []
        for about, old in list(rows.items()):
            if about in active or old.state in (OVER, BEGUN):
                continue
            told = rule.do == "event" and rule.approve and old.state == DONE and old.problem_id is not None
            ended = old.ended or now
            if told and now - ended < HOLD:
                later.append(ended + HOLD)
                rows[about] = msgspec.structs.replace(old, ended=ended)
                continue
            rows[about] = msgspec.structs.replace(old, state=OVER, ended=ended)
            if told and old.problem_id is not None:
                found.append((old.problem_id, old.since))
        return found

    def _begun(self, rule: ActionRule, row: Row, since: float, begun: float, told: float, now: float) -> Notice:
        """The row of a problem that became active; of one that nobody reports the end of that is when it was seen."""
        state = KNOWN if since < begun else WAITING
        return Notice(
            route=_name(rule),
            about=f"problem-{row.problem_id}",
            state=state,
            title=row.title,
            severity=row.severity,
            since=now if row.since is None else since,
            told=told,
            problem_id=row.problem_id,
        )

    def carry_out(self, connection: Connection, plans: Sequence[RulePlan], now: float) -> int:
        """Propose, in one transaction; how much."""
        made = 0
        for plan in plans:
            actions.notices.keep(connection, plan.changed)
            for wanted in plan.wanted:
                try:
                    self._proposals.propose(connection, wanted, now)
                except (ActionRefused, NotFound) as error:
                    problem = wanted.problem_id
                    log.warning("a rule proposed nothing", rule=plan.rule.name, problem=problem, reason=str(error))
                else:
                    made += 1
        return made

    def _wanted(
        self, connection: Connection, rule: ActionRule, problem_id: int, since: float, phase: Phase, now: float
    ) -> Wanted | None:
        """What is to be proposed about a problem; None where it is gone, or has what the rule wants."""
        found = "a problem that became active" if phase == "raised" else "this problem, which is over"
        try:
            if rule.do == "ticket" and actions.open_ticket(connection, problem_id, rule.target) is not None:
                return None
            return wanted_about(
                connection,
                self._settings,
                problem_id,
                rule.target,
                rule.do,
                origin=Origin.RULE,
                now=now,
                by=_name(rule),
                why=f"Rule '{rule.name}' matched {found}.",
                where=rule.where,
                approved_by=_name(rule) if rule.approve else None,
                key=f"{rule.name}/{problem_id}/{since:.3f}/{phase}",
                phase=phase,
            )
        except NotFound:
            return None

    def _tell_full(self, rule: ActionRule, now: float) -> None:
        if now - self._full.get(rule.name, float("-inf")) >= HOUR:
            self._full[rule.name] = now
            log.warning("a rule proposes no more within this hour", rule=rule.name, most=MOST)


def _name(rule: ActionRule) -> str:
    return f"rule {rule.name}"

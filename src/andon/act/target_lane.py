"""The lane of one connected system: its approved actions go out one after the other, in order, each of them once.

What was sent and never answered is the heart of it. Before the first request that changes something the moment is
written to the disk; whoever finds it there later, this process or the next, knows that it may have been done, and does
what the connector's :class:`Ability` allows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Concatenate, ParamSpec, TypeVar

import msgspec
import structlog

from andon.act.connectors.connector import Ability, Again, Connector, unable
from andon.act.proposals import demand_place
from andon.core.errors import ActionError, ActionRefused, ConfigError, OutcomeUnknown, StoreError, TargetAway
from andon.core.models import Moment
from andon.core.models.actions import Action, Operation, Receipt
from andon.core.redact import clean
from andon.core.telemetry import Metrics
from andon.core.text import counted
from andon.store import Connection, Store, actions

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

#: Pauses after failures in a row, in seconds: the first, doubled with each up to the last.
PAUSE_FIRST, PAUSE_LAST = 1.0, 300.0
#: A service that asks for more patience than this is asked again after it all the same, in seconds.
PATIENCE_MAX = 3_600.0
#: An action that failed so often without an answer lets others go first.
STUBBORN = 3
#: An action at which the connector itself fails is tried so often.
BROKEN_TRIES = 5
#: Everything that one action sends has so many times as long as one answer, and so many seconds more.
ANSWERS, MARGIN = 8, 30.0
#: A claim is ours so much longer than it may take, in seconds: the store may take a minute to write what came of it.
LEASE_MARGIN = 90.0
#: A database that is full or away is asked again after this many seconds.
TROUBLE = 5.0
_WORDS_MAX = 500
_lane = actions.deliveries


class TargetState(msgspec.Struct, frozen=True, kw_only=True):
    """A connected system, and how it stands.

    ``waiting`` are approved actions that are not done yet, ``unsure`` those of which a person has to say what became.
    ``trouble`` says why nothing goes out, null where nothing keeps it; ``away_since`` since when, ``next_try`` when it
    is tried again. ``done`` and ``failed`` count since Andon started.
    """

    name: str
    kind: str
    address: str
    operations: tuple[str, ...]
    places: tuple[str, ...]
    waiting: int = 0
    proposed: int = 0
    unsure: int = 0
    trouble: str | None = None
    away_since: Moment | None = None
    next_try: Moment | None = None
    done: int = 0
    failed: int = 0
    last_done: Moment | None = None


class _Broken(OutcomeUnknown):
    """The connector itself failed: a mistake of ours, or of whoever wrote it."""


@dataclass(eq=False)
class Lane:
    """One target's. ``told`` is called when something changed that people see, ``idle`` when nothing is due now.

    ``patience`` is how long an approved action is tried, in seconds. ``clock`` gives unix seconds.
    """

    connector: Connector
    store: Store
    metrics: Metrics
    _: KW_ONLY
    owner: str
    patience: float
    told: Callable[[], object]
    idle: Callable[[], object]
    clock: Callable[[], float] = time.time
    trouble: str | None = field(default=None, init=False)
    away_since: float | None = field(default=None, init=False)
    next_try: float | None = field(default=None, init=False)
    done: int = field(default=0, init=False)
    failed: int = field(default=0, init=False)
    last_done: float | None = field(default=None, init=False)
    in_hand: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._work = asyncio.Event()
        self._stopping = False
        self._failures = 0
        self._resting = 0.0
        self._within = ANSWERS * self.connector.timeout + MARGIN

    def wake(self) -> None:
        """Something is due."""
        self._work.set()

    def stop(self) -> None:
        """Take up nothing more; what is in hand is brought to its end."""
        self._stopping = True

    async def run(self) -> None:
        """Work for ever; idle while nothing is due."""
        while True:
            self._work.clear()
            try:
                while not self._stopping and (action := await self._next()) is not None:
                    await self._handle(action)
                    await self._rest()
            except StoreError as error:
                log.warning("actions wait for the database", target=self.connector.name, error=str(error))
                await asyncio.sleep(TROUBLE)
                continue
            self.idle()
            await (asyncio.Event() if self._stopping else self._work).wait()

    async def _next(self) -> Action | None:
        # `find` and `send` may take so long each
        lease = 2 * self._within + LEASE_MARGIN
        return await self.store.write(_lane.claim, self.connector.name, self.owner, lease, self.clock())

    async def _rest(self) -> None:
        """Wait until the next may go: as long as the service's pace or its trouble demands."""
        seconds, self._resting = max(self.connector.pace, self._resting), 0.0
        if seconds > 0:
            await asyncio.sleep(seconds)

    async def _handle(self, action: Action) -> None:
        self.in_hand = True
        try:
            await self._execute(action)
        finally:
            self.in_hand = False
            if self._stopping:
                self.idle()

    async def _execute(self, action: Action) -> None:
        """Bring a claimed action as far as it comes now. Raises StoreError before anything was sent."""
        if (fault := self._unfit(action)) is not None:
            await self._fail(action, fault)
            return
        ability = self.connector.abilities[action.operation]
        sent = action.sent_at is not None
        looks = sent and ability.again is Again.LOOK
        since = action.created if action.decided_at is None else action.decided_at
        if self.clock() > since + self.patience:
            await self._give_up(action, looks=looks)
        elif looks and (due := self._settled(action.sent_at, ability)) > self.clock():
            await self._keep(_lane.postpone, action, action.last_error or _NOT_KNOWN, due)
        elif looks:
            await self._look_again(action)
        elif (held := await self._known_ticket(action)) is not None:
            await self._done(action, held)
        elif not sent and (due := await self._after_another(action, ability)) > self.clock():
            words = f"an earlier attempt may still appear in {self.connector.name}: Andon looks for it first"
            await self._keep(_lane.postpone, action, words, due, unsent=True)
        elif not (sent or action.operation is Operation.OPEN_TICKET) or not await self._found(action):
            await self._send(action, ability)

    def _unfit(self, action: Action) -> str | None:
        """Why an approved action must not go out as it stands; None where it may."""
        if action.rendered.digest != action.digest:
            return "the stored action differs from what was approved, so it is not sent: propose it again"
        if action.operation not in self.connector.abilities:
            return str(unable(self.connector, action.operation))
        try:
            demand_place(self.connector, action.order.arguments)
            self.connector.render(action.order)  # what was allowed when it was proposed may be no more
        except ActionRefused as error:
            return str(error)
        return None

    async def _known_ticket(self, action: Action) -> Receipt | None:
        """The open ticket that the problem got here meanwhile: by another action, or by becoming part of a problem that
        has one."""
        if action.operation is not Operation.OPEN_TICKET or action.problem_id is None:
            return None
        ticket = await self.store.read(actions.open_ticket, action.problem_id, action.target)
        return None if ticket is None else Receipt(ticket.ref, ticket.url, "the problem already has this ticket")

    async def _after_another(self, action: Action, ability: Ability) -> float:
        """From when on the service's search tells of what another action for the same ticket may have made there: one
        that was given up by a person, or failed."""
        if action.operation is not Operation.OPEN_TICKET or ability.again is not Again.LOOK:
            return 0.0
        earlier = await self.store.read(actions.sent_before, action)
        return 0.0 if earlier is None else self._settled(earlier, ability)

    def _settled(self, sent_at: float | None, ability: Ability) -> float:
        """From when on the service's search tells whether something that was sent then was done.

        What is on its way when the connection or this process ends is done within the time an answer may take.
        """
        return (sent_at or 0.0) + self.connector.timeout + ability.settled

    async def _found(self, action: Action) -> bool:
        """Look whether it is done already; True where nothing is left to do now."""
        try:
            receipt = await self._asked(lambda: self.connector.find(action.order))
        except ActionRefused as error:
            self._well()
            await self._fail(action, str(error))
        except ActionError as error:
            await self._away(action, error)
        else:
            if receipt is None:
                return False
            await self._done(action, receipt)
        return True

    async def _look_again(self, action: Action) -> None:
        """Find out what became of something that was sent; a person is asked where the service does not know it."""
        name, before = self.connector.name, action.last_error or _NOT_KNOWN
        try:
            receipt = await self._asked(lambda: self.connector.find(action.order))
        except ActionRefused as error:
            self._well()
            await self._ask_a_person(action, f"{before}; it cannot be looked up: {error}")
        except ActionError as error:
            await self._away(action, error)
        else:
            if receipt is not None:
                await self._done(action, receipt)
            else:
                self._well()
                await self._ask_a_person(
                    action,
                    f"{before.rstrip('.')}; {name} has no record of it: look there, then say here whether it was done",
                )

    async def _send(self, action: Action, ability: Ability) -> None:
        began = self.clock()
        try:
            if not await self.store.write_surely(_lane.begin, action, began):
                return  # somebody else holds it by now
        except StoreError as error:  # nothing was sent, whatever of this is written
            log.warning("an action waits for the database", action=action.id, target=action.target, error=str(error))
            await self._keep(_lane.postpone, action, action.last_error, self.clock(), unsent=True)
            return
        try:
            receipt = await self._asked(lambda: self.connector.send(action.order, action.rendered))
        except ActionRefused as error:
            self._well()
            await self._fail(action, str(error))
        except TargetAway as error:
            # an answer may be that of a proxy in between: the service may have done it all the same
            looked_for = error.answered and ability.again is Again.LOOK
            await self._away(action, error, self._settled(self.clock(), ability) if looked_for else 0.0)
        except ActionError as error:
            await self._unknown(action, ability, error, action.sent_at or began)
        else:
            await self._done(action, receipt)

    async def _asked(self, question: Callable[[], Awaitable[T]]) -> T:
        """What the connector answers, within its time; whatever goes wrong is an ActionError."""
        name = self.connector.name
        try:
            async with asyncio.timeout(self._within):
                return await question()
        except ActionError:
            raise
        except ConfigError as error:  # a secret that cannot be read says so when it is needed
            raise ActionRefused(str(error)) from error
        except TimeoutError as error:
            raise OutcomeUnknown(f"{name} was not finished within {self._within:g} s") from error
        except Exception as error:  # whatever a stranger's code raises: one action of one target, and no other
            log.exception("connector failed", target=name)
            raise _Broken(f"the connector of {name} failed ({clean(str(error), 200)}): see Andon's log") from error

    async def _done(self, action: Action, receipt: Receipt) -> None:
        self._well()
        self.done += 1
        self.last_done = self.clock()
        if await self._keep(_lane.done, action, receipt, self.clock()):
            self._count("done")
        log.info("action done", action=action.id, target=action.target, ref=receipt.ref)
        self.told()

    async def _fail(self, action: Action, reason: str) -> None:
        self.failed += 1
        words = clean(reason, _WORDS_MAX)
        if await self._keep(_lane.fail, action, words, self.clock()):
            self._count("failed")
        log.warning("action failed", action=action.id, target=action.target, reason=words)
        self.told()

    async def _ask_a_person(self, action: Action, reason: str) -> None:
        words = clean(reason, _WORDS_MAX)
        if await self._keep(_lane.unsure, action, words):
            self._count("unsure")
        log.warning("it is unknown whether an action was done", action=action.id, target=action.target, reason=words)
        self.told()

    async def _give_up(self, action: Action, *, looks: bool) -> None:
        """The patience with an action is over."""
        hours = round(self.patience / 3_600)
        within = counted(hours // 24, "day") if hours and hours % 24 == 0 else counted(max(hours, 1), "hour")
        last = f": {action.last_error}" if action.last_error else ""
        words = f"{self.connector.name} did not accept it within {within}, and Andon no longer retries it{last}"
        if looks:
            await self._ask_a_person(action, f"{words}; it may have been done once")
        else:
            more = "" if action.sent_at is None else "; an earlier attempt may have reached it"
            await self._fail(action, words + more)

    async def _away(self, action: Action, error: ActionError, earliest: float = 0.0) -> None:
        """Nothing was done: this action is tried again, ``earliest`` then, and nothing else goes to this target before
        the pause is over."""
        if isinstance(error, _Broken) and action.attempts >= BROKEN_TRIES:
            await self._fail(action, str(error))
            return
        asked = error.retry_after if isinstance(error, TargetAway) else None
        pause = self._ill(str(error), asked)
        due = max(self.clock() + pause, earliest)
        await self._keep(_lane.postpone, action, clean(str(error), _WORDS_MAX), due, unsent=True)

    async def _unknown(self, action: Action, ability: Ability, error: ActionError, sent_at: float) -> None:
        """It may have been done."""
        words, now = clean(str(error), _WORDS_MAX), self.clock()
        if ability.again is Again.LOOK:
            self._ill(words)
            await self._keep(_lane.postpone, action, words, max(self._settled(sent_at, ability), now + ability.settled))
            return
        if isinstance(error, _Broken) and action.attempts >= BROKEN_TRIES:
            await self._fail(action, f"{words}; an earlier attempt may have reached {self.connector.name}")
            return
        pause = self._ill(words)
        if action.attempts >= STUBBORN:  # it may be this one's fault: others go first
            pause = max(2 * pause, min(PAUSE_FIRST * 2.0 ** min(action.attempts, 20), PAUSE_LAST))
        await self._keep(_lane.postpone, action, words, now + pause)

    async def _keep(
        self, work: Callable[Concatenate[Connection, P], bool], /, *args: P.args, **kwargs: P.kwargs
    ) -> bool:
        """Write what came of an action, however long the database takes: nobody else knows it."""
        while True:
            try:
                return await asyncio.shield(self.store.write(work, *args, **kwargs))
            except StoreError as error:
                log.error(
                    "the result of an action waits for the database", target=self.connector.name, error=str(error)
                )
                await asyncio.sleep(TROUBLE)

    def _count(self, outcome: str) -> None:
        self.metrics.actions.labels(self.connector.name, outcome).inc()

    def _ill(self, reason: str, asked: float | None = None) -> float:
        """The target does not do its work; the pause that follows, in seconds."""
        self._failures += 1
        pause = min(PAUSE_FIRST * 2.0 ** min(self._failures - 1, 20), PAUSE_LAST)
        pause = max(pause, min(asked or 0.0, PATIENCE_MAX))
        now, new = self.clock(), self.trouble is None
        self.trouble, self._resting, self.next_try = clean(reason, _WORDS_MAX), pause, now + pause
        if new:
            self.away_since = now
            log.warning("actions wait", target=self.connector.name, reason=self.trouble, seconds=pause)
            self.told()
        return pause

    def _well(self) -> None:
        """The target answers."""
        self._failures = 0
        if self.trouble is not None:
            log.info("actions are sent again", target=self.connector.name)
        self.trouble = self.away_since = self.next_try = None

    def described(self, counts: dict[str, int]) -> TargetState:
        """How it stands; ``counts`` are the actions that are not finished, by status."""
        one = self.connector
        return TargetState(
            name=one.name,
            kind=one.kind,
            address=one.address,
            operations=tuple(sorted(each.value for each in one.abilities)),
            places=one.places,
            waiting=counts.get("approved", 0) + counts.get("executing", 0),
            proposed=counts.get("proposed", 0),
            unsure=counts.get("unsure", 0),
            trouble=self.trouble,
            away_since=self.away_since,
            next_try=self.next_try,
            done=self.done,
            failed=self.failed,
            last_done=self.last_done,
        )


_NOT_KNOWN = "it was sent, and Andon stopped before the answer arrived"

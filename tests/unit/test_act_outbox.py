"""The outbox against a ticket service over real HTTP: in order, once each, whatever the service does."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from andon.act import target_lane as act_lane
from andon.act.outbox import Outbox
from andon.core.errors import StoreError, StoreFull
from andon.core.models.actions import ActionStatus, OpenTicket, Operation, Order, OutgoingRequest, Receipt, Rendered
from andon.core.settings.database_url import Database
from andon.core.telemetry import Metrics
from andon.store import Store, actions, audit
from support.bus import until
from support.outbox import added, all_done, altered, come_to, message, new_action, ticket, working
from support.patience import PATIENCE
from support.pipeline import WallClock
from support.store_data import a_log, opened
from support.ticket_service import TicketConnector, TicketService, connected, ticket_service

pytest_plugins = ["support.databases"]
DONE, FAILED, UNSURE, APPROVED = (
    ActionStatus.DONE,
    ActionStatus.FAILED,
    ActionStatus.UNSURE,
    ActionStatus.APPROVED,
)


@pytest.fixture
def service() -> Iterator[TicketService]:
    """A service at which all goes well."""
    with ticket_service() as made:
        yield made


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are short here."""
    monkeypatch.setattr(act_lane, "PAUSE_FIRST", 0.02)


async def _problem(store: Store, count: int = 1) -> None:
    await store.record([a_log(one, f"p{one}") for one in range(1, count + 1)], [])


async def _tried(store: Store, action_id: int) -> None:
    """Wait until an action was tried in vain, and waits for its next try."""

    async def stands() -> bool:
        found = await store.read(actions.action, action_id)
        return found.status is APPROVED and found.last_error is not None

    await until(stands, "tried in vain")


def _settled(clock: WallClock, box: Outbox) -> None:
    """The time has passed after which the search of a service is believed."""
    clock.ahead += 4_000.0
    box.wake()


def _outcome(metrics: Metrics, target: str, outcome: str) -> float:
    return metrics.registry.get_sample_value("andon_actions_total", {"target": target, "outcome": outcome}) or 0.0


async def test_an_approved_ticket_is_opened_once_and_known(database: Database, service: TicketService) -> None:
    """The row has what the service said, the problem its ticket, the audit the deed."""
    jira, metrics = connected("jira", service.url), Metrics()
    async with opened(database) as store, working(store, jira, metrics=metrics) as box:
        await _problem(store)
        (one,) = await store.write(added, [new_action(jira, ticket("Drive fault"), 1)])
        box.wake()
        action = await come_to(store, one, DONE)
        assert action.receipt == Receipt(ref="T-1", url=f"{service.url}/T-1")
        assert (action.attempts, action.last_error) == (1, None)
        assert action.sent_at is not None
        assert action.finished is not None
        (known,) = await store.read(actions.of_problem, 1)
        assert (known.ref, known.target, known.closed, known.action_id) == ("T-1", "jira", None, one)
        deeds = [entry.action for entry in await store.read(audit.entries, 10, "action.")]
        assert deeds == ["action.done", "action.approve", "action.propose"]
        await until(lambda: _outcome(metrics, "jira", "done") == 1, "counted")
        assert [made.key for made in service.tickets] == [action.key]


async def test_what_nobody_approved_does_not_go(database: Database, service: TicketService) -> None:
    """A proposal waits until it is approved as it was shown, and goes then."""
    jira = connected("jira", service.url)
    async with opened(database) as store, working(store, jira) as box:
        first, second = await store.write(
            added, [new_action(jira, message("shown"), None, approved=False), new_action(jira, message("sent"), None)]
        )
        box.wake()
        await come_to(store, second, DONE)
        assert [one.title for one in service.messages] == ["sent"]
        with pytest.raises(StoreError, match="has changed since it was shown"):
            await store.write(actions.approve, first, "kim", now=time.time(), digest="another")
        digest = (await store.read(actions.action, first)).digest
        await store.write(actions.approve, first, "kim", now=time.time(), digest=digest)
        box.wake()
        assert (await come_to(store, first, DONE)).decided_by == "kim"


async def test_actions_of_a_target_go_in_order(database: Database, service: TicketService) -> None:
    """Also where the service has no room for some at first, and says for how long."""
    jira = connected("jira", service.url)
    service.script.extend(["ok", "away", "ok", "ok", "away"])
    async with opened(database) as store, working(store, jira) as box:
        titles = [f"message {n}" for n in range(20)]
        ids = await store.write(added, [new_action(jira, message(title), None) for title in titles])
        box.wake()
        await all_done(store, ids)
        assert [one.title for one in service.messages] == titles


async def test_a_service_is_not_asked_again_before_it_wants(database: Database, service: TicketService) -> None:
    """``Retry-After`` counts; meanwhile the target is away, and says why and until when."""
    jira = connected("jira", service.url)
    service.script.append("full")
    async with opened(database) as store, working(store, jira) as box:
        started = time.monotonic()
        (one,) = await store.write(added, [new_action(jira, message("m"), None)])
        box.wake()
        await until(lambda: box.states()[0].trouble is not None, "told")
        (state,) = box.states()
        assert state.trouble == "jira answered 429: the service says full"
        assert (state.next_try or 0) > (state.away_since or 0)
        await come_to(store, one, DONE)
        assert time.monotonic() - started >= 1.0
        (state,) = box.states()
        assert (state.trouble, state.away_since, state.next_try, state.done) == (None, None, None, 1)


async def test_a_refusal_is_final_and_in_the_services_words(database: Database, service: TicketService) -> None:
    """What stands behind it goes on."""
    jira, metrics = connected("jira", service.url), Metrics()
    service.script.append("forbid")
    async with opened(database) as store, working(store, jira, metrics=metrics) as box:
        await _problem(store)
        new = [new_action(jira, ticket("one"), 1), new_action(jira, message("two"), None)]
        first, second = await store.write(added, new)
        box.wake()
        await come_to(store, second, DONE)
        refused = await store.read(actions.action, first)
        assert refused.status == FAILED
        assert refused.last_error == (
            "jira answered 403: the service says forbid; the user in the settings does not have the right: have it "
            "granted, then retry"
        )
        assert (await store.read(actions.of_problem, 1)) == []
        assert _outcome(metrics, "jira", "failed") == 1
        await store.write(actions.retry, first, "kim", now=time.time())
        box.wake()
        await come_to(store, first, DONE)


async def test_one_targets_trouble_holds_up_no_other(database: Database, service: TicketService) -> None:
    """One is away, one refuses, one hangs; the fourth works."""
    with ticket_service() as hanging:
        hanging.script.append("hang")
        away = connected("away", "http://127.0.0.1:9")
        slow, good, metrics = connected("slow", hanging.url), connected("good", service.url), Metrics()
        async with opened(database) as store, working(store, away, slow, good, metrics=metrics) as box:
            waiting, hung, done = await store.write(
                added, [new_action(one, message(one.name), None) for one in (away, slow, good)]
            )
            box.wake()
            await come_to(store, done, DONE)
            assert (await store.read(actions.action, hung)).status == ActionStatus.EXECUTING
            hanging.released.set()
            await come_to(store, hung, DONE)
            left = await come_to(store, waiting, APPROVED)
            assert left.sent_at is None  # surely nothing was done
            assert "cannot be reached" in (left.last_error or "")
            await until(lambda: [one.waiting for one in box.states()] == [1, 0, 0], "counted")
            assert (box.remark() or "").startswith("1 action for away waits: away cannot be reached")
            assert metrics.registry.get_sample_value("andon_actions_waiting", {"target": "away"}) == 1


@pytest.mark.parametrize("fate", ["cut after", "broken after"])
async def test_a_ticket_whose_answer_never_came_is_found(database: Database, service: TicketService, fate: str) -> None:
    """It was opened: the search knows it after a while, and it is not opened twice."""
    service.script.append(fate)
    service.lag = 3_600.0
    jira, clock = connected("jira", service.url, settled=3_600.0), WallClock()
    async with opened(database) as store, working(store, jira, clock=clock) as box:
        await _problem(store)
        (one,) = await store.write(added, [new_action(jira, ticket("Drive fault"), 1)])
        box.wake()
        await _tried(store, one)
        service.lag = 0.0
        _settled(clock, box)
        action = await come_to(store, one, DONE)
        assert action.receipt is not None
        assert action.receipt.ref == "T-1"
        assert action.attempts == 2
        assert len(service.tickets) == 1
        assert len(await store.read(actions.of_problem, 1)) == 1


@pytest.mark.parametrize("fate", ["cut", "broken"])
async def test_a_ticket_that_is_not_found_asks_a_person(database: Database, service: TicketService, fate: str) -> None:
    """Who says that it was not done lets it be opened; nothing is opened twice meanwhile."""
    service.script.append(fate)
    jira, metrics, clock = connected("jira", service.url, settled=3_600.0), Metrics(), WallClock()
    async with opened(database) as store, working(store, jira, metrics=metrics, clock=clock) as box:
        await _problem(store)
        (one,) = await store.write(added, [new_action(jira, ticket("Drive fault"), 1)])
        box.wake()
        await _tried(store, one)
        _settled(clock, box)
        action = await come_to(store, one, UNSURE)
        assert "jira has no record of it: look there, then say" in (action.last_error or "")
        assert service.tickets == []
        await until(lambda: box.states()[0].unsure == 1, "told")
        assert box.remark() == "1 action needs a decision by a person: see Actions"
        assert _outcome(metrics, "jira", "unsure") == 1
        await store.write(actions.retry, one, "kim", now=time.time())
        box.wake()
        await come_to(store, one, DONE)
        assert len(service.tickets) == 1


async def test_a_person_may_say_that_it_was_done(database: Database, service: TicketService) -> None:
    """Then the problem has that ticket, and nothing is sent."""
    service.script.append("cut")
    jira, clock = connected("jira", service.url, settled=3_600.0), WallClock()
    async with opened(database) as store, working(store, jira, clock=clock) as box:
        await _problem(store)
        (one,) = await store.write(added, [new_action(jira, ticket("Drive fault"), 1)])
        box.wake()
        await _tried(store, one)
        _settled(clock, box)
        await come_to(store, one, UNSURE)
        await store.write(actions.settle, one, "T-77", "kim", now=time.time())
        box.wake()
        assert (await come_to(store, one, DONE)).receipt == Receipt(ref="T-77", words="as kim says")
        assert [each.ref for each in await store.read(actions.of_problem, 1)] == ["T-77"]
        assert service.tickets == []


async def test_what_nobody_is_sure_of_holds_up_only_its_own_problem(database: Database, service: TicketService) -> None:
    """While the search is waited for, other problems' actions go; what is about the same one comes after it."""
    service.script.append("cut after")
    jira, clock = connected("jira", service.url, settled=3_600.0), WallClock()
    async with opened(database) as store, working(store, jira, clock=clock) as box:
        await _problem(store, 2)
        new = [
            new_action(jira, ticket("one"), 1),
            new_action(jira, message("of one"), 1),
            new_action(jira, ticket("two"), 2),
        ]
        first, behind, other = await store.write(added, new)
        box.wake()
        await come_to(store, other, DONE)
        assert (await store.read(actions.action, first)).status == APPROVED
        assert (await store.read(actions.action, behind)).attempts == 0
        _settled(clock, box)
        await all_done(store, [first, behind])
        assert [one.title for one in service.tickets] == ["one", "two"]


async def test_a_message_that_may_be_told_twice_is_sent_again(database: Database, service: TicketService) -> None:
    """Where two are better than none."""
    service.script.extend(["cut after", "broken"])
    chat = connected("chat", service.url)
    async with opened(database) as store, working(store, chat) as box:
        (one,) = await store.write(added, [new_action(chat, message("m"), None)])
        box.wake()
        assert (await come_to(store, one, DONE)).attempts == 3
        assert len(service.messages) == 2


async def test_an_action_at_which_the_service_always_fails_lets_others_go(
    database: Database, service: TicketService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a few tries the next ones go first."""
    monkeypatch.setattr(
        act_lane, "PAUSE_FIRST", 0.3
    )  # it is put off for longer than the others: seconds, so that they go
    service.script.extend(["broken"] * 3)
    chat = connected("chat", service.url)
    async with opened(database) as store, working(store, chat) as box:
        ids = await store.write(added, [new_action(chat, message(f"m{n}"), None) for n in range(3)])
        box.wake()
        await all_done(store, ids)
        assert service.messages[0].title == "m1"
        assert (await store.read(actions.action, ids[0])).attempts == 4


async def test_a_ticket_that_is_there_already_is_taken(database: Database, service: TicketService) -> None:
    """The service is asked before a ticket is opened: a database that was put back does not open it again."""
    jira = connected("jira", service.url)
    new = new_action(jira, ticket("Drive fault"), 1)
    service.make("/tickets", new.order.key, "Drive fault")
    async with opened(database) as store, working(store, jira) as box:
        await _problem(store)
        (one,) = await store.write(added, [new])
        box.wake()
        action = await come_to(store, one, DONE)
        assert action.sent_at is None
        assert (len(service.tickets), jira.sent) == (1, 0)
        assert [each.ref for each in await store.read(actions.of_problem, 1)] == ["T-1"]


async def test_a_search_that_fails_opens_nothing(database: Database, service: TicketService) -> None:
    """While it cannot be known whether the ticket is there, none is opened; a refusal to look is final."""
    service.looks.extend(["broken", "away", "forbid"])
    jira = connected("jira", service.url)
    async with opened(database) as store, working(store, jira) as box:
        await _problem(store)
        (one,) = await store.write(added, [new_action(jira, ticket("Drive fault"), 1)])
        box.wake()
        action = await come_to(store, one, FAILED)
        assert (action.attempts, jira.sent) == (3, 0)


async def test_what_is_not_what_was_approved_is_not_sent(database: Database, service: TicketService) -> None:
    """Neither another rendering, nor another place than the settings allow, nor what the system does not do."""
    jira = connected("jira", service.url, places=["OPS"])
    other = jira.render(Order("another key", ticket("another title")))
    async with opened(database) as store:
        await _problem(store, 2)
        elsewhere = OpenTicket(title="two", body=(), severity="ERROR", where="HR")
        new = [new_action(jira, ticket("one"), 1), new_action(jira, elsewhere, 2), new_action(jira, message("m"), None)]
        first, second, third = await store.write(added, new)
        await altered(store, first, rendered=msgspec.json.encode(other).decode())
        del jira.able[Operation.MESSAGE]
        async with working(store, jira):
            assert "differs from what was approved" in ((await come_to(store, first, FAILED)).last_error or "")
            assert "may not write to 'HR'" in ((await come_to(store, second, FAILED)).last_error or "")
            assert "jira sends no messages" in ((await come_to(store, third, FAILED)).last_error or "")
        assert jira.sent == 0


async def test_another_address_than_the_configured_one_is_not_written_to(
    database: Database, service: TicketService
) -> None:
    """An action that was approved before the address was changed fails, and says so."""
    before, now = connected("jira", "http://127.0.0.1:9"), connected("jira", service.url)
    async with opened(database) as store, working(store, now) as box:
        (one,) = await store.write(added, [new_action(before, message("m"), None)])
        box.wake()
        assert "the configured address" in ((await come_to(store, one, FAILED)).last_error or "")
        assert service.messages == []


class _Odd(TicketConnector):
    """A connector with a mistake."""

    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        if "wrong" in rendered.requests[0].body:
            raise KeyError("result")
        return await super().send(order, rendered)


async def test_a_mistake_of_a_connector_stays_with_its_action(database: Database, service: TicketService) -> None:
    """It is tried a few times, others go on meanwhile, and the service runs."""
    plain = connected("chat", service.url)
    odd = _Odd.__new__(_Odd)
    odd.__dict__.update(plain.__dict__)
    async with opened(database) as store, working(store, odd) as box:
        new = [new_action(odd, message("wrong"), None), new_action(odd, message("right"), None)]
        wrong, right = await store.write(added, new)
        box.wake()
        await come_to(store, right, DONE)
        failed = await come_to(store, wrong, FAILED)
        assert failed.attempts == act_lane.BROKEN_TRIES
        assert "the connector of chat failed" in (failed.last_error or "")


async def test_patience_ends(database: Database, service: TicketService) -> None:
    """What could not be sent in time fails and says why; what may have been done is asked about."""
    service.script.append("cut")
    clock = WallClock()
    jira = connected("jira", service.url, settled=3_600.0)
    away = connected("away", "http://127.0.0.1:9")
    async with opened(database) as store, working(store, jira, away, clock=clock) as box:
        await _problem(store)
        sent, never = await store.write(added, [new_action(jira, ticket("t"), 1), new_action(away, message("m"), None)])
        box.wake()

        async def both_wait() -> bool:
            found = [await store.read(actions.action, one) for one in (sent, never)]
            return all(one.status == APPROVED and one.last_error for one in found)

        await until(both_wait, "tried in vain")
        clock.ahead = 86_401.0
        box.wake()
        unknown = (await come_to(store, sent, UNSURE)).last_error or ""
        assert unknown.startswith(
            "jira did not accept it within 1 day, and Andon no longer retries it: jira: the connection"
        )
        assert unknown.endswith("; it may have been done once")
        given_up = await come_to(store, never, FAILED)
        assert "Andon no longer retries it: away cannot be reached" in (given_up.last_error or "")


async def test_proposals_expire(database: Database, service: TicketService) -> None:
    """At their time, without anybody asking; pages are told."""
    jira, told = connected("jira", service.url), asyncio.Event()
    async with opened(database) as store, working(store, jira, tell=told.set) as box:
        (one,) = await store.write(added, [new_action(jira, message("m"), None, approved=False)])
        await altered(store, one, expires=time.time() + 0.2)
        box.wake()
        assert (await come_to(store, one, ActionStatus.EXPIRED)).finished is not None
        async with asyncio.timeout(PATIENCE):
            await told.wait()


async def test_a_declined_action_does_not_go(database: Database, service: TicketService) -> None:
    """One that waits is taken back; one that is on its way is not."""
    service.script.append("hang")
    chat = connected("chat", service.url)
    async with opened(database) as store, working(store, chat) as box:
        first, second = await store.write(added, [new_action(chat, message(f"m{n}"), None) for n in range(2)])
        box.wake()
        await until(service.reached.is_set, "already being sent")
        with pytest.raises(StoreError, match="is executing: there is nothing to decline"):
            await store.write(actions.decline, first, "kim", now=time.time())
        await store.write(actions.decline, second, "kim", "not now", now=time.time())
        service.released.set()
        await come_to(store, first, DONE)
        assert (await store.read(actions.action, second)).status == ActionStatus.DECLINED
        assert [one.title for one in service.messages] == ["m0"]


async def test_a_disk_that_fails_sends_nothing(database: Database, service: TicketService) -> None:
    """What cannot be noted as sent is not sent; it goes once the disk works."""
    jira, failed = connected("jira", service.url), asyncio.Event()
    async with opened(database) as store:
        write_surely = store.write_surely

        async def full(*args: Any, **kwargs: Any) -> Any:
            if failed.is_set():
                return await write_surely(*args, **kwargs)
            await write_surely(*args, **kwargs)  # it may have been written all the same
            failed.set()
            raise StoreFull("no disk space is left for the database")

        store.write_surely = full  # type: ignore[method-assign]
        await _problem(store)
        (one,) = await store.write(added, [new_action(jira, ticket("t"), 1)])
        async with working(store, jira):
            action = await come_to(store, one, DONE)
        assert (action.attempts, jira.sent, len(service.tickets)) == (2, 1, 1)


async def test_what_was_finished_long_ago_is_forgotten(database: Database, service: TicketService) -> None:
    """And what was approved for a system that is connected no more is given up; both when the outbox starts."""
    jira, gone, told = connected("jira", service.url), connected("gone", service.url), asyncio.Event()
    async with opened(database) as store:
        old, waiting = await store.write(
            added, [new_action(jira, message("m"), None), new_action(gone, message("g"), None)]
        )
        async with working(store, jira):
            await come_to(store, old, DONE)
        await altered(store, old, finished=time.time() - 500 * 86_400)
        await altered(store, waiting, decided_at=time.time() - 2 * 86_400)
        async with working(store, jira, tell=told.set):
            assert "the system gone is no longer connected" in (
                (await come_to(store, waiting, FAILED)).last_error or ""
            )

            async def forgotten() -> bool:
                return [one.id for one in await store.read(actions.listing, 10)] == [waiting]

            await until(forgotten, "forgotten")


async def test_pace_is_kept(database: Database, service: TicketService) -> None:
    """Between two orders is so much time as the service wants."""
    chat = connected("chat", service.url, pace=0.15)
    async with opened(database) as store, working(store, chat) as box:
        ids = await store.write(added, [new_action(chat, message(f"m{n}"), None) for n in range(4)])
        box.wake()
        await all_done(store, ids)
        times = [one.at for one in service.messages]
        assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 0.14


def test_a_request_is_one_digest() -> None:
    """What the approval is bound to hangs on every byte that goes out, and on nothing else."""
    one = Rendered((OutgoingRequest("POST", "http://x/y", "{}"),), ("a note",))
    assert one.digest == Rendered(one.requests, ("another note",)).digest
    assert one.digest != Rendered((OutgoingRequest("POST", "http://x/y", "{ }"),)).digest


async def test_a_ticket_that_was_given_up_is_looked_for_before_the_next(
    database: Database, service: TicketService
) -> None:
    """Its answer was lost and a person gave it up; the one that is proposed then waits for the search, and takes it."""
    jira, clock = connected("jira", service.url, settled=3_600.0), WallClock()
    service.lag = 3_600.0
    service.script.append("cut after")
    async with opened(database) as store, working(store, jira, clock=clock) as box:
        await _problem(store)
        (one,) = await store.write(added, [new_action(jira, ticket("Drive fault"), 1)])
        box.wake()
        await _tried(store, one)
        await store.write(actions.decline, one, "kim", None, now=time.time())
        (two,) = await store.write(added, [new_action(jira, ticket("Drive fault"), 1)])
        box.wake()
        await _tried(store, two)
        service.lag = 0.0
        _settled(clock, box)
        assert (await come_to(store, two, DONE)).receipt == Receipt(ref="T-1", url=f"{service.url}/T-1")
        assert len(service.tickets) == 1


async def test_what_failed_is_a_remark_for_a_day(database: Database, service: TicketService) -> None:
    """Until somebody retries it."""
    jira = connected("jira", service.url)
    service.script.append("refuse")
    async with opened(database) as store, working(store, jira) as box:
        (one,) = await store.write(added, [new_action(jira, message("one"), None)])
        box.wake()
        await come_to(store, one, ActionStatus.FAILED)
        await until(lambda: box.remark() == "1 action failed in the last 24 hours: see Actions", "it is told")
        await store.write(actions.retry, one, "kim", now=time.time())
        box.wake()
        await come_to(store, one, DONE)
        await until(lambda: box.remark() is None, "it is over")


async def test_a_row_that_cannot_be_read_stops_no_other(database: Database, service: TicketService) -> None:
    """It fails by itself, and can be listed; somebody may have changed it, or a newer version wrote it."""
    jira = connected("jira", service.url)
    async with opened(database) as store, working(store, jira) as box:
        broken, whole = await store.write(
            added, [new_action(jira, message("one"), None), new_action(jira, message("two"), None)]
        )
        await altered(store, broken, arguments='{"operation": "teleport"}', operation="teleport")
        box.wake()
        await come_to(store, whole, DONE)
        failed = await come_to(store, broken, ActionStatus.FAILED)
        assert "differs from what was approved" in (failed.last_error or "")
        assert "cannot be read" in failed.rendered.notes[0]
        assert [one.title for one in service.messages] == ["two"]


async def test_a_clock_that_is_set_back_freezes_nothing(database: Database, service: TicketService) -> None:
    """What was put off by a month is tried at once."""
    jira = connected("jira", service.url)
    async with opened(database) as store, working(store, jira) as box:
        ids = await store.write(added, [new_action(jira, message("one"), None), new_action(jira, message("two"), None)])
        await altered(store, ids[0], not_before=time.time() + 30 * 86_400)
        box.wake()
        await all_done(store, ids)
        assert [one.title for one in service.messages] == ["one", "two"]


async def test_a_problem_that_has_a_ticket_by_now_gets_no_second(database: Database, service: TicketService) -> None:
    """A ticket that failed is followed by another; retrying the first is refused, and if it goes out it takes that one."""
    jira = connected("jira", service.url)
    service.script.append("refuse")
    async with opened(database) as store, working(store, jira) as box:
        await _problem(store)
        (first,) = await store.write(added, [new_action(jira, ticket("Drive fault"), 1)])
        box.wake()
        await come_to(store, first, ActionStatus.FAILED)
        (second,) = await store.write(added, [new_action(jira, ticket("Drive fault, again"), 1)])
        box.wake()
        await come_to(store, second, DONE)
        with pytest.raises(StoreError, match="has the ticket T-1"):
            await store.write(actions.retry, first, "kim", now=time.time())
        (third,) = await store.write(added, [new_action(jira, ticket("Drive fault, merged"), 1)])
        box.wake()
        assert (await come_to(store, third, DONE)).receipt == Receipt(
            ref="T-1", url=f"{service.url}/T-1", words="the problem already has this ticket"
        )
        assert len(service.tickets) == 1


async def test_what_waits_for_a_system_that_is_connected_no_more_is_a_remark(
    database: Database, service: TicketService
) -> None:
    """Somebody took its table out of the settings."""
    gone, jira = connected("gone", service.url), connected("jira", service.url)
    async with opened(database) as store, working(store, jira) as box:
        await store.write(added, [new_action(gone, message("one"), None)])
        box.wake()
        await until(lambda: box.remark() == "1 action waits for gone, which is not connected", "it is told")

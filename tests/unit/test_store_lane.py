"""The lanes of actions in the database: leases, order, what is set aside, and several services at once."""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path

import pytest

from andon.core.errors import NotFound, StoreUnavailable
from andon.core.models.actions import Action, ActionStatus, Receipt
from andon.core.settings.database_url import Database
from andon.store import Store, actions, audit
from andon.store.actions import deliveries
from support.outbox import added, altered, message, new_action, ticket
from support.store_data import NOW, a_log, opened
from support.ticket_service import TicketConnector, connected

pytest_plugins = ["support.databases"]
LEASE = 60.0


def _plant(name: str = "plant") -> TicketConnector:
    return connected(name, "http://127.0.0.1:9")


async def _messages(store: Store, count: int, plant: TicketConnector | None = None) -> list[int]:
    return await store.write(added, [new_action(plant or _plant(), message(f"m{n}"), None) for n in range(count)])


async def _claim(store: Store, now: float = NOW, owner: str = "me", target: str = "plant") -> Action | None:
    return await store.write(deliveries.claim, target, owner, LEASE, now)


async def _claimed(store: Store, now: float = NOW, owner: str = "me") -> Action:
    found = await _claim(store, now, owner)
    assert found is not None
    return found


async def _due(store: Store, now: float = NOW) -> float | None:
    return (await store.read(deliveries.outlook, ["plant"], now)).due.get("plant")


async def test_one_of_a_target_is_in_hand_at_a_time(database: Database) -> None:
    """In the order of their ids; what is closed makes room for the next; other targets have lanes of their own."""
    async with opened(database) as store:
        first, second = await _messages(store, 2)
        (other,) = await _messages(store, 1, _plant("other"))
        job = await _claimed(store)
        assert (job.id, job.status, job.attempts, job.sent_at) == (first, ActionStatus.EXECUTING, 1, None)
        assert await _claim(store) is None
        assert await _due(store) == NOW + LEASE
        found = await _claim(store, target="other")
        assert found is not None
        assert found.id == other
        assert await store.write(deliveries.done, job, Receipt(ref="1"), NOW)
        assert await _due(store) == 0.0
        assert (await _claimed(store)).id == second
        assert await _claim(store, target="nobody") is None


async def test_a_lease_that_ran_out_is_claimed_again(database: Database) -> None:
    """What comes back from the first holder counts only where it says that it was done."""
    async with opened(database) as store:
        await _messages(store, 1)
        lost = await _claimed(store, owner="one")
        assert await store.write(deliveries.begin, lost, NOW + 1)
        assert await _claim(store, NOW + LEASE - 1, owner="two") is None
        job = await _claimed(store, NOW + LEASE, owner="two")
        assert (job.id, job.attempts, job.sent_at) == (lost.id, 2, NOW + 1)
        assert not await store.write(deliveries.begin, lost, NOW + 70)
        assert not await store.write(deliveries.fail, lost, "no", NOW + 70)
        assert not await store.write(deliveries.unsure, lost, "who knows")
        assert not await store.write(deliveries.postpone, lost, "later", NOW + 90)
        assert (await store.read(actions.action, job.id)).status is ActionStatus.EXECUTING
        assert await store.write(deliveries.done, lost, Receipt(ref="7"), NOW + 71)
        assert not await store.write(deliveries.done, job, Receipt(ref="8"), NOW + 72)
        found = await store.read(actions.action, job.id)
        assert (found.status, found.receipt) == (ActionStatus.DONE, Receipt(ref="7"))


async def test_what_waits_for_its_target_holds_up_what_is_behind_it(database: Database) -> None:
    """Nothing was done by this try: there is no ``sent_at`` but that of an earlier one."""
    async with opened(database) as store:
        first, second = await _messages(store, 2)
        job = await _claimed(store)
        await store.write(deliveries.begin, job, NOW)
        await store.write(deliveries.postpone, job, "away", NOW + 30, unsent=True)
        assert await _claim(store, NOW + 29) is None
        assert await _due(store) == NOW + 30
        again = await _claimed(store, NOW + 30)
        assert (again.id, again.sent_at, again.last_error) == (first, None, "away")
        await store.write(deliveries.begin, again, NOW + 31)
        await store.write(deliveries.postpone, again, "no answer", NOW + 60)
        third = await _claimed(store, NOW + 32)
        assert third.id == second  # nobody knows of the first one: it is set aside
        await store.write(deliveries.postpone, third, "away", NOW + 80, unsent=True)
        assert await _due(store, NOW + 33) == NOW + 60
        last = await _claimed(store, NOW + 60)
        assert (last.id, last.sent_at) == (first, NOW + 31)
        await store.write(deliveries.begin, last, NOW + 61)
        await store.write(deliveries.postpone, last, "away", NOW + 62, unsent=True)
        assert (await store.read(actions.action, first)).sent_at == NOW + 31


async def test_what_is_about_the_same_problem_stays_behind_it(database: Database) -> None:
    """Other problems go on."""
    async with opened(database) as store:
        await store.record([a_log(1, "p1"), a_log(2, "p2")], [])
        plant = _plant()
        new = [new_action(plant, ticket("a"), 1), new_action(plant, message("b"), 1), new_action(plant, ticket("c"), 2)]
        first, behind, other = await store.write(added, new)
        job = await _claimed(store)
        await store.write(deliveries.begin, job, NOW)
        await store.write(deliveries.postpone, job, "no answer", NOW + 60)
        found = await _claimed(store, NOW + 1)
        assert found.id == other
        await store.write(deliveries.done, found, Receipt(), NOW + 1)
        assert await _claim(store, NOW + 2) is None
        assert await _due(store, NOW + 2) == NOW + 60
        found = await _claimed(store, NOW + 60)
        assert found.id == first
        await store.write(deliveries.unsure, found, "who knows")
        assert (await _claimed(store, NOW + 61)).id == behind


async def test_what_this_service_held_is_put_back(database: Database) -> None:
    """On start and stop: nobody else's, and what was sent is known to have been."""
    async with opened(database) as store:
        first, _ = await _messages(store, 2)
        (other,) = await _messages(store, 1, _plant("other"))
        job = await _claimed(store)
        await store.write(deliveries.begin, job, NOW)
        assert await store.write(deliveries.claim, "other", "another service", LEASE, NOW) is not None
        assert await store.write(deliveries.release, "me") == 1
        found = await _claimed(store, NOW + 1)
        assert (found.id, found.attempts, found.sent_at) == (first, 2, NOW)
        assert await store.write(deliveries.release, "me", counted=False) == 1
        assert (await store.read(actions.action, first)).attempts == 1
        assert (await store.read(actions.action, other)).status is ActionStatus.EXECUTING


async def test_services_that_share_a_database_send_each_action_once_in_order(server: object) -> None:
    """Several claim at once, as fast as they can, and one gives up its lease now and then."""
    del server
    from support import postgres

    cluster = postgres.cluster()
    assert cluster is not None
    path, sent, random_ = cluster.prepared(), list[int](), random.Random(3)

    async def serve(store: Store, owner: str, ids: list[int]) -> None:
        while len(sent) < len(ids):
            job = await store.write(deliveries.claim, "plant", owner, LEASE, time.time())
            if job is None:
                await asyncio.sleep(0.001)
                continue
            if random_.random() < 0.2:
                await store.write(deliveries.release, owner)
                continue
            assert await store.write(deliveries.begin, job, time.time())
            sent.append(job.id)
            assert await store.write(deliveries.done, job, Receipt(), time.time())

    async with opened(path) as one, opened(path) as two, opened(path) as three:
        ids = await _messages(one, 40)
        async with asyncio.TaskGroup() as group:
            for owner, store in (("one", one), ("two", two), ("three", three)):
                group.create_task(serve(store, owner, ids))
        assert sent == ids


async def test_a_decision_and_a_claim_do_not_both_happen(server: object) -> None:
    """A person takes back what is being claimed at this moment: one of them wins."""
    del server
    from support import postgres

    cluster = postgres.cluster()
    assert cluster is not None
    path = cluster.prepared()
    async with opened(path) as one, opened(path) as two:
        for _ in range(20):
            (action_id,) = await _messages(one, 1)
            claimed, declined = await asyncio.gather(
                one.write(deliveries.claim, "plant", "me", LEASE, time.time()),
                two.write(actions.decline, action_id, "kim", now=time.time()),
                return_exceptions=True,
            )
            assert (claimed is None) == isinstance(declined, Action)
            if isinstance(claimed, Action):
                assert (await one.read(actions.action, action_id)).status is ActionStatus.EXECUTING
                await one.write(deliveries.done, claimed, Receipt(), time.time())


async def test_what_begins_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the durability: a power cut must not make something that was sent look as if it was not."""
    flushed: list[str] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        flushed.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    path = tmp_path / "agent.db"
    async with opened(path) as store:
        await _messages(store, 1)
        job = await _claimed(store)
        monkeypatch.setattr("andon.store.engine.database.os.fsync", noted)
        assert await store.write_surely(deliveries.begin, job, NOW)
        assert flushed == [f"{path}-wal"]

        def full(_: int) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr("andon.store.engine.database.os.fsync", full)
        with pytest.raises(StoreUnavailable, match="cannot be written to its disk"):
            await store.write_surely(deliveries.begin, job, NOW)


async def test_what_waits_is_counted_and_expires(database: Database) -> None:
    """By target and status, with the moment at which the next proposal expires."""
    async with opened(database) as store:
        await _messages(store, 3)
        job = await _claimed(store)
        await store.write(deliveries.unsure, job, "who knows")
        new = [new_action(_plant(), message(f"p{n}"), None, approved=False) for n in range(2)]
        late, later = await store.write(added, new)
        await altered(store, late, expires=NOW + 5)
        await altered(store, later, expires=NOW + 9)
        found = await store.read(deliveries.outlook, ["plant", "other"], NOW)
        assert found.counts == {"plant": {"approved": 2, "unsure": 1, "proposed": 2}}
        assert (found.due, found.expires) == ({"plant": 0.0}, NOW + 5)
        assert await store.write(actions.expire, NOW + 5) == [late]
        assert (await store.read(deliveries.outlook, [], NOW)).expires == NOW + 9


async def test_targets_that_are_connected_no_more_are_given_up(database: Database) -> None:
    """After the patience with an action, in the audit as well."""
    async with opened(database) as store:
        (one,) = await _messages(store, 1, _plant("gone"))
        await _messages(store, 1)
        await altered(store, one, decided_at=NOW)
        assert await store.write(deliveries.give_up_strangers, ["plant"], NOW, NOW) == []
        assert await store.write(deliveries.give_up_strangers, ["plant"], NOW + 1, NOW + 1) == [one]
        failed = await store.read(actions.action, one)
        assert failed.last_error == "the system gone is no longer connected: connect it again and retry"
        (entry,) = await store.read(audit.entries, 5, "action.fail")
        assert (entry.actor, entry.subject) == ("andon", f"action {one}")


async def test_finished_actions_are_forgotten_but_for_open_tickets(database: Database) -> None:
    """By their age; what is not finished stays, however old."""
    async with opened(database) as store:
        await store.record([a_log(1)], [])
        plant = _plant()
        opening, done, waiting = await store.write(
            added, [new_action(plant, ticket("t"), 1), new_action(plant, message("m"), None), new_action(plant, message("w"), None)]
        )  # fmt: skip
        for _ in range(2):
            await store.write(deliveries.done, await _claimed(store), Receipt(ref="T-1"), NOW)
        assert await store.write(deliveries.forget, NOW) == 0
        assert await store.write(deliveries.forget, NOW + 1) == 1
        with pytest.raises(NotFound):
            await store.read(actions.action, done)
        (known,) = await store.read(actions.of_problem, 1)
        await store.write(actions.ticket_closed, "plant", known.ref, NOW)
        assert await store.write(deliveries.forget, NOW + 1) == 1
        with pytest.raises(NotFound):
            await store.read(actions.action, opening)
        assert (await store.read(actions.action, waiting)).status is ActionStatus.APPROVED

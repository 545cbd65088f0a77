"""What people do about actions, for the page and the API alike: proposed, decided on, audited, told, and sent."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from andon.act.connectors import connected
from andon.app.background.changes import Changes
from andon.app.web.operations import Operations
from andon.app.web.page import Backend
from andon.app.web.statuses import status_of
from andon.core.errors import ActionRefused, NotFound, StoreError
from andon.core.models.actions import ActionStatus, OpenTicket, Receipt
from andon.core.settings.database_url import Database
from andon.core.settings.settings import Settings
from andon.store import Store, actions, audit
from andon.store.actions import deliveries
from support.settings import settings_of
from support.store_data import NOW, a_log, opened

pytest_plugins = ["support.databases"]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """One connected system, of a kind that an installed package brings."""
    entry = EntryPoint("tickets", "support.ticket_service:TicketConnector", "andon.connectors")
    monkeypatch.setattr(connected, "entry_points", lambda group: [entry] if group == entry.group else [])
    options = {"url": "http://127.0.0.1:9", "places": ["OPS"]}
    return settings_of(connectors=[{"kind": "tickets", "name": "plant", "options": options}])


class _Service:
    """What a running service is asked: here, whether its outbox was woken."""

    def __init__(self, backend: Backend) -> None:
        self.proposals = backend.proposals
        self.woken = 0

    def wake_outbox(self) -> None:
        self.woken += 1


@contextlib.asynccontextmanager
async def _operations(database: Database, settings: Settings) -> AsyncIterator[tuple[Operations, Store, Changes, Any]]:
    async with opened(database) as store:
        await store.record([a_log(1, message="Spindle drive over temperature", severity="CRITICAL")], [])
        changes = Changes()
        service: Any = _Service(Backend(settings, store.ask, store.write, changes))
        yield Operations(Backend(settings, store.ask, store.write, changes, service)), store, changes, service


async def test_a_ticket_is_proposed_and_approved_as_it_was_shown(database: Database, settings: Settings) -> None:
    """By named people; each deed is told and wakes the outbox."""
    async with _operations(database, settings) as (operations, store, changes, service):
        proposed = await operations.propose(1, "plant", "ticket", "kim", "the spindle again", "OPS")
        assert (proposed.status, proposed.proposed_by, proposed.problem_id) == (ActionStatus.PROPOSED, "kim", 1)
        assert isinstance(proposed.order.arguments, OpenTicket)
        assert proposed.order.arguments.where == "OPS"
        with pytest.raises(StoreError, match="changed since it was shown"):
            await operations.approve_action(proposed.id, "lee", "0" * 64)
        approved = await operations.approve_action(proposed.id, "lee", proposed.digest)
        assert (approved.status, approved.decided_by) == (ActionStatus.APPROVED, "lee")
        assert (changes.seen(["work"]), service.woken) == (2, 2)
        deeds = [(one.actor, one.action) for one in await store.read(audit.entries, 9, "action.")]
        assert deeds == [("lee", "action.approve"), ("kim", "action.propose")]


async def test_what_may_not_be_proposed_is_said(database: Database, settings: Settings) -> None:
    """As what makes no sense, not as trouble of ours."""
    async with _operations(database, settings) as (operations, _, changes, service):
        await operations.propose(1, "plant", "ticket", "kim")
        for words, expected in (
            ((1, "plant", "ticket", "lee"), "has already been proposed, as action 1"),
            ((1, "jira", "ticket", "lee"), "no connected system is called 'jira'; there are: plant"),
            ((1, "plant", "event", "lee"), "plant takes no events"),
            ((1, "plant", "message", "lee", "", "HR"), "may not write to 'HR'"),
        ):
            with pytest.raises(ActionRefused, match=expected) as refused:
                await operations.propose(*words)  # type: ignore[arg-type]
            assert status_of(refused.value) == 400
        with pytest.raises(NotFound):
            await operations.propose(99, "plant", "ticket", "lee")
        with pytest.raises(NotFound):
            await operations.decline_action(99, "lee")
        assert (changes.seen(["work"]), service.woken) == (1, 1)


async def test_actions_are_declined_retried_and_settled(database: Database, settings: Settings) -> None:
    """Each only where it makes sense."""
    async with _operations(database, settings) as (operations, store, _, service):
        one = await operations.propose(1, "plant", "message", "kim")
        declined = await operations.decline_action(one.id, "lee", "not now")
        assert (declined.status, declined.decision_note) == (ActionStatus.DECLINED, "not now")
        with pytest.raises(StoreError, match="is declined: there is nothing to retry"):
            await operations.retry_action(one.id, "lee")
        two = await operations.propose(1, "plant", "ticket", "kim")
        await operations.approve_action(two.id, "lee")
        for ending in ("failed", "unsure"):
            job = await store.write(deliveries.claim, "plant", "me", 60.0, NOW)
            assert job is not None
            await store.write(deliveries.begin, job, NOW)
            if ending == "failed":
                await store.write(deliveries.fail, job, "the project is not there", NOW)
                again = await operations.retry_action(two.id, "kim")
                assert (again.status, again.sent_at) == (ActionStatus.APPROVED, None)
            else:
                await store.write(deliveries.unsure, job, "no answer came")
        for ref, said in (
            (" ", "name the ticket as plant does, so that it is not opened twice"),
            ("javascript:alert(1)", "plant has nothing called 'javascript:alert.1.': write its name there"),
            ("https://plant.example/browse/OPS-7", "plant has nothing called 'https:"),
        ):
            with pytest.raises(ActionRefused, match=said):
                await operations.settle_action(two.id, ref, "kim")
        done = await operations.settle_action(two.id, " OPS-7 ", "kim")
        assert (done.status, done.receipt) == (ActionStatus.DONE, Receipt(ref="OPS-7", words="as kim says"))
        assert [each.ref for each in await store.read(actions.of_problem, 1)] == ["OPS-7"]
        assert service.woken == 6

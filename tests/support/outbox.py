"""Actions in a store, and an outbox at work on them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Sequence

from andon.act.connectors.connector import Connector
from andon.act.outbox import Outbox
from andon.core.models.actions import Action, ActionStatus, Arguments, Message, OpenTicket, Order, Origin
from andon.core.telemetry import Metrics
from andon.store import Connection, Store, actions
from andon.store.actions import NewAction, action_rows
from support.bus import until


def ticket(title: str) -> OpenTicket:
    """A ticket without much in it."""
    return OpenTicket(title=title, body=(), severity="ERROR")


def message(title: str) -> Message:
    """A message without much in it."""
    return Message(title=title, body=(), severity="ERROR", about="problem-1")


def new_action(
    connector: Connector, arguments: Arguments, problem_id: int | None, *, approved: bool = True
) -> NewAction:
    """An action as a rule would propose and approve it."""
    key = hashlib.sha256(f"{connector.name} {arguments!r}".encode()).hexdigest()[:32]
    order = Order(key, arguments)
    return NewAction(
        target=connector.name,
        order=order,
        rendered=connector.render(order),
        title=getattr(arguments, "title", ""),
        problem_id=problem_id,
        origin=Origin.RULE,
        proposed_by="rule all",
        reason="",
        expires=None if approved else time.time() + 60.0,
        approved_by="rule all" if approved else None,
    )


def added(connection: Connection, new: Sequence[NewAction]) -> list[int]:
    """Store them; their ids."""
    return [actions.add(connection, one, time.time()).id for one in new]


@contextlib.asynccontextmanager
async def working(
    store: Store,
    *connectors: Connector,
    owner: str = "me",
    patience: float = 86_400.0,
    tell: Callable[[], object] = lambda: None,
    metrics: Metrics | None = None,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[Outbox]:
    """An outbox that works while the block runs; its connectors are closed at the end."""
    named = {one.name: one for one in connectors}
    box = Outbox(store, named, metrics or Metrics(), owner=owner, tell=tell, patience=patience, clock=clock)
    task = asyncio.create_task(box.run())
    try:
        yield box
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for one in connectors:
            await one.close()


async def come_to(store: Store, action_id: int, *statuses: ActionStatus) -> Action:
    """Wait until an action stands so, and return it."""
    found: list[Action] = []

    async def stands() -> bool:
        found[:] = [await store.read(actions.action, action_id)]
        return found[0].status in statuses

    await until(stands, f"action {action_id} {' or '.join(statuses)}")
    return found[0]


async def altered(store: Store, action_id: int, **values: object) -> None:
    """Give columns of an action other values, as nobody does."""
    await store.write(action_rows.change, action_id, **values)


async def all_done(store: Store, ids: Sequence[int]) -> None:
    """Wait until these are done."""
    for one in ids:
        await come_to(store, one, ActionStatus.DONE)

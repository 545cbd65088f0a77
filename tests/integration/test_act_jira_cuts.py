"""A hundred connections to Jira that break at any byte: what the client says of each is true, and each issue is made once."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import pytest

from andon.act.connectors.connected import build_connectors
from andon.core.errors import OutcomeUnknown, TargetAway
from andon.core.models.actions import CloseTicket, Comment, OpenTicket, Order, Receipt, Section
from support.bus import until
from support.jira import TOKEN, USER, Jira
from support.patience import PATIENCE
from support.settings import settings_of

pytestmark = pytest.mark.anyio

ORDERS, CUTS = 40, 100
LAG = 60.0
BODY = (Section("What happened", ("The drive tripped.",)),)


class Wire:
    """Passes bytes on to Jira, and breaks each connection after so many of them as ``cuts`` says, either way."""

    def __init__(self, port: int, cuts: list[int]) -> None:
        self._port = port
        self._cuts = cuts
        self.open = self.cut = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.open += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        left = [self._cuts.pop() if self._cuts else -1]
        ways = [self._pass(reader, far_writer, left), self._pass(far_reader, writer, left)]
        tasks = [asyncio.create_task(one) for one in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        self.cut += left[0] == 0
        for one in (writer, far_writer):
            one.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.open -= 1

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: list[int]) -> None:
        with contextlib.suppress(ConnectionError):
            while left[0] and (part := await reader.read(2_048)):
                if left[0] > 0:
                    part = part[: left[0]]
                    left[0] -= len(part)
                writer.write(part)
                await writer.drain()


@contextlib.asynccontextmanager
async def wire(port: int, cuts: list[int]) -> AsyncIterator[tuple[Wire, str]]:
    """A running one, and its address."""
    made = Wire(port, cuts)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    try:
        yield made, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await until(lambda: made.open == 0, "all connections are closed")


@pytest.mark.parametrize("cloud", [True, False], ids=["cloud", "data center"])
async def test_whatever_breaks_each_thing_is_done_once(cloud: bool) -> None:
    """Issues, comments and ends of issues, by the rules that the connector gives of sending again."""
    lot = random.Random(14)
    moment = [0.0]
    with Jira(cloud=cloud, lag=LAG, clock=lambda: moment[0]) as jira:
        # of a search, a creation of some 900 bytes and its answer: in heads, bodies, answers, and behind them
        cuts = [lot.randrange(1, 3_000) for _ in range(CUTS)]
        async with wire(int(jira.url.rpartition(":")[2]), cuts) as (broken, url):
            login = {"user": USER, "token": TOKEN} if cloud else {"token": TOKEN}
            table = {"url": url, "edition": "cloud" if cloud else "data_center", "projects": ["OPS"], **login}
            (made,) = build_connectors(settings_of(jira=[{**table, "timeout": PATIENCE}])).values()
            unknown = 0

            def issues(key: str) -> int:
                return sum(f"andon-{key}" in one.fields["labels"] for one in jira.issues.values())

            async def settled() -> None:
                """What was on its way has come, as it has after the time that the settings give."""
                await until(lambda: jira.connections == 0, "nothing is already being sent")

            async def opened(order: Order) -> Receipt:
                nonlocal unknown
                while True:
                    try:
                        if (found := await made.find(order)) is not None:
                            return found
                    except TargetAway:
                        continue
                    assert issues(order.key) == 0  # what is not found is not there
                    try:
                        return await made.send(order, made.render(order))
                    except TargetAway:
                        await settled()
                        assert issues(order.key) == 0  # surely nothing was done
                    except OutcomeUnknown:
                        unknown += 1
                        await settled()
                        moment[0] += LAG + 1

            async def sent(order: Order) -> Receipt:
                while True:
                    with contextlib.suppress(TargetAway, OutcomeUnknown):
                        return await made.send(order, made.render(order))
                    await settled()

            tickets = []
            for number in range(ORDERS):
                order = Order(f"{number:032x}", OpenTicket(title="t", body=BODY, severity="ERROR"))
                tickets.append((await opened(order)).ref)
            for number, ticket in enumerate(tickets):
                await sent(Order(f"{number:031x}c", Comment(ticket=ticket, body=BODY)))
                await sent(Order(f"{number:031x}e", CloseTicket(ticket=ticket, body=BODY)))
            await made.close()
            assert broken.cut == CUTS
    assert unknown >= 20
    assert [issues(f"{number:032x}") for number in range(ORDERS)] == [1] * ORDERS
    assert len(jira.issues) == ORDERS
    assert {one.status for one in jira.issues.values()} == {"Done"}
    assert {len(one.comments) for one in jira.issues.values()} == {2}

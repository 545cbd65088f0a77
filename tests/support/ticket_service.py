"""A ticket service over real HTTP, and a connector for it: what the outbox is tried with.

The service does what it is asked, as real ones do: it makes another ticket for each request to make one, its search
lags, and what it does and what it answers may differ (see :class:`TicketService`). Everything it did is in ``tickets``
and ``messages``.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec

from andon.act.connectors.connector import Ability, Again, Checked, Connector, Setup, unable
from andon.act.connectors.http import Client
from andon.core.models.actions import (
    Message,
    OpenTicket,
    Operation,
    Order,
    OutgoingRequest,
    Receipt,
    Rendered,
)
from andon.core.settings.connectors import Named
from andon.core.settings.connectors.outside_settings import OutsideTable
from support.http_servers import StandInServer
from support.patience import PATIENCE
from support.settings import settings_of


class Made(NamedTuple):
    """Something that the service made, and when (of its own clock)."""

    ref: str
    key: str
    title: str
    at: float


class TicketService:
    """``script`` holds what becomes of the next writing requests, in their order; after it everything goes well.

    ``ok``; ``refuse`` (400); ``forbid`` (403); ``full`` (429 with Retry-After 1); ``away`` (503); ``broken`` (500, not
    done); ``broken after`` (500, done); ``cut`` (the connection ends, not done); ``cut after`` (the same, done);
    ``hang`` (no answer until :attr:`released`, then done). ``lag`` is how long something new is missing from the search,
    ``think`` gives the seconds that it takes before and after it does something.
    """

    def __init__(self, port: int = 0, lag: float = 0.0, think: Callable[[], float] = lambda: 0.0) -> None:
        self.script: deque[str] = deque()
        self.looks: deque[str] = deque()
        self.lag = lag
        self.think = think
        self.tickets: list[Made] = []
        self.messages: list[Made] = []
        self.searches = 0
        self.released = threading.Event()
        self.reached = threading.Event()
        self._lock = threading.Lock()
        self._server = StandInServer(("127.0.0.1", port), _handler(self))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop."""
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def make(self, path: str, key: str, title: str) -> Made:
        """Do what a request asks for."""
        with self._lock:
            kept = self.tickets if path.startswith("/tickets") else self.messages
            made = Made(f"T-{len(kept) + 1}", key, title, time.monotonic())
            kept.append(made)
            return made

    def found(self, key: str) -> list[Made]:
        """What the search knows."""
        with self._lock:
            self.searches += 1
            now = time.monotonic()
            return [one for one in self.tickets if one.key == key and now - one.at >= self.lag]


def _handler(service: TicketService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            fate = service.looks.popleft() if service.looks else "ok"
            if fate != "ok":
                self._refuse(fate)
                return
            key = parse_qs(urlsplit(self.path).query).get("key", [""])[0]
            self._answer(200, [one.ref for one in service.found(key)])

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            sent = self.rfile.read(length)
            if len(sent) < length:  # the link was cut: nothing is done
                return
            body = json.loads(sent)
            fate = service.script.popleft() if service.script else "ok"
            service.reached.set()
            if fate == "hang":
                service.released.wait(PATIENCE)
            if fate in ("ok", "broken after", "cut after", "hang"):
                time.sleep(service.think())
                made = service.make(self.path, body["key"], body["title"])
                time.sleep(service.think())
                if fate in ("ok", "hang"):
                    self._answer(201, {"ref": made.ref})
                    return
            if fate.startswith("cut"):
                self.close_connection = True
                self.connection.close()
                return
            self._refuse(fate)

        def _refuse(self, fate: str) -> None:
            status = {"refuse": 400, "forbid": 403, "full": 429, "away": 503}.get(fate, 500)
            self._answer(status, {"message": f"the service says {fate}"}, {"Retry-After": "1"} if status == 429 else {})

        def _answer(self, status: int, value: Any, headers: Mapping[str, str] | None = None) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            for name, text in (headers or {}).items():
                self.send_header(name, text)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def ticket_service(lag: float = 0.0) -> Iterator[TicketService]:
    """A service for the length of the block."""
    service = TicketService(lag=lag)
    try:
        yield service
    finally:
        service.close()


class TicketConnector(Connector):
    """The connector. ``options`` are ``url``, and for tests ``settled``, ``again`` (of messages) and ``pace``."""

    kind: ClassVar[str] = "tickets"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        assert isinstance(setup.named.table, OutsideTable)
        self.options = setup.named.table.options
        self.client = Client(self.name, self.address, timeout=self.timeout, words=lambda body: str(body["message"]))
        self.sent = 0
        self.able = {
            Operation.OPEN_TICKET: Ability(Again.LOOK, float(self.options.get("settled", 0.1))),
            Operation.MESSAGE: Ability(Again(self.options.get("again", "twice"))),
        }

    @property
    def address(self) -> str:
        return str(self.options["url"])

    @property
    def abilities(self) -> Mapping[Operation, Ability]:
        return self.able

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(self.options.get("places", ()))

    @property
    def pace(self) -> float:
        return float(self.options.get("pace", 0.0))

    def render(self, order: Order) -> Rendered:
        match order.arguments:
            case OpenTicket(title=title) | Message(title=title):
                path = "tickets" if isinstance(order.arguments, OpenTicket) else "messages"
                body = msgspec.json.encode({"key": order.key, "title": title}).decode()
                return Rendered((OutgoingRequest("POST", f"{self.address}/{path}", body),))
            case _:
                raise unable(self, order.operation)

    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        self.sent += 1
        (one,) = rendered.requests
        response = await self.client.request(one.method, one.url, body=one.body)
        ref = self.client.json(response, changed=True)["ref"]
        return Receipt(ref=ref, url=f"{self.address}/{ref}")

    async def find(self, order: Order) -> Receipt | None:
        if order.operation is not Operation.OPEN_TICKET:
            return None
        response = await self.client.request("GET", f"{self.address}/tickets", params={"key": order.key})
        found = self.client.json(response)
        return Receipt(ref=found[0], url=f"{self.address}/{found[0]}") if found else None

    async def check(self) -> Sequence[Checked]:
        return [Checked(True, "it is there")]

    async def close(self) -> None:
        await self.client.close()


def connected(name: str, url: str, *, timeout: float = 5.0, **options: Any) -> TicketConnector:
    """The connector of a table ``[[connectors]]`` with these options."""
    table = OutsideTable(name=name, timeout=timeout, kind="tickets", options={"url": url, **options})
    return TicketConnector(Setup(settings_of(), Named("tickets", name, table)))


def main() -> None:
    """Be a service until standard input ends; the port is the first line of the output, what came the last one."""
    service = TicketService()
    print(service.port, flush=True)
    sys.stdin.read()
    service.close()
    print(json.dumps([one.title for one in (*service.tickets, *service.messages)]), flush=True)


if __name__ == "__main__":
    main()

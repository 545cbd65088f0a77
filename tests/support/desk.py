"""A ticket desk that nobody sells, and the connector for it: what an installed package brings, for tests of what stands
around connectors. The desk is a real HTTP server; it takes each order once, however often it comes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec

from andon.act.connectors.connector import Ability, Again, Checked, Connector, Setup, unable
from andon.act.connectors.http import Client
from andon.core.errors import ActionError, ConfigError
from andon.core.models.actions import Comment, Message, OpenTicket, Operation, Order, OutgoingRequest, Receipt, Rendered
from andon.core.settings.connectors.outside_settings import OutsideTable


class DeskConnector(Connector):
    """Tickets, comments and messages at the desk of ``options.url``."""

    kind = "desk"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        assert isinstance(setup.named.table, OutsideTable)
        options = setup.named.table.options
        if "url" not in options:
            raise ConfigError(f"[[connectors]] {self.name} needs url in its options: set it and start again")
        self._url, self._places = str(options["url"]), tuple(options.get("places", ("OPS", "LINE3")))
        self._client = Client(self.name, self._url, timeout=setup.named.table.timeout)

    @property
    def address(self) -> str:
        """Where the desk is."""
        return self._url

    @property
    def abilities(self) -> Mapping[Operation, Ability]:
        """What it does."""
        return {
            Operation.OPEN_TICKET: Ability(Again.LOOK),
            Operation.COMMENT: Ability(Again.SAFE),
            Operation.MESSAGE: Ability(Again.TWICE),
        }

    @property
    def places(self) -> tuple[str, ...]:
        """Its projects."""
        return self._places

    def render(self, order: Order) -> Rendered:
        """One request."""
        said = order.arguments
        if not isinstance(said, OpenTicket | Message | Comment):
            raise unable(self, order.operation)
        body: dict[str, Any] = {"key": order.key, "text": msgspec.to_builtins(said.body)}
        if isinstance(said, Comment):
            path = f"/tickets/{said.ticket}/comments"
        else:
            path = "/tickets" if isinstance(said, OpenTicket) else "/messages"
            body |= {"title": said.title, "project": said.where or self._places[0], "severity": said.severity}
        notes = ("Later occurrences are told in the ticket, as comments.",) if isinstance(said, OpenTicket) else ()
        request = OutgoingRequest(
            "POST", f"{self._url}{path}", json.dumps(body), headers={"Idempotency-Key": order.key}
        )
        return Rendered((request,), notes)

    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        """Send it."""
        (one,) = rendered.requests
        headers = {"Content-Type": one.content_type, **one.headers}
        answer = await self._client.request(one.method, one.url, body=one.body, headers=headers)
        made = self._client.json(answer, changed=True)
        return Receipt(ref=made["ref"], url=made["url"], words="created")

    async def find(self, order: Order) -> Receipt | None:
        """The ticket with this key."""
        answer = await self._client.request("GET", f"{self._url}/tickets", params={"key": order.key})
        found = self._client.json(answer)
        return Receipt(ref=found["ref"], url=found["url"]) if found else None

    async def check(self) -> Sequence[Checked]:
        """Whether it answers."""
        try:
            await self._client.request("GET", f"{self._url}/tickets", params={"key": ""})
        except ActionError as error:
            return [Checked(False, str(error), "see whether the desk is open")]
        return [Checked(True, f"answers at {self._url}")]

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()


def install_desk(place: Path) -> None:
    """Put the connector into ``place`` as an installer does: its module, and the metadata with its entry point."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "desk_andon.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    metadata = place / "desk_andon-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: desk-andon\nVersion: 1.0\n", encoding="utf-8")
    entry = "[andon.connectors]\ndesk = desk_andon:DeskConnector\n"
    (metadata / "entry_points.txt").write_text(entry, encoding="utf-8")


@dataclass
class Desk:
    """The desk: what it took. While ``refusing`` is a text it refuses with it.

    While ``silent`` it takes what comes and hangs up, while ``lost`` it hangs up and takes nothing.
    """

    port: int = 0
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusing: str = ""
    silent: bool = False
    lost: bool = False

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def table(self, name: str = "desk") -> list[dict[str, Any]]:
        """Its table in the settings."""
        return [{"kind": "desk", "name": name, "timeout": 2.0, "options": {"url": self.url}}]


@contextmanager
def desk() -> Iterator[Desk]:
    """An open desk."""
    made = Desk()

    class Handler(BaseHTTPRequestHandler):
        """Its counter."""

        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            key = self.path.partition("key=")[2]
            self._answer(200, made.taken.get(key))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if made.refusing:
                self._answer(400, {"error": made.refusing})
                return
            if made.lost:
                self.close_connection = True
                return
            ref = f"OPS-{len(made.taken) + 1}"
            found = made.taken.setdefault(body["key"], {**body, "ref": ref, "url": f"{made.url}/browse/{ref}"})
            if made.silent:
                self.close_connection = True
                return
            self._answer(201, found)

        def _answer(self, status: int, value: Any) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

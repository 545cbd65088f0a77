"""What every request passes: streams that end with the right to read them, bodies that are read twice, waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Message

from andon.app.web import entrance
from andon.app.web.access import Access, address_of
from andon.app.web.entrance import Entrance, for_programs
from andon.app.web.page.addresses import own_address, own_page, root_of
from andon.app.web.people import Person, Role
from andon.app.web.waits import FORGOTTEN_AFTER, KEYS, Waits
from andon.core.errors import StoreUnavailable
from support.patience import PATIENCE

OTTO = Person("Otto", Role.OPERATOR, "c5rf", logged_in=True)


class Fickle(Access):
    """Knows whoever it is told to."""

    def __init__(self, *found: Person | Exception | None) -> None:
        super().__init__()
        self.answers = list(found)

    async def find(self, request: Any, *, for_program: bool, sends: bool = False) -> Person | None:
        """The next of the answers, the last for ever."""
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Exception):
            raise found
        return found


def refuse(_request: Request, status: int, sentence: str) -> Response:
    """As the application would, in short."""
    return PlainTextResponse(sentence, status)


async def asked(app: Any, *body: bytes, method: str = "GET", path: str = "/x", **headers: str) -> list[Message]:
    """What an ASGI application sends."""
    sent: list[Message] = []
    parts = list(body) or [b""]

    async def receive() -> Message:
        if parts:
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    listed = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "raw_path": path.encode()}
    scope |= {"query_string": b"", "headers": listed}
    async with asyncio.timeout(PATIENCE):
        await app(scope, receive, send)
    return sent


async def endless(scope: Any, receive: Any, send: Any) -> None:
    """A stream that would never end."""

    async def ticks() -> Any:
        while True:
            yield "data: tick\n\n"
            await asyncio.sleep(0)

    await StreamingResponse(ticks(), media_type="text/event-stream")(scope, receive, send)


@pytest.mark.parametrize("last", [None, OTTO._replace(role=Role.VIEWER)])
async def test_a_stream_ends_with_the_right_to_read_it(last: Person | None) -> None:
    """At the next look after a beat; a database that is away for a moment ends nothing."""
    access = Fickle(OTTO, OTTO, StoreUnavailable("away"), OTTO, last)
    sent = await asked(Entrance(endless, access, refuse, beat=0.0))
    assert [one.get("body") for one in sent[1:]] == [b"data: tick\n\n"] * 3 + [b""]
    assert sent[-1]["more_body"] is False


async def test_streams_leave_places_for_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is told so and comes in once another ended; what is no stream is never refused for that."""
    monkeypatch.setattr(entrance, "STREAMS", 1)
    going, ended = asyncio.Event(), asyncio.Event()

    async def stream(scope: Any, receive: Any, send: Any) -> None:
        async def ticks() -> Any:
            yield "data: tick\n\n"
            going.set()
            await ended.wait()

        await StreamingResponse(ticks(), media_type="text/event-stream")(scope, receive, send)

    async def route(scope: Any, receive: Any, send: Any) -> None:
        await (PlainTextResponse("here") if scope["path"] == "/now" else stream)(scope, receive, send)

    app = Entrance(route, Fickle(*[OTTO] * 9), refuse)
    first = asyncio.create_task(asked(app))
    await going.wait()
    full = await asked(app)
    assert (full[0]["status"], b"close some" in full[1]["body"]) == (503, True)
    assert (await asked(app, path="/now"))[1]["body"] == b"here"
    ended.set()
    assert (await first)[0]["status"] == (await asked(app))[0]["status"] == 200


async def test_who_cannot_be_looked_up_is_told_why() -> None:
    """503 and the sentence."""
    sent = await asked(Entrance(endless, Fickle(StoreUnavailable("the disk is away")), refuse))
    assert (sent[0]["status"], sent[1]["body"]) == (503, b"the disk is away")


async def test_the_route_gets_the_whole_form_again() -> None:
    """The token in it was read before."""

    async def route(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse(await Request(scope, receive).body())(scope, receive, send)

    app = Entrance(route, Fickle(OTTO), refuse)
    form = {"method": "POST", "Content_Type": "application/x-www-form-urlencoded; charset=utf-8"}
    assert (await asked(app, b"a=1&cs", b"rf=c5rf&", b"b=2", **form))[1]["body"] == b"a=1&csrf=c5rf&b=2"
    assert (await asked(app, b"a=1&csrf=other", **form))[0]["status"] == 403
    assert (await asked(app, b"a=1", **form, X_CSRF_Token="c5rf"))[1]["body"] == b"a=1"


def test_waits_grow_are_bounded_and_forgotten() -> None:
    """Nothing for the first tries, then 2, 4, 8 seconds, up to the longest."""
    now = [0.0]
    waits = Waits(3, 10.0, lambda: now[0])
    grown = []
    for _ in range(7):
        waits.failed("a")
        grown.append(waits.left("a"))
    assert grown == [0, 0, 2, 4, 8, 10, 10]
    now[0] = 4.0
    assert (waits.left("a"), waits.left("b")) == (6, 0)
    waits.take_back("a")
    assert waits.left("a") == 6.0
    now[0] += FORGOTTEN_AFTER
    waits.failed("a")
    assert waits.left("a") == 0
    waits.failed("a")
    waits.forget("a")
    waits.take_back("a")
    for number in range(KEYS + 50):
        waits.failed(str(number))
    assert len(waits) == KEYS


def _request(path: str, query: str = "", client: str = "127.0.0.1", **headers: str) -> Request:
    listed = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": listed,
            "server": ("localhost", 80),
            "client": (client, 1),
            "scheme": "http",
        }
    )


def test_an_address_is_relative_and_ours() -> None:
    """Whatever the path was that somebody asked for."""
    found = {
        path: own_address(_request(path)) for path in ("/", "/a/b", "//evil.example", "/\\\\evil", "/javascript:x")
    }
    assert found == {
        "/": "./",
        "/a/b": "a/b",
        "//evil.example": "evil.example",
        "/\\\\evil": "%5C%5Cevil",
        "/javascript:x": "./javascript:x",
    }
    assert own_address(_request("/journal", "q=ä'\"&b=%20")) == "journal?q=%C3%A4'%22&b=%20"
    assert [root_of(_request(path)) for path in ("/", "/a", "/a/b", "/a/b/c")] == ["./", "./", "../", "../../"]
    assert own_page(own_address(_request("/problems/12", "x=1"))) == "problems/12?x=1"
    assert own_page("x" * 3_000) == "./"


def test_what_a_proxy_says_counts_on_this_machine() -> None:
    """The last that it was told, where it is an address."""
    assert address_of(_request("/", X_Forwarded_For="9.9.9.9, 192.0.2.7")) == "192.0.2.7"
    assert address_of(_request("/", X_Forwarded_For="nonsense")) == "127.0.0.1"
    assert address_of(_request("/", client="192.0.2.1", X_Forwarded_For="192.0.2.7")) == "192.0.2.1"


def test_programs_ask_below_a_few_addresses() -> None:
    """And nowhere that only begins like one."""
    paths = {path: for_programs(path) for path in ("/api/logs", "/api", "/docs", "/apiary", "/", "/readyz", "/docs2")}
    assert paths == {
        "/api/logs": True,
        "/api": True,
        "/docs": True,
        "/apiary": False,
        "/": False,
        "/readyz": True,
        "/docs2": False,
    }

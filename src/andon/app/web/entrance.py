"""What every request passes behind the guard: who asks is found out here, and only what is open is open to nobody.

Whatever route comes: without somebody who may ask it is not reached, a change needs the role of an operator at least,
and where a cookie is what authorises it, the token that only our own pages hold.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from andon.app.background.changes import BEAT
from andon.app.web.access import Access
from andon.app.web.intake.reception import RETRY_SOON
from andon.app.web.intake.ways import HEC, HEC_HEALTH, TOKEN_NEEDED, Way, way_in
from andon.app.web.people import NOBODY, Person, Role, lacking
from andon.core.errors import StoreError

#: Methods that change nothing (RFC 9110).
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
#: What is open to everybody.
_OPEN = frozenset({"/healthz", "/readyz", "/login", *HEC_HEALTH})
_OPEN_BELOW = "/static/"
#: Changes that need no role: to leave, and to say who one is.
_FOR_ALL = frozenset({"/logout", "/name"})
CSRF_HEADER, CSRF_FIELD = "X-CSRF-Token", "csrf"
_FORM = "application/x-www-form-urlencoded"

#: Addresses whose answers are for programs, which bring tokens; and what lies below them.
_FOR_PROGRAMS = ("/api", "/metrics", "/openapi.json", "/docs", "/healthz", "/readyz", HEC, "/v1")

#: Pages that are kept up to date at once: the other places of the server are for whoever asks for something.
STREAMS = 150

#: Answers a request that goes no further: status and sentence.
Refuse = Callable[[Request, int, str], Response]
#: Counts who was turned away: the way in, its address, and why in a few words.
TurnedAway = Callable[[str, str, str], None]


class _OutError(Exception):
    """Who reads a stream may not any more."""


class _FullError(Exception):
    """One stream more than there may be."""


class Entrance:
    """ASGI middleware that finds out who asks (``request.state.person``) or answers by ``refuse``."""

    def __init__(
        self, app: ASGIApp, access: Access, refuse: Refuse, beat: float = BEAT, *, turned_away: TurnedAway | None = None
    ) -> None:
        """``turned_away`` is told of each who may not send logs."""
        self._app, self._access, self._refuse, self._beat = app, access, refuse, beat
        self._turned_away = turned_away
        self._streams = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its person, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["person"] = NOBODY
        if scope["path"] in _OPEN or scope["path"].startswith(_OPEN_BELOW):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        way = way_in(scope["method"], scope["path"])
        try:
            person = await self._find(request)
        except StoreError as error:
            await self._refused(way, request, 503, str(error))(scope, receive, send)
            return
        if person is None:
            await self._refused(way, request, 401, "")(scope, receive, send)
            return
        state["person"] = person
        if person.role is Role.PRODUCER and way is None:
            await self._refuse(request, 403, "this token may only send logs")(scope, receive, send)
            return
        if scope["method"] not in SAFE:
            try:
                body = await _body(request) if _wants_form(request, person) else None
            except ClientDisconnect:
                return
            if refusal := _why_not(request, person, body):
                await self._refused(way, request, 403, refusal)(scope, receive, send)
                return
            receive = receive if body is None else _again(body, receive)
        await self._watched(request, receive, send)

    async def _find(self, request: Request) -> Person | None:
        path = request.scope["path"]
        sends = way_in(request.method, path) is not None
        return await self._access.find(request, for_program=for_programs(path), sends=sends)

    def _refused(self, way: Way | None, request: Request, status: int, sentence: str) -> Response:
        """The refusal of a request, where it is a way in in the words of its protocol."""
        if way is None:
            return self._refuse(request, status, sentence)
        if self._turned_away is not None and status != 503:
            self._turned_away(way.name, request.scope["path"], "no token" if status == 401 else "not allowed")
        return way.refuse(request, status, sentence or TOKEN_NEEDED, RETRY_SOON if status == 503 else 0)

    async def _watched(self, request: Request, receive: Receive, send: Send) -> None:
        """Pass on; a stream of events ends where its reader may not read it any more, within a beat.

        A stream beyond :data:`STREAMS` is refused, and its page tries again: it waits, and keeps nobody from acting.
        """
        streams, looked = False, time.monotonic()

        async def sent(message: Message) -> None:
            nonlocal streams, looked
            if message["type"] == "http.response.start":
                streams = any(
                    name == b"content-type" and value.startswith(b"text/event-stream")
                    for name, value in message["headers"]
                )
                if streams and request.method == "GET" and self._streams >= STREAMS:
                    streams = False
                    raise _FullError
                self._streams += streams
            elif streams and time.monotonic() - looked >= self._beat:
                looked = time.monotonic()
                if not await self._still(request):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                    raise _OutError
            await send(message)

        try:
            await self._app(request.scope, receive, sent)
        except _OutError:
            return
        except _FullError:
            sentence = f"{STREAMS} pages are open, the most that are kept up to date: close some that are not needed"
            await self._refuse(request, 503, sentence)(request.scope, receive, send)
        finally:
            self._streams -= streams

    async def _still(self, request: Request) -> bool:
        """Whether the same person may still ask; a database that is away says nothing against it."""
        try:
            return bool(await self._find(request) == request.state.person)
        except StoreError:
            return True


def for_programs(path: str) -> bool:
    """Whether programs ask there."""
    return path.startswith(_FOR_PROGRAMS) and any(path == one or path.startswith(one + "/") for one in _FOR_PROGRAMS)


def refused_program(has_token: bool, status: int, sentence: str) -> Response:
    """The answer to a program that is not let through; with 401 it says which token is missing."""
    if status != 401:
        return JSONResponse({"detail": sentence}, status)
    which = "the token of ANDON_HTTP_TOKEN" if has_token else "a token created with `andon token add`"
    return JSONResponse({"detail": f"present {which}: Authorization: Bearer …"}, 401, {"WWW-Authenticate": "Bearer"})


def _wants_form(request: Request, person: Person) -> bool:
    """Whether the token stands in the form, if anywhere."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return bool(person.csrf) and CSRF_HEADER not in request.headers and kind == _FORM


async def _body(request: Request) -> bytes:
    """The whole body, which the guard bounds."""
    return b"".join([part async for part in request.stream()])


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more for the route, then what else comes."""
    given = False

    async def received() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return received


def _field(body: bytes) -> str:
    try:
        return parse_qs(body.decode("utf-8", "replace"), max_num_fields=1_000).get(CSRF_FIELD, [""])[0]
    except ValueError:  # more fields than any form of ours has
        return ""


def _why_not(request: Request, person: Person, body: bytes | None) -> str | None:
    """Why somebody may not change anything by this request; None where they may."""
    if person.csrf:
        given = request.headers.get(CSRF_HEADER, "")
        if body is not None:
            given = _field(body)
        if not secrets.compare_digest(given.encode("utf-8", "replace"), person.csrf.encode()):
            return f"the token of this page ({CSRF_HEADER}) is missing or belongs to another session: reload the page"
    if person.role < Role.OPERATOR and request.scope["path"] not in _FOR_ALL and person.role is not Role.PRODUCER:
        return lacking(person, Role.OPERATOR)
    return None

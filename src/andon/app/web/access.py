"""Finds out who asks, by cookie or token, and lets people in and out."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog
from starlette.requests import HTTPConnection

from andon.app.web.people import NAME_COOKIE, Person, said_name
from andon.app.web.waits import Waits
from andon.core.credentials import TOKEN_PREFIX, digest, matches, name_key, new_secret
from andon.core.errors import StoreError
from andon.core.models import Role
from andon.core.settings.listeners import is_loopback
from andon.store import Ask, people

_log = structlog.get_logger(__name__)

#: The cookie of a session. It has no path, so that a browser sends it below the place where it logged in.
SESSION_COOKIE = "andon_session"
#: Log-ins that may wait for their password to be looked at, which is done one at a time.
_WAITING = 16
#: Tries that cost nothing, and the longest wait after more, in seconds: of a name, and of an address.
_NAME_TRIES, _ADDRESS_TRIES, _LONGEST = 5, 20, 60.0
_NAME_SHOWN = 200


class Refused(Exception):
    """A log-in that does not go through; ``wait`` is in how many seconds another may, 0 for at once."""

    def __init__(self, sentence: str, wait: float = 0.0) -> None:
        super().__init__(sentence)
        self.wait = wait


class Begun(NamedTuple):
    """A session that has begun: what its cookie holds, which is stored nowhere."""

    secret: str
    name: str


class Access:
    """Who may ask. ``token`` is that of ``ANDON_HTTP_TOKEN``; ``read`` and ``write`` reach users, sessions and tokens.

    Where it is ``open``, as on loopback, whoever asks may do everything. Without a database only ``token`` lets in.
    """

    def __init__(
        self,
        token: str = "",
        *,
        open: bool | None = None,  # noqa: A002 - as the settings say it
        read: Ask | None = None,
        write: Ask | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._token, self.open = token, not token if open is None else open
        self._read, self._write, self._clock = read, write, clock
        self._names, self._addresses = Waits(_NAME_TRIES, _LONGEST), Waits(_ADDRESS_TRIES, _LONGEST)
        self._one = asyncio.Semaphore(1)
        self._waiting = 0

    def beside(self, *, open: bool) -> Access:  # noqa: A002 - as the settings say it
        """The same for another listener, which may be open or not."""
        return Access(self._token, open=open, read=self._read, write=self._write, clock=self._clock)

    @property
    def has_token(self) -> bool:
        """Whether the settings have a token."""
        return bool(self._token)

    async def find(self, request: HTTPConnection, *, for_program: bool, sends: bool = False) -> Person | None:
        """Who puts a request; None for nobody who may. Raises StoreError.

        Tokens are taken ``for_program``; of one that ``sends`` logs also where its product can put them.
        """
        given = (sent_token_of(request) if sends else bearer_of(request)) if for_program else None
        if given is not None:
            found = await self._by_token(request, given)
            if found is not None or not self.open:
                return found
        if self.open:
            name = said_name(request)
            return Person(name, Role.ADMIN, to_be_asked=name is None and NAME_COOKIE not in request.cookies)
        return await self._by_session(request)

    async def _by_token(self, request: HTTPConnection, given: str) -> Person | None:
        if self._token and secrets.compare_digest(given.encode(), self._token.encode()):
            return Person(said_name(request), Role.ADMIN)
        if self._read is None or not given.startswith(TOKEN_PREFIX):
            return None
        token = await self._read(people.token_of, digest(given))
        if token is None:
            return None
        now = self._clock()
        if now - (token.last_used or 0.0) > people.TOUCHED_AFTER and self._write is not None:
            await self._noted(self._write(people.token_used, token.id, now=now))
        return Person(token.name, Role.named(token.role))

    async def _by_session(self, request: HTTPConnection) -> Person | None:
        secret = request.cookies.get(SESSION_COOKIE)
        if not secret or self._read is None:
            return None
        now = self._clock()
        session = await self._read(people.session_of, digest(secret), now=now)
        if session is None:
            return None
        if now - session.last_seen > people.TOUCHED_AFTER and self._write is not None:
            await self._noted(self._write(people.touch, session.id, now=now))
        return Person(session.name, session.role, session.csrf, logged_in=True)

    async def _noted(self, writing: object) -> None:
        """Nobody is kept out because it cannot be written down that they were there."""
        try:
            await writing  # type: ignore[misc]  # a coroutine of Ask
        except StoreError as error:
            _log.info("use of a session not noted", reason=str(error))

    async def anybody(self) -> bool:
        """Whether there is anybody who may log in. Raises StoreError."""
        return self._read is not None and await self._read(people.any_enabled)

    async def log_in(self, request: HTTPConnection, name: str, password: str) -> Begun:
        """Begin a session for who gives the right password, and end the one that this browser had.

        Raises Refused with one sentence, the same for a name that nobody has; and StoreError.
        """
        if self._read is None or self._write is None:
            raise Refused("nobody can log in here: there is no database")
        address, key = address_of(request), name_key(name[:_NAME_SHOWN])
        place = _network(address)
        wait = max(self._names.left(key), self._addresses.left(place))
        if wait > 0 or self._waiting >= _WAITING:
            raise Refused("too many tries", max(wait, 1.0))
        self._names.failed(key)
        self._addresses.failed(place)
        try:
            begun = await self._begin(request, name[:_NAME_SHOWN], password, address)
        except StoreError:  # which is nobody's fault
            self._names.take_back(key)
            self._addresses.take_back(place)
            raise
        self._names.forget(key)
        self._addresses.take_back(place)
        return begun

    async def _begin(self, request: HTTPConnection, name: str, password: str, address: str) -> Begun:
        """The session, where the password is right. Raises as :meth:`log_in`."""
        assert self._read is not None, "asked before"  # noqa: S101 - for mypy
        assert self._write is not None, "asked before"  # noqa: S101 - for mypy
        user = await self._read(people.stored, name)
        right = await self._right(user, password)
        if user is None or not right or not user.enabled:
            reason = "disabled" if right else "wrong password" if user is not None else "no such user"
            await self._write(people.note_failed, user, address, reason)
            _log.info("log-in failed", address=address)
            raise Refused("name or password is wrong")
        secret, before = new_secret(), request.cookies.get(SESSION_COOKIE)
        old = digest(before) if before else None
        now = self._clock()
        if not await self._write(people.log_in, user, digest(secret), new_secret(), old, address, now=now):
            raise Refused("name or password is wrong")
        return Begun(secret, user.name)

    async def _right(self, user: people.Stored | None, password: str) -> bool:
        """One password at a time: each takes its share of memory and of a core, in a thread."""
        self._waiting += 1
        try:
            async with self._one:
                return await asyncio.to_thread(matches, user and user.password, password)
        finally:
            self._waiting -= 1

    async def log_out(self, request: HTTPConnection) -> None:
        """End the session of this request. Raises StoreError."""
        secret = request.cookies.get(SESSION_COOKIE)
        if secret and self._write is not None:
            await self._write(people.log_out, digest(secret), address_of(request), now=self._clock())


def bearer_of(request: HTTPConnection) -> str | None:
    """The token that a request presents; None where it presents none."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else None


def sent_token_of(request: HTTPConnection) -> str | None:
    """The same of a program that sends logs: as a bearer's, Splunk's, or the password of a login (Basic)."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "splunk":
        return given.strip()
    if scheme.lower() != "basic":
        return bearer_of(request)
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def address_of(request: HTTPConnection) -> str:
    """Where a request comes from: what a proxy on this machine says, else who is connected."""
    peer = request.client.host if request.client is not None else ""
    told = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    if told and is_loopback(peer):
        try:
            return str(ipaddress.ip_address(told))
        except ValueError:
            return peer
    return peer


def _network(address: str) -> str:
    """What counts as one place: an address, of IPv6 the 64 bits that a network gets."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)

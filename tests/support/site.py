"""The page and the API over a database with users, as the service puts them together, on a loopback port."""

from __future__ import annotations

import asyncio
import http.client
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from argon2 import PasswordHasher
from fastapi import FastAPI

from andon.app.background.changes import BEAT, Changes
from andon.app.http_server import HttpServer
from andon.app.web.access import Access
from andon.app.web.api import build_router
from andon.app.web.app import build_app
from andon.app.web.guard import HostNames
from andon.app.web.page import Backend
from andon.core.models import Role
from andon.core.settings.settings import Settings, load_settings
from andon.core.telemetry import Health, Metrics
from andon.store import Store, change, people, prepare
from support.patience import PATIENCE

PASSWORD = "four words in here"
#: Of hashes that take no time to look at: what they cost stands in them.
_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HASH = _CHEAP.hash(PASSWORD)
FORM = "application/x-www-form-urlencoded"


@dataclass
class Site:
    """What is served, and where."""

    app: FastAPI
    port: int
    database: Path
    access: Access
    now: list[float]  #: its clock, in unix seconds

    def change(self, work: Any, *arguments: Any, **named: Any) -> Any:
        """Change the database beside the service, as commands do."""
        return change(self.database, work, *arguments, **named)

    def visitor(self, name: str = "", *, base: str = "") -> Caller:
        """A browser, of which somebody has logged in where a name is given."""
        caller = Caller(self.port, base)
        if name:
            answer = caller.log_in(name)
            assert answer.status == 303, answer.text
        return caller


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str
    set_cookies: list[str] = field(default_factory=list)


class Caller:
    """A browser without scripts: keeps cookies, sends where it comes from, follows nothing by itself."""

    def __init__(self, port: int, base: str = "") -> None:
        self.port, self.base = port, base
        self.cookies: dict[str, str] = {}

    def __call__(self, method: str, path: str, body: bytes | str = b"", **headers: str) -> Answer:
        """One request, its header names written with ``_`` for ``-``."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            data = body.encode() if isinstance(body, str) else body
            connection.request(method, self.base + path, data or None, sent)
            response = connection.getresponse()
            told = response.headers.get_all("Set-Cookie") or []
            answer = Answer(response.status, response.headers, response.read().decode(), told)
        finally:
            connection.close()
        for one in told:
            for name, morsel in SimpleCookie(one).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        """GET a page."""
        return self("GET", path, Accept="text/html", **headers)

    def post(self, path: str, **fields: str) -> Answer:
        """Send a form."""
        return self("POST", path, urlencode(fields), Content_Type=FORM)

    def log_in(self, name: str, password: str = PASSWORD, back: str = "") -> Answer:
        """Send the form of the login."""
        return self.post("/login", name=name, password=password, next=back)

    @property
    def csrf(self) -> str:
        """The token in the page."""
        return self.get("/").text.partition('"X-CSRF-Token": "')[2].partition('"')[0]


@contextmanager
def site(place: Path, users: Mapping[str, Role] | None = None, *, beat: float = BEAT, **chosen: Any) -> Iterator[Site]:
    """Serve a fresh database with these users, whose password is :data:`PASSWORD`; ``chosen`` are settings."""
    settings: Settings = load_settings(**{"http_login": "always", **chosen})
    path, now = place / "agent.db", [time.time()]
    prepare(path, durability="normal")
    for name, role in (users or {}).items():
        change(path, people.add, name, HASH, role, "test", now=now[0])
    ports: queue.Queue[tuple[int, FastAPI, Access] | BaseException] = queue.Queue()
    ends: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        stop = asyncio.Event()
        ends.append((asyncio.get_running_loop(), stop))
        store, changes = await Store.open(path), Changes(beat)
        try:
            backend = Backend(settings, store.ask, store.write, changes)
            access = Access(
                settings.http_token.get_secret_value(),
                open=settings.http_open,
                read=store.read,
                write=store.write,
                clock=lambda: now[0],
            )
            app = build_app(
                Health(),
                Metrics(),
                partial(asyncio.sleep, 0),
                api=build_router(backend),
                hosts=None if settings.http_exposed else HostNames("127.0.0.1", settings.http_hosts),
                page=backend,
                access=access,
                forwarded=settings.http_hosts,
                prefix=settings.http_prefix,
            )
            server = HttpServer(app, "127.0.0.1", 0)
            ports.put((server.bind(), app, access))
            task = asyncio.create_task(server.run())
            await stop.wait()
            changes.close()
            await server.stop(task)
        finally:
            await store.close()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            ports.put(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        got = ports.get(timeout=PATIENCE)
        if isinstance(got, BaseException):
            raise got
        port, app, access = got
        yield Site(app, port, path, access, now)
    finally:
        for loop, stop in ends:
            if not loop.is_closed():
                loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)

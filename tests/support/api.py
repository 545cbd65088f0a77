"""The HTTP API over a database, served on a loopback port by a thread of its own."""

from __future__ import annotations

import asyncio
import http.client
import json
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from andon.app.background.changes import Changes
from andon.app.http_server import HttpServer
from andon.app.web.api import build_router
from andon.app.web.app import build_app
from andon.app.web.page import Backend
from andon.core.settings.database_url import Database
from andon.core.settings.settings import Settings, load_settings
from andon.core.telemetry import Health, Metrics
from andon.store import Store
from support.patience import PATIENCE


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Client:
    """Asks over one kept connection."""

    def __init__(self, port: int, token: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __call__(self, path: str, **parameters: object) -> Answer:
        """GET ``path``."""
        return self.raw(f"{path}?{urlencode(parameters, doseq=True)}" if parameters else path)

    def raw(self, target: str) -> Answer:
        """GET a path with its query as it is."""
        return self._asked("GET", target, None, self._headers)

    def post(self, path: str, value: object, **headers: str) -> Answer:
        """POST a value as JSON."""
        sent = {"Content-Type": "application/json", **self._headers, **headers}
        return self._asked("POST", path, json.dumps(value), sent)

    def delete(self, path: str, **parameters: object) -> Answer:
        """DELETE ``path``."""
        target = f"{path}?{urlencode(parameters, doseq=True)}" if parameters else path
        return self._asked("DELETE", target, None, self._headers)

    def _asked(self, method: str, target: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        try:
            return self._once(method, target, body, headers)
        except (http.client.RemoteDisconnected, ConnectionError):  # it stood idle while other tests ran
            self._connection.close()
            return self._once(method, target, body, headers)

    def _once(self, method: str, target: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        self._connection.request(method, target, body, dict(headers))
        response = self._connection.getresponse()
        return Answer(response.status, response.read(), dict(response.getheaders()))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def served(path: Database, token: str = "", settings: Settings | None = None, *, page: bool = False) -> Iterator[int]:
    """Serve a prepared database, with the ``page`` or without it; yields the port."""
    ports: queue.Queue[int | BaseException] = queue.Queue()
    chosen = settings or load_settings(time_zone="Europe/Berlin")
    ends: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def refresh() -> None:
        return

    async def main() -> None:
        stop = asyncio.Event()
        ends.append((asyncio.get_running_loop(), stop))
        store = await Store.open(path)
        try:
            backend = Backend(chosen, store.ask, store.write, Changes())
            app = build_app(Health(), Metrics(), refresh, token, build_router(backend), page=backend if page else None)
            server = HttpServer(app, "127.0.0.1", 0)
            ports.put(server.bind())
            task = asyncio.create_task(server.run())
            await stop.wait()
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
        port = ports.get(timeout=PATIENCE)
        if isinstance(port, BaseException):
            raise port
        yield port
    finally:
        for loop, stop in ends:
            if not loop.is_closed():
                loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)

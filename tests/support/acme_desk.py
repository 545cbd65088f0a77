"""A desk of tickets over real HTTP, for the connector that docs/extending.md shows: it demands its token, refuses what has
no title, finds tickets by key and by words, and can be slow, away or cut off in the middle of an answer."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.http_servers import StandInServer
from support.patience import PATIENCE


class AcmeDesk:
    """A context manager. ``writes`` are the changing requests as they came, ``looks`` the reading ones; ``tickets`` are
    what was made of them. ``fails`` are statuses of the next answers, "cut" ends the connection after the deed."""

    def __init__(self) -> None:
        self.token = "token-of-the-desk-0815"
        self.may_write = True
        self.tickets: list[dict[str, Any]] = []
        self.writes: list[tuple[str, Any]] = []
        self.looks: list[str] = []
        self.fails: list[int | str] = []
        desk = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                desk._answer(self)

            def do_POST(self) -> None:
                desk._answer(self)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = StandInServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> AcmeDesk:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        data = handler.rfile.read(int(handler.headers.get("content-length", "0")))
        parts = urlsplit(handler.path)
        if handler.headers.get("authorization") != f"Bearer {self.token}":
            return _send(handler, 401, {"error": "who are you?"})
        fails = self.fails.pop(0) if self.fails else 0
        if isinstance(fails, int) and fails:
            return _send(handler, fails, {"error": "not today"})
        if handler.command == "GET":
            self.looks.append(handler.path)
            return _send(handler, 200, self._read(parts.path, parse_qs(parts.query)))
        body = json.loads(data)
        self.writes.append((parts.path, body))
        if not self.may_write:
            return _send(handler, 403, {"error": "you may not write"})
        if parts.path == "/tickets" and not body.get("title"):
            return _send(handler, 422, {"error": "a ticket has a title"})
        made = {"id": len(self.tickets) + 1, "state": "open", **body}
        if parts.path == "/tickets":
            self.tickets.append(made)
        if fails == "cut":
            handler.close_connection = True
            return None
        return _send(handler, 201, made)

    def _read(self, path: str, query: dict[str, list[str]]) -> Any:
        if path == "/me":
            return {"name": "andon", "writes": self.may_write}
        key, text = (query.get(name, [""])[0] for name in ("key", "text"))
        return [
            one for one in self.tickets if (one.get("key") == key if key else text.lower() in json.dumps(one).lower())
        ]


def _send(handler: BaseHTTPRequestHandler, status: int, value: Any) -> None:
    body = json.dumps(value).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)

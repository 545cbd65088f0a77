"""The part that every stand-in for a provider shares: a real HTTP server that checks, answers as scripted, and streams.

In a test::

    with OpenAIApi(key="sk-1") as api:
        api.script(Answer(text="free text"), Answer(status=503))
        ...                        # two model calls; further ones get a good finding
        assert api.violations == []
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.http_servers import StandInServer
from support.patience import PATIENCE

FINDING: dict[str, Any] = {
    "fits": "none",
    "summary": "The cabinet fan of the spindle drive is blocked.",
    "category": "drive",
    "probable_cause": "Dust on the filter mat.",
    "checks": ["Look at the filter.", "Measure the air flow."],
    "severity_assessed": "ERROR",
    "confidence": "medium",
    "evidence": [],
    "enough_evidence": True,
}


@dataclass(frozen=True)
class Answer:
    """How one model call goes; without anything it is :data:`FINDING` in the form that the request asks for.

    ``text`` answers in words, ``finish`` ends the answer for that reason in the provider's own word. ``status`` other
    than 200 is a failure with ``error`` as its message and ``code`` as its kind; ``headers`` go with it. ``page``
    replaces the body of any answer.
    """

    finding: dict[str, Any] | None = None
    text: str | None = None
    status: int = 200
    error: str = "no"
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    finish: str = ""
    refusal: str = ""
    page: bytes | None = None


class Refusal(Exception):
    """What the real service would not take: its status and message. A 400 is noted as a mistake of ours, but for the
    code ``known``: what only the answer can tell."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass(frozen=True)
class Request:
    """A request as it came in. ``headers`` have lower-case names; ``query`` the last value of each name."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class Api:
    """A provider's API on a loopback port; a context manager. Subclasses say what is right, and how answers look."""

    #: A path of a model call, as a regular expression.
    call_path = ""

    def __init__(self, *, key: str = "sk-test-0123456789abcdef", model: str = "model-1") -> None:
        self.key, self.model = key, model
        self.requests: list[Request] = []
        self.checks: list[Request] = []
        self.violations: list[str] = []
        self._script: deque[Answer] = deque()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                api.handle(self)

            def do_POST(self) -> None:
                api.handle(self)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = StandInServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def bodies(self) -> list[Any]:
        """The bodies of the model calls."""
        return [request.body for request in self.requests]

    def script(self, *answers: Answer) -> None:
        """The next calls' answers, in this order."""
        self._script.extend(answers)

    def __enter__(self) -> Api:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """One request: authenticate, check, answer."""
        parts = urlsplit(handler.path)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        data = handler.rfile.read(int(headers.get("content-length", "0")))
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        request = Request(handler.command, parts.path, query, headers, json.loads(data) if data else None)
        is_call = request.method == "POST" and re.fullmatch(self.call_path, request.path) is not None
        (self.requests if is_call else self.checks).append(request)
        try:
            self.authenticate(request)
            if not is_call:
                self._send(handler, 200, self.page(request))
                return
            answer = self._script.popleft() if self._script else Answer()
            if answer.page is not None:
                self._send_bytes(handler, answer.status, answer.page, answer.headers)
                return
            if answer.status != 200:
                page = self.error_page(answer.status, answer.error, answer.code)
                self._send(handler, answer.status, page, answer.headers)
                return
            self.check(request)
            self._stream(handler, self.events(request, answer))
        except Refusal as refusal:
            if refusal.status == 400 and refusal.code != "known":
                self.violations.append(refusal.message)
            self._send(handler, refusal.status, self.error_page(refusal.status, refusal.message, refusal.code))

    def authenticate(self, request: Request) -> None:
        """Raises Refusal (401) where the key is not where it belongs."""
        raise NotImplementedError

    def page(self, request: Request) -> Any:
        """What a GET answers: the lists of models. Raises Refusal (404)."""
        raise Refusal(404, "not found")

    def check(self, request: Request) -> None:
        """Raises Refusal where the real service would not take the body."""
        raise NotImplementedError

    def events(self, request: Request, answer: Answer) -> Iterator[bytes]:
        """The stream of an answer."""
        raise NotImplementedError

    def error_page(self, status: int, message: str, code: str) -> Any:
        """The JSON of a failure."""
        raise NotImplementedError

    def _send(
        self, handler: BaseHTTPRequestHandler, status: int, page: Any, headers: dict[str, str] | None = None
    ) -> None:
        self._send_bytes(handler, status, json.dumps(page).encode(), headers)

    def _send_bytes(
        self, handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _stream(self, handler: BaseHTTPRequestHandler, events: Iterator[bytes]) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for event in events:
            handler.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")


def pieces(text: str, size: int = 40) -> list[str]:
    """``text`` in the pieces in which it is streamed."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def written(answer: Answer) -> str:
    """What the model writes: the words, or the finding as JSON."""
    if answer.text is not None:
        return answer.text
    return json.dumps(FINDING if answer.finding is None else answer.finding)

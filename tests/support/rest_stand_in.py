"""The base of stand-ins for cloud services: a real HTTP server on loopback, with the ways in which a service fails.

A stand-in says what it answers in :meth:`RestStandIn.answer`; what goes wrong on the way is told it by ``fail``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from support.http_servers import StandInServer


class Answer(NamedTuple):
    """What a service answers: JSON unless ``body`` is text already."""

    status: int
    body: Any = ""
    headers: Mapping[str, str] = {}


@dataclass
class Seen:
    """A request as it came. ``raw`` is its path and query as they were written, ``path`` the path decoded."""

    method: str
    raw: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass
class Fault:
    """What happens to the next ``times`` requests whose path holds ``path``.

    ``lost``: the connection is cut before anything is done; ``unanswered``: it is done, and then cut; ``held``: it is
    answered once ``until`` is set; an answer is given in place of the service's.
    """

    path: str
    how: Literal["lost", "unanswered", "held"] | Answer
    times: int = 1
    until: threading.Event = field(default_factory=threading.Event)


class RestStandIn:
    """A service at work; used with ``with``."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.faults: list[Fault] = []
        self._lock = threading.Lock()
        self._server = StandInServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for fault in self.faults:
            fault.until.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, seen: Seen) -> Answer:
        """What the service answers; one request at a time."""
        raise NotImplementedError

    def fail(self, path: str, how: Literal["lost", "unanswered", "held"] | Answer, times: int = 1) -> Fault:
        self.faults.append(fault := Fault(path, how, times))
        return fault

    def asked(self, *ends: str) -> list[str]:
        """Method and path of the requests so far, as they were written; only those that hold one of ``ends``."""
        return [f"{one.method} {one.raw}" for one in self.seen if not ends or any(end in one.raw for end in ends)]

    def _fault(self, seen: Seen) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.path in seen.path:
                fault.times -= 1
                return fault
        return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                size = int(self.headers.get("content-length") or 0)
                split = urlsplit(self.path)
                seen = Seen(
                    self.command,
                    self.path,
                    unquote(split.path),
                    dict(parse_qsl(split.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(size),
                )
                with service._lock:
                    service.seen.append(seen)
                    fault = service._fault(seen)
                if fault is not None and fault.how == "lost":
                    return self.cut()
                if fault is not None and isinstance(fault.how, Answer):
                    return self.tell(fault.how)
                if fault is not None and fault.how == "held":
                    fault.until.wait(60)
                with service._lock:
                    answer = service.answer(seen)
                if fault is not None and fault.how == "unanswered":
                    return self.cut()
                return self.tell(answer)

            do_POST = do_GET  # noqa: N815 - as the base class looks for it
            do_PUT = do_GET  # noqa: N815

            def cut(self) -> None:
                self.close_connection = True

            def tell(self, answer: Answer) -> None:
                body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
                self.send_response(answer.status)
                headers = {"Content-Type": "application/json", **answer.headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                if answer.status != 204:
                    self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                """Nothing on standard error."""

        return Handler

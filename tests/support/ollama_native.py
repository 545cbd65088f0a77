"""A stand-in for Ollama's native API over real HTTP: lists, shows, and downloads that go as scripted.

Its answers have the shapes of Ollama's documentation (docs/api.md: list, show, ps, pull).
"""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from support.http_servers import StandInServer

LAYER = "sha256:aabb0011"


def layer(completed: int | None, total: int = 1000, digest: str = LAYER) -> dict[str, Any]:
    """A report about a layer, as Ollama sends it: without ``completed`` at its beginning."""
    step: dict[str, Any] = {"status": f"pulling {digest[7:19]}", "digest": digest, "total": total}
    return step if completed is None else {**step, "completed": completed}


MANIFEST = {"status": "pulling manifest"}
LAST = [{"status": "verifying sha256 digest"}, {"status": "writing manifest"}, {"status": "success"}]


@dataclass(frozen=True)
class Pull:
    """One request's course: the reports, and how it ends. ``raw`` goes out in place of them.

    ``then`` is ``end`` (an orderly end of the answer), ``drop`` (the connection breaks), or ``hang``.
    """

    steps: list[dict[str, Any]] = field(default_factory=list)
    then: str = "end"
    status: int = 200
    raw: bytes | None = None


class NativeOllama:
    """The server, in threads of its own: a context manager. ``pulls`` holds the model names of the downloads asked for."""

    def __init__(self, *models: str, loaded: dict[str, int] | None = None, parameters: str = "") -> None:
        self.models = list(models)
        self.loaded = loaded or {}
        self.parameters = parameters
        self.trained_for = 131_072
        self.template = "{{ .System }}{{ .Prompt }}"
        self.pulls: list[str] = []
        self.left = threading.Event()
        self._script: deque[Pull] = deque()
        self._closing = threading.Event()
        self._server = StandInServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="ollama-native")

    @property
    def url(self) -> str:
        """Its address without a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def script(self, *pulls: Pull) -> None:
        """The next downloads' courses, in this order."""
        self._script.extend(pulls)

    def __enter__(self) -> NativeOllama:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _entries(self, names: list[str]) -> list[dict[str, Any]]:
        details = {"family": "qwen2", "parameter_size": "1.8B", "quantization_level": "Q4_K_M"}
        return [{"name": name, "model": name, "size": 1_117_322_599, "details": details} for name in names]

    def answer(self, path: str, body: Any) -> tuple[int, Any]:
        """Status and JSON of everything but a download."""
        if path == "/api/tags":
            return 200, {"models": self._entries(self.models)}
        if path == "/api/ps":
            found = self._entries(list(self.loaded))
            return 200, {"models": [{**entry, "context_length": self.loaded[entry["name"]]} for entry in found]}
        if path == "/api/show":
            if body.get("model") not in self.models:
                return 404, {"error": f"model '{body.get('model')}' not found"}
            return 200, {
                "details": self._entries(["x"])[0]["details"],
                "model_info": {"general.architecture": "qwen2", "qwen2.context_length": self.trained_for},
                "parameters": self.parameters,
                "template": self.template,
                "capabilities": ["completion", "thinking"],
            }
        return 404, {"error": "404 page not found"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                self._json(*stand_in.answer(self.path, None))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == "/api/pull":
                    stand_in.pulls.append(body["model"])
                    self._pull(stand_in._script.popleft())
                else:
                    self._json(*stand_in.answer(self.path, body))

            def _json(self, status: int, answer: Any) -> None:
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def _pull(self, course: Pull) -> None:
                self.send_response(course.status)
                self.send_header("Content-Type", "application/x-ndjson")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                lines = [json.dumps(step).encode() + b"\n" for step in course.steps]
                for line in lines if course.raw is None else [course.raw]:
                    self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
                self.wfile.flush()
                if course.then == "hang":
                    self._wait_for_the_end()
                if course.then == "end":
                    self.wfile.write(b"0\r\n\r\n")
                else:
                    self.close_connection = True

            def _wait_for_the_end(self) -> None:
                self.connection.settimeout(0.05)
                while not stand_in._closing.is_set():
                    try:
                        gone = not self.connection.recv(1)
                    except TimeoutError:
                        continue
                    except ConnectionError:  # whoever leaves with unread lines resets the connection
                        gone = True
                    if gone:
                        stand_in.left.set()
                        return

        return Handler

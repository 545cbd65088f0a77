"""Stand-ins for the services that messages go to, over real HTTP: their rules, answers, errors and traps.

What is said of each was read in its documentation, or in its source where that is public.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple, TypeVar

from support.http_servers import StandInServer
from support.patience import PATIENCE

T = TypeVar("T", bound="ChatService")


class Asked(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)


class Answer(NamedTuple):
    """An answer. ``status`` 0 cuts the connection without one, after the request was read."""

    status: int
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "text/plain; charset=utf-8"


class ChatService:
    """What they have in common. ``next`` are answers that the next requests get, whatever they ask."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.next: deque[Answer] = deque()
        self.url = ""

    @property
    def posted(self) -> list[Asked]:
        """What was posted."""
        return [one for one in self.asked if one.method == "POST"]

    def answer(self, asked: Asked) -> Answer:
        """What the service says."""
        raise NotImplementedError


def said(status: int, value: Any, **headers: str) -> Answer:
    """An answer in JSON; underscores in names of headers are dashes."""
    named = tuple((name.replace("_", "-"), text) for name, text in headers.items())
    return Answer(status, json.dumps(value), named, "application/json; charset=utf-8")


class Receiver(ChatService):
    """A receiver of webhooks that takes everything that is posted."""

    def answer(self, asked: Asked) -> Answer:
        return Answer(204 if asked.method == "POST" else 405)


class SlackHook(ChatService):
    """An incoming webhook: a word in plain text, whatever came of it, which is told to be HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.archived = False

    def answer(self, asked: Asked) -> Answer:
        status, word = self._answer(asked)
        return Answer(status, word, content_type="text/html; charset=utf-8")

    def _answer(self, asked: Asked) -> tuple[int, str]:
        if asked.path != "/services/T000/B000/opensesame":
            return 404, "no_service"
        try:
            body = asked.json
        except ValueError:
            return 400, "invalid_payload"
        if self.archived:
            return 410, "channel_is_archived"
        if not body.get("text") and not body.get("blocks"):
            return 400, "no_text"
        if wrong := wrong_blocks(body.get("blocks", [])):
            return 400, wrong
        return 200, "ok"


class SlackApi(ChatService):
    """The Web API: 200 whatever came of it, but for too many requests."""

    def __init__(self) -> None:
        super().__init__()
        self.scopes = "chat:write,channels:read"
        self.member = True
        self.channels = {"C0ALARMS": False, "C0OLDEST": True}  # whether it is archived

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != "Bearer xoxb-secret-token":
            return said(200, {"ok": False, "error": "invalid_auth"})
        method, _, query = asked.path.removeprefix("/api/").partition("?")
        if method == "auth.test":
            return said(200, {"ok": True, "team": "Plant", "user": "andon"}, x_oauth_scopes=self.scopes)
        if method == "conversations.info":
            channel = query.removeprefix("channel=")
            if "channels:read" not in self.scopes:
                return said(200, {"ok": False, "error": "missing_scope", "needed": "channels:read"})
            if channel not in self.channels:
                return said(200, {"ok": False, "error": "channel_not_found"})
            return said(200, {"ok": True, "channel": {"id": channel, "is_archived": self.channels[channel]}})
        return (
            said(200, self._post(asked))
            if method == "chat.postMessage"
            else said(200, {"ok": False, "error": "unknown_method"})
        )

    def _post(self, asked: Asked) -> dict[str, Any]:
        if "chat:write" not in self.scopes:
            return {"ok": False, "error": "missing_scope", "needed": "chat:write", "provided": self.scopes}
        body = asked.json
        if body.get("channel") not in self.channels:
            return {"ok": False, "error": "channel_not_found"}
        if self.channels[body["channel"]]:
            return {"ok": False, "error": "is_archived"}
        if not self.member:
            return {"ok": False, "error": "not_in_channel"}
        if wrong := wrong_blocks(body["blocks"]):
            return {"ok": False, "error": wrong}
        return {"ok": True, "channel": body["channel"], "ts": "1700000000.000100"}


def wrong_blocks(blocks: list[dict[str, Any]]) -> str:
    """What Slack says of blocks that are not as Block Kit's reference has them; "" of those that are."""
    if len(blocks) > 50:
        return "invalid_blocks"
    for block in blocks:
        if block["type"] == "header":
            text = block["text"]
            fits = (
                set(text) <= {"type", "text", "emoji"}
                and text["type"] == "plain_text"
                and 1 <= len(text["text"]) <= 150
            )
        else:
            fits = block["type"] == "rich_text" and block["elements"] and all(map(_rich, block["elements"]))
        if not fits:
            return "invalid_blocks"
    return ""


def _rich(element: dict[str, Any]) -> bool:
    if element["type"] == "rich_text_list":
        items = element["elements"]
        return element["style"] in ("bullet", "ordered") and bool(items) and all(map(_rich, items))
    return element["type"] == "rich_text_section" and bool(element["elements"]) and all(map(_node, element["elements"]))


def _node(node: dict[str, Any]) -> bool:
    if node["type"] == "link":
        return set(node) <= {"type", "url", "text", "style"} and node["url"].startswith("http")
    return node["type"] == "text" and set(node) <= {"type", "text", "style"} and len(node["text"]) >= 1


class TeamsWorkflow(ChatService):
    """A workflow with Teams' webhook trigger: 202 as soon as it is started, whatever becomes of the card."""

    def __init__(self) -> None:
        super().__init__()
        self.enabled = True
        self.posted_cards: list[Any] = []

    def answer(self, asked: Asked) -> Answer:
        path, _, query = asked.path.partition("?")
        if "sig=open-sesame-1234" not in query:
            return _azure(401, "AuthorizationFailed", "The request signature is not valid.")
        if not path.startswith("/workflows/4711/"):
            return _azure(404, "WorkflowNotFound", "The workflow '4711' could not be found.")
        if asked.method != "POST":
            return _azure(405, "MethodNotAllowed", "The method is not allowed.")
        if not self.enabled:
            return _azure(400, "WorkflowTriggerIsNotEnabled", "The workflow trigger is not enabled.")
        if len(asked.body) <= 28_000:  # the run of a larger one fails, which nobody tells the sender
            self.posted_cards += [one["content"] for one in asked.json["attachments"]]
        return Answer(202, headers=(("x-ms-workflow-run-id", "0858"),))


def _azure(status: int, code: str, message: str) -> Answer:
    return said(status, {"error": {"code": code, "message": message}})


class NtfyServer(ChatService):
    """ntfy's rules for JSON, as its server's source has them: sizes, topics, rights, errors with numbers."""

    def __init__(self, *, token: str = "", writable: tuple[str, ...] = ("alarms", "crew")) -> None:
        super().__init__()
        self.token = token
        self.writable = writable
        self.messages: list[dict[str, Any]] = []
        self.files: list[bytes] = []

    def answer(self, asked: Asked) -> Answer:
        if self.token and asked.headers.get("authorization", f"Bearer {self.token}") != f"Bearer {self.token}":
            return _ntfy(40101, "unauthorized")
        if (asked.method, asked.path) == ("GET", "/v1/health"):
            return said(200, {"healthy": True})
        if (asked.method, asked.path) == ("GET", "/v1/account"):
            return said(
                200, {"username": "andon", "role": "user", "stats": {"messages": 1, "messages_remaining": 17_279}}
            )
        if (asked.method, asked.path) != ("POST", "/"):
            return _ntfy(40401, "page not found")
        if len(asked.body) > 2 * 4_096:
            return _ntfy(41303, "JSON body too large")
        try:
            body = asked.json
        except ValueError:
            return _ntfy(40017, "invalid request: request body must be message JSON")
        if not re.fullmatch(r"[-_A-Za-z0-9]{1,64}", body.get("topic", "")):
            return _ntfy(40009, "invalid request: topic invalid")
        if body["topic"] not in self.writable or (self.token and "authorization" not in asked.headers):
            return _ntfy(40301, "forbidden")
        if not 0 <= body.get("priority", 0) <= 5:
            return _ntfy(40007, "invalid priority parameter")
        message = body["message"].encode()
        if len(message) >= 4_096:
            self.files.append(message)
            return _ntfy(40014, "invalid request: attachments not allowed")
        self.messages.append(body)
        return said(200, {"id": f"m{len(self.messages)}", "event": "message", "topic": body["topic"]})


def _ntfy(code: int, error: str) -> Answer:
    return said(code // 100, {"code": code, "http": code // 100, "error": error, "link": "https://ntfy.sh/docs"})


@contextmanager
def serving(service: T) -> Iterator[T]:
    """``service`` on a port of the loopback, for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer goes out in one piece: in two it would wait for the kernel's delayed word

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            service.asked.append(asked)
            answer = service.next.popleft() if service.next else service.answer(asked)
            if answer.status == 0:
                self.close_connection = True
                return
            told = answer.body.encode()
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            if self.command != "HEAD" and answer.status != 204:
                self.wfile.write(told)

        do_GET = do_POST = do_HEAD = do_PUT = handle_any  # noqa: N815 - the names that it is asked for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = StandInServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()

"""A stand-in for PagerDuty's Events API v2, over HTTP.

Sources: PagerDuty's developer documentation (required properties and their lengths, response codes, 512 KB, some 120
events a minute and key, what a trigger after a resolve makes, that acknowledge and resolve without an open alert are
dropped).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from support.http_servers import StandInServer

KEY = "0123456789abcdef0123456789abcdef"
SIZE_MAX = 512 * 1024


@dataclass
class Alert:
    """An alert of the service."""

    dedup_key: str
    state: str = "triggered"
    entries: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Service:
    """The state of the service. ``mood``: "" usual, "cut" taken and then cut off, or a status that it answers."""

    key: str = KEY
    mood: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    dropped: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    url: str = ""

    def take(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """What becomes of an event, and the answer."""
        if len(body) > SIZE_MAX:
            return 413, {"status": "invalid event", "message": "Payload Too Large", "errors": []}
        try:
            event = json.loads(body)
        except ValueError:
            return 400, _invalid(["JSON is invalid"])
        if errors := self._errors(event):
            return 400, _invalid(errors)
        self.taken.append(event)
        key, action = event["dedup_key"], event["event_action"]
        alert = next((one for one in self.alerts if one.dedup_key == key and one.state != "resolved"), None)
        if action == "trigger":
            if alert is None:
                self.alerts.append(alert := Alert(key))
            alert.entries.append(event)
        elif alert is None:
            self.dropped.append(event)
        else:
            alert.state = f"{action}d"
        return 202, {"status": "success", "message": "Event processed", "dedup_key": key}

    def change(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """What becomes of a change event, and the answer."""
        event = json.loads(body)
        payload = event.get("payload") or {}
        known = event.get("routing_key") == self.key
        summary = 0 < len(payload.get("summary") or "") <= 1024
        if not known or not summary or set(event) - {"routing_key", "payload", "links"}:
            return 400, _invalid(["Invalid routing key" if not known else "'payload.summary' or a property is invalid"])
        self.changes.append(event)
        return 202, {"status": "success", "message": "Change event processed"}

    def _errors(self, event: Any) -> list[str]:
        errors = []
        if len(str(event.get("routing_key", ""))) != 32:
            errors.append("Length of 'routing_key' is incorrect (should be 32 characters)")
        elif event["routing_key"] != self.key:
            errors.append("Invalid routing key")
        if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
            errors.append("'event_action' is missing or invalid")
        if len(event.get("dedup_key", "")) > 255 or not event.get("dedup_key"):
            errors.append("'dedup_key' is missing or too long")
        if event.get("event_action") == "trigger":
            errors += _payload_errors(event.get("payload"))
        for link in event.get("links", []):
            if not link.get("href"):
                errors.append("'links' have no 'href'")
        return errors


def _payload_errors(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    errors = [f"'payload.{name}' is missing or blank" for name in ("summary", "source") if not payload.get(name)]
    if len(payload.get("summary") or "") > 1024:
        errors.append("'payload.summary' is too long (maximum is 1024 characters)")
    if payload.get("severity") not in ("critical", "error", "warning", "info"):
        errors.append(
            "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')"
        )
    if "timestamp" in payload:
        time.strptime(payload["timestamp"][:19], "%Y-%m-%dT%H:%M:%S")
    return errors


def _invalid(errors: list[str]) -> dict[str, Any]:
    return {"status": "invalid event", "message": "Event object is invalid", "errors": errors}


@contextmanager
def running_pagerduty(**switches: Any) -> Iterator[Service]:
    """A service on a port of its own."""
    service = Service(**switches)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Nothing is told."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, answer = 404, {}
            with service.lock:
                service.bodies.append(body)
                if service.mood.isdigit():
                    status, answer = int(service.mood), {"status": "failure", "message": "Request Limit Exceeded"}
                elif self.path == "/v2/enqueue":
                    status, answer = service.take(body)
                elif self.path == "/v2/change/enqueue":
                    status, answer = service.change(body)
            if service.mood == "cut":
                self.close_connection = True
                self.connection.shutdown(2)
                return
            told = json.dumps(answer).encode()
            self.send_response(status)
            held = {**service.headers, "Content-Type": "application/json", "Content-Length": str(len(told))}
            for name, value in held.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told)

    server = StandInServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""A stand-in for an instance of ServiceNow, over HTTP, with the habits that make trouble.

Sources: ServiceNow's pages about the Table API (a part of a query that is not valid is left out; fields that are not
valid are ignored; status codes), inbound rate limits (429 with Retry-After), events by web service (roles, fields,
``message_key``), client credentials, journal fields (``[code]``), and what users report of data policies and business
rules (403 with their names) and of instances that sleep (200 with a page).
"""

from __future__ import annotations

import base64
import html
import json
import re
import secrets
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.http_servers import StandInServer
from support.orders import connected
from support.servicenow_tables import Column, Tables, matching

#: Bytes of a request at most, unless the instance is set otherwise.
BODY_MAX = 10 * 2**20
SLEEPS = "<html><head><title>Instance Hibernating page</title></head><body>Your instance is hibernating.</body></html>"


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, detail: str | None = None, **headers: str) -> None:
        super().__init__(message)
        self.status, self.message, self.detail, self.headers = status, message, detail, headers


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: str

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Instance:
    """The state of the instance, and the switches of its moods."""

    tables: Tables = field(default_factory=Tables)
    users: dict[str, tuple[str, set[str]]] = field(
        default_factory=lambda: {"andon": ("spindle-7", {"itil", "evt_mgmt_integration", "personalize_dictionary"})}
    )
    clients: dict[str, tuple[str, str]] = field(default_factory=lambda: {"client-1": ("client-secret-1", "andon")})
    grants_clients: bool = True
    token_life: int = 1799
    tokens: dict[str, str] = field(default_factory=dict)
    #: Fields whose access rules keep users from reading or writing them.
    unreadable: set[str] = field(default_factory=set)
    unwritable: set[str] = field(default_factory=set)
    #: Tables that this user may not read at all.
    closed_tables: set[str] = field(default_factory=set)
    returns_no_rows: bool = False
    has_events: bool = True
    events_taken: int | None = None
    #: Requests until the hour's limit is used up, and what the refusal says of waiting.
    left: int | None = None
    retry_after: str = "17"
    #: Moods: "" usual, "hibernating", "login" a redirect, "cut" done and then cut off, "500" done and then failed,
    #: "refused" cut off before anything is done, "slow" silent until the instance ends, "echo" a refusal that repeats
    #: the login. They hold for requests that change something, or for all.
    mood: str = ""
    mood_for: tuple[str, ...] = ("GET", "POST", "PATCH")
    seen: list[Seen] = field(default_factory=list)
    #: Scripts in queries that the instance would have run.
    ran: list[str] = field(default_factory=list)
    alerts: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    ended: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def made(self, table: str = "incident") -> list[dict[str, Any]]:
        """The records of a table."""
        return [row for row in self.tables.rows if row["sys_class_name"] == table]

    def changing(self) -> list[Seen]:
        """The requests that were to change something."""
        return [one for one in self.seen if one.method in ("POST", "PATCH") and "oauth" not in one.path]

    def journal_page(self, number: str) -> str:
        """The notes of a ticket as its page shows them: what stands between code tags is HTML."""
        entries = next(row["journal"] for row in self.made() if row["number"] == number)
        return "".join(_journal_html(text) for _, text in entries)

    def mail(self, number: str) -> str:
        """A mail that quotes the ticket: fields are put into HTML as they are."""
        row = next(row for row in self.made() if row["number"] == number)
        quoted = "<br>".join(str(row.get(name, "")) for name in ("short_description", "description", "close_notes"))
        return quoted.replace("\n", "<br>")


def _journal_html(written: str) -> str:
    parts = re.split(r"\[code\](.*?)\[/code\]", written, flags=re.IGNORECASE | re.DOTALL)
    return "".join(part if index % 2 else html.escape(part) for index, part in enumerate(parts))


@contextmanager
def running_instance(**switches: Any) -> Iterator[Instance]:
    """An instance on a port of its own."""
    instance = Instance(**switches)
    server = StandInServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"instance": instance}))
    instance.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield instance
    finally:
        instance.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


@asynccontextmanager
async def servicenow(instance: Instance, **table: Any) -> AsyncIterator[Any]:
    """A connector to the instance, by password where the table names no client."""
    login = {} if "client_id" in table else {"user": "andon", "password": "spindle-7"}
    async with connected("servicenow", **{"url": instance.url, **login, **table}) as connector:
        yield connector


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    instance: Instance

    def log_message(self, *_: Any) -> None:
        """Nothing is told."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        asked = Seen(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body.decode())
        instance = self.instance
        with instance.lock:
            instance.seen.append(asked)
            mood = instance.mood if self.command in instance.mood_for else ""
            if mood == "hibernating":
                return self._write(200, SLEEPS.encode(), {"Content-Type": "text/html"})
            if mood == "login":
                return self._write(302, b"", {"Location": "https://login.example/saml"})
            if mood == "refused":
                return self._cut()
        if mood == "slow":
            instance.ended.wait()
            return self._cut()
        with instance.lock:
            try:
                status, answer, headers = self._work(asked)
            except Refusal as refusal:
                answer = {"error": {"message": refusal.message, "detail": refusal.detail}, "status": "failure"}
                status, headers = refusal.status, refusal.headers
        if mood == "cut":
            return self._cut()
        if mood == "500":
            status, answer = 500, {"error": {"message": "Transaction cancelled", "detail": "maximum execution time"}}
        headers = {name.replace("_", "-"): held for name, held in headers.items()}
        return self._write(status, json.dumps(answer).encode(), {"Content-Type": "application/json", **headers})

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(2)

    def _write(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, held in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, held)
        self.end_headers()
        self.wfile.write(body)

    def _work(self, asked: Seen) -> tuple[int, Any, dict[str, str]]:
        path = urlsplit(asked.path)
        if path.path == "/oauth_token.do":
            return self._token(parse_qs(asked.body))
        user = self._user(asked)
        if self.instance.mood == "echo":
            raise Refusal(400, f"Not understood: {asked.headers['authorization'].split()[1]}")
        self._limit()
        if len(asked.body.encode()) > BODY_MAX:
            size = f"content-length = {len(asked.body)} bytes. Max allowed: {BODY_MAX} bytes."
            detail = f"Rejected large REST payload with {size}"
            raise Refusal(400, "Exception while reading request", detail)
        query = {name: held[-1] for name, held in parse_qs(path.query).items()}
        if found := re.fullmatch(r"/api/now/table/(\w+)(?:/(\w+))?", path.path):
            return self._table(asked, user, found[1], found[2] or "", query)
        if path.path == "/api/global/em/jsonv2" and self.instance.has_events and asked.method == "POST":
            return self._events(asked.json(), user)
        raise Refusal(400, "Requested URI does not represent any resource")

    def _token(self, form: dict[str, list[str]]) -> tuple[int, Any, dict[str, str]]:
        client = self.instance.clients.get(form.get("client_id", [""])[0])
        granted = form.get("grant_type") == ["client_credentials"] and self.instance.grants_clients
        if client is None or not granted or form.get("client_secret") != [client[0]]:
            return 401, {"error_description": "access_denied", "error": "server_error"}, {}
        token = secrets.token_urlsafe(48)
        self.instance.tokens[token] = client[1]
        life = self.instance.token_life
        return 200, {"access_token": token, "token_type": "Bearer", "scope": "useraccount", "expires_in": life}, {}

    def _user(self, asked: Seen) -> str:
        kind, _, held = asked.headers.get("authorization", "").partition(" ")
        if kind == "Bearer" and held in self.instance.tokens:
            return self.instance.tokens[held]
        if kind == "Basic":
            name, _, password = base64.b64decode(held).decode().partition(":")
            if self.instance.users.get(name, ("", set()))[0] == password:
                return name
        raise Refusal(401, "User Not Authenticated", "Required to provide Auth information")

    def _limit(self) -> None:
        if self.instance.left is None:
            return
        if self.instance.left == 0:
            headers = {"Retry_After": self.instance.retry_after, "X_RateLimit_Limit": "10"}
            headers["X_RateLimit_Reset"] = str(int(time.time()) + 17)
            raise Refusal(
                429, "Rate limit exceeded", "Rate limit of 10 requests per hour for Table API exceeded", **headers
            )
        self.instance.left -= 1

    def _roles(self, user: str) -> set[str]:
        return self.instance.users[user][1]

    def _table(
        self, asked: Seen, user: str, of: str, sys_id: str, query: dict[str, str]
    ) -> tuple[int, Any, dict[str, str]]:
        tables = self.instance.tables
        if of not in tables.known(self.instance.has_events):
            raise Refusal(400, f"Invalid table {of}")
        if of in self.instance.closed_tables:
            raise Refusal(403, "User Not Authorized", "Failed API level ACL Validation")
        if asked.method == "GET" and not sys_id:
            rows, total = self._found(user, of, query)
            return 200, {"result": [self._shown(of, row, query) for row in rows]}, {"X_Total_Count": str(total)}
        if asked.method == "POST" and not sys_id:
            row = self._insert(user, of, asked.json())
            return 201, {"result": self._shown(of, row, query)}, {"Location": f"{self.instance.url}/{row['sys_id']}"}
        row = next((one for one in tables.of(of) if one["sys_id"] == sys_id), None)
        if row is None:
            raise Refusal(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        if asked.method == "PATCH":
            self._update(user, of, row, asked.json())
        return 200, {"result": self._shown(of, row, query)}, {}

    def _found(self, user: str, of: str, query: dict[str, str]) -> tuple[list[dict[str, Any]], int]:
        instance = self.instance
        columns = {name for name in instance.tables.columns(of) if f"{of}.{name}" not in instance.unreadable}
        conditions = query.get("sysparm_query", "").replace("javascript:gs.getUserID()", f"id of {user}")
        instance.ran += re.findall(r"javascript:[^^]*", conditions)
        rows, valid = matching(instance.tables.of(of, instance.users), conditions, columns)
        if not valid and instance.returns_no_rows:
            rows = []
        return rows[: int(query.get("sysparm_limit", 10_000))], len(rows)

    def _shown(self, of: str, row: dict[str, Any], query: dict[str, str]) -> dict[str, Any]:
        display = query.get("sysparm_display_value") == "true"
        names = [one for one in query.get("sysparm_fields", "").split(",") if one]
        columns = self.instance.tables.columns(of)
        shown = {}
        for name in names or columns:
            column = columns.get(name)
            if column is None or f"{of}.{name}" in self.instance.unreadable:
                continue  # not a word about it
            held = row.get(name, "")
            if column.kind == "journal":
                entries = [entry for entry in reversed(row.get("journal", [])) if entry[0] == name] if display else []
                held = "\n\n".join(f"2026-11-30 10:00:00 - Andon ({column.label})\n{text}" for _, text in entries)
            elif display and column.choices:
                held = column.choices.get(held, held)
            elif display and column.reference == "sys_user_group":
                held = self.instance.tables.groups.get(held, held)
            shown[name] = held
        return shown

    def _insert(self, user: str, of: str, given: dict[str, Any]) -> dict[str, Any]:
        if not self._roles(user) & {"itil", "admin"}:
            raise Refusal(403, "Operation Failed", "ACL Exception Insert Failed due to security constraints")
        tables = self.instance.tables
        row: dict[str, Any] = {"sys_id": uuid.uuid4().hex, "number": tables.next_number(of), "sys_class_name": of}
        row |= {
            "state": "1",
            "active": "true",
            "journal": [],
            "sys_created_on": f"2026-11-30 10:00:{len(tables.rows):04}",
        }
        self._set(of, row, given)
        missing = [c.label for n, c in tables.columns(of).items() if c.policy and not row.get(n)]
        if missing:
            detail = f"Data Policy Exception: The following fields are mandatory: {', '.join(missing)}"
            raise Refusal(403, "Operation Failed", detail)
        tables.rows.append(row)
        return row

    def _update(self, user: str, of: str, row: dict[str, Any], given: dict[str, Any]) -> None:
        if not self._roles(user) & {"itil", "admin"}:
            raise Refusal(403, "Operation Failed", "ACL Exception Update Failed due to security constraints")
        if row["state"] in ("7", "8"):
            rule = "incident state closed^0e5b99450a0a0b57"
            stack = "Business Rule Stack:incident state closed"
            detail = f"Operation against file '{of}' was aborted by Business Rule '{rule}'. {stack}"
            raise Refusal(403, "Operation Failed", detail)
        after = {**row, "journal": [*row["journal"]]}
        self._set(of, after, given)
        if after["state"] in ("6", "7") and not (after.get("close_code") and after.get("close_notes")):
            missing = "Resolution code, Resolution notes"
            raise Refusal(
                403, "Operation Failed", f"Data Policy Exception: The following fields are mandatory: {missing}"
            )
        row.update(after, active="false" if after["state"] in ("7", "8") else "true")

    def _set(self, of: str, row: dict[str, Any], given: dict[str, Any]) -> None:
        for name, held in given.items():
            column: Column | None = self.instance.tables.columns(of).get(name)
            if column is None or f"{of}.{name}" in self.instance.unwritable:
                continue  # not a word about it
            if column.kind == "journal":
                row["journal"].append((name, str(held)))
            elif column.kind == "choice" and name == "close_code" and held not in column.choices:
                row[name] = ""
            else:
                row[name] = str(held)[: column.length]

    def _events(self, asked: Any, user: str) -> tuple[int, Any, dict[str, str]]:
        if not self._roles(user) & {"evt_mgmt_integration", "admin"}:
            raise Refusal(403, "User Not Authorized", "Failed API level ACL Validation")
        taken = 0
        for record in asked.get("records", []):
            if self.instance.events_taken == 0 or not record.get("source") or record.get("severity") not in "012345":
                continue
            json.loads(record["additional_info"])
            time.strptime(record["time_of_event"], "%Y-%m-%d %H:%M:%S")
            key = record.get("message_key") or "+".join(record[n] for n in ("source", "node", "type", "resource"))
            over = record["severity"] == "0" or record.get("resolution_state") == "Closing"
            alert = self.instance.alerts.setdefault(key, {"count": 0})
            alert |= {"count": alert["count"] + 1, "state": "Closed" if over else "Open", "last": record}
            taken += 1
        return 200, {"result": {"Default Bulk Endpoint": f"{taken} events were inserted"}}, {}

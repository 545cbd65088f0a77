"""A stand-in for Splunk over real HTTP: management port and event collector, with Splunk's rules, codes and traps.

What it searches are the events that came in by its collector, by a small part of SPL: words, ``index=``, ``AND`` of
bracketed parts, ``head`` and ``stats count by``. What would write in SPL really does here, so that a test sees it.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import unquote

from support.rest_stand_in import Answer, RestStandIn, Seen

TOKEN, HEC_TOKEN = "management-token-of-splunk", "11111111-2222-3333-4444-555555555555"
USER, PASSWORD = "andon", "a password of splunk"
_CRON = re.compile(r"(\*|\*/\d+|\d+)( (\*|\*/\d+|\d+)){4}")


def _message(kind: str, text: str) -> dict[str, Any]:
    return {"messages": [{"type": kind, "text": text}]}


class Splunk(RestStandIn):
    """One Splunk. ``capabilities`` are its user's, ``indexes`` what is there, ``token_indexes`` what the collector's
    token may write to (all where empty)."""

    def __init__(self) -> None:
        super().__init__()
        self.version = "9.4.1"
        self.capabilities = ["search", "schedule_search", "rest_properties_get"]
        self.indexes = {"main", "press", "secret"}
        self.token_indexes: set[str] = set()
        self.apps = {"search", "factory"}
        self.events: list[dict[str, Any]] = []
        self.saved: dict[str, dict[str, str]] = {}
        self.says: list[tuple[str, str]] = []  # of the next searches, beside their rows
        self.running, self.quota = 0, 3
        self.acknowledges = self.disabled = self.busy = self.cuts_export = False
        self.fired = {"-": 3, "Oven door": 2, "Never": 0, "Press 4 & co": 1}

    def answer(self, seen: Seen) -> Answer:
        if seen.path.startswith("/services/collector"):
            return self._collector(seen)
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if seen.headers.get("authorization") not in (f"Bearer {TOKEN}", f"Basic {login}"):
            return Answer(401, _message("WARN", "call not properly authenticated"))
        if seen.method == "POST" and seen.path.startswith("/services/search/v2/jobs"):
            return self._search(seen)
        if found := re.fullmatch(r"/servicesNS/([^/]+)/([^/]+)/saved/searches(?:/(.+))?", seen.path):
            return self._saved(seen, found[2], found[3])
        return self._look(seen)

    def _look(self, seen: Seen) -> Answer:
        kind, _, name = seen.path.removeprefix("/services/").rpartition("/")
        if seen.path == "/services/server/info":
            return _entry({"version": self.version, "serverName": "splunk-1"})
        if seen.path == "/services/authentication/current-context":
            return _entry({"username": USER, "capabilities": self.capabilities})
        if seen.path == "/services/alerts/fired_alerts":
            listed = [{"name": one, "content": {"triggered_alert_count": n}} for one, n in self.fired.items()]
            return Answer(200, {"entry": listed})
        if (kind == "data/indexes" and name in self.indexes) or (kind == "apps/local" and name in self.apps):
            return _entry({"disabled": False})
        return Answer(404, _message("ERROR", f"\n In handler '{kind}': Could not find object id={unquote(name)}"))

    def _search(self, seen: Seen) -> Answer:
        form = seen.form()
        search = form.get("search", "")
        if "search" not in self.capabilities:
            return Answer(403, _message("ERROR", "Action forbidden."))
        if self.running >= self.quota:
            why = "Search not executed: The maximum number of concurrent historical searches for this user"
            return Answer(503, _message("FATAL", f"{why} based on their role quota has been reached."))
        if not search.startswith(("search", "|")):
            return Answer(400, _message("FATAL", f"Unknown search command '{search.split()[0].lower()}'."))
        if form.get("output_mode") != "json":
            return Answer(200, "<?xml version='1.0' encoding='UTF-8'?><results/>", {"Content-Type": "text/xml"})
        rows = self._rows(search)
        messages = [{"type": kind, "text": text} for kind, text in self.says]
        if seen.path.endswith("/export"):
            return Answer(200, self._exported(rows, messages, form.get("preview", "true") != "false"))
        if form.get("exec_mode") != "oneshot":
            return Answer(201, {"sid": "1732970000.17"})
        count = int(form.get("count", "100")) or None
        fields = sorted({name for row in rows for name in row})
        answer = {"preview": False, "init_offset": 0, "messages": messages, "fields": [{"name": one} for one in fields]}
        return Answer(200, {**answer, "results": rows[:count], "highlighted": {}})

    def _exported(self, rows: list[dict[str, Any]], messages: list[dict[str, str]], previews: bool) -> str:
        lines: list[dict[str, Any]] = [{"messages": messages}] if messages else []
        if previews:
            lines += [{"preview": True, "offset": at, "result": row} for at, row in enumerate(rows[:1])]
        for at, row in enumerate(rows):
            last = {"lastrow": True} if at == len(rows) - 1 and not self.cuts_export else {}
            lines.append({"preview": False, "offset": at, **last, "result": row})
        if not rows:
            lines.append({"preview": False, "lastrow": True})
        return "".join(f"{json.dumps(line)}\n" for line in lines)

    def _rows(self, search: str) -> list[dict[str, Any]]:
        parts = _split(search.removeprefix("|"))
        rows: list[dict[str, Any]] = []
        for part in parts:
            name, _, told = part.strip().partition(" ")
            if name == "search":
                rows = [_row(one) for one in self.events if _holds(told.strip(), one)]
            elif name == "head":
                rows = rows[: int(told)]
            elif name == "stats":
                field = told.split()[-1]
                counted: dict[str, int] = {}
                for row in rows:
                    counted[str(row.get(field, ""))] = counted.get(str(row.get(field, "")), 0) + 1
                rows = [{field: value, "count": str(count)} for value, count in counted.items()]
            elif name == "delete":
                self.events.clear()
        return rows

    def _saved(self, seen: Seen, app: str, name: str | None) -> Answer:
        if app not in self.apps:
            return Answer(404, _message("ERROR", f"Application does not exist: {app}"))
        if name is not None:
            if name not in self.saved:
                return Answer(404, _message("ERROR", f"\n In handler 'savedsearch': Could not find object id={name}"))
            return _entry(self.saved[name], name)
        form = seen.form()
        if "schedule_search" not in self.capabilities:
            return Answer(
                403,
                _message("ERROR", "You do not have permission to perform this operation (requires schedule_search)."),
            )
        called = form.get("name", "")
        for needed in ("name", "search"):
            if not form.get(needed):
                return Answer(
                    400,
                    _message(
                        "ERROR", f"\n In handler 'savedsearch': The following required arguments are missing: {needed}."
                    ),
                )
        if not _CRON.fullmatch(form.get("cron_schedule", "")):
            return Answer(
                400,
                _message(
                    "ERROR", f"\n In handler 'savedsearch': Invalid cron_schedule=\"{form.get('cron_schedule')}\""
                ),
            )
        if called in self.saved:
            why = f"\n In handler 'savedsearch': Unable to create saved search with name '{called}'. A saved search with that name already exists."
            return Answer(409, _message("ERROR", why))
        self.saved[called] = form
        return Answer(201, {"entry": [{"name": called, "content": form}]})

    def _collector(self, seen: Seen) -> Answer:
        if seen.path == "/services/collector/health":
            return (
                _code(503, "HEC is unhealthy, queues are full", 18) if self.busy else _code(200, "HEC is healthy", 17)
            )
        if self.disabled:
            return _code(403, "Token disabled", 1)
        authorization = seen.headers.get("authorization")
        if authorization is None:
            return _code(401, "Token is required", 2)
        if not authorization.startswith("Splunk "):
            return _code(401, "Invalid authorization", 3)
        if authorization != f"Splunk {HEC_TOKEN}":
            return _code(403, "Invalid token", 4)
        if self.acknowledges and "x-splunk-request-channel" not in seen.headers:
            return _code(400, "Data channel is missing", 10)
        if not seen.body.strip():
            return _code(400, "No data", 5)
        if self.busy:
            return _code(503, "Server is busy", 9)
        return self._events(seen)

    def _events(self, seen: Seen) -> Answer:
        """The events of a request: JSON objects one after the other."""
        decoder, text, at, taken = json.JSONDecoder(), seen.body.decode(), 0, []
        while at < len(text):
            number = {"invalid-event-number": len(taken)}
            try:
                event, at = decoder.raw_decode(text, at)
            except ValueError:
                return _code(400, "Invalid data format", 6, **number)
            at += len(text[at:]) - len(text[at:].lstrip())
            if "event" not in event:
                return _code(400, "Event field is required", 12, **number)
            if event["event"] in ("", {}):
                return _code(400, "Event field cannot be blank", 13, **number)
            index = event.get("index", "main")
            if index not in self.indexes or (self.token_indexes and index not in self.token_indexes):
                return _code(400, "Incorrect index", 7, **number)
            taken.append({**event, "index": index})
        self.events += taken
        return _code(200, "Success", 0, **({"ackId": len(self.events)} if self.acknowledges else {}))


def _entry(content: dict[str, Any], name: str = "entry") -> Answer:
    return Answer(200, {"entry": [{"name": name, "content": content}]})


def _code(status: int, text: str, code: int, **more: Any) -> Answer:
    return Answer(status, {"text": text, "code": code, **more})


def _row(event: dict[str, Any]) -> dict[str, Any]:
    raw = event["event"] if isinstance(event["event"], str) else json.dumps(event["event"])
    return {
        "_time": str(event.get("time", "")),
        "_raw": raw,
        "_cd": "17:4",
        "host": event.get("host", ""),
        "index": event["index"],
        "source": event.get("source", ""),
        "sourcetype": event.get("sourcetype", ""),
    }


def _split(search: str) -> list[str]:
    """The commands of a pipeline; a | within quotation marks is none."""
    return ["".join(parts) for parts in _parts(search)]


def _parts(search: str) -> list[list[str]]:
    made: list[list[str]] = [[]]
    quoted = False
    for sign in search:
        quoted = quoted != (sign == '"')
        if sign == "|" and not quoted:
            made.append([])
        else:
            made[-1].append(sign)
    return made


def _holds(terms: str, event: dict[str, Any]) -> bool:
    """Whether an event matches: parts in round brackets and bare terms must all hold, OR within brackets one of them."""
    raw = _row(event)["_raw"].lower()
    for bracketed, quoted, bare in re.findall(r"\(([^()]*)\)|\"([^\"]*)\"|(\S+)", terms):
        if bracketed:
            if not any(_holds(one.strip(), event) for one in re.split(r"\bOR\b", bracketed)):
                return False
        elif bare.startswith("index="):
            pattern = re.escape(bare.removeprefix("index=").strip('"')).replace(r"\*", ".*")
            if not re.fullmatch(pattern, event["index"]):
                return False
        elif bare != "*" and (quoted or bare).lower() not in raw:
            return False
    return True

"""A stand-in for Jira, Cloud (REST 3) and Data Center (REST 2), over real HTTP, with its rules, errors and traps.

In a test::

    with Jira(cloud=True, lag=60) as jira:
        jira.faults.append("cut after")     # the next request that changes something is done, and never answered
        ...
        assert len(jira.issues) == 1

The traps: Cloud's old search answers 410; its new one lists ids alone unless fields are named, and no total; new issues
are missing from it for ``lag`` seconds; a wrong login is answered as one of nobody; text is a document in Cloud and a
string in Data Center; fields that are not on a screen are refused, as are transitions that the status does not have;
Data Center calls the lists of its metadata ``values``, and takes no password from version 11 on.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from support.http_servers import StandInServer

USER, TOKEN = "andon@plant.example", "tok-4f5e6d7c8b9a"
TEXT_MAX = 32_767
_NOT_ON_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."
_GONE = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline "
    "is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)
_UNSEEN = "Issue does not exist or you do not have permission to see it."


class Refused(Exception):
    """An answer that is no success."""

    def __init__(
        self, status: int, *messages: str, errors: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status)
        self.status = status
        self.body: Any = {"errorMessages": list(messages), "errors": errors or {}}
        self.headers = headers or {}


@dataclass
class Issue:
    """An issue as the database has it; the search knows it from ``listed`` on."""

    id: str
    key: str
    fields: dict[str, Any]
    listed: float
    status: str = "To Do"
    comments: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Project:
    """A project: its types with the fields on their screens, and what the user may do."""

    types: dict[str, dict[str, dict[str, Any]]]
    rights: set[str]


def screen(**more: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The usual fields for a new issue, and more of them."""
    usual: dict[str, dict[str, Any]] = {
        "project": {"name": "Project", "required": True, "hasDefaultValue": False},
        "issuetype": {"name": "Issue Type", "required": True, "hasDefaultValue": False},
        "summary": {"name": "Summary", "required": True, "hasDefaultValue": False},
        "reporter": {"name": "Reporter", "required": True, "hasDefaultValue": False},
        "description": {"name": "Description", "required": False},
        "labels": {"name": "Labels", "required": False},
        "priority": {
            "name": "Priority",
            "required": False,
            "hasDefaultValue": True,
            "allowedValues": [{"id": str(at), "name": name} for at, name in enumerate(("Highest", "High", "Low"), 1)],
        },
    }
    return {**usual, **more}


RIGHTS = {"BROWSE_PROJECTS", "CREATE_ISSUES", "ADD_COMMENTS", "TRANSITION_ISSUES"}
#: Status to its transitions: (id, name, status it leads to).
WORKFLOW = {
    "To Do": [("11", "Start progress", "In Progress"), ("31", "Done", "Done")],
    "In Progress": [("31", "Done", "Done")],
    "Done": [("41", "Reopen", "To Do")],
}


class Jira:
    """The server, in threads of its own: a context manager. ``url`` is its address, with ``path`` where it has one.

    ``faults`` are how the next changing requests go: ``cut before`` and ``cut after`` what they ask is done, ``hang``,
    or a :class:`Refused`; ``reading`` is the same for those that read. ``requests`` are all that came: method, path with
    query, body. ``connections`` is how many are open: what came by one that is not is done.
    """

    def __init__(
        self,
        *,
        cloud: bool = True,
        lag: float = 0.0,
        path: str = "",
        version: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cloud = cloud
        self.lag = lag
        self.clock = clock
        self.version = version or ("1001.0.0-SNAPSHOT" if cloud else "10.3.2")
        self.projects = {"OPS": Project({"Task": screen(), "Bug": screen()}, set(RIGHTS))}
        self.workflow = {status: list(steps) for status, steps in WORKFLOW.items()}
        self.needs_resolution = False
        self.issues: dict[str, Issue] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.answers: list[tuple[str, str, int, Any]] = []
        self.faults: deque[str | Refused] = deque()
        self.reading: deque[str | Refused] = deque()
        self.connections = 0
        self.lock = threading.RLock()
        self.over = threading.Event()
        self._path = path
        self._server = StandInServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{path}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Jira:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def root(self) -> str:
        """Path of the API."""
        return f"{self._path}/rest/api/{3 if self.cloud else 2}"

    def text(self, words: str) -> Any:
        """A text as this edition has it."""
        if not self.cloud:
            return words
        return {
            "type": "doc",
            "version": 1,
            "content": [{"type": "paragraph", "content": [{"type": "text", "text": words}]}],
        }

    def add(self, summary: str, **fields: Any) -> Issue:
        """An issue that somebody else made long ago."""
        with self.lock:
            given = {
                "summary": summary,
                "description": self.text(""),
                "labels": [],
                "issuetype": {"name": "Task"},
                **fields,
            }
            return self._made("OPS", given, -self.lag)

    def _made(self, project: str, fields: dict[str, Any], late: float) -> Issue:
        number = 1 + len(self.issues)
        moment = f"2026-11-30T14:{number % 60:02}:00.000+0100"
        fields = {"created": moment, "updated": moment, **fields, "project": {"key": project}}
        issue = Issue(str(10_000 + number), f"{project}-{number}", fields, self.clock() + self.lag + late)
        self.issues[issue.key] = issue
        return issue

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        jira = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65_536  # an answer leaves as a whole; in two parts, the second waits for an acknowledgement
            disable_nagle_algorithm = True

            def setup(self) -> None:
                with jira.lock:
                    jira.connections += 1
                super().setup()

            def finish(self) -> None:
                super().finish()
                with jira.lock:
                    jira.connections -= 1

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length", -1 if self.command == "POST" else 0))
                raw = self.rfile.read(max(length, 0))
                if len(raw) == length:  # else the client went away in the middle
                    jira.serve(self, raw)
                else:
                    self.close_connection = True

            do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the names that it is asked for

            def cut(self) -> None:
                """End the connection without an answer."""
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def serve(self, handler: Any, raw: bytes) -> None:
        """Answer one request."""
        parts = urlsplit(handler.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = json.loads(raw) if raw else None
        changes = handler.command != "GET" and not parts.path.endswith(("/search", "/search/jql"))
        with self.lock:
            self.requests.append((handler.command, handler.path, body))
            waiting = self.faults if changes else self.reading
            fault = waiting.popleft() if waiting else None
        headers = {"X-Arequestid": "1"}
        if fault == "cut before":
            handler.cut()
            return
        if fault == "hang":
            self.over.wait()
            return
        try:
            if isinstance(fault, Refused):
                raise fault
            known, told = self._login(handler.headers.get("Authorization", ""))
            headers |= told
            with self.lock:
                status, answer = self._answer(handler.command, unquote(parts.path), asked, body, known)
        except Refused as refused:
            status, answer = refused.status, refused.body
            headers |= refused.headers
        if fault == "cut after":
            handler.cut()
            return
        self.answers.append((handler.command, parts.path, status, answer))
        data = b"" if answer is None else json.dumps(answer).encode()
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data)), "Content-Type": "application/json"}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    def _login(self, told: str) -> tuple[bool, dict[str, str]]:
        """Whether the login is known, and what the headers of the answer say of it."""
        basic = "Basic " + base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        if not self.cloud and told.startswith("Basic ") and int(self.version.split(".")[0]) >= 11:
            refused = Refused(403, headers={"X-Seraph-LoginReason": "AUTHENTICATION_DENIED"})
            refused.body = {"message": "Basic Authentication has been disabled on this instance."}
            raise refused
        if told in (basic, f"Bearer {TOKEN}"):
            return True, {} if self.cloud else {"X-AUSERNAME": "andon", "X-Seraph-LoginReason": "OK"}
        if self.cloud:  # answered as if nobody had logged in
            return False, {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"} if told else {}
        if told:
            raise Refused(401, "Login failed", headers={"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"})
        return False, {"X-AUSERNAME": "anonymous"}

    def _answer(self, method: str, path: str, asked: dict[str, str], body: Any, known: bool) -> tuple[int, Any]:
        if not path.startswith(f"{self.root}/"):
            raise Refused(404, "null for uri")
        place = path.removeprefix(f"{self.root}/").split("/")
        match (method, *place):
            case ("GET", "serverInfo"):
                return 200, self._server_info()
            case ("GET", "myself"):
                if not known:
                    raise Refused(401, "Client must be authenticated to access this resource.")
                return 200, {"accountId": "5b10", "displayName": "Andon"} if self.cloud else {"name": "andon"}
            case ("GET", "mypermissions"):
                return 200, self._permissions(asked, known)
            case ("GET", "issue", "createmeta", project, "issuetypes"):
                return 200, self._types(self._project(project, known))
            case ("GET", "issue", "createmeta", project, "issuetypes", number):
                return 200, self._screen(self._project(project, known), number)
            case ("POST", "issue"):
                return 201, self._create(body, known)
            case ("POST", "search", "jql") if self.cloud:
                return 200, self._search(body, known)
            case ("POST" | "GET", "search"):
                if self.cloud:
                    raise Refused(410, _GONE)
                return 200, self._search(body, known)
            case (_, "issue", key, *rest):
                if not known or key not in self.issues:
                    raise Refused(404, _UNSEEN)
                return self._issue(method, self.issues[key], rest, asked, body)
        raise Refused(404, "null for uri")

    def _issue(self, method: str, issue: Issue, rest: list[str], asked: dict[str, str], body: Any) -> tuple[int, Any]:
        match (method, *rest):
            case ("GET",):
                return 200, self._shown(issue, asked.get("fields", "*all").split(","))
            case ("GET", "comment"):
                return 200, self._comments(issue, asked)
            case ("POST", "comment"):
                self._demand_text("comment", body.get("body"))
                number = str(100 + sum(len(one.comments) for one in self.issues.values()))
                moment = "2026-11-30T15:00:00.000+0100"
                author = {"displayName": "Andon"}
                issue.comments.append({"id": number, "author": author, "created": moment, "properties": [], **body})
                return 201, {name: value for name, value in issue.comments[-1].items() if name != "properties"}
            case ("GET", "transitions"):
                steps = self.workflow[issue.status]
                return 200, {
                    "expand": "transitions",
                    "transitions": [
                        {"id": number, "name": name, "hasScreen": self.needs_resolution, "to": self._status(to)}
                        for number, name, to in steps
                    ],
                }
            case ("POST", "transitions"):
                return 204, self._move(issue, body)
        raise Refused(405)

    def _create(self, body: Any, known: bool) -> Any:
        fields = dict(body["fields"])
        key = (fields.get("project") or {}).get("key")
        project = self.projects.get(key)
        if not known or project is None or "CREATE_ISSUES" not in project.rights:
            raise Refused(400, errors={"project": "valid project is required"})
        fields_of = project.types.get((fields.get("issuetype") or {}).get("name", ""))
        if fields_of is None:
            raise Refused(400, errors={"issuetype": "Specify a valid issue type"})
        errors = {name: _NOT_ON_SCREEN.format(name) for name in fields if name not in fields_of}
        errors |= {
            name: f"{each['name']} is required."
            for name, each in fields_of.items()
            if each["required"] and not each.get("hasDefaultValue") and name not in fields and name != "reporter"
        }
        summary = fields.get("summary", "")
        if "\n" in summary or "\r" in summary:
            errors["summary"] = "The summary is invalid because it contains newline characters."
        if len(summary) > 255:
            errors["summary"] = "Summary must be less than 255 characters."
        for label in fields.get("labels", []):
            if " " in label:
                errors["labels"] = f"The label '{label}' contains spaces which is invalid."
        allowed = [one["name"] for one in fields_of.get("priority", {}).get("allowedValues", [])]
        if (priority := fields.get("priority")) and priority.get("name") not in allowed:
            errors["priority"] = "The priority selected is invalid."
        if errors:
            raise Refused(400, errors=errors)
        self._demand_text("description", fields.get("description"))
        issue = self._made(key, fields, 0.0)
        return {"id": issue.id, "key": issue.key, "self": f"{self.url}{self.root}/issue/{issue.id}"}

    def _demand_text(self, name: str, value: Any) -> None:
        if self.cloud and not (isinstance(value, dict) and value.get("type") == "doc" and value.get("version") == 1):
            told = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
            raise Refused(400, errors={name: told})
        if not self.cloud and not isinstance(value, str):
            raise Refused(400, errors={name: "Operation value must be a string"})
        if len(value if isinstance(value, str) else json.dumps(value)) > TEXT_MAX:
            told = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
            raise Refused(400, errors={name: told})

    def _move(self, issue: Issue, body: Any) -> None:
        number = body["transition"]["id"]
        leads = [to for one, _, to in self.workflow[issue.status] if one == number]
        if not leads:
            raise Refused(400, f"Transition id '{number}' is not valid for this issue.")
        given = body.get("fields") or {}
        if given and not self.needs_resolution:
            raise Refused(400, errors={name: _NOT_ON_SCREEN.format(name) for name in given})
        if self.needs_resolution and "resolution" not in given:
            raise Refused(400, errors={"resolution": "Resolution is required."})
        issue.status = leads[0]
        issue.fields |= given

    def _search(self, body: Any, known: bool) -> Any:
        if self.cloud and (odd := set(body) - _SEARCHED):
            raise Refused(400, f"Unrecognized field {sorted(odd)[0]!r}")
        found = [one for one in self._query(body["jql"], known) if one.listed <= self.clock()]
        most = min(body.get("maxResults", 50), 5_000 if self.cloud else 1_000)
        if not self.cloud:
            shown = [self._shown(one, body.get("fields", ["*all"])) for one in found[:most]]
            return {"startAt": 0, "maxResults": most, "total": len(found), "issues": shown}
        wanted = body.get("fields")
        issues = [self._shown(one, wanted) if wanted else {"id": one.id} for one in found[:most]]
        more = {"nextPageToken": "CAEaAggB"} if len(found) > most else {}
        return {"issues": issues, "isLast": not more, **more}

    def _query(self, jql: str, known: bool) -> list[Issue]:
        """The issues that a query finds; as much of JQL as is asked for here, and an error for any other."""
        where, _, order = jql.partition(" ORDER BY ")
        found = [one for one in self.issues.values() if known]
        for clause in where.split(" AND "):
            if not (parsed := re.fullmatch(r"(\w+) (in|=|!=|~) (\(.*\)|\".*\"|\w+)", clause)):
                raise Refused(400, f"Error in the JQL Query: Expecting operator but got '{clause}'.")
            name, operator, told = parsed.groups()
            values = [re.sub(r"\\(.)", r"\1", one) for one in re.findall(r'"((?:[^"\\]|\\.)*)"', told)] or [told]
            if name == "project" and (unknown := [v for v in values if not known or v not in self.projects]):
                raise Refused(400, f"The value '{unknown[0]}' does not exist for the field 'project'.")
            found = [one for one in found if self._is_so(one, name, values) != (operator == "!=")]
        key, _, way = order.partition(" ")
        return sorted(found, key=lambda one: (one.fields.get(key, ""), int(one.id)), reverse=way == "DESC")

    def _is_so(self, issue: Issue, name: str, values: list[str]) -> bool:
        if name == "text":
            held = f"{issue.fields['summary']} {json.dumps(issue.fields['description'])}".lower()
            return all(word in held for word in values[0].split())
        held = {
            "project": [issue.key.rpartition("-")[0]],
            "labels": issue.fields.get("labels", []),
            "issuetype": [issue.fields["issuetype"]["name"]],
            "statusCategory": ["Done" if issue.status == "Done" else "To Do"],
        }.get(name)
        if held is None:
            raise Refused(400, f"Field '{name}' does not exist or you do not have permission to view it.")
        return any(value in held for value in values)

    def _status(self, name: str) -> Any:
        kind = {"Done": ("done", "Done"), "To Do": ("new", "To Do")}.get(name, ("indeterminate", "In Progress"))
        return {"id": name, "name": name, "statusCategory": {"key": kind[0], "name": kind[1]}}

    def _shown(self, issue: Issue, fields: list[str]) -> Any:
        held = {**issue.fields, "status": self._status(issue.status)}
        shown = held if "*all" in fields else {name: held[name] for name in fields if name in held}
        return {"id": issue.id, "key": issue.key, "self": f"{self.url}{self.root}/issue/{issue.id}", "fields": shown}

    def _comments(self, issue: Issue, asked: dict[str, str]) -> Any:
        found = list(reversed(issue.comments)) if asked.get("orderBy") == "-created" else list(issue.comments)
        found = found[: int(asked.get("maxResults", "50"))]
        if asked.get("expand") != "properties":
            found = [{name: value for name, value in one.items() if name != "properties"} for one in found]
        return {"startAt": 0, "maxResults": 50, "total": len(issue.comments), "comments": found}

    def _server_info(self) -> Any:
        kind = "Cloud" if self.cloud else "Server"
        numbers = [int(one) for one in re.findall(r"\d+", self.version)[:3]]
        return {"baseUrl": self.url, "version": self.version, "versionNumbers": numbers, "deploymentType": kind}

    def _project(self, key: str, known: bool) -> Project:
        project = self.projects.get(key)
        if not known or project is None or "BROWSE_PROJECTS" not in project.rights:
            raise Refused(404, f"No project could be found with key '{key}'.")
        return project

    def _permissions(self, asked: dict[str, str], known: bool) -> Any:
        if self.cloud and "permissions" not in asked:
            raise Refused(400, "The 'permissions' query parameter is required.")
        rights = self._project(asked["projectKey"], known).rights
        names = asked["permissions"].split(",") if self.cloud else [*RIGHTS, "BROWSE"]
        return {"permissions": {name: {"key": name, "havePermission": name in rights} for name in names}}

    def _types(self, project: Project) -> Any:
        listed = [{"id": str(10 + at), "name": name} for at, name in enumerate(project.types)]
        return {
            "startAt": 0,
            "maxResults": 200,
            "total": len(listed),
            ("issueTypes" if self.cloud else "values"): listed,
        }

    def _screen(self, project: Project, number: str) -> Any:
        fields = [*project.types.values()][int(number) - 10]
        listed = [
            {"fieldId": name, "key": name, "operations": ["set"], "schema": {"type": "string"}, **one}
            for name, one in fields.items()
        ]
        return {"startAt": 0, "maxResults": 200, "total": len(listed), ("fields" if self.cloud else "values"): listed}


_SEARCHED = {
    *("jql", "maxResults", "fields", "nextPageToken", "reconcileIssues", "expand"),
    *("properties", "fieldsByKeys", "failFast"),
}

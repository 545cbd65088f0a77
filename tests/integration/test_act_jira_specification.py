"""Every request to Jira Cloud, and every answer of the stand-in, against Jira's own OpenAPI description."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from andon.act.connectors.connected import build_connectors
from andon.core.errors import ActionError
from andon.core.models.actions import Arguments, CloseTicket, Comment, OpenTicket, Order, Section
from support.jira import TOKEN, USER, Jira, screen
from support.settings import settings_of

_FILE = Path("shared", "data", "specs", "jira-cloud-swagger-v3-2025-09.json")
SPECIFICATION = next((found for up in (3, 4) if (found := Path(__file__).parents[up] / _FILE).exists()), _FILE)

pytestmark = [
    pytest.mark.shared,
    pytest.mark.anyio,
    pytest.mark.skipif(not SPECIFICATION.exists(), reason="the description of Jira's API is not there"),
]

BODY = (Section("What happened", ("The drive tripped.",)), Section("Check first", ("Fan", "Load"), True))
#: What only the answers of Jira hold; a request that has it would send what is not Jira's to take.
_READ_ONLY = "readOnly"


class Description:
    """What the description says of a path."""

    def __init__(self) -> None:
        self._whole = json.loads(SPECIFICATION.read_text(encoding="utf-8"))
        resource = Resource(contents=self._whole, specification=DRAFT4)
        self._registry: Registry[Any] = Registry().with_resource("jira:", resource)
        self._paths = [
            (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) + r"\Z"), path)
            for path in self._whole["paths"]
        ]

    def operation(self, method: str, path: str) -> dict[str, Any]:
        """The operation that is asked for; the most literal path where several fit."""
        fitting = [template for pattern, template in self._paths if pattern.match(path)]
        assert fitting, f"Jira has no {path}"
        found = self._whole["paths"][min(fitting, key=lambda one: one.count("{"))].get(method.lower())
        assert found is not None, f"Jira has no {method} {path}"
        assert not found.get("deprecated"), f"{method} {path} is deprecated"
        return dict(found)

    def demand_request(self, method: str, target: str, body: Any) -> None:
        """Path, method, every parameter of the query, and the body are as described."""
        parts = urlsplit(target)
        operation = self.operation(method, parts.path)
        known = {one["name"] for one in operation.get("parameters", []) if one["in"] == "query"}
        assert {name for name, _ in parse_qsl(parts.query)} <= known, target
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        assert (body is None) == (schema is None), target
        if schema is not None:
            self._demand(schema, body)
            self._demand_ours_to_send(schema, body, target)

    def demand_answer(self, method: str, path: str, status: int, answer: Any) -> None:
        """The stand-in answers as Jira does."""
        described = self.operation(method, path)["responses"].get(str(status))
        assert described is not None, f"{method} {path} never answers {status}"
        schema = described.get("content", {}).get("application/json", {}).get("schema")
        if schema is not None:
            self._demand(schema, answer)

    def _demand(self, schema: Any, value: Any) -> None:
        inside = json.loads(json.dumps(schema).replace('"#/', '"jira:#/'))
        jsonschema.Draft4Validator(inside, registry=self._registry).validate(value)

    def _demand_ours_to_send(self, schema: Any, value: Any, where: str) -> None:
        name = schema["$ref"].rpartition("/")[2]
        described = self._whole["components"]["schemas"][name]["properties"]
        assert set(value) <= set(described), f"{where}: {name} has no such part"
        assert not [one for one in value if described[one].get(_READ_ONLY)], where


async def test_all_that_is_asked_and_answered_is_described() -> None:
    """A ticket's whole life, a check, look-ups, and refusals."""
    described = Description()
    with Jira(cloud=True) as jira:
        jira.needs_resolution = True
        line = {"name": "Line", "required": True, "hasDefaultValue": False, "allowedValues": [{"value": "3"}]}
        jira.projects["OPS"].types["Bug"] = screen(customfield_10010=line)
        options = {
            "url": jira.url,
            "edition": "cloud",
            "user": USER,
            "token": TOKEN,
            "projects": ["OPS"],
            "issue_type": "Bug",
            "priorities": {"CRITICAL": "Highest"},
            "fields": {"customfield_10010": {"value": "3"}},
            "close_fields": {"resolution": {"name": "Done"}},
        }
        tables = [options, {**options, "name": "short", "fields": {}, "close_fields": {}}]
        whole, short = build_connectors(settings_of(jira=tables)).values()
        ticket = OpenTicket(title="t", body=BODY, severity="CRITICAL")
        life: list[tuple[Any, Arguments]] = [
            (short, ticket),
            (whole, ticket),
            (whole, Comment(ticket="OPS-1", body=BODY)),
            (short, CloseTicket(ticket="OPS-1", body=BODY)),
            (whole, CloseTicket(ticket="OPS-1", body=BODY, cause="c")),
            (whole, Comment(ticket="OPS-9", body=BODY)),
        ]
        refused = 0
        for number, (made, arguments) in enumerate(life):
            order = Order(f"{number:032}", arguments)
            try:
                await made.find(order)
                await made.send(order, made.render(order))
            except ActionError:
                refused += 1
        assert refused == 3
        jira.add("open still", labels=[])
        await whole.check()
        issue, search = whole.readers()
        await issue.look(key="OPS-1")
        await search.look(words="drive")
        for made in (whole, short):
            await made.close()
    assert len({(method, path.partition("?")[0]) for method, path, _ in jira.requests}) >= 12
    for method, target, body in jira.requests:
        described.demand_request(method, target, body)
    for method, path, status, answer in jira.answers:
        described.demand_answer(method, path, status, answer)


async def test_the_description_would_find_what_is_wrong() -> None:
    """The old search, a part that does not exist, a parameter that does not, a body that is no object."""
    described = Description()
    for method, target, body in [
        ("POST", "/rest/api/3/search", {"jql": "project = OPS"}),
        ("POST", "/rest/api/3/search/jql", {"jql": "project = OPS", "startAt": 0}),
        ("GET", "/rest/api/3/issue/OPS-1?field=summary", None),
        ("POST", "/rest/api/3/issue", []),
        ("POST", "/rest/api/3/issue/OPS-1/comment", {"body": {}, "created": "2026-11-30"}),
        ("PATCH", "/rest/api/3/issue/OPS-1", {}),
        ("POST", "/rest/api/3/issue/OPS-1/transitions", {"transition": {"id": 31}}),
    ]:
        with pytest.raises((AssertionError, jsonschema.ValidationError)):
            described.demand_request(method, target, body)

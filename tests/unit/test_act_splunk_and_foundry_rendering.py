"""What Splunk and Foundry would be sent, whatever the texts: whole, bounded, the same each time, and nothing else in it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from hypothesis import example, given
from hypothesis import strategies as st

from andon.act.connectors.connected import build_connectors
from andon.act.connectors.connector import Connector
from andon.core.errors import ActionRefused
from andon.core.models.actions import Apply, Arguments, Event, Order, Publish, Rendered, SaveAlert, Section, Upload
from support.settings import settings_of

KEY = "00112233445566778899aabbccddeeff"
RID = "ri.foundry.main.dataset.c26f11c8-cdb3-4f44-9f5d-9816ea1c82da"
CONNECTORS = build_connectors(
    settings_of(
        splunk=[{"url": "https://s:8089", "token": "t", "hec_url": "https://s:8088", "hec_token": "h", "alerts": True}],
        foundry=[
            {
                "url": "https://f",
                "token": "t",
                "datasets": [RID],
                "streams": [RID],
                "ontology": "o",
                "actions": [{"name": "a"}],
            }
        ],
    )
)
TEXT = st.text(max_size=40) | st.sampled_from(
    [
        "https://evil.example/x",
        "a&name=other",
        '"}{"event":1}',
        "{transaction}",
        "../..",
        "a/b",
        "%2e%2e",
        "x\n| delete",
        "javascript:x()",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def rendered(name: str, arguments: Arguments) -> Rendered | None:
    """What is rendered, the same twice; None where it is refused."""
    connector: Connector = CONNECTORS[name]
    try:
        made = connector.render(Order(KEY, arguments))
    except ActionRefused:
        return None
    assert made == connector.render(Order(KEY, arguments))
    assert all(one.url.startswith(("https://s:8088/", "https://s:8089/", "https://f/api/v2/")) for one in made.requests)
    return made


@given(TEXT, st.lists(TEXT, max_size=4), TEXT, TEXT, st.integers(1, 40))
def test_an_event_is_one_object_below_what_splunk_keeps(
    title: str, lines: list[str], host: str, service: str, times: int
) -> None:
    body = (Section(title, tuple(lines)),) * times
    made = rendered(
        "splunk", Event(title=title, body=body, severity="ERROR", about="problem-1", host=host, service=service, at=1.5)
    )
    assert made is not None
    (request,) = made.requests
    sent: dict[str, Any] = json.loads(request.body)
    assert set(sent) <= {"time", "host", "source", "sourcetype", "event"}
    assert sent["event"]["andon_key"] == KEY
    assert len(request.body.encode()) < 10_000
    assert "://" not in request.body
    assert "javascript:x" not in request.body


@given(TEXT, TEXT, st.sampled_from([5, 15, 60, 1440]))
@example("a&search=| delete", "b&search=| delete", 15)
def test_an_alert_has_its_own_fields_and_no_others(name: str, description: str, minutes: int) -> None:
    made = rendered(
        "splunk", SaveAlert(name=name, search="index=press", every_minutes=minutes, description=description)
    )
    if made is None:
        return
    (request,) = made.requests
    pairs = parse_qsl(request.body, keep_blank_values=True, strict_parsing=True)
    form = dict(pairs)
    assert len(pairs) == len(form) == 13
    assert (form["name"], form["search"]) == (" ".join(name.split()), "search index=press")
    assert form["description"].endswith(f"(andon-{KEY})")


@given(TEXT, TEXT.filter(bool))
def test_a_file_stays_in_its_folder(path: str, text: str) -> None:
    made = rendered("foundry", Upload(path=path, text=text))
    if made is None:
        return
    opened, upload, committed = made.requests
    parts = urlsplit(upload.url).path.split("/")
    assert parts[:5] == ["", "api", "v2", "datasets", RID]
    assert parts[5:6] + parts[7:] == ["files", "upload"]
    assert unquote(parts[6]) == f"andon/{path}"
    assert ".." not in unquote(parts[6]).split("/")
    assert upload.body == text
    assert upload.url.count("{transaction}") == 1
    assert (opened.filled, upload.filled, committed.filled) == ((), ("transaction",), ("transaction",))


@given(st.lists(st.dictionaries(TEXT, VALUES, max_size=3), min_size=1, max_size=4))
def test_rows_and_parameters_come_back_as_they_were(rows: list[dict[str, Any]]) -> None:
    made = rendered("foundry", Publish(rows=tuple(rows)))
    assert made is not None
    assert json.loads(made.requests[0].body) == {"records": rows}
    applied = rendered("foundry", Apply(action="a", parameters=rows[0]))
    assert applied is not None
    trial, real = (json.loads(one.body) for one in applied.requests)
    assert trial["parameters"] == real["parameters"] == rows[0]
    assert trial["options"] == {"mode": "VALIDATE_ONLY"}

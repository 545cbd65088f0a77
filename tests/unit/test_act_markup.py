"""Whatever a log says: in no request of any connector is there a link, a mention, a command or markup of its making.

Each connector that there is renders each order that it takes, from texts made of what is alive somewhere; what comes out is
taken apart as the service takes it apart. A text node that a service shows as it stands may hold anything but an address.
"""

from __future__ import annotations

import email
import email.policy
import functools
import json
import re
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.act.connectors.connected import BUILT_IN, build_connectors
from andon.act.connectors.connector import Connector
from andon.act.proposals import Proposals
from andon.core.errors import ActionRefused
from andon.core.models.actions import (
    Arguments,
    CloseTicket,
    Comment,
    Event,
    Message,
    OpenTicket,
    Operation,
    Order,
    OutgoingRequest,
    Section,
    operation_of,
)
from andon.core.settings.connectors import KINDS
from support.settings import settings_of

PAGE = "https://andon.plant.example"
LINK = f"{PAGE}/problems/12"
SECRETS = ("Sommer2026", "AKIAIOSFODNN7EXAMPLE", "Winterreifen77")
ALIVE = re.compile(r"[a-z][a-z0-9+.-]*://|(?<![a-z0-9])(?:mailto|javascript):\S|(?<![a-z0-9])www\.\w", re.IGNORECASE)
UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060\ufeff\U000e0000-\U000e007f]")

PLACE = "http://127.0.0.1:9"
#: A table of each kind, or several where it renders in several ways; they are sent to by nobody.
TABLES: dict[str, list[dict[str, Any]]] = {
    "jira": [
        {"url": "https://plant.atlassian.net", "user": "a@plant.example", "token": "t", "projects": ["OPS"]},
        {"url": PLACE, "edition": "data_center", "token": "t", "projects": ["OPS"]},
        {"url": PLACE, "edition": "data_center", "token": "t", "projects": ["OPS"], "markup": "plain"},
    ],
    "servicenow": [{"url": PLACE, "user": "andon", "password": "p", "events": True}],
    "splunk": [{"url": "https://127.0.0.1:8089", "token": "t", "hec_url": "https://127.0.0.1:8088", "hec_token": "t"}],
    "foundry": [
        {"url": PLACE, "token": "t", "datasets": ["ri.foundry.main.dataset.c26f11c8-cdb3-4f44-9f5d-9816ea1c82da"]}
    ],
    "webhook": [{"url": f"{PLACE}/hook", "secret": "s" * 32}],
    "slack": [{"url": f"{PLACE}/services/T/B/x"}, {"token": "xoxb-1", "channels": ["#plant"]}],
    "teams": [{"url": f"{PLACE}/workflows/1?sig=x"}],
    "pagerduty": [{"url": PLACE, "routing_key": "k" * 32}],
    "email": [
        {"host": "127.0.0.1", "security": "none", "sender": "andon@plant.example", "to": ["shift@plant.example"]}
    ],
    "ntfy": [{"url": PLACE, "topics": ["plant"]}],
    "apprise": [{"urls": ["json://127.0.0.1:9"]}],
    "mcp_servers": [{"url": f"{PLACE}/mcp", "write_tools": ["add_note"]}],
}
#: Nothing that is told to people goes through these.
NO_TEXTS = {"foundry", "mcp_servers"}


def is_there(kind: str) -> bool:
    try:
        EntryPoint(kind, BUILT_IN[kind], "andon.connectors").load()
    except ModuleNotFoundError as missing:
        if missing.name is not None and missing.name.startswith("andon."):
            return False
        raise
    return True


THERE = [kind for kind in BUILT_IN if is_there(kind)]
CASES = [pytest.param(kind, number, id=f"{kind}-{number}") for kind in THERE for number in range(len(TABLES[kind]))]

_WORDS = (
    *(
        "<b>",
        "</b>",
        "<script>",
        "<img src=x>",
        "<a href='",
        "'>",
        "<!channel>",
        "<!here|x>",
        "<@U012AB3CD>",
        "&lt;b&gt;",
    ),
    *(
        "[code]",
        "[/code]",
        "[x](",
        "](",
        "![",
        "[",
        "]",
        "|",
        ")",
        "{",
        "}",
        "{html}",
        "{color:red}",
        "{{7*7}}",
        "${7*7}",
    ),
    *(
        "http://evil.example/x",
        "https://evil.example",
        "HTTPS://evil.example|x",
        "mailto:x@evil.example",
        "javascript:x()",
    ),
    *(
        "www.evil.example",
        "ftp://x",
        "file:///etc/hosts",
        "ht\u200btps://evil.example",
        "\u202e",
        "\x1b[2J",
        "\x1b]8;;http://x\x07",
    ),
    *(
        "*bold*",
        "_x_",
        "~x~",
        "`x`",
        "```",
        "# x",
        "h1. x",
        "> x",
        "- x",
        "|| x ||",
        "!x.png!",
        "[~admin]",
        "@all",
        "@here",
    ),
    *(
        "{date}",
        "{issueIdOrKey}",
        "{sys_id}",
        "{incident}",
        "{transactionRid}",
        "%s",
        "%0A",
        "\r\nBcc: x@evil.example\r\n",
    ),
    *("\n\n", "\n.\n", "\n--\n", "\t", " ", "=cmd", "=?utf-8?q?x?=", "&", '"', "\\", "\\\\", "Pump P3 low"),
    *("pressure 2.1 bar", "Überdruck", "压力", "\U0001f600", "x" * 120),
)
_TOLD = (
    "postgresql://mes:Winterreifen77@db/mes",
    "password=Sommer2026!",
    "AKIAIOSFODNN7EXAMPLE",
    "login user=line4 password: Sommer2026!",
)
TEXTS = st.lists(st.sampled_from(_WORDS + _TOLD) | st.text(max_size=12), max_size=10).map(" ".join)
GLUED = st.lists(st.sampled_from(_WORDS), max_size=6).map("".join)
TEXT = st.one_of(TEXTS, GLUED)
BODY = st.lists(
    st.builds(Section, TEXT, st.lists(TEXT, max_size=4).map(tuple), st.booleans()), min_size=1, max_size=4
).map(tuple)
SEVERITY = st.sampled_from(["INFO", "WARNING", "ERROR", "CRITICAL"])
PHASE = st.sampled_from(["raised", "acknowledged", "ended", "told"])
ORDERS = st.one_of(
    st.builds(
        lambda title, body, severity, place: OpenTicket(title=title, body=body, severity=severity, place=place),
        *(TEXT, BODY, SEVERITY, st.lists(TEXT, max_size=4).map(tuple)),
    ),
    st.builds(lambda body: Comment(ticket="OPS-1", body=body), BODY),
    st.builds(lambda body, cause: CloseTicket(ticket="OPS-1", body=body, cause=cause), BODY, TEXT),
    st.builds(
        lambda title, body, severity, phase, host: Message(
            title=title, body=body, severity=severity, about="problem-12", phase=phase, link=LINK, host=host
        ),
        *(TEXT, BODY, SEVERITY, PHASE, TEXT),
    ),
    st.builds(
        lambda title, body, severity, phase, host, service: Event(
            title=title,
            body=body,
            severity=severity,
            about="problem-12",
            host=host,
            service=service,
            at=1.8e9,
            phase=phase,
            link=LINK,
        ),
        *(TEXT, BODY, SEVERITY, PHASE, TEXT, TEXT),
    ),
)


@functools.cache
def connector_of(kind: str, number: int) -> tuple[Connector, Proposals]:
    settings = settings_of(public_url=PAGE, **{kind: [TABLES[kind][number]]})
    made = build_connectors(settings)
    (connector,) = made.values()
    return connector, Proposals(made, settings)


def test_every_kind_is_looked_at() -> None:
    """A new connector has a row here."""
    assert set(TABLES) == set(KINDS) == set(BUILT_IN)


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_each_takes_an_order_that_has_words(kind: str, number: int) -> None:
    """So that the test below looks at something."""
    connector, proposals = connector_of(kind, number)
    body = (Section("What happened", ("The pump is low.",)),)
    orders: list[Arguments] = [
        OpenTicket(title="x", body=body, severity="ERROR"),
        Message(title="x", body=body, severity="ERROR", about="problem-1"),
        Event(title="x", body=body, severity="ERROR", about="problem-1", host="h", service="s", at=1.8e9),
    ]
    taken = [one for one in orders if operation_of(one) in connector.abilities]
    assert bool(taken) is (kind not in NO_TEXTS)
    for one in taken:
        rendered = connector.render(Order("0" * 32, proposals.checked(one)))
        assert "The pump is low" in json.dumps([text for request in rendered.requests for text in texts(request)])


@pytest.mark.parametrize("kind", ["webhook", "pagerduty", "servicenow", "splunk"])
def test_an_event_has_the_link_to_our_own_page(kind: str) -> None:
    """The page that shows more, whole; no other address."""
    made = (connector_of(kind, number)[0] for number in range(len(TABLES[kind])))
    connector = next(one for one in made if Operation.EVENT in one.abilities)
    for link, told in ((LINK, True), ("https://elsewhere.example/problems/12", False)):
        told_of = Event(title="x", body=(), severity="ERROR", about="p", host="h", service="s", at=1.8e9, link=link)
        body = connector.render(Order("0" * 32, told_of)).requests[0].body
        assert (link in body) is told
    assert "elsewhere" not in body


@pytest.mark.parametrize(("kind", "number"), [case for case in CASES if case.values[0] not in NO_TEXTS])
def test_each_place_that_is_offered_is_another_one(kind: str, number: int) -> None:
    """Each choice renders; two that render alike are no choice; the first is what an order without a place gets."""
    connector, _ = connector_of(kind, number)
    orders: list[OpenTicket | Message | Event] = [
        OpenTicket(title="x", body=(), severity="ERROR"),
        Message(title="x", body=(), severity="ERROR", about="problem-1"),
        Event(title="x", body=(), severity="ERROR", about="problem-1", host="h", service="s", at=1.8e9),
    ]
    for one in orders:
        if (operation := operation_of(one)) in connector.abilities:
            places = connector.choices(operation)
            rendered = [connector.render(Order("0" * 32, msgspec.structs.replace(one, where=at))) for at in places]
            assert rendered[0] == connector.render(Order("0" * 32, one))
            assert len({made.digest for made in rendered}) == len(places)


@pytest.mark.parametrize(("kind", "number"), [case for case in CASES if case.values[0] not in NO_TEXTS])
@given(arguments=ORDERS)
def test_nothing_of_a_log_s_making_is_alive(kind: str, number: int, arguments: Arguments) -> None:
    """See above; and the same order gives the same bytes, in which no secret stands."""
    connector, proposals = connector_of(kind, number)
    if operation_of(arguments) not in connector.abilities:
        return
    order = Order("0" * 32, proposals.checked(arguments))
    try:
        rendered = connector.render(order)
    except ActionRefused:
        return
    assert connector.render(order).digest == rendered.digest
    for request in rendered.requests:
        for secret in SECRETS:
            assert secret not in request.body + request.url + json.dumps(request.headers)
        for name, value in request.headers.items():
            assert "\n" not in name + value
            assert "\r" not in name + value
        for text in texts(request):
            without = "" if text in OURS else text.replace(LINK, "our page")
            assert not ALIVE.search(without), without
            assert not UNSEEN.search(text), text
        for dead in DEAD.get(kind, ()):
            assert not dead.search(request.body.replace(LINK, "")), (dead.pattern, request.body)
        if (kind, number) == WIKI:
            for text in _named(json.loads(request.body), ("description", "body")):
                assert not MACRO.search(text.replace(f"[{LINK}]", "")), text
        assert set(re.findall(r"\{(\w+)\}", request.url)) <= set(request.filled)


#: Jira's wiki markup: a link or a macro is one unless a backslash stands before it.
WIKI, MACRO = ("jira", 1), re.compile(r"(?<!\\)[\[{]\S|(?<![\\\w])!\S+\.png!")
#: What stands alone somewhere, and is not of a log's making.
OURS = {PAGE, "http://adaptivecards.io/schemas/adaptive-card.json"}
#: What of a kind's own may not stand in a body, whatever it says elsewhere.
DEAD = {
    "servicenow": (re.compile(r"\[/?code\]", re.IGNORECASE),),
    "slack": (re.compile(r"<[!@#]"), re.compile(r'"mrkdwn"')),
    "teams": (re.compile(r'"TextBlock"'), re.compile(r"\{\{|\$\{")),
}


def texts(request: OutgoingRequest) -> Iterator[str]:
    """Every text of a request, as the service reads it."""
    if request.method == "SMTP":
        mail = email.message_from_string(request.body, policy=email.policy.default)
        yield from (str(value) for name, value in mail.items())
        for part in mail.walk():
            assert part.get_content_type() in ("text/plain", "multipart/alternative", "multipart/mixed")
            if part.get_content_maintype() == "text":
                yield part.get_content().replace("\r\n", "\n")
        return
    yield from request.headers.values()
    try:
        yield from _leaves(json.loads(request.body))
    except ValueError:
        yield request.body


def _named(value: Any, names: tuple[str, ...]) -> Iterator[str]:
    """The texts under these names, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in names and isinstance(inner, str):
                yield inner
            yield from _named(inner, names)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner, names)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)

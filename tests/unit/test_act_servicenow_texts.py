"""Texts, queries and answers of ServiceNow, whatever they hold."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.act.connectors.connected import build_connector
from andon.act.connectors.servicenow import instance, rendering
from andon.core.errors import ActionRefused, ConfigError
from andon.core.models.actions import Section
from support.orders import KEY, PAGE, closing, comment, event, order, ticket
from support.settings import settings_of

_PIECES = (
    "[code]",
    "[/code]",
    "[ CODE",
    "]",
    "code",
    "<",
    "</",
    "b>",
    "<!--",
    "${",
    "{",
    "$",
    "#",
    "@[",
    "^",
    "://",
    "\n",
)
TEXT = st.lists(st.sampled_from(_PIECES) | st.text(max_size=6), max_size=20).map("".join)
BODIES = st.lists(st.builds(Section, TEXT, st.lists(TEXT, max_size=4).map(tuple), st.booleans()), max_size=4).map(tuple)


class _Found(HTMLParser):
    count = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.count += 1

    handle_endtag = handle_comment = handle_decl = handle_pi = lambda self, *_: setattr(self, "count", self.count + 1)


@given(TEXT)
def test_nothing_in_a_text_is_markup(written: str) -> None:
    told = rendering.dead(written)
    page = _Found()
    page.feed(told)
    page.close()
    assert page.count == 0
    assert "[code]" not in told.lower().replace(" ", "")
    assert not any(sign in told for sign in ("${", "{{", "#{", "@["))
    assert rendering.dead(told) == told


@given(st.from_regex(r"[A-Za-z0-9 .,;()%°äöü-]{0,60}", fullmatch=True))
def test_ordinary_text_stays_as_it_is(written: str) -> None:
    assert rendering.dead(written) == written


@given(BODIES, st.integers(60, 400))
def test_bodies_stay_within_a_field(body: Any, most: int) -> None:
    told = rendering.body_text(body, PAGE, most)
    assert len(told) <= most
    assert told == rendering.body_text(body, PAGE, most)


@given(TEXT)
def test_value_is_one_value(written: str) -> None:
    held = instance.value(written)
    assert "^" not in held
    assert not held.lower().startswith("javascript:")
    assert held == instance.value(held)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["result", "error", "message", "detail", "sys_id", "value", "display_value", "x"]),
                inner,
            )
        ),
    )
)
def test_answers_of_any_form_are_read(answer: Any) -> None:
    assert all(isinstance(held, str) for row in instance.records(answer) for held in row.values())
    assert isinstance(instance.words(answer), str)


@given(TEXT, BODIES, st.sampled_from(["ticket", "comment", "close", "event"]))
def test_every_order_is_rendered_the_same_and_as_json(title: str, body: Any, kind: str) -> None:
    connector = _connector(events=True)
    wanted = order(
        {
            "ticket": ticket(title=title, body=body),
            "comment": comment("INC0010001", *(line for section in body for line in section.lines)),
            "close": closing("INC0010001", cause=title),
            "event": event(title=title, body=body, host=title, service=title),
        }[kind]
    )
    rendered = connector.render(wanted)
    assert rendered.digest == connector.render(wanted).digest
    for request in rendered.requests:
        assert request.url.startswith("https://plant.service-now.com/api/")
        assert "secret-word" not in str(request)
        if request.body:
            assert all(len(held) <= rendering.TEXT_MAX for held in _texts(json.loads(request.body)))


def test_own_links_stay_and_others_die() -> None:
    body = (Section("", (f"More: {PAGE}/problems/12", f"{PAGE}/problems/12@phish.example", f"{PAGE}.phish.example")),)
    first, second, third = rendering.body_text(body, PAGE).splitlines()
    assert first == f"More: {PAGE}/problems/12"
    assert "://" not in second + third


def test_requests_that_change_a_ticket_name_what_is_filled_in() -> None:
    look, change = _connector().render(order(comment("INC0010001"))).requests
    assert (look.method, look.filled, look.body) == ("GET", (), "")
    assert "sysparm_query=number%3DINC0010001" in look.url
    assert (change.method, change.filled) == ("PATCH", ("sys_id",))
    assert change.url.startswith("https://plant.service-now.com/api/now/table/incident/{sys_id}?")
    assert json.loads(change.body) == {"work_notes": f"12 more logs since 14:00\n\nAndon note {KEY[:12]}"}


@pytest.mark.parametrize(
    ("of", "number", "ref"), [("incident", "INC0010001", "INC0010001"), ("problem", "PRB1", "problem/PRB1")]
)
def test_tickets_are_called_by_table_and_number(of: str, number: str, ref: str) -> None:
    assert rendering.ticket_ref(("incident", "problem"), of, number) == ref
    assert rendering.ticket_of(("incident", "problem"), ref) == (of, number)


@given(st.text(max_size=30))
def test_what_is_no_ticket_is_refused(written: str) -> None:
    try:
        of, number = rendering.ticket_of(("incident",), written)
    except ActionRefused:
        return
    assert of == "incident"
    assert number.isascii()
    assert instance.value(number) == number


def test_reference_is_told_by_its_value() -> None:
    answer = {"result": {"sys_id": "a", "caller_id": {"link": "x", "value": "b"}, "n": None, "closed": False}}
    assert instance.records(answer) == [{"sys_id": "a", "caller_id": "b", "n": "", "closed": "False"}]


def test_password_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"servicenow has no password: set it .*set ANDON_SERVICENOW_PASSWORD"):
        _connector(password="")
    with pytest.raises(ConfigError, match="has no client secret"):
        _connector(user="", password="", client_id="c")


def _connector(**changed: Any) -> Any:
    table = {"url": "https://plant.service-now.com/", "user": "andon", "password": "secret-word", **changed}
    settings = settings_of(servicenow=[table], public_url=PAGE)
    return build_connector(settings, settings.targets[0])


def _texts(held: Any) -> list[str]:
    if isinstance(held, dict):
        return [text for inner in held.values() for text in _texts(inner)]
    return [text for inner in held for text in _texts(inner)] if isinstance(held, list) else [held]


def test_html_of_the_guard_finds_markup() -> None:
    """The parser above sees what it is to find."""
    page = _Found()
    page.feed("<b>x</b><!-- y -->")
    assert page.count == 3

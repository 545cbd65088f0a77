"""The screen Actions over HTTP: who may press what, what is bound to the hash, and texts that are only text."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from andon.act import follow_ups
from andon.act.connectors.connected import build_connectors
from andon.act.proposals import Proposals, Wanted
from andon.app import proposing
from andon.core.models.actions import (
    Action,
    ActionStatus,
    Message,
    OpenTicket,
    Order,
    Origin,
    OutgoingRequest,
    Receipt,
    Rendered,
    Section,
)
from andon.core.settings.settings import load_settings
from andon.store import Connection, actions
from andon.store.schema.action_tables import actions as action_table
from support.desk import install_desk
from support.site import Caller, Role, Site, site
from support.store_data import a_log, opened

TABLE: list[dict[str, Any]] = [{"kind": "desk", "options": {"url": "http://127.0.0.1:9"}}]
USERS = {"Vi": Role.VIEWER, "Op": Role.OPERATOR, "Ad": Role.ADMIN}


@pytest.fixture(scope="module", autouse=True)
def _package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    place = tmp_path_factory.mktemp("packages")
    install_desk(place)
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(place))
        yield


def _fill(path: Path) -> None:
    async def work() -> None:
        async with opened(path) as store:
            await store.record([a_log(1, "p1", message="<b>bold</b> \x1b[2J stopped"), a_log(2, "p2")], [])

    asyncio.run(work())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Site]:
    """A site with a desk and two problems; administrators approve."""
    with site(tmp_path, USERS, connectors=TABLE) as found:
        _fill(found.database)
        yield found


def proposed(house: Site, problem: int = 1, do: proposing.Do = "ticket", **more: Any) -> Action:
    """A proposal of Meier's."""
    settings = load_settings(connectors=TABLE)
    proposals = Proposals(build_connectors(settings), settings)
    named = {"origin": Origin.PERSON, "now": time.time(), "by": "Meier", **more}
    made: Action = house.change(proposing.about_problem, proposals, settings, problem, "desk", do, **named)
    return made


def press(who: Caller, path: str, **fields: str) -> Any:
    """A form of the page, sent as htmx does."""
    body = "&".join(f"{name}={value}" for name, value in fields.items())
    kind = "application/x-www-form-urlencoded"
    return who("POST", path, body, Content_Type=kind, X_CSRF_Token=who.csrf, HX_Request="true")


def test_buttons_are_for_those_who_may_press_them(house: Site) -> None:
    """Others read everything, and which role it takes; what they send all the same is refused."""
    made = proposed(house)
    path = f"/actions/{made.id}"
    for name in ("Vi", "Op"):
        who = house.visitor(name)
        page = who.get(path).text
        assert made.digest in page
        assert f"This needs the role admin, yours is {USERS[name].word}." in page
        assert "Approve</button>" not in page
        assert press(who, f"{path}/approve", seen=made.digest).status == 403
        assert who.get(f"{path}/decline").status == 403
    assert house.change(actions.action, made.id).status is ActionStatus.PROPOSED
    admin = house.visitor("Ad")
    assert "Approve</button>" in admin.get(path).text
    answer = press(admin, f"{path}/approve", seen=made.digest)
    assert (answer.status, "Approved. It is being sent." in answer.text) == (200, True)
    assert house.change(actions.action, made.id).decided_by == "Ad"


def test_an_operator_approves_where_the_site_says_so(tmp_path: Path) -> None:
    """By a setting."""
    with site(tmp_path, USERS, connectors=TABLE, approve_role="operator") as house:
        _fill(house.database)
        made = proposed(house)
        assert press(house.visitor("Op"), f"/actions/{made.id}/approve", seen=made.digest).status == 200


def test_only_what_was_seen_is_approved(house: Site) -> None:
    """Another hash, or none, approves nothing; two people cannot decide twice."""
    made, admin = proposed(house), house.visitor("Ad")
    wrong = press(admin, f"/actions/{made.id}/approve", seen="0" * 64)
    assert (wrong.status, "has changed since it was shown: look at it again" in wrong.text) == (400, True)
    assert press(admin, f"/actions/{made.id}/approve").status == 400
    assert press(admin, f"/actions/{made.id}/decline", note="known").status == 200
    late = press(admin, f"/actions/{made.id}/approve", seen=made.digest)
    assert (late.status, "is declined: there is nothing to approve" in late.text) == (400, True)
    page = admin.get(f"/actions/{made.id}").text
    assert "“known”" in page
    assert page.rindex("<b>Proposed</b>") < page.rindex("<b>Declined</b>")


def test_texts_of_logs_are_only_text(house: Site) -> None:
    """Markup is shown, and what steers a terminal is shown as an escape; in the request too."""
    made = proposed(house)
    page = house.visitor("Vi").get(f"/actions/{made.id}").text
    assert "&lt;b&gt;bold&lt;/b&gt; \\x1b[2J stopped" in page or "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>bold" not in page
    assert "\x1b" not in page


def test_a_large_request_is_cut_on_the_page_and_whole_beside_it(house: Site) -> None:
    """All of it is one press away, to the letter, as a file."""
    settings = load_settings(connectors=TABLE)
    lines = tuple(f"line {number} " + "x" * 900 for number in range(60))
    body = tuple(Section(f"part {number}", lines) for number in range(2))
    wanted = Wanted(
        target="desk",
        arguments=OpenTicket(title="large", body=body, severity="ERROR"),
        origin=Origin.AGENT,
        problem_id=1,
    )
    proposals = Proposals(build_connectors(settings), settings)
    made = house.change(proposals.propose, wanted, time.time())
    who = house.visitor("Vi")
    page = who.get(f"/actions/{made.id}").text
    assert "The first 60,000 characters of" in page
    assert "the model" in page
    whole = who.get(f"/actions/{made.id}/requests/1")
    assert whole.text == made.rendered.requests[0].body
    assert whole.headers["Content-Type"].startswith("text/plain")
    assert "attachment" in whole.headers["Content-Disposition"]
    assert who.get(f"/actions/{made.id}/requests/2").status == 404


def test_a_mail_is_read_line_by_line(house: Site) -> None:
    """Its line ends are said, not shown; what is known only when it is sent is said to be so; the file is exact."""
    order = Order("0" * 32, Message(title="stopped", body=(), severity="ERROR", about="problem-1"))
    request = OutgoingRequest(
        "SMTP",
        "smtp://mail:587",
        "Date: {date}\r\nSubject: stopped\r\n\r\ntext \r alone",
        content_type="message/rfc822",
        headers={"RCPT TO": "night@plant.example"},
        filled=("date",),
    )
    new = actions.NewAction(
        target="email",
        order=order,
        rendered=Rendered((request,), ("Replies go to nobody.",)),
        title="stopped",
        problem_id=None,
        origin=Origin.NOTICE,
        proposed_by="route night",
        reason="",
        expires=None,
    )
    made = house.change(actions.add, new, time.time())
    who = house.visitor("Vi")
    page = who.get(f"/actions/{made.id}").text
    assert "Date: {date}\nSubject: stopped\n\ntext \\x0d alone</pre>" in page
    assert "byte for byte; lines end with CR LF" in page
    assert "<code>{date}</code> is known only when it is sent" in page
    for words in ("RCPT TO: night@plant.example", "Replies go to nobody.", "route night"):
        assert words in page
    assert who("GET", f"/actions/{made.id}/requests/1").text == request.body


def test_what_an_approval_covers_is_said_once(house: Site) -> None:
    """A ticket's covers what follows on it, and a message's does not; nothing says otherwise beside it."""
    ticket, message = proposed(house), proposed(house, do="message")
    covers = "<dt>Approval covers</dt><dd>exactly the requests below, once"
    who = house.visitor("Vi")
    page = who.get(f"/actions/{ticket.id}").text
    assert f"{covers}; later, on this ticket: a comment on later occurrences, at most every 1 h;" in page
    assert "also approves" not in page
    assert f"{covers}</dd>" in who.get(f"/actions/{message.id}").text


def _store_rendering(connection: Connection, action_id: int, rendered: Rendered) -> None:
    told = msgspec.json.encode(rendered).decode()
    connection.execute(action_table.update().where(action_table.c.id == action_id).values(rendered=told))


@pytest.mark.parametrize("words", ["Approving this approves as well: ", follow_ups.COVERS])
def test_what_an_approval_covers_is_known_in_every_wording_it_was_stored_in(house: Site, words: str) -> None:
    """The note stays with its action through an upgrade."""
    ticket = proposed(house)
    stored = msgspec.structs.replace(ticket.rendered, notes=(f"{words}a comment.", "Another note"))
    house.change(_store_rendering, ticket.id, stored)
    page = house.visitor("Vi").get(f"/actions/{ticket.id}").text
    assert "once; later, on this ticket: a comment.</dd>" in page
    assert words not in page
    assert "Another note" in page


def test_older_ones_are_a_press_away(house: Site) -> None:
    """What is over is listed in parts; nothing is lost between them, and addresses that make no sense are 404."""
    made = [proposed(house, do="message", key=str(number)) for number in range(20)]
    for one in made:
        house.change(actions.decline, one.id, "Meier", now=time.time())
    who = house.visitor("Vi")
    first = who.get("/actions").text
    older = who.get(f"/actions?before={made[5].id}").text
    assert f'href="actions?before={made[5].id}"' in first
    for one in made:
        in_first, in_older = (bool(re.search(rf'href="actions/{one.id}["?]', page)) for page in (first, older))
        assert in_first != in_older, one.id
    for path in ("/actions/0", "/actions/999", "/actions/99999999999999999999", "/actions?before=-1", "/actions/x"):
        assert who.get(path).status in (400, 404), path


def test_a_link_is_only_made_of_an_address_of_the_web(house: Site) -> None:
    """What a service answers is data of others."""
    made = proposed(house)

    def done(connection: Connection) -> None:
        receipt = Receipt(ref="OPS-1", url="javascript:alert(1)", words="<i>created</i>")
        actions.finish(connection, made.id, ActionStatus.DONE, time.time(), receipt=receipt)
        actions.tickets.keep(connection, made, receipt, time.time())

    house.change(done)
    for path in (f"/actions/{made.id}", "/problems/1"):
        page = house.visitor("Vi").get(path).text
        assert "OPS-1" in page
        assert "javascript:" not in page
        assert "<i>created" not in page


def test_a_system_that_is_connected_no_more_is_approved_no_more(tmp_path: Path) -> None:
    """The proposal is still there to be read and declined."""
    with site(tmp_path, USERS) as house:
        _fill(house.database)
        made = proposed(house)
        page = house.visitor("Ad").get(f"/actions/{made.id}").text
        assert "a system that is no longer connected" in page
        assert "Approve</button>" not in page
        assert "Decline</button>" in page
        assert (
            'id="outside" class="panel" aria-labelledby="outside-title">' in house.visitor("Op").get("/problems/1").text
        )


def test_where_nothing_is_connected_a_problem_says_nothing_of_it(tmp_path: Path) -> None:
    """No empty panel, and nothing to press."""
    with site(tmp_path, USERS) as house:
        _fill(house.database)
        page = house.visitor("Op").get("/problems/1").text
        assert 'aria-labelledby="outside-title" hidden>' in page
        refused = press(house.visitor("Op"), "/problems/1/propose", what="ticket|desk|")
        assert (refused.status, "no connected system is called" in refused.text) == (400, True)
        assert press(house.visitor("Op"), "/problems/1/propose", what="delete|desk|").status == 400


def test_a_mail_says_who_gets_it(tmp_path: Path) -> None:
    """The usual recipients are a choice beside the lists, and an approval names the people, not the first list."""
    table = {"host": "mail", "security": "none", "sender": "andon@plant.example", "to": ["crew@plant.example"]}
    with site(tmp_path, USERS, email=[{**table, "lists": {"night": ["owl@plant.example"]}}]) as house:
        _fill(house.database)
        operator = house.visitor("Op")
        asked = operator.get("/problems/1/propose").text
        assert "Message to email, the usual recipients" in asked
        assert "Message to email, night" in asked
        for place, told in (("", "crew@plant.example"), ("night", "night (owl@plant.example)")):
            assert press(operator, "/problems/1/propose", what=f"message%7Cemail%7C{place}").status == 200
            newest = house.change(actions.listing, 1)[0]
            page = operator.get(f"/actions/{newest.id}").text
            assert f"<dt>To</dt><dd>{told}, smtp://mail:25</dd>" in page
        assert "Send a message; to the usual recipients, night." in page

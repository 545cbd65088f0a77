"""Whatever a log says, a message has no markup, one link at most, and a size that its service takes."""

from __future__ import annotations

import email
import email.policy
import json
import re
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.act.connectors import apprise_services, mail, messages, ntfy, slack, teams, webhook
from andon.act.connectors.connector import Connector
from andon.act.connectors.messages import Text
from andon.core.errors import ActionRefused
from andon.core.models.actions import Message, Order, OutgoingRequest, Section
from support.chat_services import wrong_blocks
from support.connecting import KEY, PAGE, connector_of, message, order

#: What means something to one service or another.
LIVE = (
    *(
        "<!channel>",
        "<@U123>",
        "<https://x.example|here>",
        "https://x.example/y",
        "www.x.example",
        "mailto:a@b.example",
    ),
    *(
        "[here](https://x.example)",
        "![p](https://x.example/p.png)",
        "**now**",
        "_so_",
        "~~no~~",
        "`x`",
        "# head",
        "||x||",
    ),
    *(
        "{{DATE(2026-01-01T00:00:00Z)}}",
        "${title}",
        "@{triggerBody()}",
        "<at>all</at>",
        "<script>x</script>",
        "<b>x</b>",
    ),
    *(
        "\r\nBcc: other@x.example",
        "\r\n\r\n",
        ".",
        "=?utf-8?B?aHR0cHM6Ly94LmV4YW1wbGU=?=",
        ":fire:",
        "@everyone",
        "\\",
        '"',
    ),
    *("\x00", "\x1b[31m", "\u202e", "\ufeff", "\u2028", "&lt;", "&amp;", "{date}", "javascript:x()", "ftp://x.example"),
)
pieces = st.one_of(st.sampled_from(LIVE), st.text(max_size=30))
texts = st.lists(pieces, max_size=6).map(" ".join) | st.lists(pieces, max_size=6).map("".join)
sections = st.builds(Section, texts, st.lists(texts | st.just("x" * 900), max_size=8).map(tuple), st.booleans())
orders = st.builds(
    lambda title, body, severity, phase, about, link: Order(
        key=KEY, arguments=message(title=title, body=body, severity=severity, phase=phase, about=about, link=link)
    ),
    texts,
    st.lists(sections, max_size=12).map(tuple),
    st.sampled_from(["CRITICAL", "ERROR", "WARNING", "INFO"]),
    st.sampled_from(["raised", "acknowledged", "ended", "told"]),
    texts,
    st.sampled_from([f"{PAGE}/problems/5", "https://x.example/problems/5", f"{PAGE}.x.example/", f"{PAGE}/a|b", ""]),
)
ADDRESS = re.compile(r"(?i)[:\uff1a]//|(?<![a-z0-9])(?:(?:mailto|javascript)[:\uff1a][^\s\]]|www\d{0,3}\.[^\s\].])")
MADE: dict[str, Connector] = {
    "webhook": connector_of("webhook", url="https://hooks.example/x"),
    "slack": connector_of("slack", url="https://hooks.slack.example/services/T0/B0/secret"),
    "teams": connector_of("teams", url="https://flows.example/workflows/1/run?sig=secret"),
    "ntfy": connector_of("ntfy", url="https://ntfy.example", topics=["alarms"]),
    "email": connector_of("email", host="mail.example", sender="andon@plant.example", to=["crew@plant.example"]),
    "apprise": connector_of("apprise", urls=["json://services.example/secret"]),
}


def rendered(kind: str, wanted: Order) -> OutgoingRequest:
    """The one request, which is the same each time."""
    made = MADE[kind].render(wanted)
    assert made == MADE[kind].render(wanted)
    (request,) = made.requests
    return request


def strings(value: Any) -> Iterator[str]:
    """Every text in JSON, names of fields left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def is_dead(wanted: Order, text: str) -> bool:
    """Whether nothing in a text is an address but the link to our own page."""
    link = messages.own_link(cast(Message, wanted.arguments).link, PAGE)
    return not ADDRESS.search(text.replace(link, "") if link else text)


@given(orders)
def test_whatever_a_log_says_slack_shows_it_plain(wanted: Order) -> None:
    body = json.loads(rendered("slack", wanted).body)
    assert wrong_blocks(body["blocks"]) == ""
    assert not re.search(r"[<>]", body["text"])
    assert len(body["text"]) <= slack.NOTICE_MAX
    header, *rest = body["blocks"]
    assert not re.search(r"[<>]|&(?!(?:amp|lt|gt);)", header["text"]["text"])
    nodes = [node for one in rest for element in one["elements"] for node in leaves(element)]
    assert [node["url"] for node in nodes if node["type"] == "link"] in ([], [f"{PAGE}/problems/5"])
    told = [node["text"] for node in nodes if node["type"] == "text"]
    assert all(is_dead(wanted, text) and not re.search(r"<[!@#a-zA-Z]", text) for text in told)


def leaves(element: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of rich text."""
    if "elements" in element:
        for inner in element["elements"]:
            yield from leaves(inner)
    else:
        yield element


@given(orders)
def test_whatever_a_log_says_teams_shows_it_plain(wanted: Order) -> None:
    request = rendered("teams", wanted)
    assert len(request.body.encode()) <= teams.SIZE_MAX
    (attachment,) = json.loads(request.body)["attachments"]
    card = attachment["content"]
    assert [one["url"] for one in card.get("actions", [])] in ([], [f"{PAGE}/problems/5"])
    blocks = [*card["body"][0]["items"], *card["body"][1:]]
    assert {block["type"] for block in blocks} == {"RichTextBlock"}
    runs = [run for block in blocks for run in block["inlines"]]
    assert all(run["type"] == "TextRun" and is_dead(wanted, run["text"]) for run in runs)
    assert not any(live in text for text in strings(card) for live in ("{{", "${"))


@given(orders)
def test_whatever_a_log_says_ntfy_shows_it_plain(wanted: Order) -> None:
    request = rendered("ntfy", wanted)
    body = json.loads(request.body)
    assert len(request.body.encode()) <= ntfy.JSON_MAX
    assert 1 <= len(body["message"].encode()) <= ntfy.TEXT_MAX
    assert body.get("click") in (None, f"{PAGE}/problems/5")
    assert body["markdown"] is False
    assert "=?" not in body["title"], "it would be decoded"
    assert is_dead(wanted, body["title"] + body["message"])


@given(orders)
def test_whatever_a_log_says_a_mail_shows_it_plain(wanted: Order) -> None:
    written = rendered("email", wanted).body
    assert written.isascii()
    assert not re.search(r"(?<!\r)\n|\r(?!\n)", written)
    assert max(map(len, written.split("\r\n"))) <= 998
    read = cast(EmailMessage, email.message_from_bytes(written.encode(), policy=email.policy.default))
    assert {*read.keys()} <= {
        *("Date", "From", "To", "Subject", "Message-ID", "References", "Auto-Submitted", "X-Auto-Response-Suppress"),
        *("Importance", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
    }
    assert (str(read["To"]), str(read["From"])) == ("crew@plant.example", "Andon <andon@plant.example>")
    assert read.get_content_type() == "text/plain"
    text = messages.text_of(cast(Message, wanted.arguments), PAGE)
    assert str(read["Subject"]).split() == (text.title[: mail.SUBJECT_MAX].split() or ["-"])
    assert str(read.get_content()).replace("\r\n", "\n").rstrip("\n") == (text.plain() or text.title).rstrip("\n")
    assert is_dead(wanted, str(read["Subject"]) + str(read.get_content()))


@given(orders)
def test_whatever_a_log_says_apprise_shows_it_plain(wanted: Order) -> None:
    called = json.loads(rendered("apprise", wanted).body)
    body = called["body"].removesuffix(f"{PAGE}/problems/5")
    assert not re.search(
        r"[<>*`|~\\]|\]\(|(?<!\w)_|_(?!\w)|^\s*#|(?<![^\W_])@\w", called["title"] + "\n" + body, re.MULTILINE
    )
    assert is_dead(wanted, called["title"] + called["body"])
    assert called["body_format"] == "text"


@given(orders)
def test_whatever_a_log_says_a_webhook_tells_it_plain(wanted: Order) -> None:
    request = rendered("webhook", wanted)
    assert len(request.body.encode()) <= webhook.SIZE_MAX
    body = json.loads(request.body)
    told = {name: body[name] for name in ("title", "text", "sections")}
    assert all(is_dead(wanted, text) for text in strings(told))
    assert body["link"] in ("", f"{PAGE}/problems/5")


def test_without_an_address_of_ours_there_is_no_link() -> None:
    assert messages.text_of(message(), "").link == ""
    assert f"More: https[:]//{PAGE.removeprefix('https://')}/problems/5" in messages.text_of(message(), "").plain()
    assert messages.text_of(message(link="https://elsewhere.example/problems/5"), PAGE).link == ""
    assert messages.text_of(message(link=f"{PAGE}/problems/5"), PAGE).plain().count("/problems/5") == 1


@pytest.mark.parametrize(
    ("phase", "title", "told"),
    [
        ("raised", "ERROR: disk full", "ERROR: disk full"),
        ("told", "Early shift: 3 problems", "Early shift: 3 problems"),
        ("acknowledged", "ERROR: disk full", "Acknowledged: ERROR: disk full"),
        ("acknowledged", "Acknowledged by Kim: disk full", "Acknowledged by Kim: disk full"),
        ("acknowledged", "Acknowledged byte lost", "Acknowledged: Acknowledged byte lost"),
        ("ended", "ERROR: disk full", "Over: ERROR: disk full"),
        ("ended", "Over: flood on L3", "Over: flood on L3"),
        ("ended", "Over-temperature in drive 7", "Over: Over-temperature in drive 7"),
    ],
)
def test_a_title_says_what_came_of_it_once(phase: Any, title: str, told: str) -> None:
    assert messages.text_of(message(phase=phase, title=title), PAGE).title == told


@given(st.lists(sections, min_size=1, max_size=10).map(tuple), st.integers(0, 3_000))
def test_as_much_is_kept_as_fits(body: tuple[Section, ...], most: int) -> None:
    whole = messages.text_of(message(body=body), PAGE)

    def size(text: Text) -> int:
        return len(text.plain())

    if size(messages._first(whole, 0)) > most and size(whole) > most:
        with pytest.raises(ActionRefused, match="shorten the title"):
            messages.fitted(order(), whole, size, most, "a test")
        return
    kept = messages.fitted(order(), whole, size, most, "a test")
    assert size(kept) <= most
    lines = [line for section in whole.sections for line in section.lines]
    left = [line for section in kept.sections for line in section.lines]
    assert left == lines[: len(left)]
    assert kept.left_out == len(lines) - len(left)
    assert kept is whole or not kept.sections or kept.sections[-1].lines, "no heading stands above nothing at the end"
    if kept.left_out > 1:
        more = messages._first(whole, len(left) + 1)
        assert size(more) > most, "one line more would not have fitted"


def test_what_means_something_to_chats_is_dead_and_the_rest_as_it_was() -> None:
    plain = "DB10.DBX_4 at 12:30, 5 % – größer als 3 (siehe F0012), a_b_c, user@host.example"
    assert apprise_services.dead(plain) == plain

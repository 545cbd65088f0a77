"""Apprise, the library itself, with services of its own making on the loopback."""

from __future__ import annotations

import json
import logging.handlers
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.core import extras
from andon.core.errors import ActionRefused, ConfigError, OutcomeUnknown, TargetAway
from andon.core.models.actions import Section
from support.bus import until
from support.chat_services import Answer, Receiver, serving
from support.connecting import PAGE, connected, connector_of, event, order, sent
from support.ports import free_ports

# the library imports it where Python still has it
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A service that takes everything."""
    with serving(Receiver()) as made:
        yield made


def receiver_threads(before: set[threading.Thread]) -> set[threading.Thread]:
    """Threads of the stand-in, which serves each connection in one of its own."""
    return {one for one in set(threading.enumerate()) - before if "process_request_thread" in one.name}


def json_url(receiver: Receiver, path: str = "token-of-the-site") -> str:
    """The library's address for a service that takes JSON."""
    return f"{receiver.url.replace('http', 'json', 1)}/{path}"


async def test_a_service_gets_the_message_and_no_thread_stays(receiver: Receiver) -> None:
    before = set(threading.enumerate())
    async with connected("apprise", urls=[json_url(receiver)]) as connector:
        wanted = order()
        rendered = connector.render(wanted)
        receipt = await connector.send(wanted, rendered)
    await until(
        lambda: set(threading.enumerate()) - before <= receiver_threads(before), "the library's threads have ended"
    )
    told = receiver.posted[0].json
    called = json.loads(rendered.requests[0].body)
    assert (told["title"], told["message"], told["type"]) == (called["title"], called["body"], "failure")
    assert told["message"].endswith(f"\n\n{PAGE}/problems/5")
    assert receipt.words == "json: taken"
    assert "token-of-the-site" not in str(rendered) + connector.address


async def test_signs_that_a_chat_would_read_are_dead(receiver: Receiver) -> None:
    """Mattermost reads Markdown in what the library sends it as plain text."""
    url = f"{receiver.url.replace('http', 'mmost', 1)}/abcdefghijklmnopqrstuvwxyz"
    async with connected("apprise", urls=[url]) as connector:
        receiver.next.append(Answer(200, "ok"))
        line = "**now** [here](https://x.example/) @all <b> _so_ `x` ~~y~~ DB10.DBX_4"
        await sent(connector, title="# head <!channel>", body=(Section("", (line, "# no heading")),), link="")
    assert receiver.posted[0].path == "/hooks/abcdefghijklmnopqrstuvwxyz"
    told = receiver.posted[0].json
    assert told["text"].split() == [
        "＃",
        "head",
        "‹!channel›",
        "∗∗now∗∗",
        "[here]",
        "(https[:]//x.example/)",
        "(at)all",
        "‹b›",
        "＿so＿",
        "ˋxˋ",
        "∼∼y∼∼",
        "DB10.DBX_4",
        "＃",
        "no",
        "heading",
    ]
    assert "http" not in json.dumps({**told, "text": ""}), "no picture is fetched from anywhere"
    assert told["username"] == "Andon"


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, ActionRefused, "error=401.*; correct urls in its table"),
        (404, ActionRefused, "error=404"),
        (503, TargetAway, "error=503"),
        (500, OutcomeUnknown, "error=500"),
        (0, OutcomeUnknown, "onnection error"),
    ],
)
async def test_the_library_s_own_words_say_what_became_of_it(
    receiver: Receiver, status: int, kind: type[Exception], words: str
) -> None:
    receiver.next.append(Answer(status))
    async with connected("apprise", urls=[json_url(receiver)]) as connector:
        with pytest.raises(kind, match=words) as caught:
            await sent(connector)
    assert "token-of-the-site" not in str(caught.value)


async def test_nothing_of_an_address_reaches_our_own_log(receiver: Receiver) -> None:
    told = logging.handlers.BufferingHandler(100)
    logging.getLogger().addHandler(told)
    receiver.next.append(Answer(401))
    async with connected("apprise", urls=[json_url(receiver), "nosuch://token-of-the-site"]) as connector:
        with pytest.raises(ActionRefused):
            await sent(connector)
        await connector.check()
    logging.getLogger().removeHandler(told)
    assert [record.getMessage() for record in told.buffer if record.name == "apprise"] == []


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.next.append(Answer(307, headers=(("Location", f"{receiver.url}/elsewhere"),)))
    async with connected("apprise", urls=[json_url(receiver)]) as connector:
        with pytest.raises(ActionRefused, match="error=307"):
            await sent(connector)
    assert len(receiver.asked) == 1


async def test_what_one_service_takes_is_done_and_the_others_are_named(receiver: Receiver) -> None:
    (port,) = free_ports(1)
    async with connected("apprise", urls=[f"json://127.0.0.1:{port}/", json_url(receiver)]) as connector:
        receipt = await sent(connector)
    assert "onnection error" in receipt.words
    assert receipt.words.endswith("json: taken")


async def test_an_address_that_the_library_does_not_understand_is_found_by_the_check(
    receiver: Receiver, tmp_path: Path
) -> None:
    (tmp_path / "urls").write_text(f"# the crew\n{json_url(receiver)}\nnosuch://token-of-the-site\n")
    async with connected("apprise", urls_file=tmp_path / "urls") as connector:
        found = await connector.check()
    assert [one.ok for one in found] == [True, False]
    assert found[1].detail == "nosuch://…: the library does not understand this address"
    assert not receiver.asked


def test_it_sends_messages_alone_and_needs_its_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    connector = connector_of("apprise", urls=["json://127.0.0.1:1/"])
    with pytest.raises(ActionRefused, match="apprise takes no events; it sends messages"):
        connector.render(order(event()))
    (tmp_path / "urls").write_text("no address\n")
    with pytest.raises(ConfigError, match="one per line"):
        connector_of("apprise", urls_file=tmp_path / "urls")
    monkeypatch.setitem(extras.MODULES, "apprise", "apprise_that_is_not_here")
    with pytest.raises(ConfigError, match=r"\[\[apprise\]\] apprise needs the library"):
        connector_of("apprise", urls=["json://127.0.0.1:1/"])

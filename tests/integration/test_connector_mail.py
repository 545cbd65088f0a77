"""Mail through a real server: encryption and login that are demanded, what is put off, refused and unknown."""

from __future__ import annotations

import asyncio
import email
import email.policy
import threading
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import pytest

from andon.core.errors import ActionRefused, OutcomeUnknown, TargetAway
from andon.core.models.actions import Section
from support.connecting import KEY, PAGE, connected, connector_of, event, order, sent
from support.mail_server import MailServer, certificate, mail_server
from support.ports import free_ports


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key."""
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def post() -> AsyncIterator[MailServer]:
    """One that neither encrypts nor asks who one is, as relays in a plant do."""
    async with mail_server() as made:
        yield made


def table(post: MailServer, **more: Any) -> dict[str, Any]:
    """The settings for it."""
    usual = {"host": "127.0.0.1", "port": post.port, "security": "none", "sender": "andon@plant.example"}
    return {**usual, "to": ["crew@plant.example"], **more}


def read(post: MailServer, which: int = 0) -> EmailMessage:
    """A mail as a program for mail reads it."""
    content = post.mails[which].content
    assert isinstance(content, bytes)
    return cast(EmailMessage, email.message_from_bytes(content, policy=email.policy.default))


def text(post: MailServer) -> str:
    """What people read of the first mail."""
    return str(read(post).get_content()).replace("\r\n", "\n")


async def test_a_mail_arrives_as_it_was_approved(post: MailServer) -> None:
    async with connected("email", **table(post, to=["crew@plant.example", "it@plant.example"])) as connector:
        wanted = order()
        rendered = connector.render(wanted)
        receipt = await connector.send(wanted, rendered)
    (request,) = rendered.requests
    assert (request.method, request.url) == ("SMTP", f"smtp://127.0.0.1:{post.port}")
    assert request.headers == {"MAIL FROM": "andon@plant.example", "RCPT TO": "crew@plant.example, it@plant.example"}
    (taken,) = post.mails
    assert taken.rcpt_tos == ["crew@plant.example", "it@plant.example"]
    date, rest = cast(bytes, taken.content).decode().split("\r\n", 1)
    assert date.startswith("Date: ")
    assert "Date: {date}\r\n" + rest == request.body, "but for the date it is what was approved, byte for byte"
    mail = read(post)
    assert mail["Subject"] == "CRITICAL: over-temperature in drive 7"
    assert mail["From"] == "Andon <andon@plant.example>"
    assert mail["Date"].datetime.tzinfo is not None
    assert mail["Importance"] == "high"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert "- Look whether the fan turns\n" in text(post)
    assert text(post).rstrip().endswith(f"\n{PAGE}/problems/5")
    assert receipt.ref == mail["Message-ID"] == f"<{KEY}@plant.example>"
    assert receipt.words == "250 2.0.0 Ok: queued as 4ZQ1"
    assert post.ends == 1


async def test_mails_about_one_thing_are_one_thread_and_one_sent_twice_is_one_mail(post: MailServer) -> None:
    async with connected("email", **table(post)) as connector:
        for phase, about in (
            ("raised", "problem-5"),
            ("ended", "problem-5"),
            ("raised", "problem-6"),
            ("raised", "problem-5"),
        ):
            await sent(connector, phase=phase, about=about)
    references = [read(post, which)["References"] for which in range(4)]
    assert references[0] == references[1] == references[3] != references[2]
    assert read(post, 1)["Subject"] == "Over: CRITICAL: over-temperature in drive 7"
    assert read(post, 1)["Importance"] is None
    assert {read(post, which)["Message-ID"] for which in range(4)} == {f"<{KEY}@plant.example>"}


async def test_every_script_arrives_in_ascii(post: MailServer) -> None:
    title, line = "CRITICAL: 过热 в приводе 7 – Übertemperatur", "Ölstand prüfen, 检查油位, " + "x" * 950
    async with connected("email", **table(post)) as connector:
        await sent(connector, title=title, body=(Section("Prüfen", (line,)),), link="")
    assert cast(bytes, post.mails[0].content).isascii()
    assert max(len(one) for one in cast(bytes, post.mails[0].content).split(b"\r\n")) <= 998
    assert read(post)["Subject"] == title
    assert text(post) == f"Prüfen\n{line}\n"


async def test_lists_are_places_and_others_are_none(post: MailServer) -> None:
    lists = {"night": ["night@plant.example"], "it": ["it@plant.example"]}
    async with connected("email", **table(post, lists=lists)) as connector:
        assert connector.places == ("night", "it")
        await sent(connector, where="night")
        with pytest.raises(ActionRefused, match=r"no list 'boss@elsewhere.example'; there are: night, it"):
            await sent(connector, where="boss@elsewhere.example")
    assert [one.rcpt_tos for one in post.mails] == [["night@plant.example"]]


async def test_a_line_with_a_dot_and_a_date_in_the_text_stay_as_they_are(post: MailServer) -> None:
    body = (Section("", (".", "..", "Date: {date}", "From here on: {date}")),)
    async with connected("email", **table(post)) as connector:
        await sent(connector, body=body, link="")
    assert text(post) == ".\n..\nDate: {date}\nFrom here on: {date}\n"


async def test_starttls_and_login(tls: Path) -> None:
    async with mail_server(tls=tls, login=True) as post:
        options = table(post, security="starttls", ca=tls / "cert.pem", user="andon", password="pa55-of-the-plant")
        async with connected("email", **options) as connector:
            await sent(connector)
            assert [one.ok for one in await connector.check()] == [True, True, True]
        assert len(post.mails) == 1
        async with connected("email", **{**options, "password": "another-one"}) as connector:
            with pytest.raises(
                ActionRefused, match=r"535 .*authentication failed; it does not accept the password: replace it"
            ):
                await sent(connector)
            (found,) = await connector.check()
            assert found.ok is False
            assert "another-one" not in found.detail
        assert len(post.mails) == 1


async def test_tls_from_the_first_byte(tls: Path) -> None:
    async with mail_server(tls=tls, implicit=True) as post:
        async with connected("email", **table(post, security="tls", ca=tls / "cert.pem")) as connector:
            await sent(connector)
            assert connector.address == f"smtps://127.0.0.1:{post.port}"
        assert len(post.mails) == 1
        async with connected("email", **table(post, security="tls")) as connector:
            with pytest.raises(
                ActionRefused,
                match="set ca in its table to the certificate of the authority that signed its certificate",
            ):
                await sent(connector)


async def test_a_server_that_does_not_begin_with_tls_says_so(post: MailServer) -> None:
    async with connected("email", **table(post, security="tls")) as connector:
        with pytest.raises(ActionRefused, match='does not start with TLS on this port: set security = "starttls"'):
            await sent(connector)


async def test_a_server_nobody_vouches_for_gets_nothing(tls: Path) -> None:
    async with mail_server(tls=tls, login=True) as post:
        options = table(post, security="starttls", user="andon", password="pa55-of-the-plant")
        async with connected("email", **options) as connector:
            with pytest.raises(
                ActionRefused,
                match=r"certificate.*set ca in its table to the certificate of the authority that signed its certificate",
            ):
                await sent(connector)
        assert not post.mails


async def test_encryption_that_is_not_offered_is_not_done_without(post: MailServer) -> None:
    """A server, or whoever stands in between, that leaves out STARTTLS gets neither mail nor password."""
    options = table(post, security="starttls", user="andon", password="pa55-of-the-plant")
    async with connected("email", **options) as connector:
        with pytest.raises(ActionRefused, match=r'STARTTLS.*set security = "tls"'):
            await sent(connector)
    assert not post.mails
    assert not post.tried


async def test_a_login_that_the_server_does_not_offer(tls: Path) -> None:
    async with mail_server(tls=tls, login=None) as post:
        options = table(post, security="starttls", ca=tls / "cert.pem", user="andon", password="pa55-of-the-plant")
        async with connected("email", **options) as connector:
            with pytest.raises(ActionRefused, match=r"No suitable authentication method.*remove user and password"):
                await sent(connector)


async def test_greylisting_is_waited_for(post: MailServer) -> None:
    post.greylists = True
    async with connected("email", **table(post)) as connector:
        with pytest.raises(TargetAway, match="Greylisted"):
            await sent(connector)
        assert not post.mails
        await sent(connector)
    assert len(post.mails) == 1


@pytest.mark.parametrize(
    ("field", "answer", "kind", "words"),
    [
        ("mail_answer", "553 5.7.1 Sender address rejected", ActionRefused, "553 5.7.1 Sender address rejected"),
        ("mail_answer", "452 4.3.1 Insufficient system storage", TargetAway, "452 4.3.1 Insufficient system storage"),
        ("data_answer", "552 5.3.4 Message size exceeds fixed limit", ActionRefused, "552 5.3.4 Message size exceeds"),
        ("data_answer", "451 4.7.1 Please try again later", TargetAway, "451 4.7.1 Please try again later"),
    ],
)
async def test_a_refusal_is_for_ever_or_for_now(
    post: MailServer, field: str, answer: str, kind: type[Exception], words: str
) -> None:
    setattr(post, field, answer)
    async with connected("email", **table(post)) as connector:
        with pytest.raises(kind, match=words):
            await sent(connector)
    assert not post.mails


async def test_one_unknown_recipient_keeps_no_mail_from_the_others(post: MailServer) -> None:
    post.recipients = {"gone@plant.example": "550 5.1.1 <gone@plant.example>: User unknown in local table"}
    async with connected("email", **table(post, to=["gone@plant.example", "crew@plant.example"])) as connector:
        receipt = await sent(connector)
        assert "not accepted for gone@plant.example: 550 5.1.1 <gone@plant.example>: User unknown" in receipt.words
        assert [one.rcpt_tos for one in post.mails] == [["crew@plant.example"]]
        found = await connector.check()
    assert [one.ok for one in found] == [True, True, False]
    assert "gone@plant.example: 550 5.1.1" in found[-1].detail
    assert len(post.mails) == 1, "the check sends no mail"


async def test_nobody_known_is_a_refusal_and_one_put_off_among_them_is_waited_for(post: MailServer) -> None:
    post.recipients = {"a@plant.example": "550 unknown", "b@plant.example": "550 unknown"}
    async with connected("email", **table(post, to=["a@plant.example", "b@plant.example"])) as connector:
        with pytest.raises(ActionRefused, match=r"for no recipient \(a@plant.example: 550 unknown; b@plant.example"):
            await sent(connector)
        post.recipients["b@plant.example"] = "450 busy"
        with pytest.raises(TargetAway, match=r"b@plant\.example: 450 busy"):
            await sent(connector)


async def test_a_line_that_breaks_before_the_answer_leaves_it_unknown(post: MailServer) -> None:
    post.cuts = True
    async with connected("email", **table(post)) as connector:
        with pytest.raises(OutcomeUnknown, match="did not say whether it accepted the mail"):
            await sent(connector)
    assert len(post.mails) == 1, "it has it, and we cannot know"


async def test_a_server_that_is_away_is_waited_for() -> None:
    (port,) = free_ports(1)
    async with connected("email", **table(MailServer(), port=port)) as connector:
        with pytest.raises(TargetAway, match=f"127.0.0.1:{port}"):
            await sent(connector)
        (found,) = await connector.check()
    assert found.ok is False


@pytest.mark.parametrize("answer", ["999 what", "nothing that is SMTP", "251 maybe"])
async def test_an_answer_that_means_nothing_leaves_it_unknown(post: MailServer, answer: str) -> None:
    post.data_answer = answer
    async with connected("email", **table(post)) as connector:
        with pytest.raises(OutcomeUnknown, match="did not say whether it accepted the mail"):
            await sent(connector)


async def test_a_line_that_breaks_during_the_check_is_a_finding(post: MailServer) -> None:
    post.breaks = True
    async with connected("email", **table(post)) as connector:
        (found,) = await connector.check()
    assert found.ok is False


async def test_a_server_that_says_nothing_is_waited_for_no_longer_than_it_may_take() -> None:
    held: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    try:
        async with connected("email", **table(MailServer(), port=port, timeout=1.0)) as connector:
            with pytest.raises(TargetAway, match="Timed out waiting"):
                await sent(connector)
    finally:
        silent.close()
        for writer in held:
            writer.close()


async def test_the_check_names_a_sender_that_is_refused(post: MailServer) -> None:
    async with connected("email", **table(post, sender="else@plant.example")) as connector:
        found = await connector.check()
    assert [one.ok for one in found] == [True, False]
    assert "not owned by user" in found[1].detail


async def test_idle_it_costs_no_thread_and_no_connection(post: MailServer) -> None:
    before = threading.active_count()
    connector = connector_of("email", **table(post))
    connector.render(order())
    assert threading.active_count() <= before  # one of an earlier test may end meanwhile
    assert not post.ends


def test_it_sends_messages_alone() -> None:
    with pytest.raises(ActionRefused, match="email takes no events; it sends messages \\(--do message\\)"):
        connector_of("email", **table(MailServer(), port=25)).render(order(event()))

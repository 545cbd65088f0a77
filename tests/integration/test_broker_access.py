"""A closed broker: who gets in, what producers may do, and where Andon's own login lies."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client

from andon.app.broker_client import open_publisher
from andon.app.doctor import broker_checks
from andon.bus.connection import connect
from andon.bus.embedded.broker import EmbeddedBroker
from andon.bus.embedded.login import ensure_login, find_login, login_path
from andon.bus.jetstream_api import ApiError, ensure_stream, request
from andon.bus.publisher import JetStreamPublisher
from andon.core.errors import BrokerUnavailable
from andon.core.models import STREAM, SUBJECT
from andon.core.settings.settings import Settings
from support.bus import client, until
from support.patience import PATIENCE
from support.ports import free_ports
from support.settings import settings_of

#: bcrypt of "pw-4".
HASH = "$2b$04$K3KrjphNtdOsFtlDR9PRT.ER2TtiVz.mkpusxah8NxYIByyLJUPKm"
PRODUCERS = [{"user": "line3", "password": "pw-3"}, {"user": "line4", "password": HASH}]


def closed(place: Path, **fields: Any) -> Settings:
    """Settings of a closed broker with producers."""
    return settings_of(data_dir=place, nats_port=free_ports(1)[0], nats_access="closed", nats_users=PRODUCERS, **fields)


@asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[tuple[EmbeddedBroker, Any]]:
    """The broker with the log stream, and a connection of Andon's own."""
    async with EmbeddedBroker(settings) as broker:
        own = await connect(settings.broker_url_at(settings.nats_port, broker.login), name="test")
        try:
            await ensure_stream(own)
            yield broker, own
        finally:
            await own.close()


@asynccontextmanager
async def producer(broker: EmbeddedBroker, user: str, password: str) -> AsyncIterator[tuple[Client, list[str]]]:
    """A plain client that logs in as a producer, and what it was refused."""
    refused: list[str] = []

    async def note(error: Exception) -> None:
        refused.append(str(error))

    prefix = f"_INBOX_{user}".encode()
    nc = await nats.connect(broker.url, user=user, password=password, inbox_prefix=prefix, error_cb=note)
    try:
        yield nc, refused
    finally:
        await nc.close()


async def test_nobody_else_gets_in(tmp_path: Path) -> None:
    """Without credentials, with wrong ones, or with Andon's name only."""
    async with started(closed(tmp_path)) as (broker, _):
        for login in ("", "line3:wrong@", "andon-service:@", "andon-service@"):
            with pytest.raises(BrokerUnavailable, match="refused the connection"):
                await connect(broker.url.replace("//", f"//{login}"), name="test")


async def test_a_producer_sends_logs_and_is_answered(tmp_path: Path) -> None:
    """PubAcks and answers come to its own inbox, whether its password stands there plainly or hashed."""
    async with started(closed(tmp_path)) as (broker, own):
        await own.subscribe("agent.analyze", cb=_answer)
        await own.flush()
        for user, password in (("line3", "pw-3"), ("line4", "pw-4")):
            async with producer(broker, user, password) as (nc, refused):
                ack = await nc.jetstream(timeout=PATIENCE).publish(f"{SUBJECT}.plant.area.line.m1", b"{}")
                assert ack.stream == STREAM
                assert (await nc.request("agent.analyze", b"{}", timeout=PATIENCE)).data == b"explained"
                assert refused == []


async def test_our_own_client_may_be_a_producer(tmp_path: Path) -> None:
    """What `andon send` is with a producer's login in NATS_URL: it hears acks and answers, and nobody is warned."""
    async with started(closed(tmp_path)) as (broker, own):
        await own.subscribe("agent.analyze", cb=_answer)
        await own.flush()
        async with client(broker.url.replace("//", "//line3:pw-3@")) as nc:
            publisher = JetStreamPublisher(nc, timeout=PATIENCE)
            assert await publisher.store(b"{}", subject=SUBJECT) == 1
            await publisher.close()
            assert (await nc.request("agent.analyze", b"{}", timeout=PATIENCE)).data == b"explained"
            assert nc.error_count == 0
            with pytest.raises(ApiError, match=f"does not let this user publish on .*INFO.{STREAM}"):
                await request(nc, f"STREAM.INFO.{STREAM}", timeout=PATIENCE)


async def _answer(message: Any) -> None:
    await message.respond(b"explained")


HEARD = (">", "agent.>", SUBJECT, "agent.analysis.>", "_INBOX.>", "_INBOX_line4.>", "_INBOX_line3", "$JS.>")
SENT = (
    f"$JS.API.STREAM.INFO.{STREAM}",
    f"$JS.API.STREAM.MSG.GET.{STREAM}",
    f"$JS.API.STREAM.DELETE.{STREAM}",
    f"$JS.API.DIRECT.GET.{STREAM}",
    f"$JS.ACK.{STREAM}.AGENT_CONSUMER.1.1.1.1.1",
    "agent.analysis.error",
    "agent.technical",
    "_INBOX_line4.x",
    "$SYS.REQ.SERVER.PING",
    "other",
)


async def test_a_producer_hears_and_sends_nothing_else(tmp_path: Path) -> None:
    """Neither logs nor answers of others; it neither reads nor changes the stream, and acknowledges nothing."""
    async with (
        started(closed(tmp_path)) as (broker, own),
        producer(broker, "line3", "pw-3") as (nc, refused),
    ):
        for subject in HEARD:
            refused.clear()
            await nc.subscribe(subject, cb=_answer)
            await nc.flush()
            await until(lambda: any("for subscription" in one for one in refused), f"the refusal of {subject}")
        for subject in SENT:
            refused.clear()
            await nc.publish(subject, b"")
            await nc.flush()
            await until(lambda: any("for publish" in one for one in refused), f"the refusal of {subject}")
        assert (await request(own, f"STREAM.INFO.{STREAM}"))["state"]["messages"] == 0


async def test_the_user_of_the_settings_keeps_every_right(tmp_path: Path) -> None:
    """ANDON_NATS_USER is for who administers the broker, beside Andon's own login."""
    settings = closed(tmp_path, nats_user="admin", nats_password="s3cret")
    async with started(settings) as (broker, _):
        nc = await connect(broker.url.replace("//", "//admin:s3cret@"), name="test")
        assert (await request(nc, f"STREAM.INFO.{STREAM}"))["config"]["name"] == STREAM
        await nc.close()


async def test_commands_find_the_login(tmp_path: Path) -> None:
    """A command of the same user needs no setting but the data directory; restarts keep the login."""
    settings = closed(tmp_path)
    async with started(settings) as (first, _):
        path = login_path(settings)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        async with open_publisher(settings, "test") as publisher:
            assert await publisher.store(b"{}", subject=SUBJECT) == 1
        (check,) = [one for one in await broker_checks.broker(settings, running=True) if one.name == "access"]
        assert check.ok
        assert "closed" in check.detail
    async with started(settings) as (second, _):
        assert second.login == first.login


async def test_a_login_of_another_installation_is_told(tmp_path: Path) -> None:
    """The wrong data directory: refused, and the sentence names what to correct."""
    settings = closed(tmp_path / "one")
    other = settings.model_copy(update={"data_dir": tmp_path / "two"})
    async with started(settings):
        with pytest.raises(BrokerUnavailable, match=r"no credentials in .*two.*ANDON_DATA_DIR"):
            async with open_publisher(other, "test"):
                pass
        await asyncio.to_thread(ensure_login, other)
        with pytest.raises(BrokerUnavailable, match=r"refused the connection .*two.*ANDON_DATA_DIR"):
            async with open_publisher(other, "test"):
                pass
        plain = settings.model_copy(update={"nats_access": "open", "nats_users": []})
        with pytest.raises(BrokerUnavailable, match="ANDON_NATS_ACCESS"):
            async with open_publisher(plain, "test"):
                pass


@pytest.mark.parametrize("content", [b"", b"{}", b'["andon-service"]', b"\xff\xfe"])
def test_a_damaged_login_is_made_anew(tmp_path: Path, content: bytes) -> None:
    """By the service; a command says so."""
    settings = closed(tmp_path)
    first = ensure_login(settings)
    login_path(settings).write_bytes(content)
    with pytest.raises(BrokerUnavailable, match="cannot be used"):
        find_login(settings)
    second = ensure_login(settings)
    assert second == find_login(settings)
    assert second != first


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_login_that_others_could_read_is_made_anew(tmp_path: Path, mode: int) -> None:
    """It is no secret any more."""
    settings = closed(tmp_path)
    first = ensure_login(settings)
    login_path(settings).chmod(mode)
    assert ensure_login(settings) != first
    assert stat.S_IMODE(login_path(settings).stat().st_mode) == 0o600


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """What lies behind it may be anybody's."""
    settings = closed(tmp_path)
    path = login_path(settings)
    path.parent.mkdir()
    theirs = tmp_path / "theirs"
    theirs.write_text(json.dumps(["andon-service", "known"]))
    theirs.chmod(0o600)
    path.symlink_to(theirs)
    login = ensure_login(settings)
    assert login is not None
    assert login.password != "known"
    assert not path.is_symlink()


def test_an_open_broker_asks_for_nothing(tmp_path: Path) -> None:
    """As the reference's producers need it; doctor says what that means, and who else could log in."""
    settings = settings_of(data_dir=tmp_path)
    assert ensure_login(settings) is None
    assert not login_path(settings).exists()
    (check,) = broker_checks.access(settings)
    assert check.detail.startswith("open: every program on this machine")


@pytest.mark.skipif(os.name != "posix", reason="needs a list of users")
def test_other_people_are_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """People with a shell, not services, not nobody, not ourselves and not root."""
    import pwd

    def user(name: str, uid: int, shell: str = "/bin/bash") -> pwd.struct_passwd:
        return pwd.struct_passwd((name, "x", uid, uid, "", "/", shell))

    monkeypatch.setattr("os.getuid", lambda: 1000)
    people = [
        user("root", 0),
        user("me", 1000),
        user("anna", 1001),
        user("www", 33),
        user("box", 1002, "/usr/sbin/nologin"),
        user("nobody", 65534),
    ]
    monkeypatch.setattr("pwd.getpwall", lambda: people)
    assert broker_checks.other_users() == ["anna"]
    (check,) = broker_checks.access(settings_of(data_dir=tmp_path))
    assert check.ok is None
    assert "1 other user can log in here: anna" in check.detail
    assert "ANDON_NATS_ACCESS=closed" in check.remedy

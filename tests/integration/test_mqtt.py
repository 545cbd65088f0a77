"""MQTT with the real server: the embedded broker's port, and the client that subscribes to topics of a broker."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from andon.bus.connection import connect
from andon.bus.embedded.broker import EmbeddedBroker
from andon.bus.jetstream_api import ensure_stream, request
from andon.bus.stream_guard import StreamGuard
from andon.core.errors import InUseError
from andon.core.models import STREAM
from support.bus import until
from support.patience import PATIENCE
from support.ports import free_ports
from support.service import running
from support.settings import settings_of

PRODUCER = {"user": "line3", "password": "pw-3"}


@contextmanager
def client(port: int, *, user: str = "", password: str = "", name: str = "") -> Iterator[paho.Client]:
    """A client of MQTT 3.1.1 that is let in."""
    made = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=not name)
    if user:
        made.username_pw_set(user, password)
    let_in = threading.Event()
    made.on_connect = lambda *_: let_in.set()
    made.connect("127.0.0.1", port)
    made.loop_start()
    try:
        assert let_in.wait(PATIENCE)
        yield made
    finally:
        made.disconnect()
        made.loop_stop()


def send(port: int, *messages: tuple[str, str | bytes], qos: int = 1, **login: str) -> None:
    """Publish, and wait until the broker has acknowledged."""
    with client(port, **login) as made:
        for topic, payload in messages:
            made.publish(topic, payload, qos).wait_for_publish(PATIENCE)


async def test_the_brokers_port(tmp_path: Path) -> None:
    """Producers send by their logins; the port and what was sent outlive a kill, and the store is not taken for damaged."""
    settings = settings_of(
        data_dir=tmp_path, nats_port=free_ports(1)[0], mqtt_port=-1, nats_access="closed", nats_users=[PRODUCER]
    )
    async with EmbeddedBroker(settings) as broker:
        port = broker.mqtt_port
        own = await connect(settings.broker_url_at(settings.nats_port, broker.login), name="test")
        supervising = asyncio.create_task(broker.supervise())
        try:
            await ensure_stream(own)

            async def subjects() -> dict[str, int]:
                info = await request(own, f"STREAM.INFO.{STREAM}", {"subjects_filter": ">"})
                return dict(info["state"].get("subjects") or {})

            topics = [f"agent/technical/support{one}" for one in ("", "/n/a/l/m", "/n/a/l/m.7")]
            for qos in (0, 1, 2):
                messages = [(topic, "text") for topic in topics]
                await asyncio.to_thread(send, port, *messages, qos=qos, user="line3", password="pw-3")
            # acknowledged, and stored nowhere: another topic, and one with a slash in front
            await asyncio.to_thread(send, port, ("other", "x"), (f"/{topics[0]}", "x"), user="line3", password="pw-3")
            taken = {
                "agent.technical.support": 3,
                "agent.technical.support.n.a.l.m": 3,
                "agent.technical.support.n.a.l.m//7": 3,
            }
            await until(lambda: _equals(subjects(), taken), "the messages")
            assert not await asyncio.to_thread(_let_in, port, "line3", "wrong")
            assert not await asyncio.to_thread(_let_in, port, "", "")
            assert broker.login is not None
            own_login = {"user": broker.login.user, "password": broker.login.password}
            with client(port, name="session", **own_login) as session:
                session.subscribe("some/topic", 1)
                assert broker.pid is not None
                before = broker.pid
                os.kill(before, signal.SIGKILL)
                await until(lambda: broker.pid not in (None, before), "another server")
            assert broker.mqtt_port == port
            await until(lambda: own.is_connected, "the connection")
            await asyncio.to_thread(send, port, (topics[0], "text"), user="line3", password="pw-3")
            taken["agent.technical.support"] = 4
            await until(lambda: _equals(subjects(), taken), "the message after the kill")
            assert (broker.moved, broker.lost) == ([], [])
            assert await StreamGuard(own, ours=True, store_bytes=settings.nats_max_store).check() is None
        finally:
            supervising.cancel()
            await asyncio.wait({supervising})
            await own.close()


async def _equals(subjects: object, expected: dict[str, int]) -> bool:
    found: dict[str, int] = await subjects  # type: ignore[misc]
    return found == expected


def _let_in(port: int, user: str, password: str) -> bool:
    made = paho.Client(CallbackAPIVersion.VERSION2)
    if user:
        made.username_pw_set(user, password)
    answers: list[bool] = []
    made.on_connect = lambda *told: answers.append(not told[3].is_failure)
    made.connect("127.0.0.1", port)
    while not answers:
        made.loop(0.05)
    return answers[0]


async def test_gaps_in_what_the_server_notes_are_no_loss(tmp_path: Path) -> None:
    """What it notes of a session replaces what it noted before, in streams of its own."""
    settings = settings_of(data_dir=tmp_path, nats_port=-1, mqtt_port=-1)
    async with EmbeddedBroker(settings) as broker:
        for _ in range(20):
            await asyncio.to_thread(send, broker.mqtt_port, name="session")
            await asyncio.to_thread(send, broker.mqtt_port, name="another")
    _spoil_index(tmp_path, "$MQTT_sess")
    async with EmbeddedBroker(settings) as broker:
        assert (broker.moved, broker.lost) == ([], [])


def _spoil_index(place: Path, stream: str) -> None:
    """The server must look through all messages of the stream."""
    (messages,) = place.glob(f"jetstream/jetstream/*/streams/{stream}/msgs")
    (messages / "index.db").write_bytes(b"no index")


@pytest.mark.parametrize("late", [False, True])
async def test_a_taken_port_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: bool) -> None:
    """Before the store is opened, and where only the server itself finds out."""
    if late:
        monkeypatch.setattr(EmbeddedBroker, "_probe_port", lambda _self: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_ports(1)[0]))
        taken.listen()
        port = taken.getsockname()[1]
        broker = EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=-1, mqtt_port=port))
        with pytest.raises(InUseError, match=rf"port {port} .*ANDON_MQTT_PORT"):
            await broker.start()


def test_both_ways_into_the_service(tmp_path: Path) -> None:
    """What comes to its own port, and what its client fetches there, are stored with their places and counted."""
    (port,) = free_ports(1)
    table = f"""
        [[mqtt]]
        url = "mqtt://127.0.0.1:{port}"
        topics = ["plant/#"]
        place = "plant/{{area}}/{{line}}/{{machine}}"
        site = "north"
    """
    (tmp_path / "andon.toml").write_text(table)
    with running(tmp_path, ANDON_MQTT_PORT=str(port)) as andon:
        subscribed = "the subscription"
        andon.until(
            lambda: _inputs(andon.get("/api/inputs")[1])[f"mqtt 127.0.0.1:{port}"]["trouble"] is None, subscribed
        )
        found: list[object] = []

        def arrived() -> bool:  # the subscription itself leaves no trace before the first message
            send(port, ("plant/press/l2/p4", '{"level":"error","msg":"no answer"}'))
            found[:] = andon.sql("SELECT site, area, line, machine, severity, message FROM logs")
            return bool(found)

        andon.until(arrived, "the log")
        assert found[0] == ("north", "press", "l2", "p4", "ERROR", "no answer")
        message = {"severity": "WARNING", "service": "plc", "hostname": "p5", "message": "hot"}
        send(port, ("agent/technical/support/north/press/l2/p5", json.dumps(message)))
        andon.until(lambda: andon.count(where="message = 'hot'"), "the other log")
        andon.until(lambda: _inputs(andon.get("/api/inputs")[1])["mqtt listener"]["taken"] == 1, "the count")
        fetched = f"mqtt 127.0.0.1:{port}"
        andon.until(lambda: _inputs(andon.get("/api/inputs")[1])[fetched]["taken"], "the count of what was fetched")
        assert _inputs(andon.get("/api/inputs")[1])["mqtt listener"]["address"] == f"mqtt://127.0.0.1:{port}"
        andon.until(lambda: andon.get("/readyz")[0] == 200, "readiness")


def _inputs(text: str) -> dict[str, dict[str, object]]:
    body = json.loads(text)
    rows = body if isinstance(body, list) else next(iter(body.values()))
    return {row["name"]: row for row in rows}

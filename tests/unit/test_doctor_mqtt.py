"""What ``andon doctor`` says of MQTT: whether each broker lets us in, without a session that would stay there."""

from __future__ import annotations

import asyncio
from pathlib import Path

from andon.app.doctor import mqtt_checks
from support.mqtt_broker import CONNACK, Packet, Peer, scripted
from support.settings import settings_of


async def test_each_broker_is_asked(tmp_path: Path) -> None:
    """One that speaks 3.1.1 only, one that refuses us, and one that is not there."""
    connects: list[Packet] = []

    async def only_old(peer: Peer) -> None:
        connect = await peer.read()
        if peer.level == 5:
            peer.send(CONNACK << 4, b"\0\x84\0")
        else:
            connects.append(connect)
            peer.send(CONNACK << 4, b"\0\0")
        await peer.writer.drain()
        await peer.read()

    async def refuses(peer: Peer) -> None:
        await peer.read()
        peer.send(CONNACK << 4, b"\0\x87\0")
        await peer.writer.drain()

    async with scripted(only_old) as old, scripted(refuses) as closed:
        tables = [{"url": url, "topics": ["a"], "client_id": "ours"} for url in (old, closed, "mqtt://127.0.0.1:1")]
        settings = settings_of(data_dir=tmp_path, mqtt=tables)
        found = await asyncio.to_thread(mqtt_checks.mqtt, settings)
    assert [one.ok for one in found] == [True, False, False]
    assert found[0].detail == f"{old} accepts the login, with MQTT 3.1.1"
    assert "not authorized" in found[1].detail
    assert "cannot be reached" in found[2].detail
    assert connects[0].body[7] & 2  # a clean session …
    assert b"ours" not in connects[0].body  # … of another name than the running service's


def test_the_port_is_told() -> None:
    """And that passwords are open where others reach it; nothing where there is neither."""
    assert mqtt_checks.mqtt(settings_of()) == []
    (here,) = mqtt_checks.mqtt(settings_of(mqtt_port=1883))
    assert here.ok
    (there,) = mqtt_checks.mqtt(settings_of(mqtt_port=1883, mqtt_host="0.0.0.0", nats_access="closed"))
    assert there.ok is None
    assert "TLS proxy" in there.remedy


def test_a_password_file_that_is_missing_is_named(tmp_path: Path) -> None:
    """Before anybody is asked."""
    table = {"url": "mqtt://127.0.0.1:1", "topics": ["a"], "user": "u", "password_file": tmp_path / "none"}
    (found,) = mqtt_checks.mqtt(settings_of(mqtt=[table]))
    assert found.ok is False
    assert "password_file" in found.detail

"""OPC UA against a real server, asyncua's own: what is raised, what a connection that comes back finds, certificates."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from andon.core.errors import ConfigError
from andon.core.settings.settings import Settings
from andon.core.settings.sources.opcua_settings import OpcuaServer
from andon.ingest.sources.alarm_memory import AlarmMemory
from andon.ingest.sources.browsing import Browse, browse
from andon.ingest.sources.opcua import OpcuaSource
from support.intake import KeptFeed, kept_outlet
from support.patience import LOOK_EVERY, LOOKS
from support.ports import free_ports

asyncua = pytest.importorskip(
    "asyncua", reason="*** OPC UA is NOT tested: its library is missing. Install it with: make setup EXTRAS=opcua ***"
)

SPACE = "urn:andon:tests"


class Plant:
    """A server with alarms that are told by their number, and its endpoint."""

    def __init__(self, port: int) -> None:
        self.url = f"opc.tcp://127.0.0.1:{port}/plant"

    async def start(self, certificate: tuple[Path, Path] | None = None) -> None:
        """Come up with no alarm active."""
        from asyncua import Server, ua

        self.server = Server()
        self.server.iserver.bind_condition_methods = 1
        await self.server.init()
        self.server.set_endpoint(self.url)
        if certificate is not None:
            await self.server.load_certificate(str(certificate[0]))
            await self.server.load_private_key(str(certificate[1]))
            self.server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
        self._space = await self.server.register_namespace(SPACE)
        self._plain = await self.server.get_event_generator(ua.ObjectIds.BaseEventType)
        await self.server.start()

    async def alarm(self, number: int, active: bool) -> None:
        """Say how an alarm stands."""
        from asyncua import ua

        generator = await self.server.get_event_generator(ua.ObjectIds.AlarmConditionType)
        event = generator.event
        event.NodeId, event.ConditionName = ua.NodeId(f"Alarm{number}", self._space), f"Oil{number}"
        event.Message, event.Severity, event.Retain = ua.LocalizedText(f"Oil {number} low"), 900, active
        event.SourceName = "Press4"
        for name, value in (("ActiveState/Id", active), ("AckedState/Id", False), ("EnabledState/Id", True)):
            setattr(event, name, value)
        await generator.trigger()

    async def event(self, text: str) -> None:
        """Say what is no alarm."""
        await self._plain.trigger(message=text)


@asynccontextmanager
async def plant(certificate: tuple[Path, Path] | None = None) -> AsyncIterator[Plant]:
    """A server that is stopped in the end."""
    made = Plant(*free_ports(1))
    await made.start(certificate)
    try:
        yield made
    finally:
        await made.server.stop()


@asynccontextmanager
async def heard(place: Path, url: str, **given: Any) -> AsyncIterator[tuple[OpcuaSource, KeptFeed, Any]]:
    """A source that runs, what it tells, and its counts."""
    outlet, feed = kept_outlet()
    settings = OpcuaServer.model_validate({"url": url, "place": "{machine}", **given})
    source = OpcuaSource(settings, AlarmMemory(place / "alarms.db", url))
    running = asyncio.create_task(source.run(outlet))
    try:
        yield source, feed, outlet.counts
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something."""
    for _ in range(LOOKS):
        if condition():
            return
        await asyncio.sleep(LOOK_EVERY)
    raise AssertionError(what)


def states(feed: KeptFeed) -> list[tuple[str, bool | None]]:
    """The text of each log, and whether it says that an alarm is active."""
    return [(log["message"], log["context"].get("ActiveState")) for log in feed.logs]


async def test_alarms_and_events_come_once_and_are_right_after_an_outage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server goes away with one alarm active and comes back with another; Andon is away once, too."""
    monkeypatch.setattr("andon.ingest.sources.opcua.PAUSE_FIRST", 0.05)
    async with plant() as server:
        async with heard(tmp_path, server.url) as (_, feed, counts):
            await until(lambda: _is_connected(server), "a subscription")
            await server.alarm(1, True)
            await server.event("Door opened")
            await until(lambda: len(feed.kept) == 2, "an alarm and an event")
            assert feed.logs[0]["context"]["machine"] == "Press4"
            assert feed.logs[0]["severity"] == "CRITICAL"
            await server.server.stop()
            await until(lambda: counts.trouble is not None, "trouble while the server is away")
            assert "tries again automatically" in counts.trouble
            await server.start()
            await server.alarm(2, True)
            await until(lambda: len(feed.kept) == 4, "changes since then")
            await _is_browsed(server, tmp_path)
            await until(lambda: counts.trouble is None, "no trouble any more")
        assert states(feed) == [("Oil 1 low", True), ("Door opened", None), ("Oil 2 low", True), ("Oil 1 low", False)]
        await server.alarm(2, False)  # while Andon is away
        async with heard(tmp_path, server.url) as (_, feed, _counts):
            await until(lambda: len(feed.kept) == 1, "the end of the alarm")
            assert states(feed) == [("Oil 2 low", False)]
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("answer", [b"", b"ACKF\xff\xff\xff\x7f" + b"\0" * 200, b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_what_is_no_server_is_told_in_one_sentence(
    tmp_path: Path, answer: bytes, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that says nothing, one that lies about a length, and one of another protocol."""
    monkeypatch.setattr("andon.ingest.sources.opcua_session.ANSWER", 0.5)

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(other, "127.0.0.1", 0)
    url = f"opc.tcp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with heard(tmp_path, url) as (_, _feed, counts):
        await until(lambda: counts.trouble is not None, "trouble")
        assert "tries again automatically" in counts.trouble
        assert "\n" not in counts.trouble
    listening.close()
    assert "Traceback" not in caplog.text


async def _is_browsed(server: Plant, place: Path) -> None:
    found = {one.title: one for one in await browse(Browse(server.url, 5.0, Settings(data_dir=place)))}
    assert [row[1:3] for row in found["endpoints"].rows] == [("None", "None")]
    assert "AlarmConditionType" in [row[1] for row in found["condition types"].rows]
    [row] = found["conditions now"].rows
    assert row[1:] == ("Oil2", "Press4", "yes", "no", "900", "Oil 2 low")


def _is_connected(server: Plant) -> bool:
    """Whether events are listened for, which a subscription that was only just made does not do yet."""
    made = server.server.iserver.subscription_service.subscriptions.values()
    return any(one.monitored_item_srv._monitored_events for one in made)


async def test_a_connection_is_signed_and_encrypted_with_a_certificate(tmp_path: Path) -> None:
    pair = tmp_path / "own.pem", tmp_path / "own-key.pem"
    await asyncio.to_thread(_certificate, *pair)
    secure = {"security": "SignAndEncrypt", "certificate": str(pair[0]), "key": str(pair[1])}
    async with plant(pair) as server:
        async with heard(tmp_path, server.url) as (_, _feed, counts):
            await until(lambda: counts.trouble is not None, "a refusal without security")
        async with heard(tmp_path, server.url, **secure) as (_, feed, _counts):
            await until(lambda: _is_connected(server), "a connection")
            await server.alarm(1, True)
            await until(lambda: feed.kept, "an alarm")
        async with heard(tmp_path, server.url, **{**secure, "key": str(tmp_path / "none")}) as (source, _, _counts):
            with pytest.raises(ConfigError, match=r"none of .* cannot be read"):
                await source.run(kept_outlet()[0])


def _certificate(certificate: Path, key: Path) -> None:
    """A certificate of our own, as servers and clients of OPC UA have them: it names its application by a URI."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "andon")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder(
            name, name, made.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(1)
        )
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier("urn:andon:client")]), critical=False
        )
        .sign(made, hashes.SHA256())
    )
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    key.write_bytes(made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))

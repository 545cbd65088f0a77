"""The listeners for syslog, over real sockets of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from andon.app.lifetime import loop_factory
from andon.core.errors import ConfigError, InUseError
from andon.core.settings.settings import Settings, load_settings
from andon.ingest.sources import syslog_streams
from andon.ingest.sources.outlet import Outlet
from andon.ingest.sources.syslog import sources_of
from andon.ingest.sources.syslog_ports import TURN
from andon.ingest.sources.syslog_streams import SyslogStreams, tls_of
from support.intake import KeptFeed, kept_outlet
from support.patience import LOOK_EVERY, PATIENCE
from support.ports import free_ports


async def until(condition: Callable[[], Any], what: str) -> None:
    """Look until ``condition`` holds."""
    for _ in range(int(PATIENCE / LOOK_EVERY)):
        if condition():
            return
        await asyncio.sleep(LOOK_EVERY)
    raise AssertionError(f"{what}: not within {PATIENCE:g} s")


@contextlib.asynccontextmanager
async def hearing(**settings: Any) -> AsyncIterator[tuple[Outlet, KeptFeed, int]]:
    """The one source that ``settings`` ask for (a port of 1 there is a free one), its outlet, and its port."""
    [port] = free_ports(1)
    settings = {name: port if value == 1 and name.endswith("_port") else value for name, value in settings.items()}
    [source] = sources_of(load_settings(**settings))
    outlet, feed = kept_outlet(source.name)
    task = asyncio.create_task(source.run(outlet))
    try:
        if source.name != "syslog udp":
            await _listening(port, task)
        else:
            await asyncio.sleep(0)
            await until(lambda: task.done() or _bound(port), "a bound port")
        yield outlet, feed, port
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


def _bound(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


async def _listening(port: int, task: asyncio.Task[None]) -> None:
    for _ in range(int(PATIENCE / LOOK_EVERY)):
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write_eof()
            with contextlib.suppress(ConnectionError):
                await reader.read()  # until the source has let go of it
            writer.close()
            return
        if task.done():
            return
        await asyncio.sleep(LOOK_EVERY)
    raise AssertionError("it does not listen")


async def sent(port: int, data: bytes, **how: Any) -> None:
    """Send and close."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, **how)
    writer.write(data)
    with contextlib.suppress(OSError):
        await writer.drain()
    writer.close()
    with contextlib.suppress(OSError, ssl.SSLError):
        await writer.wait_closed()


async def test_a_message_becomes_a_log() -> None:
    """The reference's own message, with what the envelope says in its places."""
    async with hearing(syslog_tcp_port=1, time_zone="Europe/Berlin") as (_, feed, port):
        await sent(port, b'<11>1 2026-11-30T10:00:00.5+01:00 press4 plc 7 E12 [drive@1 no="4"] no answer\n')
        await until(lambda: feed.kept, "a log")
        assert feed.kept[0].subject == "agent.technical.support"
        assert feed.logs == [
            {
                "timestamp": "2026-11-30T09:00:00.5Z",
                "hostname": "press4",
                "severity": "err",
                "service": "plc",
                "message": "no answer",
                "context": {
                    "facility": "user",
                    "procid": "7",
                    "msgid": "E12",
                    "structured_data": {"drive@1": {"no": "4"}},
                    "sender": "127.0.0.1",
                },
            }
        ]


async def test_a_datagram_is_a_message() -> None:
    """With its line end, and without a name of its host, which its address stands for then."""
    async with hearing(syslog_udp_port=1) as (outlet, feed, port):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"<11>press: no answer\n", ("127.0.0.1", port))
            sender.sendto(b"<11>\n", ("127.0.0.1", port))
            sender.sendto(bytes(range(1, 30)) * 4, ("127.0.0.1", port))
            sender.sendto(b"<11>" + b"x" * 60_000, ("127.0.0.1", port))
            await until(lambda: len(feed.kept) == 2, "two logs")
        assert (feed.logs[0]["hostname"], feed.logs[0]["service"], feed.logs[0]["message"]) == (
            "127.0.0.1", "press", "no answer",
        )  # fmt: skip
        assert outlet.counts.refused == {"empty": 1, "binary": 1}
        assert len(feed.logs[1]["message"]) == 60_000


async def test_places_zones_and_json() -> None:
    """The table of senders, and a logger's own JSON, whose level goes before the priority."""
    rows = [
        {"senders": ["press-*"], "place": "{line}-{machine}/*", "site": "north", "area": "a1", "zone": "Asia/Tokyo"},
        {"senders": ["127.0.0.0/8"], "site": "south", "service": "gateway", "escapes": "on"},
    ]
    async with hearing(syslog_tcp_port=1, syslog=rows) as (_, feed, port):
        lines = (
            b"<11>Nov 30 2025 09:00:00 press-4.plant plc: no answer\n",
            b"<11>Nov 30 2025 09:00:00 other no#012answer\n",
            b'<14>Nov 30 2025 09:00:00 other node: {"level":"error","msg":"lost"}\n',
            b'<12>Nov 30 2025 09:00:00 other node: {"msg":"lost"}\n',
        )
        await sent(port, b"".join(lines))
        await until(lambda: len(feed.kept) == 4, "four logs")
    press, other, graded, plain = feed.logs
    assert press["context"] == {
        "facility": "user", "tag": "plc", "sender": "127.0.0.1",
        "site": "north", "area": "a1", "line": "press", "machine": "4.plant",
    }  # fmt: skip
    assert press["timestamp"] == "2025-11-30T00:00:00.000Z"
    assert (other["message"], other["service"]) == ("no\nanswer", "gateway")
    assert feed.kept[1].subject == "agent.technical.support.south"
    assert "severity" not in graded
    assert "priority" not in graded
    assert plain["priority"] == "warning"
    assert plain["service"] == "node"


async def test_back_pressure_reaches_the_sender() -> None:
    """While the broker takes nothing, no more is read than may be on its way; then all of it comes."""
    line = b"<11>1 - h a - - - " + b"x" * 1_000 + b"\n"
    async with hearing(syslog_tcp_port=1) as (outlet, feed, port):
        feed.hold()
        sending = asyncio.create_task(sent(port, line * 20_000))
        await until(lambda: len(feed.held) > 1_024 - TURN, "a window that takes no more batch")
        await asyncio.sleep(0.1)
        assert len(feed.held) <= 1_024
        assert not sending.done()
        feed.release()
        await sending
        await until(lambda: outlet.counts.taken == 20_000, "all of them")


async def test_who_may_not_send_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many connections, half a message, a count that lies, what is too long."""
    monkeypatch.setattr(syslog_streams, "HALF_WITHIN", 0.2)
    async with hearing(syslog_tcp_port=1, syslog_max_connections=1, syslog_max_bytes=1_024) as (outlet, feed, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await until(lambda: asyncio.all_tasks(), "the connection")
        writer.write(b"<11>whole\n")
        await until(lambda: feed.kept, "the whole one")
        second, other = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            assert await second.read() == b""
        other.close()
        writer.write(b"<11>half")
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""  # half a message was too late
        writer.close()
        await until(lambda: outlet.counts.refused.get("half a message"), "half a message")
        await sent(port, b"99999999 <11>x")
        await until(lambda: outlet.counts.refused.get("octet count that is too large"), "a lie")
        await sent(port, b"<11>" + b"x" * 5_000 + b"\n<11>next\n")
        await until(lambda: len(feed.kept) == 3, "the rest")
        assert feed.logs[1]["context"]["cut_from_bytes"] == 5_004
        assert feed.logs[2]["message"] == "next"
        assert outlet.counts.refused == {
            "too many connections": 1, "half a message": 1, "octet count that is too large": 1, "rest of what is too long": 1,
        }  # fmt: skip


async def test_addresses_that_are_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused and counted; this machine itself always may."""
    async with hearing(syslog_tcp_port=1, syslog_allow="10.20.0.0/16") as (outlet, feed, port):
        await sent(port, b"<11>from this machine\n")
        await until(lambda: feed.kept, "a log")
        monkeypatch.setattr(syslog_streams, "plain_address", lambda _address: "192.0.2.1")
        await sent(port, b"<11>from elsewhere\n")
        await until(lambda: outlet.counts.refused == {"address not allowed": 1}, "a refusal")
    assert len(feed.kept) == 1


async def test_a_stop_takes_what_is_there() -> None:
    """The last line, which waits for another, is a message then."""
    async with hearing(syslog_tcp_port=1) as (_, feed, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"<11>one\n<11>two\n")
        await until(lambda: len(feed.kept) == 1, "the first")
    assert [one["message"] for one in feed.logs] == ["one", "two"]
    writer.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a certificate for the server and one for a client."""
    place = tmp_path_factory.mktemp("tls")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=place, check=True, capture_output=True)

    openssl(
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-days",
        "2",
        "-subj",
        "/CN=root",
    )
    for name in ("server", "client"):
        openssl(
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
            "-subj",
            f"/CN={name}",
        )
        openssl(
            "x509",
            "-req",
            "-in",
            f"{name}.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-out",
            f"{name}.pem",
        )
    return place


def _tls_settings(place: Path) -> dict[str, Any]:
    return {
        "syslog_tls_cert": place / "server.pem",
        "syslog_tls_key": place / "server.key",
        "syslog_tls_ca": place / "ca.pem",
    }


async def test_tls_asks_for_a_certificate(certificates: Path) -> None:
    """With one a message is taken; without, or with garbage, the connection ends and is counted."""
    client = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    client.check_hostname = False
    async with hearing(syslog_tls_port=1, **_tls_settings(certificates)) as (outlet, feed, port):
        await until(lambda: outlet.counts.refused.get("TLS not agreed") == 1, "the look whether it listens")
        await sent(port, b"\x00garbage" * 10)
        await until(lambda: outlet.counts.refused.get("TLS not agreed") == 2, "garbage")
        with contextlib.suppress(OSError, ssl.SSLError):
            await sent(port, b"<11>nobody\n", ssl=client)
        await until(lambda: outlet.counts.refused.get("TLS not agreed") == 3, "no certificate")
        client.load_cert_chain(certificates / "client.pem", certificates / "client.key")
        await sent(port, b"<11>somebody\n", ssl=client)
        await until(lambda: feed.kept, "a log")
    assert [one["message"] for one in feed.logs] == ["somebody"]


def test_tls_by_the_loop_of_the_service(certificates: Path) -> None:
    """uvloop, where it is there: it reads at once, and nothing of a handshake may get lost to that."""
    client = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    client.check_hostname = False
    client.load_cert_chain(certificates / "client.pem", certificates / "client.key")

    async def work() -> list[str]:
        async with hearing(syslog_tls_port=1, **_tls_settings(certificates)) as (outlet, feed, port):
            _, silent = await asyncio.open_connection("127.0.0.1", port)
            for number in range(5):
                await sent(port, b"<11>number %d\n" % number, ssl=client)
            await until(lambda: len(feed.kept) == 5, f"five logs, {outlet.counts.refused}")
            silent.close()
        return sorted(str(one["message"]) for one in feed.logs)

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        assert runner.run(work()) == [f"number {number}" for number in range(5)]


async def test_a_port_that_is_taken() -> None:
    """A sentence that says so, over each."""
    for kind, setting in ((socket.SOCK_STREAM, "syslog_tcp_port"), (socket.SOCK_DGRAM, "syslog_udp_port")):
        with socket.socket(socket.AF_INET, kind) as other:
            other.bind(("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                other.listen()
            [source] = sources_of(load_settings(**{setting: other.getsockname()[1]}))
            with pytest.raises(InUseError, match=f"ANDON_{setting.upper()}: another program uses 127.0.0.1"):
                await source.run(kept_outlet()[0])


async def test_an_address_that_is_not_ours() -> None:
    """Named with what to do."""
    [source] = sources_of(load_settings(syslog_host="192.0.2.1", syslog_tcp_port=-1, syslog_allow="10.0.0.0/8"))
    with pytest.raises(ConfigError, match="set an address of this machine"):
        await source.run(kept_outlet()[0])


def test_certificates_that_cannot_be_used(tmp_path: Path, certificates: Path) -> None:
    """Missing, of another key, no certificate at all."""

    def settings(**changes: Path) -> Settings:
        return load_settings(syslog_tls_port=-1, **{**_tls_settings(certificates), **changes})

    assert tls_of(settings()).verify_mode == ssl.CERT_REQUIRED
    with pytest.raises(ConfigError, match=r"ANDON_SYSLOG_TLS_CERT=.* cannot be read"):
        tls_of(settings(syslog_tls_cert=tmp_path / "none.pem"))
    with pytest.raises(ConfigError, match="key values mismatch"):
        tls_of(settings(syslog_tls_key=certificates / "client.key"))
    (tmp_path / "empty.pem").touch()
    with pytest.raises(ConfigError, match=r"ANDON_SYSLOG_TLS_CA=.* cannot be used"):
        tls_of(settings(syslog_tls_ca=tmp_path / "empty.pem"))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"syslog_udp_port": 514, "syslog_host": "0.0.0.0"}, "ANDON_SYSLOG_HOST=0.0.0.0 lets the whole network"),
        ({"syslog_tls_port": 6514}, "ANDON_SYSLOG_TLS_PORT needs a certificate"),
        ({"syslog_allow": "plant"}, "write addresses and networks"),
        ({"syslog": [{"senders": ["a"], "zone": "Mars"}]}, "not a time zone"),
        ({"syslog_udp_port": 1, "syslog": [{"senders": ["a"], "place": "{plant}"}]}, "which is not one of"),
        (
            {"syslog_tls_port": 1, "syslog_tls_cert": "c", "syslog_tls_key": "k", "syslog_host": "::"},
            "lets the whole network",
        ),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, Any], sentence: str) -> None:
    """Refused at the start, each with its sentence."""
    with pytest.raises(ConfigError, match=sentence):
        sources_of(load_settings(**settings))


def test_settings_that_fit() -> None:
    """Networks are listed in any usual way; TLS that asks for certificates needs none."""
    found = load_settings(syslog_udp_port=514, syslog_host="::", syslog_allow="10.0.0.7/8, fe80::/10 192.168.4.7")
    assert found.syslog_allow == ["10.0.0.0/8", "fe80::/10", "192.168.4.7/32"]
    load_settings(syslog_host="::", syslog_tls_port=1, syslog_tls_cert="c", syslog_tls_key="k", syslog_tls_ca="a")
    streams = SyslogStreams(found, None, 601)  # type: ignore[arg-type]  # nothing is sent
    assert streams.address == "[::]:601"

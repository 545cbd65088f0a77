"""``andon sources``: what is configured and what came through, with and without a service, and browsing."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from andon.core.settings.settings import Settings
from andon.ingest.sources.browsing import BROWSERS, Browse, browse
from support.commands import Commands
from support.http_servers import StandInServer
from support.mtconnect_agent import FakeAgent, condition, streams
from support.ports import free_ports

CONFIGURED = json.dumps([{"url": "shdr://mill-1:7878"}, {"url": "http://cell-2:5000"}])
HEARD = {
    "name": "mtconnect mill-1:7878", "address": "shdr://mill-1:7878", "taken": 1234, "refused": {"too long": 2},
    "last_heard": "2026-11-30T10:00:00.000Z", "trouble": None,
}  # fmt: skip


@contextmanager
def service(status: int, answer: bytes) -> Iterator[tuple[int, list[str]]]:
    """What answers in a service's place, and who asked with which token."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers.get('Authorization')}")
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_given: Any) -> None:
            pass

    with StandInServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1], asked
        server.shutdown()


def commands(place: Path, capture: pytest.CaptureFixture[str], port: int, **settings: str) -> Commands:
    """Commands beside a service at a port."""
    return Commands(place, capture, ANDON_HTTP_PORT=str(port), ANDON_MTCONNECT=CONFIGURED, **settings)


def test_without_a_service_what_is_configured_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    andon = commands(tmp_path, capsys, *free_ports(1))
    listed = andon("sources")
    assert listed.status == 0
    assert "shdr://mill-1:7878" in listed.out
    assert "andon run" in listed.err
    rows = andon("sources", "--json").json
    assert [(row["address"], row["taken"], row["running"]) for row in rows] == [
        ("shdr://mill-1:7878", None, False),
        ("http://cell-2:5000", None, False),
    ]


def test_with_a_service_its_counts_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with service(200, json.dumps({"items": [HEARD]}).encode()) as (port, asked):
        andon = commands(tmp_path, capsys, port, ANDON_HTTP_TOKEN="a-token-of-the-site-0123456789")
        listed = andon("sources")
        assert andon("sources", "--json").json == [{**HEARD, "running": True}]
    assert listed.status == 0
    assert "1,234" in listed.out
    assert "2 logs refused: too long" in listed.out
    assert "2026-11-30 10:00 UTC" in listed.out, "also on a terminal of 80 columns"
    assert asked[0] == "/api/inputs Bearer a-token-of-the-site-0123456789"


def test_a_service_that_has_not_started_its_sources_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Is no site without any; nor is one that was started before they were configured."""
    with service(200, b'{"items": []}') as (port, _):
        listed = commands(tmp_path, capsys, port)("sources")
    assert "shdr://mill-1:7878" in listed.out
    assert "restart it if they were configured after its start" in " ".join(listed.err.split())


def test_trouble_is_told_by_the_exit_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with service(200, json.dumps({"items": [{**HEARD, "trouble": "mill-1 is not heard"}]}).encode()) as (port, _):
        listed = commands(tmp_path, capsys, port)("sources")
    assert listed.status == 1
    assert "mill-1 is not heard" in listed.err


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [(401, b"{}", "ANDON_HTTP_TOKEN"), (500, b"", "answers 500"), (200, b"<html>", "not Andon")],
)
def test_a_service_that_does_not_answer_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int, answer: bytes, said: str
) -> None:
    with service(status, answer) as (port, _):
        listed = commands(tmp_path, capsys, port)("sources")
    assert said in " ".join(listed.err.split())
    assert "shdr://mill-1:7878" in listed.out


def test_without_sources_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = Commands(tmp_path, capsys, ANDON_HTTP_PORT=str(*free_ports(1)))("sources")
    assert "No source is configured" in listed.out


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://mill", "cannot be browsed"),
        ("shdr://", "cannot be browsed"),
        ("shdr://127.0.0.1:PORT", "Connection refused"),
    ],
)
def test_what_cannot_be_browsed_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str, said: str
) -> None:
    failed = Commands(tmp_path, capsys)("sources", "browse", url.replace("PORT", str(*free_ports(1))), "--seconds", "1")
    assert failed.status == 1
    assert said in " ".join(failed.err.split())
    assert "Traceback" not in failed.err


async def test_an_adapter_is_browsed(tmp_path: Path) -> None:
    async def adapter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* PONG 5000\nt|avail|AVAILABLE|x|12.5\n2026-11-30T10:00:00Z|lp|FAULT|2218|ALARM_B|HIGH|No oil\n")
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(adapter, "127.0.0.1", 0)
    url = f"shdr://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    conditions, others = await browse(Browse(url, 0.5, Settings(data_dir=tmp_path)))
    listening.close()
    assert conditions.rows == [("", "lp", "fault", "2218", "ALARM_B", "No oil", "2026-11-30T10:00:00Z")]
    assert others.rows == [("avail", "AVAILABLE"), ("x", "12.5")]


async def test_an_agent_is_browsed(tmp_path: Path) -> None:
    async with FakeAgent() as agent:
        agent.current = streams(condition("Fault", code="2218", text="No oil"), condition("Normal"))
        agent.probe = (
            b'<MTConnectDevices><Devices><Device name="Mill-1"><DataItems><DataItem id="av" category="EVENT" type="AVAILABILITY"/>'
            b"</DataItems></Device></Devices></MTConnectDevices>"
        )
        items, active = await browse(Browse(agent.url, 0.5, Settings(data_dir=tmp_path)))
    assert items.rows == [("Mill-1", "", "av", "", "EVENT", "AVAILABILITY")]
    assert [row[:4] for row in active.rows] == [("Mill-1", "logic", "fault", "2218")]


def test_every_kind_of_address_has_what_lists_it() -> None:
    """Without importing a library that is an extra."""
    assert {scheme: place.partition(":")[2] for scheme, place in BROWSERS.items()} == {
        "opc.tcp": "browse", "shdr": "browse_adapter", "http": "browse_agent", "https": "browse_agent",
    }  # fmt: skip

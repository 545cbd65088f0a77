"""The HTTP side over real sockets: readiness tells why, metrics can be guarded, a taken port is one sentence."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from andon.app.http_server import HttpServer
from andon.app.web.app import build_app
from andon.core.errors import InUseError
from andon.core.telemetry import Health, Metrics
from support.environment import without_proxy
from support.patience import PATIENCE


def get(port: int, path: str, token: str = "") -> tuple[int, str]:
    """Status and body."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with without_proxy().open(request, timeout=PATIENCE) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def serving(health: Health, token: str, check: Callable[[int], None]) -> None:
    """Run ``check`` with the port of a server in this loop."""

    async def refresh() -> None:
        return

    async def main() -> None:
        server = HttpServer(build_app(health, Metrics(), refresh, token), "127.0.0.1", 0)
        port = server.bind()
        task = asyncio.create_task(server.run())
        await asyncio.to_thread(check, port)
        await server.stop(task)

    asyncio.run(main())


def test_readiness_follows_health_and_says_why() -> None:
    """503 with each part's problem, 200 when nothing is wrong; liveness answers throughout."""
    health = Health()

    def check(port: int) -> None:
        status, body = get(port, "/readyz")
        assert (status, json.loads(body)["problems"]) == (503, {"service": "starting"})
        assert get(port, "/healthz")[0] == 200
        health.report("service", None)
        health.report("store", "no disk space is left")
        assert json.loads(get(port, "/readyz")[1])["problems"] == {"store": "no disk space is left"}
        health.report("store", None)
        assert get(port, "/readyz")[0] == 200

    serving(health, "", check)


def test_metrics_are_prometheus_text_and_can_be_guarded() -> None:
    """With a token only its bearer gets the metrics; health stays open."""

    def check(port: int) -> None:
        assert get(port, "/metrics")[0] == 401
        assert get(port, "/metrics", "wrong")[0] == 401
        status, text = get(port, "/metrics", "hush")
        assert status == 200
        assert "# TYPE andon_logs_recorded_total counter" in text
        assert get(port, "/healthz")[0] == 200

    serving(Health(), "hush", check)


def test_a_taken_port_is_one_sentence() -> None:
    """The second server on a port says which setting to change."""

    def check(port: int) -> None:
        with pytest.raises(InUseError, match="ANDON_HTTP_PORT"):
            HttpServer(build_app(Health(), Metrics(), lambda: asyncio.sleep(0)), "127.0.0.1", port).bind()

    serving(Health(), "", check)


@pytest.mark.parametrize("path", ["/stream", "/file", "/page"])
def test_an_answer_that_takes_too_long_ends_with_the_server(path: str, caplog: pytest.LogCaptureFixture) -> None:
    """Begun or not: it is cut off in time, and nothing of it looks like a mistake in the log."""
    asked = asyncio.Event()

    async def slow(scope: Any, _receive: Any, send: Any) -> None:
        if scope["path"] != "/page":
            kind = b"text/event-stream; charset=utf-8" if scope["path"] == "/stream" else b"text/csv"
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
            await send({"type": "http.response.body", "body": b"begins", "more_body": True})
        asked.set()
        await asyncio.Event().wait()

    async def main() -> bytes:
        server = HttpServer(slow, "127.0.0.1", 0)  # type: ignore[arg-type]  # any application does
        port = server.bind()
        task = asyncio.create_task(server.run())
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        async with asyncio.timeout(PATIENCE):
            await asked.wait()
        await server.stop(task)
        answer = await reader.read()
        writer.close()
        return answer

    answer = asyncio.run(main())
    assert (b"503" in answer) if path == "/page" else (b"200 OK" in answer and b"begins" in answer)
    assert answer.endswith(b"0\r\n\r\n") == (path != "/file")  # its reader sees that it is not all of it
    assert not [one for one in caplog.records if one.exc_info]

"""What senders are told while nothing can be stored: the real answers of the routes over a stream that takes nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from andon.app.background.source_keeper import Intake
from andon.app.web.intake import reception as engine
from andon.app.web.intake.otlp_intake import OtlpIntake
from andon.app.web.intake.reception import Reception
from andon.app.web.intake.routes import build_intake
from andon.bus.feed import Feed
from andon.core.telemetry import Health, Metrics
from andon.ingest.sources.otlp_logs import severity_reader
from support.intake import KeptFeed
from support.otlp_requests import record, request
from support.patience import PATIENCE

OTLP = {"Content-Type": "application/x-protobuf"}
BATCH = request([record("a"), record("a"), record("b", time=0)]).SerializeToString()
#: Every way in with a body that it takes.
BODIES: tuple[tuple[str, bytes, dict[str, str]], ...] = (
    ("/api/logs", b'[{"msg":"a"}]', {"Content-Type": "application/json"}),
    ("/v1/logs", BATCH, OTLP),
    ("/services/collector", b'{"event":"a"}', {}),
    ("/api/webhooks/alertmanager", b'{"alerts":[{"labels":{"alertname":"a"}}]}', {}),
    ("/api/webhooks/grafana", b'{"alerts":[{"labels":{"alertname":"a"}}]}', {}),
)


class Site:
    """The routes over a feed in memory."""

    def __init__(self) -> None:
        self.feed = KeptFeed()
        self.intake: Intake | None = Intake(cast("Feed", self.feed), Metrics(), Health())
        self.intake.open = True
        reception = Reception(lambda: self.intake, lambda: "http://here")
        app = FastAPI()
        app.include_router(build_intake(reception, OtlpIntake(reception, severity_reader())).router)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")

    async def post(self, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        return await self.client.post(path, content=body, headers=headers)


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.mark.parametrize(("path", "body", "headers"), BODIES)
async def test_a_stream_that_is_full(
    site: Site, path: str, body: bytes, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Senders that know 429 get it, others 503, each with a time; what was refused is given up, and the next is tried."""
    monkeypatch.setattr(engine, "PATIENCE_FULL", 0.05)
    site.feed.hold()
    site.feed.problem = "maximum messages exceeded"
    refused = await site.post(path, body, headers)
    assert refused.status_code == (429 if path in ("/api/logs", "/v1/logs") else 503)
    assert int(refused.headers["retry-after"]) > 0
    if path.startswith("/services"):
        assert refused.json() == {"text": "Server is busy", "code": 9}
    site.feed.release()
    site.feed.problem = None
    site.feed.kept.clear()
    again = await site.post(path, body, headers)
    assert again.status_code == 200
    assert len(site.feed.kept) == (3 if path == "/v1/logs" else 1)


@pytest.mark.parametrize(("path", "body", "headers"), BODIES)
async def test_a_broker_that_is_away_and_a_start(site: Site, path: str, body: bytes, headers: dict[str, str]) -> None:
    """Told at once: nobody waits for what is known."""
    site.feed.connected = False
    away = await site.post(path, body, headers)
    intake, site.intake = site.intake, None
    starting = await site.post(path, body, headers)
    assert intake is not None
    site.intake, intake.open, site.feed.connected = intake, False, True
    stopping = await site.post(path, body, headers)
    for answer in (away, starting, stopping):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5"), answer.text
    assert site.feed.kept == []
    if path == "/services/collector":
        assert (await site.client.get("/services/collector/health")).json()["code"] == 18


async def test_who_waits_holds_up_nobody_else(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request beyond the window waits for room; the next one is told at once that the stream takes nothing."""
    monkeypatch.setattr(engine, "PATIENCE", PATIENCE)
    site.feed.hold()
    first = asyncio.create_task(site.post("/v1/logs", BATCH, OTLP))
    for _ in range(20):
        await asyncio.sleep(0)
    site.feed.problem = "maximum bytes exceeded"
    refused = await site.post("/v1/logs", BATCH, OTLP)
    assert refused.status_code == 429
    site.feed.problem = None
    site.feed.release()
    assert (await first).status_code == 200


async def test_a_stream_that_is_too_slow_for_so_many_logs(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers, so nobody is told that it does not: the same again would take as long, fewer at once would not."""
    monkeypatch.setattr(engine, "PATIENCE", 0.05)
    site.feed.hold(after=64)
    late = await site.post("/api/logs", b'{"msg":"x"}\n' * 70, {"Content-Type": "application/x-ndjson"})
    assert (late.status_code, len(site.feed.kept)) == (503, 64)
    assert "took 64 of these logs" in late.json()["detail"]
    assert "send fewer at once" in late.json()["detail"]
    assert int(late.headers["retry-after"]) > 0


async def test_ids_tell_a_request_that_comes_again(site: Site) -> None:
    """The same request has the same ids, equal records of one have their own, and records without a time have none."""
    for _ in range(2):
        assert (await site.post("/v1/logs", BATCH, OTLP)).status_code == 200
    other = request([record("a"), record("a")]).SerializeToString()
    assert (await site.post("/v1/logs", other, OTLP)).status_code == 200
    ids = [one.message_id for one in site.feed.kept]
    assert ids[:3] == ids[3:6]
    assert (ids[2], len({*ids[:2]})) == (None, 2)
    assert not {*ids[:2]} & {*ids[6:]}


async def test_too_much_at_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """All bodies together are bounded, and every one counts only as long as it is held."""
    monkeypatch.setattr(engine, "HELD_BYTES", 1_000)
    large = json.dumps([{"msg": "x" * 500}, {"msg": "y" * 600}]).encode()
    refused = await site.post("/api/logs", large, {"Content-Type": "application/json"})
    assert refused.status_code == 429
    for _ in range(5):
        answer = await site.post("/api/logs", large[:510] + b'"}]', {"Content-Type": "application/json"})
        assert answer.status_code == 200, answer.text


async def test_too_many_logs(site: Site) -> None:
    """Nothing of such a request is taken."""
    many = b'{"msg":"x"}\n' * (engine.MOST_LOGS + 1)
    refused = await site.post("/api/logs", many, {"Content-Type": "application/x-ndjson"})
    assert (refused.status_code, site.feed.kept) == (413, [])
    assert "send it in parts" in refused.json()["detail"]

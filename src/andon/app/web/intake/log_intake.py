"""``POST /api/logs``: logs as loggers write them, in JSON or as lines of text; and the webhooks of alerts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from andon.app.web.intake.peer import peer_of
from andon.app.web.intake.reception import Item, Receipt, Reception, UnreadyError
from andon.app.web.intake.ways import LOGS, media_type_of, origin_of, refused, way_of
from andon.app.web.people import person_of
from andon.ingest.sources.alert_webhooks import alerts_of
from andon.ingest.sources.heard import Heard
from andon.ingest.sources.http_bodies import BodyRefused
from andon.ingest.sources.outlet import Outlet
from andon.ingest.sources.posted_logs import Message, posted

#: A header by which a program says that a request is one that it sent before.
IDEMPOTENCY_KEY = "Idempotency-Key"


class LogIntake:
    """Answers posted logs and webhooks of alerts with what became of them."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    async def __call__(self, request: Request) -> Response:
        """200 where all was taken, 207 where a part was, 400 where nothing was."""
        path = request.scope["path"]
        try:
            outlet = self._reception.outlet(way_of(request).name, path)
            async with self._reception.body(request) as data:
                take = self._logs if path == LOGS else self._alerts
                receipt = await take(request, outlet, data)
        except (BodyRefused, UnreadyError) as error:
            self._reception.count(way_of(request).name, path, error)
            return refused(request, error)
        except ClientDisconnect:
            return Response(status_code=400)
        status = 200 if not receipt.refused_count else 207 if receipt.taken else 400
        return Response(msgspec.json.encode(receipt), status, media_type="application/json")

    async def _logs(self, request: Request, outlet: Outlet, data: bytes) -> Receipt:
        reception, kind = self._reception, media_type_of(request)
        origin = origin_of(request, peer_of(request))
        logs = await reception.parsed(lambda: posted(data, kind, origin, outlet.max_payload), len(data))
        items = await reception.bounded(logs)
        if not items:
            raise BodyRefused(400, "empty", "the body holds no log")
        key = request.headers.get(IDEMPOTENCY_KEY, "")
        return await reception.take(outlet, _keyed(items, _told(request, key, data)) if key else items)

    async def _alerts(self, request: Request, outlet: Outlet, data: bytes) -> Receipt:
        origin = origin_of(request, "")
        alerts = await self._reception.parsed(lambda: alerts_of(data, origin), len(data))
        items = await self._reception.bounded(alerts)
        return await self._reception.take(outlet, _keyed(items, _told(request, "", data)))


def _told(request: Request, key: str, data: bytes) -> bytes:
    """What tells a request that comes again from all others: who sends it where, the key, and all of the body."""
    return repr((person_of(request).name, request.scope["path"], request.scope["query_string"], key)).encode() + data


def _keyed(items: list[Item], key: bytes) -> Iterator[Item]:
    """The same with ids by which a request that is sent again is stored once."""
    prefix = hashlib.blake2b(key, digest_size=16).hexdigest()
    for index, item in enumerate(items):
        message_id = f"{prefix}-{index}"
        if isinstance(item, Heard):
            item.message_id = message_id
        yield item._replace(message_id=message_id) if isinstance(item, Message) else item

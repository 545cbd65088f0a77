"""``POST /v1/logs``: OTLP over HTTP, in protobuf and in JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from andon.app.web.intake.peer import peer_of
from andon.app.web.intake.reception import MOST_LOGS, Item, Receipt, Reception, UnreadyError
from andon.app.web.intake.ways import OTLP_LOGS, media_type_of, origin_of, refused, way_of
from andon.ingest.sources import otlp_answers
from andon.ingest.sources.heard import Heard
from andon.ingest.sources.http_bodies import BodyRefused
from andon.ingest.sources.otlp_json import NotOtlpJson, logs_of_json, read_json_request
from andon.ingest.sources.otlp_logs import Origin, ReadSeverity
from andon.ingest.sources.otlp_protobuf import NotProtobuf, TooManyRecords, logs_of, read_request

Answer = Callable[[Request], Any]
_KINDS = (otlp_answers.PROTOBUF, otlp_answers.JSON)


class OtlpIntake:
    """Answers requests of OTLP; the same for the HTTP server and for a port of its own."""

    def __init__(self, reception: Reception, severity: ReadSeverity) -> None:
        self._reception, self._severity = reception, severity

    async def __call__(self, request: Request) -> Response:
        """Take the logs of a request into the stream and say so in its own encoding."""
        try:
            receipt = await self._take(request)
        except (BodyRefused, UnreadyError) as error:
            self._reception.count(way_of(request).name, OTLP_LOGS, error)
            return refused(request, error)
        except ClientDisconnect:
            return Response(status_code=400)
        message = ""
        if receipt.refused:
            first = receipt.refused[0]
            message = f"{receipt.refused_count:,} of the log records not taken; record {first.index}: {first.reason}"
        kind = media_type_of(request)
        return Response(otlp_answers.taken(kind, receipt.refused_count, message), 200, media_type=kind)

    async def _take(self, request: Request) -> Receipt:
        kind = media_type_of(request)
        if kind not in _KINDS:
            raise BodyRefused(415, "unknown media type", f"send Content-Type {' or '.join(_KINDS)}")
        reception = self._reception
        outlet = reception.outlet(way_of(request).name, OTLP_LOGS)
        origin = origin_of(request, peer_of(request))
        async with reception.body(request) as data:
            read = _read_json if kind == otlp_answers.JSON else _read_protobuf
            try:
                logs = await reception.parsed(lambda: list(read(data, origin, self._severity)), len(data))
            except NotOtlpJson as error:
                raise BodyRefused(400, "no OTLP", str(error)) from None
            return await reception.take(outlet, _numbered(logs, data, origin))


def _read_protobuf(data: bytes, origin: Origin, severity: ReadSeverity) -> Iterator[Item]:
    try:
        return logs_of(read_request(data, MOST_LOGS), origin, severity)
    except TooManyRecords as error:
        raise BodyRefused(413, "too many", str(error)) from None
    except NotProtobuf as error:
        raise BodyRefused(400, "no protobuf", str(error)) from None


def _read_json(data: bytes, origin: Origin, severity: ReadSeverity) -> Iterator[Item]:
    try:
        return logs_of_json(read_json_request(data, MOST_LOGS), origin, severity)
    except TooManyRecords as error:
        raise BodyRefused(413, "too many", str(error)) from None
    except NotOtlpJson as error:
        raise BodyRefused(400, "no JSON", str(error)) from None


def _numbered(logs: Iterable[Item], data: bytes, origin: Origin) -> Iterator[Item]:
    """The logs, each with an id made of the whole request and its place there.

    A request that is sent again has the same ids, and the broker stores nothing twice; equal records of one request
    have ids of their own. A record without any time gets none: the next one that is equal may well be another.
    """
    told = hashlib.blake2b(data, digest_size=16)
    told.update(repr(origin).encode())
    prefix = told.hexdigest()
    for index, log in enumerate(logs):
        if isinstance(log, Heard) and log.timestamp is not None:
            log.message_id = f"{prefix}-{index}"
        yield log

"""The routes of the ways in, and how they are described for programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response

from andon.app.web.api.answers import CHANGE_FAILURES, FAILURES, shows
from andon.app.web.intake import ways
from andon.app.web.intake.hec_intake import HecIntake
from andon.app.web.intake.log_intake import IDEMPOTENCY_KEY, LogIntake
from andon.app.web.intake.otlp_intake import OtlpIntake
from andon.app.web.intake.reception import Receipt, Reception
from andon.ingest.sources.splunk_hec import NO_ACKS

_LOG = {
    "timestamp": "2025-01-15T02:14:23.123Z",
    "hostname": "press-04",
    "severity": "ERROR",
    "service": "plc-gateway",
    "message": "no answer from drive 3",
}
_ALERT = {
    "status": "firing",
    "labels": {"alertname": "OilTooHot", "instance": "press-04:9100", "severity": "critical"},
    "annotations": {"summary": "oil of the press is at 81 °C"},
    "startsAt": "2025-01-15T02:14:23.123Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "fingerprint": "9d2f1c0a7be3d4f5",
}
_OTLP = {
    "resourceLogs": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "plc-gateway"}}]},
            "scopeLogs": [
                {
                    "logRecords": [
                        {
                            "timeUnixNano": "1736903663123000000",
                            "severityNumber": 17,
                            "body": {"stringValue": "no answer from drive 3"},
                        }
                    ]
                }
            ],
        }
    ]
}
#: What is posted, by the name under which OpenAPI describes it.
SCHEMAS: dict[str, dict[str, Any]] = {
    "PostedLogs": {
        "title": "PostedLogs",
        "description": "A log as any logger writes it, an array of them, or several in a row (NDJSON).",
        "type": "object",
        "additionalProperties": True,
        "examples": [_LOG],
    },
    "AlertWebhook": {
        "title": "AlertWebhook",
        "description": "What Alertmanager (version 4) and Grafana send.",
        "type": "object",
        "additionalProperties": True,
        "required": ["alerts"],
        "examples": [{"version": "4", "status": "firing", "alerts": [_ALERT]}],
    },
    "OtlpLogs": {
        "title": "OtlpLogs",
        "description": "An ExportLogsServiceRequest of OpenTelemetry.",
        "type": "object",
        "additionalProperties": True,
        "examples": [_OTLP],
    },
    "HecEvent": {
        "title": "HecEvent",
        "description": "An event of Splunk's HTTP Event Collector; several may stand in a row.",
        "type": "object",
        "additionalProperties": True,
        "required": ["event"],
        "examples": [{"time": 1736903663.123, "host": "press-04", "event": "no answer from drive 3"}],
    },
}
_QUERY = (
    ("host", "The host of logs that name none."),
    ("service", "The service of logs that name none."),
    ("place", "Where logs stand that do not say so: `site/area/line/machine`, levels may be empty."),
)
_FAILURES: dict[int | str, dict[str, Any]] = {
    **FAILURES,
    **CHANGE_FAILURES,
    413: {"description": "The body is longer than 16 MiB, unpacked too, or holds too many logs."},
    415: {"description": "The content type or encoding is none that is taken."},
    429: {"description": "The log stream is full: try again after the seconds of Retry-After."},
    503: {"description": "The broker is away or Andon is starting: try again after the seconds of Retry-After."},
}
_SENT: dict[int | str, dict[str, Any]] = {200: {"description": "All of it is in the log stream."}}


def _described(schema: str, *others: str, header: bool = False) -> dict[str, Any]:
    """What OpenAPI says of a body, beside JSON in other media types, and of the parameters."""
    content: dict[str, Any] = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    content |= {other: {"schema": {"type": "string"}} for other in others}
    parameters = [
        {"name": name, "in": "query", "description": what, "schema": {"type": "string"}} for name, what in _QUERY
    ]
    if header:
        what = "Told with a request that may have to be sent again: within two minutes its logs are stored once."
        parameters.append({"name": IDEMPOTENCY_KEY, "in": "header", "description": what, "schema": {"type": "string"}})
    return {"requestBody": {"required": True, "content": content}, "parameters": parameters}


class IntakeRoutes(NamedTuple):
    """The routes, and what counts who is turned away from them: the way in, its address, and why in a few words."""

    router: APIRouter
    turned_away: Callable[[str, str, str], None]


def build_intake(reception: Reception, otlp: OtlpIntake) -> IntakeRoutes:
    """All ways in."""
    router = APIRouter(responses=_FAILURES, tags=["ways in"])
    _logs(router, LogIntake(reception))
    _splunk(router, HecIntake(reception))

    @router.post(ways.OTLP_LOGS, openapi_extra=_described("OtlpLogs", "application/x-protobuf"), responses=_SENT)
    async def otlp_logs(request: Request) -> Response:
        """OTLP/HTTP, in protobuf or JSON, with gzip or without: answers as the protocol says, with a partialSuccess
        where records were refused."""
        return await otlp(request)

    return IntakeRoutes(router, reception.count)


def _logs(router: APIRouter, logs: LogIntake) -> None:
    taken = {
        **shows(Receipt, sentence="All of it is in the log stream."),
        207: {"description": "A part is in the log stream; `refused` says which are not, and why."},
    }
    body = _described("PostedLogs", "application/x-ndjson", "text/plain", header=True)

    @router.post(ways.LOGS, name="post_logs", openapi_extra=body, responses=taken)
    async def post_logs(request: Request) -> Response:
        """Logs as loggers write them: an object, an array, NDJSON, or lines of text; gzip and deflate are unpacked.
        The answer comes once the log stream has stored them."""
        return await logs(request)

    @router.post(ways.ALERTMANAGER, openapi_extra=_described("AlertWebhook"), responses=taken)
    async def alertmanager(request: Request) -> Response:
        """Alertmanager's webhook: each alert becomes an alarm, which clears when the alert is resolved."""
        return await logs(request)

    @router.post(ways.GRAFANA, openapi_extra=_described("AlertWebhook"), responses=taken)
    async def grafana(request: Request) -> Response:
        """Grafana's webhook: each alert becomes an alarm, which clears when the alert is resolved."""
        return await logs(request)


def _splunk(router: APIRouter, events: HecIntake) -> None:
    async def collect(request: Request) -> Response:
        """Events of Splunk's HTTP Event Collector, answered in its words and codes."""
        return await events(request)

    async def health() -> Response:
        """Whether events can be accepted now, in Splunk's words."""
        return events.health()

    described = _described("HecEvent")
    described["parameters"] = []
    for path in (*ways.HEC_EVENTS, *ways.HEC_RAW):
        extra = described if path in ways.HEC_EVENTS else {}
        router.post(path, include_in_schema=not path.endswith("1.0"), openapi_extra=extra, responses=_SENT)(collect)
    for path in ways.HEC_HEALTH:
        router.get(path, include_in_schema=not path.endswith("1.0"))(health)

    @router.post(ways.HEC_ACK, include_in_schema=False)
    async def ack() -> Response:
        """Acknowledgements by channel are not offered."""
        return ways.hec_answer(NO_ACKS)

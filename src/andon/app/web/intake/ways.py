"""Which addresses take logs, and how each refuses: in the words of its own protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from andon.app.web.intake.reception import UnreadyError
from andon.ingest.sources import otlp_answers, splunk_hec
from andon.ingest.sources.heard import NOWHERE
from andon.ingest.sources.http_bodies import ENCODINGS, BodyRefused
from andon.ingest.sources.otlp_logs import Origin
from andon.ingest.sources.posted_logs import place_named

#: Answers a refusal: status of HTTP, sentence, and after how many seconds it may be tried again (0: never).
Refusal = Callable[[Request, int, str, int], Response]


class Way(NamedTuple):
    """A way in: the name that it is counted under, and how it refuses."""

    name: str
    refuse: Refusal
    methods: frozenset[str] = frozenset(("POST",))
    #: Whether those that send may be told apart from a stream that is full: other senders know 503 only.
    knows_429: bool = True


def _in_words(_request: Request, status: int, sentence: str, retry_after: int) -> Response:
    return Response(
        msgspec.json.encode({"detail": sentence}),
        status,
        {**_retry(retry_after), **({"WWW-Authenticate": "Bearer"} if status == 401 else {})},
        media_type="application/json",
    )


def media_type_of(request: Request) -> str:
    """What a body is said to be, in small letters and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _of_otlp(request: Request, status: int, sentence: str, retry_after: int) -> Response:
    kind = media_type_of(request)
    kind = kind if kind == otlp_answers.JSON else otlp_answers.PROTOBUF
    headers = _retry(retry_after)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 415:
        headers["Accept-Encoding"] = ENCODINGS
    return Response(otlp_answers.status(kind, status, sentence), status, headers, media_type=kind)


def hec_answer(code: splunk_hec.Code, retry_after: int = 0, **more: int) -> Response:
    """An answer of Splunk's."""
    body = msgspec.json.encode({"text": code.text, "code": code.code, **more})
    return Response(body, code.status, _retry(retry_after), media_type="application/json")


def _of_hec(request: Request, status: int, sentence: str, retry_after: int) -> Response:
    if status == 401:
        given = request.headers.get("authorization")
        return hec_answer(splunk_hec.WRONG_TOKEN if given else splunk_hec.NO_TOKEN)
    if status == 403:
        return hec_answer(splunk_hec.WRONG_TOKEN)
    if status in (429, 503):
        return hec_answer(splunk_hec.BUSY, retry_after)
    body = msgspec.json.encode({"text": sentence, "code": splunk_hec.WRONG_FORMAT.code})
    return Response(body, status, media_type="application/json")


def _retry(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)} if seconds else {}


#: What is said where nobody may send without a token.
TOKEN_NEEDED = "present a token that may send: `andon token add NAME --role producer` makes one"  # noqa: S105 - a sentence

LOGS, OTLP_LOGS = "/api/logs", "/v1/logs"
ALERTMANAGER, GRAFANA = "/api/webhooks/alertmanager", "/api/webhooks/grafana"
HEC = "/services/collector"
HEC_EVENTS = tuple(HEC + rest for rest in ("", "/event", "/event/1.0"))
HEC_RAW = tuple(HEC + rest for rest in ("/raw", "/raw/1.0"))
HEC_HEALTH = tuple(HEC + rest for rest in ("/health", "/health/1.0"))
HEC_ACK = HEC + "/ack"

_WAYS = {
    LOGS: Way("http", _in_words),
    OTLP_LOGS: Way("otlp", _of_otlp),
    ALERTMANAGER: Way("alertmanager", _in_words, knows_429=False),
    GRAFANA: Way("grafana", _in_words, knows_429=False),
    **dict.fromkeys((*HEC_EVENTS, *HEC_RAW, HEC_ACK), Way("splunk hec", _of_hec, knows_429=False)),
}


def way_in(method: str, path: str) -> Way | None:
    """The way in that a request takes; None where it asks for something."""
    found = _WAYS.get(path)
    return found if found is not None and method in found.methods else None


def way_of(request: Request) -> Way:
    """The way in of a route that is one."""
    return _WAYS[request.scope["path"]]


def refused_at(request: Request, status: int, sentence: str) -> Response:
    """The answer of a port that takes OTLP only."""
    return _of_otlp(request, status, sentence or TOKEN_NEEDED, 0)


def refused(request: Request, error: BodyRefused | UnreadyError) -> Response:
    """The answer where nothing of a request was taken."""
    way = way_of(request)
    if isinstance(error, BodyRefused):
        return way.refuse(request, error.status, str(error), 0)
    return way.refuse(request, 429 if error.full and way.knows_429 else 503, str(error), error.retry_after)


def origin_of(request: Request, peer: str) -> Origin:
    """What the parameters of a request say of where its logs come from. Raises BodyRefused."""
    asked = request.query_params
    return Origin(
        asked.get("host", "")[:255].strip(),
        asked.get("service", "")[:255].strip(),
        place_named(asked["place"][:1_000]) if "place" in asked else NOWHERE,
        peer,
    )

"""What the API answers: typed values as JSON, described once for OpenAPI, and errors of one sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from andon.core.errors import AndonError, NotFound, QueryTooSlow, StoreError
from andon.core.models import PatternSummary, Resolution, SecondOpinion, StoredLog
from andon.insight.problem import Explained
from andon.store.problems import PatternHost, PatternMerge, Verdict
from andon.store.retention import RetentionState

_log = structlog.get_logger(__name__)

#: Seconds after which a client may ask again where the database was too slow or away.
RETRY_AFTER = 5
JSON = "application/json"
#: How the names in filters were read, where they were not taken as they are.
NOTE = "Andon-Note"


class Log(StoredLog, frozen=True, kw_only=True):
    """A stored log with its explanation. ``context`` holds JSON values; a text where the record held none.

    ``second_opinion`` is what a model says below the explanation; listings leave it out.
    """

    context: Any = None
    second_opinion: SecondOpinion | None = None


class LogPage(msgspec.Struct, frozen=True):
    """Logs in order; ``next`` continues the listing, null at its end.

    ``notes`` tell how the names in the filters were read, and which are known although nothing matches.
    """

    logs: list[Log]
    next: str | None
    notes: list[str] = []


class ProblemAnswer(msgspec.Struct, frozen=True):
    """All that is known about a problem; see /history, /breakdown and /similar for more.

    ``second_opinion`` is what a model says below the explanation, which says in its text what that is worth.
    """

    pattern: PatternSummary
    explanation: Explained | None
    second_opinion: SecondOpinion | None
    verdicts: list[Verdict]
    newest_message: str | None
    hosts: list[PatternHost]
    merges: list[PatternMerge]
    resolutions: list[Resolution]


class RetentionRule(msgspec.Struct, frozen=True):
    """A rule of the settings, in words; the first that matches a log counts."""

    label: str
    rule: str


class RetentionAnswer(msgspec.Struct, frozen=True):
    """The rules in order, the largest size of the database in bytes (0: no limit), and what was deleted so far."""

    rules: list[RetentionRule]
    max_bytes: int
    state: RetentionState


class Error(msgspec.Struct, frozen=True):
    """What was wrong, in a sentence."""

    detail: str


#: What routes show and OpenAPI's components describe, by name.
_shown: dict[str, type] = {"Error": Error}
_REF = "#/components/schemas/{name}"


def send(value: object, notes: Iterable[str] = ()) -> Response:
    """A value as JSON; what is infinite or no number is null. ``notes`` go into the header :data:`NOTE`."""
    return Response(msgspec.json.encode(value, enc_hook=str), media_type=JSON, headers=noted(notes))


def noted(notes: Iterable[str]) -> dict[str, str]:
    """The header with these notes; none where there are none."""
    text = "; ".join(notes).encode("ascii", "backslashreplace").decode()
    return {NOTE: text} if text else {}


def shows(kind: type, *, several: bool = False) -> dict[int | str, dict[str, Any]]:
    """The description of a good answer for a route's ``responses``."""
    _shown[kind.__name__] = kind
    one = {"$ref": _REF.format(name=kind.__name__)}
    return {200: _described("Found.", {"type": "array", "items": one} if several else one)}


def _described(sentence: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": sentence, "content": {JSON: {"schema": schema}}}


def _problem(status: str) -> dict[str, Any]:
    return _described(status, {"$ref": _REF.format(name="Error")})


#: Answers that every route may give.
FAILURES: dict[int | str, dict[str, Any]] = {
    400: _problem("A parameter is wrong or unknown."),
    401: _problem("The token is missing or wrong."),
    404: _problem("Nothing with this id, or a filter names what no log names."),
    503: _problem("The database is away, or the question reads more than its time allows: ask for less."),
}


def as_log(row: StoredLog) -> Log:
    """A stored log with its context as JSON values."""
    values = msgspec.structs.asdict(row)
    if row.context:
        try:
            values["context"] = msgspec.json.decode(row.context)
        except (msgspec.DecodeError, RecursionError):  # taken over as it was: the text says what it says
            values["context"] = row.context
    return Log(**values)


def describe(app: FastAPI) -> None:
    """Give ``app`` its OpenAPI description and answer every error with one sentence."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            for path in found["paths"].values():
                for operation in path.values():
                    operation["responses"].pop("422", None)
            _, components = msgspec.json.schema_components(
                _shown.values(), schema_hook=lambda _kind: {}, ref_template=_REF
            )
            schemas = found.setdefault("components", {}).setdefault("schemas", {})
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            schemas.update(components)
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation does
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(AndonError, _failed)


async def _refused(_request: Request, error: Exception) -> Response:
    found = error.errors()[0] if isinstance(error, RequestValidationError) else {"msg": str(error), "loc": ()}
    name = ".".join(str(part) for part in found["loc"][1:])
    if found.get("type") == "extra_forbidden":
        sentence = f"there is no parameter {name!r} here: /openapi.json lists those there are"
    else:
        message = str(found["msg"]).removeprefix("Value error, ")
        sentence = f"{name}: {message[:1].lower()}{message[1:]}" if name else message
    return JSONResponse({"detail": sentence}, 400)


async def _failed(request: Request, error: Exception) -> Response:
    sentence = str(error)
    if isinstance(error, NotFound):
        return JSONResponse({"detail": sentence}, 404)
    if not isinstance(error, QueryTooSlow):
        _log.warning("api question failed", path=request.url.path, reason=sentence)
    status = 503 if isinstance(error, StoreError) else 500
    return JSONResponse({"detail": sentence}, status, {"Retry-After": str(RETRY_AFTER)} if status == 503 else None)

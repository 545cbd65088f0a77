"""What the API answers: typed values as JSON, described once for OpenAPI, and errors of one sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from andon.app.web.statuses import is_trouble, status_of
from andon.core.errors import AndonError
from andon.core.models import PatternSummary, Resolution, SecondOpinion, StoredLog
from andon.core.moments import described, told
from andon.core.wrong_values import in_words
from andon.insight.problem import Explained
from andon.store.problems import PatternHost, PatternMerge, ProblemNote, Tick, Verdict
from andon.store.retention import RetentionState

T = TypeVar("T")

#: Fields whose names no shop floor knows, explained wherever they are described; first where they mean something else.
_EXPLAINED = {
    "AlarmFigures.provisional": "True where the time is under thirty days: too short to be judged for good.",
    "rung": "Where the answer comes from: resolution (a fix that somebody confirmed), runbook (of the site), model, "
    "playbook (built-in rules), reused (the problem was explained before), or reference (taken over from gogent).",
    "provisional": "True where the answer stands in for a better one that is awaited, as while the model is away.",
    "rejects": "Messages that could not be understood; they are kept as they came.",
}

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


class Listing(msgspec.Struct, Generic[T], frozen=True):
    """What every list is answered in: its ``items`` in order.

    ``next`` continues the listing, null at its end. ``notes`` tell how the names in the filters were read, which are
    known although nothing matches, and that there are more where a list cannot be continued.
    """

    items: list[T]
    next: str | None = None
    notes: list[str] = []


class ProblemAnswer(msgspec.Struct, frozen=True):
    """All that is known about a problem; see /history, /breakdown and /similar for more.

    ``second_opinion`` is what a model says below the explanation, which says in its text what that is worth. ``ticks``
    are the steps of the explanation that somebody ticked off.
    """

    pattern: PatternSummary
    explanation: Explained | None
    second_opinion: SecondOpinion | None
    verdicts: list[Verdict]
    ticks: list[Tick]
    notes: list[ProblemNote]
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
    """A value as JSON, its moments as text; what is infinite or no number is null.

    ``notes`` go into the header :data:`NOTE`.
    """
    return Response(msgspec.json.encode(told(value), enc_hook=str), media_type=JSON, headers=noted(notes))


def send_list(items: Sequence[object], after: str | None = None, notes: Sequence[str] = ()) -> Response:
    """A list in its envelope."""
    return send(Listing(list(items), after, list(notes)), notes)


def first_of(found: Sequence[T], limit: int, notes: Sequence[str] = ()) -> Response:
    """The first ``limit`` of a list that cannot be continued, of which one more was asked for."""
    more = [f"only the first {limit:,} are listed: ask with a larger limit"] if len(found) > limit else []
    return send_list(found[:limit], None, [*notes, *more])


def noted(notes: Iterable[str]) -> dict[str, str]:
    """The header with these notes; none where there are none."""
    text = "; ".join(notes).encode("ascii", "backslashreplace").decode()
    return {NOTE: text} if text else {}


def shows(kind: type, *, several: bool = False, sentence: str = "Found.") -> dict[int | str, dict[str, Any]]:
    """The description of a good answer for a route's ``responses``: one of a kind, or a list of ``several``."""
    _shown[kind.__name__] = kind
    name = kind.__name__
    if several:
        name = f"{name}Listing"
        fields = [("items", list[kind]), ("next", str | None), ("notes", list[str])]  # type: ignore[valid-type]
        _shown.setdefault(name, msgspec.defstruct(name, fields, namespace={"__doc__": Listing.__doc__}, frozen=True))
    return {200: _described(sentence, {"$ref": _REF.format(name=name)})}


def _described(sentence: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": sentence, "content": {JSON: {"schema": schema}}}


def _problem(status: str) -> dict[str, Any]:
    return _described(status, {"$ref": _REF.format(name="Error")})


#: Answers that every route may give.
FAILURES: dict[int | str, dict[str, Any]] = {
    400: _problem("A parameter is wrong or unknown."),
    401: _problem("The token is missing or wrong."),
    404: _problem("Nothing has this id, or a filter names something that no log names."),
    503: _problem("The database is not available, or the question reads too much: ask for less."),
}


#: Answers that every route may give which changes something.
CHANGE_FAILURES: dict[int | str, dict[str, Any]] = {
    400: _problem("The body or a parameter is wrong or unknown, or the change is not possible: the sentence says why."),
    403: _problem("The request comes from another site's page, or the caller's role does not allow it."),
    413: _problem("The body is too long, or does not state its length."),
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


def describe(app: FastAPI, bodies: Mapping[str, dict[str, Any]]) -> None:
    """Give ``app`` its OpenAPI description and answer every error with one sentence.

    ``bodies`` describe those that no model of a route does.
    """

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
            schemas.update(_in_words(described(components)) | dict(bodies))
            found["servers"] = [{"url": "."}]  # as the description was asked for: a proxy's prefix stands before both
            found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            found["security"] = [{"token": []}, {}]
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation does
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(AndonError, _failed)
    app.add_exception_handler(HTTPException, _told)


def _in_words(schemas: dict[str, Any]) -> dict[str, Any]:
    """The same as programs meet them: moments are texts here, and what needs a word has one."""
    for kind, schema in schemas.items():
        if "description" in schema:
            schema["description"] = schema["description"].replace("unix seconds", "RFC 3339 text in UTC")
        for name, field in schema.get("properties", {}).items():
            if words := _EXPLAINED.get(f"{kind}.{name}", _EXPLAINED.get(name)):
                field.setdefault("description", words)
    return schemas


async def _refused(request: Request, error: Exception) -> Response:
    found: dict[str, Any] = {"msg": str(error), "loc": ()}
    if isinstance(error, RequestValidationError):
        # what is not known is told first: it may be what is missing, misspelt
        found = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    if found.get("type") == "json_invalid":
        return JSONResponse({"detail": f"the body is not JSON ({found['ctx']['error']})"}, 400)
    if found["loc"] == ("body",):
        sentence = "the body must be a JSON object, sent with the header Content-Type: application/json"
        return JSONResponse({"detail": sentence}, 400)
    name = ".".join(str(part) for part in found["loc"][1:])
    if found.get("type") == "extra_forbidden":
        return JSONResponse({"detail": _unknown(request, name)}, 400)
    message = in_words(found) if "type" in found else str(found["msg"])
    return JSONResponse({"detail": f"{name}: {message[:1].lower()}{message[1:]}" if name else message}, 400)


def _unknown(request: Request, name: str) -> str:
    """That there is no parameter of this name, and what was meant."""
    dependant = getattr(request.scope.get("route"), "dependant", None)
    fields = [*dependant.query_params, *dependant.body_params] if dependant is not None else []
    known = [key for one in fields for key in getattr(one.field_info.annotation, "model_fields", {})]
    close = difflib.get_close_matches(name, known, 1)
    meant = f"did you mean {close[0]!r}?" if close else "/openapi.json lists those there are"
    return f"there is no parameter {name!r} here: {meant}"


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # what it is registered for
    sentence, path = error.detail, request.url.path
    if (error.status_code, sentence) == (404, "Not Found"):
        sentence = f"there is nothing at {path}: /openapi.json lists what there is"
    elif error.status_code == 405:
        known = (error.headers or {}).get("Allow", "other methods")
        sentence = f"{path} takes {known}, not {request.method}: /openapi.json lists what there is"
    return JSONResponse({"detail": sentence}, error.status_code, error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    sentence, status = str(error), status_of(error)
    if is_trouble(error):
        _log.warning("api question failed", path=request.url.path, reason=sentence)
    return JSONResponse({"detail": sentence}, status, {"Retry-After": str(RETRY_AFTER)} if status == 503 else None)

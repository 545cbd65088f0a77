"""A question over chat completions with no library between: what the library's agent does where no tools are offered.

A typed answer that does not fit is asked for once more, with what was wrong; free text always fits.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from andon.core.models import Picture
from andon.explain.model.exchange import Exchange, NoAnswer, Request
from andon.explain.providers.chat_completions import ChatApi, complete
from andon.explain.providers.failures import Place

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

#: The name under which a typed answer is asked for.
ANSWER_NAME = "finding"
#: Requests for a typed answer at most: the first, and one repair.
_REQUESTS = 2
#: Characters of what was wrong with an answer that its model is told.
_WRONG_MAX = 600


@dataclass(frozen=True, kw_only=True)
class Line:
    """Where a question goes, and what goes with each request: ``settings`` are fields of its body, ``deadline`` is in
    seconds."""

    client: httpx2.AsyncClient
    api: ChatApi
    place: Place
    settings: Mapping[str, Any]
    deadline: float


async def ask(line: Line, request: Request[T], exchange: Exchange, *, native: bool, pictures: bool, requests: int) -> T:
    """The answer to ``request``, in so many requests at most. ``native`` binds a typed one by its schema.

    Raises ModelError, Refused, Filtered and Ended.
    """
    typed = request.output is not str
    body: dict[str, Any] = {"model": line.place.model, "stream": True, "messages": _messages(request, pictures)}
    body |= line.settings
    if typed and (native or line.api.json_object):
        body["response_format"] = (
            schema_of(cast(type[BaseModel], request.output)) if native else {"type": "json_object"}
        )
    body["stream_options"] = {"include_usage": True}
    wrong = ""
    for _ in range(min(requests, _REQUESTS if typed else 1)):
        await exchange.begin()
        reply = await complete(line.client, line.api, line.place, body, deadline=line.deadline, take=exchange.hear)
        if not reply.chunks:
            raise NoAnswer("a stream without an answer")
        text = exchange.read(reply)
        if not typed:
            if not text:
                raise NoAnswer("an empty answer")
            return cast(T, text)
        try:
            return cast(T, cast(type[BaseModel], request.output).model_validate_json(text))
        except ValidationError as error:
            wrong = _told(error) if text else "it is empty"
        body["messages"] = [*body["messages"], *_repair(text, wrong)]
    raise NoAnswer(f"no {ANSWER_NAME} in so many requests: {wrong}")


def _messages(request: Request[Any], pictures: bool) -> list[dict[str, Any]]:
    system = [{"role": "system", "content": request.instructions}] if request.instructions else []
    shown = [_picture(one) for one in request.pictures if one.data] if pictures else []
    content = [{"type": "text", "text": request.prompt}, *shown] if shown else request.prompt
    return [*system, {"role": "user", "content": content}]


def _picture(picture: Picture) -> dict[str, Any]:
    data = base64.b64encode(picture.data).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{picture.media_type};base64,{data}"}}


@functools.lru_cache(maxsize=32)
def schema_of(output: type[BaseModel]) -> dict[str, Any]:
    """The form of a typed answer as a server is bound to it: made once for each type. Not to be changed."""
    schema = output.model_json_schema()
    schema.pop("title", None)
    schema["additionalProperties"] = False
    return {"type": "json_schema", "json_schema": {"name": ANSWER_NAME, "schema": schema}}


def _repair(text: str, wrong: str) -> Sequence[dict[str, Any]]:
    """What is said behind an answer that does not fit."""
    said = [{"role": "assistant", "content": text}] if text else []
    told = f"Your answer does not fit the form ({wrong}). Answer once more, with the whole JSON and nothing else."
    return [*said, {"role": "user", "content": told}]


def _told(error: ValidationError) -> str:
    """What was wrong with an answer; nothing of the answer itself."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    lines = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}".removeprefix(": ") for one in found)
    return "; ".join(lines)[:_WRONG_MAX]

"""One answer over OpenAI's chat completions, streamed, with no library between.

A small box asks a model with one slow core: the libraries' classes for each piece of a stream, and their graph around a
single request, took ten times the processor time of the request itself. What is asked for here is the part of the
protocol that every such server has; look-ups by tools, and what single providers add, are left to their libraries.

https://platform.openai.com/docs/api-reference/chat/streaming
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from andon.core.outgoing_http import number, table
from andon.explain.providers.failures import (
    BUSY,
    Place,
    broke_off,
    deepest,
    from_status,
    hidden,
    message_in,
    not_an_answer,
    too_slow,
    unlike,
    unreachable,
)
from andon.explain.providers.non_streaming import NotAStream

if TYPE_CHECKING:
    import httpx2

#: Bytes of an error's body that are read.
_BODY_MAX = 20_000
#: Seconds that the end of a body is waited for behind the end of the answer: only then is its connection used again.
_END_WITHIN = 0.5
#: What the statuses are by which errors in a stream go that has begun with 200.
_STATUSES = {
    **dict.fromkeys(("rate_limit_exceeded", "rate_limit_error", "too_many_requests", "insufficient_quota"), 429),
    **dict.fromkeys(("service_unavailable", "service_unavailable_error", "server_is_overloaded", "overloaded"), 503),
    "context_length_exceeded": 400,
    "server_error": 500,
}
_HTTP = frozenset(map(str, range(400, 600)))
_FINISHES = {"tool_calls": "tool_call", "function_call": "tool_call"}

#: Takes each piece of an answer as it comes: ``text``, ``thinking`` or ``tool-call``, and the text of it.
Take = Callable[[str, str], None]


@dataclass(frozen=True, kw_only=True)
class ChatApi:
    """Where a server takes chat completions, and as whose. ``json_object`` says that an answer which is asked for in
    words alone may be bound to be some JSON object. Its repr shows no key."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    json_object: bool = False


@dataclass
class Reply:
    """An answer that came to its end. ``finish`` is why: ``stop``, ``length``, ``content_filter`` …; ``refusal`` what
    a content filter said; ``kept`` are the tokens of ``input`` that the server had read before. Without ``chunks`` it
    said nothing at all."""

    text: str = ""
    finish: str | None = None
    refusal: str = ""
    input: int = 0
    kept: int = 0
    output: int = 0
    chunks: int = 0


class Refused(Exception):
    """The server answered with an HTTP status that is no success; ``detail`` is its own message, without secrets."""

    def __init__(self, status: int, detail: str, retry_after: float | None) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.retry_after = retry_after


class _NoChunk(ValueError):
    """What came is no piece of an answer."""

    def __str__(self) -> str:
        return "not the chunks of an answer"


async def complete(
    client: httpx2.AsyncClient, api: ChatApi, place: Place, body: Mapping[str, Any], *, deadline: float, take: Take
) -> Reply:
    """The answer to ``body`` within ``deadline`` seconds; ``take`` gets each piece, and what it raises ends the reading
    and closes the connection, so that the server stops too.

    Raises Refused, and ModelError where no answer comes or what comes is none.
    """
    import httpx2

    try:
        async with (
            asyncio.timeout(deadline),
            client.stream("POST", api.url, content=json.dumps(body).encode(), headers=_headers(api)) as response,
        ):
            if not response.is_success:
                raise await _refused(response, place)
            return await _read(response, place, take)
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise too_slow(place, deadline) from error
    except NotAStream as error:
        raise unlike(place, error.what) from error
    except ValueError as error:  # broken JSON, other things than chunks, a body without end
        raise not_an_answer(place, error) from error
    except (httpx2.ReadError, httpx2.RemoteProtocolError) as error:
        raise broke_off(place, hidden(deepest(error), place)) from error
    except (httpx2.RequestError, ssl.SSLError) as error:
        raise unreachable(place, deepest(error)) from error


def _headers(api: ChatApi) -> dict[str, str]:
    return {"Content-Type": "application/json", "Accept": "text/event-stream, application/json", **api.headers}


async def _refused(response: httpx2.Response, place: Place) -> Refused:
    detail = hidden(message_in((await response.aread())[:_BODY_MAX].decode("utf-8", "replace")), place)
    later = response.headers.get("retry-after", "")
    return Refused(
        response.status_code, detail, float(later) if later.isascii() and later.replace(".", "", 1).isdigit() else None
    )


async def _read(response: httpx2.Response, place: Place, take: Take) -> Reply:
    reply, texts = Reply(), list[str]()
    body = response.aiter_bytes()
    async for data in _events(body):
        if data.startswith(b"[DONE]"):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_END_WITHIN):
                    async for _ in body:
                        pass
            break
        chunk = json.loads(data)
        if not isinstance(chunk, dict):
            raise _NoChunk
        if chunk.get("error"):
            _raise_told(chunk["error"], place)
        reply.chunks += 1
        _count(reply, chunk)
        for kind, piece in _pieces(reply, chunk):
            if kind == "text":
                texts.append(piece)
            take(kind, piece)
    reply.text = "".join(texts)
    reply.finish = reply.finish or "stop"  # some servers never say
    return reply


def _raise_told(error: object, place: Place) -> None:
    """Raises the ModelError for an error that comes within a stream."""
    told = error if isinstance(error, dict) else {}
    code, kind = str(told.get("code") or ""), str(told.get("type") or "")
    status = _STATUSES.get(code) or _STATUSES.get(kind) or (int(code) if code in _HTTP else None)
    detail = hidden(message_in({"error": error}), place)
    if status in BUSY:
        raise from_status(status, detail, place)
    raise broke_off(place, detail if status is None else f"{status}: {detail}")


def _count(reply: Reply, chunk: dict[str, Any]) -> None:
    """Take the usage of a chunk, the last one's in the end: some servers tell it with each, as it grows."""
    if usage := table(chunk, "usage"):
        reply.input = number(usage, "prompt_tokens") or 0
        reply.output = number(usage, "completion_tokens") or 0
        reply.kept = number(table(usage, "prompt_tokens_details"), "cached_tokens") or 0


def _pieces(reply: Reply, chunk: dict[str, Any]) -> list[tuple[str, str]]:
    """The pieces of the answer in a chunk; why it ended is noted in ``reply``. Raises _NoChunk."""
    choices = chunk.get("choices")
    if not choices:  # usage alone, behind the answer
        return []
    choice = choices[0] if isinstance(choices, list) else None
    if not isinstance(choice, dict) or not isinstance(delta := choice.get("delta") or {}, dict):
        raise _NoChunk
    if refusal := delta.get("refusal"):
        reply.finish, reply.refusal = "content_filter", f"{reply.refusal}{refusal}"[:_BODY_MAX]
        return []
    if isinstance(why := choice.get("finish_reason"), str) and why and not reply.refusal:
        reply.finish = _FINISHES.get(why, why)
    calls = delta.get("tool_calls")
    found = [
        ("thinking", delta.get("reasoning") or delta.get("reasoning_content")),
        ("text", _text(delta)),
        *(("tool-call", table(one, "function").get("arguments")) for one in (calls if isinstance(calls, list) else ())),
    ]
    return [(kind, piece) for kind, piece in found if isinstance(piece, str) and piece]


def _text(delta: dict[str, Any]) -> object:
    """The text of a piece; some servers have it as a list of parts."""
    content = delta.get("content")
    if not isinstance(content, list):
        return content
    parts = (part.get("text") if isinstance(part, dict) else part for part in content)
    return "".join(part for part in parts if isinstance(part, str))


async def _events(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The data of each event of a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    data: list[bytes] = []
    async for line in _lines(body):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []
    if data:
        yield b"\n".join(data)


async def _lines(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines of a body without their ends, LF, CR or both."""
    rest: list[bytes] = []
    async for chunk in body:
        rest.append(chunk)
        if b"\n" not in chunk and b"\r" not in chunk:
            continue
        lines = b"".join(rest).splitlines(keepends=True)
        # half a line, or one whose end may come in two pieces
        rest = [] if lines[-1].endswith(b"\n") else [lines.pop()]
        for line in lines:
            yield line.rstrip(b"\r\n")
    for line in b"".join(rest).splitlines():
        yield line

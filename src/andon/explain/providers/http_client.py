"""Asking providers over HTTP: what comes in place of a model's stream, and questions about the provider itself."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from andon.core import outgoing_http
from andon.core.outgoing_http import CONNECT_TIMEOUT, RESPONSE_MAX, ResponseTooLong, read_as
from andon.explain.providers.failures import Place, from_status, hidden, message_in, unlike, unreachable
from andon.explain.providers.non_streaming import ENCODINGS, NotAStream, as_events, web_page

if TYPE_CHECKING:
    import httpx2

#: Seconds for a question about the provider itself, such as whether it has the model.
CHECK_TIMEOUT = 8.0

#: By what a stream of an answer is known, and by what its end is: OpenAI's, Anthropic's and Google's.
_BEGUN = (b'"content":"', b'"content": "', b'"arguments"', b"content_block_delta", b'"candidates"')
_ENDED = (b"[DONE]", b'"finish_reason":"', b'"finish_reason": "', b"message_stop", b'"finishReason"')


async def _watched(response: httpx2.Response) -> None:
    """Raises NotAStream for what a model's server sends in place of the stream it was asked for."""
    if response.request.method != "POST" or not _wants_stream(response.request):
        return
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if response.is_redirect:
        # never followed: the question and the key are for the configured address alone
        target = urlsplit(response.headers.get("location", ""))
        raise NotAStream(f"{response.status_code}, a redirect to {target.hostname or 'another path'}")
    if response.status_code != 200:
        return
    if kind == "text/html":
        await response.aread()
        raise NotAStream(web_page(response.text) or "a web page")
    if kind == "text/event-stream" and not encoding:
        read_as(response, _to_its_end)
    if kind == "application/json" and encoding in ENCODINGS:
        response.headers.pop("content-encoding", None)
        read_as(response, functools.partial(_as_events, encoding))


#: A client for the server of a model; see :func:`andon.core.outgoing_http.bounded_client`.
bounded_client = functools.partial(outgoing_http.bounded_client, look=_watched)


def _wants_stream(request: httpx2.Request) -> bool:
    """Whether the answer is wanted as events: Google says so in the address, the others in the body."""
    # within the texts of a body every quotation mark is escaped, so that this is found outside of them only
    body = request.content
    return request.url.path.endswith(":streamGenerateContent") or b'"stream":true' in body or b'"stream": true' in body


async def _to_its_end(body: httpx2.AsyncByteStream) -> AsyncIterator[bytes]:
    """A stream that has to say that it is at its end; libraries take any end for one, and none at all for an answer."""
    import httpx2

    begun = ended = False
    last, size = b"", 0
    async for chunk in body:
        size += len(chunk)
        seen = last + chunk
        begun = begun or any(mark in seen for mark in _BEGUN)
        ended = ended or any(mark in seen for mark in _ENDED)
        last = chunk[-32:]
        yield chunk
    if not size:
        raise NotAStream("an empty page")
    if begun and not ended:
        raise httpx2.RemoteProtocolError("the stream ended in the middle of the answer")


async def _as_events(encoding: str, body: httpx2.AsyncByteStream) -> AsyncIterator[bytes]:
    """A body that is read to its end and told as events."""
    yield as_events(b"".join([chunk async for chunk in body]), encoding, RESPONSE_MAX)


async def get_json(
    client: httpx2.AsyncClient | None,
    place: Place,
    url: str,
    headers: Mapping[str, str] | None = None,
    *,
    params: Mapping[str, str] | None = None,
    body: object = None,
    may_lack: bool = False,
    each: float = CONNECT_TIMEOUT,
    within: float | None = CHECK_TIMEOUT,
) -> Any:
    """The JSON at ``url``, to which ``body`` is posted where there is one. Raises ModelError.

    None where the page does not exist and ``may_lack`` allows that; a page that says that it is the model which does
    not exist is there. ``each`` bounds each read, ``within`` the whole, in seconds.
    """
    import httpx2

    if client is None:
        raise unreachable(place, "the client is closed")
    try:
        # a server that drips needs the outer timeout
        async with asyncio.timeout(within):
            response = await client.request(
                "GET" if body is None else "POST",
                url,
                headers=dict(headers or {}),
                params=dict(params or {}),
                json=body,
                timeout=each,
            )
    except httpx2.TimeoutException as error:
        raise unreachable(place, f"no answer within {each:g} s") from error
    except TimeoutError as error:
        raise unreachable(place, f"no answer within {within:g} s") from error
    except (httpx2.HTTPError, OSError) as error:
        raise unreachable(place, str(error) or type(error).__name__) from error
    except ResponseTooLong as error:
        raise unlike(place, "a page that does not end") from error
    detail = "" if response.is_success else hidden(message_in(response.text[:4_000]), place)
    # the path has the name of the model in it
    denies_model = place.model in detail.replace(f"/models/{place.model}", "")
    if response.status_code in (404, 405) and may_lack and not denies_model:
        return None
    if not response.is_success:
        later = response.headers.get("retry-after", "")
        retry_after = float(later) if later.isascii() and later.isdigit() else None
        raise from_status(response.status_code, detail, place, retry_after=retry_after)
    try:
        return response.json()
    except ValueError as error:
        raise unlike(place, "no JSON") from error

"""The HTTP client under every provider: bounded in time, in connections and in what it reads of a response."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from andon.explain.providers.failures import Place, from_status, hidden, message_in, unlike, unreachable
from andon.explain.providers.non_streaming import ENCODINGS, NotAStream, as_events, web_page

if TYPE_CHECKING:
    import httpx2

log = structlog.get_logger(__name__)

#: Seconds until a connection must stand.
CONNECT_TIMEOUT = 5.0
#: Seconds for a question about the provider itself, such as whether it has the model.
CHECK_TIMEOUT = 8.0
#: Bytes of a response that are read at most. A token comes as an event of some 250 bytes.
RESPONSE_MAX = 4 * 2**20


#: By what a stream of an answer is known, and by what its end is: OpenAI's, Anthropic's and Google's.
_BEGUN = (b'"content":"', b'"content": "', b'"arguments"', b"content_block_delta", b'"candidates"')
_ENDED = (b"[DONE]", b'"finish_reason":"', b'"finish_reason": "', b"message_stop", b'"finishReason"')


class ResponseTooLong(ValueError):
    """A response went on beyond RESPONSE_MAX bytes: no answer of a model does."""


def bounded_client(
    *,
    timeout: float,
    pool: int,
    trust_env: bool,
    headers: Mapping[str, str] | None = None,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> httpx2.AsyncClient:
    """A client for at most ``pool`` connections; ``timeout`` in seconds is for each read.

    ``trust_env`` heeds HTTPS_PROXY and NO_PROXY, as a plant's way to the internet needs it; SSL_CERT_FILE always
    counts. A ``transport`` of one's own brings its own connections: neither ``pool`` nor ``trust_env`` concern it.
    """
    import httpx2

    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(timeout, connect=CONNECT_TIMEOUT),
        limits=httpx2.Limits(max_connections=pool, max_keepalive_connections=pool),
        trust_env=trust_env,
        # a plant's own authority is trusted on either way
        verify=True if transport is not None else httpx2.create_ssl_context(trust_env=True),
        headers=dict(headers or {}),
        transport=transport,
        event_hooks={"response": [_watched]},
    )


def is_neighbour(url: str) -> bool:
    """Whether ``url`` is on this box or in this network, where a proxy would only be in the way."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".lan", ".internal", ".localhost"))


async def _watched(response: httpx2.Response) -> None:
    """Response hook: stop reading a body after RESPONSE_MAX bytes, also one that never ends a line.

    Raises NotAStream for what a model's server sends in place of the stream it was asked for.
    """
    response.stream = _stream_type()(response.stream, _up_to_max)
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
        response.stream = _stream_type()(response.stream, _to_its_end)
    if kind == "application/json" and encoding in ENCODINGS:
        response.headers.pop("content-encoding", None)
        response.stream = _stream_type()(response.stream, functools.partial(_as_events, encoding))


def _wants_stream(request: httpx2.Request) -> bool:
    """Whether the answer is wanted as events: Google says so in the address, the others in the body."""
    # within the texts of a body every quotation mark is escaped, so that this is found outside of them only
    body = request.content
    return request.url.path.endswith(":streamGenerateContent") or b'"stream":true' in body or b'"stream": true' in body


@functools.cache
def _stream_type() -> type[Any]:
    import httpx2

    class Stream(httpx2.AsyncByteStream):
        """A body as ``read`` passes it on; libraries look for more behind its end, which is not read again."""

        def __init__(self, inner: httpx2.AsyncByteStream, read: Callable[..., AsyncIterator[bytes]]) -> None:
            self._inner = inner
            self._read = read
            self._begun = False

        def __aiter__(self) -> AsyncIterator[bytes]:
            if self._begun:
                return self._inner.__aiter__()
            self._begun = True
            return self._read(self._inner)

        async def aclose(self) -> None:
            await self._inner.aclose()

    return Stream


async def _up_to_max(body: httpx2.AsyncByteStream) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in body:
        size += len(chunk)
        if size > RESPONSE_MAX:
            log.warning("response cut", limit=RESPONSE_MAX)
            raise ResponseTooLong(f"the response is longer than {RESPONSE_MAX} bytes")
        yield chunk


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
        raise unlike(place, "a page without end") from error
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


def entries(answer: Any, key: str) -> list[dict[str, Any]]:
    """The objects listed under ``key`` of what :func:`get_json` returned; what is of another type is not there."""
    found = answer.get(key) if isinstance(answer, dict) else None
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def table(answer: Any, key: str) -> dict[str, Any]:
    """The object under ``key``, an empty one where there is none."""
    found = answer.get(key) if isinstance(answer, dict) else None
    return found if isinstance(found, dict) else {}


def text(answer: Any, key: str) -> str | None:
    """The text under ``key``; None where there is none, or an empty one."""
    found = answer.get(key) if isinstance(answer, dict) else None
    return found if isinstance(found, str) and found else None


def number(answer: Any, key: str) -> int | None:
    """The whole number of 0 or more under ``key``, None where there is none."""
    found = answer.get(key) if isinstance(answer, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None

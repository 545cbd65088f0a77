"""The HTTP client under every provider: bounded in time, in connections and in what it reads of a response."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from andon.explain.providers.non_streaming import ENCODINGS, NotAStream, as_events, web_page

if TYPE_CHECKING:
    import httpx2

log = structlog.get_logger(__name__)

#: Seconds until a connection must stand.
CONNECT_TIMEOUT = 5.0
#: Bytes of a response that are read at most. A token comes as an event of some 250 bytes.
RESPONSE_MAX = 4 * 2**20


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
        event_hooks={"response": [_bounded, _streamed]},
    )


def is_neighbour(url: str) -> bool:
    """Whether ``url`` is on this box or in this network, where a proxy would only be in the way."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".lan", ".internal", ".localhost"))


async def _bounded(response: httpx2.Response) -> None:
    """Response hook: stop reading a body after RESPONSE_MAX bytes, also one that never ends a line."""
    response.stream = _bounded_stream_type()(response.stream)


async def _streamed(response: httpx2.Response) -> None:
    """Response hook: what a model's server sends in place of the stream it was asked for. Raises NotAStream."""
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
    if kind == "application/json" and encoding in ENCODINGS:
        response.headers.pop("content-encoding", None)
        response.stream = _whole_stream_type()(response.stream, encoding)


def _wants_stream(request: httpx2.Request) -> bool:
    """Whether the answer is wanted as events: Google says so in the address, the others in the body."""
    # within the texts of a body every quotation mark is escaped, so that this is found outside of them only
    body = request.content
    return request.url.path.endswith(":streamGenerateContent") or b'"stream":true' in body or b'"stream": true' in body


@functools.cache
def _whole_stream_type() -> type[Any]:
    import httpx2

    class WholeStream(httpx2.AsyncByteStream):
        """A body that is read to its end and told as events."""

        def __init__(self, inner: httpx2.AsyncByteStream, encoding: str) -> None:
            self._inner = inner
            self._encoding = encoding

        async def __aiter__(self) -> AsyncIterator[bytes]:
            body = b"".join([chunk async for chunk in self._inner])
            yield as_events(body, self._encoding, RESPONSE_MAX)

        async def aclose(self) -> None:
            await self._inner.aclose()

    return WholeStream


@functools.cache
def _bounded_stream_type() -> type[Any]:
    import httpx2

    class BoundedStream(httpx2.AsyncByteStream):
        def __init__(self, inner: httpx2.AsyncByteStream) -> None:
            self._inner = inner

        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for chunk in self._inner:
                size += len(chunk)
                if size > RESPONSE_MAX:
                    log.warning("response cut", limit=RESPONSE_MAX)
                    raise ResponseTooLong(f"the response is longer than {RESPONSE_MAX} bytes")
                yield chunk

        async def aclose(self) -> None:
            await self._inner.aclose()

    return BoundedStream

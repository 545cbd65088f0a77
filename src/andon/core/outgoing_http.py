"""The HTTP client under everything that leaves the box: bounded in time, in connections and in what it reads.

It follows no redirect: what is asked, and with which key, is for the configured address alone.
"""

from __future__ import annotations

import functools
import ipaddress
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

if TYPE_CHECKING:
    import httpx2

log = structlog.get_logger(__name__)

#: Seconds until a connection must stand.
CONNECT_TIMEOUT = 5.0
#: Bytes of a response that are read at most. A token of a model comes as an event of some 250 bytes.
RESPONSE_MAX = 4 * 2**20


class ResponseTooLong(ValueError):
    """A response went on beyond RESPONSE_MAX bytes: no answer that we asked for does."""


def bounded_client(
    *,
    timeout: float,
    pool: int,
    trust_env: bool,
    headers: Mapping[str, str] | None = None,
    transport: httpx2.AsyncBaseTransport | None = None,
    look: Callable[[httpx2.Response], Awaitable[None]] | None = None,
    keep: float = 5.0,
) -> httpx2.AsyncClient:
    """A client for at most ``pool`` connections; ``timeout`` in seconds is for each read.

    A connection that was idle for ``keep`` seconds is not used again.

    ``trust_env`` heeds HTTPS_PROXY and NO_PROXY, as a plant's way to the internet needs it; SSL_CERT_FILE always
    counts. A ``transport`` of one's own brings its own connections: neither ``pool`` nor ``trust_env`` concern it.
    ``look`` sees each response before its body is read.
    """
    import httpx2

    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(timeout, connect=CONNECT_TIMEOUT),
        limits=httpx2.Limits(max_connections=pool, max_keepalive_connections=pool, keepalive_expiry=keep),
        trust_env=trust_env,
        # a plant's own authority is trusted on either way
        verify=True if transport is not None else trust(),
        headers=dict(headers or {}),
        transport=transport,
        event_hooks={"response": [_bounded, *([] if look is None else [look])]},
    )


def trust() -> ssl.SSLContext:
    """The authorities that are trusted, those of SSL_CERT_FILE or SSL_CERT_DIR where they are named: one for all
    clients, since each takes a megabyte or two and some milliseconds; another one once the file was renewed.

    Raises OSError (also as ssl.SSLError) where the file named there cannot be read.
    """
    named = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR") or ""
    return _trust(named, os.stat(named).st_mtime_ns if named else 0)


@functools.lru_cache(maxsize=1)
def _trust(named: str, changed: int) -> ssl.SSLContext:
    import httpx2

    return httpx2.create_ssl_context(trust_env=True)


def is_neighbour(url: str) -> bool:
    """Whether ``url`` is on this box or in this network, where a proxy would only be in the way."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".lan", ".internal", ".localhost"))


def read_as(response: httpx2.Response, read: Callable[[Any], AsyncIterator[bytes]]) -> None:
    """The body of ``response`` is what ``read`` makes of it."""
    response.stream = _stream_type()(response.stream, read)


async def _bounded(response: httpx2.Response) -> None:
    """Response hook: stop reading a body after RESPONSE_MAX bytes, also one that never ends a line."""
    read_as(response, _up_to_max)


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
            log.warning("response truncated", limit=RESPONSE_MAX)
            raise ResponseTooLong(f"the response is longer than {RESPONSE_MAX} bytes")
        yield chunk


def entries(answer: Any, key: str) -> list[dict[str, Any]]:
    """The objects listed under ``key`` of a JSON answer; what is of another type is not there."""
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

"""An MTConnect agent that is asked over HTTP: what is current, then what is new as a stream of documents."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from andon.ingest.sources.mtconnect_xml import Document, NotMtconnect, read_document
from andon.ingest.sources.shdr_adapter import PeerLost

if TYPE_CHECKING:
    import httpx2

#: Bytes of one document, and of the head of a part; above the third, documents are read beside the event loop.
DOCUMENT_MAX, HEAD_MAX, LARGE = 32 * 1024 * 1024, 8 * 1024, 128 * 1024
#: Seconds for a connection and an answer; a stream shows a sign of life after so many, and is over after so many more.
ANSWER, HEARTBEAT, GRACE = 15.0, 10, 10.0
#: Observations of one document at most.
COUNT = 1_000

_BOUNDARY = re.compile(r'boundary="?([^";,]{1,200})"?', re.IGNORECASE)
_LENGTH = re.compile(rb"content-length:[ \t]*(\d{1,12})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")


class MtconnectAgent:
    """A client of an agent. Use it as a context; its questions raise PeerLost."""

    def __init__(self, url: str, interval: int) -> None:
        import httpx2

        self._url = url.rstrip("/")
        self._interval = interval
        # over plain HTTP no authorities are loaded, which take a megabyte for each agent; TLS would trust nobody then
        secure = url.startswith("https:")
        self._client: httpx2.AsyncClient = httpx2.AsyncClient(
            timeout=httpx2.Timeout(ANSWER, read=HEARTBEAT + GRACE),
            verify=ssl.create_default_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            follow_redirects=False,
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
        )
        self._failures = (httpx2.HTTPError, httpx2.InvalidURL)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def ask(self, what: str) -> Document:
        """The document of ``current`` or ``probe``."""
        try:
            async with asyncio.timeout(4 * ANSWER), self._client.stream("GET", f"{self._url}/{what}") as response:
                return await read(await _whole(response))
        except TimeoutError:
            raise PeerLost(f"the agent did not answer {what} within {4 * ANSWER:g} seconds") from None
        except self._failures as error:
            raise self._lost(error) from error

    async def sample(self, start: int) -> AsyncIterator[Document]:
        """What is new from sequence ``start`` on, a document at a time, until the agent ends it."""
        asked = {"from": start, "interval": self._interval, "count": COUNT, "heartbeat": HEARTBEAT * 1000}
        try:
            async with self._client.stream("GET", f"{self._url}/sample", params=asked) as response:
                kind = response.headers.get("content-type", "")
                found = _BOUNDARY.search(kind)
                if not kind.lower().startswith("multipart/") or found is None:
                    yield await read(await _whole(response))  # an error, or an agent that does not stream
                    return
                parts = Parts(found[1].encode("latin-1", "replace"))
                async for data in response.aiter_raw():
                    for part in parts.feed(data):
                        yield await read(part)
        except self._failures as error:
            raise self._lost(error) from error

    def _lost(self, error: BaseException) -> PeerLost:
        return PeerLost(str(error) or type(error).__name__)


async def _whole(response: httpx2.Response) -> bytes:
    data = bytearray()
    async for piece in response.aiter_raw():
        data += piece
        if len(data) > DOCUMENT_MAX:
            raise PeerLost(f"the agent's answer has more than {DOCUMENT_MAX:,} bytes")
    if response.status_code >= 400 and not data.lstrip().startswith(b"<"):
        raise PeerLost(f"the agent answers {response.status_code} {response.reason_phrase}")
    return bytes(data)


async def read(data: bytes) -> Document:
    """Read a document, a large one beside the event loop. Raises PeerLost where it is none."""
    try:
        return await asyncio.to_thread(read_document, data) if len(data) > LARGE else read_document(data)
    except NotMtconnect as error:
        raise PeerLost(f"the agent sent something that is not an MTConnect document: {error}") from None


class Parts:
    """Cuts a multipart stream into its parts. Raises PeerLost for one above the bounds.

    A part with a Content-length ends there; one without ends where the next begins.
    """

    def __init__(self, boundary: bytes) -> None:
        self._mark = b"--" + boundary
        self._data = bytearray()
        self._length: int | None = None
        self._inside = False

    def feed(self, data: bytes) -> list[bytes]:
        """The parts that end in ``data``."""
        self._data += data
        found: list[bytes] = []
        while True:
            if not self._inside and not self._enter():
                break
            part = self._leave()
            if part is None:
                break
            if part.strip():
                found.append(part)
        if len(self._data) > DOCUMENT_MAX + HEAD_MAX:
            raise PeerLost(f"the agent sends a document of more than {DOCUMENT_MAX:,} bytes")
        return found

    def _enter(self) -> bool:
        """Go behind the head of the next part; whether it is there."""
        at = self._data.find(self._mark)
        end = None if at < 0 else _HEAD_END.search(self._data, at)
        if end is None:
            if len(self._data) > HEAD_MAX:
                raise PeerLost("a part of the agent's stream is missing")
            return False
        length = _LENGTH.search(self._data, at, end.end())
        self._length = int(length[1]) if length else None
        if self._length is not None and self._length > DOCUMENT_MAX:
            raise PeerLost(
                f"the agent announces a document of {self._length:,} bytes: at most {DOCUMENT_MAX:,} are accepted"
            )
        del self._data[: end.end()]
        self._inside = True
        return True

    def _leave(self) -> bytes | None:
        """The body of the part; None while it is not whole."""
        end = self._data.find(self._mark) if self._length is None else self._length
        if end < 0 or len(self._data) < end:
            return None
        part = bytes(self._data[:end])
        del self._data[:end]
        self._inside = False
        return part

"""A connection of the HTTP server that does not wait for ever: uvicorn bounds the size of a head, but no time.

Every state in which a client is awaited has a deadline: the head of a request, its body, the reading of the answer.
Where all places are taken, who keeps us waiting longest makes room, so that clients that hold connections open keep
nobody else from an answer.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

#: Within so many seconds of the connection (or of its first byte after an answer) a request's head must be there, …
HEAD_SECONDS = 10.0
#: … and within so many more its body.
BODY_SECONDS = 20.0
#: A client that takes less than so many bytes of its answer in so many seconds has stopped reading.
STALL_SECONDS, STALL_BYTES = 20.0, 4_096
#: Connections at a time: far below the files that a process may have open.
CONNECTIONS = 200

_FULL = b'{"detail":"every connection is in use: try again in a moment"}'


class Connection(H11Protocol):
    """uvicorn's connection with deadlines, and a place of its own among :data:`CONNECTIONS`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._awaited = ""  # "head", "body", or nothing while it is our turn
        self._deadline: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        self._since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place, and begin to wait for a head."""
        full = len(self.connections) >= CONNECTIONS and not self._make_room()
        super().connection_made(transport)
        if full:
            transport.write(_response(b"503 Service Unavailable", _FULL))
            transport.close()
        self._wait_for("head", HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        self._wait_for("")
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; the deadline of a part ends with that part, not with its next byte."""
        if not self.transport.is_closing():
            super().data_received(data)
            self._look(began=True)

    def on_response_complete(self) -> None:
        """The answer is written; whether it is read too is watched."""
        super().on_response_complete()
        self._look(began=bool(self.conn.trailing_data[0]))
        self._watch()

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        super().pause_writing()
        self._since = self.loop.time()
        self._watch()

    def resume_writing(self) -> None:
        """The client caught up."""
        super().resume_writing()
        self._stop_watching()

    @property
    def stalled_since(self) -> float | None:
        """Since when (loop time) this connection keeps us waiting; None while we are at work for it."""
        cycle: RequestResponseCycle | None = self.cycle
        waits = self._awaited or cycle is None or cycle.response_complete or self.flow.write_paused
        return self._since if waits else None

    def _make_room(self) -> bool:
        """End the connection that keeps us waiting longest, those that read an answer last; whether there was one."""
        waiting = [
            (one.transport.get_write_buffer_size() > 0, since, id(one), one)
            for one in self.connections
            if (since := _stalled(one)) is not None
        ]
        if not waiting:
            return False
        *_, oldest = min(waiting)
        self.connections.discard(oldest)
        oldest.transport.abort()
        return True

    def _look(self, *, began: bool) -> None:
        """Set the deadline for what the client owes now; ``began``: whether a byte of the next head is there."""
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._wait_for("body", BODY_SECONDS)
        elif state is h11.IDLE and began:
            self._wait_for("head", HEAD_SECONDS)
        else:  # ours to answer, or idle after an answer, which uvicorn ends by itself
            self._wait_for("")

    def _wait_for(self, part: str, seconds: float = 0.0) -> None:
        if part and part == self._awaited:
            return
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._awaited, self._since = part, self.loop.time()
        if part:
            self._deadline = self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        """The client did not send the rest in time: say so where it began and no answer is under way."""
        self._deadline = None
        began = bool(self.conn.trailing_data[0]) if self._awaited == "head" else not self.cycle.response_started
        if not began or self.transport.is_closing():
            self.transport.abort()
            return
        if self._awaited == "body":
            self.cycle.disconnected = True
        seconds = HEAD_SECONDS if self._awaited == "head" else BODY_SECONDS
        said = f'{{"detail":"the {self._awaited} of the request was not complete after {seconds:g} seconds"}}'
        self.transport.write(_response(b"408 Request Timeout", said.encode()))
        self.transport.close()
        self._watch()

    def _watch(self) -> None:
        """See to it that what is written is read, until nothing is left of it."""
        if self._reading is None and (left := self.transport.get_write_buffer_size()):
            self._reading = self.loop.call_later(STALL_SECONDS, self._check, left)

    def _check(self, before: int) -> None:
        self._reading = None
        owes = self.flow.write_paused or self.transport.is_closing()  # else there may be nothing more to read yet
        if owes and (left := self.transport.get_write_buffer_size()) > 0 and before - left < STALL_BYTES:
            self.transport.abort()
        else:
            self._watch()

    def _stop_watching(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None


def _stalled(connection: object) -> float | None:
    return connection.stalled_since if isinstance(connection, Connection) else None


def _response(status: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    return head % (status, len(body)) + body

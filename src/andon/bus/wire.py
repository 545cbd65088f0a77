"""Reading what the broker sends: whole messages are cut out of what arrived, without the detours of the general case.

nats-py's parser tries each expression on each line, shortens its buffer twice for a message and hands it on through a
queue to a task. That costs more than storing a row. Here a message that lies whole in the bytes goes at once to whoever
takes messages as they are (a :data:`Sink`), or to nats-py; everything else is left to nats-py's own parser.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Container

from nats.aio.client import Client
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

#: Takes (subject, reply, payload, headers, place among all that arrived); what is to be awaited then, if anything.
Sink = Callable[[bytes, bytes, bytes, bytes | None, int], Awaitable[None] | None]

#: Gives (subscription, subject, reply, payload, headers) to the subscription's sink.
HandOver = Callable[[int, bytes, bytes, bytes, bytes | None], Awaitable[None] | None]

_WITH_HEADERS = re.compile(rb"HMSG (\S+) (\d+) (?:(\S+) )?(\d+) (\d+)\r\n")
_WITHOUT = re.compile(rb"MSG (\S+) (\d+) (?:(\S+) )?(\d+)\r\n")
_H, _M = b"HM"
#: The beginning of a message is joined with its rest up to this size; larger ones are collected by nats-py.
_JOINED = 64 << 10

_FIRST = b"NATS/1.0\r\n"
_WITH_ID = b"NATS/1.0\r\nNats-Msg-Id: "
_TOKEN = re.compile(rb"[!-~]+")
_LINES = re.compile(rb"(?:[!-9;-~]+:[ -~]*\r\n)+\r\n")


class WireParser(Parser):
    """nats-py's parser with a short way for whole messages: to ``hand_over`` those of the subscriptions ``sinks``."""

    def __init__(self, nc: Client, sinks: Container[int], hand_over: HandOver) -> None:
        super().__init__(nc)
        self._sinks = sinks
        self._hand_over = hand_over

    async def parse(self, data: bytes = b"") -> None:
        """Hand on what ``data`` completes; raises what nats-py's parser raises."""
        if self.state != AWAITING_CONTROL_LINE or len(self.buf) > _JOINED:
            await super().parse(data)
            return
        if self.buf:
            data = bytes(self.buf) + data
            self.buf.clear()
        place = 0
        while place < len(data):
            begin = data[place]
            if begin == _H and (found := _WITH_HEADERS.match(data, place)):
                subject, sid, reply, headed, size = found.groups()
                start = found.end()
                body = start + int(headed)
            elif begin == _M and (found := _WITHOUT.match(data, place)):
                subject, sid, reply, size = found.groups()
                start = body = found.end()
            else:
                await super().parse(data[place:])
                return
            end = start + int(size)
            if end + 2 > len(data):
                break
            place = end + 2
            number = int(sid)
            headers = data[start:body] if body > start else None
            if number in self._sinks:
                todo = self._hand_over(number, subject, reply or b"", data[body:end], headers)
                if todo is not None:
                    await todo
            else:
                await self.nc._process_msg(number, subject, reply or b"", data[body:end], headers)  # noqa: SLF001 - as nats-py's parser calls it
        if place < len(data):
            if len(data) - place > _JOINED:
                await super().parse(data[place:])
            else:
                self.buf.extend(data[place:])


def plain_headers(raw: bytes) -> dict[str, str] | None:
    """The headers of a message where they are plain text and no status, which they usually are; None for others.

    >>> plain_headers(b"NATS/1.0\\r\\nNats-Msg-Id: a.1\\r\\nTo: b\\r\\n\\r\\n")
    {'Nats-Msg-Id': 'a.1', 'To': 'b'}
    """
    end = len(raw) - 4
    if raw.startswith(_WITH_ID) and raw.endswith(b"\r\n\r\n") and _TOKEN.fullmatch(raw, len(_WITH_ID), end):
        return {"Nats-Msg-Id": raw[len(_WITH_ID) : end].decode()}
    if not raw.startswith(_FIRST) or not _LINES.fullmatch(raw, len(_FIRST)):
        return None
    headers = {}
    for line in raw[len(_FIRST) : end].decode().split("\r\n"):
        name, _, value = line.partition(":")
        headers[name] = value.strip()
    return headers

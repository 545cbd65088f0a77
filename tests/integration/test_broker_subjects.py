"""Subjects that are no UTF-8: any client can send them, and nobody else's messages may suffer."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from andon.bus.log_stream import JetStreamLogStream
from andon.core.models import SUBJECT
from support.bus import client, drain, running_broker, until


async def raw_publish(url: str, subject: bytes, data: bytes) -> None:
    """What a client that does not care writes; returns when the broker has it."""
    host, port = url.removeprefix("nats://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.readline()
    writer.write(b'CONNECT {"verbose":false,"pedantic":false}\r\n')
    writer.write(b"PUB %s %d\r\n%s\r\nPING\r\n" % (subject, len(data), data))
    assert await reader.readline() == b"PONG\r\n"
    writer.close()
    await writer.wait_closed()


async def test_a_subject_that_is_not_utf8_is_delivered_like_any(tmp_path: Path) -> None:
    """It is read with escapes, and the messages before and behind it come too."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        stream = await JetStreamLogStream.open(nc)
        for number, subject in enumerate((b"", b".hall\xff\xfe", b".line1")):
            await raw_publish(broker.url, SUBJECT.encode() + subject, json.dumps({"n": number}).encode())
        got = await drain(stream, 3)
        assert [json.loads(each.data)["n"] for each in got] == [0, 1, 2]
        assert got[1].subject == f"{SUBJECT}.hall\\xff\\xfe"

        async def acknowledged() -> bool:
            return (await stream.state()).ack_floor == 3

        await until(acknowledged, "the acknowledgements")
        await stream.close()

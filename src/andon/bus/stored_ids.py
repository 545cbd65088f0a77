"""Which messages the stream has, by the ids that they were sent with: for who was stopped and did not hear of it."""

from __future__ import annotations

import contextlib

from andon.bus import jetstream_api
from andon.bus.connection import BusConnection
from andon.bus.inbox import MESSAGE_ID
from andon.bus.pull_consumer import PullReader
from andon.core.errors import BrokerError
from andon.core.models import STREAM

_BATCH, _BYTES = 1_000, 4 * 1024 * 1024


async def stream_end(nc: BusConnection) -> int:
    """The sequence of the newest message. Raises BrokerError."""
    info = await jetstream_api.request(nc, f"STREAM.INFO.{STREAM}")
    return int(info["state"]["last_seq"])


async def ids_since(nc: BusConnection, sequence: int, until_ns: int, prefix: str) -> set[str] | None:
    """The ids that begin with ``prefix`` of messages behind ``sequence`` that were stored before ``until_ns``.

    None where the stream does not hold all of them any more. Raises BrokerError.
    """
    state = (await jetstream_api.request(nc, f"STREAM.INFO.{STREAM}"))["state"]
    if state["last_seq"] <= sequence:
        return set()
    if state["first_seq"] > sequence + 1:
        return None
    config = {
        "deliver_policy": "by_start_sequence",
        "opt_start_seq": sequence + 1,
        "ack_policy": "none",
        "mem_storage": True,
        "num_replicas": 1,
        "inactive_threshold": 30 * jetstream_api.SECOND,
        "headers_only": True,
    }
    body = {"stream_name": STREAM, "config": config}
    name: str = (await jetstream_api.request(nc, f"CONSUMER.CREATE.{STREAM}", body))["name"]
    reader = PullReader(nc, STREAM, name, batch=_BATCH, max_bytes=_BYTES, no_wait=True)
    found: set[str] = set()
    try:
        await reader.open()
        while not reader.exhausted and reader.trouble is None:
            await reader.ask()
            if not (taken := reader.take(_BATCH)):
                await reader.wait(0.5)
            for one in taken:
                id_ = (one.headers or {}).get(MESSAGE_ID, "")
                if id_.startswith(prefix):
                    found.add(id_)
            if taken and taken[-1].stored_ns >= until_ns:
                break
    finally:
        await reader.close()
        with contextlib.suppress(BrokerError):
            await jetstream_api.request(nc, f"CONSUMER.DELETE.{STREAM}.{name}", timeout=1.0)
    return found

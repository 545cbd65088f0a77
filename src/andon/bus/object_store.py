"""Objects of the broker's object store: buckets as every NATS client makes them (ADR-20 of NATS).

A bucket is a stream ``OBJ_<bucket>``. An object's description is the last message on ``$O.<bucket>.M.<name>`` (the name
in base64), its bytes are the messages on ``$O.<bucket>.C.<id>``. nats-py writes them. They are read one by one with
JetStream's own requests: nothing is subscribed to, so a reader that gives up leaves nothing behind, and what arrives is
counted as it comes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

import nats.errors
import nats.js.errors
from nats.js.api import ObjectStoreConfig

from andon.bus.connection import BusConnection, explained
from andon.bus.jetstream_api import STREAM_MISSING, ApiError, request
from andon.core.errors import BrokerError, BrokerUnavailable, ObjectMissing, PictureRefused

NO_MESSAGE = 10037  # error code of the server: no message found


class NatsObjects:
    """Reading the object store of the connected broker. ``timeout`` is that of one request, in seconds."""

    def __init__(self, nc: BusConnection, *, timeout: float = 5.0) -> None:
        self._nc = nc
        self._timeout = timeout

    async def fetch(self, bucket: str, name: str, max_bytes: int) -> bytes:
        """The object, its digest checked; its size is looked at before it is read.

        Raises ObjectMissing, PictureRefused where it is larger than ``max_bytes`` or no plain object, BrokerError where
        what arrives is not what was stored, and BrokerUnavailable.
        """
        info = await self._info(bucket, name)
        size, chunks_id, digest = info.get("size"), info.get("nuid"), str(info.get("digest", ""))
        if info.get("deleted"):
            raise ObjectMissing(f"the object {name} of the bucket {bucket} was deleted: store it again")
        if (info.get("options") or {}).get("link"):
            raise PictureRefused("is a link to another object: reference that object directly")
        if not isinstance(size, int) or not isinstance(chunks_id, str) or not chunks_id.isalnum():
            raise BrokerError(f"the object {name} of the bucket {bucket} has damaged metadata: store it again")
        if size > max_bytes:
            raise PictureRefused(f"has {size:,} bytes, ANDON_PICTURE_MAX_BYTES allows {max_bytes:,}")
        data = await self._chunks(bucket, chunks_id, size)
        if data is None or not _matches(digest, data):
            raise BrokerError(
                f"the object {name} of the bucket {bucket} does not match what was stored: store it again"
            )
        return data

    async def _info(self, bucket: str, name: str) -> dict[str, Any]:
        encoded = base64.urlsafe_b64encode(name.encode()).decode()
        try:
            message = await self._message(bucket, {"last_by_subj": f"$O.{bucket}.M.{encoded}"})
        except ApiError as error:
            if error.code == STREAM_MISSING:
                raise ObjectMissing(f"the broker has no bucket {bucket}: create it, or correct the reference") from None
            raise
        if message is None:
            raise ObjectMissing(f"the bucket {bucket} has no object {name}: store it, or correct the reference")
        try:
            info = json.loads(base64.b64decode(message.get("data", "")))
        except (ValueError, RecursionError):
            info = None
        if not isinstance(info, dict):
            raise BrokerError(f"the object {name} of the bucket {bucket} has damaged metadata: store it again")
        return info

    async def _chunks(self, bucket: str, chunks_id: str, size: int) -> bytes | None:
        """All chunks joined; None where they are not ``size`` bytes."""
        parts: list[bytes] = []
        held, after = 0, 0
        while held < size:
            body = {"seq": after + 1, "next_by_subj": f"$O.{bucket}.C.{chunks_id}"}
            message = await self._message(bucket, body)
            part = b"" if message is None else base64.b64decode(message.get("data", ""))
            if message is None or not part or held + len(part) > size:
                return None
            parts.append(part)
            held += len(part)
            after = int(message["seq"])
        return b"".join(parts)

    async def _message(self, bucket: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """One message of the bucket's stream, None where there is none."""
        try:
            answer = await request(self._nc, f"STREAM.MSG.GET.OBJ_{bucket}", body, timeout=self._timeout)
        except ApiError as error:
            if error.code == NO_MESSAGE:
                return None
            raise
        message: dict[str, Any] = answer["message"]
        return message


async def put_object(nc: BusConnection, bucket: str, name: str, data: bytes, *, age: float, timeout: float) -> None:
    """Put an object into ``bucket``, which is made where it is missing; its objects go after ``age`` seconds.

    ``timeout`` (seconds) is for each chunk. Raises BrokerUnavailable, or BrokerError where the broker refuses it.
    """
    store = nc.jetstream(timeout=timeout)
    try:
        try:
            objects = await store.object_store(bucket)
        except nats.js.errors.NotFoundError:
            objects = await store.create_object_store(bucket, ObjectStoreConfig(ttl=age))
        await objects.put(name, data)
    except (nats.js.errors.ServiceUnavailableError, nats.js.errors.NoStreamResponseError) as error:
        raise BrokerUnavailable(
            f"the broker at {nc.address} does not accept an object ({explained(error)}): check that it has disk space"
        ) from None
    except nats.js.errors.Error as error:
        raise BrokerError(f"the broker at {nc.address} refuses an object for {bucket}: {explained(error)}") from None
    except nats.errors.Error as error:
        raise BrokerUnavailable(
            f"the broker at {nc.address} did not store an object ({explained(error)}): check that it runs"
        ) from None


def _matches(digest: str, data: bytes) -> bool:
    """Whether ``digest`` (``SHA-256=<base64>``) is that of ``data``."""
    algorithm, _, value = digest.partition("=")
    try:
        expected = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError):
        return False
    return algorithm.upper() == "SHA-256" and hashlib.sha256(data).digest() == expected

"""Picture files that go with a log of ``andon send``: inside the message while it fits, else in the object store."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from andon.core.errors import ConfigError, PictureRefused
from andon.ingest.pictures.intake import checked, too_large

if TYPE_CHECKING:
    from collections.abc import Sequence

    from andon.app.broker_client import BrokerClient
    from andon.core.models import NewPicture
    from andon.ingest.pictures.intake import PictureLimits

#: The bucket for pictures that do not fit into a message. A picture stays there for a day: by then it is recorded.
BUCKET = "andon-pictures"
BUCKET_AGE = 86_400.0
#: Bytes of a message that are left to its headers.
_HEADERS = 1_024


def read_pictures(files: Sequence[Path], limits: PictureLimits) -> list[NewPicture]:
    """The checked pictures in ``files``. Raises ConfigError that names the file and says why it is not sent."""
    if len(files) > limits.per_log:
        raise ConfigError(f"one log may bring {limits.per_log} pictures, these are {len(files)}; nothing was sent")
    found = []
    for path in files:
        try:
            with path.open("rb") as file:
                data = file.read(limits.max_bytes + 1)
                size = file.seek(0, os.SEEK_END) if len(data) > limits.max_bytes else len(data)
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}; nothing was sent") from None
        if size > limits.max_bytes:
            raise ConfigError(f"{path} {too_large(size, limits)}; nothing was sent")
        try:
            found.append(checked(data, limits))
        except PictureRefused as reason:
            raise ConfigError(f"{path} {reason}; nothing was sent") from None
    return found


async def with_pictures(data: bytes, pictures: Sequence[NewPicture], client: BrokerClient) -> bytes:
    """The log ``data`` with ``pictures`` in ``context.images``.

    Those that do not fit into one message, the largest first, are put into the broker's object store and named.
    Raises BrokerError and BrokerUnavailable.
    """
    log: dict[str, Any] = json.loads(data)
    entries: list[Any] = [_data_url(picture) for picture in pictures]
    by_size = sorted(range(len(pictures)), key=lambda at: len(pictures[at].data), reverse=True)
    own = log["context"].get("images", [])
    own = own if isinstance(own, list) else [own]
    while True:
        log["context"]["images"] = [*own, *entries]
        whole = json.dumps(log).encode()
        if len(whole) <= client.max_payload - _HEADERS or not by_size:
            return whole
        at = by_size.pop(0)
        name = f"{pictures[at].sha256}.{pictures[at].media_type.removeprefix('image/')}"
        await client.put_object(BUCKET, name, pictures[at].data, age=BUCKET_AGE)
        entries[at] = {"bucket": BUCKET, "object": name}


def _data_url(picture: NewPicture) -> str:
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"

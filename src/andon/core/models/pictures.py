"""Pictures that come with a log: found in it, to be fetched, and stored."""

from __future__ import annotations

from typing import Any

import msgspec


class NewPicture(msgspec.Struct, frozen=True, gc=False):
    """A checked picture to be stored: what its own bytes say it is, and its place in the log's ``context.images``."""

    sha256: str
    media_type: str
    width: int
    height: int
    data: bytes
    position: int = 0

    def described(self) -> dict[str, Any]:
        """What stands for the picture in the stored context."""
        return {
            "picture": f"sha256:{self.sha256}",
            "type": self.media_type,
            "width": self.width,
            "height": self.height,
            "bytes": len(self.data),
        }


class PictureReference(msgspec.Struct, frozen=True, gc=False):
    """A picture that a log names as an object in a bucket of the broker's object store; fetched after recording."""

    bucket: str
    name: str
    position: int = 0


class PictureFetch(msgspec.Struct, frozen=True):
    """A picture that is still to be fetched for log ``log_id``; ``attempts`` counts the tries that failed."""

    id: int
    log_id: int
    position: int
    bucket: str
    name: str
    attempts: int


class Picture(msgspec.Struct, frozen=True):
    """A picture that came with a log, stored once however many logs show it.

    ``sha256`` (hex) names what is stored, ``media_type`` (``image/png``, ``image/jpeg`` …) was read from the bytes.
    ``width`` and ``height`` in pixels, ``size`` in bytes. ``data`` is empty where only the description was asked for.
    """

    id: int
    sha256: str
    media_type: str
    width: int
    height: int
    size: int
    data: bytes = b""

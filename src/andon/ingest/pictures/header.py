"""What a picture's own header says it is: its type and its size, without decoding it.

Pillow reads the headers. It is imported with the first picture, and asked for the six formats below only, so that none
of its many other readers is tried on bytes that a stranger sent.
"""

from __future__ import annotations

import functools
import io
import warnings
from types import ModuleType

import msgspec

from andon.core.errors import PictureRefused

#: Media type → what files of it are called.
SUFFIXES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/bmp": ".bmp",
    "image/tiff": ".tif",
}

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
#: How files of these formats begin; says of what cannot be read whether it is damaged or something else.
_BEGINNINGS = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"RIFF": "WebP",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
}


class Header(msgspec.Struct, frozen=True):
    """Type and size in pixels, as the file itself says."""

    media_type: str
    width: int
    height: int


def read_header(data: bytes) -> Header:
    """The header of a PNG, JPEG, WebP, GIF, BMP or TIFF file. Raises PictureRefused for anything else."""
    try:
        with pillow().open(io.BytesIO(data), formats=_FORMATS) as file:
            kind = "JPEG" if file.format == "MPO" else file.format  # an MPO file is a JPEG with further pictures behind
            found = Header(f"image/{kind.lower()}", *file.size)
    except Exception as error:  # readers that meet hostile bytes raise whatever they stumble over
        raise PictureRefused(_reason(data)) from error
    if found.width < 1 or found.height < 1:
        raise PictureRefused(f"says it is {found.width}×{found.height} pixels")
    return found


def _reason(data: bytes) -> str:
    if not data:
        return "is empty"
    for beginning, kind in _BEGINNINGS.items():
        if data.startswith(beginning):
            return f"is a {kind} file whose header is cut off or damaged"
    kind = "an SVG drawing and " if b"<svg" in data[:1024].lower() else ""
    return f"is {kind}not a PNG, JPEG, WebP, GIF, BMP or TIFF picture"


@functools.cache
def pillow() -> ModuleType:
    """Pillow's ``Image`` module, told that whoever uses it checks sizes, and to keep its warnings to itself.

    What matters of its warnings about odd files is in its errors.
    """
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # a size has to be read before a sentence can say that it is too large
    warnings.filterwarnings("ignore", module=r"PIL\.")
    return Image

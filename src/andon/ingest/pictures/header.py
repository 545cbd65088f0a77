"""What a picture's own first bytes say it is: its type and its size, without decoding it and without a library.

The layouts are those of the formats' specifications: PNG (ISO/IEC 15948), JPEG (ITU-T T.81, annex B), GIF89a, WebP
(RFC 9649), BMP (``BITMAPCOREHEADER`` and ``BITMAPINFOHEADER``) and TIFF 6.0.
"""

from __future__ import annotations

import struct

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

#: A JPEG file has a few dozen segments; one with thousands is made to keep us busy.
_SEGMENTS_MAX = 2000
#: Segments of a JPEG that start a frame (SOF0 to SOF15) without those in the same range that do not.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TIFF_ENTRIES_MAX = 512


class Header(msgspec.Struct, frozen=True):
    """Type and size in pixels, as the file itself says."""

    media_type: str
    width: int
    height: int


def read_header(data: bytes) -> Header:
    """The header of a PNG, JPEG, WebP, GIF, BMP or TIFF file. Raises PictureRefused for anything else."""
    try:
        found = _read(data)
    except (struct.error, IndexError):
        raise PictureRefused("is cut off in its header") from None
    if found.width < 1 or found.height < 1:
        raise PictureRefused(f"says it is {found.width}×{found.height} pixels")
    return found


def _read(data: bytes) -> Header:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        if data[12:16] != b"IHDR":
            raise PictureRefused("is a PNG file without its header")
        return Header("image/png", *struct.unpack_from(">II", data, 16))
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return Header("image/gif", *struct.unpack_from("<HH", data, 6))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[:2] == b"BM" and len(data) > 26:
        return _bmp(data)
    if data[:4] in (b"II*\x00", b"MM\x00*"):
        return _tiff(data)
    if not data:
        raise PictureRefused("is empty")
    kind = "an SVG drawing and " if b"<svg" in data[:1024].lower() else ""
    raise PictureRefused(f"is {kind}not a PNG, JPEG, WebP, GIF, BMP or TIFF picture")


def _jpeg(data: bytes) -> Header:
    at = 2
    for _ in range(_SEGMENTS_MAX):
        while data[at] == 0xFF and data[at + 1] == 0xFF:  # fill bytes
            at += 1
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return Header("image/jpeg", width, height)
        if marker == 0xDA:  # the picture begins although nothing said how large it is
            break
        alone = marker == 0x01 or 0xD0 <= marker <= 0xD8
        at += 2 if alone else 2 + struct.unpack_from(">H", data, at + 2)[0]
    raise PictureRefused("is a JPEG file whose size cannot be found")


def _webp(data: bytes) -> Header:
    chunk = data[12:16]
    if chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("image/webp", width & 0x3FFF, height & 0x3FFF)
    if chunk == b"VP8L" and data[20] == 0x2F:
        bits = struct.unpack_from("<I", data, 21)[0]
        return Header("image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if chunk == b"VP8X" and len(data) >= 30:
        width, height = int.from_bytes(data[24:27], "little"), int.from_bytes(data[27:30], "little")
        return Header("image/webp", width + 1, height + 1)
    raise PictureRefused("is a WebP file whose size cannot be found")


def _bmp(data: bytes) -> Header:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        return Header("image/bmp", *struct.unpack_from("<HH", data, 18))
    width, height = struct.unpack_from("<ii", data, 18)
    return Header("image/bmp", width, abs(height))  # a negative height means that the rows go down


def _tiff(data: bytes) -> Header:
    order = "<" if data[:2] == b"II" else ">"
    directory = struct.unpack_from(f"{order}I", data, 4)[0]
    entries = struct.unpack_from(f"{order}H", data, directory)[0]
    size = {256: 0, 257: 0}
    for number in range(min(entries, _TIFF_ENTRIES_MAX)):
        at = directory + 2 + 12 * number
        tag, kind = struct.unpack_from(f"{order}HH", data, at)
        if tag in size:
            size[tag] = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", data, at + 8)[0]
    return Header("image/tiff", size[256], size[257])

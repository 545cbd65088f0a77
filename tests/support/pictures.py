"""Pictures for tests: real files of every kind, small, and files that mean harm."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

from PIL import Image

RED, BLUE = (200, 30, 30), (20, 40, 220)


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), colour: Any = RED, **options: Any) -> bytes:
    """A file of ``kind`` (Pillow's name) in one colour, its lower right quarter blue."""
    image = Image.new("RGB", size, colour)
    image.paste(BLUE, (size[0] // 2, size[1] // 2, size[0], size[1]))
    if kind == "GIF":
        image = image.convert("P")
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def data_url(data: bytes, label: str = "image/png") -> str:
    """``data`` as a data URL."""
    return f"data:{label};base64,{base64.b64encode(data).decode()}"


def png_header(width: int, height: int, body: bytes = b"") -> bytes:
    """A PNG that says it is ``width`` × ``height`` pixels, with ``body`` as its compressed content."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    about = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", about) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def opened(data: bytes) -> Image.Image:
    """What Pillow makes of a file."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image

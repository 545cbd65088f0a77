"""Pictures made smaller, for a model or for a terminal.

A file that reaches this module had its size in pixels checked from its header; Pillow is told which format to expect.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

from andon.core.errors import PictureRefused
from andon.core.models import Picture
from andon.ingest.pictures.header import pillow

if TYPE_CHECKING:
    from PIL.Image import Image

#: Longest side of what a model is shown, in pixels.
MODEL_SIDE = 1024
_JPEG_QUALITY = 85
#: Drawings and screenshots stay PNG up to this size, in bytes; photographs are larger and become JPEG.
_PNG_MAX = 400_000
_MAX_PIXELS = 25_000_000
#: Pixels converted at once.
_BAND = 1_000_000


def for_model(picture: Picture, side: int = MODEL_SIDE) -> Picture:
    """``picture`` re-encoded as PNG or JPEG with its longest side ≤ ``side``, turned upright, without metadata.

    Of a moving picture the first frame. Blocking, for a worker thread. Raises PictureRefused where it cannot be
    decoded.
    """
    image = _opened(picture, side)
    out, media_type = io.BytesIO(), "image/png"
    image.save(out, "PNG", compress_level=6)
    if out.tell() > _PNG_MAX:
        out, media_type = io.BytesIO(), "image/jpeg"
        _on_white(image).save(out, "JPEG", quality=_JPEG_QUALITY)
    data = out.getvalue()
    digest, size = hashlib.sha256(data).hexdigest(), len(data)
    return Picture(picture.id, digest, media_type, image.width, image.height, size, data)


Colour = tuple[int, int, int]


def thumbnail(picture: Picture, width: int, height: int) -> list[list[Colour]]:
    """Rows of (red, green, blue), at most ``width`` × ``height`` of them. Raises PictureRefused."""
    image = _on_white(_opened(picture, max(width, height)))
    image.thumbnail((width, height))
    flat = image.tobytes()
    cells = [(flat[at], flat[at + 1], flat[at + 2]) for at in range(0, len(flat), 3)]
    return [cells[start : start + image.width] for start in range(0, len(cells), image.width)]


def _opened(picture: Picture, side: int) -> Image:
    """The decoded picture as RGB, RGBA or L, upright, its longest side ≤ ``side``, with nothing but its pixels."""
    image_module = pillow()
    from PIL import ImageOps

    kind = picture.media_type.removeprefix("image/").upper()
    try:
        with image_module.open(io.BytesIO(picture.data), formats=[kind]) as file:
            _check_size(file)
            file.draft("RGB", (side, side))  # a JPEG is decoded at a fraction of its size
            file.load()
            image = _reduced(file, side)
            image.thumbnail((side, side))
            image.info.update(file.info)  # says which way up it is
            upright = ImageOps.exif_transpose(image)
    except PictureRefused:
        raise
    except Exception as error:  # decoders that meet hostile bytes raise whatever they stumble over
        raise PictureRefused(f"cannot be decoded ({str(error) or type(error).__name__})") from error
    upright.info.clear()
    return upright


def _check_size(image: Image) -> None:
    if image.width * image.height > _MAX_PIXELS:  # a frame may be larger than the header said
        raise PictureRefused(f"is {image.width}×{image.height} pixels, which is too many")


def _reduced(file: Image, side: int) -> Image:
    """The picture at less than twice ``side``, band by band: a copy of the whole would double what it takes."""
    from PIL import Image

    span = _span(file)
    factor = max(file.size) // side
    if factor < 2:
        return _plain(file, span)
    rows = max(1, _BAND // (file.width * factor)) * factor
    bands = [
        _plain(file.crop((0, top, file.width, min(top + rows, file.height))), span).reduce(factor)
        for top in range(0, file.height, rows)
    ]
    whole = Image.new(bands[0].mode, (bands[0].width, sum(band.height for band in bands)))
    top = 0
    for band in bands:
        whole.paste(band, (0, top))
        top += band.height
    return whole


def _span(image: Image) -> tuple[float, float] | None:
    """The least and greatest value of a picture that holds measured values; None for ordinary ones."""
    if image.mode[0] not in "IF":
        return None
    low, high = image.getextrema()
    return float(low), float(high)  # type: ignore[arg-type]  # one channel: two numbers


def _plain(image: Image, span: tuple[float, float] | None) -> Image:
    """A copy with eight bits a channel. Measured values (thermal cameras) are spread over the whole range."""
    if span is not None:
        scale = 255.0 / (span[1] - span[0]) if span[1] > span[0] else 0.0
        return image.convert("F").point(lambda value: value * scale - span[0] * scale).convert("L")
    if "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBa"):
        return image.convert("RGBA")
    return image.copy() if image.mode in ("RGB", "RGBA", "L") else image.convert("RGB")


def _on_white(image: Image) -> Image:
    from PIL import Image

    if image.mode != "RGBA":
        return image.convert("RGB")
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper

"""Type and size of a picture from its own first bytes."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from andon.core.errors import PictureRefused
from andon.ingest.pictures.header import Header, read_header
from support.pictures import picture, png_header

KINDS = [
    ("PNG", {}, "image/png"),
    ("JPEG", {}, "image/jpeg"),
    ("JPEG", {"progressive": True}, "image/jpeg"),
    ("JPEG", {"comment": b"x" * 60_000}, "image/jpeg"),
    ("WEBP", {}, "image/webp"),
    ("WEBP", {"lossless": True}, "image/webp"),
    ("WEBP", {"exif": b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x00\x00"}, "image/webp"),
    ("GIF", {}, "image/gif"),
    ("BMP", {}, "image/bmp"),
    ("TIFF", {}, "image/tiff"),
    ("TIFF", {"compression": "tiff_lzw"}, "image/tiff"),
]


@pytest.mark.parametrize(("kind", "options", "media_type"), KINDS)
def test_each_kind_is_known_with_its_size(kind: str, options: dict[str, object], media_type: str) -> None:
    """What Pillow writes is read as what it is."""
    assert read_header(picture(kind, (61, 47), **options)) == Header(media_type, 61, 47)


def test_a_bmp_written_downwards_and_an_old_one_are_known() -> None:
    """A negative height is a direction; the old header has 16-bit sizes."""
    pixels = bytes(24 * 5)
    down = b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54)
    down += struct.pack("<IiiHHIIiiII", 40, 8, -5, 1, 24, 0, len(pixels), 0, 0, 0, 0) + pixels
    old = b"BM" + struct.pack("<IHHI", 26 + len(pixels), 0, 0, 26) + struct.pack("<IHHHH", 12, 8, 5, 1, 24) + pixels
    assert read_header(down) == read_header(old) == Header("image/bmp", 8, 5)


@pytest.mark.parametrize(("mode", "mark"), [("L", b"II"), ("I;16B", b"MM")])
def test_a_tiff_of_either_byte_order_is_known(mode: str, mark: bytes) -> None:
    """Sides beyond sixteen bits too."""
    out = io.BytesIO()
    Image.new(mode, (9, 70_000)).save(out, "TIFF")
    assert out.getvalue().startswith(mark)
    assert read_header(out.getvalue()) == Header("image/tiff", 9, 70_000)


def test_a_jpeg_with_further_pictures_behind_it_is_a_jpeg() -> None:
    """Cameras store several views in one file."""
    first, second = (Image.new("RGB", (16, 9), colour) for colour in ("red", "blue"))
    out = io.BytesIO()
    first.save(out, "MPO", save_all=True, append_images=[second])
    assert read_header(out.getvalue()) == Header("image/jpeg", 16, 9)


def test_a_header_that_lies_about_a_huge_picture_is_read_not_believed() -> None:
    """Reading it costs nothing: nothing is decoded."""
    assert read_header(png_header(60_000, 60_000)) == Header("image/png", 60_000, 60_000)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"%PDF-1.7", "not a PNG"),
        (b"PK\x03\x04 a zip file", "not a PNG"),
        (b"\x00\x00\x00\x18ftypheic", "not a PNG"),
        (png_header(0, 10), "damaged"),
        (b"\x89PNG\r\n\x1a\n", "PNG file whose header is cut off"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00", "cut off"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "cut off"),
        (b"\xff\xd8\xff\xe0\x00\x00" * 5000, "damaged"),
        (b"\xff\xd8\xff\xd8" * 100_000, "damaged"),
        (b"RIFF\x00\x00\x00\x00WEBPABCD" + bytes(40), "damaged"),
        (b"GIF89a\x01", "cut off"),
        (b"II*\x00\xff\xff\xff\xff", "cut off"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    """Nothing else is raised, whatever the bytes."""
    with pytest.raises(PictureRefused, match=reason):
        read_header(data)


_STARTS = [picture(kind, **options)[:60] for kind, options, _ in KINDS]  # type: ignore[arg-type]


@given(st.sampled_from(_STARTS), st.integers(0, 60), st.binary(max_size=120))
def test_broken_files_end_in_a_size_or_a_refusal(start: bytes, kept: int, rest: bytes) -> None:
    """Real beginnings with anything behind them."""
    try:
        header = read_header(start[:kept] + rest)
    except PictureRefused:
        return
    assert header.width > 0
    assert header.height > 0

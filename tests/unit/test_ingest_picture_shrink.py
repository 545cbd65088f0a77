"""Pictures re-encoded for a model and for a terminal, by the real decoders."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from andon.core.errors import PictureRefused
from andon.core.models import Picture
from andon.ingest.pictures.header import read_header
from andon.ingest.pictures.shrink import for_model, thumbnail
from support.pictures import BLUE, RED, opened, picture, png_header


def stored(data: bytes, media_type: str = "") -> Picture:
    """``data`` as the store would hand it over."""
    about = read_header(data)
    return Picture(7, "0" * 64, media_type or about.media_type, about.width, about.height, len(data), data)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """A file of ``kind``."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_kind_becomes_a_small_png_or_jpeg(kind: str) -> None:
    """The longest side is 1024 pixels at most and the proportions stay."""
    small = for_model(stored(picture(kind, (2048, 512))))
    assert (small.id, small.width, small.height) == (7, 1024, 256)
    assert small.media_type == "image/png"
    assert small.size == len(small.data)
    assert opened(small.data).size == (1024, 256)
    assert opened(small.data).convert("RGB").getpixel((10, 10)) == pytest.approx(RED, abs=8)


def test_a_photograph_becomes_a_jpeg() -> None:
    """Noise does not compress: as PNG it would be megabytes."""
    small = for_model(stored(encoded(Image.effect_noise((1500, 1000), 90).convert("RGB"), "PNG")))
    assert (small.media_type, small.width, small.height) == ("image/jpeg", 1024, 683)
    assert small.size < 600_000


def test_a_small_picture_keeps_its_size() -> None:
    """One pixel stays one pixel."""
    small = for_model(stored(picture("PNG", (1, 1))))
    assert (small.width, small.height) == (1, 1)


def test_metadata_does_not_reach_a_model() -> None:
    """Neither EXIF (place, camera, owner) nor text chunks, comments and colour profiles."""
    about = Image.Exif()
    about[0x010F] = "SECRET maker"
    image = Image.new("RGB", (50, 40), RED)
    note = PngInfo()
    note.add_text("Comment", "SECRET text")
    files = [
        encoded(image, "JPEG", exif=about, comment=b"SECRET remark", icc_profile=b"SECRET profile"),
        encoded(image, "PNG", exif=about, pnginfo=note, icc_profile=b"SECRET profile"),
        encoded(image, "WEBP", exif=about.tobytes()),
    ]
    for data in files:
        assert b"SECRET" in data
        small = for_model(stored(data))
        assert b"SECRET" not in small.data
        assert opened(small.data).info == {}


def test_a_picture_taken_sideways_is_turned_upright() -> None:
    """As its EXIF orientation says."""
    about = Image.Exif()
    about[0x0112] = 6
    small = for_model(stored(encoded(Image.new("RGB", (60, 20), RED), "JPEG", exif=about)))
    assert (small.width, small.height) == (20, 60)


def test_of_an_animation_the_first_frame_is_shown() -> None:
    """Whatever comes behind it."""
    frames = [Image.new("RGB", (20, 20), colour).convert("P") for colour in (RED, BLUE, BLUE)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert opened(for_model(stored(data)).data).convert("RGB").getpixel((5, 5)) == pytest.approx(RED, abs=30)


def test_measured_values_are_spread_over_the_visible_range() -> None:
    """A thermal camera's 16 bits would otherwise be white all over."""
    image = Image.new("I;16", (40, 20))
    image.paste(3000, (0, 0, 20, 20))
    image.paste(3100, (20, 0, 40, 20))
    assert opened(for_model(stored(encoded(image, "TIFF"))).data).getextrema() == (0, 255)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "LA", "1", "CMYK", "I;16", "F"])
def test_a_large_picture_of_any_kind_keeps_its_form(mode: str) -> None:
    """Its bright half stays on the right, although it is worked on band by band."""
    image = Image.new("L", (5000, 1501), 20)
    image.paste(230, (2500, 0, 5000, 1501))
    image = image.convert("I").convert(mode) if mode == "I;16" else image.convert(mode)
    kind = "TIFF" if mode in ("CMYK", "I;16", "F") else "PNG"
    small = for_model(stored(encoded(image, kind, **({"compression": "tiff_lzw"} if mode == "CMYK" else {}))))
    assert (small.width, small.height) == (1024, 308)
    seen = opened(small.data).convert("L")
    for row in (0, 150, 307):
        assert seen.getpixel((100, row)) < 40  # type: ignore[operator]
        assert seen.getpixel((900, row)) > 215  # type: ignore[operator]


def test_what_follows_a_picture_in_its_file_is_left_behind() -> None:
    """A file that is a picture and an archive at once reaches the model as the picture alone."""
    small = for_model(stored(picture() + b"PK\x03\x04 a zip file"))
    assert b"PK" not in small.data


@pytest.mark.parametrize(
    "data",
    [
        picture("PNG", (300, 300))[:-200],
        picture("JPEG")[:300],
        picture("GIF")[:30],
        picture("WEBP")[:40],
        png_header(100, 100, b"no deflate stream"),
        png_header(100, 100, zlib.compress(b"\x00" * 50)),
        b"BM" + bytes(12) + struct.pack("<Iii", 40, 8, 5) + bytes(30),
        b"II*\x00\x08\x00\x00\x00\x02\x00" + struct.pack("<HHIH2xHHIH2x", 256, 3, 1, 9, 257, 3, 1, 9),
    ],
)
def test_a_broken_file_is_refused_with_a_reason(data: bytes) -> None:
    """Nothing but that comes out of the decoders."""
    with pytest.raises(PictureRefused, match=r"cannot be decoded|cut off or damaged"):
        for_model(stored(data))


def test_a_zip_bomb_costs_no_more_than_its_pixels() -> None:
    """Two hundred megabytes of zeros behind a header of 10×10."""
    packed = zlib.compress(bytes(200_000_000), 9)
    small = for_model(stored(png_header(10, 10, packed)))
    assert (small.width, small.height) == (10, 10)


def test_a_frame_larger_than_its_header_said_is_refused_before_it_is_decoded() -> None:
    """A GIF's screen says 10×10, its frame 8000×8000."""
    data = bytearray(picture("GIF", (10, 10)))
    at = data.index(b"\x2c", 13 + 3 * 2 ** ((data[10] & 7) + 1))
    data[at + 5 : at + 9] = struct.pack("<HH", 8000, 8000)
    with pytest.raises(PictureRefused, match="8000×8000 pixels, which is too many"):
        for_model(stored(bytes(data)))


def test_only_the_reader_of_its_own_kind_sees_a_file() -> None:
    """A label from elsewhere does not make Pillow try the next reader."""
    with pytest.raises(PictureRefused):
        for_model(stored(picture("PNG"), "image/jpeg"))


def test_a_thumbnail_fits_and_shows_the_colours() -> None:
    """Rows of red, green and blue; what is transparent is white."""
    rows = thumbnail(stored(picture("PNG", (400, 100))), 40, 36)
    assert (len(rows), {len(row) for row in rows}) == (10, {40})
    assert rows[0][0] == pytest.approx(RED, abs=3)
    assert rows[-1][-1] == pytest.approx(BLUE, abs=3)
    clear = encoded(Image.new("RGBA", (9, 9), (0, 0, 0, 0)), "PNG")
    assert thumbnail(stored(clear), 9, 9)[4][4] == (255, 255, 255)

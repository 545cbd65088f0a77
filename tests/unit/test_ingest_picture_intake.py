"""Pictures taken out of a log's context."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.errors import PictureRefused
from andon.core.models import LogRecord
from andon.ingest.pictures.intake import PictureLimits, decode_data_url, parse_reference, take_out
from support.pictures import data_url, picture, png_header
from support.store_data import a_log

PNG = picture()
LIMITS = PictureLimits()


def taken(images: Any, limits: PictureLimits = LIMITS, **more: Any) -> tuple[LogRecord, Any]:
    """A record with these images after taking its pictures out, and what its context has under ``images``."""
    record = a_log(1, context=json.dumps({"station": 4, "images": images, **more}), images=True)
    take_out([record], limits)
    assert record.context is not None
    return record, json.loads(record.context)["images"]


def test_a_data_url_becomes_a_picture_and_a_description() -> None:
    """The context names the picture by the SHA-256 of its bytes."""
    record, images = taken([data_url(PNG)])
    sha256 = hashlib.sha256(PNG).hexdigest()
    told = {"picture": f"sha256:{sha256}", "type": "image/png", "width": 40, "height": 30, "bytes": len(PNG)}
    assert images == [told]
    assert [(one.sha256, one.data, one.position) for one in record.pictures] == [(sha256, PNG, 0)]
    assert (record.notes, record.refused, record.images) == (None, 0, False)


def test_a_single_value_is_taken_like_a_list_of_one() -> None:
    """And stays a single value."""
    record, images = taken(data_url(PNG))
    assert len(record.pictures) == 1
    assert images["picture"] == f"sha256:{record.pictures[0].sha256}"


def test_the_type_is_what_the_bytes_say() -> None:
    """A wrong label does not matter."""
    record, images = taken([data_url(picture("JPEG"), "image/png"), data_url(PNG, "text/plain;charset=utf-8")])
    assert [one["type"] for one in images] == ["image/jpeg", "image/png"]
    assert [one.media_type for one in record.pictures] == ["image/jpeg", "image/png"]


def test_other_fields_stay_to_the_letter() -> None:
    """Numbers that no double holds, and their order."""
    context = f'{{"a": 1.000, "n": 123456789012345678901234567890, "images": ["{data_url(PNG)}"], "z": "ü"}}'
    record = a_log(1, context=context, images=True)
    take_out([record], LIMITS)
    assert record.context is not None
    assert record.context.startswith('{"a":1.000,"n":123456789012345678901234567890,"images":[{"picture":')
    assert record.context.endswith('"z":"ü"}')


@pytest.mark.parametrize(
    "images",
    [
        ["nginx:1.27", "redis"],
        [],
        [1, None, True, {"url": "x"}, [data_url(PNG)]],
        {"front": "a.png"},
        "camera 4",
        12,
        None,
        [{"bucket": "shots"}],
        ["C:\\pictures\\1.png", "/tmp/1.png"],
    ],
)
def test_what_is_no_picture_stays_as_it_was(images: Any) -> None:
    """The word images means other things to other programs; nothing is said about those."""
    context = json.dumps({"images": images}, indent=1)
    record = a_log(1, context=context, images=True)
    take_out([record], LIMITS)
    assert (record.context, record.notes, record.refused) == (context, None, 0)


@pytest.mark.parametrize("address", ["http://camera/1.png", "HTTPS://x/y", "file:///etc/passwd", " ftp://a/b"])
def test_an_address_is_refused_and_stays_as_text(address: str) -> None:
    """It is never opened."""
    record, images = taken([address])
    assert images == [address]
    assert record.refused == 1
    assert record.notes == (
        "images[0] not kept: is a web address, and Andon never fetches pictures from the web: send a data URL"
    )


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (data_url(b"<svg onload='alert(1)'/>", "image/svg+xml"), "is an SVG drawing"),
        (data_url(PNG)[:-3], "cut off"),
        ("data:image/png;base64,****", "not valid base64"),
        ("data:image/png;base64,AA==AAAA", "not valid base64"),
        ("data:image/png;base64,\u00e4\u00e4\u00e4\u00e4", "not valid base64"),
        ("data:image/png;base64,", "is empty"),
        ("data:image/svg+xml,%3Csvg/%3E", "not in base64"),
        ("data:image/png;base64", "without data"),
        ("data:" + "x" * 5000 + ";base64,AAAA", "without data"),
        (data_url(png_header(60_000, 60_000)), "60000×60000 pixels"),
        (data_url(png_header(100_000, 10)), "100000×10 pixels"),
    ],
)
def test_a_refused_picture_leaves_its_reason_and_no_bytes(url: str, reason: str) -> None:
    """In the notes and in the context."""
    record, images = taken([url])
    assert images == [{"picture": None, "refused": images[0]["refused"]}]
    assert reason in images[0]["refused"]
    assert reason in (record.notes or "")
    assert (record.pictures, record.refused) == ((), 1)
    assert len(record.context or "") < 400


def test_a_picture_that_is_too_large_is_refused_before_it_is_decoded() -> None:
    """The reason names the setting; one byte decides."""
    url = "data:image/png;base64," + "A" * 50_000_000
    with pytest.raises(PictureRefused, match=r"37,500,000 bytes, ANDON_PICTURE_MAX_BYTES allows 4,194,304"):
        decode_data_url(url, LIMITS.max_bytes)
    assert taken([data_url(PNG)], PictureLimits(max_bytes=len(PNG)))[0].pictures
    assert not taken([data_url(PNG)], PictureLimits(max_bytes=len(PNG) - 1))[0].pictures


def test_of_a_hundred_pictures_the_first_are_kept_and_the_notes_stay_short() -> None:
    """The bytes of the others do not stay either."""
    record, images = taken([data_url(PNG)] * 100)
    assert len(record.pictures) == LIMITS.per_log
    assert record.refused == 100 - LIMITS.per_log
    assert images[-1] == {"picture": None, "refused": "a log may contain 8 pictures"}
    assert (record.notes or "").endswith("; 88 more pictures were not kept")
    assert len(record.notes or "") < 500


def test_notes_that_were_there_stay() -> None:
    """The picture's come behind them."""
    record = a_log(1, context='{"images": "http://x/y"}', images=True, notes="hostname was not text")
    take_out([record], LIMITS)
    assert (record.notes or "").startswith("hostname was not text; images[0] not kept")


def test_references_are_taken_and_stay_in_the_context() -> None:
    """Until they are fetched."""
    entries = [{"bucket": "shots", "object": "a/1.png"}, {"bucket": "s", "name": "2", "x": 1}, "nats://shots/a b.png",
               "objectstore://shots/ü/1"]  # fmt: skip
    record, images = taken(entries)
    assert images == entries
    found = [(one.bucket, one.name, one.position) for one in record.references]
    assert found == [("shots", "a/1.png", 0), ("s", "2", 1), ("shots", "a b.png", 2), ("shots", "ü/1", 3)]


@pytest.mark.parametrize(
    "entry",
    [
        {"bucket": "a.b", "object": "x"},
        {"bucket": "$JS", "object": "x"},
        {"bucket": ">", "object": "x"},
        {"bucket": "a", "object": ""},
        {"bucket": "a", "object": "x\ny"},
        {"bucket": "a", "object": "x" * 2000},
        {"bucket": 3, "object": "x"},
        {"bucket": "a", "object": ["x"]},
        "nats://user:password@host:4222/x",
        "nats://bucket/",
    ],
)
def test_references_that_cannot_exist_are_refused(entry: Any) -> None:
    """No subject of the broker can be smuggled in by a name."""
    with pytest.raises(PictureRefused, match="cannot exist"):
        parse_reference(entry)


def test_a_context_only_a_lenient_reader_understands_gives_its_pictures_too() -> None:
    """A lone surrogate beside the picture."""
    record = a_log(1, context=f'{{"t": "\\ud800", "images": "{data_url(PNG)}"}}', images=True)
    take_out([record], LIMITS)
    assert len(record.pictures) == 1
    assert json.loads(record.context or "")["t"] == "\ud800"


@pytest.mark.parametrize("context", ["", "[1]", "{", '{"images": ' + "[" * 5000 + "]" * 5000 + "}", '{"a": "images"}'])
def test_a_context_without_readable_images_stays(context: str) -> None:
    """Nothing is raised."""
    record = a_log(1, context=context, images=True)
    take_out([record], LIMITS)
    assert record.context == context


@given(st.binary(max_size=300), st.sampled_from(["", "image/png", "IMAGE/PNG;charset=x"]), st.booleans())
def test_every_data_url_gives_its_bytes_back(data: bytes, label: str, wrapped: bool) -> None:
    """Whatever the label, in one line or wrapped as MIME does."""
    text = (base64.encodebytes(data) if wrapped else base64.b64encode(data)).decode()
    assert decode_data_url(f"data:{label};base64,{text}", 300) == data


@given(st.text(max_size=200), st.sampled_from(["", "data:", "data:image/png;base64,", "nats://", "nats://b/"]))
def test_any_text_ends_in_a_value_or_a_refusal(text: str, start: str) -> None:
    """Parsers of what strangers send raise one thing only."""
    for parse in (lambda: decode_data_url(start + text, 100), lambda: parse_reference(start + text)):
        with contextlib.suppress(PictureRefused):
            parse()  # type: ignore[no-untyped-call]


@given(
    st.lists(
        st.one_of(
            st.none(), st.integers(), st.text(max_size=20), st.just(data_url(PNG)), st.just({"bucket": "b", "name": "n"}),
            st.dictionaries(st.sampled_from(["bucket", "object", "name"]), st.text(max_size=5)),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_any_images_leave_a_context_that_can_be_read(images: list[Any]) -> None:
    """As many entries as before, and every picture where it was."""
    record, kept = taken(images)
    assert len(kept) == len(images)
    for one in record.pictures:
        assert kept[one.position]["picture"] == f"sha256:{one.sha256}"
    assert msgspec.json.decode(record.context or "")["station"] == 4

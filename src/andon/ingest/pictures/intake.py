"""Taking pictures out of a log: ``context.images`` becomes checked pictures, references, and a small description.

``images`` is a list or a single value. What is taken: a data URL (RFC 2397) in base64, and a reference to an object in
the broker's object store (``{"bucket": …, "object": …}``, ``nats://bucket/object``). An address of the web or of a file
is never opened. Anything else stays as it was: ``images`` is a word that other programs use for other things too.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from andon.core.errors import PictureRefused
from andon.core.models import LogRecord, NewPicture, PictureReference
from andon.ingest.pictures.header import read_header
from andon.ingest.pieces import value_of

#: Reasons that one log's notes tell; of the rest only the number.
NOTED = 4

_DATA_URL = re.compile(r"\s*data:([^,]{0,200}),", re.IGNORECASE)
_DATA = re.compile(r"\s*data:", re.IGNORECASE)
_OBJECT_URL = re.compile(r"(?:nats|objectstore)://([^/]*)/(.*)", re.IGNORECASE | re.DOTALL)
_ADDRESS = re.compile(r"(?:https?|ftps?|file|smb|s3)://?", re.IGNORECASE)
_BUCKET = re.compile(r"[A-Za-z0-9_-]{1,200}")  # what NATS allows as the name of a bucket
_OBJECT_NAME_MAX = 1024


class PictureLimits(msgspec.Struct, frozen=True):
    """What a picture may be: ``max_bytes`` of its file, ``max_pixels`` of it decoded; ``per_log`` of them."""

    max_bytes: int = 4 * 1024 * 1024
    per_log: int = 8
    max_pixels: int = 25_000_000
    max_side: int = 32_000


def take_out(records: Iterable[LogRecord], limits: PictureLimits) -> None:
    """Move the pictures of each record's ``context`` to its ``pictures`` and ``references``; never raises.

    The context then describes each picture where it was; the notes say what was not kept and why. Takes milliseconds
    for each megabyte, so it has no place on the event loop. Doing it again changes nothing.
    """
    for record in records:
        _take_out(record, limits)


def _take_out(record: LogRecord, limits: PictureLimits) -> None:
    if not record.images or record.context is None:
        return
    record.images = False
    fields = _fields(record.context)
    raw = None if fields is None else fields.get("images")
    if fields is None or raw is None:
        return
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        value = value_of(raw)
    found = _Found(limits)
    entries = value if isinstance(value, list) else [value]
    changed = [found.take(entry, position) for position, entry in enumerate(entries)]
    if found.changed:
        fields["images"] = to_raw(changed if isinstance(value, list) else changed[0])
        record.context = msgspec.json.encode(fields).decode("utf-8", "replace")
    record.pictures, record.references = tuple(found.pictures), tuple(found.references)
    record.refused = len(found.refused)
    notes = [*([record.notes] if record.notes else []), *found.refused[:NOTED]]
    if len(found.refused) > NOTED:
        notes.append(f"{len(found.refused) - NOTED} more pictures were not kept")
    record.notes = "; ".join(notes) or None


def checked(data: bytes, limits: PictureLimits, position: int = 0) -> NewPicture:
    """``data`` as a picture to be stored. Raises PictureRefused with the reason."""
    if len(data) > limits.max_bytes:
        raise PictureRefused(too_large(len(data), limits))
    header = read_header(data)
    if header.width * header.height > limits.max_pixels or max(header.width, header.height) > limits.max_side:
        raise PictureRefused(
            f"is {header.width}×{header.height} pixels, more than {limits.max_pixels / 1e6:g} million or a side of "
            f"{limits.max_side:,}"
        )
    return NewPicture(
        sha256=hashlib.sha256(data).hexdigest(),
        media_type=header.media_type,
        width=header.width,
        height=header.height,
        data=data,
        position=position,
    )


def too_large(size: int, limits: PictureLimits) -> str:
    """The reason why a picture of ``size`` bytes is not kept."""
    return f"has {size:,} bytes, ANDON_PICTURE_MAX_BYTES allows {limits.max_bytes:,}"


def decode_data_url(text: str, max_bytes: int) -> bytes:
    """The bytes in a base64 data URL. Raises PictureRefused where it is none, cut off, or larger than ``max_bytes``.

    Line breaks in the base64 text pass, as many encoders write them; everything else must be to the letter.
    """
    head = _DATA_URL.match(text)
    if head is None:
        raise PictureRefused("is a data URL without data")
    if head[1].rpartition(";")[2].strip().lower() != "base64":
        raise PictureRefused("is a data URL that is not in base64")
    payload = text[head.end() :].rstrip()
    if "\n" in payload:
        payload = payload.replace("\r", "").replace("\n", "")
    size = len(payload) * 3 // 4 - payload[-2:].count("=")
    if size > max_bytes:
        raise PictureRefused(too_large(size, PictureLimits(max_bytes=max_bytes)))
    try:
        return binascii.a2b_base64(payload, strict_mode=True)
    except ValueError as error:  # binascii's own error is one, and so is that for characters beyond ASCII
        reason = "cut off" if len(payload) % 4 else str(error).lower()
        raise PictureRefused(f"is not valid base64 ({reason})") from None


def parse_reference(value: Any, position: int = 0) -> PictureReference | None:
    """The reference in an entry of ``images``, None where it is none. Raises PictureRefused for an impossible one."""
    if isinstance(value, dict):
        bucket, name = value.get("bucket"), value.get("object", value.get("name"))
        if bucket is None or name is None:
            return None
    elif isinstance(value, str) and (url := _OBJECT_URL.fullmatch(value.strip())):
        bucket, name = url[1], url[2]
    else:
        return None
    if not isinstance(bucket, str) or not _BUCKET.fullmatch(bucket):
        raise PictureRefused("names a bucket that cannot exist: letters, digits, - and _ make a name")
    if not isinstance(name, str) or not 0 < len(name) <= _OBJECT_NAME_MAX or not name.isprintable():
        raise PictureRefused(f"names an object that cannot exist: 1 to {_OBJECT_NAME_MAX} printable characters do")
    return PictureReference(bucket=bucket, name=name, position=position)


class _Found:
    """What the entries of one log's ``images`` turn out to be."""

    def __init__(self, limits: PictureLimits) -> None:
        self._limits = limits
        self.pictures: list[NewPicture] = []
        self.references: list[PictureReference] = []
        self.refused: list[str] = []
        self.changed = False

    def take(self, entry: Any, position: int) -> Any:
        """What stands in the context for ``entry`` from now on."""
        try:
            if isinstance(entry, str) and _DATA.match(entry):
                self.changed = True  # kept or not, the bytes do not stay in the context
                self._count()
                picture = checked(decode_data_url(entry, self._limits.max_bytes), self._limits, position)
                self.pictures.append(picture)
                return picture.described()
            if (reference := parse_reference(entry, position)) is not None:
                self._count()
                self.references.append(reference)
            elif isinstance(entry, str) and _ADDRESS.match(entry.strip()):
                self._refuse(
                    position, "is a web address, and Andon never fetches pictures from the web: send a data URL"
                )
        except PictureRefused as reason:
            self._refuse(position, str(reason))
            if isinstance(entry, str) and _DATA.match(entry):
                return {"picture": None, "refused": str(reason)}
        return entry

    def _refuse(self, position: int, reason: str) -> None:
        self.refused.append(f"images[{position}] not kept: {reason}")

    def _count(self) -> None:
        if len(self.pictures) + len(self.references) >= self._limits.per_log:
            raise PictureRefused(f"a log may contain {self._limits.per_log} pictures")


def _fields(context: str) -> dict[str, msgspec.Raw] | None:
    """The context's fields, each still as it was sent; None where it is no object."""
    try:
        return msgspec.json.decode(context, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        pass
    try:  # what only the lenient reader understood, such as lone surrogates
        value = json.loads(context)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    return {key.encode("utf-8", "replace").decode(): to_raw(one) for key, one in value.items()}


def to_raw(value: Any) -> msgspec.Raw:
    """``value`` as JSON; what is no Unicode stays in its escapes."""
    return msgspec.Raw(json.dumps(value, separators=(",", ":")).encode())

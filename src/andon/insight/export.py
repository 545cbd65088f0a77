"""Logs as files for other programs: CSV that is safe in a spreadsheet, JSON lines, Parquet. In constant memory."""

from __future__ import annotations

import base64
import contextlib
import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from andon.core import extras
from andon.core.errors import StoreUnavailable
from andon.core.models import StoredLog
from andon.core.private_files import written_whole
from andon.core.redact import Redactor

Format = Literal["csv", "jsonl", "parquet"]

#: The columns of ``agent_logs``.
_VIEW = ("id", "timestamp", "hostname", "severity", "service", "message", "context", "analysis", "created_at")
_MORE = ("severity_native", "site", "area", "line", "machine", "pattern_id", "rung", "provisional", "notes", "raw")
#: The columns of every format, in order; bytes are base64 but for Parquet, which has them as they are.
COLUMNS = (*_VIEW, *_MORE)
#: A spreadsheet takes a cell that begins so for a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SUFFIXES: dict[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


def format_of(named: str | None, out: Path | None) -> Format:
    """The format a person means. Raises ValueError with a sentence."""
    if named is not None:
        for form in _SUFFIXES.values():
            if named.strip().lower() == form:
                return form
        raise ValueError(f"{named!r} is not a format: use csv, jsonl or parquet")
    if out is None:
        return "jsonl"
    name = out.name.removesuffix(".gz")
    suffix = Path(name).suffix.lower()
    if suffix not in _SUFFIXES:
        raise ValueError(f"{out.name} does not say its format: end it in .csv, .jsonl or .parquet, or use --format")
    found = _SUFFIXES[suffix]
    if found == "parquet" and name != out.name:
        raise ValueError(f"{out.name}: Parquet is already compressed; omit .gz")
    return found


def redacted(row: StoredLog, redactor: Redactor) -> StoredLog:
    """``row`` without its secrets; one ``redactor`` serves one file, so that equal ones have equal placeholders."""
    changes: dict[str, Any] = {"context": _redacted_context(row.context, redactor)}
    for name in COLUMNS:
        value = getattr(row, name)
        if isinstance(value, str) and name != "context":
            changes[name] = redactor.text(value)
    if row.raw is not None:
        try:
            changes["raw"] = redactor.text(row.raw.decode()).encode()
        except UnicodeError:
            changes["raw"] = None  # bytes of an unknown encoding may hold anything
    return msgspec.structs.replace(row, **changes)


def _redacted_context(context: str | None, redactor: Redactor) -> str | None:
    if not context:
        return context
    try:
        value = json.loads(context)
    except (ValueError, RecursionError):
        return redactor.text(context)
    told = redactor.whole(value)
    return context if told == value else json.dumps(told, ensure_ascii=False)


def write_file(pages: Iterable[list[StoredLog]], out: Path, form: Format) -> int:
    """Write into a file that appears under its name only when it is whole; how many logs. Raises StoreUnavailable."""
    try:
        with written_whole(out) as raw, contextlib.ExitStack() as stack:
            file: Any = raw
            if out.name.endswith(".gz"):
                file = stack.enter_context(gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0))
            count = write(pages, file, form)
    except OSError as error:
        raise StoreUnavailable(
            f"{out} cannot be written ({error.strerror or error}): check the directory and its free space"
        ) from error
    return count


def write(pages: Iterable[list[StoredLog]], file: IO[bytes], form: Format) -> int:
    """Write every page to an open file; how many logs. Raises ConfigError where pyarrow is not installed."""
    if form == "parquet":
        return _parquet(pages, file)
    count = 0
    for chunk, rows in csv_chunks(pages) if form == "csv" else json_chunks(pages):
        file.write(chunk)
        count += rows
    file.flush()
    return count


def csv_chunks(pages: Iterable[list[StoredLog]]) -> Iterator[tuple[bytes, int]]:
    """Pieces of a CSV file (RFC 4180, UTF-8) with the number of logs in each."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    yield buffer.getvalue().encode(), 0
    for page in pages:
        buffer.seek(0)
        buffer.truncate()
        writer.writerows([safe_cell(getattr(row, name)) for name in COLUMNS] for row in page)
        yield buffer.getvalue().encode("utf-8", "replace"), len(page)


def safe_cell(value: Any) -> Any:
    """A value as a CSV cell; a text that a spreadsheet would run gets an apostrophe in front.

    >>> safe_cell("=1+1"), safe_cell(None), safe_cell(True), safe_cell(b"caf\\xe9")
    ("'=1+1", '', 'true', 'Y2Fm6Q==')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        value = base64.b64encode(value).decode()
    if isinstance(value, str):
        value = value.replace("\x00", "")
        return f"'{value}" if value.startswith(_FORMULA) else value
    return value


def json_chunks(pages: Iterable[list[StoredLog]]) -> Iterator[tuple[bytes, int]]:
    """Pieces of a file of JSON lines with the number of logs in each; contexts are JSON values, not text."""
    encoder = msgspec.json.Encoder()
    for page in pages:
        yield b"".join(encoder.encode(_as_object(row)) + b"\n" for row in page), len(page)


def _as_object(row: StoredLog) -> dict[str, Any]:
    value = {name: getattr(row, name) for name in COLUMNS}
    context = (row.context or "null").encode("utf-8", "replace")
    with contextlib.suppress(msgspec.DecodeError):  # taken over as it was: the text says what it says
        msgspec.json.decode(context)
        value["context"] = msgspec.Raw(context)
    return value


def _parquet(pages: Iterable[list[StoredLog]], file: IO[bytes]) -> int:
    try:
        import pyarrow  # type: ignore[import-untyped]
        import pyarrow.parquet  # type: ignore[import-untyped]
    except ImportError:
        raise extras.missing("parquet", "Parquet") from None
    kinds = {"id": pyarrow.int64(), "pattern_id": pyarrow.int64()}
    kinds |= {"provisional": pyarrow.bool_(), "raw": pyarrow.binary()}
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in COLUMNS])
    count = 0
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for page in pages:
            columns = [[_plain(getattr(row, name)) for row in page] for name in COLUMNS]
            writer.write_table(pyarrow.table(columns, schema=schema))
            count += len(page)
    return count


def _plain(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value

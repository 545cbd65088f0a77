"""Lines that real loggers wrote (tests/fixtures/loggers, one file for each language) are read right.

Each line stands there with its logger, the version that wrote it and what is right of it: its severity (``any`` where
several are), the beginning of its text, program, host and time (null where the line has none).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from andon.core.models import SUBJECT, Delivery, LogRecord
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder
from andon.ingest.fields import TABLE, folded

FILES = sorted((Path(__file__).parents[1] / "fixtures" / "loggers").glob("*.jsonl"))
RECEIVED = datetime(2026, 11, 29, 23, tzinfo=UTC)
#: Fields whose values a row has in a form of its own.
_CHANGED = {folded(alias.name) for alias in TABLE if alias.meaning in ("timestamp", "severity")}
_CHANGED |= {
    "timestamp",
    "severity",
    "timestampnanos",
    "instant.nanoofsecond",
    "nanoseconds",
    "level.level",
    "level.colour",
}
decode = Decoder(Fingerprinter())


def read(line: dict[str, Any] | str) -> LogRecord | str:
    """The one log that a line is, or what else it came to."""
    data = (line if isinstance(line, str) else json.dumps(line)).encode()
    decoded = decode(Delivery(data, SUBJECT, "S", 1, int(RECEIVED.timestamp()) * 10**9, ""))
    if len(decoded.records) != 1 or decoded.rejects:
        return f"{len(decoded.records)} logs, rejected: {[reject.reason for reject in decoded.rejects]}"
    return decoded.records[0]


def values(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text and number of a line with the name of its field."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from values(part, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and all(isinstance(part, int) for part in value):
        return  # bytes
    elif isinstance(value, list):
        for part in value:
            yield from values(part, path)
    elif value is not None and not isinstance(value, bool):
        yield path, str(value)


def _is_changed(name: str) -> bool:
    """Whether the field, or an object that it is in, has a form of its own in the row."""
    parts = folded(name).split(".")
    return any(".".join(parts[:count]) in _CHANGED for count in range(1, len(parts) + 1))


def lost(line: Any, row: LogRecord) -> list[str]:
    """Values of the line that are nowhere in the row."""
    context = [text for pair in values(json.loads(row.context or "{}")) for text in pair]
    kept = "\n".join([row.message, row.service, row.hostname, *context])
    return [
        f"{name} {text[:40]!r}"
        for name, text in values(line)
        if not _is_changed(name) and any(part.strip() not in kept for part in text.splitlines())
    ]


def mistakes(line: Any, right: dict[str, Any]) -> list[str]:
    """What is read wrong; empty where nothing is."""
    row = read(line)
    if isinstance(row, str):
        return [row]
    if right.get("plain"):
        return [] if all(part.strip() in row.message for part in line.splitlines()) else [f"text {row.message!r}"]
    found = [f"lost {name}" for name in lost(line, row)]
    found += [
        f"{name} {getattr(row, name)!r}, not {wanted!r}"
        for name in ("severity", "service", "hostname")
        if (wanted := right.get(name)) not in (None, "any", getattr(row, name))
    ]
    if not row.message.startswith(right["message_starts"] or "") or right.get("message_has", "") not in row.message:
        found.append(f"text {row.message[:60]!r}, not {right['message_starts'] or right.get('message_has')!r}")
    if not row.timestamp.startswith(right["time"] or f"{RECEIVED:%Y-%m-%dT%H:}"):
        found.append(f"time {row.timestamp}, not {right['time']}")
    return found


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_lines_of_real_loggers(file: Path) -> None:
    """Severity, text, program, host and time are found, and every other value of the line is kept."""
    found = {}
    for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        one = json.loads(text)
        if wrong := mistakes(one["line"], one["right"]):
            found[f"{number} {one['logger']} {one['version']}, {one['case']}"] = wrong
    assert not found, "\n".join(f"{name}: {wrong}" for name, wrong in found.items())


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("recipe R-77 not found", "socket closed"),
        ("filler 04 cannot start recipe R-77", "valve is stuck"),
        ("IllegalArgumentException", "SocketTimeoutException"),
        ('"alarm_code": "E-2207"', '"alarm_code": "E-3310"'),
    ],
)
def test_another_exception_or_code_is_another_problem(file: Path, before: str, after: str) -> None:
    """However a logger writes it, and where nothing but it tells two logs apart."""
    for text in file.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)["line"]
        other = json.dumps(line).replace(before, after)
        if other == json.dumps(line):
            continue
        one, two = read(line), read(json.loads(other))
        assert isinstance(one, LogRecord)
        assert isinstance(two, LogRecord)
        assert one.fingerprint != two.fingerprint, (line, one.template)


def test_every_language_has_lines() -> None:
    """No file of lines is lost."""
    assert {file.stem for file in FILES} == {"collectors", "go", "java", "node", "php", "python", "ruby", "rust"}

"""docs/messages.md tells the truth: every example on it is run."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from andon.core.models import SUBJECT, Decoded, Delivery
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder
from support.outside_cases import taken

PAGE = (Path(__file__).parents[2] / "docs" / "messages.md").read_text(encoding="utf-8")
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
NOTED = ("not understood", "noted")
COUNTS = {"one": 1, "two": 2, "six": 6}
decode = Decoder(Fingerprinter(), ZoneInfo("Europe/Berlin"))


def rows(name: str) -> list[list[str]]:
    """The cells of a table of examples, which stands under a comment of its name."""
    table = PAGE.split(f"<!-- {name} -->\n")[1].split("\n\n")[0]
    found = [[cell.strip() for cell in line.strip("|").split(" |")] for line in table.splitlines()[2:]]
    assert found
    return found


def quoted(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall("`([^`]+)`", cell)


def decoded(text: str) -> Decoded:
    """A message as it is read at noon."""
    return decode(Delivery(text.encode(), SUBJECT, "S", 1, int(NOON.timestamp()) * 10**9, ""))


def test_examples_of_splitting() -> None:
    """Each message holds these logs, or is rejected."""
    for message, logs in rows("splitting"):
        got = decoded(quoted(message)[0])
        assert [record.message for record in got.records] == quoted(logs), message
        assert bool(got.rejects) is not bool(quoted(logs)), message


def test_examples_of_severities() -> None:
    """Each number and word is this severity, and what is not understood is noted."""
    for fields, severity, because in rows("numbers"):
        record = decoded(f'{{"message":"pump stopped",{quoted(fields)[0]}}}').first()
        assert record.severity == severity, fields
        assert bool(record.notes) is any(word in because for word in NOTED), (fields, record.notes)


def test_examples_of_times() -> None:
    """Each time is read as this one; that of receipt is taken with a note, and so is an ambiguous one."""
    for written, read, because in rows("times"):
        record = decoded(f'{{"timestamp":{quoted(written)[0]},"message":"pump stopped"}}').first()
        wanted = f"{NOON:%Y-%m-%dT%H:%M:%S}" if read == "receipt" else read
        assert record.timestamp.startswith(wanted), (written, record.timestamp)
        assert bool(record.notes) is because.startswith("noted"), (written, record.notes)


def test_examples_of_notes() -> None:
    """Each message is noted so."""
    for sent, noted in rows("notes"):
        assert [decoded(quoted(sent)[0]).first().notes] == quoted(noted)


def test_fields_that_name_the_fault() -> None:
    """Two values of each field are one problem or two, as it says; of a status of HTTP only errors are told apart."""
    for (result, cell), wanted in zip(rows("codes"), (2, 1), strict=True):
        assert result.startswith("two" if wanted == 2 else "one")
        for name in quoted(cell):
            outer, dot, inner = name.rpartition(".")
            keys = set()
            for value in (404, 503) if "status" in name else (17, 18):
                fields = {outer: {inner: value}} if dot else {name: value}
                keys.add(decoded(json.dumps({"message": "pump stopped", **fields})).first().fingerprint)
            assert len(keys) == wanted, name


def test_examples_of_problems(tmp_path: Path) -> None:
    """Each line's texts are as many problems as it says."""
    for number, (texts, count) in enumerate(rows("problems")):
        place = tmp_path / str(number)
        place.mkdir()
        logs: list[dict[str, Any] | bytes] = [
            json.dumps({"severity": "ERROR", "hostname": "gw", "service": "plant", "message": text}).encode()
            for text in quoted(texts)
        ]
        assert taken(place, logs).count == COUNTS[count], texts

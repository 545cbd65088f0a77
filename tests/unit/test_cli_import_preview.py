"""``andon import --dry-run``: says what there is, and what rules of retention would do with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.commands import Commands


def test_a_dry_run_counts_what_it_would_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without rules too; a rule that has no name is told by its number."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "a.log").write_text("2025-10-01 10:00:00 ERROR axis 1\n2025-10-01 10:00:01 WARN slow\n")
    (logs / "b.log").write_text("2025-10-01 10:00:02 ERROR axis 2\n")
    plain = Commands(tmp_path, capsys)
    said = plain("import", str(logs), "--dry-run")
    assert said.status == 0
    assert said.out.split() == [
        "3",
        "logs",
        "in",
        "2",
        "files;",
        "nothing",
        "was",
        "imported;",
        "no",
        "retention",
        "rule",
        "removes",
        "any",
    ]
    assert plain("import", str(logs), "--dry-run", "--json").json["logs"] == 3
    rules = json.dumps([{"severity": ["ERROR"], "keep": "30d"}])
    ruled = Commands(tmp_path, capsys, ANDON_RETENTION=rules)("import", str(logs), "--dry-run")
    assert "2 of these 3 logs will be deleted 30 d after the import, by rule 1" in ruled.err
    assert ruled.out.split() == ["3", "logs", "in", "2", "files;", "nothing", "was", "imported"]


def test_an_encoding_that_is_none_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.log").write_text("x\n")
    refused = Commands(tmp_path, capsys)("import", str(tmp_path / "a.log"), "--encoding", "cp99999")
    assert refused.status == 2
    assert "encoding: 'cp99999' is not an encoding" in " ".join(refused.err.replace("│", " ").split())
    assert "Value error" not in refused.err

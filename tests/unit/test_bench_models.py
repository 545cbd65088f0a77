"""What an answer of a real model costs in two revisions: what is said where one cannot be had, and the ratios."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, which belongs to the checkout and is not installed."""
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("bench.models")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout")
def test_what_is_no_revision_is_one_sentence(
    models: ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    assert models.main(["--against=no-such-branch", f"--model={file}"]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("bench models: 'no-such-branch' is no commit of this repository;")
    assert not told.out


def test_ratios_are_of_the_means(models: ModuleType) -> None:
    def row(seconds: float, written: int) -> dict[str, float]:
        return {"seconds": seconds, "processor": 1.0, "written": written, "read": 100, "answered": True}

    told = models.table(["abc", "working tree"], [[row(9.0, 400), row(3.0, 100)], [row(11.0, 400), row(2.0, 100)]])
    lines = [line.split() for line in told.splitlines()]
    assert lines[1] == ["s", "10.00", "2.50", "0.25", "x"]
    assert lines[3] == ["tokens", "written", "400.00", "100.00", "0.25", "x"]
    assert lines[-1] == ["findings", "given", "2", "2"]

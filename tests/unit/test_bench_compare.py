"""Two revisions side by side: what is said where one cannot be had, and how the ratios are told."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, which belongs to the checkout and is not installed."""
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("bench.compare")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout")
@pytest.mark.parametrize("revision", ["no-such-branch", "--help-me", "HEAD:src"])
def test_what_is_no_revision_is_one_sentence(
    compare: ModuleType, capsys: pytest.CaptureFixture[str], revision: str
) -> None:
    assert compare.main(["HEAD", f"--against={revision}"]) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"bench compare: {revision!r} is no commit of this repository;")
    assert told.err.count("\n") == 1
    assert not told.out


def test_ratios_are_of_neighbouring_rounds(compare: ModuleType) -> None:
    def rounds(*speeds: float) -> list[dict[str, float]]:
        return [dict.fromkeys(compare.QUANTITIES, speed) for speed in speeds]

    # the machine was three times as slow in the last round: the medians suffer, the ratio does not
    told = compare.table({"HEAD~5": rounds(1000, 900, 300), "working tree": rounds(1100, 990, 330)})
    assert "working tree / HEAD~5" in told.splitlines()[0]
    assert len(told.splitlines()) == 1 + len(compare.QUANTITIES)
    [line] = [line for line in told.splitlines() if line.startswith("  record path  ")]
    assert " ".join(line.split()) == "record path 900 990 1.10 x (1.10 to 1.10) logs/s, more is better"


def test_what_one_revision_lacks_is_said_and_what_both_lack_is_not(compare: ModuleType) -> None:
    told = compare.table({"old": [{"decoding": 1.0}], "new": [{"decoding": 2.0, "asked: diff": 5.0}]})
    assert [line.split(maxsplit=1)[0] for line in told.splitlines()[1:]] == ["decoding", "asked:"]
    assert "only one of the two has it" in told


def test_a_revision_that_cannot_be_counted_says_why(compare: ModuleType) -> None:
    told = compare.counted({"old": "no module named andon.store", "new": {"record: statements": 0.3}})
    assert told == "  old cannot be counted: no module named andon.store"
    told = compare.counted({"old": {"record: statements": 0.6}, "new": {"record: statements": 0.3}})
    assert told.splitlines()[1].split() == ["record:", "statements", "0.60", "0.30", "0.50", "x"]


def test_a_name_that_a_revision_lacks_is_looked_for_under_the_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    child = importlib.import_module("bench.compare_child")
    assert child.first(("json.gone:loads", "gone.decode:loads", "json:loads")).__name__ == "loads"
    with pytest.raises(SystemExit, match=r"none of gone\.decode:loads"):
        child.first(("gone.decode:loads",))
    (tmp_path / "half_there.py").write_text("import something_that_is_not_installed\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="something_that_is_not_installed"):
        child.first(("half_there:x", "json:loads"))

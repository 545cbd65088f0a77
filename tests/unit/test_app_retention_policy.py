"""Rules of retention as written in andon.toml, and as they judge a log. Pure."""

from __future__ import annotations

from pathlib import Path

import pytest

from andon.app.retention_policy import described, labels, retention_policy
from andon.core.errors import ConfigError
from andon.core.settings.settings import load_settings
from andon.store.rules.retention import Judge, KeepPolicy, KeepRule, stored_at

_DAY = 86_400.0


def _written(place: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (place / "andon.toml").write_text(text)
    monkeypatch.chdir(place)


def test_rules_are_read_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Severities in any case, one or several; ages in units; the label is the name or the number."""
    _written(
        tmp_path,
        monkeypatch,
        """
retention_max_bytes = 1000000000
[[retention]]
name = "noise"
severity = "debug"
service = "plc-*"
keep = "none"
[[retention]]
severity = ["INFO", "warning"]
line = "line-1"
older_than = "2w"
keep = "sample"
[[retention]]
pattern = 12
keep = "forever"
[[retention]]
keep = "90d"
""",
    )
    settings = load_settings()
    policy = retention_policy(settings)
    assert policy.max_bytes == 1_000_000_000
    assert policy.rules == (
        KeepRule("noise", "none", frozenset({"DEBUG"}), "plc-*"),
        KeepRule(
            "rule 2",
            "sample",
            frozenset({"INFO", "WARNING"}),
            places=(None, None, "line-1", None),
            older_than=14 * _DAY,
        ),
        KeepRule("rule 3", "forever", pattern=12),
        KeepRule("rule 4", 90 * _DAY),
    )
    assert [described(one) for one in settings.retention] == [
        "DEBUG, service plc-*: not stored",
        "INFO or WARNING, line line-1, older than 2w: one of each problem and hour kept",
        "pattern 12: kept forever",
        "all logs: kept for 90d",
    ]
    assert policy.thresholds == (0.0, 14 * _DAY, 90 * _DAY)


def test_no_two_rules_share_a_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures by rule must not run into one."""
    _written(tmp_path, monkeypatch, '[[retention]]\nname = "a"\nkeep = "1d"\n[[retention]]\nname = "a"\nkeep = "2d"\n')
    assert labels(load_settings()) == ["a", "a (2)"]


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ('keep = "soon"', "[[retention]] entry 1 in andon.toml, keep=soon: 'soon' is not a length of time: write 90m"),
        ('keep = "0d"', "keep=0d: '0d' is out of range"),
        ('keep = "999999999y"', "a hundred years at most"),
        ('severity = "DEBUG"', "[[retention]] entry 1 in andon.toml, keep is missing"),
        ('severity = "LOUD"\nkeep = "1d"', "severity, entry 1=LOUD: write 'DEBUG'"),
        ('severity = []\nkeep = "1d"', "severity: write at least 1 entry"),
        ('servise = "x"\nkeep = "1d"', "[[retention]] entry 1 in andon.toml, servise: there is no such key"),
        ('older_than = "yesterday"\nkeep = "none"', "older_than=yesterday: 'yesterday' is not a length of time"),
        ('older_than = "30d"\nkeep = "7d"', "older than 30d and keeps them for 7d"),
        ('pattern = 0\nkeep = "1d"', "pattern=0: write 1 or more"),
        ('service = ""\nkeep = "1d"', "service=: write something: it is empty"),
    ],
)
def test_a_wrong_rule_is_one_sentence(
    rule: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which entry, which key, what is wrong."""
    _written(tmp_path, monkeypatch, f"[[retention]]\n{rule}\n")
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_rule_in_single_brackets_is_told_how_to_write_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TOML reads it as a table by itself."""
    _written(tmp_path, monkeypatch, '[retention]\nkeep = "1d"\n')
    with pytest.raises(
        ConfigError, match=r"^\[retention\] in andon.toml .* write \[\[retention\]\], in double brackets"
    ):
        load_settings()


def test_a_cap_that_nothing_fits_into_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip of the pen must not delete everything."""
    monkeypatch.setenv("ANDON_RETENTION_MAX_BYTES", "5000")
    with pytest.raises(ConfigError, match="0 for no limit"):
        load_settings()


def test_the_first_rule_that_matches_counts() -> None:
    """Also where a later one would delete."""
    judge = Judge(
        KeepPolicy((KeepRule("keep", "forever", service="safety*"), KeepRule("rest", 60.0, older_than=0.0))), {}
    )
    safety = judge.looks("DEBUG", "safety-1", ("", "", "", ""), None)
    other = judge.looks("DEBUG", "drive", ("", "", "", ""), None)
    assert [rule and rule.label for rule in (judge.rule(safety, 1e9), judge.rule(other, 1e9))] == ["keep", "rest"]


def test_globs_know_no_sets() -> None:
    """Brackets in names stand for themselves."""
    judge = Judge(KeepPolicy((KeepRule("r", "none", service="[x]*"),)), {})
    assert judge.rule(judge.looks("INFO", "[x]1", ("",) * 4, None), 0.0) is not None
    assert judge.rule(judge.looks("INFO", "x1", ("",) * 4, None), 0.0) is None


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((100, None, "2025-01-15T02:14:23.123Z"), 100.0),
        ((None, "1970-01-01 00:01:00", None), 60.0),
        ((None, None, "1970-01-01T00:01:00.000Z"), 60.0),
        ((None, b"x", "soon"), None),
    ],
)
def test_when_a_row_was_stored(row: tuple[int | None, object, object], expected: float | None) -> None:
    """Rows taken over have only texts; what is no time is not guessed."""
    assert stored_at(*row) == expected

"""The grouping method as benchmarks call it, and its quality where labelled logs are at hand."""

from __future__ import annotations

import importlib.util
import random
import re
from pathlib import Path
from types import ModuleType

import pytest

from andon.grouping.evaluation import factory

_KEPT = re.compile(
    "true|false|null|none|secs?|seconds?|bytes?|[kmg]b|ms|hours|min|minutes|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov"
    "|dec|mon|tue|wed|thu|fri|sat|sun",
    re.IGNORECASE,
)
SHARED = Path(__file__).resolve().parents[3] / "shared"


def test_values_group_and_words_split() -> None:
    group = factory()
    assert group("lost link to node 17 again") == group("lost link to node 4 again")
    assert group("lost link to node 17 again") != group("found link to node 17 again")


def test_final_follows_merges() -> None:
    group = factory()
    answers = [group(f"user {user} logged out") for user in ("ann", "bob", "cat", "dan", "eve", "fay")]
    assert len(set(answers)) == 4  # the fifth word was the evidence
    assert {group.final(answer) for answer in answers} == {answers[0]}


def _scorer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("grouping_scorer", SHARED / "grouping" / "evaluate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "grouping").is_dir(), reason="no labelled logs at hand")
def test_grouping_reaches_its_bars() -> None:
    scorer = _scorer()
    sets = scorer.load(SHARED / "data" / "loghub")
    final, answered, _ = scorer.from_callable(factory, sets)
    _, mean = scorer.evaluate(final, sets, answered)
    assert mean["GA"] >= 0.94
    assert mean["FGA"] >= 0.91
    assert mean["mixed"] <= 0.001
    assert mean["x"] <= 1.12
    made_up = {name: [(id_, _made_up(text), true) for id_, text, true in rows] for name, rows in sets.items()}
    final, answered, _ = scorer.from_callable(factory, made_up)
    _, other = scorer.evaluate(final, made_up, answered)
    assert abs(other["GA"] - mean["GA"]) <= 0.02
    assert other["mixed"] <= 0.001


def _made_up(text: str) -> str:
    """``text`` with words of no language; capitals, digits and punctuation stay, and so do units and dates."""
    return re.sub("[A-Za-z]{2,}", lambda match: _other_word(match[0]), text)


def _other_word(word: str) -> str:
    if _KEPT.fullmatch(word):
        return word
    chance = random.Random(word.lower())
    letters = [chance.choice("aeiou" if at % 2 else "bcdfgklmnprstvz") for at in range(len(word) + 4)]
    ending = letters[len(word) :]
    made = [new.upper() if old.isupper() else new for old, new in zip(word, letters, strict=False)]
    return "".join(made) + "".join(ending).upper() if word.isupper() else "".join(made + ending)

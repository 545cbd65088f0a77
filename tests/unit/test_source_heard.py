"""What a source heard becomes a message: subjects, places, and texts that are too long."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.place_pattern import PlacePattern
from andon.ingest.sources.heard import NOWHERE, Heard, Place, message_of, place_of, subject_of

LEVEL = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.tuples(LEVEL, LEVEL, LEVEL, LEVEL))
def test_a_place_is_told_once_and_whole(levels: tuple[str, str, str, str]) -> None:
    """By the subject where it may hold it, else by the context: nothing of it is lost or changed."""
    place = Place(*levels)
    subject, payload = message_of(Heard("text", place=place), 100_000)
    context = json.loads(payload)["context"]
    tokens = subject.split(".")[3:]
    told = tokens or [context.get(name, "") for name in ("site", "area", "line", "machine")]
    assert [*told, *[""] * (4 - len(told))] == list(levels)
    assert all(token and not any(c.isspace() or c in "*>" for c in token) for token in tokens)


def test_a_gap_in_a_place_is_no_subject() -> None:
    """A machine without a line would be read as a site."""
    assert subject_of(Place(machine="p4")) is None
    assert subject_of(Place(site="north", line="l2")) is None
    assert subject_of(NOWHERE) == "agent.technical.support"
    assert Place(machine="p4").over(Place("north", "press", "l2", "other")) == Place("north", "press", "l2", "p4")


@given(st.text(max_size=3_000), st.dictionaries(st.text(max_size=20), st.text(max_size=500), max_size=8))
def test_a_message_fits_the_broker(text: str, context: dict[str, str]) -> None:
    """What is too long is cut and says so; what fits is whole."""
    most = 4_096
    _, payload = message_of(Heard(text, context=dict(context), place=Place(machine="p.4")), most)
    assert len(payload) <= most - 1_024
    read = json.loads(payload)
    assert text.startswith(read["message"])
    assert read["context"]["machine"] == "p.4"
    if "cut_from_bytes" not in read["context"]:
        assert read["message"] == text
        assert read["context"] == {**context, "machine": "p.4"}


def test_patterns_read_topics_and_paths() -> None:
    """Levels, parts of levels, and names that do not fit."""
    topic = PlacePattern("plant/{area}/+/{line}/{machine}/#")
    assert topic.read("plant/press/x/l2/p4") == {"area": "press", "line": "l2", "machine": "p4"}
    assert topic.read("plant/press/x/l2/p4/alarms/active") == topic.read("plant/press/x/l2/p4")
    assert topic.read("plant/press/l2") is None
    path = PlacePattern("/var/log/{line}/{machine}-*.log")
    assert path.read("/var/log/l2/p4-2026-01-01.log") == {"line": "l2", "machine": "p4"}
    assert place_of({"line": "l2", "host": "h"}) == Place(line="l2")


@pytest.mark.parametrize("pattern", ["{plant}/x", "{area}/{area}", "{area", "a}b", "{}"])
def test_a_pattern_that_means_nothing_is_refused(pattern: str) -> None:
    """With a sentence that names it."""
    with pytest.raises(ValueError, match="contains"):
        PlacePattern(pattern)


@given(st.lists(st.text("abc-_. ", min_size=1, max_size=6), min_size=3, max_size=3))
def test_what_was_put_together_is_read_again(levels: list[str]) -> None:
    """Any levels without a slash."""
    assert PlacePattern("{area}/{line}/{machine}").read("/".join(levels)) == dict(
        zip(("area", "line", "machine"), levels, strict=True)
    )

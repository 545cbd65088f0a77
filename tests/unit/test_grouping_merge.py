"""Late merging: evidence, order, undoing, bounds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.core.models import Merge
from andon.grouping import Fingerprinter, Merger

USERS = ["alice", "bob", "carol", "dave", "erin", "frank"]


def feed(merger: Merger, *templates: str) -> list[Merge]:
    return [merge for template in templates for merge in merger.add(template, template)]


def groups(merger: Merger, templates: list[str]) -> set[frozenset[str]]:
    members: dict[str, set[str]] = {}
    for template in templates:
        members.setdefault(merger.root(template), set()).add(template)
    return {frozenset(group) for group in members.values()}


def test_five_words_in_one_place_are_evidence() -> None:
    merger = Merger()
    texts = [f"user {user} logged out" for user in USERS]
    assert feed(merger, *texts[:4]) == []
    merges = feed(merger, texts[4])
    assert [(merge.child, merge.parent) for merge in merges] == [(text, texts[0]) for text in texts[1:5]]
    assert merges[0].template == "user <*> logged out"
    assert (merges[0].position, merges[0].words) == (1, tuple(USERS[:5]))


def test_later_words_join_at_once() -> None:
    merger = Merger()
    texts = [f"user {user} logged out" for user in USERS]
    feed(merger, *texts[:5])
    assert [merge.child for merge in feed(merger, texts[5])] == [texts[5]]
    assert merger.root(texts[5]) == texts[0]


def test_few_words_stay_apart() -> None:
    """States of a machine are closed classes: they are few."""
    merger = Merger()
    assert feed(merger, *(f"press door is now {state}" for state in ("open", "closed", "locked", "stuck"))) == []


def test_a_value_and_a_word_are_evidence() -> None:
    one, other = "user <*> logged out", "user root logged out"
    for first, second in ((one, other), (other, one)):
        merger = Merger()
        merges = feed(merger, first, second)
        assert [(merge.child, merge.parent, merge.words) for merge in merges] == [(second, first, ("root",))]


def test_little_context_needs_more_evidence() -> None:
    merger = Merger()
    texts = [f"user anna{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    merged_at = next(number for number, text in enumerate(texts, 1) if feed(merger, text))
    assert merged_at == 10


def test_two_places_that_vary_become_one_pattern() -> None:
    merger = Merger()
    texts = [
        f"user {user} came from {place} today" for place in ("north", "south", "east", "west", "mars") for user in USERS
    ]
    feed(merger, *texts)
    assert len(groups(merger, texts)) == 1


def test_host_names_and_paths_are_values_sooner() -> None:
    merger = Merger()
    merges = feed(merger, *(f"name {host} cannot be resolved" for host in ("a.plant.local", "b.site", "c.d.com")))
    assert len(merges) == 2


@pytest.mark.parametrize(
    "words",
    [
        [f"SV04{number:02}" for number in range(9)],
        ["java.io.IOException", "TypeError", "KeyError", "a.BException", "SomeFault", "OtherError"],
        ["ECONNREFUSED", "ETIMEDOUT", "EPIPE", "EHOSTUNREACH", "ENETDOWN", "ENOSPC"],
        ["SIGSEGV", "SIGKILL", "SIGTERM", "SIGBUS", "SIGABRT", "SIGFPE"],
    ],
)
def test_codes_and_exceptions_never_merge(words: list[str]) -> None:
    assert feed(Merger(), *(f"drive reports {word} to the line" for word in words)) == []


def test_service_and_code_fields_never_merge() -> None:
    texts = [f"Connection refused @ {word}" for word in ["mes", "erp", "scada", "opc", "cam", "dms", "hmi", "crm"] * 2]
    texts += [f"The drive has stopped now @ alarm_code={word}" for word in ("HOT", "COLD", "WET", "DRY", "OFF", "ON")]
    assert feed(Merger(), *texts) == []


def test_traces_and_cut_templates_never_merge() -> None:
    for form in ("open {} gave up | in a.b", "we saw {} and then more…", "we saw {} and then more… @ svc"):
        assert feed(Merger(), *(form.format(user) for user in USERS)) == []


def test_the_oldest_stays_whatever_the_order_of_adding() -> None:
    texts = [f"user {user} logged out" for user in USERS]
    for seed in range(5):
        order = list(enumerate(texts))
        random.Random(seed).shuffle(order)
        merger = Merger()
        for age, text in order:
            merger.add(text, text, age)
        assert {merger.root(text) for text in texts} == {texts[0]}


@given(
    st.lists(
        st.tuples(*[st.sampled_from(["<*>", "up", "down", "a", "b", "c.d", "fault", "x7"])] * 4).map(
            lambda words: "the " + " ".join(words) + " ended"
        ),
        unique=True,
        max_size=40,
    ),
    st.randoms(),
)
@settings(max_examples=80, deadline=None)
def test_merging_is_consistent_in_any_order(texts: list[str], chance: random.Random) -> None:
    """Every merge names known patterns, older into which younger goes, and roots are never merged themselves."""
    merger = Merger()
    ages = {text: chance.randrange(1000) for text in texts}
    for text in texts:
        for merge in merger.add(text, text, ages[text]):
            assert ages[merge.parent] <= ages[merge.child]
    for text in texts:
        root = merger.root(text)
        assert merger.root(root) == root
        assert ages[root] <= ages[text]
        assert merger.add(text, text) == []


def test_separated_patterns_stay_apart() -> None:
    texts = [f"user {user} logged out" for user in USERS]
    merger = Merger(never=[(texts[0], texts[2])])
    feed(merger, *texts)
    assert merger.root(texts[2]) == texts[2]
    assert groups(merger, texts) == {frozenset({texts[2]}), frozenset({*texts[:2], *texts[3:]})}


def test_stored_merges_hold_whether_told_before_or_after_the_patterns() -> None:
    for early in (True, False):
        merger = Merger()
        if early:
            merger.unite("b", "a")
        merger.add("a", "one text of its own")
        merger.add("b", "another thing that differs")
        if not early:
            merger.unite("b", "a")
        assert merger.root("b") == "a"
        merger.unite("a", "b")
        assert merger.root("a") == "a"


def test_more_patterns_than_capacity_are_forgotten_oldest_first() -> None:
    merger = Merger(capacity=50)
    texts = [f"{word} has {word * 2} gone" for word in (f"w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(300))]
    feed(merger, *texts)
    assert len(merger) == 50
    assert merger.forgotten == 250
    assert texts[0] not in merger
    assert texts[-1] in merger
    assert len(merger._holes) <= 50 * 4
    assert len(merger._exact) <= 50


def test_a_pattern_that_others_are_part_of_is_not_forgotten() -> None:
    merger = Merger(capacity=8)
    texts = [f"user {user} logged out" for user in USERS]
    feed(merger, *texts, *(f"entirely other {word} text{word}" for word in ("p", "q", "r", "s")))
    assert texts[0] in merger


def test_templates_of_fingerprints_merge() -> None:
    fingerprint, merger = Fingerprinter(), Merger()
    merges: list[Merge] = []
    for number, user in enumerate(USERS):
        found = fingerprint(f"login of {user} from 10.0.0.{number} failed", "s", None)
        merges += merger.add(found.key, found.template)
    assert len(merges) == len(USERS) - 1


def test_evidence_of_one_word_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        Merger(evidence=1)

"""Code fields that turn out to count up: what is learned, from how much, and what never is."""

from __future__ import annotations

import random

import pytest

from andon.core.models import Merge
from andon.grouping import CodeRules, Fingerprinter, Merger, noise
from andon.grouping.merge import rebuilt
from support.growth import grows_like_a_line


def texts(count: int, field: str = "fault_no", text: str = "MQTT publish was not acknowledged") -> list[str]:
    return [f"{text} @ {field}={4000 + number}" for number in range(count)]


def feed(merger: Merger, templates: list[str], logs: int = 1) -> list[Merge]:
    merger.saw([template for template in templates for _ in range(logs)])
    return [merge for template in templates for merge in merger.add(template, template)]


def problems(merger: Merger, templates: list[str]) -> int:
    return len({merger.root(template) for template in templates})


def test_twenty_values_in_as_many_logs_are_noise() -> None:
    """The evidence goes with the merge, and what comes later joins at once."""
    merger, all_ = Merger(), texts(40)
    assert feed(merger, all_[:19]) == []
    merges = feed(merger, all_[19:20])
    assert len(merges) == 19
    assert merges[0].parent == all_[0]
    assert merges[0].template == "MQTT publish was not acknowledged fault_no=<*>"
    assert merges[0].position == 5
    assert merges[0].words == tuple(f"fault_no={4000 + number}" for number in range(20))
    assert [merge.words for merge in feed(merger, all_[20:21])] == [("fault_no=4020",)]
    feed(merger, all_)
    assert problems(merger, all_) == 1


def test_values_that_come_again_are_codes() -> None:
    """Two logs for each are enough to keep them apart."""
    merger = Merger()
    assert feed(merger, texts(200), logs=2) == []


def test_what_counted_as_codes_can_turn_out_to_be_noise() -> None:
    """A code that came often does not hide that most values came once."""
    merger, all_ = Merger(), texts(80)
    merger.saw([all_[0]] * 30)
    assert feed(merger, all_[:25]) == []
    feed(merger, all_[25:])
    assert problems(merger, all_) == 1


@pytest.mark.parametrize("field", ["alarm_code", "errorCode", "event_id", "Event-ID", "lot_no"])
def test_protected_fields_are_never_noise(field: str) -> None:
    """The three names that are always codes, in any spelling, and what a site names."""
    assert feed(Merger(protected=noise.protecting(["LotNo"])), texts(300, field)) == []


def test_what_is_called_a_code_takes_more_values() -> None:
    for field in ("fault_code", "errno", "exit_status"):
        assert feed(Merger(), texts(59, field)) == []
        merger, many = Merger(), texts(90, field)
        feed(merger, many)
        assert problems(merger, many) == 1


def test_names_of_exceptions_and_services_are_never_noise() -> None:
    """What counts has a digit."""
    names = [f"{one}{other}" for one in "abcdefgh" for other in "ijklmnop"]
    assert feed(Merger(), [f"The call came to nothing @ fault_no={name}" for name in names]) == []
    assert feed(Merger(), [f"It failed @ svc{name} fault_no=7" for name in names]) == []


def test_texts_that_say_nothing_stay_apart() -> None:
    """Without a text the field is all that identifies the problem."""
    for text in ("(no message) svc", "Fault"):
        assert feed(Merger(), texts(100, text=text[:5])) == []


def test_two_fields_that_count_up_at_once_are_seen() -> None:
    merger = Merger()
    both = [f"The press lost its link @ fault_no={number} span_no={9000 - 7 * number}" for number in range(50)]
    feed(merger, both)
    assert problems(merger, both) == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_code_beside_a_counter_stays(seed: int) -> None:
    """Three codes and a counter in one text are three problems, in any order."""
    merger = Merger()
    mixed = [f"The press lost its link @ alarm_no=F{number % 3} fault_no={number}" for number in range(120)]
    random.Random(seed).shuffle(mixed)
    feed(merger, mixed)
    assert problems(merger, mixed) == 3


def test_the_same_field_under_another_text_is_learned_anew() -> None:
    merger = Merger()
    feed(merger, texts(40))
    assert feed(merger, texts(10, text="The press lost its link")) == []


def test_traces_with_a_counter_join() -> None:
    """What stands in a trace holds no names, but the field beside it may be noise."""
    merger = Merger()
    traces = [f"IOError broken pipe seen | in a.read b.poll @ fault_no={number}" for number in range(30)]
    feed(merger, traces)
    assert problems(merger, traces) == 1


def test_a_person_keeps_values_apart() -> None:
    all_ = texts(30)
    merger = Merger(never=[(all_[0], all_[7])])
    feed(merger, all_)
    assert merger.root(all_[7]) == all_[7]
    assert problems(merger, all_) == 2


def test_the_same_groups_after_a_restart() -> None:
    """Also where each value came often since: that they were joined is stored, and new ones go on joining."""
    all_ = texts(30)
    merger = Merger()
    merges = feed(merger, all_)
    into = {merge.child: merge.parent for merge in merges}
    for logs in (1, 50):
        known = [(number, text, text, into.get(text), logs) for number, text in enumerate(all_)]
        again, news = rebuilt(known, [])
        assert news == []
        assert problems(again, all_) == 1
        assert [merge.parent for merge in feed(again, texts(31)[30:])] == [all_[0]]
    fresh, found = rebuilt([(number, text, text, None, 1) for number, text in enumerate(all_)], [])
    assert {(merge.child, merge.parent) for merge in found} == {(merge.child, merge.parent) for merge in merges}
    assert problems(fresh, all_) == 1


def test_forgetting_leaves_nothing_behind() -> None:
    merger = Merger(capacity=50)
    for number in range(40):
        feed(merger, texts(10, text=f"The press {'x' * (number + 1)} lost its link"), logs=3)
    assert len(merger) == 50
    assert sum(len(fields.keys) for fields in merger._fields.values()) == 50
    assert len(merger._logs) == 50


def test_fields_of_codes_cost_what_they_cost() -> None:
    """Whether they turn out to be noise or not, a new value costs the same however many there are."""
    for logs in (1, 2):
        assert grows_like_a_line(lambda count, logs=logs: feed(Merger(), texts(count), logs), 100)


def test_fingerprints_of_a_context_that_counts_up_join() -> None:
    """End to end: from the context's field to one problem; the same values in ``alarm_code`` are as many."""
    fingerprint = Fingerprinter(CodeRules(fields=["piece"]))
    for field, count in (("piece", 1), ("alarm_code", 40)):
        merger, keys = Merger(), []
        for number in range(40):
            found = fingerprint("The valve did not reach its end position", "press", {field: 4000 + number})
            merger.saw([found.key])
            merger.add(found.key, found.template)
            keys.append(found.key)
        assert problems(merger, keys) == count

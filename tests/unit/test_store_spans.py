"""Which counts hold a span of time."""

from __future__ import annotations

import doctest

from andon.store.counts import spans


def test_the_examples_of_spans_hold() -> None:
    """Segments are whole hours that are counted, and the minutes around them."""
    result = doctest.testmod(spans)
    assert result.attempted
    assert not result.failed


def test_a_span_within_an_hour_is_read_by_minutes() -> None:
    """No whole hour lies in it."""
    assert spans.segments(61, 119, []) == [(False, 61, 119)]


def test_an_hour_that_is_not_counted_yet_is_read_by_minutes_as_far_as_it_is_asked_for() -> None:
    """What is open at the edges of the span is cut to it."""
    assert spans.segments(0, 180, [(-5, 1), (2, 9)]) == [(False, 0, 60), (True, 1, 2), (False, 120, 180)]

"""The measure that the tests of hostile texts use: it tells a line from a square, whatever else the machine does."""

from __future__ import annotations

import re

from support.growth import grows_like_a_line


def test_one_pass_over_a_text_is_a_line() -> None:
    assert grows_like_a_line(lambda size: re.sub("a", "b", "ab" * size), 2_000)


def test_work_that_does_not_grow_is_no_more_than_a_line() -> None:
    assert grows_like_a_line(lambda size: re.sub("a", "b", "ab" * min(size, 2_000)), 2_000)


def test_an_expression_that_tries_every_start_again_is_not() -> None:
    assert not grows_like_a_line(lambda size: re.search("a*b", "a" * size), 1_000)

"""Whose fault it is that a question came to nothing."""

from __future__ import annotations

from andon.explain.blame import OUTAGES_FREE, QUESTIONS_IN_A_ROW, Blame


def test_a_question_that_fails_alone_is_at_fault() -> None:
    """However often, and at once where others were answered."""
    blame = Blame()
    assert [blame.failed(1) for _ in range(9)] == [False] * 9
    blame.answered(2)
    assert [blame.failed(1) for _ in range(9)] == [False] * 9


def test_several_different_ones_in_a_row_are_the_providers_fault() -> None:
    """Until one is answered, which proves those before it guilty: they are no evidence any more."""
    blame = Blame()
    assert [blame.failed(question) for question in range(5)] == [False] * (QUESTIONS_IN_A_ROW - 1) + [True] * 3
    blame.answered(9)
    assert [blame.failed(question) for question in range(QUESTIONS_IN_A_ROW)] == [False] * QUESTIONS_IN_A_ROW
    assert not blame.failed(10)


def test_four_guilty_questions_do_not_take_the_provider_down_again() -> None:
    """A queue of nothing but refused questions comes to its end."""
    blame = Blame()
    for question in range(QUESTIONS_IN_A_ROW - 1):
        blame.failed(question)
    blame.answered(50)
    for question in range(QUESTIONS_IN_A_ROW - 1, 2 * QUESTIONS_IN_A_ROW - 2):
        blame.failed(question)
    blame.answered(51)
    assert not any(blame.failed(question) for question in range(2 * QUESTIONS_IN_A_ROW - 2))


def test_an_outage_is_nobodys_fault_unless_it_comes_with_the_same_question_each_time() -> None:
    """A provider that falls over at one question comes back in between, and is well with all others."""
    blame = Blame()
    assert not any(blame.away(question) for question in range(20))
    blame.answered(30)
    assert [blame.away(31) for _ in range(OUTAGES_FREE + 2)] == [False] * OUTAGES_FREE + [True] * 2


def test_a_full_provider_is_nobodys_fault_unless_only_this_one_finds_no_room() -> None:
    """Waiting alone is no proof; that others are let through in between is."""
    blame = Blame()
    assert not any(blame.away(1, busy=True) for _ in range(50))
    found = []
    for other in range(10, 14):
        blame.answered(other)
        found.append(blame.away(1, busy=True))
    assert found[0] is False
    assert found[-1] is True


def test_an_answer_clears_a_question() -> None:
    """It begins anew."""
    blame = Blame()
    for _ in range(OUTAGES_FREE):
        blame.away(1)
    blame.answered(1)
    assert not blame.away(1)

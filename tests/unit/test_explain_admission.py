"""Admission control: how many questions at once, when none, and how many at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from sqlalchemy import create_engine

from andon.core.models import Spent
from andon.explain.admission import Admission, Breaker, Budget
from andon.explain.blame import QUESTIONS_IN_A_ROW
from andon.store import queue
from andon.store.schema.tables import model_calls
from support.patience import PATIENCE
from support.settings import settings_of


class Ledger:
    """A database that holds nothing but what was spent, with a clock of its own."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self._engine = create_engine("sqlite://")
        model_calls.create(self._engine)

    async def __call__(self, work: Callable[..., Any], *args: Any) -> Any:
        with self._engine.begin() as connection:
            return work(connection, *args)


class Clock:
    """Seconds that move when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run(main: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(main, PATIENCE))


def budget(ledger: Ledger, **limits: int) -> Budget:
    settings = settings_of(**{f"budget_{name}": most for name, most in limits.items()})
    return Budget(ledger, ledger, settings, clock=lambda: ledger.now)  # type: ignore[arg-type]


def admission(**settings: Any) -> Admission:
    return Admission(budget(Ledger()), Breaker(Clock()), **settings)


def answers(tested: Admission, count: int, seconds: float) -> None:
    """``count`` answers while every place was taken."""
    for _ in range(count):
        tested.running = tested.limit
        tested.answered(1, seconds)
    tested.running = 0


def test_a_quick_provider_gets_more_at_once_up_to_the_bound() -> None:
    """Round by round one more, never more than allowed."""
    tested = admission(first=1, most=3)
    seen = []
    for _ in range(10):
        answers(tested, 2, 1.0)
        seen.append(tested.limit)
    assert seen[:2] == [1, 2]
    assert seen == sorted(seen)
    assert seen[-1] == 3


def test_a_provider_that_answers_one_at_a_time_is_left_at_one() -> None:
    """Where two at once take twice as long each, the limit falls back and is tried ever more seldom."""
    tested = admission(first=1, most=4)
    tried = 0
    for _ in range(200):
        tried += tested.limit > 1
        answers(tested, 1, float(tested.limit))
    assert tested.limit <= 2
    assert tried < 40


@pytest.mark.parametrize("lengths", [(1.0,), (0.6, 1.4, 0.9, 1.1)])
def test_a_slow_first_answer_hides_nothing_of_that(lengths: tuple[float, ...]) -> None:
    """A model that was loaded for the first question, and answers of different length, do not pass for room."""
    tested = admission(first=1, most=4)
    answers(tested, 1, 40.0)
    at_more = 0
    for number in range(200):
        at_more += tested.limit > 2
        answers(tested, 1, 10.0 * tested.limit * lengths[number % len(lengths)])
    assert tested.limit <= 2
    assert at_more < 20


def test_room_for_two_is_used_and_no_more() -> None:
    """Where two run side by side and the third waits, two stay."""
    tested = admission(first=1, most=4)
    limits = []
    for _ in range(200):
        answers(tested, 1, max(1.0, tested.limit / 2))
        limits.append(tested.limit)
    assert limits[-1] in (2, 3)
    assert limits[50:].count(2) > 120


def test_unused_places_say_nothing_about_the_limit() -> None:
    """A single question now and then never raises it: it was not the bound that held."""
    tested = admission(first=2, most=4)
    for _ in range(50):
        tested.running = 1
        tested.answered(1, 1.0)
    assert tested.limit == 2


def test_busy_halves() -> None:
    """A provider without room gets half as many when it is back, one for a start."""
    tested = admission(first=4, most=4)
    tested.away(1, "busy", busy=True)
    assert tested.limit == 0
    tested.breaker.reset()
    assert tested.limit == 1
    tested.answered(1, 1.0)
    assert tested.limit == 2


def test_one_failed_question_does_not_open_the_breaker_but_several_in_a_row_do() -> None:
    """The provider's word that it is well counts for a while only; nonsense proves that it is there."""
    tested = admission()
    for _ in range(20):
        tested.failed(1, "500")
    assert tested.breaker.closed
    tested.alive(2)
    for question in range(3, 3 + QUESTIONS_IN_A_ROW):
        tested.failed(question, "500")
    assert not tested.breaker.closed


def test_half_open_lets_one_question_through_and_its_failure_opens_again() -> None:
    """After a probe one question goes out; the pause doubles where it comes to nothing."""
    clock = Clock()
    tested = Admission(budget(Ledger()), Breaker(clock), first=4, most=4)
    tested.away(1, "down")
    first = tested.breaker.probe_due
    clock.now += first
    tested.breaker.reset()
    assert tested.limit == 1
    tested.running = 1
    assert not tested.free
    tested.failed(1, "500")
    assert tested.limit == 0
    assert tested.breaker.probe_due == 2 * first


def test_failures_of_one_outage_count_once() -> None:
    """Four questions that meet the same outage open the breaker for the first pause, not for the fourth."""
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(4):
        breaker.trip("down")
    assert breaker.probe_due == 2.0
    breaker.trip("busy", retry_after=20)
    assert breaker.probe_due == 20


async def test_a_budget_of_calls_is_kept_to_the_call_over_restarts() -> None:
    """Five an hour are five, whoever counts; after an hour there is room again."""

    ledger = Ledger()
    for _ in range(3):
        assert await budget(ledger, calls_hour=5).take() is None
    restarted = budget(ledger, calls_hour=5)
    assert [await restarted.take() is None for _ in range(4)] == [True, True, False, False]
    assert restarted.left == {"calls_hour": 0}
    assert "ANDON_BUDGET_CALLS_HOUR" in (restarted.exhausted or "")
    ledger.now += 3660  # spending is kept by the minute
    assert await restarted.take() is None
    assert restarted.exhausted is None


async def test_a_tenth_of_the_calls_is_kept_for_what_is_urgent() -> None:
    """Of twenty calls eighteen are for everybody; urgent questions get the last two and no more."""

    tested = budget(Ledger(), calls_hour=20)
    assert sum([await tested.take() is None for _ in range(25)]) == 18
    assert sum([await tested.take(urgent=True) is None for _ in range(5)]) == 2


async def test_tokens_count_when_they_are_known() -> None:
    """A day's tokens end the questions of that day, urgent ones too."""

    ledger = Ledger()
    tested = budget(ledger, tokens_day=1000)
    assert await tested.take() is None
    await tested.used(1200)
    assert "tokens" in (await tested.take() or "")
    assert await tested.take(urgent=True) is not None
    ledger.now += 86_460
    assert await tested.take() is None


async def test_calls_taken_side_by_side_never_exceed_the_budget() -> None:
    """Looking and counting are one step."""

    tested = budget(Ledger(), calls_day=3)
    taken = await asyncio.gather(*[tested.take() for _ in range(10)])
    assert sum(reason is None for reason in taken) == 3


async def test_without_limits_calls_are_counted_all_the_same() -> None:
    """A budget that is set tomorrow knows today's calls."""

    ledger = Ledger()
    assert await budget(ledger).take() is None
    assert await ledger(queue.spent, 0) == Spent(1, 0)

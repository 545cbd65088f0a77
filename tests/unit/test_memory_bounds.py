"""What is kept of messages has a bound in bytes, whatever comes: by count alone a few long words fill a small box."""

from __future__ import annotations

import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, event

from andon.core.remembered import LONGEST, remembered
from andon.explain.callers.slots import PLAIN, UNASKED, Caller, Slots
from andon.grouping import fault_words, places
from andon.grouping.fingerprint import Fingerprinter, RecentCache
from andon.grouping.merge import Merger, _weight
from andon.store.alarms import alarm_fields, record_states, state_words
from andon.store.engine.bulk_insert import insert_rows
from andon.store.engine.database import disposed

#: Bytes that a cache may hold after whatever came.
MOST = 6 * 2**20


def kept_of(feed: Callable[[str], object], texts: Iterator[str]) -> int:
    """Bytes that are still held once ``feed`` had all of ``texts``."""
    feed("warm")
    tracemalloc.start()
    try:
        for text in texts:
            feed(text)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def words(length: int, count: int) -> Iterator[str]:
    """So many different words of this length."""
    dice = random.Random(1)
    for number in range(count):
        yield f"{number:x}".ljust(length, dice.choice("abcdefg"))


CACHED = [fault_words.names_fault, fault_words.tells_fault, places._is_identity, places._kind, alarm_fields._plain]


@pytest.mark.parametrize("cached", CACHED, ids=["names_fault", "tells_fault", "is_identity", "kind", "plain"])
def test_answers_for_long_words_are_not_kept(cached: Callable[[str], object]) -> None:
    held: Any = cached.__self__  # type: ignore[attr-defined]
    before = len(held)
    for word in words(LONGEST + 1, 200):
        cached(word)
    assert len(held) == before
    assert held._size <= 16_384


def test_answers_for_words_hold_a_few_megabytes_at_most() -> None:
    assert kept_of(remembered(16_384)(len), words(LONGEST, 40_000)) < MOST


@pytest.mark.parametrize("length", [100, 2_000])
def test_what_is_known_of_states_and_of_names_of_fields_is_bounded(length: int) -> None:
    assert kept_of(state_words.understood, words(length, 6_000)) < MOST
    of_one = kept_of(lambda name: record_states._tells_nothing((name,)), words(length, 3_000))
    of_many = kept_of(
        lambda name: record_states._tells_nothing(tuple(f"{name}{at}" for at in range(40))), words(20, 2_000)
    )
    assert max(of_one, of_many) < MOST


@pytest.mark.parametrize("length", [500, 4_000])
def test_fingerprints_are_remembered_within_a_bound_of_bytes(length: int) -> None:
    """Three caches of two generations each: more would fit by count."""
    most = 2**16
    fingerprint = Fingerprinter()
    for cache in (fingerprint._quick, fingerprint._plans, fingerprint._filled):
        cache._most = most
    dice = random.Random(length)

    def text(number: int) -> str:
        picked = (f"{chr(97 + number % 26)}w{dice.choice('abcdefgh')}{number:x}" for _ in range(length // 12))
        return " ".join(picked)[:length]

    texts = (text(number) for number in range(400_000 // length))
    assert kept_of(lambda one: fingerprint(one, "motion", None), texts) < 6 * most * 1.25


def test_the_merger_forgets_patterns_by_their_weight() -> None:
    """Of long ones sooner than by count; what was forgotten is new again."""
    most = 2**18
    merger = Merger(most=most)
    templates = [f"{' '.join(f'{chr(97 + at)}{number:x}' for at in range(26))} failed" for number in range(1_000)]
    for template in templates:
        merger.add(template, template)
    assert most / 2 < sum(_weight(pattern.tokens) for pattern in merger._patterns.values()) == merger._weight <= most
    assert merger.forgotten == len(templates) - len(merger) > 0
    assert merger.unknown(templates[:1] + templates[-1:]) == {templates[0]}


def test_a_place_is_found_for_a_caller_alone_however_much_it_sent() -> None:
    async def unread(_body: bytes) -> None:
        raise AssertionError("nobody is answered here")

    large, small = (Caller(bytes(size), unread, 0.0, "request") for size in (100, 10))
    slots = Slots(10, 50, 50)
    assert slots.take(large) == []
    assert slots.take(small) is None
    assert slots.leave(large)
    assert slots.take(small) == []
    assert slots.take(large) is None


def test_who_reads_no_answer_takes_no_place_from_callers() -> None:
    """Publishers hold a part of the bytes at most, and give their places up to who asked."""

    async def unread(_body: bytes) -> None:
        raise AssertionError("nobody is answered here")

    def one(rank: int) -> Caller:
        return Caller(bytes(10), unread, 0.0, "request", rank)

    slots = Slots(10, 50, 20)
    publishers = [one(UNASKED) for _ in range(3)]
    assert [slots.take(publisher) for publisher in publishers] == [[], [], None]
    callers = [one(PLAIN) for _ in range(6)]
    taken = [slots.take(caller) for caller in callers]
    assert taken == [[], [], [], [publishers[1]], [publishers[0]], None]
    assert len(slots) == 5


@pytest.mark.parametrize(("size", "statements"), [(0, 2), (2**21, 1)])
def test_rows_with_much_text_are_given_to_a_statement_one_by_one(size: int, statements: int) -> None:
    """What SQLite keeps of them is one row's text, not that of a hundred."""
    with disposed(create_engine("sqlite://")) as engine, engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER, b TEXT)")
        told: list[str] = []
        event.listen(connection, "before_cursor_execute", lambda _c, _cursor, text, *_: told.append(text))
        insert_rows(connection, "t", ("a", "b"), [(number, "text") for number in range(150)], size=size)
        assert connection.exec_driver_sql("SELECT count(*), count(DISTINCT a) FROM t").one() == (150, 150)
    assert len(told) - 1 == statements
    assert (max(text.count("?") for text in told) > 2) is (size == 0)


def test_a_recent_cache_drops_by_weight() -> None:
    cache: RecentCache[int, str] = RecentCache(1_000, lambda _, value: len(value), most=100)
    for number in range(50):
        cache.put(number, "x" * 30)
    assert len(cache) <= 2 * 4
    assert cache.get(49) == "x" * 30
    cache.put(50, "y" * 500)  # one that is larger than all may be is held alone
    cache.put(51, "z")
    assert len(cache) <= 3


def test_remembered_answers_are_those_of_the_function() -> None:
    """Also while it forgets, and for words that are too long to keep."""
    asked: list[str] = []

    @remembered(4)
    def size(word: str) -> int:
        asked.append(word)
        return len(word)

    told = ["a" * length for length in (1, 2, 3, 4, 5, 6, 1, 6, LONGEST + 1, LONGEST + 1)]
    assert [size(word) for word in told] == [len(word) for word in told]
    assert asked.count("a" * 6) == 1
    assert asked.count("a" * (LONGEST + 1)) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's own knob")
def test_large_blocks_leave_no_holes_in_the_heap() -> None:
    """After blocks of a megabyte between small ones that stay, next to nothing is free and kept."""
    code = (
        "import ctypes, sys\n"
        "from andon.core.heap import keep_small\n"
        "if not keep_small(): print(0); sys.exit()\n"
        "class Info(ctypes.Structure):\n"
        "    _fields_ = [(n, ctypes.c_size_t) for n in 'arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks '\n"
        "                'fordblks keepcost'.split()]\n"
        "info = ctypes.CDLL(None).mallinfo2; info.restype = Info\n"
        "stay = []\n"
        "for number in range(300):\n"
        "    large = [bytearray(900_000 - number) for _ in range(8)]\n"
        "    stay.append(bytearray(3_000))\n"
        "    del large\n"
        "print(info().fordblks)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) < 4 * 2**20

"""Syslog over TCP is cut into messages, however the bytes arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.ingest.sources.syslog_framing import MOST_COUNTED, MOST_LINES, Frame, Framer


def framed(*chunks: bytes, most: int = 65_536) -> tuple[list[bytes], Framer]:
    """The messages in ``chunks``, the end of the connection included, and what cut them."""
    framer = Framer(most)
    frames = [frame for chunk in chunks for frame in framer.feed(chunk)]
    return [frame.data for frame in frames + framer.end()], framer


def test_lines_and_counts_in_one_connection() -> None:
    """Told apart at each message; a line end within the count, CR LF, NUL and blank lines make no messages."""
    data = b"<13>one\n7 <14>two<15>three\r\n\n8 <16>for\n<17>five\0<18>six\n"
    found, _ = framed(data)
    assert found == [b"<13>one", b"<14>two", b"<15>three\r\n", b"<16>for\n", b"<17>five", b"<18>six"]


def test_a_line_without_a_priority_belongs_to_the_one_before() -> None:
    """util-linux' logger sends line ends within a message as they are."""
    assert framed(b"<13>1 - - a - - - first\n  at second\n\nthird\n<13>1 - - a - - - next\n")[0] == [
        b"<13>1 - - a - - - first\n  at second\n\nthird",
        b"<13>1 - - a - - - next",
    ]


def test_lines_that_never_have_a_priority_are_messages() -> None:
    """As of a program that writes text to a port."""
    assert framed(b"one\n12 bottles\n2026-11-30 three\n")[0] == [b"one", b"12 bottles", b"2026-11-30 three"]


def test_the_last_line_is_held_until_nothing_follows() -> None:
    """What comes next may belong to it; quiet ends it."""
    framer = Framer(1_024)
    assert framer.feed(b"<13>one\n") == []
    assert framer.holds
    assert framer.flush() == [Frame(b"<13>one", 7)]
    assert not framer.holds


def test_what_is_too_long_is_cut_and_the_next_is_whole() -> None:
    """By line and by count, in one piece and in many."""
    for step in (1, 7, 10_000):
        line = b"<13>" + b"x" * 5_000 + b"\n<14>next\n"
        framer = Framer(1_024)
        frames = [f for at in range(0, len(line), step) for f in framer.feed(line[at : at + step])] + framer.end()
        assert [(len(f.data), f.size) for f in frames] == [(1_024, 5_004), (8, 8)]
        counted = b"5004 <13>" + b"x" * 5_000 + b"8 <14>next"
        framer = Framer(1_024)
        frames = [f for at in range(0, len(counted), step) for f in framer.feed(counted[at : at + step])]
        assert [(len(f.data), f.size) for f in frames] == [(1_024, 5_004), (8, 8)]


def test_memory_of_an_endless_line_is_bounded() -> None:
    """64 MiB without a line end, of which 1 KiB is kept."""
    framer = Framer(1_024)
    chunk = b"x" * 1_048_576
    assert [framer.feed(chunk) for _ in range(64)] == [[]] * 64
    assert len(framer._buffer) <= len(chunk)
    assert framer.feed(b"\n") == [Frame(b"x" * 1_024, 64 * 1_048_576)]


def test_megabytes_of_blanks_are_passed_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first message, and behind one that has as many lines as it may."""
    passed: list[int] = []
    whole = Framer._blank

    def counted(self: Framer, at: int) -> int:
        passed.append(at)
        return whole(self, at)

    monkeypatch.setattr(Framer, "_blank", counted)
    framer = Framer(1_024)
    framer.feed(b"\0" * 1_000_000)
    assert len(passed) == 1
    framer.feed(b"<11>one\n" + b"\n" * 1_000_000)
    assert len(passed) < 2 * MOST_LINES
    assert framer.flush()[0].data.startswith(b"<11>one")


def test_a_count_that_lies_ends_the_connection() -> None:
    """Too large a one, and one behind which nothing can begin; what came before counts."""
    found, framer = framed(b"<13>one\n%d <14>two" % (MOST_COUNTED + 1))
    assert found[0] == b"<13>one"
    assert framer.lost == "octet count that is too large"
    framer = Framer(1_024)
    assert [f.data for f in framer.feed(b"5 <13>one and more\n")] == [b"<13>o"]
    assert framer.lost == "octet count that is wrong"


def test_half_a_counted_message_is_none_at_the_end() -> None:
    """Its sender will send it again; a line that lacks its end is one."""
    assert framed(b"20 <13>one")[0] == []
    assert framed(b"<13>one\n<13>two")[0] == [b"<13>one", b"<13>two"]


_LINES = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0<"), min_size=1, max_size=40)
_MESSAGES = st.lists(st.tuples(st.integers(0, 191), _LINES, st.booleans()), min_size=1, max_size=8)


@given(_MESSAGES, st.lists(st.integers(1, 30), max_size=20))
def test_splitting_makes_no_difference(messages: list[tuple[int, str, bool]], cuts: list[int]) -> None:
    """Whole messages, by count and by line, come out the same however the bytes are cut."""
    whole = [f"<{number}>{text}".encode() for number, text, _ in messages]
    data = b"".join(
        b"%d %s" % (len(one), one) if counted else one + b"\n"
        for one, (_, _, counted) in zip(whole, messages, strict=True)
    )
    chunks = []
    for cut in cuts:
        chunks.append(data[:cut])
        data = data[cut:]
    assert framed(*filter(None, chunks), data)[0] == whole


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_garbage_never_raises_and_is_bounded(chunks: list[bytes]) -> None:
    """Whatever comes."""
    framer = Framer(1_024)
    for chunk in chunks:
        for frame in framer.feed(chunk):
            assert len(frame.data) <= 1_024
        if framer.lost:
            break
    framer.end()
    assert not framer.holds

"""Masks, codes, headers and stack traces by themselves."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given, settings

from andon.core.errors import ConfigError
from andon.grouping import CodeRules, code_forms, codes, headers, http_lines, mask, traces, writing
from support.pattern_texts import DOTNET_TRACE, GO_TRACE, HEADERS, JAVA_TRACE, NODE_TRACE, PYTHON_TRACE, log_texts


@pytest.mark.parametrize("module", [mask, headers, codes, http_lines, writing])
def test_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@given(log_texts)
@settings(max_examples=120, deadline=None)
def test_header_leaves_letters_or_nothing_is_stripped(text: str) -> None:
    folded = mask.fold(text)
    end = headers.header_end(folded)
    assert end == 0 or any(char.isalpha() for char in folded[end:])


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
def test_header_ends_where_the_text_begins(header: str) -> None:
    folded = mask.fold(header + "lost connection")
    assert folded[headers.header_end(folded) :] == "lost connection"


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
def test_header_with_nothing_behind_it_stays(header: str) -> None:
    """Nothing is stripped where only a number, or nothing, is left."""
    assert headers.header_end(mask.fold(header + "17")) == 0


@pytest.mark.parametrize(
    "text",
    [
        "Started backup at 2025-01-02 03:04:05",
        "12 of 20 parts done",
        "[E1234] tool is worn",
        "Error: disk full",
        "spindle: too hot",
        "10.0.0.1 does not answer",
        "Jun is not a time stamp",
        "F30005: overload",
        "0-0 is the score",
    ],
)
def test_text_without_header_is_left_alone(text: str) -> None:
    assert headers.header_end(mask.fold(text)) == 0


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("2025-01-02 03:04:05 ERROR ORA-00600: internal", "ORA-0: internal"),
        ("2025-01-02 03:04:05 [E1234] tool is worn", "[E0] tool is worn"),
        ("2025-01-02 03:04:05 ERROR java.io.IOException: disk full", "java.io.IOException: disk full"),
        ("2025-01-02 03:04:05 ERROR Spindle: too hot", "Spindle: too hot"),
        ("Jun 14 15:16:01 combo kernel: F30005: overload", "F0: overload"),
    ],
)
def test_codes_exceptions_and_topics_are_no_header(line: str, text: str) -> None:
    folded = mask.fold(line)
    assert folded[headers.header_end(folded) :] == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("see https://plant.local:8443/a?b=1 now", ["https://plant.local:0/a?b=0"]),
        ("mail ops.team@plant.local please", ["ops.team@plant.local"]),
        ("id 3f2b8c1e-aaaa-bbbb-cccc-444455556666.", ["0f0b0c0e-aaaa-bbbb-cccc-0"]),
        ("mac AA:bb:0c:01:02:03 up", ["AA:bb:0c:0:0:0"]),
        ("ip fe80::1 up", ["fe0::0"]),
        ("in C:\\Temp\\a.txt and \\\\srv\\share\\b.txt", ["C:\\Temp\\a.txt", "\\\\srv\\share\\b.txt"]),
        ("in /var/log/a.log and /etc", ["/var/log/a.log"]),
        ("to opc.plant.local:4840 now", ["opc.plant.local:0"]),
        ("at Sun Jun 22 13:16:30 2025 it", ["Sun Jun 0 0:0:0 0"]),
        ("am Mo Mär 3 13:16:30 2025 es", ["Mo Mär 0 0:0:0 0"]),
        ("on 11/Oct/2025:22:14:15 it", ["0/Oct/0:0:0:0"]),
        ("std::string has no address", []),
        ("read/write error on disk", []),
    ],
)
def test_wide_values_are_found(text: str, masked: list[str]) -> None:
    folded = mask.fold(text)
    assert [folded[start:end] for start, end in mask.wide_spans(folded, 0)] == masked


@given(log_texts)
@settings(max_examples=120, deadline=None)
def test_tests_for_wide_values_never_hide_one(text: str) -> None:
    """The cheap test before each expression may only say no where the expression finds nothing."""
    folded = mask.fold(text)
    everything = mask._wide_pattern((True,) * len(mask._WIDE))
    assert mask.wide_spans(folded, 0) == [match.span() for match in everything.finditer(folded)]


@given(log_texts)
@settings(max_examples=120, deadline=None)
def test_slots_lie_within_the_text_and_hold_digits(text: str) -> None:
    folded = mask.fold(text)
    for slot in code_forms.find_slots(folded, 0):
        assert "0" in folded[slot.start : slot.end]


@pytest.mark.parametrize("pattern", ["(", "x*", "", "[a-"])
def test_bad_site_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match="ANDON_CODE_PATTERNS"):
        CodeRules(patterns=[pattern])


@pytest.mark.parametrize(
    ("trace", "condensed"),
    [
        (
            PYTHON_TRACE,
            "2025-01-02 10:00:00,123 - plant.link - ERROR - Failed to read order 4711: plant.errors.OrderError: "
            "order 4711 lost | caused by ConnectionRefusedError: [Errno 111] Connection refused "
            "| in net.dial, db.connect",
        ),
        (
            JAVA_TRACE,
            "2025-01-02 10:00:00,123 ERROR [main] org.plant.Link: Failed to store order 17: "
            "org.plant.StoreException: cannot store 17 | caused by java.sql.SQLException: ORA-00600: internal fault "
            "| in oracle.jdbc.Driver.exec, oracle.jdbc.Driver.lambda$run$#",
        ),
        (
            DOTNET_TRACE,
            "System.InvalidOperationException: Order 12 is empty | caused by System.IO.IOException: disk 3 gone "
            "| in Plant.Io.Read, Plant.Io.Load",
        ),
        (
            NODE_TRACE,
            "TypeError: Cannot read properties of undefined (reading 'id') | in handle, Server.run, index.js",
        ),
        (
            GO_TRACE,
            "panic: runtime error: index out of range [5] with length 3 | in main.(*Store).Get, main.main",
        ),
        (
            'Exception in thread "main" java.lang.NullPointerException\n\tat a.B.c(B.java:1)\n\tat a.B.c(B.java:2)',
            "java.lang.NullPointerException | in a.B.c",
        ),
    ],
    ids=["python", "java", "dotnet", "node", "go", "java recursion"],
)
def test_trace_becomes_exception_cause_and_top_frames(trace: str, condensed: str) -> None:
    assert traces.condense(trace) == condensed


@pytest.mark.parametrize("text", ["", "one line", "two\nlines", "meet at noon\n  at the gate", "Traceback missing\n"])
def test_other_texts_are_no_trace(text: str) -> None:
    assert traces.condense(text) is None


@given(log_texts)
@settings(max_examples=100, deadline=None)
def test_broken_traces_are_condensed_or_left(text: str) -> None:
    for broken in (
        f"Traceback (most recent call last)\n{text}",
        f"{text}\n\tat {text}\n{text}",
        f"{text}\ngoroutine 1",
    ):
        condensed = traces.condense(broken)
        assert condensed is None or "\n" not in condensed

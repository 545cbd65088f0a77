"""Syslog messages as senders write them: lines of util-linux, rsyslog and syslog-ng, and vendors' forms."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.ingest.sources.syslog_parser import Read, SyslogParser, unescaped

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)


def read(data: bytes, now: datetime = NOW, zone: tzinfo = BERLIN, encoding: str = "utf-8") -> Read:
    """What a message received at ``now`` says."""
    return SyslogParser(encoding, now.timestamp)(data, lambda _host: zone)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(  # util-linux 2.38
            b'<13>1 2026-11-30T10:47:10.985982+01:00 vm press - - [timeQuality tzKnown="1" isSynced="0"] no answer',
            ("2026-11-30T09:47:10.985982Z", "vm", "press", "notice", "no answer"),
            id="logger",
        ),
        pytest.param(  # the same with -t "my tag"
            b'<154>1 2026-11-30T09:47:10.976546Z vm my tag - - [timeQuality tzKnown="1" isSynced="0"] no answer',
            ("2026-11-30T09:47:10.976546Z", "vm", "my tag", "crit", "no answer"),
            id="tag-with-a-blank",
        ),
        pytest.param(  # rsyslog 8.2302, RSYSLOG_SyslogProtocol23Format
            b"<11>1 2026-11-30T09:49:19.123456+00:00 vm press 411 - -  no answer\n",
            ("2026-11-30T09:49:19.123456Z", "vm", "press", "err", "no answer"),
            id="rsyslog-5424",
        ),
        pytest.param(  # rsyslog's default
            b"<11>Nov 30 09:49:19 vm press[411]: no answer",
            ("2026-11-30T08:49:19.000Z", "vm", "press", "err", "no answer"),
            id="rsyslog-default",
        ),
        pytest.param(  # RSYSLOG_ForwardFormat
            b"<11>2026-11-30T09:49:19.123456+01:00 vm press[411]: no answer",
            ("2026-11-30T08:49:19.123456Z", "vm", "press", "err", "no answer"),
            id="rsyslog-forward",
        ),
        pytest.param(  # syslog-ng 3.38
            b'<11>1 2026-11-30T09:49:19+00:00 vm press 411 - [meta sequenceId="7"] no answer\n',
            ("2026-11-30T09:49:19Z", "vm", "press", "err", "no answer"),
            id="syslog-ng",
        ),
        pytest.param(
            b"<11>1 2026-11-30T09:49:19.123456789Z vm press - - - \xef\xbb\xbfkein Kontakt",
            ("2026-11-30T09:49:19.123456789Z", "vm", "press", "err", "kein Kontakt"),
            id="byte-order-mark",
        ),
        pytest.param(b"<8>1 - - - - - - no answer", (None, "", "", "emerg", "no answer"), id="nil"),
        pytest.param(
            b"<13>Nov  3 09:00:00 10.20.0.7 Error: no answer",
            ("2026-11-03T08:00:00.000Z", "10.20.0.7", "", "notice", "Error: no answer"),
            id="address-and-no-tag",
        ),
        pytest.param(
            b"<13>Nov 30 09:00:00 press[4]: no answer",
            ("2026-11-30T08:00:00.000Z", "", "press", "notice", "no answer"),
            id="no-host",
        ),
        pytest.param(
            b"<189>000029: sw1: Nov 30 09:00:00.123 UTC: %LINK-3-UPDOWN: Interface Gi1/0/4, changed state to down",
            (
                "2026-11-30T09:00:00.123Z",
                "sw1",
                "LINK",
                "notice",
                "%LINK-3-UPDOWN: Interface Gi1/0/4, changed state to down",
            ),
            id="cisco-ios",
        ),
        pytest.param(
            b"<189>29: *Mar  1 00:01:07.123: %SYS-5-RESTART: System restarted",
            (None, "", "SYS", "notice", "%SYS-5-RESTART: System restarted"),
            id="cisco-clock-not-set",
        ),
        pytest.param(
            b"<166>Nov 30 2026 09:00:00 fw1 : %ASA-6-302013: Built outbound TCP connection",
            ("2026-11-30T08:00:00.000Z", "fw1", "ASA", "info", "%ASA-6-302013: Built outbound TCP connection"),
            id="cisco-asa",
        ),
        pytest.param(
            b"<187>: 2026 Nov 30 09:00:00 CET: %ETHPORT-5-IF_DOWN: Interface Ethernet1/1 is down",
            ("2026-11-30T08:00:00.000Z", "", "ETHPORT", "err", "%ETHPORT-5-IF_DOWN: Interface Ethernet1/1 is down"),
            id="cisco-nx-os",
        ),
        pytest.param(
            b"<134>Nov 30 09:00:00 fw CEF:0|Vendor|Product|1.0|100|Link down|5|src=10.0.0.1",
            ("2026-11-30T08:00:00.000Z", "fw", "", "info", "CEF:0|Vendor|Product|1.0|100|Link down|5|src=10.0.0.1"),
            id="cef",
        ),
        pytest.param(
            b'<11>Nov 30 09:00:00 vm press: @cee: {"msg":"no answer"}',
            ("2026-11-30T08:00:00.000Z", "vm", "press", "err", '{"msg":"no answer"}'),
            id="cee",
        ),
        pytest.param(
            b"<13>Nov 30 09:00:00 Message forwarded from aix1: su: no answer",
            ("2026-11-30T08:00:00.000Z", "aix1", "su", "notice", "no answer"),
            id="aix",
        ),
        pytest.param(b"no answer", (None, "", "", None, "no answer"), id="text"),
        pytest.param(b"[ERROR] no answer", (None, "", "", "ERROR", "[ERROR] no answer"), id="text-with-a-level"),
        pytest.param(b"<192>no answer", (None, "", "", None, "<192>no answer"), id="no-priority"),
        pytest.param(b"<13>", (None, "", "", "notice", ""), id="empty"),
    ],
)
def test_messages(data: bytes, expected: tuple[str | None, str, str, str | None, str]) -> None:
    """Time, host, program, severity and text."""
    found = read(data)
    assert (found.timestamp, found.hostname, found.program, found.severity, found.message) == expected


@pytest.mark.parametrize(
    ("data", "context"),
    [
        (
            rb'<165>1 2026-11-30T09:00:00Z h evntslog 8710 ID47 [ex@32473 iut="3" a="q\" \] \\"][b@1][ex@32473 iut="4"] x',
            {
                "facility": "local4",
                "procid": "8710",
                "msgid": "ID47",
                "structured_data": {"ex@32473": {"iut": ["3", "4"], "a": 'q" ] \\'}, "b@1": {}},
            },
        ),
        (b"<11>Nov 30 09:00:00 h app[12]: x", {"facility": "user", "procid": "12", "tag": "app[12]"}),
        (
            b"<189>29: .Nov 30 09:00:00: %LINK-3-UPDOWN: x",
            {"facility": "local7", "sequence": 29, "clock": "lost synchronisation", "mnemonic": "LINK-3-UPDOWN"},
        ),
    ],
)
def test_the_rest_goes_into_the_context(data: bytes, context: dict[str, Any]) -> None:
    """Facility, process, tag, message id, structured data."""
    assert read(data).context == context


def test_structured_data_alone_is_the_text() -> None:
    """RFC 5424 allows messages without one; what only tells how good the clock is says nothing."""
    assert (
        read(b'<11>1 2026-11-30T09:00:00Z h a - - [drive@1 no="4" state="lost"]').message
        == '[drive@1 no="4" state="lost"]'
    )
    assert read(b'<11>1 2026-11-30T09:00:00Z h a - - [timeQuality tzKnown="1"] ').message == ""


def test_structured_data_that_is_none_stays_in_the_text() -> None:
    """A bracket opens many texts."""
    assert read(b"<11>1 2026-11-30T09:00:00Z h a - - [drive 4] lost").message == "[drive 4] lost"


@pytest.mark.parametrize(
    ("now", "told", "expected"),
    [
        ((2027, 1, 1, 0, 0, 5), "Dec 31 23:59:58", "2026-12-31T23:59:58.000Z"),
        ((2026, 12, 31, 23, 59, 58), "Jan  1 00:00:03", "2027-01-01T00:00:03.000Z"),
        ((2027, 3, 1, 0, 0), "Feb 29 12:00:00", "2024-02-29T12:00:00.000Z"),
        ((2026, 11, 30, 10, 0), "Feb 30 12:00:00", "Feb 30 12:00:00"),
        ((2026, 11, 30, 10, 0), "Nov 30 23:59:60", "2026-11-30T23:59:59.000Z"),
    ],
)
def test_the_year_is_found_by_the_time_of_receipt(now: tuple[int, ...], told: str, expected: str) -> None:
    """Over New Year in both directions; a day that no year has is left to the recorder's notes."""
    found = read(f"<11>{told} h a: x".encode(), datetime(*now, tzinfo=UTC), UTC)  # type: ignore[arg-type]
    assert found.timestamp == expected


@pytest.mark.parametrize(
    ("now", "told", "expected"),
    [
        ("2026-10-25T00:30:02Z", "Oct 25 02:30:00", "2026-10-25T00:30:00.000Z"),
        ("2026-10-25T01:30:02Z", "Oct 25 02:30:00", "2026-10-25T01:30:00.000Z"),
        ("2026-07-01T10:00:00Z", "Jul  1 12:00:00", "2026-07-01T10:00:00.000Z"),
        ("2026-03-29T01:30:00Z", "Mar 29 02:30:00", "2026-03-29T01:30:00.000Z"),
    ],
)
def test_summer_time_by_the_time_of_receipt(now: str, told: str, expected: str) -> None:
    """Of two equal times in autumn that which is near; one that is skipped in spring is that of a clock not yet put on."""
    assert read(f"<11>{told} h a: x".encode(), datetime.fromisoformat(now)).timestamp == expected


def test_a_named_zone_goes_before_the_senders() -> None:
    """Where its name means one."""
    assert read(b"<11>Nov 30 09:00:00 JST: %SYS-3-X: x", zone=UTC, now=NOW).timestamp == "2026-11-30T00:00:00.000Z"


def test_bytes_that_are_no_utf8() -> None:
    """In the site's encoding, or shown as what they are."""
    assert read(b"<11>Nov 30 09:00:00 h a: St\xf6rung", encoding="cp1252").message == "Störung"
    assert read(b"<11>Nov 30 09:00:00 h a: St\xf6rung").message == r"St\xf6rung"


@pytest.mark.parametrize(
    ("text", "certain", "expected"),
    [
        ("failed:#012  at main#012  at run", False, "failed:\n  at main\n  at run"),
        ("failed#012#011at main", False, "failed\n\tat main"),
        ("#033[31mred#033[0m", False, "\x1b[31mred\x1b[0m"),
        ("one#012two", True, "one\ntwo"),
        ("one#012two", False, "one#012two"),
        ("drive #012 tripped", True, "drive #012 tripped"),
        ("drives #011, #012 tripped", True, "drives #011, #012 tripped"),
        ("order #045 of #199", True, "order #045 of #199"),
        ("raw\nand #012#011x", True, "raw\nand #012#011x"),
    ],
)
def test_escapes_of_rsyslog(text: str, certain: bool, expected: str) -> None:
    """Line ends come back where they were some, and numbers stay numbers."""
    assert unescaped(text, certain) == expected


_HEADS = st.sampled_from(
    ["<13>", "<13>1 ", "<13>1 2026-11-30T09:00:00Z h a - - ", "<13>Nov 30 09:00:00 ", "<13>1 - - - - - [", "<189>29: *"]
)


@given(_HEADS, st.text(max_size=80))
def test_no_text_raises(head: str, rest: str) -> None:
    """And none that has a letter is lost."""
    found = read((head + rest).encode("utf-8", "surrogatepass"))
    assert found.severity in ("notice", None)
    told = found.message + found.hostname + found.program + str(found.context) + str(found.timestamp)
    assert not any(map(str.isalpha, rest)) or any(map(str.isalpha, told))


@given(st.binary(max_size=120))
def test_garbage_never_raises(data: bytes) -> None:
    """Whatever the bytes."""
    assert isinstance(read(data).message, str)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text(st.characters(codec="utf-8"), max_size=20), max_size=4
    )
)
def test_structured_data_comes_back(values: dict[str, str]) -> None:
    """Any values, escaped as the RFC says."""
    told = "".join(
        f' {k}="' + v.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]") + '"' for k, v in values.items()
    )
    found = read(f"<11>1 - h a - - [x@1{told}] text".encode())
    assert found.message == "text"
    assert found.context["structured_data"] == {"x@1": values}

"""Bytes of files as lines, lines as logs, logs as messages."""

from __future__ import annotations

import gzip
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.models import Delivery
from andon.core.settings.sources.file_settings import FollowedFiles, LineRules
from andon.core.timestamps import TimeReader
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder
from andon.ingest.line_head import head_of
from andon.ingest.sources.files.joining import LINES_MAX, Joined, Joiner
from andon.ingest.sources.files.line_logs import LineLogs
from andon.ingest.sources.files.raw_lines import LINE_MAX, LineSplitter, RawLine, codec_of

LOGGERS = Path(__file__).parents[1] / "fixtures" / "loggers"
ODD = st.text(alphabet="aä{}\t 2026-:1\u4e2d", max_size=12)


def split(data: bytes, codec: str = "utf-8", cuts: tuple[int, ...] = ()) -> list[RawLine]:
    """All lines of ``data``, fed in pieces that end at ``cuts``."""
    splitter, at, lines = LineSplitter(codec), 0, list[RawLine]()
    for cut in (*sorted(cuts), len(data)):
        lines += splitter.feed(data[at:cut])
        at = max(at, cut)
    rest = splitter.flush()
    return [*lines, *([rest] if rest else [])]


def joined(text: str, *, multiline: bool = True) -> list[str]:
    """The logs of a text."""
    joiner = Joiner(multiline=multiline)
    made = [one for line in split(text.encode()) for one in joiner.push(line)] + joiner.flush()
    return [one.text for one in made if one.text]


@given(st.lists(ODD.filter(lambda text: text.strip("\r\n\0\ufeff") == text), max_size=8), st.data())
@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be"])
def test_lines_are_the_same_however_they_come(codec: str, texts: list[str], data: st.DataObject) -> None:
    """In any pieces, and each lies behind the one before it."""
    whole = "".join(f"{text}\n" for text in texts).encode(codec)
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=6))
    lines = split(whole, codec, tuple(cuts))
    assert [line.text for line in lines] == texts
    ends = [line.end for line in lines]
    assert [line.start for line in lines] == [0, *ends][: len(lines)]
    assert not lines or ends[-1] == len(whole)


def test_a_line_is_bounded_and_says_so() -> None:
    """What is beyond the bound is counted and skipped; the next line is whole."""
    splitter = LineSplitter("utf-8")
    lines = [line for _ in range(40) for line in splitter.feed(b"x" * 65_536)]
    assert not lines
    assert splitter.pending == 40 * 65_536
    long, next_one = splitter.feed(b"\nnext\n")
    assert (len(long.text), long.size) == (LINE_MAX, 40 * 65_536)
    assert next_one.text == "next"


def test_holes_and_bytes_that_are_no_text() -> None:
    """NULs before a line are a hole; a line of other signs is binary."""
    splitter = LineSplitter("utf-8")
    assert not splitter.feed(b"\0" * 100_000)
    (line,) = splitter.feed(b"\0\0after the hole\n")
    assert (line.text, line.start, line.binary) == ("after the hole", 100_002, False)
    assert [one.binary for one in split(bytes(range(1, 32)) * 4 + b"\xff\xfe\xfd\n" + b"text\n")][-1:] == [False]
    assert split(b"\x01\x02\x03\x04\xff\xfe\n")[0].binary


@pytest.mark.parametrize(
    ("head", "encoding", "codec"),
    [
        (b"\xff\xfea\0", "auto", "utf-16-le"),
        (b"\xfe\xff\0a", "auto", "utf-16-be"),
        (b"\xef\xbb\xbfa", "auto", "utf-8"),
        (b"abc", "cp1252", "cp1252"),
    ],
)
def test_an_encoding_is_known_by_its_mark(head: bytes, encoding: str, codec: str) -> None:
    """Else it is the table's."""
    assert codec_of(head, encoding) == codec


TRACES = {
    "python": '2026-11-30 09:00:00,120 ERROR lost\nTraceback (most recent call last):\n  File "a.py", line 3, in b\n'
    "    c()\nOSError: no\n\nDuring handling of the above exception, another exception occurred:\n\n"
    'Traceback (most recent call last):\n  File "a.py", line 9, in d\nValueError: yes',
    "java": "30-Nov-2026 09:00:00.120 SEVERE [main] Link lost\njava.io.IOException: no\n\tat org.plc.Link.read(Link.java:3)\n"
    "Caused by: java.net.SocketException: reset\n\t... 12 more",
    "continued": "Nov 30 09:00:00 plc7 reader: state of all axes\n  axis 1: 3 mm\n  axis 2: 4 mm",
    "no header of its own": "[2026-11-30 09:00:00] lost\nwhat follows has none\nnor this",
    "go": "2026/11/30 09:00:00 http: panic serving\npanic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/x.go:3 +0x1d",
}


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
def test_what_belongs_together_is_one_log(trace: str) -> None:
    """Between two others, and alone."""
    one, two = "2026-11-30 08:59:59,000 INFO before", "2026-11-30 09:00:01,000 INFO behind"
    assert joined(f"{one}\n{trace}\n{two}\n") == [one, trace, two]
    assert joined(trace) == [trace]
    assert len(joined(trace, multiline=False)) > 1


def test_lines_without_heads_are_logs_of_their_own() -> None:
    """Except what a trace says, what is indented, and what closes a brace."""
    text = (
        "pump started\npump stopped\nTraceback (most recent call last):\n  File \"a.py\", line 3, in b\nKeyError: 'x'\n"
        'pump started\nconfig {\n  a: 1\n}\n{"level": "error", "msg": "a"}\n{"level": "info", "msg": "b"}\n'
    )
    assert [one.partition("\n")[0] for one in joined(text)] == [
        "pump started",
        "pump stopped",
        "pump started",
        "config {",
        '{"level": "error", "msg": "a"}',
        '{"level": "info", "msg": "b"}',
    ]


@given(st.lists(st.sampled_from(["2026-11-30 09:00:00 x", "  y", "", "plain", "Caused by: z", "{}"]), max_size=30))
def test_no_line_is_lost_and_none_comes_twice(lines: list[str]) -> None:
    """Logs lie one behind the other and hold all that is no blank."""
    data = "".join(f"{line}\n" for line in lines).encode()
    joiner, made = Joiner(), list[Joined]()
    for line in split(data):
        made += joiner.push(line)
    made += joiner.flush()
    assert [one.start for one in made] == [0, *(one.end for one in made)][: len(made)]
    assert "\n".join(one.text for one in made).split() == " ".join(lines).split()


def test_a_log_of_many_lines_is_bounded() -> None:
    """The rest begins another one."""
    made = joined("2026-11-30 09:00:00 x\n" + "y\n" * (LINES_MAX + 10))
    assert made[0].count("\n") + 1 == LINES_MAX
    assert len(made) > 1


@pytest.mark.parametrize(
    ("line", "time", "host", "program"),
    [
        ("<131>Oct 11 22:14:15 plc7 reader[3]: no answer", "Oct 11 22:14:15", "plc7", "reader"),
        ("2026-11-30T09:32:32.123456+01:00 box sudo: root", "2026-11-30T09:32:32.123456+01:00", "box", "sudo"),
        ("<13>1 2026-11-30T09:32:32Z box prog 12 - - text", "2026-11-30T09:32:32Z", "box", "prog"),
        ("2026-11-30T09:32:32Z Starting worker: foo", "2026-11-30T09:32:32Z", "", ""),
        ("Nov 30 09:32:32 Connection lost: retry", "Nov 30 09:32:32", "", ""),
        ("2026-11-30 09:32:32.120 CET [12] FATAL:  x", "2026-11-30 09:32:32.120 CET", "", ""),
        ("planned for 2026-11-30 09:32:32", "", "", ""),
        ("09:32:32.120 [main] ERROR x", "", "", ""),
    ],
)
def test_heads_of_lines(line: str, time: str, host: str, program: str) -> None:
    """What stands there, as it is written; a sentence is no host."""
    head = head_of(line)
    assert (head.time, head.host, head.program) == (time, host, program)


def message(text: str, rules: LineRules | None = None, path: str = "/var/log/press/l2-p4.log", **more: object) -> dict:
    """The message of a line, or its JSON as it is."""
    made = LineLogs(rules or LineRules(), TimeReader(), path, **more).message(Joined(text, 0, len(text)))
    assert made is not None
    return {"subject": made.subject, "refused": made.refused, **(json.loads(made.data) if made.data else {})}


def test_a_plain_line_says_what_its_head_says_and_the_site_the_rest() -> None:
    """Place by the pattern, host and service where the line names none."""
    rules = LineRules(place="**/{line}-{machine}.log", site="graz", area="press", host="box", severity="INFO")
    made = message("2026-11-30 09:32:32 ERROR lost", rules)
    assert made["subject"] == "agent.technical.support.graz.press.l2.p4"
    assert (made["timestamp"], made["severity"]) == ("2026-11-30T09:32:32.000Z", "ERROR")
    assert (made["hostname"], made["service"]) == ("box", "l2-p4")
    assert message("lost", rules)["severity"] == "INFO"
    assert message("<131>Oct 11 22:14:15 plc7 reader[3]: x", rules)["hostname"] == "plc7"


def test_a_header_of_the_site_is_read_by_its_names() -> None:
    """With a time in the site's own form; what is behind it is the message."""
    rules = LineRules(
        header=r"(?P<host>\w+)\|(?P<time>\d+ \d\d\.\d\d\.\d\d)\|(?P<severity>\w)\|", time_format="%y%m%d %H.%M.%S"
    )
    made = message("p4|261130 09.32.32|E|axis lost\n  in block 3", rules)
    assert made["message"] == "axis lost\n  in block 3"
    assert (made["hostname"], made["severity"], made["timestamp"]) == ("p4", "E", "2026-11-30T09:32:32.000Z")


@pytest.mark.parametrize("wrong", [{"header": "("}, {"header": "x"}, {"header": "(?P<y>.)"}, {"encoding": "klingon"}])
def test_what_cannot_be_meant_is_refused(wrong: dict[str, str]) -> None:
    """When the settings are read."""
    with pytest.raises(ValueError, match=next(iter(wrong.values()))[0].replace("(", r"\(")):
        FollowedFiles(paths=["/x"], **wrong)
    with pytest.raises(ValueError, match="absolute path"):
        FollowedFiles(paths=["x/*.log"])


def test_an_imported_line_without_a_time_has_the_one_before_it() -> None:
    """At first that of the file; years that are not written are those of the file too."""
    near = datetime(2024, 2, 1, tzinfo=UTC)
    logs = LineLogs(LineRules(), TimeReader(), "/x/a.log", imported=True, near=near)
    times = [
        json.loads(made.data)["timestamp"]
        for text in ("no time", "Jan 30 10:00:00 box app[1]: a", "none again", '{"msg": "none", "hostname": "h"}')
        if (made := logs.message(Joined(text, 0, 1))) is not None
    ]
    assert times == ["2024-02-01T00:00:00.000Z", *["2024-01-30T10:00:00.000Z"] * 3]


def test_an_imported_line_without_a_time_has_that_of_a_line_of_json_before_it() -> None:
    """Under whatever name that told it, and whatever the lines are."""
    logs = LineLogs(LineRules(), TimeReader(), "/x/a.log", imported=True, near=datetime(2024, 2, 1, tzinfo=UTC))
    texts = (
        '{"msg": "a", "ts": 1706608800.5, "hostname": "h"}',
        '{"msg": "none", "hostname": "h"}',
        '{"msg": "b", "time": "2024-01-30T10:00:01.5Z", "hostname": "h"}',
        "a plain line",
    )
    made = [json.loads(one.data) for text in texts if (one := logs.message(Joined(text, 0, 1))) is not None]
    assert [made[1]["timestamp"], made[3]["timestamp"]] == ["2024-01-30T10:00:00.500Z", "2024-01-30T10:00:01.500Z"]


def test_lines_of_loggers_say_the_same_with_what_is_put_beside_them() -> None:
    """Whatever the logger: text, severity, time and context are as without a file around them."""
    decode, ns = Decoder(Fingerprinter()), time.time_ns()
    lines = [line for path in sorted(LOGGERS.iterdir()) for line in _lines_of(path)]
    assert len(lines) > 50
    for line in lines:
        made = LineLogs(LineRules(), TimeReader(), "/x/a.log", host="box").message(Joined(line, 0, 1))
        assert made is not None
        alone = decode(Delivery(line.encode(), "s", "S", 1, ns, "")).records
        beside = decode(Delivery(made.data, made.subject, "S", 1, ns, "")).records
        assert [(one.message, one.severity, one.timestamp) for one in alone] == [
            (one.message, one.severity, one.timestamp) for one in beside
        ], line
        assert all(one.hostname != "unknown" for one in beside)


def _lines_of(path: Path) -> list[str]:
    """The lines that a logger wrote, as the fixtures keep them."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    found = []
    for row in text.splitlines():
        if row.startswith("{"):
            line = json.loads(row).get("line", row)
            found.append(line if isinstance(line, str) else json.dumps(line))
    return [line for line in found if line.startswith("{")]


@pytest.mark.parametrize(
    ("data", "time", "host", "service"),
    [
        (b"<131>Nov 30 08:14:15 plc7 reader[2]: no answer", "-11-30T08:14:15.000Z", "plc7", "reader"),
        (
            "2026-11-30 08:00:00 ERROR Pumpe läuft nicht".encode("utf-16"),
            "2026-11-30T08:00:00.000Z",
            "unknown",
            "unknown",
        ),
        ("2026-11-30 08:00:00 ERROR Pumpe".encode("utf-16-le"), "2026-11-30T08:00:00.000Z", "unknown", "unknown"),
    ],
    ids=["syslog", "marked", "wide"],
)
def test_plain_text_has_the_time_at_its_head(data: bytes, time: str, host: str, service: str) -> None:
    """In UTF-16 as well; what lies ahead is no time."""
    ns = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp() * 1e9)
    record = Decoder(Fingerprinter())(Delivery(data, "s", "S", 1, ns, "")).first()
    assert record.timestamp.endswith(time)
    assert (record.hostname, record.service, record.severity) == (host, service, "ERROR")
    ahead = Decoder(Fingerprinter())(Delivery(b"2099-01-01 00:00:00 ERROR x", "s", "S", 1, ns, "")).first()
    assert (ahead.timestamp, ahead.late) == ("2026-12-01T00:00:00.000Z", False)

"""What is posted as logs, webhooks of alerts, Splunk's events, and bodies that are packed."""

from __future__ import annotations

import contextlib
import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.models import Delivery, LogRecord
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder
from andon.ingest.sources.alert_webhooks import alerts_of
from andon.ingest.sources.heard import Heard, Place, message_of
from andon.ingest.sources.http_bodies import BodyRefused, checked_encoding, unpacked
from andon.ingest.sources.json_rows import Broken
from andon.ingest.sources.otlp_logs import Origin
from andon.ingest.sources.posted_logs import Message, place_named, posted
from andon.ingest.sources.splunk_hec import events_of, raw_events

MOST = 1_048_576
JSON, NDJSON, TEXT = "application/json", "application/x-ndjson", "text/plain"
NOWHERE = Origin()


def taken(data: bytes, kind: str = JSON, origin: Origin = NOWHERE) -> list[Message | Broken]:
    return list(posted(data, kind, origin, MOST))


def rows(messages: list[Any]) -> list[LogRecord]:
    """What the recorder makes of the messages."""
    decode, found = Decoder(Fingerprinter()), []
    for one in messages:
        assert isinstance(one, Message), one
        found += decode(Delivery(one.data, one.subject, "S", 1, 1_764_490_000 * 10**9, "")).records
    return found


def texts(messages: list[Any]) -> list[str]:
    return [one.message for one in rows(messages)]


@pytest.mark.parametrize(
    ("body", "kind", "logs"),
    [
        (b'{"msg":"a"}', JSON, ["a"]),
        (b'[{"msg":"a"},{"message":"b"}]', JSON, ["a", "b"]),
        (b'{"msg":"a"}{"msg":"b"}\n{"msg":"c"}', JSON, ["a", "b", "c"]),
        (b'{"msg":"a"}\r\n\r\n{"msg":"b"}', NDJSON, ["a", "b"]),
        (b'\x1e{"msg":"a"}\n\x1e{"msg":"b"}\n', "application/json-seq", ["a", "b"]),
        (b"pump stopped\r\n\nvalve stuck", TEXT, ["pump stopped", "valve stuck"]),
        (
            "pump\u2028stopped and on\nvalve stuck".encode(),
            TEXT,
            ["pump\u2028stopped and on", "valve stuck"],
        ),
        (b'"pump stopped"\n{"msg":"b"}', NDJSON, ["pump stopped", "b"]),
        (b'{"msg":"a"}', "", ["a"]),
        (b"pump stopped", "", ["pump stopped"]),
        (b"[]", JSON, []),
        (b'[[1736903663.5,{"log":"a"}]]', JSON, ["a"]),
        (b'{"msg":"a"}', "application/vnd.plant+json", ["a"]),
    ],
)
def test_logs_of_a_body(body: bytes, kind: str, logs: list[str]) -> None:
    """One message each, as it came."""
    assert texts(taken(body, kind)) == logs


@pytest.mark.parametrize(
    ("body", "kind", "status", "sentence"),
    [
        (b"{broken", JSON, 400, "the body is not JSON: "),
        (b"17", JSON, 400, "neither an object nor an array"),
        (b"", JSON, 400, "the body is empty"),
        (b"[" * 100_000, JSON, 400, "nested too deeply"),
        (b"\xff\xfe", TEXT, 400, "not UTF-8"),
        (b"x", "application/x-www-form-urlencoded", 415, "send application/json"),
        (b"x", "image/png", 415, "image/png"),
    ],
)
def test_bodies_that_are_no_logs(body: bytes, kind: str, status: int, sentence: str) -> None:
    """Each with its status and what to do."""
    with pytest.raises(BodyRefused, match=sentence) as refused:
        taken(body, kind)
    assert refused.value.status == status


def test_parts_that_are_no_logs() -> None:
    """They are told by their place; the others are taken."""
    first, second, third = taken(b'{"msg":"a"}\n{"msg":\n{"msg":"c"}', NDJSON)
    assert texts([first, third]) == ["a", "c"]
    assert isinstance(second, Broken)
    assert second.reason.startswith("line 2 is not JSON")
    reasons = [one.reason for one in taken(b'[1,null,true,"\\u0000"]') if isinstance(one, Broken)]
    assert reasons == [*["is JSON, but neither an object nor a text"] * 3, "is not text"]
    (long,) = taken(b'[{"msg":"%s"}]' % (b"x" * MOST))
    assert isinstance(long, Broken)
    assert "bytes; a log may have" in long.reason
    many = taken(b'{"msg":"a"}\n' + b"{]\n" * 500 + b'{"msg":"b"}')
    assert len(many) == 102
    assert isinstance(many[-1], Broken)
    assert "the rest was not read" in many[-1].reason
    ok, broken = taken(b'{"msg":"a"}\n{"msg" "b"}')
    assert texts([ok]) == ["a"]
    assert isinstance(broken, Broken)
    assert "character" in broken.reason


def test_what_a_log_does_not_say_comes_from_the_address() -> None:
    """And only that."""
    origin = Origin("h", "s", Place("north", "press", "l2", "p4"), "192.0.2.7")
    (row,) = rows(taken(b'{"msg":"a"}', JSON, origin))
    assert (row.hostname, row.service, row.site, row.machine, row.notes) == ("h", "s", "north", "p4", None)
    (row,) = rows(taken(b'{"msg":"a","host":{"name":"own"},"logger":"drives"}', JSON, origin))
    assert (row.hostname, row.service, row.machine) == ("own", "drives", "p4")
    (row,) = rows(taken(b'{"msg":"a","line":"own"}', JSON, Origin(place=place_named("//l2"))))
    assert (row.line, row.hostname) == ("own", "unknown")
    (row,) = rows(taken(b"2025-01-15 02:14:23 [ERROR] no answer", TEXT, Origin(peer="192.0.2.7")))
    assert (row.hostname, row.severity) == ("192.0.2.7", "ERROR")
    with pytest.raises(BodyRefused, match="four levels"):
        place_named("a/b/c/d/e")


_lines = st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=8) | st.integers(), max_size=3), max_size=5)


@given(_lines, st.sampled_from([b"\n", b"", b" ", b"\r\n"]))
def test_rows_are_found_whatever_is_between_them(found: list[dict[str, Any]], joint: bytes) -> None:
    """NDJSON, objects in a row, and the same as an array, say the same."""
    made = [json.dumps(one).encode() for one in found]
    whole = [one.data for one in taken(b"[" + b",".join(made) + b"]") if isinstance(one, Message)]
    assert [json.loads(one) for one in whole] == found
    if found:
        parts = [one.data for one in taken(joint.join(made)) if isinstance(one, Message)]
        assert [json.loads(one) for one in parts] == found


@given(st.binary(max_size=80), st.sampled_from([JSON, NDJSON, TEXT, ""]))
def test_any_bytes_are_taken_or_refused(data: bytes, kind: str) -> None:
    """Nothing else comes of them."""
    try:
        messages = [one for one in taken(data, kind) if isinstance(one, Message)]
    except BodyRefused:
        return
    for one in messages:
        decoded = Decoder(Fingerprinter())(Delivery(one.data, one.subject, "S", 1, 1, ""))
        assert decoded.records or decoded.rejects
    list(events_of(data, MOST))
    list(raw_events(data, NOWHERE, {}, MOST))


FIRING = {
    "status": "firing",
    "labels": {
        "alertname": "OilTooHot",
        "instance": "press-04:9100",
        "job": "plc",
        "severity": "critical",
        "line": "l2",
    },
    "annotations": {"summary": "oil of the press is at 81 degrees"},
    "startsAt": "2025-01-15T02:14:23.123Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus/graph",
    "fingerprint": "9d2f1c0a7be3d4f5",
}


def webhook(*alerts: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"version": "4", "receiver": "andon", "alerts": alerts, **more}).encode()


def test_an_alert_becomes_active_and_clears() -> None:
    """The text and the identity are the same, the time is that of the change, and what is over is no fault."""
    over = {**FIRING, "status": "resolved", "endsAt": "2025-01-15T03:00:00Z"}
    first, second = alerts_of(webhook(FIRING, over), NOWHERE)
    assert isinstance(first, Heard)
    assert isinstance(second, Heard)
    assert (first.hostname, first.service, first.severity, first.place.line) == ("press-04", "plc", "critical", "l2")
    assert first.message == second.message == "oil of the press is at 81 degrees"
    assert (first.timestamp, second.timestamp) == ("2025-01-15T02:14:23.123Z", "2025-01-15T03:00:00Z")
    before, after = rows([Message(*message_of(one, MOST)) for one in (first, second)])
    assert (before.severity, after.severity, before.notes, after.notes) == ("CRITICAL", "INFO", None, None)
    assert before.fingerprint == after.fingerprint
    assert json.loads(after.context or "")["state"] == "cleared"


def test_alerts_without_words_and_what_is_none() -> None:
    """A name and labels are a text too."""
    bare = {"status": "firing", "labels": {"alertname": "Down", "b": "2", "a": "1"}}
    found = list(alerts_of(webhook(bare, {"labels": 1}), Origin("given", peer="192.0.2.7")))  # type: ignore[arg-type]
    assert isinstance(found[0], Heard)
    assert (found[0].message, found[0].severity, found[0].hostname) == ("Down (a=1, b=2)", "WARNING", "given")
    assert isinstance(found[1], Broken)
    for body in (b"{}", b"[]", b'{"alerts":{}}', b"{", b"[" * 100_000):
        with pytest.raises(BodyRefused) as refused:
            alerts_of(body, NOWHERE)
        assert refused.value.status == 400


def test_events_of_splunk() -> None:
    """Texts and objects, with the fields that stand beside them."""
    body = (
        b'{"time":1736903663.5,"host":"h9","source":"app","event":{"message":"inner","severity":"ERROR"}}'
        b'{"event":"text","host":"h9","fields":{"machine":"m1","host":"other"}}'
    )
    first, second = rows(list(events_of(body, MOST)))
    assert (first.message, first.severity, first.hostname) == ("inner", "ERROR", "h9")
    assert first.timestamp == "2025-01-15T01:14:23.500Z"
    assert (second.message, second.machine, second.hostname) == ("text", "m1", "h9")
    found = list(events_of(b'{"time":1} {"event":""} {"event":null} 17 {"event":"ok"} {', MOST))
    reasons = [one.reason if isinstance(one, Broken) else "" for one in found]
    assert reasons == [
        "Event field is required", "Event field cannot be blank", "Event field cannot be blank",
        "Invalid data format", "", "Invalid data format",
    ]  # fmt: skip
    raw = rows(list(raw_events(b"ERROR one\n\ntwo", Origin("r", "app"), {"sourcetype": "st"}, MOST)))
    assert [(one.message, one.severity, one.hostname) for one in raw] == [
        ("ERROR one", "ERROR", "r"),
        ("two", "INFO", "r"),
    ]
    leveled = rows(list(events_of(b'{"event":"ERROR a"}{"event":"ERROR b","fields":{"level":"warn"}}', MOST)))
    assert [one.severity for one in leveled] == ["ERROR", "WARNING"]


def test_lines_of_text_say_what_they_say_over_nats() -> None:
    """Time, severity, host and program of their heads, which go before what the address says."""
    lines = (
        "2025-11-30 07:00:01,5 ERROR [main] no answer",
        "<131>Nov 29 22:14:15 plc7 reader[3]: no answer",
        "oil low",
    )
    decode = Decoder(Fingerprinter())
    over_nats = [
        one for line in lines for one in decode(Delivery(line.encode(), "a", "S", 1, 1_764_490_000 * 10**9, "")).records
    ]
    told = [(one.timestamp, one.severity) for one in over_nats]
    assert told[0] == ("2025-11-30T07:00:01.500Z", "ERROR")
    origin, body = Origin("given", "app"), "\n".join(lines).encode()
    for found in (rows(taken(body, TEXT, origin)), rows(list(raw_events(body, origin, {}, MOST)))):
        assert [(one.timestamp, one.severity) for one in found] == told
        assert [(one.hostname, one.service) for one in found] == [
            ("given", "app"),
            ("plc7", "reader"),
            ("given", "app"),
        ]


@given(st.binary(max_size=3_000), st.sampled_from(["gzip", "deflate", "bare", "two", ""]))
def test_packed_bodies(data: bytes, how: str) -> None:
    """As programs pack them: gzip (also in parts), deflate with its head and without."""
    bare = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(data),
        "deflate": zlib.compress(data),
        "bare": bare.compress(data) + bare.flush(),
        "two": gzip.compress(data[:7]) + gzip.compress(data[7:]),
        "": data,
    }[how]
    name = {"bare": "deflate", "two": "gzip"}.get(how, how)
    assert unpacked(packed, checked_encoding(name), 3_000) == data


def test_packed_bodies_that_are_refused() -> None:
    """What is larger than it may be is not unpacked, what is damaged is said to be."""
    with pytest.raises(BodyRefused) as refused:
        unpacked(gzip.compress(bytes(10_000_000)), "gzip", 1_000)
    assert (refused.value.status, refused.value.reason) == (413, "too long")
    for body in (b"x", gzip.compress(b"abc")[:-4]):
        with pytest.raises(BodyRefused, match="is not valid gzip"):
            unpacked(body, "gzip", 1_000)
    with pytest.raises(BodyRefused, match="gzip, deflate") as refused:
        checked_encoding("br")
    assert refused.value.status == 415


@given(st.binary(max_size=300))
def test_damaged_packing_ends(data: bytes) -> None:
    """With an answer."""
    for name in ("gzip", "deflate"):
        with contextlib.suppress(BodyRefused):
            assert len(unpacked(data, name, 500)) <= 500


def test_an_array_of_millions_of_values_is_not_cut_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its items would take many times its size."""
    monkeypatch.setattr("andon.ingest.sources.json_rows.MOST_COMMAS", 10)
    assert len(taken(b'[{"msg":"a"},{"msg":"b"}]')) == 2
    with pytest.raises(BodyRefused, match="more than 10 values"):
        taken(b"[" + b"1," * 11 + b"1]")

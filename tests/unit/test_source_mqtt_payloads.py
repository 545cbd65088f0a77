"""What messages of MQTT topics become: JSON of loggers with what their topic tells, texts, batches, and refusals."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.app.wiring import decoder
from andon.core.models import Delivery, LogRecord
from andon.core.settings.sources.mqtt_settings import MqttTopics
from andon.ingest.sources.heard import Heard, message_of
from andon.ingest.sources.mqtt_payloads import TOPICS_KNOWN, Origins, Payloads, Refusal
from support.settings import settings_of

MOST = 100_000
TOPIC = "plant/press/l2/p4/log"


def logs(message: bytes | str, topic: str = TOPIC, **table: Any) -> list[LogRecord]:
    """What the recorder makes of a message."""
    given = MqttTopics(url="mqtt://x", topics=["#"], **{"place": "plant/{area}/{line}/{machine}/#", **table})
    data = message.encode() if isinstance(message, str) else message
    made = list(Payloads(given, "cp1252", MOST).logs(topic, data, {}))
    read = decoder(settings_of())
    found = []
    for one in made:
        subject, wire = message_of(one, MOST) if isinstance(one, Heard) else (one.subject, one.data)
        assert len(wire) <= MOST
        found += read(Delivery(wire, subject, "S", 1, time.time_ns(), "t")).records
    return found


def told(message: bytes | str, **table: Any) -> list[tuple[str, ...]]:
    """Severity, host, service and text of each."""
    return [(one.severity, one.hostname, one.service, one.message) for one in logs(message, **table)]


def test_a_loggers_object_keeps_what_it_tells() -> None:
    """What it does not tell comes from the topic and the table."""
    pino = '{"level":50,"time":1764380000000,"name":"filler","hostname":"box7","msg":"no answer"}'
    assert told(pino, host="h", service="s") == [("ERROR", "box7", "filler", "no answer")]
    assert told('{"level":"error","msg":"no answer"}', host="h", service="s") == [("ERROR", "h", "s", "no answer")]


def test_the_topic_tells_the_place() -> None:
    """By the subject where all levels above are known, else by fields; both are read."""
    for fixed in ({"site": "n"}, {}):
        (log,) = logs('{"msg":"x","context":{"a":1}}', **fixed)
        assert (log.site, log.area, log.line, log.machine) == (fixed.get("site"), "press", "l2", "p4")
        assert log.context is not None
        assert '"a":1' in log.context
        assert TOPIC in log.context
    (log,) = logs("just a text", site="n")
    assert (log.site, log.machine, log.message) == ("n", "p4", "just a text")


def test_so_many_topics_are_not_all_remembered() -> None:
    """A hundred thousand of them take no more than ten."""
    origins = Origins(MqttTopics(url="mqtt://x", topics=["#"], place="plant/{machine}"))
    for number in range(100_000):
        assert origins.of(f"plant/m{number}").place.machine == f"m{number}"
    assert len(origins._known) <= TOPICS_KNOWN


def test_batches_are_so_many_logs() -> None:
    """An array of objects; Fluent Bit's and several in a row as the recorder reads them."""
    assert [one[3] for one in told('[{"msg":"a"},{"msg":"b"}]')] == ["a", "b"]
    assert [one[3] for one in told('[[1764380000,{"message":"a"}],[1764380001,{"message":"b"}]]')] == ["a", "b"]
    assert [one[3] for one in told('{"msg":"a"}\n{"msg":"b"}')] == ["a", "b"]


def test_fields_of_other_names() -> None:
    """A severity of 0 is one; a path leads into objects; what is left stays in the context."""
    names = {"message": "txt", "severity": "prio", "timestamp": "d.ts", "machine": "unit", "alarm_code": "nr"}
    (log,) = logs('{"txt":"hot","prio":0,"d":{"ts":1764380000,"x":1},"unit":"m9","nr":7}', fields=names)
    assert (log.message, log.machine, log.timestamp) == ("hot", "m9", "2025-11-29T01:33:20.000Z")
    assert log.severity_native == "0"
    assert log.context is not None
    assert '"alarm_code":7' in log.context
    assert '"d":{"x":1}' in log.context
    assert told('{"msg":"other","level":"error"}', fields=names)[0][3] == "other"


def test_broken_json_is_read_as_far_as_it_goes() -> None:
    """NaN, raw line ends and what was cut off."""
    assert told('{"msg":"a","v":NaN}', host="h")[0][1:] == ("h", "unknown", "a")
    assert "cut of" in told('{"msg":"cut of')[0][3]


def test_a_text_may_name_its_level() -> None:
    """In words, or as syslog's number."""
    assert [
        told(text)[0][0] for text in ("WARN: oil low", "<131>Oct 11 22:14:15 plc7 reader: no answer", "oil low")
    ] == [
        "WARNING",
        "ERROR",
        "INFO",
    ]
    (log,) = logs("2025-01-15 02:14:23 ERROR no answer", host="h")
    assert (log.timestamp, log.hostname) == ("2025-01-15T02:14:23.000Z", "h")


def test_texts_and_what_is_none() -> None:
    """In UTF-8, then in the site's encoding; binary data is refused, and so is what is no JSON where that is asked."""
    assert told("Störung an Achse 3".encode("cp1252"))[0][3] == "Störung an Achse 3"
    for payload, table, reason in (
        (b"", {}, "empty"),
        (b"\0 \n", {}, "empty"),
        (b"[ ]", {}, "empty"),
        (bytes(range(256)), {}, "binary"),
        (b"text", {"payload": "json"}, "no JSON"),
    ):
        with pytest.raises(Refusal, match=reason):
            logs(payload, **table)
    assert told('[{"msg":"a"}]', payload="text")[0][3] == '[{"msg":"a"}]'


def test_what_is_too_large_is_cut() -> None:
    """And says so."""
    (log,) = logs('{"msg":"' + "x" * 2 * MOST + '"}')
    assert len(log.message) < MOST
    assert log.context is not None
    assert '"bytes":' in log.context
    (log,) = logs("word " * MOST)
    assert log.context is not None
    assert '"cut_from_bytes":' in log.context


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode), st.sampled_from(["auto", "json", "text"]))
def test_nothing_but_a_refusal_is_raised(payload: bytes, kind: str) -> None:
    """Whatever the bytes."""
    table = MqttTopics(url="mqtt://x", topics=["#"], payload=kind, fields={"message": "a.b"})  # type: ignore[arg-type]
    made: list[object] = []
    with suppress(Refusal):
        made = list(Payloads(table, "utf-8", MOST).logs("t", payload, {}))
        assert made

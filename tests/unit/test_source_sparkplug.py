"""Sparkplug B: what a writer encodes is read, what is none is refused, and nodes, devices and alarms are followed."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.settings.sources.mqtt_settings import MqttTopics
from andon.ingest.sources.heard import Heard, Place
from andon.ingest.sources.mqtt_payloads import Origins, Refusal
from andon.ingest.sources.sparkplug_reader import (
    COMPRESSED,
    DEPTH_MAX,
    INFLATED_MAX,
    Payload,
    SparkplugError,
    read,
)
from andon.ingest.sources.sparkplug_states import SparkplugStates, birth_request
from support.sparkplug import BOOLEAN, DOUBLE, INT32, INT64, STRING, TEMPLATE, block, metric, number, payload

ALARMS = ["*/Alarms/*", "*Fault*"]
_TYPED = st.one_of(
    st.tuples(st.just(BOOLEAN), st.booleans()),
    st.tuples(st.just(STRING), st.text()),
    st.tuples(st.just(INT32), st.integers(-(2**31), 2**31 - 1)),
    st.tuples(st.just(INT64), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just(DOUBLE), st.floats(allow_nan=False)),
)
_UNSIGNED = st.integers(0, 2**64 - 1)
_PROPERTIES = st.dictionaries(st.text(), st.text() | st.integers(-(2**31), 2**31 - 1), max_size=3)
_METRICS = st.lists(st.tuples(st.text(min_size=1), _TYPED, _UNSIGNED, _UNSIGNED, _PROPERTIES), max_size=5)


@given(_METRICS, _UNSIGNED, _UNSIGNED)
def test_what_a_writer_encodes_comes_back(metrics: list[Any], seq: int, at: int) -> None:
    """Names, aliases, times, values of each type and properties."""
    written = [
        metric(name, value, datatype=kind, alias=alias, timestamp=time, properties=told)
        for name, (kind, value), alias, time, told in metrics
    ]
    found = read(payload(*written, seq=seq, timestamp=at))
    assert (found.seq, found.timestamp) == (seq, at)
    assert [(m.name, (m.datatype, m.value), m.alias, m.timestamp, m.properties) for m in found.metrics] == metrics


@given(st.binary(max_size=300))
def test_other_bytes_are_refused_at_worst(data: bytes) -> None:
    """Nothing but the reader's own error."""
    with suppress(SparkplugError):
        assert isinstance(read(data), Payload)


@given(_METRICS, st.data())
def test_what_is_cut_off_or_changed_is_refused_at_worst(metrics: list[Any], data: st.DataObject) -> None:
    """The same for what was a payload once."""
    whole = payload(*(metric(n, v, datatype=k, properties=p) for n, (k, v), _, _, p in metrics), seq=1)
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    if damaged:
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(SparkplugError):
        assert isinstance(read(bytes(damaged)), Payload)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x12\x7fabc", "middle of a field"),
        (b"\x08\xff", "middle of a number"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "longer than ten bytes"),
        (b"\x0b", "wire type 3"),
        (b"\x00\x00", "number 0"),
        (block(1, b"abc"), "field 1 is not a number"),
        (block(2, number(1, 5)), "field 1 is not a message"),
        (block(2, block(1, b"\xff")), "not UTF-8"),
        (block(2, block(13, b"12345678")), "not a real number"),
    ],
)
def test_why_it_is_refused(data: bytes, reason: str) -> None:
    """Each mistake by its name."""
    with pytest.raises(SparkplugError, match=reason):
        read(data)


def test_templates_tell_their_members() -> None:
    """As ``template/member``, and not deeper than anybody needs."""
    inner = metric("Motor", members=[metric("Alarms/Hot", True, datatype=BOOLEAN)], datatype=TEMPLATE)
    assert [(m.name, m.value) for m in read(payload(inner)).metrics] == [("Motor", None), ("Motor/Alarms/Hot", True)]
    for _ in range(DEPTH_MAX + 1):
        inner = metric("T", members=[inner], datatype=TEMPLATE)
    with pytest.raises(SparkplugError, match="too deeply"):
        read(payload(inner))


def test_compressed_payloads_are_read_within_bounds() -> None:
    """Both ways that the specification has; what would fill the memory is refused."""
    plain = payload(metric("Fault", True), seq=3)
    wrap = lambda body: block(4, COMPRESSED.encode()) + block(5, body)  # noqa: E731
    assert read(wrap(gzip.compress(plain))) == read(wrap(zlib.compress(plain))) == read(plain)
    for body, reason in (
        (b"abc", "cannot be read"),
        (zlib.compress(plain)[:-3], "cut off"),
        (zlib.compress(bytes(INFLATED_MAX + 1)), "more than 8,388,608"),
        (zlib.compress(wrap(zlib.compress(plain))), "twice"),
    ):
        with pytest.raises(SparkplugError, match=reason):
            read(wrap(body))


class Plant:
    """States over one node, which numbers its messages as it should."""

    def __init__(self, *, rebirth: bool = False, **table: Any) -> None:
        self.asked: list[str] = []
        self.now = 1000.0
        topics = MqttTopics(url="mqtt://x", topics=["#"], **table)
        ask = self.asked.append if rebirth else None
        self.states = SparkplugStates(ALARMS, Origins(topics).of, lambda: self.now, ask)
        self.seq = 0

    def send(self, kind: str, *metrics: bytes, device: str = "", skip: int = 0, seq: bool = True) -> list[Heard]:
        """The logs that a message makes."""
        self.seq = 0 if kind == "NBIRTH" else (self.seq + 1 + skip) % 256
        data = payload(*metrics, seq=self.seq if seq else None, timestamp=1_764_380_000_000)
        return self.states.logs("/".join(filter(None, ("spBv1.0/press", kind, "l2", device))), data)

    def born(self, number: int = 7, *metrics: bytes) -> list[Heard]:
        """A birth with that number."""
        return self.send("NBIRTH", metric("bdSeq", number, datatype=INT64), *metrics)


def told(logs: list[Heard]) -> list[tuple[str, str | int | float | None, str]]:
    """What matters of logs."""
    return [(one.message, one.severity, (one.context or {})["alarm_state"]) for one in logs]


def test_an_alarm_comes_and_goes_by_its_alias() -> None:
    """Named in the birth only; a value that does not change is no news, nor are other metrics."""
    plant = Plant()
    assert plant.born(7, metric("M1/Alarms/Hot", False, alias=5, datatype=BOOLEAN), metric("Speed", 3, alias=6)) == []
    came = plant.send("NDATA", metric(alias=5, value=True, timestamp=1_764_380_001_000, properties={"engUnit": "C"}))
    assert told(came) == [("M1/Alarms/Hot: active", "ERROR", "active")]
    assert came[0].timestamp == 1_764_380_001_000
    assert came[0].context is not None
    assert came[0].context["alarm_code"] == "M1/Alarms/Hot"
    assert came[0].context["source"] == "press/l2"
    assert came[0].context["engUnit"] == "C"
    assert came[0].place == Place(area="press", line="l2")
    assert plant.send("NDATA", metric(alias=5, value=True), metric(alias=6, value=4)) == []
    assert told(plant.send("NDATA", metric(alias=5, value=False))) == [("M1/Alarms/Hot: cleared", "INFO", "cleared")]


def test_codes_and_texts_are_alarms_of_their_own() -> None:
    """Another code ends the one before; null, bad quality and words for nothing are none."""
    plant = Plant()
    plant.born()
    fault = lambda value, **more: plant.send("DDATA", metric("FaultCode", value, **more), device="p4")  # noqa: E731
    assert told(fault(12)) == [("FaultCode 12: active", "ERROR", "active")]
    assert told(fault(15)) == [
        ("FaultCode 12: cleared", "INFO", "cleared"),
        ("FaultCode 15: active", "ERROR", "active"),
    ]
    assert fault(16, properties={"Quality": 0}) == []
    assert fault(None, null=True) == []
    assert told(fault("none")) == [("FaultCode 15: cleared", "INFO", "cleared")]
    assert fault(0) == []
    assert fault(99)[0].place == Place(area="press", line="l2", machine="p4")


def test_a_death_is_an_alarm_until_the_next_birth() -> None:
    """Once, whatever comes twice; the will of an earlier connection is none."""
    plant = Plant()
    plant.born(7)
    assert plant.send("NDEATH", metric("bdSeq", 6, datatype=INT64), seq=False) == []
    lost = plant.send("NDEATH", metric("bdSeq", 7, datatype=INT64), seq=False)
    assert told(lost) == [("node press/l2 lost", "ERROR", "active")]
    assert plant.send("NDEATH", metric("bdSeq", 7, datatype=INT64), seq=False) == []
    assert told(plant.born(8)) == [("node press/l2 is back", "INFO", "cleared")]
    assert told(plant.send("DDEATH", device="p4")) == [("device press/l2/p4 lost", "ERROR", "active")]
    assert told(plant.send("DBIRTH", device="p4")) == [("device press/l2/p4 is back", "INFO", "cleared")]


def test_what_was_active_is_known_after_a_restart() -> None:
    """A birth that says it is over clears it; of what was never active it says nothing."""
    plant, after = Plant(), Plant()
    plant.born()
    plant.send("NDATA", metric("M1/Alarms/Hot", True), metric("Fault", "E7"))
    plant.send("NDEATH", seq=False)
    assert plant.states.changed
    after.states.recall(plant.states.remembered())
    came = after.born(8, metric("M1/Alarms/Hot", False), metric("Fault", "E7"), metric("M2/Alarms/Hot", False))
    assert told(came) == [("node press/l2 is back", "INFO", "cleared"), ("M1/Alarms/Hot: cleared", "INFO", "cleared")]


def test_what_is_missing_is_counted_and_asked_for_where_that_is_allowed() -> None:
    """Once a minute and node; numbers go round after 255."""
    plant = Plant(rebirth=True)
    plant.send("NDATA", metric("x", 1))
    assert plant.asked == ["spBv1.0/press/NCMD/l2"]
    plant.born()
    for _ in range(300):
        plant.send("NDATA", metric("x", 1))
    assert plant.states.missed == 0
    plant.send("NDATA", metric("x", 1), skip=3)
    assert (plant.states.missed, len(plant.asked)) == (3, 1)
    plant.now += 61
    plant.send("NDATA", metric("x", 1), skip=1)
    assert len(plant.asked) == 2
    silent = Plant()
    silent.send("NDATA", metric("x", 1))
    assert silent.asked == []


def test_the_request_for_a_birth_is_one_that_a_node_reads() -> None:
    """One metric of the name that the specification gives it."""
    found = read(birth_request(1_764_380_000_000))
    assert found.timestamp == 1_764_380_000_000
    assert [(m.name, m.datatype, m.value) for m in found.metrics] == [("Node Control/Rebirth", BOOLEAN, True)]


def test_a_pattern_over_the_topic_goes_before_group_node_and_device() -> None:
    """Where it reads anything."""
    plant = Plant(place="spBv1.0/{line}/*/{machine}/#", site="north")
    plant.born()
    assert plant.send("NDATA", metric("Fault", True))[0].place == Place("north", "", "press", "l2")


def test_what_is_no_sparkplug_is_refused() -> None:
    """With one of two reasons; states and commands of hosts are neither."""
    plant = Plant()
    for topic in ("plant/x", "spBv1.0/a", "spBv1.0/a/NDATA", "spBv1.0/a/NDATA/n/d/x"):
        with pytest.raises(Refusal, match="no topic"):
            plant.states.logs(topic, b"")
    with pytest.raises(Refusal, match="no payload"):
        plant.states.logs("spBv1.0/a/NDATA/n", b"{}")
    assert plant.states.logs("spBv1.0/STATE/host", b'{"online":true}') == []
    assert plant.states.logs("spBv1.0/a/NCMD/n", b"\xff") == []

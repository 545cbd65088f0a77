"""MTConnect: documents of agents, how their stream is cut, and what conditions become."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from andon.core.settings.sources.mtconnect_settings import MtconnectDevice, MtconnectSettings
from andon.ingest.sources.alarm_memory import AlarmMemory
from andon.ingest.sources.alarm_tracker import AlarmTracker
from andon.ingest.sources.mtconnect import MtconnectSource, _missed
from andon.ingest.sources.mtconnect_agent import DOCUMENT_MAX, HEAD_MAX, Parts
from andon.ingest.sources.mtconnect_conditions import SETTLED_AFTER, ConditionBook, Reported
from andon.ingest.sources.mtconnect_xml import NotMtconnect, read_document
from andon.ingest.sources.shdr_adapter import PeerLost
from andon.ingest.sources.standing_place import StandingPlace
from support.intake import KeptFeed, kept_outlet
from support.mtconnect_agent import FakeAgent, condition, streams
from support.patience import LOOK_EVERY, LOOKS

PROBE = b"""<?xml version="1.0"?><MTConnectDevices xmlns="urn:mtconnect.org:MTConnectDevices:1.3"><Header instanceId="1"/>
<Devices><Device id="d" name="Mill-1" uuid="u"><DataItems><DataItem id="av" category="EVENT" type="AVAILABILITY"/></DataItems>
<Components><Controller id="c" name="ctrl"><Components><Path id="p"><DataItems>
<DataItem id="lp" name="logic" category="CONDITION" type="LOGIC_PROGRAM"/></DataItems></Path></Components></Controller></Components>
</Device></Devices></MTConnectDevices>"""
ERROR = b"""<MTConnectError><Header instanceId="1"/><Errors><Error errorCode="OUT_OF_RANGE">'from' must be above 5</Error></Errors>
</MTConnectError>"""


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.8", "2.0", "2.5"])
def test_a_document_is_read_whatever_the_version_of_its_names(version: str) -> None:
    document = read_document(
        streams(condition("Fault", code="2218", text="Hydraulic oil"), version=version, following=42)
    )
    assert (document.root, document.number("nextSequence"), document.number("instanceId")) == (
        "MTConnectStreams",
        42,
        1,
    )
    assert document.conditions == [
        Reported(
            "lp", "fault", "2026-11-30T10:00:00Z", "2218", "", "ALARM_B", "", "Hydraulic oil", "Mill-1", "path", "LOGIC_PROGRAM", "logic"
        )
    ]  # fmt: skip


def test_devices_and_errors_are_read() -> None:
    items = read_document(PROBE).items
    assert [(one.device, one.component, one.id, one.category) for one in items] == [
        ("Mill-1", "", "av", "EVENT"),
        ("Mill-1", "Path", "lp", "CONDITION"),
    ]
    assert read_document(ERROR).errors == [("OUT_OF_RANGE", "'from' must be above 5")]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "XML that cannot be read"),
        (b"<html></html>", "a document of html"),
        (b"<MTConnectStreams>", "XML that cannot be read"),
        (b"<!DOCTYPE x><MTConnectStreams/>", "document type"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><MTConnectStreams>&a;</MTConnectStreams>', "document type"),
        (b"<MTConnectStreams>" + b"<a>" * 100, "nested"),
        (b'<?xml version="1.0" encoding="nonsense"?><MTConnectStreams/>', "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_no_document_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(NotMtconnect, match=said):
        read_document(data)


@given(some.binary(max_size=200))
def test_no_bytes_upset_the_reader(data: bytes) -> None:
    with contextlib.suppress(NotMtconnect):
        read_document(b"<MTConnectStreams>" + data + b"</MTConnectStreams>")


def part(body: bytes, *, length: bool) -> bytes:
    """A part as agents send it."""
    head = b"Content-type: text/xml\r\n" + (b"Content-length: %d\r\n" % len(body) if length else b"")
    return b"--mark\r\n" + head + b"\r\n" + body + b"\r\n"


@given(
    some.lists(some.sampled_from([b"<a/>", b"<bb>-- text --</bb>", b"<c>\r\n\r\n</c>"]), max_size=5),
    some.booleans(),
    some.data(),
)
def test_a_stream_in_pieces_has_the_same_parts(bodies: list[bytes], length: bool, data: some.DataObject) -> None:
    whole = b"".join(part(body, length=length) for body in bodies) + b"--mark--\r\n"
    cuts = sorted(data.draw(some.lists(some.integers(0, len(whole)), max_size=10)))
    parts = Parts(b"mark")
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert [one.strip() for piece in pieces for one in parts.feed(piece)] == [body.strip() for body in bodies]


def test_a_stream_that_lies_about_lengths_is_refused() -> None:
    with pytest.raises(PeerLost, match="announces"):
        Parts(b"mark").feed(b"--mark\r\nContent-length: %d\r\n\r\n" % (DOCUMENT_MAX + 1))
    with pytest.raises(PeerLost, match="a part of the agent's stream is missing"):
        Parts(b"mark").feed(b"x" * (HEAD_MAX + 1))


async def book(directory: Path, **given: Any) -> tuple[ConditionBook, AlarmTracker, KeptFeed]:
    """A book with its memory, and what it tells."""
    outlet, feed = kept_outlet()
    settings = MtconnectDevice.model_validate({"url": "shdr://mill", **given})
    tracker = AlarmTracker(outlet, AlarmMemory(directory / "alarms.db", "m"))
    made = ConditionBook(tracker, StandingPlace(settings), "mill")
    await made.open()
    return made, tracker, feed


def said(feed: KeptFeed) -> list[tuple[str, str | None]]:
    """The level and the code of each log."""
    return [(log["context"]["condition"], log["context"].get("nativeCode")) for log in feed.logs]


FAULT, OTHER = Reported("lp", "fault", "t", "1", text="one"), Reported("lp", "warning", "t", "2", text="two")


async def test_a_fault_is_a_log_with_its_native_code(tmp_path: Path) -> None:
    made, tracker, feed = await book(tmp_path, place="{machine}/**", line="l2")
    await made.take([Reported("mill1:lp", "fault", "2026-11-30T10:00:00Z", "2218", "", "ALARM_B", "HIGH", "No oil")])
    [log] = feed.logs
    assert (log["message"], log["severity"], log["timestamp"]) == ("No oil", "ERROR", "2026-11-30T10:00:00Z")
    assert log["context"] == {
        "condition": "FAULT", "dataItemId": "mill1:lp", "nativeCode": "2218", "nativeSeverity": "ALARM_B",
        "qualifier": "HIGH", "device": "mill1", "line": "l2", "machine": "mill1",
    }  # fmt: skip
    await tracker.close()


async def test_normal_with_a_code_clears_that_one_and_without_all_of_the_item(tmp_path: Path) -> None:
    made, tracker, feed = await book(tmp_path)
    await made.take([FAULT, OTHER, FAULT, Reported("zp", "fault", "t", "1")])
    await made.take([Reported("lp", "normal", "t", "1"), Reported("lp", "normal", "t", "1")])
    await made.take([FAULT, Reported("lp", "normal", "t"), Reported("lp", "normal", "t")])
    assert said(feed) == [
        ("FAULT", "1"), ("WARNING", "2"), ("FAULT", "1"), ("NORMAL", "1"), ("FAULT", "1"), ("NORMAL", "1"), ("NORMAL", "2"),
    ]  # fmt: skip
    assert [log["context"]["dataItemId"] for log in feed.logs].count("zp") == 1
    await tracker.close()


async def test_normal_for_what_was_never_active_says_nothing(tmp_path: Path) -> None:
    made, tracker, feed = await book(tmp_path)
    await made.take(
        [Reported("lp", "normal", "t"), Reported("lp", "normal", "t", "9"), Reported("lp", "unavailable", "t")]
    )
    assert feed.logs == []
    await tracker.close()


async def test_what_an_adapter_does_not_tell_again_is_over(tmp_path: Path) -> None:
    made, tracker, feed = await book(tmp_path)
    await made.take([FAULT, OTHER])
    await tracker.close()
    made, tracker, feed = await book(tmp_path)
    made.doubt()
    await made.settle(float("inf"))
    assert feed.logs == []  # the item did not say anything yet
    await made.take([OTHER])
    await made.settle(0.0)
    assert feed.logs == []  # it may still tell more
    await made.settle(float("inf"))
    assert said(feed) == [("NORMAL", "1")]
    assert SETTLED_AFTER > 1
    await tracker.close()


async def test_an_item_that_was_unavailable_says_anew_what_it_has(tmp_path: Path) -> None:
    made, tracker, feed = await book(tmp_path)
    await made.take([FAULT, OTHER, Reported("lp", "unavailable", "t"), FAULT])
    await made.settle(float("inf"))
    assert said(feed)[2:] == [("NORMAL", "2")]
    await tracker.close()


async def test_a_report_of_everything_ends_what_it_does_not_name(tmp_path: Path) -> None:
    made, tracker, feed = await book(tmp_path)
    away = Reported("zp", "fault", "t", "7")
    await made.take([FAULT, OTHER, away])
    feed.kept.clear()
    await made.take_all([OTHER, Reported("zp", "unavailable", "t")])
    assert said(feed) == [("NORMAL", "1")]
    await tracker.close()


def test_a_gap_and_another_instance_are_noticed() -> None:
    def missed(data: bytes) -> tuple[str, int] | None:
        return _missed(read_document(data), 1, 10)

    assert missed(streams(first=1, following=12)) is None
    assert missed(streams(first=15, following=20)) == ("the agent's buffer starts after what Andon last received", 5)
    assert missed(streams(instance=2)) == ("the agent was restarted", 0)
    assert missed(ERROR) == ("the agent's buffer starts after what Andon last received", 1)
    with pytest.raises(PeerLost, match="MTConnectDevices"):
        missed(PROBE)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"url": "tcp://mill"}, "shdr://host:7878"),
        ({"url": "shdr://mill:7878/x"}, "remove what follows"),
        ({"url": "http://mill:5000?x=1"}, "remove what follows"),
        ({"url": "http://me:word@mill:5000"}, "contains a login"),
        ({"url": "shdr://mill", "events": ["message"]}, "set events only for agents"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        MtconnectDevice.model_validate(given)


def test_an_address_is_asked_once() -> None:
    """Two tables of one address would tell everything twice."""
    one = {"url": "shdr://mill"}
    with pytest.raises(ValidationError, match="twice"):
        MtconnectSettings.model_validate({"mtconnect": [one, {**one, "machine": "m2"}]})
    assert len(MtconnectSettings.model_validate({"mtconnect": [one, {"url": "shdr://mill:7879"}]}).mtconnect) == 2


async def looked(feed: KeptFeed, count: int) -> None:
    """Wait for so many logs."""
    for _ in range(LOOKS):
        if len(feed.kept) >= count:
            return
        await asyncio.sleep(LOOK_EVERY)
    raise AssertionError(f"{len(feed.kept)} logs of {count}: {feed.logs}")


async def test_an_agent_is_heard_over_http_through_a_restart_of_it(tmp_path: Path) -> None:
    """What is current first, then what is new; a new instance is asked for everything again."""
    outlet, feed = kept_outlet()
    async with FakeAgent() as agent:
        agent.current = streams(condition("Fault", code="1", text="one"), following=5)
        settings = MtconnectDevice.model_validate({"url": agent.url, "interval": 0, "events": ["message"]})
        source = MtconnectSource(settings, AlarmMemory(tmp_path / "alarms.db", "m"))
        running = asyncio.create_task(source.run(outlet))
        await looked(feed, 1)
        agent.send(streams(condition("Warning", code="2", text="two"), message="Change filter", first=1, following=7))
        await looked(feed, 3)
        agent.current = streams(condition("Warning", code="2", text="two"), instance=2, following=1)
        agent.send(streams(instance=2, following=1))
        await looked(feed, 4)
        agent.current = streams(instance=2, following=90)
        agent.send(streams(condition("Fault", code="9"), instance=2, first=50, following=60))  # 49 are lost
        await looked(feed, 5)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    logs = [(log["context"].get("condition"), log["message"], log["context"]["machine"]) for log in feed.logs]
    assert logs == [
        ("FAULT", "one", "Mill-1"), ("WARNING", "two", "Mill-1"), (None, "Change filter", "Mill-1"), ("NORMAL", "one", "Mill-1"),
        ("NORMAL", "two", "Mill-1"),
    ]  # fmt: skip
    assert agent.asked[:2] == ["/current", "/sample?from=5&interval=0&count=1000&heartbeat=10000"]
    assert outlet.counts.refused == {"lost in the agent's buffer": 49}


async def test_an_adapter_is_heard_over_tcp_and_missed_when_it_is_silent(tmp_path: Path) -> None:
    """It promises a sign of life every 0.2 seconds, answers pings, and then no more."""
    outlet, feed = kept_outlet()
    pings: list[bytes] = []
    silent = asyncio.Event()

    async def adapter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* PONG 200\r\n2021-02-01T12:00:00Z|lp|FAULT|1|||one\r\n")
        while data := await reader.read(100):
            pings.append(data)
            if len(pings) == 2:
                writer.write(b"2021-02-01T12:00:01Z|lp|FA")
            elif len(pings) == 3:
                writer.write(b"ULT|2|||two\n")
            elif not silent.is_set():
                writer.write(b"* PONG 200\n")
        writer.close()

    listening = await asyncio.start_server(adapter, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    settings = MtconnectDevice.model_validate({"url": f"shdr://127.0.0.1:{port}", "machine": "m1"})
    source = MtconnectSource(settings, AlarmMemory(tmp_path / "alarms.db", "m"))
    running = asyncio.create_task(source.run(outlet))
    await looked(feed, 2)
    assert outlet.counts.trouble is None
    silent.set()
    for _ in range(LOOKS):
        if outlet.counts.trouble:
            break
        await asyncio.sleep(LOOK_EVERY)
    assert outlet.counts.trouble is not None
    assert "sent nothing for 0.4 seconds" in outlet.counts.trouble
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    listening.close()
    await listening.wait_closed()
    assert set(pings) == {b"* PING\n"}
    assert [log["context"]["nativeCode"] for log in feed.logs] == ["1", "2"]

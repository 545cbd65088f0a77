"""Fingerprints: what makes two logs the same problem, and that nothing else does."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.core.models import Fingerprint
from andon.grouping import CodeRules, Fingerprinter
from andon.grouping.fingerprint import TEXT_LIMIT, RecentCache
from andon.grouping.mask import TEMPLATE_LIMIT, skeleton
from support.growth import TIMES, grows_like_a_line
from support.patience import PATIENCE
from support.pattern_texts import HEADERS, HOSTILE, TRACES, log_texts


def key(message: str, service: str = "svc", context: dict[str, object] | None = None) -> str:
    return Fingerprinter()(message, service, context).key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Failed to bind to port 8080: Address already in use", "Failed to bind to port 4222: Address already in use"),
        ("connection from 10.0.0.1:4840 lost", "connection from 192.168.17.3:502 lost"),
        ("Part SN48213 rejected at station 4", "Part SN00017 rejected at station 12"),
        ("serial SN-48213 failed leak test", "serial SN-48214 failed leak test"),
        ("temperature 85.3 C above limit 80 C", "temperature 92 C above limit 90.5 C"),
        ("error count 5 on bus two", "error count 17 on bus two"),
        ("status 12 of 20 parts reached", "status 13 of 20 parts reached"),
        ("Error: 3 retries failed for job", "Error: 17 retries failed for job"),
        ("PID 4711 died without an error message", "PID 17 died without an error message"),
        ("received block blk_-17 of size 67108864", "received block blk_9912 of size 12"),
        ("cannot open /var/log/plant/a.log now", "cannot open /srv/x/y/z/b.log now"),
        ("cannot reach mailto ops@plant.local today", "cannot reach mailto x.y@example.com today"),
        ("link of aa:bb:cc:01:02:03 is down", "link of 00:1b:44:11:3a:b7 is down"),
        (
            "session 3f2b8c1e-1111-2222-3333-444455556666 is gone",
            "session 00000000-aaaa-bbbb-cccc-000000000000 is gone",
        ),
        ("took 17 ms to answer at last", "took 3 seconds to answer at last"),
        ("barcode 12345 unreadable at the gate", "barcode 99 unreadable at the gate"),
        ("lot code 4711 unknown to the line", "lot code 4712 unknown to the line"),
        ("backup of Mon Jun 2 10:00:00 2025 was skipped", "backup of Tue Dec 30 23:59:59 2025 was skipped"),
        ("PLC-17: connection lost to its peer", "PLC-3: connection lost to its peer"),
        ("request with status 200 took too long", "request with status 204 took too long"),
        ("query returned 5 rows after all", "query returned 17 rows after all"),
        ("last alarm 2025-01-02 10:00:00 was acknowledged", "last alarm 2024-11-30 23:59:59 was acknowledged"),
        ("guard_closed=true on the press", "guard_closed=false on the press"),
    ],
)
def test_values_are_not_identity(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SV0401 servo alarm on axis", "SV0410 servo alarm on axis"),
        ("F30005: power unit overload", "F30002: power unit overload"),
        ("Drive fault F30005 on axis 3", "Drive fault F30002 on axis 3"),
        ("query failed: ORA-00600: internal", "query failed: ORA-01555: internal"),
        ("[E1234] tool is worn out", "[E1235] tool is worn out"),
        ("AL-17 spindle is hot", "AL-18 spindle is hot"),
        ("CWWKE0001I server came up", "CWWKE0002I server came up"),
        ("COM failed with error 0x80070005", "COM failed with error 0x80004005"),
        ("Alarm T04:C42 came up", "Alarm T04:C43 came up"),
        ('"GET /api/orders HTTP/1.1" 503 17 slow upstream', '"GET /api/orders HTTP/1.1" 404 17 slow upstream'),
        ("upstream answered status=503 to us", "upstream answered status=404 to us"),
        ("status code: 500 from the gateway", "status code: 200 from the gateway"),
        ("connect failed, errno 111", "connect failed, errno 13"),
        ("[Errno 13] cannot open the device", "[Errno 2] cannot open the device"),
        ("container exited with code 137", "container exited with code 1"),
        ("process killed by signal 9", "process killed by signal 11"),
        ("SQLSTATE 23505 while storing parts", "SQLSTATE 42P01 while storing parts"),
        ("error 1205: deadlock victim was chosen", "error 1222: deadlock victim was chosen"),
        ("Error code: 17 from the valve", "Error code: 18 from the valve"),
        ("read gave error(-17) on the bus", "read gave error(-18) on the bus"),
        ("Modbus exception 2 from the meter", "Modbus exception 3 from the meter"),
        ("event id 7036: service has stopped", "event id 7031: service has stopped"),
        ("alarm 700016 on channel 1 came", "alarm 700017 on channel 1 came"),
        ('{"code": 17, "what": "valve stuck"}', '{"code": 18, "what": "valve stuck"}'),
        ("the gateway returned 503 to us", "the gateway returned 404 to us"),
        ("errorCode=4 from the welding gun", "errorCode=5 from the welding gun"),
        ("Connection refused by the historian", "Connection reset by the historian"),
    ],
)
def test_codes_and_words_are_identity(one: str, other: str) -> None:
    assert key(one) != key(other)


@pytest.mark.parametrize(
    ("message", "template"),
    [
        ("Failed to bind to port 8080: Address in use", "Failed to bind to port <*>: Address in use"),
        ("Drive fault F30005 on axis 3: overload", "Drive fault F30005 on axis <*>: overload"),
        ("connect failed errno 111 at 10.0.0.1:80", "connect failed errno 111 at <*>"),
        ("lost  link\tto\nnode17\0 now", "lost link to <*> now"),
    ],
)
def test_template_reads_like_the_message(message: str, template: str) -> None:
    assert Fingerprinter()(message, "svc", None).template == template


def test_a_text_that_is_one_value_says_its_words() -> None:
    """Alarms that are named by their path alone are as many problems as they have names; the numbers do not count."""
    group = Fingerprinter()
    texts = ("Line1/Pump/Overload", "Line2/Pump/Overload", "Line1/Pump/Overtemp", "/hall2/oven/door")
    keys = [group(text, "scada", None).key for text in texts]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert group("10.4.7.1", "scada", None).key == group("5", "scada", None).key


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
def test_header_is_not_identity(header: str) -> None:
    assert key(header + "lost connection to the drive") == key("lost connection to the drive")


def test_service_counts_where_the_text_is_generic() -> None:
    assert key("Connection refused", "mes") != key("Connection refused", "historian")
    assert key("Connection refused by the historian", "mes") == key("Connection refused by the historian", "erp")


def test_number_of_a_service_does_not_count() -> None:
    assert key("Connection refused", "plc-3") == key("Connection refused", "plc-17")
    assert Fingerprinter()("Fault", "plc-3", None).template == "Fault @ plc-<*>"


@pytest.mark.parametrize(
    "context",
    [
        {"alarm_code": "SV0401"},
        {"AlarmCode": "SV0401"},
        {"error-code": 17},
        {"exit_code": 137},
        {"errno": 111},
        {"event_id": 7036},
        {"status_code": 503},
        {"sqlstate": "23505"},
        {"fault": {"code": 12}},
        {"exception_type": "TimeoutError"},
    ],
)
def test_code_field_of_the_context_is_identity(context: dict[str, object]) -> None:
    assert key("The drive has stopped", context=context) != key("The drive has stopped")
    other = json.loads(re.sub(r"\d+|Timeout", lambda match: "4" + match[0][1:], json.dumps(context)))
    assert key("The drive has stopped", context=context) != key("The drive has stopped", context=other)


@pytest.mark.parametrize(
    "context",
    [
        {"serial": "X17"},
        {"temperature": 85.3},
        {"event_id": "3f2b8c1e-1111-2222-3333-444455556666"},
        {"event_id": 170012345},
        {"status_code": 200},
        {"code": None},
        {"code": True},
        {"code": "a text with spaces"},
        {"code": ["SV0401"]},
        {"nested": {"deeper": {"code": 17}}},
        {},
    ],
)
def test_other_fields_and_values_are_not_identity(context: dict[str, object]) -> None:
    assert key("The drive has stopped", context=context) == key("The drive has stopped")


def test_code_in_text_and_context_is_named_once() -> None:
    assert key("SV0401 drive has stopped", context={"alarm_code": "SV0401"}) == key("SV0401 drive has stopped")


def test_site_can_add_patterns_and_fields() -> None:
    rules = CodeRules(patterns=[r"\bQX-\d\d\b", r"station (\d+)"], fields=["Störung"])
    fingerprint = Fingerprinter(rules)
    one = fingerprint("press reports QX-17 at station 4 after 12 s", "svc", None)
    assert one.template == "press reports QX-17 at station 4 after <*>"
    assert one == fingerprint("press reports QX-17 at station 4 after 99 s", "svc", None)
    assert one.key != fingerprint("press reports QX-18 at station 4 after 12 s", "svc", None).key
    plain = fingerprint("The drive has stopped", "svc", None)
    assert plain.key != fingerprint("The drive has stopped", "svc", {"Störung": 5}).key


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES.keys())
def test_trace_keeps_its_key_when_line_numbers_change(trace: str) -> None:
    moved = re.sub(r"(line |\.java:|\.js:|\.go:)\d+", lambda match: match[1] + "731", trace)
    assert moved != trace
    assert key(moved) == key(trace)
    assert key(trace.replace("\n", "\\n").replace("\t", "\\t")) == key(trace)


def test_long_template_is_cut_but_the_rest_still_counts() -> None:
    text = "word " * 200
    fingerprint = Fingerprinter()
    one, other = fingerprint(text + "alpha", "s", None), fingerprint(text + "omega", "s", None)
    assert one.key != other.key
    assert len(one.template) <= TEMPLATE_LIMIT
    assert one.template.endswith("…")


@given(log_texts, st.sampled_from(["", "svc-1", "plc", "\ud800\x00 s @ 7"]))
@settings(max_examples=150, deadline=None)
def test_any_text_has_a_storable_fingerprint(text: str, service: str) -> None:
    found = Fingerprinter()(text, service, {"code": text[:40], text: 5})
    assert re.fullmatch(r"[0-9a-f]{16}", found.key)
    assert 0 < len(found.template) <= TEMPLATE_LIMIT
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", found.template)
    found.template.encode()  # raises where a database could not take it


@given(st.lists(st.tuples(log_texts, st.sampled_from(["", "a", "b1", "b2"])), min_size=1, max_size=8), st.randoms())
@settings(max_examples=150, deadline=None)
def test_cache_never_changes_an_answer(texts: list[tuple[str, str]], chance: random.Random) -> None:
    """Texts that differ in their digits only share cache entries; each must get what it gets without a cache."""
    cached, tiny, plain = Fingerprinter(), Fingerprinter(cache_entries=2), Fingerprinter(cache_entries=0)
    variants = [
        (re.sub(r"[0-9]", lambda _: chance.choice("0123456789"), text), service)
        for text, service in texts
        for _ in range(3)
    ]
    for text, service in texts + variants:
        context = {"code": 5} if chance.random() < 0.2 else None
        expected = plain(text, service, context)
        assert cached(text, service, context) == expected
        assert tiny(text, service, context) == expected


def test_key_is_the_same_in_another_process() -> None:
    """Keys are in databases and shared by processes: a change needs a new VERSION."""
    program = (
        "from andon.grouping import Fingerprinter as F;"
        "print(F()('Failed to bind to port 8080: Address in use', 'mes', None).key)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=PATIENCE)
    expected = Fingerprinter()("Failed to bind to port 4222: Address in use", "erp", None)
    assert run.stdout.strip() == expected.key == "a4a4d95898653a0c"
    assert expected == Fingerprint(expected.key, "Failed to bind to port <*>: Address in use")


@pytest.mark.parametrize("piece", HOSTILE)
def test_only_the_head_of_a_hostile_text_counts(piece: str) -> None:
    """Work is bounded because no more than a few thousand characters are looked at, whatever the length."""
    fingerprint = Fingerprinter(cache_entries=0)
    times = 4 * TEXT_LIMIT // len(piece) + 2
    if "\n" in piece or "\\n" in piece:
        assert fingerprint(piece * times * 4, "s", None).key  # a trace's head and tail count; no more than that
    else:
        assert fingerprint(piece * times, "s", None) == fingerprint(piece * times * 4, "s", None)


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_of_64_kb_does_not_backtrack(piece: str) -> None:
    """In prose, behind a prefix and in a trace: the cost grows with the length, not with its square."""
    fingerprint = Fingerprinter(cache_entries=0)
    for shape in ("{}", "x: {}", "{}\n\tat x(", "\ngoroutine 1\n{}"):
        assert grows_like_a_line(
            lambda size, shape=shape: fingerprint(shape.replace("{}", piece * (size // len(piece))), "s", None),
            65536 // TIMES,
        )


def test_skeleton_can_be_had_from_the_template() -> None:
    """What is stored suffices to merge after a restart."""
    found = Fingerprinter()("user root logged in from 10.0.0.1 with code 17", "s", None)
    assert skeleton(found.template) == ("user", "root", "logged", "in", "from", "<*>", "with", "code", "17")


def test_recent_cache_is_bounded_and_keeps_what_is_asked_for() -> None:
    cache: RecentCache[int, int] = RecentCache(10)
    for number in range(1000):
        cache.put(number, number)
        assert cache.get(0) == 0
        assert len(cache) <= 21

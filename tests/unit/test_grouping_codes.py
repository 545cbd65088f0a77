"""Codes in texts and contexts: which numbers tell two problems apart, and which only count."""

from __future__ import annotations

import pytest

from andon.grouping import CodeRules, Fingerprinter
from andon.grouping.code_forms import canonical
from andon.grouping.codes import PINNED_FIELDS

fingerprint = Fingerprinter()


def key(message: str, context: dict[str, object] | None = None) -> str:
    return fingerprint(message, "svc", context).key


@pytest.mark.parametrize(
    "texts",
    [
        ("tls_connect returned -0x2700", "tls_connect returned -0x7780", "tls_connect returned 0x2700"),
        ("TSEND ends with STATUS = W#16#80A1", "TSEND ends with STATUS = w#16#80c3"),
        ("block ended DW#16#0000_8092", "block ended DW#16#0000_8093"),
        ("ERROR_ID := 16#00008092", "ERROR_ID := 16#00008093"),
        ("drive sends code 3210h on node 4", "drive sends code 3220h on node 4"),
        ("Emergency 81A0h on the bus", "Emergency 81B0h on the bus"),
        ("reading the register failed: -110", "reading the register failed: -5"),
        ("unable to read the register (-22)", "unable to read the register (-110)"),
        ("timed out while waiting: -62", "timed out while waiting: -145"),
        ("probe returned -5", "probe returned -22"),
        ("Type 02 Code 16 on the controller", "Type 02 Code 17 on the controller", "Type 04 Code 16 on the controller"),
        ("0x0A11 path is blocked", "0x0A12 path is blocked"),
        ("[0x3100] mains too low", "[0x3110] mains too low"),
        ("7A20F1: resolver is silent", "7A20F2: resolver is silent"),
        ("Y axis + overtravel", "Y axis - overtravel"),
        ("Y+ limit switch", "Y- limit switch"),
        ("+Y end position", "-Y end position"),
        ("+15V supply missing", "-15V supply missing", "+5V supply missing"),
        ("it gave -2147024891 to us", "it gave -2147467259 to us"),
        ("start gave 0x80070005 to us", "start gave 0x8007000E to us"),
        ("ended by 0xC0000005 in it", "ended by 0xC0000374 in it"),
        ("exit code 3221225477 of it", "exit code 3221226505 of it"),
        ("exit status 137 of it", "exit status 143 of it"),
        ("error code 7000017 of it", "error code 7000018 of it"),
        ("alarm 7000017 of it", "alarm 7000018 of it"),
        ("SDO abort 0x06090011 came", "SDO abort 0x06090030 came"),
        ("DTC P0301 is set", "DTC P0302 is set"),
        ("Event ID: 7036 of it", "Event ID: 7031 of it"),
        ("ended by signal 9", "ended by signal 11"),
    ],
)
def test_codes_in_texts(texts: tuple[str, ...]) -> None:
    """Codes as vendors and kernels write them: each names a problem of its own."""
    assert len(set(map(key, texts))) == len(texts)


@pytest.mark.parametrize(
    "text",
    [
        *("msg id {} was lost", "message id {} was lost", "packet {} was lost", "order {} was lost", "seq={} was lost"),
        *("id={} was lost", "request id: {} was lost", "correlation id {} was lost", "trace id={} was lost"),
        *("session id {} was lost", "job id {} was lost", "packet id {} was lost", "event.id={} was lost"),
        *("response id {} was lost", "message number {} was lost", "customer code {} was lost", "rc{} was built then"),
        *(
            "signal=-{} on the link",
            "RSSI -{} on the link",
            "offset -{} is odd",
            "drift is + {} again",
            "runs {}h already",
        ),
        *("temperature is: -{}", "0x7f3a2c{}00 freed twice", "object 0x{} freed twice", "LOT{}: rejected today"),
    ],
)
def test_numbers_that_only_count(text: str) -> None:
    """Names that end in id, sequence numbers, levels and handles: a problem is the same whatever they are."""
    assert len({key(text.format(number)) for number in (4000, 4001, 52)}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("error code 1205.0 of it", "error code 1205 of it"),
        ("ended by 0x8007000e in it", "ended by 0X8007000E in it"),
        ("+24 VDC supply missing", "+24V supply missing"),
        ("offset +3.2 mm is odd", "offset -3.2 mm is odd"),
        ("pressure -3 bar is odd", "pressure +4 bar is odd"),
    ],
)
def test_one_code_written_in_two_ways(one: str, other: str) -> None:
    """A float, the case of hexadecimal digits and a blank make no other code; a measured value has no sign."""
    assert key(one) == key(other)


def test_canonical_form_is_its_own_canonical_form() -> None:
    for value in ("0X80c4", "-0x7280", "1205.0", "-5", "+24 VDC", "w#16#80c4", "SV0401", "A.710", "T04:C42", "2310h"):
        assert canonical(canonical(value)) == canonical(value)


TEXT = "The press has stopped"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"alarm_code": 1205.0}, {"alarm_code": 1310.0}),
        ({"alarm_code": "SV 0401"}, {"alarm_code": "SV 0410"}),
        ({"alarm_code": 7000017}, {"alarm_code": 7000018}),
        ({"alarm_code": "Door 3 open"}, {"alarm_code": "Door 3 shut"}),
        ({"alarm_id": 17}, {"alarm_id": 18}),
        ({"alarm_id": "TankHigh"}, {"alarm_id": "TankLow"}),
        ({"EventID": 7036}, {"EventID": 7031}),
        ({"winlog": {"event_id": 4625}}, {"winlog": {"event_id": 4624}}),
        ({"event": {"code": 4625}}, {"event": {"code": 4624}}),
        ({"event.code": 4625}, {"event.code": 4624}),
        ({"fault": {"id": 17}}, {"fault": {"id": 18}}),
        ({"error": {"code": "ECONNRESET"}}, {"error": {"code": "ETIMEDOUT"}}),
        ({"error": {"type": "a.B"}}, {"error": {"type": "a.C"}}),
        ({"press": {"alarm_code": 17}}, {"press": {"alarm_code": 18}}),
        ({"signal": 11}, {"signal": 9}),
        ({"signal": "SIGSEGV"}, {"signal": "SIGKILL"}),
        ({"code": -110}, {"code": -5}),
        ({"报警代码": 17}, {"报警代码": 18}),
        ({"exception_class": "org." + "long." * 12 + "A"}, {"exception_class": "org." + "long." * 12 + "B"}),
        ({"alarm_code": 17, "trend": [1.5] * 50_000}, {"alarm_code": 18, "trend": [1.5] * 50_000}),
        ({"alarm_code": 17, **{f"{n}_code": n for n in range(20)}}, {"alarm_code": 18}),
    ],
)
def test_codes_in_contexts(one: dict[str, object], other: dict[str, object]) -> None:
    """Code fields under the names that vendors use, flat, nested and dotted, in a context of any size."""
    assert len({key(TEXT, one), key(TEXT, other), key(TEXT)}) == 3


@pytest.mark.parametrize(
    "field",
    [
        *(
            "msg_id",
            "message_id",
            "messageId",
            "mid",
            "request_id",
            "trace_id",
            "span_id",
            "correlation_id",
            "order_id",
        ),
        *(
            "session_id",
            "transaction_id",
            "batch_id",
            "job_id",
            "packet_id",
            "seq",
            "event_seq",
            "uuid",
            "nonce",
            "offset",
        ),
        *("event.id", "error.id", "product.code", "order.code", "wifi.signal", "product_code", "message_number"),
    ],
)
def test_fields_that_name_one_message_are_no_codes(field: str) -> None:
    """A field that ends in id, seq or uuid, or the code of a thing, makes no problem of its own; flat nor nested."""
    outer, _, inner = field.partition(".")
    for value in (4000, "8a4f5000", -67):
        assert key(TEXT, {field: value}) == key(TEXT)
        assert key(TEXT, {outer: {inner: value}} if inner else {field: value}) == key(TEXT)


@pytest.mark.parametrize(
    "context",
    [{"signal": -67}, {"signal": 85}, {"event_id": "8a4f5000"}, {"error_id": "8a4f5000c0ffee"}, {"code": 1.5}, {"": 5}],
)
def test_values_that_are_no_codes(context: dict[str, object]) -> None:
    """A level in dBm, a handle, a measured value."""
    assert key(TEXT, context) == key(TEXT)


def test_one_code_of_a_context_has_one_form() -> None:
    """Float, text, blank, case and width make no other code."""
    assert (
        len({key(TEXT, {"alarm_code": code}) for code in (1205, 1205.0, "1205", "1205.0", " 1205 ", "１２０５")}) == 1
    )
    assert len({key(TEXT, {"alarm_code": code}) for code in ("SV0401", "SV 0401", "sv0401", "ＳＶ０４０１")}) == 1


def test_fields_of_the_site_always_count() -> None:
    """What a site names is identity whatever it is called and holds, and is never learnt to be noise."""
    rules = CodeRules(fields=["msg_id", "报警号", ""])
    own = Fingerprinter(rules)
    for field in ("msg_id", "MsgId", "报警号"):
        codes = ({field: 1.5}, {field: "any text 3"}, {field: "any text 4"}, {field: True}, {field: 17000123450})
        assert len({own(TEXT, "svc", context).key for context in codes}) == len(codes)
        assert rules.is_pinned(field)
    assert own(TEXT, "svc", {"型号": 5}).key == key(TEXT)


def test_pinned_fields() -> None:
    """Only these are never learnt to be noise: on the top level of the context."""
    rules = CodeRules()
    assert all(map(rules.is_pinned, (*PINNED_FIELDS, "AlarmCode", "EventID")))
    assert not any(map(rules.is_pinned, ("code", "winlog.event_id", "status_code", "order", "msg_id")))


@pytest.mark.parametrize(
    "frame",
    [
        "VFD trip {} at line 3", "Inverter trip ({})", "Trip {}", "Inverter tripped: {}", "Drive in fault state {}",
        "Warnung {} am Antrieb", "alarm {} on pump 2",
    ],
)  # fmt: skip
def test_trip_codes_with_digits_are_identity(frame: str) -> None:
    """Frequency converters show two letters and a digit; the number of the line does not count."""
    group = Fingerprinter()
    codes = ("OC1", "OC2", "OU1", "OL1", "GF1")
    assert len({group(frame.format(code), "drives", None).key for code in codes}) == len(codes)
    assert group("VFD trip OC1 at line 3", "", None).key == group("VFD trip OC1 at line 8", "", None).key

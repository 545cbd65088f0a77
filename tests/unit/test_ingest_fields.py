"""The parts of a log are found under the names that loggers use, and nothing of a message is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.ingest.cleaning import plain
from andon.ingest.fields import REFERENCE, TABLE
from support.decoding import RECEIVED_TEXT, context_of, decoded, one

MOMENT = "2025-01-15T02:14:23.000Z"
SAMPLES = {
    "message": "oil pressure low",
    "timestamp": MOMENT,
    "severity": "ERROR",
    "service": "gw",
    "hostname": "cell-4",
}
#: Names that only count with a value of their own kind, or beside others.
ODD_ONES = {"s": "E", "name": "gw"}


def nested(name: str, value: Any) -> dict[str, Any]:
    """``name`` with dots as objects in objects."""
    for part in reversed(name.split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value


def test_every_name_of_the_table_is_understood_flat_and_nested_and_in_any_case() -> None:
    """``log.level``, ``{"log": {"level"…}}`` and ``LOG.LEVEL`` mean the same; each name gives what the table says."""
    for alias in TABLE:
        if alias.meaning == "exception" or (alias.name, alias.meaning) == ("name", "message"):
            continue
        value = ODD_ONES.get(alias.name, SAMPLES[alias.meaning])
        for body in (nested(alias.name, value), {alias.name: value}, {alias.name.upper(): value}):
            record = one(body)
            found = record.severity_native or record.severity if alias.meaning == "severity" else None
            assert (found or getattr(record, alias.meaning)) == value, body
            assert bool(context_of(record)) == alias.kept or alias.meaning != "message", body


def test_every_exception_of_the_table_is_found() -> None:
    """A log whose only other field is an exception is an error."""
    for alias in TABLE:
        if alias.meaning == "exception" and not alias.name.startswith("message."):
            text = "ValueError: no such recipe\n    at load (recipe.js:3)"
            assert one({"message": "load", **nested(alias.name, text)}).severity == "ERROR", alias.name


def test_names_are_unique_within_their_meaning_and_say_who_writes_them() -> None:
    """A second row would never be reached, and one without a source could not be checked."""
    rows = [(alias.name, alias.meaning) for alias in TABLE]
    assert len(rows) == len(set(rows))
    assert all(alias.source.strip() and alias.name not in REFERENCE for alias in TABLE)


def test_the_references_names_go_before_all_others() -> None:
    """Beside them, other names are context."""
    extra = {"msg": "other", "level": "fatal", "logger": "x", "host": "y", "time": "2020-01-01T00:00:00Z"}
    record = one({**SAMPLES, **extra})
    assert [getattr(record, name) for name in REFERENCE] == [SAMPLES[name] for name in REFERENCE]
    assert context_of(record) == extra


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_an_empty_field_of_the_reference_gives_way(empty: object) -> None:
    """``message: ""`` beside ``event`` is what a logger writes that was given an object."""
    record = one({**dict.fromkeys(REFERENCE, empty), "event": "oil low", "level": "warn", "app": "gw", "host": "h1"})
    assert (record.message, record.severity, record.service, record.hostname) == ("oil low", "WARNING", "gw", "h1")
    assert record.context is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"log": {"level": "error"}, "event": {"kind": "alert"}, "text": "belt torn"}, "belt torn"),
        ({"event": "alarm", "description": "belt torn on line"}, "belt torn on line"),
        ({"event": "belt_torn", "log": "main"}, "belt_torn"),
        ({"msg": "torn", "description": "belt torn on line"}, "torn"),
        ({"body": {"stringValue": "belt torn"}}, "belt torn"),
        ({"value": "12.5", "text": "belt torn"}, "belt torn"),
        ({"Message": {"Text": "belt torn", "Locale": "en"}}, "belt torn"),
        ({"displayPath": "Line 4/Belt", "name": "Torn", "eventState": "Active"}, "Line 4/Belt: Torn"),
        ({"name": "Belt torn", "originatorName": "Line 4"}, "Belt torn"),
        ({"Fault": {"value": "belt torn", "nativeCode": "5"}}, "belt torn"),
    ],
)
def test_the_text_is_what_tells_most(body: dict[str, Any], message: str) -> None:
    """Objects are no text, a word gives way to a sentence where its name is vague, a measured value says nothing."""
    assert one(body).message == message


@pytest.mark.parametrize(
    ("body", "service"),
    [
        ({"name": "a", "logger": "b"}, "b"),
        ({"service": {"name": "mes", "version": "2"}, "logger": "b"}, "mes"),
        ({"source": {"function": "main", "line": 3}, "component": "reader"}, "reader"),
        ({"syslogtag": "reader[77]:"}, "reader"),
        ({"job": "4711", "channel": "plc"}, "plc"),
        ({"unit": "bar"}, "unknown"),
        ({"name": "HighLevel", "displayPath": "Tank"}, "unknown"),
        ({"Name": "TK1.Hi", "State": "UNACK_ALM"}, "unknown"),
        ({"name": "press", "state": "running"}, "press"),
    ],
)
def test_the_program_is_what_names_it_best(body: dict[str, Any], service: str) -> None:
    """Numbers, units, objects and the names of alarms are no programs."""
    assert one({"message": "x", **body}).service == service


@pytest.mark.parametrize(
    ("body", "severity"),
    [
        ({"level": 12.5, "levelname": "ERROR"}, "ERROR"),
        ({"level": 12, "level_name": "ERROR"}, "ERROR"),
        ({"level": 12.5}, "INFO"),
        ({"level": "80 %"}, "INFO"),
        ({"level": "error", "priority": "DEBUG"}, "ERROR"),
        ({"priority": "error"}, "ERROR"),
        ({"status": "error"}, "ERROR"),
        ({"status": "idle"}, "INFO"),
        ({"status": 3}, "INFO"),
        ({"label": "Error", "prio": 2}, "ERROR"),
        ({"label": "Pump 4"}, "INFO"),
        ({"message": "", "error_message": "denied"}, "ERROR"),
        ({"level": {"name": "ERROR", "no": 40}}, "ERROR"),
        ({"Fault": {"value": "x y"}, "message": ""}, "ERROR"),
    ],
)
def test_a_severity_is_a_word_before_a_number_and_never_a_measured_value(body: dict[str, Any], severity: str) -> None:
    """The level of a tank is no level of a log."""
    assert one({"message": "x", **body}).severity == severity


@pytest.mark.parametrize(
    ("body", "time", "kept"),
    [
        ({"ts": 1736907263.0}, MOMENT, {}),
        ({"time": 1736907263000, "created": 5}, MOMENT, {"created": 5}),
        ({"time": 0.35, "@timestamp": MOMENT}, MOMENT, {"time": 0.35}),
        ({"time": "12 ms", "ts": MOMENT}, MOMENT, {"time": "12 ms"}),
        ({"date": "2025-01-15", "time": "02:14:23"}, MOMENT, {}),
        ({"date": "2025-01-15"}, RECEIVED_TEXT, {"date": "2025-01-15"}),
        ({"__REALTIME_TIMESTAMP": "1736907263000000"}, MOMENT, {}),
        ({"timeUnixNano": "1736907263000000000"}, MOMENT, {}),
        ({"timeUnixNano": "0", "observedTimeUnixNano": "1736907263000000000"}, MOMENT, {"timeUnixNano": "0"}),
        ({"t": {"$date": MOMENT}}, MOMENT, {}),
        ({"instant": {"epochSecond": 1736907263, "nanoOfSecond": 0}}, MOMENT, {}),
        ({"timestamp": {"seconds": 1736907263, "nanos": 0}}, MOMENT, {}),
        ({"datetime": {"date": "2025-01-15 02:14:23.0", "timezone": "UTC"}}, MOMENT, {"datetime": {"timezone": "UTC"}}),
        ({"time": {"elapsed": 5}}, RECEIVED_TEXT, {"time": {"elapsed": 5}}),
        ({"createdTime": "02/01/2025 2:14:23 AM"}, "2025-01-02T02:14:23.000Z", {}),
    ],
)
def test_a_time_is_taken_where_it_is_one(body: dict[str, Any], time: str, kept: dict[str, Any]) -> None:
    """Durations and days alone stay in the context."""
    record = one({"message": "x", **body})
    assert (record.timestamp, context_of(record)) == (time, kept)


def test_a_time_that_is_not_understood_stays_and_is_noted() -> None:
    """The time of receipt stands for it."""
    record = one({"message": "x", "time": "on 30.02.2025 at 02:14:23"})
    assert (record.timestamp, context_of(record)) == (RECEIVED_TEXT, {"time": "on 30.02.2025 at 02:14:23"})
    assert "time of receipt used" in (record.notes or "")


def test_every_other_field_counts_as_if_it_stood_in_the_context() -> None:
    """Codes and places at the top are read, and values stay as they were sent."""
    body = (
        b'{"message": "Fault seen", "alarm_code": 1205.0, "machine": "M1", "big": 12345678901234567890123, "z": [1.50]}'
    )
    record = one(body)
    assert record.context == '{"alarm_code":1205.0,"machine":"M1","big":12345678901234567890123,"z":[1.50]}'
    assert record.machine == "M1"
    one_code, other = one({"message": "Fault seen", "alarm_code": 5}), one({"message": "Fault seen", "alarm_code": 6})
    assert one_code.fingerprint != other.fingerprint


def test_a_key_in_the_context_goes_before_one_at_the_top() -> None:
    """The other value is noted; a long one is kept under a name of its own; an equal one is no news."""
    record = one(
        {"message": "x", "machine": "M1", "a": 1, "big": "y" * 300, "context": {"machine": "M2", "a": 1, "big": 2}}
    )
    assert context_of(record) == {"machine": "M2", "a": 1, "big": 2, "big (2)": "y" * 300}
    assert record.notes == "'machine' came twice, the other was \"M1\"; 'big' came twice, the other is 'big (2)'"


def test_what_is_used_of_an_object_leaves_it_and_the_rest_stays() -> None:
    """An object that is used up goes with it."""
    record = one({"message": "x", "log": {"level": "error"}, "host": {"name": "h1", "ip": ["10.0.0.1"]}})
    assert (record.severity, record.hostname, context_of(record)) == ("ERROR", "h1", {"host": {"ip": ["10.0.0.1"]}})


@pytest.mark.parametrize("context", [None, [], "", {}])
def test_an_empty_context_is_none(context: object) -> None:
    """PHP writes an empty list where it means an empty object."""
    assert context_of(one({"message": "x", "extra": 1, "context": context})) == {"extra": 1}


def test_a_log_without_text_is_told_apart_by_all_that_it_says() -> None:
    """Code, keys, logger and exception: what differs in one of them is another problem."""
    bodies: list[dict[str, Any]] = [
        {"level": "error", "code": "ETIMEDOUT", "logger": "gw"},
        {"level": "error", "code": "ECONNRESET", "logger": "gw"},
        {"level": "error", "code": "ETIMEDOUT", "logger": "mes"},
        {"level": "error", "reading": 5},
        {"level": "error", "setpoint": 5},
        {"level": "error", "logger": "gw"},
        {"level": "error", "logger": "mes"},
        {"level": "error", "err": {"type": "TypeError", "message": "no recipe"}},
        {"level": "error", "err": {"type": "RangeError", "message": "no recipe"}},
    ]
    records = [one(body) for body in bodies]
    assert len({record.fingerprint for record in records}) == len(bodies)
    assert records[0].message == '{"code":"ETIMEDOUT"}'
    assert records[5].message == "(no message)"
    assert records[7].message == "TypeError: no recipe"
    assert one({"level": "error", "reading": 5}).fingerprint == one({"level": "error", "reading": 6}).fingerprint


def test_byte_numbers_are_text_without_its_colours() -> None:
    """journald writes what is not plain text so; bytes that cannot be read stay beside their text."""
    colour = list("\x1b[31mÖl low\x1b[0m".encode())
    assert one({"MESSAGE": colour, "PRIORITY": "3"}).message == "Öl low"
    assert one({"message": colour}).message == "Öl low"
    assert one({"message": list("Öl".encode("cp1252"))}, "cp1252").message == "Öl"
    assert one({"message": [1, 2, 3]}).message == "[1, 2, 3]"
    record = one({"MESSAGE": list(b"caf\xe9 zu")})
    assert (record.message, context_of(record)) == ("caf\ufffd zu", {"MESSAGE": list(b"caf\xe9 zu")})
    assert one({"MESSAGE": ["disk full", "on /data"]}).message == "disk full\non /data"


def test_json_that_a_collector_wrapped_is_read() -> None:
    """Docker's ``log`` and Vector's ``message`` hold the logger's own line; what the collector says stays beside it."""
    line = json.dumps({"level": "error", "time": MOMENT, "msg": "belt torn", "name": "gw"})
    record = one({"log": line + "\n", "stream": "stdout", "time": "2025-01-15T02:14:24Z"})
    assert (record.message, record.severity, record.timestamp, record.service) == ("belt torn", "ERROR", MOMENT, "gw")
    assert context_of(record) == {"stream": "stdout"}
    assert "2025-01-15T02:14:24Z" in (record.notes or "")
    assert one({"message": line, "source_type": "file"}).message == "belt torn"
    assert one({"message": line, "severity": "INFO", "a": 1}).message == line
    assert one({"log": '{"not": "a log"}'}).message == '{"not": "a log"}'
    wrapped = one({"payload": {"msg": "belt torn", "level": "error", "code": 5}, "topic": "line/4"})
    assert (wrapped.message, wrapped.severity) == ("belt torn", "ERROR")
    assert context_of(wrapped) == {"code": 5, "topic": "line/4"}
    assert one({"event": {"message": "belt torn", "severity": "ERROR"}, "host": "h1"}).severity == "ERROR"
    assert context_of(one({"message": "x", "payload": {"msg": "belt torn"}})) == {"payload": {"msg": "belt torn"}}


def test_the_level_in_a_containers_line_is_its_severity() -> None:
    """Docker's ``log`` is a program's line of plain text."""
    assert one({"log": "2025-01-15 02:14:23 ERROR [main] org.plc.Link: lost connection\n"}).severity == "ERROR"
    assert one({"log": "lost connection\n"}).severity == "INFO"


def test_opentelemetrys_attributes_are_fields() -> None:
    """Their list of keys and typed values is read; the resource names host and program."""
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "gw"}}]}
    pairs = [
        {"key": "alarm_code", "value": {"intValue": "1205"}},
        {"key": "tags", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"doubleValue": 1.5}]}}},
        {"key": "more", "value": {"kvlistValue": {"values": [{"key": "b", "value": {"boolValue": True}}]}}},
    ]
    record = one({"body": {"stringValue": "belt torn"}, "attributes": pairs, "resource": resource})
    assert (record.message, record.service) == ("belt torn", "gw")
    assert context_of(record) == {"alarm_code": 1205, "tags": ["a", 1.5], "more": {"b": True}}


@pytest.mark.parametrize(
    ("body", "message", "severity"),
    [
        ({"Meldung": "Riemen gerissen", "Schweregrad": "Fehler"}, "Riemen gerissen", "ERROR"),
        ({"Stoertext": "x", "Störungstext": "Riemen gerissen"}, "Riemen gerissen", "ERROR"),
        ({"报警内容": "皮带断裂", "报警级别": "严重"}, "皮带断裂", "CRITICAL"),
        ({"mensaje": "correa rota", "gravedad": "alta"}, "correa rota", "ERROR"),
        ({"Descripcio\u0301n": "correa rota", "nivel": "ERROR"}, "correa rota", "ERROR"),
        ({"メッセージ": "ベルト切れ", "重要度": "高"}, "ベルト切れ", "ERROR"),
        ({"сообщение": "ремень порван", "уровень": "ошибка"}, "ремень порван", "ERROR"),
        ({"sMessage": "belt torn", "eSeverity": "High"}, "belt torn", "ERROR"),
        ({"alarm-text": "belt torn", "AlarmSeverity": "Major"}, "belt torn", "ERROR"),
        ({"_msg": "belt torn", "log-level": "warn"}, "belt torn", "WARNING"),
        ({"M": "belt torn", "L": "ERROR", "N": "reader"}, "belt torn", "ERROR"),
        ({"SERVICEOUTPUT": "no ping", "SERVICESTATE": "CRITICAL"}, "no ping", "CRITICAL"),
        ({"type": "Warning", "reason": "BackOff", "message": "belt torn"}, "belt torn", "WARNING"),
        ({"event": "Error", "message": "belt torn"}, "belt torn", "ERROR"),
        ({"payload": "belt torn", "topic": "line/4"}, "belt torn", "INFO"),
        ({"payload": "ON", "topic": "line/4"}, '{"payload":"ON","topic":"line/4"}', "INFO"),
        ({"level": "83 mm", "text": "tank filled"}, "tank filled", "INFO"),
        ({"message": "cycle done", "error": "no error", "fault": {"message": "OK"}}, "cycle done", "INFO"),
        ({"message": "cycle done", "error": {"code": 0, "message": "OK"}}, "cycle done", "INFO"),
    ],
)
def test_names_are_spelled_and_translated_in_many_ways(body: dict[str, Any], message: str, severity: str) -> None:
    """Joints, accents, prefixes of types and the languages of a plant's programmers change nothing."""
    record = one(body)
    assert (record.message, record.severity) == (message, severity)


@pytest.mark.parametrize(
    "body",
    [
        {"Datum": "15.01.2025", "Uhrzeit": "02:14:23"},
        {"日期": "2025-01-15", "时间": "02:14:23"},
        {"event_date": "2025.01.15", "event_time": "02:14:23"},
        {"fecha": "15/01/2025", "hora": "02:14:23"},
        {"Zeitstempel": "15.01.2025 02:14:23"},
        {"发生时间": 1736907263000},
    ],
)
def test_a_day_and_a_clocks_time_beside_each_other_are_one(body: dict[str, Any]) -> None:
    """Gateways write the two into fields of their own, in their language."""
    record = one({"message": "x", **body})
    assert (record.timestamp, record.context, record.notes) == (MOMENT, None, None)


@pytest.mark.parametrize(
    ("body", "severity"),
    [
        ({"level": 50, "time": 1736907263000, "message": "x"}, "ERROR"),
        ({"level": 50, "time": "2025-01-15 02:14:23,000", "message": "x"}, "CRITICAL"),
        ({"LogLevel": 4, "Category": "Plc", "Message": "x"}, "ERROR"),
        ({"SeverityLevel": 3, "Message": "x"}, "ERROR"),
        ({"level": 500, "channel": "app", "datetime": MOMENT, "message": "x"}, "CRITICAL"),
        ({"level": 3, "id": 7, "logName": "System", "message": "x"}, "WARNING"),
        ({"severity": 20, "entityId": "a", "sourceId": "b", "description": "x"}, "ERROR"),
    ],
)
def test_a_numbers_scale_is_told_by_what_stands_beside_it(body: dict[str, Any], severity: str) -> None:
    """pino whatever its keys are called, .NET, TwinCAT and Azure, Monolog, Windows, MindSphere."""
    assert one(body).severity == severity


def test_alarms_that_only_have_a_path_are_as_many_problems() -> None:
    """A path is a value in a text; its end is what the alarm is called."""
    one_path, other = one({"displayPath": "Line1/Pump/Overload"}), one({"displayPath": "Line2/Tank/HighLevel"})
    assert one_path.message == "Line1/Pump: Overload"
    assert one_path.fingerprint != other.fingerprint


def test_a_log_under_any_name_is_read_where_nothing_else_tells_a_text() -> None:
    """An exception and an object that only has a text are none."""
    line = {"message": "belt torn", "level": "error", "time": MOMENT}
    for body in ({"nested": line}, {"gateway7": line}, {"payload": json.dumps(line)}, {"alarm": {"text": "belt torn"}}):
        assert one(body).message == "belt torn", body
    assert one({"err": {"message": "belt torn", "level": "x"}}).message == "belt torn"
    assert one({"request": {"text": "belt torn"}}).message.startswith("{")


def test_a_name_that_stands_twice_in_the_references_own_message_loses_nothing() -> None:
    """Its first severity counts, as with other loggers, and the first text is kept."""
    head = b'{"timestamp":"2025-01-15T02:14:23.000Z","hostname":"h","service":"s",'
    record = one(head + b'"severity":"ERROR","message":"belt torn","severity":"INFO"}')
    assert (record.severity, context_of(record)) == ("ERROR", {"severity (2)": "INFO"})
    record = one(head + b'"severity":"ERROR","message":"belt torn","message":"oil low"}')
    assert (record.message, context_of(record)) == ("oil low", {"message (2)": "belt torn"})


@given(st.dictionaries(st.sampled_from(["machine", "alarm_code", "a", "level"]), st.integers(0, 99), max_size=3))
def test_the_short_way_for_the_references_names_is_the_long_one(extra: dict[str, int]) -> None:
    """Whether other fields stand at the top or in the context."""
    top, inside = one({**SAMPLES, **extra}), one({**SAMPLES, "context": extra})
    assert context_of(top) == context_of(inside) == extra
    named = (*REFERENCE, "fingerprint", "machine", "notes")
    assert [getattr(top, name) for name in named] == [getattr(inside, name) for name in named]


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20)
)
values = leaves | st.lists(leaves, max_size=3) | st.dictionaries(st.text(max_size=8), leaves, max_size=3)
names = st.sampled_from([*REFERENCE, "Message", "SEVERITY", "context", *(alias.name for alias in TABLE)]) | st.text(
    max_size=8
)


def leaves_of(value: Any) -> list[Any]:
    """The texts and numbers in a value, those that say something."""
    if isinstance(value, dict | list):
        return [leaf for part in (value.values() if isinstance(value, dict) else value) for leaf in leaves_of(part)]
    return [] if value is None or (isinstance(value, str) and not plain(value.strip())) else [value]


@given(st.dictionaries(names, values, max_size=8))
def test_every_value_of_an_object_is_found_again(body: dict[str, Any]) -> None:
    """In the context, in a column or in the notes; a time is one; and nothing raises."""
    record = one(body)
    kept = [json.dumps(leaf) for leaf in leaves_of(context_of(record))]
    columns = (record.message, record.hostname, record.service, record.severity, record.severity_native, record.notes)
    for leaf in leaves_of(body):
        text = plain(leaf) if isinstance(leaf, str) else json.dumps(leaf)
        shown = any(column and (text in column or " ".join(text.split()) in column) for column in columns)
        number = isinstance(leaf, int | float) and (str(int(leaf)) in columns or f"{leaf}" in (record.notes or ""))
        assert shown or number or json.dumps(leaf) in kept or record.timestamp != RECEIVED_TEXT, leaf
    assert decoded(body).records[0].fingerprint == record.fingerprint

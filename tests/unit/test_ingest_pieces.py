"""One message may hold several logs, or plain text, in encodings that sites have."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.ingest import pieces
from support.decoding import RECEIVED_TEXT, context_of, decoded, one

A, B, C = b'{"msg":"belt torn"}', b'{"msg":"oil low","level":"warn"}', b'{"msg":"fan stuck"}'
TEXTS = ["belt torn", "oil low", "fan stuck"]


@pytest.mark.parametrize(
    "data",
    [
        b"[" + b",".join((A, B, C)) + b"]",
        b"\n".join((A, B, C)),
        b"\r\n".join((A, B, C)) + b"\r\n\r\n",
        b"".join((A, B, C)),
        b", ".join((A, B, C)),
        b"".join(b"\x1e" + one + b"\n" for one in (A, B, C)),
        b"[[1767225600.5," + A + b"],[1767225601," + B + b"],[1767225602," + C + b"]]",
        b"[[[1767225600.5,{}]," + A + b"],[[1767225601,{}]," + B + b"],[[1767225602,{}]," + C + b"]]",
        b'{"records":[' + b",".join((A, B, C)) + b"]}",
        ("[" + b",".join((A, B, C)).decode() + "]").encode("utf-16"),
        b"\n".join((A, B, C)).decode().encode("utf-16"),
    ],
)
def test_several_logs_in_a_message_are_several_records(data: bytes) -> None:
    """An array, one a line, one behind the other, Fluent Bit's records, a collector's batch: each log has its place."""
    found = decoded(data)
    assert [(record.message, record.part) for record in found.records] == list(zip(TEXTS, range(3), strict=True))
    assert not found.rejects
    assert [record.severity for record in found.records] == ["INFO", "WARNING", "INFO"]


def test_fluent_bits_time_and_metadata_belong_to_its_record() -> None:
    """Where the log names a time of its own, that counts."""
    record = one(b'[[1767225600.5,{"tenant":"t1"}],{"log":"belt torn","stream":"stderr"}]')
    assert (record.timestamp, record.message) == ("2026-01-01T00:00:00.500Z", "belt torn")
    assert context_of(record) == {"stream": "stderr", "metadata": {"tenant": "t1"}}
    assert one(b'[1767225600,{"log":"x y","time":"2026-01-02T00:00:00.000Z"}]').timestamp == "2026-01-02T00:00:00.000Z"


def test_a_part_that_is_no_log_is_rejected_with_its_place_while_the_others_are_stored() -> None:
    """Its bytes alone are kept."""
    found = decoded(b"[" + A + b', 5, "pump stopped", [1], ' + B + b"]")
    assert [(record.part, record.message) for record in found.records] == [
        (0, "belt torn"),
        (2, "pump stopped"),
        (4, "oil low"),
    ]
    assert [(reject.part, reject.data, reject.reason) for reject in found.rejects] == [
        (1, b"5", "is JSON but not an object"),
        (3, b"[1]", "is JSON but not an object"),
    ]


@pytest.mark.parametrize(
    ("data", "texts", "broken"),
    [
        (
            A + b'\n{"msg":"the end of it was cut o\n' + C,
            ["belt torn", "fan stuck"],
            b'{"msg":"the end of it was cut o',
        ),
        (A + b'\n{"msg":"a comma too many",}\n' + C, ["belt torn", "fan stuck"], b'{"msg":"a comma too many",}'),
        (
            b"[" + A + b',{"msg":"a comma too many",},' + C + b"]",
            ["belt torn", "fan stuck"],
            b'{"msg":"a comma too many",}',
        ),
        (
            b"[" + A + b",\n" + B + b',{"msg":"the end","list":[{"a":1},{"b"',
            TEXTS[:2],
            b'{"msg":"the end","list":[{"a":1},{"b"',
        ),
        (b"[" + A + b"," + B, TEXTS[:2], None),
    ],
)
def test_what_is_broken_among_logs_is_rejected_and_the_others_are_stored(
    data: bytes, texts: list[str], broken: bytes | None
) -> None:
    """In rows and in arrays, also where the array itself was cut off or holds arrays."""
    found = decoded(data)
    assert [record.message for record in found.records] == texts
    assert [reject.data for reject in found.rejects] == ([] if broken is None else [broken])
    places = [one.part for one in (*found.records, *found.rejects)]
    assert sorted(places) == list(range(len(places)))


def test_arrays_of_logs_in_an_array_are_taken_apart() -> None:
    """Values are not."""
    found = decoded(b"[[" + A + b"],[" + B + b",[" + C + b"]],[1,2]]")
    assert [(record.message, record.part) for record in found.records] == list(zip(TEXTS, range(3), strict=True))
    assert [(reject.data, reject.part) for reject in found.rejects] == [(b"[1,2]", 3)]


@pytest.mark.parametrize(
    "batch",
    [
        {"records": [{"msg": "belt torn", "level": "error"}], "app": "gw"},
        {"entries": [{"jsonPayload": {"message": "belt torn"}, "severity": "ERROR"}], "app": "gw"},
        {"logs": [{"message": "belt torn", "level": "error"}], "app": "gw"},
        {"Messages": [{"Payload": {"Message": {"Text": "belt torn"}, "Severity": 700}}], "app": "gw"},
        {"streams": [{"stream": {"app": "gw", "level": "error"}, "values": [["1767225600000000000", "belt torn"]]}]},
        {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "belt torn"}, "severityText": "E"}]}],
                           "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "gw"}}]}}]},
    ],
)  # fmt: skip
def test_a_batch_of_one_log_is_that_log(batch: dict[str, Any]) -> None:
    """It is no other kind of message than one of two."""
    record = one(batch)
    assert (record.message, record.severity, record.service) == ("belt torn", "ERROR", "gw")
    assert one({"events": [{"id": 1}, {"id": 2}], "machine": "M3"}).context


@pytest.mark.parametrize("data", [b"[]", b"[1, 2]", b"[[1], [2]]", b" [ ] "])
def test_an_array_without_a_log_is_one_reject(data: bytes) -> None:
    """However many values it has."""
    found = decoded(data)
    assert (found.records, [reject.data for reject in found.rejects]) == ([], [data])


@pytest.mark.parametrize("joint", [b",", b"\n"])
def test_what_is_beyond_the_bound_can_be_published_again(monkeypatch: pytest.MonkeyPatch, joint: bytes) -> None:
    """The first logs are stored, the rest is one reject: an array of them."""
    monkeypatch.setattr(pieces, "MOST", 2)
    data = joint.join((A, B, C, A, b'{"msg":"c'))
    found = decoded(b"[" + data.rpartition(joint)[0] + b"]" if joint == b"," else data)
    assert [record.message for record in found.records] == TEXTS[:2]
    assert [(reject.part, "more than" in reject.reason) for reject in found.rejects] == [(2, True)]
    again = decoded(found.rejects[0].data)
    assert again.records[0].message == "fan stuck"
    assert all(isinstance(value, dict | str) for value in json.loads(found.rejects[0].data))


def test_who_waits_waits_for_the_first_log() -> None:
    """The header of a message belongs to one log only."""
    found = decoded(b"[1," + A + b"," + B + b"]", headers={"Reply-To": "plant.answers.1"})
    assert [record.reply_to for record in found.records] == ["plant.answers.1", None]


def test_collectors_batches_keep_what_stands_around_their_logs() -> None:
    """OTLP's resource names host and program of each of its records; a batch without texts is one log."""
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "gw"}}]}
    logs = [{"body": {"stringValue": text}, "severityText": "ERROR"} for text in TEXTS]
    batch = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": {"name": "lib"}, "logRecords": logs}]}]}
    found = decoded(batch).records
    assert [(record.message, record.service, record.severity) for record in found] == [
        (t, "gw", "ERROR") for t in TEXTS
    ]
    assert len(decoded({"message": "x", "records": [{"msg": "a"}, {"msg": "b"}]}).records) == 1
    assert len(decoded({"records": [1, 2]}).records) == 1


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"pump stopped", "pump stopped"),
        ("Öldruck zu niedrig".encode(), "Öldruck zu niedrig"),
        ("油压过低".encode(), "油压过低"),
        (b'"pump \\u0073topped"', "pump stopped"),
        (b"42", "42"),
        (b"true", "true"),
        (b'{"message":"cut o', '{"message":"cut o'),
        (b"[main] pump stopped", "[main] pump stopped"),
        (b"{pump} stopped", "{pump} stopped"),
        (b"\xef\xbb\xbfpump stopped\r\n", "pump stopped"),
        (b"pump stopped\0\0\0", "pump stopped"),
        (b"\x1b[31mpump stopped\x1b[0m", "pump stopped"),
    ],
)
def test_plain_text_is_a_log(data: bytes, text: str) -> None:
    """Its text is the message, and everything else is missing."""
    record = one(data)
    assert (record.message, record.hostname, record.service) == (text, "unknown", "unknown")
    assert (record.severity, record.context, record.timestamp) == ("INFO", None, RECEIVED_TEXT)
    assert "kept as text" in (record.notes or "")


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("<27>1 2026-01-15T02:14:23Z gw3 reader 77 - - pump stopped", "ERROR"),
        ("<12>Jan 15 02:14:23 gw3 reader[77]: pump stopped", "WARNING"),
        ("<999>pump stopped", "INFO"),
        ("2026-01-15 02:14:23,123 ERROR [main] org.plc.Link: pump stopped", "ERROR"),
        ("2026-01-15T02:14:23Z [warn] pump stopped", "WARNING"),
        ("E0115 02:14:23.926584    1234 plc.go:33] pump stopped", "ERROR"),
        ('time="2026-01-15T02:14:23Z" level=error msg="pump stopped"', "ERROR"),
        ("level=warning pump stopped", "WARNING"),
        ("ERROR:root:pump stopped", "ERROR"),
        ("[FATAL] pump stopped", "CRITICAL"),
        ("Warning: pump stopped", "WARNING"),
        ("[2026-01-15T02:14:23Z ERROR plc::reader] pump stopped", "ERROR"),
        ("[02:14:23 WRN] pump slow", "WARNING"),
        ("2:14PM FTL pump stopped", "CRITICAL"),
        ("[2026-01-15 02:14:23] plant.ERROR: pump stopped", "ERROR"),
        ("15.01.2026;02:14:23;Störung;815;Pumpe steht", "ERROR"),
        ("ERRO[0044] pump stopped", "ERROR"),
        ("fail: Plant.Reader[7]\n      pump stopped", "ERROR"),
        ("E, [2026-01-15T02:14:23.5 #7] ERROR -- : pump stopped", "ERROR"),
        ("=ERROR REPORT==== 15-Jan-2026::02:14:23 ===", "ERROR"),
        ("Jan 15 02:14:23 gw3 reader[77]: ERROR: pump stopped", "ERROR"),
        ("FEHLER: Pumpe steht", "ERROR"),
        ("[错误] 泵停止", "ERROR"),
        ("警告：油压过低", "WARNING"),
        ('{"message":"pump stopped","severity":"ERROR", and then it was cut', "ERROR"),
        ("<alarm><severity>ERROR</severity><text>pump stopped</text></alarm>", "ERROR"),
        ("KeyError: 4\n\tat plant.Pump.run(Pump.java:7)", "ERROR"),
        ("Alarm 815 quittiert", "INFO"),
        ("3 ERROR lines since 02:14", "INFO"),
        ("Error budget is fine", "INFO"),
        ("the pump reported an ERROR", "INFO"),
    ],
)
def test_the_head_of_a_plain_text_names_its_level(line: str, severity: str) -> None:
    """A syslog priority, the level in a header, one that the text starts with; not a word of a sentence."""
    assert one(line.encode()).severity == severity


@pytest.mark.parametrize(
    "data", [b"\x00\x01\x02", b"pump\x00stopped", b"\x93\xa4pump", b"=-=-=-=-=", b"\x08\x01\x12\x04\x7f\x7f"]
)
def test_binary_data_is_no_text(data: bytes) -> None:
    """It is kept as a reject."""
    found = decoded(data)
    assert (found.records, [reject.data for reject in found.rejects]) == ([], [data])


def test_a_json_object_in_a_json_text_is_read() -> None:
    """Producers that encode twice."""
    assert one(json.dumps(B.decode()).encode()).severity == "WARNING"
    assert one(A + b"\0\0").notes is None


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Öldruck zu niedrig"),
        ("gbk", "油压过低，表\\"),
        ("shift_jis", "油圧低下ソー表"),
        ("cp1251", "низкое давление"),
    ],
)
def test_the_sites_encoding_is_tried_where_bytes_are_no_utf8(encoding: str, text: str) -> None:
    """In objects, arrays, lines and plain text; the bytes are kept as they came, and the row says how it was read."""
    body = json.dumps({"message": text, "host": "h"}, ensure_ascii=False).encode(encoding)
    note = f"not UTF-8, read as {encoding}"
    for data, raws in ((body, [body]), (b"[" + body + b"," + A + b"]", [body, None]), (body + b"\n" + A, [body, None])):
        found = decoded(data, encoding)
        assert [record.raw for record in found.records] == raws
        assert (found.records[0].message, found.records[0].notes) == (text, note)
    plain = one(text.encode(encoding), encoding)
    assert (plain.message, plain.raw) == (text, text.encode(encoding))


def test_bytes_that_fit_no_encoding_are_replaced_and_kept() -> None:
    """The site's encoding is no guess: what it cannot be is marked."""
    body = b'{"message":"caf\x81\xe9"}'
    record = one(body, "cp1252")
    assert (record.message, record.raw) == ("caf\ufffd\ufffd", body)
    assert record.notes == "bytes that are not UTF-8 replaced"
    found = decoded(body + A + b"[", "cp1252")
    assert [record.raw for record in found.records] == [body, None]
    assert one('{"message":"Öl"}'.encode(), "cp1252").raw is None


def test_a_context_of_any_size_is_read_for_codes() -> None:
    """The problem is told by its code, however much comes with it."""
    bodies: list[dict[str, Any]] = [
        {"message": "Machine fault", "context": {"trend": ["x"] * 40_000, "alarm_code": code, "machine": "M1"}}
        for code in (5, 6)
    ]
    records = [one(body) for body in bodies]
    assert records[0].fingerprint != records[1].fingerprint
    assert records[0].machine == "M1"


parts = st.sampled_from(
    [A, B, C, b"5", b"null", b'{"msg":', b"[", b"]", b",", b"\n", b'"', b"{", b"}", b"\xe9", b"text ", b"[1767225600,"]
)


@given(st.lists(parts, max_size=10), st.sampled_from(["utf-8", "cp1252", "gbk", "utf-16"]))
def test_no_mixture_of_parts_makes_decoding_fail(mixture: list[bytes], encoding: str) -> None:
    """Each becomes a record or a reject, and no two have one place."""
    found = decoded(b"".join(mixture), encoding)
    places = [record.part for record in found.records] + [reject.part for reject in found.rejects]
    assert sorted(places) == list(range(len(places)))
    assert places

"""Everything that comes over HTTP, at one running service that demands tokens: what is answered, and what is stored."""

from __future__ import annotations

import base64
import contextlib
import gzip
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.otlp_requests import NOW, as_json, record, request
from support.patience import PATIENCE
from support.ports import free_ports
from support.service import Andon, running

ADMIN = "hush"
PROTOBUF, JSON = "application/x-protobuf", "application/json"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class House(NamedTuple):
    andon: Andon
    otlp_port: int
    token: str

    def ask(
        self,
        path: str,
        body: Any = None,
        kind: str = JSON,
        *,
        method: str = "POST",
        port: int = 0,
        token: str | None = "",
        **headers: str,
    ) -> Answer:
        """Put a request; ``token`` "" is the producer's, None for none."""
        given = {"Content-Type": kind} if kind else {}
        if token is not None:
            given["Authorization"] = f"Bearer {token or self.token}"
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", port or self.andon.http_port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def stored(self, count: int, where: str) -> list[Any]:
        """The rows, once there are ``count``."""
        query = f"SELECT message, hostname, severity, service, context FROM logs WHERE {where} ORDER BY id"
        return self.andon.until(lambda: rows if len(rows := self.andon.sql(query)) >= count else [], where)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    (port,) = free_ports(1)
    place = tmp_path_factory.mktemp("intake")
    with running(place, ANDON_HTTP_TOKEN=ADMIN, ANDON_OTLP_PORT=str(port)) as andon:
        made = andon.cli("token", "add", "line3", "--role", "producer", "--json")
        assert made.returncode == 0, made.stderr
        yield House(andon, port, json.loads(made.stdout)["token"])


def test_a_producer_sends_and_does_nothing_else(house: House) -> None:
    """Whatever way the token comes; who only looks sends nothing."""
    log = json.dumps({"msg": "from a producer"})
    basic = base64.b64encode(f"any:{house.token}".encode()).decode()
    assert house.ask("/api/logs", log).status == 200
    assert house.ask("/api/logs", log, token=None, Authorization=f"Basic {basic}").status == 200
    assert house.ask("/api/logs", log, token=ADMIN).status == 200
    house.stored(3, "message = 'from a producer'")
    assert house.ask("/api/logs", log, token=None).status == 401
    assert house.ask("/api/logs", log, token="andon_wrong").status == 401
    for path in ("/api/logs", "/api/system", "/metrics", "/openapi.json"):
        refused = house.ask(path, method="GET", kind="")
        assert (refused.status, "send logs" in refused.json["detail"]) == (403, True), path
    assert house.ask("/api/notes", '{"text": "x"}').status == 403
    basic_read = house.ask("/api/system", method="GET", kind="", token=None, Authorization=f"Basic {basic}")
    assert basic_read.status == 401
    viewer = json.loads(house.andon.cli("token", "add", "wall", "--role", "viewer", "--json").stdout)["token"]
    refused = house.ask("/api/logs", log, token=viewer)
    assert (refused.status, "viewer" in refused.json["detail"]) == (403, True)
    elsewhere = house.ask("/api/logs", log, Origin="http://elsewhere.example")
    assert (elsewhere.status, "another origin" in elsewhere.json["detail"]) == (403, True)
    entries = house.ask("/api/audit", method="GET", kind="", token=ADMIN).json["items"]
    assert [one["action"] for one in entries if one["action"].startswith("token")] == ["token.add", "token.add"]
    assert len(entries) == 2


def test_posted_logs_are_answered_with_their_place_in_the_stream(house: House) -> None:
    """And stored under it; what is none is told."""
    body = json.dumps([{"msg": "posted 1", "level": "error"}, 17, {"msg": "posted 2"}])
    answer = house.ask("/api/logs?host=press-4&service=mes&place=north/press/l2/p4", body)
    receipt = answer.json
    assert (answer.status, receipt["taken"], receipt["refused_count"]) == (207, 2, 1)
    assert receipt["refused"][0]["index"] == 1
    rows = house.andon.until(
        lambda: (
            rows
            if len(
                rows := house.andon.sql(
                    "SELECT seq, hostname, service, machine FROM logs WHERE message LIKE 'posted %' ORDER BY id"
                )
            )
            == 2
            else []
        ),
        "posted logs",
    )
    assert [row[0] for row in rows] == receipt["sequences"] == [receipt["first"], receipt["last"]]
    assert {row[1:] for row in rows} == {("press-4", "mes", "p4")}
    text = house.ask(
        "/api/logs", gzip.compress(b"ERROR text 1\ntext 2\n"), "text/plain; charset=utf-8", Content_Encoding="gzip"
    )
    assert (text.status, text.json["taken"]) == (200, 2)
    assert [row[2] for row in house.stored(2, "message LIKE '%text _'")] == ["ERROR", "INFO"]
    for _ in range(2):  # sent again by a program that heard no answer
        house.ask("/api/logs", '[{"msg":"keyed"},{"msg":"keyed"}]', Idempotency_Key="42")
    house.ask("/api/logs", '{"msg":"keyed, the last"}')
    house.stored(1, "message = 'keyed, the last'")
    assert len(house.stored(2, "message = 'keyed'")) == 2


def test_otlp_in_protobuf_and_json(house: House) -> None:
    """On both ports; a request that comes again is stored once, equal records of one request each count."""
    made = request([record("otlp twice", severity_number=17)] * 2 + [record("otlp once")], {"host.name": "gw"})
    packed = gzip.compress(made.SerializeToString())
    for port in (house.otlp_port, house.andon.http_port):
        answer = house.ask("/v1/logs", packed, PROTOBUF, port=port, Content_Encoding="gzip")
        assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"", PROTOBUF)
    sent = json.dumps(as_json(request([record("otlp json", NOW + 1)]))).encode()
    for _ in range(2):
        answer = house.ask("/v1/logs", iter([sent[:40], sent[40:]]), port=house.otlp_port)  # chunked, as JS sends it
        assert (answer.status, answer.json) == (200, {})
    broken = as_json(request([record("otlp good")]))
    broken["resourceLogs"][0]["scopeLogs"][0]["logRecords"].append({"timeUnixNano": "soon"})
    partial = house.ask("/v1/logs", json.dumps(broken)).json["partialSuccess"]
    assert (partial["rejectedLogRecords"], "timeUnixNano" in partial["errorMessage"]) == ("1", True)
    house.stored(1, "message = 'otlp good'")
    texts = [row[0] for row in house.stored(5, "message LIKE 'otlp %'")]
    assert sorted(texts) == ["otlp good", "otlp json", "otlp once", "otlp twice", "otlp twice"]


def test_otlp_says_what_is_wrong_in_its_own_words(house: House) -> None:
    """A Status in the encoding of the request."""
    wrong = house.ask("/v1/logs", b"garbage", PROTOBUF)
    assert (wrong.status, wrong.body[:2], wrong.headers["content-type"]) == (400, b"\x08\x03", PROTOBUF)
    told = house.ask("/v1/logs", b"{garbage", JSON)
    assert (told.status, told.json["code"], "not JSON" in told.json["message"]) == (400, 3, True)
    assert house.ask("/v1/logs", b"x", "text/html").status == 415
    assert house.ask("/v1/logs", b"x", PROTOBUF, Content_Encoding="br").status == 415
    for port in (house.andon.http_port, house.otlp_port):
        nobody = house.ask("/v1/logs", b"", PROTOBUF, port=port, token=None)
        assert (nobody.status, nobody.body[:2]) == (401, b"\x08\x10")
    get = house.ask("/v1/logs", method="GET", kind="", port=house.otlp_port, token=ADMIN)
    assert (get.status, get.headers["allow"]) == (405, "POST")
    assert house.ask("/v1/traces", b"", PROTOBUF, port=house.otlp_port, token=ADMIN).status == 404
    assert house.ask("/v1/logs", b"", PROTOBUF, port=house.otlp_port).status == 200  # an empty request is one
    assert house.ask("/v1/logs", b"", PROTOBUF, port=house.otlp_port, Origin="http://elsewhere.example").status == 403


def test_splunk(house: House) -> None:
    """Its scheme, its answers and its codes."""
    splunk = {"Authorization": f"Splunk {house.token}"}
    body = '{"event":"hec 1","host":"h9"}{"event":{"message":"hec 2","level":"error"}}'
    good = house.ask("/services/collector/event", body, token=None, **splunk)
    assert (good.status, good.json) == (200, {"text": "Success", "code": 0})
    raw = house.ask("/services/collector/raw?host=h8", "hec 3\nhec 4", "", token=None, **splunk)
    assert raw.json["code"] == 0
    assert len(house.stored(4, "message LIKE 'hec _'")) == 4
    wrong = house.ask("/services/collector", '{"event":"hec 5"}{"time":1}', token=None, **splunk)
    assert (wrong.status, wrong.json) == (
        400,
        {"text": "Event field is required", "code": 12, "invalid-event-number": 1},
    )
    assert house.ask("/services/collector", "{}", token=None).json == {"text": "Token is required", "code": 2}
    denied = house.ask("/services/collector", "{}", token=None, Authorization="Splunk no")
    assert denied.json == {"text": "Invalid token", "code": 4}
    assert house.ask("/services/collector", "").json == {"text": "No data", "code": 5}
    health = house.ask("/services/collector/health", method="GET", kind="", token=None)
    assert (health.status, health.json["code"]) == (200, 17)


def test_an_alert_is_an_alarm_until_it_is_resolved(house: House) -> None:
    """Two alerts of one name are two alarms; the one that is over clears, the other stands."""

    def alert(status: str, instance: str) -> dict[str, Any]:
        return {
            "status": status,
            "labels": {"alertname": "OilTooHot", "instance": instance, "severity": "critical"},
            "annotations": {"summary": f"oil of {instance} is too hot"},
            "startsAt": "2026-03-01T22:00:00Z",
            "endsAt": "2026-03-01T22:05:00Z" if status == "resolved" else "0001-01-01T00:00:00Z",
            "fingerprint": instance,
        }

    def active() -> list[str]:
        found = house.ask("/api/alarms?list=active", method="GET", kind="", token=ADMIN).json["items"]
        return sorted(one["hostname"] for one in found if one["code"] == "OilTooHot")

    firing = {"version": "4", "alerts": [alert("firing", "press-4:9100"), alert("firing", "press-5:9100")]}
    for _ in range(2):  # as it repeats itself
        answer = house.ask("/api/webhooks/alertmanager", json.dumps(firing))
        assert (answer.status, answer.json["taken"]) == (200, 2)
    house.andon.until(lambda: active() == ["press-4", "press-5"], "two active alarms")
    over = {"version": "1", "orgId": 1, "state": "ok", "alerts": [alert("resolved", "press-4:9100")]}
    assert house.ask("/api/webhooks/grafana", json.dumps(over)).status == 200
    house.andon.until(lambda: active() == ["press-5"], "one alarm cleared")
    assert house.ask("/api/webhooks/grafana", "{}").status == 400


def test_bodies_without_end_and_bombs(house: House) -> None:
    """They are refused when they are too long, not when they have been read; everything else is answered meanwhile."""
    head = (
        f"POST /api/logs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {house.token}\r\nContent-Type: {JSON}\r\n"
    )
    with socket.create_connection(("127.0.0.1", house.andon.http_port), timeout=30) as lying:
        lying.sendall(f"{head}Content-Length: 1000000000\r\n\r\n".encode())
        assert lying.recv(100).startswith(b"HTTP/1.1 413")
    with socket.create_connection(("127.0.0.1", house.andon.http_port), timeout=30) as short:
        short.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())  # and nothing more
        assert house.ask("/healthz", method="GET", kind="").status == 200
    bomb = gzip.compress(bytes(60_000_000))
    for path, kind in (("/api/logs", JSON), ("/v1/logs", PROTOBUF), ("/services/collector", JSON)):
        assert house.ask(path, bomb, kind, Content_Encoding="gzip").status == 413, path
    chunks = (b" " * 1_000_000 for _ in range(40))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # cut off while it goes on sending
        assert house.ask("/v1/logs", chunks, JSON).status == 413
    assert house.ask("/v1/logs", b"[" * 1_000_000, JSON).status == 400
    assert house.ask("/api/logs", b"[" * 1_000_000, JSON).status == 400
    seen = {one["name"]: one for one in house.ask("/api/inputs", method="GET", kind="", token=ADMIN).json["items"]}
    assert {"http", "otlp", "splunk hec"} <= seen.keys()
    assert seen["http"]["refused"]["too long"] >= 2
    assert house.ask("/api/logs", "{}", token=None).status == 401
    again = {one["name"]: one for one in house.ask("/api/inputs", method="GET", kind="", token=ADMIN).json["items"]}
    assert again["http"]["refused"]["no token"] >= 1
    examined = house.andon.cli_as({"ANDON_HTTP_TOKEN": ""}, "doctor", "--json").stdout
    found = {one["name"]: one for one in json.loads(examined) if one["name"] == "otlp"}
    assert found["otlp"]["ok"] is True, found
    assert "from programs with a token" in found["otlp"]["detail"]
    assert seen["otlp"]["address"] == f"http://127.0.0.1:{house.otlp_port}/v1/logs"


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    """On /readyz, with what to do; everything else runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running(tmp_path, start=False, ANDON_OTLP_PORT=str(port)) as andon:
            andon.start(ready=False)
            told = andon.until(lambda: body if "OTLP" in (body := andon.get("/readyz")[1]) else "", "a problem")
            assert f"port {port} for OTLP" in told
            assert "ANDON_OTLP_PORT" in told

"""Sends logs as OTLP's SDK for Python does: protobuf in batches of 512, from four programs at once.

``python -m bench.otlp_sender PORT COUNT`` makes the requests, writes a line, waits for one, and sends.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from bench.record_path import messages

#: What the SDKs send at once unless told otherwise.
BATCH = 512
PROGRAMS = 4
_NUMBERS = {"DEBUG": 5, "INFO": 9, "WARNING": 13, "ERROR": 17, "CRITICAL": 21}
_TEXTS = {"WARNING": "WARN", "CRITICAL": "FATAL"}


def requests(count: int) -> list[bytes]:
    """The logs of the record path's measurement as an SDK would send them."""
    logs = [json.loads(one) for one in messages(count, 1)]
    made = []
    for start in range(0, count, BATCH):
        request = ExportLogsServiceRequest()
        around = request.resource_logs.add()
        for name, value in (("service.name", "motion"), ("host.name", "line01-controller")):
            around.resource.attributes.add(key=name).value.string_value = value
        scope = around.scope_logs.add()
        scope.scope.name = "plc"
        for number, log in enumerate(logs[start : start + BATCH], start):
            record = scope.log_records.add()
            record.time_unix_nano = record.observed_time_unix_nano = time.time_ns() + number
            record.severity_number = _NUMBERS[log["severity"]]
            record.severity_text = _TEXTS.get(log["severity"], log["severity"])
            record.body.string_value = log["message"]
            for name, value in log["context"].items():
                one = record.attributes.add(key=name).value
                if isinstance(value, str):
                    one.string_value = value
                elif isinstance(value, int):
                    one.int_value = value
                else:
                    one.double_value = value
        made.append(request.SerializeToString())
    return made


def main() -> None:
    """Make, wait, send."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
    bodies = requests(count)
    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(PROGRAMS) as programs:
        list(programs.map(lambda number: send(port, bodies[number::PROGRAMS]), range(PROGRAMS)))


def send(port: int, bodies: list[bytes]) -> None:
    """What one program sends: a request after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for body in bodies:
        connection.request("POST", "/v1/logs", body, {"Content-Type": "application/x-protobuf"})
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 200, (answer.status, said)
    connection.close()


if __name__ == "__main__":
    main()

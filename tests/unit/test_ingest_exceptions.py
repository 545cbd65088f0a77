"""Exceptions in whatever form a logger writes them have the identity of the same log written as text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.ingest.exceptions import failure_of
from support.decoding import context_of, one

PYTHON = (
    'Traceback (most recent call last):\n  File "/srv/gw/poll.py", line 13, in poll\n    read()\n'
    '  File "/srv/gw/plc.py", line 8, in read\n    raise TimeoutError("no answer")\nTimeoutError: no answer'
)
JAVA = (
    "java.lang.IllegalStateException: no answer\n\tat plant.Plc.read(Plc.java:8)\n\tat plant.Poll.run(Poll.java:13)\n"
    "Caused by: java.net.SocketException: reset\n\tat plant.Wire.get(Wire.java:3)\n\t... 2 more"
)
NODE = "TypeError: no answer\n    at read (/srv/gw/plc.js:8:25)\n    at poll (/srv/gw/poll.js:13:9)"
DOTNET = "System.TimeoutException: no answer\r\n   at Plc.Client.Read(String h) in C:\\src\\Client.cs:line 8\r\n   at Plc.Job.Run()"
FRAMES = [
    {"filename": "/srv/gw/poll.py", "lineno": 13, "name": "poll"},
    {"filename": "/srv/gw/plc.py", "lineno": 8, "name": "read"},
]


@pytest.mark.parametrize(
    ("trace", "fields"),
    [
        (PYTHON, {"exception": PYTHON}),
        (PYTHON, {"exc_info": PYTHON}),
        (PYTHON, {"exc_text": PYTHON}),
        (PYTHON, {"exception": [{"exc_type": "TimeoutError", "exc_value": "no answer", "frames": FRAMES}]}),
        (PYTHON, {"error": {"kind": "TimeoutError", "message": "no answer", "stack": PYTHON}}),
        (PYTHON, {"attributes": {"exception.type": "TimeoutError", "exception.stacktrace": PYTHON}}),
        (PYTHON, {"Exception": PYTHON}),
        (JAVA, {"stack_trace": JAVA}),
        (JAVA, {"full_message": f"poll failed\n{JAVA}"}),
        (JAVA, {"error": {"type": "java.lang.IllegalStateException", "message": "no answer", "stack_trace": JAVA}}),
        (JAVA, {"error.type": "java.lang.IllegalStateException", "error.message": "no answer", "error.stack_trace": JAVA}),
        (JAVA, {"exception": {"exception_class": "java.lang.IllegalStateException", "stacktrace": JAVA}}),
        (NODE, {"err": {"type": "TypeError", "message": "no answer", "stack": NODE}}),
        (NODE, {"stack": NODE}),
        (NODE, {"errorType": "TypeError", "errorMessage": "no answer", "stackTrace": NODE.split("\n")}),
        (DOTNET, {"@x": DOTNET}),
        (DOTNET, {"exception": {"Type": "System.TimeoutException", "Message": "no answer", "StackTrace": DOTNET[36:]}}),
        (DOTNET, {"context": {"Exception": DOTNET}}),
    ],
)  # fmt: skip
def test_a_logs_exception_counts_as_if_it_stood_in_its_text(trace: str, fields: dict[str, Any]) -> None:
    """The message followed by the trace is one problem, however it is sent; the exception stays in the context."""
    record = one({"message": "poll failed", **fields})
    as_text = one({"message": f"poll failed\n{trace}", "severity": "ERROR"})
    assert record.template == as_text.template
    assert record.fingerprint == as_text.fingerprint
    assert record.severity == "ERROR"
    assert context_of(record) == fields.get("context", fields)


def test_a_text_that_holds_its_trace_already_gets_no_second_one() -> None:
    """winston glues the error's text on the message, and others the whole trace."""
    text = f"poll failed\n{NODE}"
    assert one({"message": text, "stack": NODE}).fingerprint == one({"message": text}).fingerprint
    assert one({"msg": "TypeError: no answer", "stack": NODE}).fingerprint == one({"message": NODE}).fingerprint


def test_other_exceptions_under_one_text_are_other_problems() -> None:
    """Unhandled error, a hundred times, with two reasons."""
    bodies: list[dict[str, Any]] = [
        {"msg": "unhandled", "err": {"type": "TypeError", "message": "no recipe"}},
        {"msg": "unhandled", "err": {"type": "RangeError", "message": "no recipe"}},
        {"msg": "unhandled", "err": {"code": "EPIPE"}},
        {"msg": "unhandled", "error": "socket closed"},
        {"msg": "unhandled", "error": {"message": "disk full"}},
        {"msg": "unhandled", "exception_class": "KeyError"},
        {"msg": "unhandled", "error": "torn", "stack": [{"func": "read", "line": "13", "source": "plc.go"}]},
        {"msg": "unhandled", "error": "torn", "stack": [{"func": "write", "line": "13", "source": "plc.go"}]},
        {"msg": "unhandled"},
    ]
    assert len({one(body).fingerprint for body in bodies}) == len(bodies)


@pytest.mark.parametrize(
    ("fields", "template"),
    [
        (
            {"error": "torn", "stacktrace": "main.read\n\t/srv/plc.go:8\nmain.(*Poller).run\n\t/srv/poll.go:13"},
            "failed: Error: torn | in main.read, main.*Poller.run",
        ),
        (
            {"exception": {"name": "Timeout::Error", "message": "late", "stack_trace": ["/srv/a.rb:3:in `read'", "/srv/a.rb:9:in 'block in run'"]}},
            "failed: Timeout::Error: late | in read, run",
        ),
        (
            {"exception": {"name": "Errno::EPIPE", "message": "late", "stack_trace": ["/srv/a.rb:3:in `read'"]}},
            "failed: Error: Errno::EPIPE: late | in read",
        ),
        (
            {"context": {"exception": {"class": "App\\LateException", "message": "late", "trace": ["/srv/Job.php:33", "/srv/run.php:3"]}}},
            "failed: App.LateException: late | in Job.php, run.php",
        ),
        (
            {"exception": "App\\LateException: late\n#0 /srv/Job.php(33): Job->read()\n#1 /srv/run.php(3): main()\n#2 {main}"},
            "failed: App.LateException: late | in Job->read, main",
        ),
        (
            {"thrown": {"name": "a.LateException", "message": "late", "extendedStackTrace": [{"class": "plant.Plc", "method": "read", "file": "Plc.java", "line": 8}]}},
            "failed: a.LateException: late | in plant.Plc.read",
        ),
        (
            {"exception": {"type": "LateError", "message": "late", "stack": "LateError: late\n    at read (a.js:3)", "cause": {"type": "WireError", "message": "torn"}}},
            "failed: LateError: late | caused by WireError: torn | in read",
        ),
        (
            {"exception": {"values": [{"type": "LateError", "value": "late", "stacktrace": {"frames": FRAMES}}]}},
            "failed: LateError: late | in plc.read, poll.poll",
        ),
        (
            {"exception": [{"exc_type": "LateError", "exc_value": "late", "frames": FRAMES}, {"exc_type": "WireError", "exc_value": "torn", "frames": FRAMES[:1]}]},
            "failed: LateError: late | caused by WireError: torn | in poll.poll",
        ),
    ],
)  # fmt: skip
def test_frames_are_read_in_the_forms_of_many_languages(fields: dict[str, Any], template: str) -> None:
    """Go, Ruby, PHP, Java, .NET and Python write them as text, as lists and as objects."""
    assert one({"message": "failed", **fields}).template.startswith(template)


def test_loguru_writes_its_trace_only_into_the_rendered_text() -> None:
    """Its object of the exception says ``traceback: true``."""
    marked = PYTHON.replace('  File "/srv/gw/poll.py"', '> File "/srv/gw/poll.py"')
    record = {"message": "poll failed", "level": {"name": "ERROR", "no": 40}, "name": "gw"}
    thrown = {"type": "TimeoutError", "value": "no answer", "traceback": True}
    body = {"text": f"2026-01-01 | ERROR | gw - poll failed\n{marked}\n", "record": {**record, "exception": thrown}}
    assert one(body).fingerprint == one({"message": f"poll failed\n{PYTHON}"}).fingerprint
    assert (one(body).message, one(body).service) == ("poll failed", "gw")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"err": {"type": "TypeError", "message": "no recipe"}}, "TypeError: no recipe"),
        ({"error": "read unit 7: late"}, "read unit 7: late"),
        ({"stack": NODE}, "TypeError: no answer"),
        ({"exception": PYTHON}, "TimeoutError: no answer"),
        ({"stack_trace": JAVA}, "java.lang.IllegalStateException: no answer"),
    ],
)
def test_without_a_text_the_exception_is_the_message(fields: dict[str, Any], message: str) -> None:
    """Its type and what it says, as its first line."""
    record = one({"level": "error", **fields})
    assert record.message == message
    assert context_of(record) == fields


@pytest.mark.parametrize(
    "fields",
    [
        {"error": None}, {"error": ""}, {"error": "none"}, {"error": 0}, {"error": False}, {"error": {}}, {"error": []},
        {"error": 0.5}, {"error": {"rate": 0.5}}, {"exception": "null"}, {"stack": "production"}, {"trace": "4bf92f3577b"},
        {"trace": {"id": "4bf92f3577b"}}, {"full_message": "a longer text"}, {"exc_info": True}, {"stack": "Stack (most recent call last):\n  File \"a.py\", line 3, in f"},
        {"error": "17"},
    ],
)  # fmt: skip
def test_what_is_no_exception_makes_no_error(fields: dict[str, Any]) -> None:
    """Counts, flags, deviations, ids of traces, the name of a deployment's stack."""
    assert one({"message": "x", **fields}).severity == "INFO"


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet="at F:\n\t(.)#0`'in", max_size=40)
inner = st.sampled_from(
    ["type", "message", "stack", "frames", "cause", "values", "exc_type", "exc_value", "lineno", "name", "code"]
)
trees = st.recursive(
    leaves, lambda part: st.lists(part, max_size=3) | st.dictionaries(inner, part, max_size=3), max_leaves=8
)


@given(
    st.dictionaries(
        st.sampled_from(["err", "error", "exception", "stack", "error.type", "record", "text", "thrown"]), trees
    )
)
def test_no_value_makes_reading_exceptions_fail(context: dict[str, Any]) -> None:
    """Whatever its form, it is an exception with a text, or none."""
    found = failure_of(context, "stack")
    assert found is None or isinstance(found.trace, str)

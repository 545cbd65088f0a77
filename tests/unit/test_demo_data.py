"""The bundled bad shift is valid, varied and mostly explained by rules."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from andon.app import demo
from andon.core.models import Severity
from andon.explain.playbook import Playbook
from support.playbook_cases import a_log

LOGS: list[dict[str, Any]] = [json.loads(line) for line in demo.load()]


def test_every_log_has_the_message_format_of_the_reference() -> None:
    for log in LOGS:
        assert list(log) == ["timestamp", "hostname", "severity", "service", "message", "context"]
        assert log["severity"] in set(Severity)
        assert all(isinstance(log[key], str) and log[key] for key in ("hostname", "service", "message"))
        assert {"site", "area"} <= log["context"].keys()


def test_the_shift_is_one_night_in_order() -> None:
    times = [datetime.fromisoformat(log["timestamp"]) for log in LOGS]
    assert times == sorted(times)
    assert timedelta(hours=7) < times[-1] - times[0] < timedelta(hours=9)
    assert all(log["timestamp"].endswith("Z") for log in LOGS)


def test_the_shift_is_varied() -> None:
    severities = Counter(log["severity"] for log in LOGS)
    assert len(LOGS) >= 90
    assert len({(log["service"], log["hostname"]) for log in LOGS}) >= 25
    assert severities["INFO"] >= 3
    assert severities["CRITICAL"] >= 3
    assert severities["WARNING"] >= 10


def test_problems_repeat_with_other_numbers_and_hosts() -> None:
    def skeleton(message: str) -> str:
        return "".join(" " if char.isdigit() else char for char in message)

    repeated = Counter((log["service"], " ".join(skeleton(log["message"]).split())) for log in LOGS)
    assert sum(1 for count in repeated.values() if count > 1) >= 15


def test_at_least_four_of_five_logs_have_a_specific_rule() -> None:
    playbook = Playbook.load()
    matched = sum(
        playbook.match(a_log(log["message"], log["service"], host=log["hostname"], context=json.dumps(log["context"])))
        is not None
        for log in LOGS
    )
    assert matched / len(LOGS) >= 0.8

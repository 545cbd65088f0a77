"""A wind turbine's status log, published to a running service: the figures that are known for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.alarm_logs import KELMARSH, turbine_logs
from support.service import running, until

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not KELMARSH.exists(), reason="the turbine's status log is not on this machine"),
]


def test_the_figures_of_a_turbine(tmp_path: Path) -> None:
    """37 alarms, 10 in the worst ten minutes, 5720 chatters and is 32 %, 13 stale, 10 stops of 43.1 h."""
    with running(tmp_path) as andon:

        def command(*arguments: str) -> Any:
            done = andon.cli(*arguments, "--json")
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)

        logs = turbine_logs()
        andon.publish(*logs)
        until(lambda: andon.count() == len(logs), "the logs")
        window = ("--since", "2016-01-01", "--until", "2016-05-01")
        until(lambda: command("alarms", *window)["figures"]["alarms"] == 37, "the indexer")
        figures = command("alarms", *window)["figures"]
        assert figures["rates"]["peak"] == 10
        assert figures["floods"] == []
        assert figures["provisional"] is False
        assert [one["source"] for one in figures["chattering"]] == ["kelmarsh-1: 5720 Brake accumulator defect"]
        assert figures["stale"] == 13
        assert figures["top"][0]["source"] == "kelmarsh-1: 5720 Brake accumulator defect"
        assert round(100 * figures["top"][0]["share"]) == 32
        assert figures["stops"]["count"] == 10
        assert round(figures["stops"]["mean_seconds"] / 3600, 1) == 43.1
        assert {one["code"] for one in command("alarms", "--active")} == {"5100", "1920"}

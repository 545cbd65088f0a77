"""Example files of other programs: whole, and as safe as the docs say."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from andon.core.models import SUBJECT

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_flow_of_node_red_is_whole() -> None:
    """Every wire leads to a node of the same tab, every tab ends at Andon, and nothing that failed is dropped."""
    nodes = {node["id"]: node for node in json.loads((EXAMPLES / "node-red" / "plc-alarms.json").read_text())}
    tabs = [name for name, node in nodes.items() if node["type"] == "tab"]
    assert tabs == ["modbus", "s7"]
    for node in nodes.values():
        for target in (target for output in node.get("wires", []) for target in output):
            assert nodes[target]["z"] == node["z"]
    for tab in tabs:
        sent = nodes[f"{tab}-send"]
        assert (sent["method"], sent["url"]) == ("POST", "${ANDON_LOGS}"), "Node-RED replaces a whole value only"
        assert nodes[f"{tab}-taken"]["wires"] == [[], [f"{tab}-again"]]
        assert "'Idempotency-Key': msg.key" in nodes[f"{tab}-again"]["func"]


def test_telegraf_does_not_replace_the_stream() -> None:
    settings = tomllib.loads((EXAMPLES / "telegraf" / "modbus-alarms.conf").read_text())
    (output,) = settings["outputs"]["nats"]
    assert output["jetstream"] == {"name": "AGENT_STREAM", "disable_stream_creation": True}
    assert output["subject"].startswith(SUBJECT + ".")

"""What Andon sends to Splunk's event collector, received by a program of others that speaks its protocol."""

from __future__ import annotations

import asyncio
import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from andon.act.connectors.connected import build_connector
from andon.core.models.actions import Event, Order, Section
from support.ports import free_ports
from support.service import listening, until
from support.settings import settings_of

pytestmark = pytest.mark.producers
#: VictoriaLogs takes events at the addresses of Splunk's event collector. Its module, and the version that is built.
MODULE, VERSION = "github.com/VictoriaMetrics/VictoriaLogs", "v1.52.1"
KEY = "00112233445566778899aabbccddee{:02x}"


@pytest.fixture(scope="session")
def victoria_logs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program, built of its own module. Takes a minute."""
    place = tmp_path_factory.mktemp("victoria-logs")
    program = f"{MODULE}/app/victoria-logs"
    for command in (
        ["go", "mod", "init", "trial"],
        ["go", "get", f"{program}@{VERSION}"],
        ["go", "build", "-o", "victoria-logs", program],
    ):
        subprocess.run(command, cwd=place, check=True, timeout=900, capture_output=True)
    return str(place / "victoria-logs")


@pytest.fixture
def receiver(victoria_logs: str, tmp_path: Path) -> Iterator[str]:
    """It at work; its address."""
    (port,) = free_ports(1)
    options = [f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={tmp_path / 'logs'}", "-retentionPeriod=100y"]
    with (tmp_path / "receiver.log").open("wb") as log:
        process = subprocess.Popen([victoria_logs, *options], stdout=log, stderr=log)
        try:
            until(lambda: listening(port), "the receiver")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def stored(address: str) -> list[dict[str, Any]]:
    """What it holds."""
    query = urllib.parse.urlencode({"query": "source:andon", "limit": "1000"})
    with urllib.request.urlopen(f"{address}/select/logsql/query?{query}", timeout=30) as answer:
        return [json.loads(line) for line in answer.read().splitlines()]


def test_every_event_arrives_with_its_fields(receiver: str) -> None:
    orders = [
        Order(
            KEY.format(number),
            Event(
                title=f"Spindle {number} overheats | stats count ä",
                body=(Section("What happened", ('"Ölfilm" {weg} [1]', "tail\\")),),
                severity="CRITICAL",
                about=f"problem-{number}",
                host=f"press-{number}",
                service="drive",
                at=1_796_047_200.25 + number,
            ),
        )
        for number in range(20)
    ]

    async def send() -> list[str]:
        settings = settings_of(splunk=[{"hec_url": receiver, "hec_token": "any"}])
        connector = build_connector(settings, settings.targets[0])
        try:
            return [(await connector.send(order, connector.render(order))).words for order in orders]
        finally:
            await connector.close()

    words = asyncio.run(send())
    until(lambda: len(stored(receiver)) == len(orders), "all events")
    found = {row["event.andon_key"]: row for row in stored(receiver)}
    print(f"VictoriaLogs {VERSION}: {len(found)} events;", words[0])
    for number, order in enumerate(orders):
        row = found[order.key]
        assert row["host"] == f"press-{number}"
        assert row["event.title"] == f"Spindle {number} overheats | stats count ä"
        assert row["event.text"] == 'What happened\n"Ölfilm" {weg} [1]\ntail\\'
        assert row["_time"].startswith(f"2026-11-30T14:00:{number:02d}.25")

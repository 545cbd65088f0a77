"""Trials with MQTT: Debian's mosquitto as broker and client, paho-mqtt, MQTT.js.

What Andon's client fetches from a broker with QoS 1 is stored at least once, whatever is killed. The embedded broker
acknowledges before its stream has a message: what it had acknowledged in the moment in which it is killed may be gone.

``MQTT_NODE`` may name a directory in which ``npm install mqtt`` was run; without it that trial is left out.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from trial import killed_twice, text_of

from support.ports import free_ports
from support.service import Andon, listening, until

pytestmark = [pytest.mark.producers, pytest.mark.timeout(600)]
needs_mosquitto = pytest.mark.skipif(shutil.which("mosquitto") is None, reason="needs Debian's mosquitto")
#: So many messages that were acknowledged may be lost with each of the two kills, on the embedded broker's port.
UNDER_WAY = 250
# It publishes again what the client gave up, as it does with all that was under way when a connection is lost.
_SENDER = """
const client = require('mqtt').connect(process.argv[2], {reconnectPeriod: 200, clientId: 'js-trial', clean: false});
const send = (text) => client.publish(process.argv[3], text, {qos: 1}, (error) => error && setTimeout(send, 500, text));
require('readline').createInterface({input: process.stdin}).on('line', send);
"""


class Mosquitto:
    """A broker of its own with persistence."""

    def __init__(self, place: Path) -> None:
        place.mkdir()
        (self.port,) = free_ports(1)
        self.config = place / "mosquitto.conf"
        who = "user root\n" if os.getuid() == 0 else ""
        self.config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {place}/\n"
            f"max_queued_messages 0\n{who}"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it listens."""
        self.process = subprocess.Popen(["mosquitto", "-c", str(self.config)], stderr=subprocess.DEVNULL)
        until(lambda: listening(self.port), "mosquitto")

    def stop(self) -> None:
        """SIGTERM: it saves what it holds."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running broker."""
    broker = Mosquitto(tmp_path / "mosquitto")
    broker.start()
    yield broker
    broker.stop()


@contextmanager
def paho_sender(port: int, topic: str) -> Iterator[Callable[[range], None]]:
    """Sends with QoS 1, and again what was not acknowledged when the connection comes back."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="paho-trial", clean_session=False)
    client.reconnect_delay_set(1, 1)
    client.max_queued_messages_set(0)
    client.connect("127.0.0.1", port)
    client.loop_start()
    sent: list[int] = []
    acknowledged: list[int] = []
    client.on_publish = lambda *told: acknowledged.append(told[2])
    try:
        yield lambda numbers: sent.extend(client.publish(topic, text_of(number), 1).mid for number in numbers)
        until(lambda: len(acknowledged) >= len(sent), "the acknowledgements")
    finally:
        client.disconnect()
        client.loop_stop()


def client_settings(place: Path, port: int) -> dict[str, str]:
    """Andon as a client of a broker."""
    config = place / "mqtt.toml"
    config.write_text(f'[[mqtt]]\nurl = "mqtt://127.0.0.1:{port}"\ntopics = ["plant/#"]\n')
    return {"ANDON_CONFIG": str(config)}


def subscribed(andon: Andon) -> None:
    """Wait until the broker has our session: what is sent before is nobody's."""

    def settled() -> bool:
        rows = json.loads(andon.get("/api/inputs")[1] or "[]")
        rows = rows if isinstance(rows, list) else next(iter(rows.values()))
        return any(row["name"].startswith("mqtt ") and row["trouble"] is None for row in rows)

    andon.until(settled, "the client")


def test_paho_to_the_brokers_port(service: Callable[..., Andon]) -> None:
    """It sends again what was not acknowledged; only what was under way in a kill may be lost, or stored twice."""
    (port,) = free_ports(1)
    andon = service(ANDON_MQTT_PORT=str(port))
    with paho_sender(port, "agent/technical/support/n/a/l/m") as send:
        outcome = killed_twice(andon, send)
    assert outcome.stored >= outcome.sent - 2 * UNDER_WAY


def test_mqtt_js_to_the_brokers_port(service: Callable[..., Andon], tmp_path: Path) -> None:
    """The same with the client of Node."""
    if not (modules := os.environ.get("MQTT_NODE")):
        pytest.skip("MQTT_NODE names no directory with MQTT.js")
    (port,) = free_ports(1)
    andon = service(ANDON_MQTT_PORT=str(port))
    script = tmp_path / "sender.js"
    script.write_text(_SENDER)
    command = ["node", str(script), f"mqtt://127.0.0.1:{port}", "agent/technical/support/n/a/l/m"]
    environment = {**os.environ, "NODE_PATH": f"{modules}/node_modules"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as sender:

        def send(numbers: range) -> None:
            assert sender.stdin is not None
            sender.stdin.write("".join(f"{text_of(number)}\n" for number in numbers).encode())
            sender.stdin.flush()

        outcome = killed_twice(andon, send)
        sender.kill()
    assert outcome.stored >= outcome.sent - 2 * UNDER_WAY


@needs_mosquitto
@pytest.mark.parametrize("client", ["paho", "mosquitto_pub"])
def test_the_client_of_mosquitto(
    service: Callable[..., Andon], tmp_path: Path, mosquitto: Mosquitto, client: str
) -> None:
    """While Andon is away the broker keeps its session; what was not acknowledged comes again."""
    andon = service(**client_settings(tmp_path, mosquitto.port))
    subscribed(andon)
    if client == "paho":
        with paho_sender(mosquitto.port, "plant/press/l2/p4") as send:
            outcome = killed_twice(andon, send)
    else:

        def send(numbers: range) -> None:
            lines = "".join(f"{text_of(number)}\n" for number in numbers).encode()
            command = ["mosquitto_pub", "-p", str(mosquitto.port), "-t", "plant/press/l2/p4", "-q", "1", "-l"]
            subprocess.run(command, input=lines, check=True)

        outcome = killed_twice(andon, send)
    assert outcome.stored == outcome.sent


@needs_mosquitto
def test_a_mosquitto_that_is_restarted(service: Callable[..., Andon], tmp_path: Path, mosquitto: Mosquitto) -> None:
    """With persistence: its queue and our session are there again, also while Andon is away."""
    andon = service(**client_settings(tmp_path, mosquitto.port))
    subscribed(andon)
    with paho_sender(mosquitto.port, "plant/press/l2/p4") as sending:

        def send(numbers: range) -> None:
            sending(numbers)
            if numbers.start in (1_000, 3_000, 9_000):  # while Andon is there, away, and there again
                mosquitto.stop()
                mosquitto.start()

        outcome = killed_twice(andon, send)
    assert outcome.stored == outcome.sent

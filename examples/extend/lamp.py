"""Say each new explanation of a CRITICAL problem: put your lamp, horn or display in place of `print`."""

import asyncio
import json
import os

import nats


async def main() -> None:
    broker = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"))
    async for message in (await broker.subscribe("agent.analysis.CRITICAL")).messages:
        told = json.loads(message.data)
        print(told["log"]["hostname"], told["analysis"].splitlines()[0], sep=": ", flush=True)


asyncio.run(main())

"""Memory over garbage: the service takes fuzzed messages from outside, and its resident memory is read as they come.

Each message is another kind of rubbish or a log with a context of up to 900 KB; what a sender could get wrong, and what
somebody who means harm could send. A memory that is bounded is flat once its caches are full: it is compared with what
it was after the first 5,000 messages.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from nats.aio.client import Client
from nats.errors import Error

from andon.bus.connection import connect
from andon.bus.publisher import JetStreamPublisher
from andon.core.errors import BrokerError
from andon.core.models import CONSUMER, STREAM, SUBJECT
from bench.rows import Row
from bench.service_figures import resident, start_service, stop_service

#: Bytes of the largest context.
CONTEXT_MAX = 900_000
#: Messages between two looks, and those after which memory is to be flat, within so much of what it was.
STEP, SETTLED, FLAT = 1_000, 5_000, 0.10
#: Messages on their way at once: a sender that waits for the broker.
_AT_ONCE = 50
_TRIES = 20


async def measure(*, quick: bool) -> list[Row]:
    """Print resident memory of the service every thousand messages, and how it grew after the first five thousand."""
    count = 8_000 if quick else 30_000
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        process, ports, _ = await asyncio.to_thread(start_service, Path(place), OLLAMA_HOST="http://127.0.0.1:9")
        try:
            figures = [(0, *resident(process.pid))]
            print(f"\ngarbage: {count:,} fuzzed messages, contexts of up to {CONTEXT_MAX // 1000} KB")
            async for sent in sending(f"nats://127.0.0.1:{ports[0]}", count):
                figures.append((sent, *resident(process.pid)))
                print(f"  {sent:>7,} messages {figures[-1][1]:>7.0f} MiB, broker {figures[-1][2]:.0f}", flush=True)
        finally:
            await asyncio.to_thread(stop_service, process)
    settled = next((memory for sent, memory, _ in figures if sent >= SETTLED), figures[-1][1])
    most = max(memory for sent, memory, _ in figures if sent >= min(SETTLED, count))
    grown = f"{most / settled - 1:+.0%} ({settled:.0f} to {most:.0f} MiB)"
    print(f"  most after the first {SETTLED:,}: {grown}, allowed {FLAT:.0%}")
    return [Row("garbage: memory", most, "MiB", f"after {SETTLED:,}", settled)]


async def sending(url: str, count: int) -> AsyncIterator[int]:
    """Publish ``count`` messages; yields how many are dealt with, each time that another thousand is."""
    connection = await connect(url, name="bench")
    publisher = JetStreamPublisher(connection)
    made = garbage(count, 7)
    try:
        for sent in range(STEP, count + 1, STEP):
            for _ in range(STEP // _AT_ONCE):
                await _sent_at_last(publisher, [next(made) for _ in range(_AT_ONCE)])
            await _handled(connection)
            yield sent
    finally:
        await publisher.close()
        await connection.close()


async def _sent_at_last(publisher: JetStreamPublisher, messages: list[bytes]) -> None:
    """Send once more what a broker on a busy machine did not take in time; some may come twice."""
    for _ in range(_TRIES):
        with contextlib.suppress(BrokerError):
            await publisher.store_many((SUBJECT, data, None, None) for data in messages)
            return
    raise RuntimeError("the broker takes nothing")


async def _handled(connection: Client) -> None:
    """Wait until the service has acknowledged all that the stream has for it."""
    jetstream = connection.jetstream()
    while True:
        try:
            told = await jetstream.consumer_info(STREAM, CONSUMER)
        except (TimeoutError, Error):  # a busy machine
            continue
        if not told.num_pending and not told.num_ack_pending:
            return
        await asyncio.sleep(0.2)


def garbage(count: int, seed: int) -> Iterator[bytes]:
    """Fuzzed messages; the same for the same seed."""
    dice = random.Random(seed)
    for _ in range(count):
        yield dice.choices(_KINDS, _OFTEN)[0](dice)


def _log(dice: random.Random) -> bytes:
    """A log as it should be, with words of its own."""
    return _sent(dice, {"value": dice.randrange(10_000), "serial": f"SN{dice.randrange(10**8)}"})


def _large(dice: random.Random) -> bytes:
    """A log with a context of any size."""
    return _sent(
        dice, {f"field{number}": text for number, text in enumerate(_texts(dice, dice.randrange(CONTEXT_MAX)))}
    )


def _deep(dice: random.Random) -> bytes:
    """A context that is nested, or wide."""
    value: object = dice.random()
    for level in range(dice.randrange(1, 60)):
        value = {f"k{level}{dice.randrange(10**6)}": [value] * dice.choice((1, 1, 1, 2) if level < 8 else (1,))}
    return _sent(
        dice, {"nested": value, **{f"wide{dice.randrange(10**9)}": number for number in range(dice.randrange(300))}}
    )


def _wrong(dice: random.Random) -> bytes:
    """JSON of a log with other types than it has, and values that nobody has."""
    odd = [None, True, -1, 1e308, [], {}, "", "\x00", "x" * dice.randrange(5_000), [1, {"a": None}], "2025-13-45T99:99"]
    names = ["timestamp", "hostname", "severity", "service", "message", "context", _word(dice)]
    return json.dumps({name: dice.choice(odd) for name in names}).encode()


def _bytes(dice: random.Random) -> bytes:
    """Anything at all."""
    return dice.randbytes(dice.randrange(20_000))


def _broken(dice: random.Random) -> bytes:
    """A log that breaks off, or with a byte that is another one."""
    whole = bytearray((_log if dice.random() < 0.9 else _large)(dice))
    if dice.random() < 0.5:
        return bytes(whole[: dice.randrange(len(whole))])
    whole[dice.randrange(len(whole))] = dice.randrange(256)
    return bytes(whole)


_KINDS = (_log, _large, _deep, _wrong, _bytes, _broken)
_OFTEN = (50, 8, 7, 12, 11, 12)


def _sent(dice: random.Random, context: dict[str, object]) -> bytes:
    log = {
        "timestamp": f"2025-01-{dice.randrange(1, 29):02d}T{dice.randrange(24):02d}:00:00.{dice.randrange(1000):03d}Z",
        "hostname": f"{_word(dice)}-{dice.randrange(40)}" if dice.random() < 0.2 else f"press-{dice.randrange(30)}",
        "severity": dice.choice(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "fatal", "?"]),
        "service": dice.choice(["motion", "historian", "plc", _word(dice)]),
        "message": " ".join(_word(dice) for _ in range(dice.randrange(1, 40))),
        "context": context,
    }
    return json.dumps(log, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")


def _word(dice: random.Random) -> str:
    """A word, most often one of some thousand; now and then one that nobody has seen, in any script."""
    if dice.random() < 0.8:
        return f"word{int(dice.paretovariate(0.6)) % 3_000}"
    start = dice.choice([0x41, 0x61, 0xC0, 0x400, 0x4E00, 0x1F300])
    return "".join(chr(start + dice.randrange(40)) for _ in range(dice.randrange(1, 14)))


def _texts(dice: random.Random, size: int) -> Iterator[str]:
    """Texts of ``size`` characters together, a few long or many short ones."""
    piece = max(1, int(size * dice.random() ** 3))
    while size > 0:
        length = min(piece, size, 200_000)
        yield dice.choice("abcdefgh ") * (length // 2) + dice.randbytes(length // 4).hex()[: length - length // 2]
        size -= max(length, 1)

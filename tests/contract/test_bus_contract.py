"""What every bus promises to the pipeline; one suite for the memory bus and a real nats-server."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import pytest

from andon.core.errors import BrokerError, BrokerUnavailable, MessageRejected, ModelUnavailable
from andon.core.models import STREAM, SUBJECT, Delivery
from support.bus import InMemory, NatsBus, drain, opened, run, sequence_of, until
from support.patience import PATIENCE

AnyBus = NatsBus | InMemory
Check = Callable[[AnyBus], Awaitable[None]]
#: Seconds after which a message that nobody acknowledged comes again: longer than any test, so that none comes by itself.
NEVER = 1000.0


class OnBus(Protocol):
    """Runs a check on a bus."""

    def __call__(self, check: Check, ack_wait: float = NEVER) -> None: ...


@pytest.fixture(params=["memory", "nats"])
def on_bus(request: pytest.FixtureRequest, tmp_path: Path) -> OnBus:
    """Runs a coroutine function on each bus."""

    def runner(check: Check, ack_wait: float = NEVER) -> None:
        async def main() -> None:
            async with opened(request.param, tmp_path, ack_wait) as bus:
                await check(bus)

        run(main())

    return runner


async def publish(bus: AnyBus, count: int, prefix: str = "log") -> list[int]:
    return [await bus.publisher.store(f"{prefix} {i}".encode(), subject=SUBJECT) for i in range(count)]


def numbers(deliveries: list[Delivery]) -> list[int]:
    return [each.sequence for each in deliveries]


def test_messages_arrive_in_order_with_their_identity(on_bus: OnBus) -> None:
    """Payload, subject, headers, stream, sequence and stored-at time come with each message, oldest first."""

    async def check(bus: AnyBus) -> None:
        before = time.time_ns()
        first = await bus.publisher.store(b"one", subject=SUBJECT, headers={"Reply-To": "answers.1"})
        second = await bus.publisher.store(b"\x00\xff", subject=f"{SUBJECT}.plant.hall.line.press")
        one, two = await drain(bus.stream, 2)
        assert (one.data, one.subject, one.stream, one.sequence) == (b"one", SUBJECT, STREAM, first)
        assert one.headers is not None
        assert one.headers["Reply-To"] == "answers.1"
        assert (two.data, two.subject) == (b"\x00\xff", f"{SUBJECT}.plant.hall.line.press")
        assert second == first + 1
        assert before - 10**9 <= one.stored_ns <= two.stored_ns <= time.time_ns() + 10**9

    on_bus(check)


def test_pull_returns_nothing_after_its_wait(on_bus: OnBus) -> None:
    """An empty stream gives [] when the wait is over, and not before."""

    async def check(bus: AnyBus) -> None:
        waiting = asyncio.create_task(bus.stream.pull(10, 10 * PATIENCE))
        done, _ = await asyncio.wait({waiting}, timeout=0.2)
        assert not done
        waiting.cancel()
        await asyncio.wait({waiting})
        async with asyncio.timeout(PATIENCE):
            assert await bus.stream.pull(10, 0.1) == []

    on_bus(check)


def test_pull_takes_no_more_than_asked(on_bus: OnBus) -> None:
    """The limit holds although more is there."""

    async def check(bus: AnyBus) -> None:
        await publish(bus, 5)
        await until_pending(bus, 5)
        assert len(await bus.stream.pull(2, 1.0)) <= 2

    on_bus(check)


async def until_pending(bus: AnyBus, count: int) -> None:
    async def there() -> bool:
        state = await bus.stream.state()
        return state.last_sequence >= count

    await until(there, "messages in the stream")


def test_a_waiting_pull_wakes_up(on_bus: OnBus) -> None:
    """A message published while a pull waits ends the wait."""

    async def check(bus: AnyBus) -> None:
        pulling = asyncio.create_task(bus.stream.pull(10, 10 * PATIENCE))
        await asyncio.sleep(0)
        await publish(bus, 1)
        async with asyncio.timeout(PATIENCE):
            assert numbers(await pulling) == [1]

    on_bus(check)


def test_acknowledged_messages_do_not_come_again(on_bus: OnBus) -> None:
    """After the acks the floor is the last message, and nothing is pending."""

    async def check(bus: AnyBus) -> None:
        await publish(bus, 20)
        await drain(bus.stream, 20)

        async def settled() -> bool:
            state = await bus.stream.state()
            return state.ack_floor == 20 and state.ack_pending == 0 and state.pending == 0

        await until(settled, "the floor at the last message")
        assert await bus.stream.pull(10, 0.2) == []

    on_bus(check)


def test_unacknowledged_messages_come_again(on_bus: OnBus) -> None:
    """What is not acknowledged within the ack wait is delivered again, with the same identity."""

    async def check(bus: AnyBus) -> None:
        await publish(bus, 3)
        seen: Counter[tuple[int, int]] = Counter()

        async def twice() -> bool:
            seen.update((each.sequence, each.stored_ns) for each in await bus.stream.pull(10, 0.2))
            return len(seen) == 3 and min(seen.values()) >= 2

        await until(twice, "every message once more")
        assert sorted(sequence for sequence, _ in seen) == [1, 2, 3]

    on_bus(check, ack_wait=0.2)


def test_released_messages_come_at_once(on_bus: OnBus) -> None:
    """Release gives a message back before its ack wait is over."""

    async def check(bus: AnyBus) -> None:
        await publish(bus, 2)
        await bus.stream.release(await drain(bus.stream, 2, ack=False))
        assert sorted(numbers(await drain(bus.stream, 2))) == [1, 2]

    on_bus(check)


def test_release_can_wait(on_bus: OnBus) -> None:
    """A release with a delay brings the message back, and not before the delay is over."""

    async def check(bus: AnyBus) -> None:
        await publish(bus, 2)
        late, soon = await drain(bus.stream, 2, ack=False)
        await bus.stream.release([late], NEVER)
        await bus.stream.release([soon], 0.2)
        assert numbers(await drain(bus.stream, 1)) == [soon.sequence]
        assert await bus.stream.pull(10, 0.2) == []

    on_bus(check)


def test_terminated_messages_never_come_again(on_bus: OnBus) -> None:
    """Terminating counts like an ack for the floor."""

    async def check(bus: AnyBus) -> None:
        await publish(bus, 2)
        bad, good = await drain(bus.stream, 2, ack=False)
        await bus.stream.terminate([bad])
        await bus.stream.ack([good])

        async def settled() -> bool:
            state = await bus.stream.state()
            return state.ack_floor == 2 and state.ack_pending == 0

        await until(settled, "the floor at the last message")
        assert await bus.stream.pull(10, 0.2) == []

    on_bus(check)


def test_a_cancelled_pull_loses_nothing(on_bus: OnBus) -> None:
    """Cancelling pulls again and again, all messages still come."""

    async def check(bus: AnyBus) -> None:
        got: list[int] = []
        publishing = asyncio.create_task(publish(bus, 200))
        while len(set(got)) < 200:
            pulling = asyncio.create_task(bus.stream.pull(7, 1.0))
            await asyncio.sleep(0.0005)
            if not pulling.done():
                pulling.cancel()
            try:
                batch = await pulling
            except asyncio.CancelledError:
                continue
            await bus.stream.ack(batch)
            got += numbers(batch)
        await publishing
        assert sorted(got) == list(range(1, 201))

    on_bus(check)


def test_a_successor_goes_on_at_once(on_bus: OnBus) -> None:
    """What the first reader received and did not hand out comes to the next without waiting for the ack wait."""

    async def check(bus: AnyBus) -> None:
        await publish(bus, 50)
        taken = await bus.stream.pull(5, PATIENCE)
        await bus.stream.ack(taken)
        successor = await bus.successor()
        rest = await drain(successor, 50 - len(taken))
        assert sorted(numbers(taken + rest)) == list(range(1, 51))

    on_bus(check)


def test_replay_reads_a_range_and_leaves_the_consumer_alone(on_bus: OnBus) -> None:
    """Sequences 3 to 7 come once more, with identity and without a token; floor and pending stay."""

    async def check(bus: AnyBus) -> None:
        await publish(bus, 10)
        before = await drain(bus.stream, 10)
        replayed = [each async for batch in bus.stream.replay(3, 7) for each in batch]
        assert [(d.sequence, d.stored_ns, d.data) for d in replayed] == [
            (d.sequence, d.stored_ns, d.data) for d in before[2:7]
        ]
        assert {d.token for d in replayed} == {""}
        state = await bus.stream.state()
        assert (state.ack_floor, state.pending) == (10, 0)

    on_bus(check)


def test_replay_skips_what_the_stream_forgot(on_bus: OnBus) -> None:
    """A range that begins before the first kept and ends after the last message gives what is there."""

    async def check(bus: AnyBus) -> None:
        await publish(bus, 10)
        await bus.lose_first(4)
        replayed = [each.sequence async for batch in bus.stream.replay(1, 999) for each in batch]
        assert replayed == [5, 6, 7, 8, 9, 10]
        assert [d async for d in bus.stream.replay(1, 4)] == []
        assert [d async for d in bus.stream.replay(50, 60)] == []

    on_bus(check)


def test_state_counts(on_bus: OnBus) -> None:
    """First, last, messages, bytes and pending describe the stream."""

    async def check(bus: AnyBus) -> None:
        await publish(bus, 4)
        state = await bus.stream.state()
        assert (state.stream, state.first_sequence, state.last_sequence, state.messages) == (STREAM, 1, 4, 4)
        assert state.bytes >= 4 * len("log 0")
        assert state.ack_floor == 0

        async def counted() -> bool:
            state = await bus.stream.state()
            return state.pending + state.ack_pending == 4

        await until(counted, "the consumer counts what the stream acknowledged a moment ago")

    on_bus(check)


def test_the_same_message_id_is_stored_once(on_bus: OnBus) -> None:
    """A repeated id gives the sequence of the first."""

    async def check(bus: AnyBus) -> None:
        first = await bus.publisher.store(b"x", subject=SUBJECT, message_id="a-1")
        assert await bus.publisher.store(b"x", subject=SUBJECT, message_id="a-1") == first
        assert await bus.publisher.store(b"x", subject=SUBJECT, message_id="a-2") == first + 1

    on_bus(check)


def test_deliver_knows_whether_anybody_listens(on_bus: OnBus) -> None:
    """A reply to a subject without a subscriber is reported as unheard; with one it arrives."""

    async def check(bus: AnyBus) -> None:
        assert not await bus.publisher.deliver("plant.answers.1", b"nobody")
        arrived = await bus.listen("plant.answers.1")
        assert await bus.publisher.deliver("plant.answers.1", b"somebody")
        assert (await asyncio.wait_for(arrived.get(), PATIENCE)).data == b"somebody"

    on_bus(check)


def test_a_message_above_the_limit_is_refused(on_bus: OnBus) -> None:
    """The error names both sizes, and the bus goes on."""

    async def check(bus: AnyBus) -> None:
        with pytest.raises(BrokerError, match="accepts 1048576"):
            await bus.publisher.store(b"x" * (1 << 20) + b"x", subject=SUBJECT)
        assert await bus.publisher.store(b"x", subject=SUBJECT) == 1

    on_bus(check)


def test_a_closed_stream_refuses_to_pull(on_bus: OnBus) -> None:
    """Pulling after close raises, and closing twice is allowed."""

    async def check(bus: AnyBus) -> None:
        await bus.stream.close()
        await bus.stream.close()
        with pytest.raises(BrokerUnavailable):
            await bus.stream.pull(1, 0.1)

    on_bus(check)


async def no_analysis(_data: bytes) -> bytes:
    return b""


def test_the_analyze_endpoint_answers(on_bus: OnBus) -> None:
    """One request, one reply; several are worked on at the same time."""

    async def check(bus: AnyBus) -> None:
        both = asyncio.Barrier(2)

        async def analyze(data: bytes) -> bytes:
            await both.wait()
            return b"re: " + data

        await bus.callers.listen(analyze, lambda *_: None)
        answers = await asyncio.gather(bus.analyze(b"a"), bus.analyze(b"b"))
        assert [each.data for each in answers] == [b"re: a", b"re: b"]

    on_bus(check)


@pytest.mark.parametrize(
    ("error", "code"), [(MessageRejected("not JSON"), "400"), (ModelUnavailable("away"), "503"), (KeyError("x"), "500")]
)
def test_the_analyze_endpoint_reports_errors(on_bus: OnBus, error: Exception, code: str) -> None:
    """An error becomes a micro-service error: a code and one sentence."""

    async def check(bus: AnyBus) -> None:
        async def analyze(_data: bytes) -> bytes:
            raise error

        await bus.callers.listen(analyze, lambda *_: None)
        answer = await bus.analyze(b"a")
        assert answer.headers is not None
        assert answer.headers["Nats-Service-Error-Code"] == code
        assert answer.headers["Nats-Service-Error"]

    on_bus(check)


def test_a_plain_request_gets_the_ack_and_then_the_reply(on_bus: OnBus) -> None:
    """As in the reference: the stream's acknowledgement first, the analysis second; the message is stored too."""

    async def check(bus: AnyBus) -> None:
        replies: list[asyncio.Task[None]] = []
        seen: list[tuple[bytes, str]] = []

        def plain(data: bytes, subject: str, reply: str, arrived: int) -> None:
            seen.append((data, subject))
            replies.append(asyncio.create_task(bus.respond(reply, b"the analysis")))

        await bus.callers.listen(no_analysis, plain)
        answers = await bus.plain(b"log", 2)
        assert sorted(each.data == b"the analysis" for each in answers) == [False, True]
        assert sequence_of(next(a for a in answers if a.data != b"the analysis")) == 1
        assert seen == [(b"log", SUBJECT)]
        assert numbers(await drain(bus.stream, 1)) == [1]

    on_bus(check)


def test_our_own_publishing_is_no_plain_request(on_bus: OnBus) -> None:
    """What our publisher stores is not handed to the plain handler; a request after it is."""

    async def check(bus: AnyBus) -> None:
        seen: list[bytes] = []
        await bus.callers.listen(no_analysis, lambda data, *_: seen.append(data))
        await bus.publisher.store(b"our own", subject=SUBJECT)
        await bus.plain(b"a caller's", 1)
        await until(lambda: bool(seen), "the caller's request")
        assert seen == [b"a caller's"]

    on_bus(check)


def test_closing_answers_who_waits(on_bus: OnBus) -> None:
    """A request in hand when the listener closes gets error 503; closing twice is allowed."""

    async def check(bus: AnyBus) -> None:
        started = asyncio.Event()

        async def analyze(_data: bytes) -> bytes:
            started.set()
            await asyncio.Event().wait()
            return b""

        await bus.callers.listen(analyze, lambda *_: None)
        asking = asyncio.create_task(bus.analyze(b"a"))
        await started.wait()
        await bus.callers.close()
        await bus.callers.close()
        answer = await asking
        assert answer.headers is not None
        assert answer.headers["Nats-Service-Error-Code"] == "503"

    on_bus(check)

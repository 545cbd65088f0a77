"""Recording messages that hold several logs: one transaction and one ack each, in portions that stay bounded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from andon.core.models import Decoded, Delivery
from support.pipeline import Pipeline, log, pipeline, until
from support.splitting import NO_LOG, Splitter, message


class Answers:
    """Notes what the stream is told of each sequence."""

    def __init__(self, p: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        self.given: list[tuple[str, int]] = []
        self._within = False  # the memory stream terminates by acknowledging
        for verb in ("ack", "terminate", "release"):
            monkeypatch.setattr(p.recorder.stream, verb, self._noting(verb, getattr(p.recorder.stream, verb)))

    def _noting(self, verb: str, tell: Any) -> Any:
        async def noted(deliveries: Sequence[Delivery], *more: float) -> None:
            outer, self._within = self._within, True
            self.given += [(verb, each.sequence) for each in deliveries if not outer]
            await tell(deliveries, *more)
            self._within = outer

        return noted


async def test_a_message_is_acknowledged_once_however_many_logs_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One with a log in it is acknowledged, one that holds rejects alone is never to come again."""
    async with pipeline(tmp_path, decode=Splitter()) as p:
        answers = Answers(p, monkeypatch)
        p.publish(message(log("a"), 7, log("b")), message(7, 8), log("c"), message(*[log(str(n)) for n in range(20)]))
        p.start("recorder")
        await until(lambda: p.bus.state().ack_floor == 4, "the acks")
        assert sorted(answers.given) == [("ack", 1), ("ack", 3), ("ack", 4), ("terminate", 2)]
        assert p.sql("SELECT seq, COUNT(*) FROM logs GROUP BY seq") == [(1, 2), (3, 1), (4, 20)]
        assert p.sql("SELECT seq, part, reason, data FROM rejects ORDER BY seq, part") == [
            (1, 1, NO_LOG, b"7"),
            (2, 0, NO_LOG, b"7"),
            (2, 1, NO_LOG, b"8"),
        ]


async def test_ten_thousand_logs_of_one_message_are_stored_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a transaction takes otherwise: all, in order, acknowledged once."""
    async with pipeline(tmp_path, decode=Splitter()) as p:
        answers = Answers(p, monkeypatch)
        p.publish(
            log("before"), message(*[{"message": f"Drive fault on axis {n}"} for n in range(10_000)]), log("after")
        )
        p.start("recorder")
        await until(lambda: p.bus.state().ack_floor == 3, "the acks")
        assert sorted(answers.given) == [("ack", 1), ("ack", 2), ("ack", 3)]
        assert p.sql("SELECT COUNT(*), MIN(part), MAX(part), MIN(id), MAX(id) FROM logs WHERE seq = 2") == [
            (10_000, 0, 9_999, 2, 10_001)
        ]
        assert p.sql("SELECT SUM(count) FROM patterns") == [(10_002,)]


async def test_a_transaction_takes_so_many_rows_at_the_borders_of_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No message is divided, and only one that is larger itself goes beyond the bound."""
    async with pipeline(tmp_path, decode=Splitter()) as p:
        p.recorder.batch = 5
        taken: list[list[int]] = []
        record = p.store.record

        async def noted(records: Any, rejects: Any, *more: Any) -> Any:
            taken.append(sorted(each.sequence for each in (*records, *rejects)))
            return await record(records, rejects, *more)

        monkeypatch.setattr(p.store, "record", noted)
        sizes = (1, 3, 1, 1, 5, 4, 2, 9, 1)
        p.publish(*[message(*([log(), 7] * size)[:size]) for size in sizes])
        p.start("recorder")
        await until(lambda: p.bus.state().ack_floor == len(sizes), "the acks")
        parts = [[n] * size for n, size in enumerate(sizes, 1)]
        assert taken == [parts[0] + parts[1] + parts[2], parts[3], parts[4], parts[5], parts[6], parts[7], parts[8]]


async def test_a_batch_that_cannot_be_stored_gives_back_what_came_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped while the first portion of a pulled batch is held: no message is acknowledged, each comes again once."""
    async with pipeline(tmp_path, decode=Splitter()) as p:
        p.recorder.batch = 5
        answers = Answers(p, monkeypatch)
        p.disk.fill()
        p.publish(*[message(log(), log(), log()) for _ in range(5)])
        p.start("recorder")
        await until(lambda: "store" in p.health.problems, "the problem")
        await p.stop()
        assert sorted(answers.given) == [("release", n) for n in range(1, 6)]
        p.disk.free()
        p.start("recorder")
        await until(lambda: p.bus.state().ack_floor == 5, "the acks")
        assert len(p.rows()) == 15


async def test_a_part_that_the_database_refuses_is_rejected_beside_the_good_ones(tmp_path: Path) -> None:
    """All in one transaction; its bytes are a message of its own, so that publishing it again brings nothing twice."""
    async with pipeline(tmp_path, decode=Splitter()) as p:
        p.disk.refused = "arsenic"
        context = {"tank": "Süd", "level": 3}
        bad = log("arsenic", context=context, severity="FATAL")
        p.publish(message(log("good one"), bad, 7, log("good two")), log("arsenic"), log("another"))
        p.start("recorder")
        await until(lambda: p.bus.state().ack_floor == 3, "the acks")
        assert sorted(row.message for row in p.rows()) == ["another", "good one", "good two"]
        refused = "cannot be stored: the value 'arsenic' is refused"
        assert p.sql("SELECT seq, part, reason FROM rejects ORDER BY 1, 2") == [
            (1, 1, refused),
            (1, 2, NO_LOG),
            (2, 0, refused),
        ]
        (kept,), (whole,) = p.sql("SELECT data FROM rejects WHERE part = 1 OR seq = 2 ORDER BY seq")
        assert json.loads(kept) == {**bad, "timestamp": "2026-03-01T22:00:00.000Z"}
        assert json.loads(whole) == log("arsenic")
        p.disk.refused = None
        p.publish(kept)
        await until(lambda: p.bus.state().ack_floor == 4, "the ack")
        found = p.rows()[0]
        assert (found.message, found.severity, json.loads(found.context or "")) == ("arsenic", "CRITICAL", context)


async def test_a_message_all_of_whose_parts_are_refused_is_kept_part_by_part(tmp_path: Path) -> None:
    """And what came in the same batch is stored."""
    async with pipeline(tmp_path, decode=Splitter()) as p:
        p.disk.refused = "arsenic"
        p.publish(message(log("arsenic 1"), log("arsenic 2")), log("good"))
        p.start("recorder")
        await until(lambda: p.bus.state().ack_floor == 2, "the acks")
        assert p.sql("SELECT seq, part FROM rejects ORDER BY 1, 2") == [(1, 0), (1, 1)]
        assert [row.message for row in p.rows()] == ["good"]


async def test_messages_of_several_logs_that_a_power_cut_took_are_read_again_whole(tmp_path: Path) -> None:
    """Those that are there are recognised, whatever became of their parts."""
    async with pipeline(tmp_path, decode=Splitter()) as p:
        p.start("recorder")
        p.publish(*[message(log("a"), 7, log("b")) for _ in range(30)])
        await until(lambda: p.bus.state().ack_floor == 30, "acks")
        await p.stop()
        bus = p.bus
        await p.store.write(_lose)
    async with pipeline(tmp_path, decode=Splitter()) as p:
        p.recorder.stream = bus.stream()
        p.start("recorder")
        await until(lambda: len(p.rows()) == 60, "the recovered rows")
        assert p.sql("SELECT COUNT(*) FROM rejects") == [(30,)]
        assert p.sql("SELECT COUNT(*), COUNT(DISTINCT seq || '.' || part) FROM logs") == [(60, 60)]
        await until(lambda: p.metrics.registry.get_sample_value("andon_logs_recovered_total") == 20, "their number")


def _lose(connection: Any) -> None:
    """The last transactions: ten messages, parts and all."""
    for table in ("logs", "rejects"):
        connection.exec_driver_sql(f"DELETE FROM {table} WHERE seq > 20")


async def test_a_message_is_not_decoded_before_its_turn(tmp_path: Path) -> None:
    """Of a pulled batch only what the next transactions take is in memory as logs."""
    seen: list[int] = []
    split = Splitter()

    def decode(delivery: Delivery) -> Decoded:
        seen.append(delivery.sequence)
        return split(delivery)

    async with pipeline(tmp_path, decode=decode) as p:
        p.recorder.batch = 20
        p.disk.fill()
        p.publish(*[message(*[log()] * 15) for _ in range(20)])
        p.start("recorder")
        await until(lambda: "store" in p.health.problems, "the problem")
        assert len(seen) <= 3

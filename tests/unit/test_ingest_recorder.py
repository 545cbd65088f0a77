"""Recording: stored before acknowledged, held while there is no room, read again where a power cut took rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.pipeline import log, pipeline, until


async def test_logs_are_acknowledged_after_they_are_stored(tmp_path: Path) -> None:
    """The ack floor reaches the last log, and every log is in the database."""

    async with pipeline(tmp_path) as p:
        p.start("recorder")
        p.publish(*[log(f"Drive {n} hot") for n in range(250)])
        await until(lambda: p.bus.state().ack_floor == 250, "acks")
        assert len(p.rows()) == 250


async def test_nothing_is_acknowledged_while_the_store_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch is held, /readyz's problem names the disk, and recording continues by itself."""

    async with pipeline(tmp_path) as p:
        p.disk.fill()
        monkeypatch.setattr("andon.ingest.recorder.RETRY_FIRST", 0.01)
        p.start("recorder")
        p.publish(log(), log("second"))
        await until(lambda: "store" in p.health.problems, "the problem")
        assert p.health.problems["store"].startswith(f"no disk space is left for the database {p.path}: free some")
        assert p.bus.state().ack_floor == 0
        p.disk.free()
        await until(lambda: p.bus.state().ack_floor == 2, "acks")
        assert "store" not in p.health.problems


async def test_a_row_the_database_refuses_goes_to_rejects_alone(tmp_path: Path) -> None:
    """One culprit in a batch does not keep the others out."""

    async with pipeline(tmp_path) as p:
        p.disk.refused = "arsenic"
        p.publish(log("good one"), log("arsenic"), log("good two"))
        p.start("recorder")
        await until(lambda: p.bus.state().ack_floor == 3, "acks")
        assert sorted(row.message for row in p.rows()) == ["good one", "good two"]
        assert p.sql("SELECT reason FROM rejects") == [("cannot be stored: the value 'arsenic' is refused",)]


async def test_acknowledged_rows_that_are_missing_are_read_again(tmp_path: Path) -> None:
    """Rows that vanished below the ack floor (a power cut) come back on the next start, with their counts."""

    async with pipeline(tmp_path) as p:
        p.start("recorder")
        p.publish(*[log(f"Drive {n} hot") for n in range(100)])
        await until(lambda: p.bus.state().ack_floor == 100, "acks")
        await p.stop()
        bus = p.bus
    database = tmp_path / "agent.db"
    database.unlink()
    async with pipeline(tmp_path) as p:
        p.bus = bus
        p.recorder.stream = bus.stream()
        p.start("recorder")
        await until(lambda: len(p.rows()) == 100, "the recovered rows")
        assert p.sql("SELECT sum(count) FROM patterns") == [(100,)]
        await until(lambda: p.metrics.registry.get_sample_value("andon_logs_recovered_total") == 100, "their number")
        # stored is stored, whichever way a log came
        assert p.metrics.registry.get_sample_value("andon_logs_recorded_total") == 100


async def test_a_batch_in_hand_is_released_when_stopped(tmp_path: Path) -> None:
    """Stopping in the middle of a held batch gives the messages back; nothing is acknowledged."""

    async with pipeline(tmp_path) as p:
        p.disk.fill()
        p.start("recorder")
        p.publish(log())
        await until(lambda: "store" in p.health.problems, "the problem")
        await p.stop()
        assert p.bus.state().ack_floor == 0
        assert len(await p.bus.stream().pull(10, 0.1)) == 1

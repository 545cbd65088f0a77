"""Retention in the running pipeline: what is left out, who waits for it, and the part that applies the rules."""

from __future__ import annotations

import asyncio
from pathlib import Path

from andon.app.background.retainer import Retainer
from andon.core.errors import StoreUnavailable
from andon.core.models import Retained
from andon.core.telemetry import Metrics
from andon.store import KeepPolicy, KeepRule, deleted_by_others
from andon.testing import ScriptedAnalyst
from support.patience import PATIENCE
from support.pipeline import log, pipeline, run, until

_NOISE = KeepPolicy((KeepRule("noise", "none", frozenset({"DEBUG"})),))


def _value(metrics: Metrics, name: str, rule: str) -> float:
    return metrics.registry.get_sample_value(name, {"rule": rule}) or 0.0


async def test_what_a_rule_leaves_out_is_acknowledged_and_counted(tmp_path: Path) -> None:
    """Nothing of it is stored or explained; a restart reads it again and changes nothing."""

    model = ScriptedAnalyst()
    async with pipeline(tmp_path, model, keeping=_NOISE) as p:
        p.publish(*(log(f"Chatter of {word}", severity="DEBUG") for word in ("pump", "valve", "door")))
        p.publish(log())
        p.start()
        await until(lambda: p.bus.state().ack_floor == 4, "the acks")
        await until(lambda: p.sql("SELECT 1 FROM analyses WHERE status = 'done'"), "the explanation")
        await p.stop()
        p.start()  # reads again what is not stored
        p.publish(log("Oven door open"))
        await until(lambda: p.bus.state().ack_floor == 5, "the next log")
        assert [row.severity for row in p.rows()] == ["ERROR", "ERROR"]
        assert p.sql("SELECT COUNT(*) FROM patterns") == [(2,)]
        assert _value(p.metrics, "andon_retention_dropped_total", "noise") == 3


async def test_a_caller_of_what_is_left_out_is_answered_at_once(tmp_path: Path) -> None:
    """With the playbook's answer: there is nothing to wait for."""

    async with pipeline(tmp_path, ScriptedAnalyst(), keeping=_NOISE) as p:
        inbox = p.bus.subscribe("inbox.1")
        p.publish(log("Chatter", severity="DEBUG"), reply="inbox.1")
        p.start()
        async with asyncio.timeout(PATIENCE):
            reply = await inbox.get()
        assert b'"provisional":true' in reply.data
        assert b'"log_id":null' in reply.data


class _Scripted:
    """A store and its retention that do what they are told."""

    def __init__(self, *steps: Retained | Exception) -> None:
        self.steps = list(steps)
        self.over_now = False
        self.asked = 0
        self.others: list[tuple[int, str, int]] = []

    async def step(self) -> Retained:
        one = self.steps.pop(0) if self.steps else Retained(more=False)
        if isinstance(one, Exception):
            raise one
        return one

    async def over(self) -> bool:
        self.asked += 1
        return self.over_now

    async def read(self, question: object) -> list[tuple[int, str, int]]:
        """As the store: who else deleted something is all that is read here."""
        assert question is deleted_by_others
        return self.others


def _retainer(scripted: _Scripted, metrics: Metrics) -> Retainer:
    return Retainer(scripted, scripted, metrics)  # type: ignore[arg-type]


async def test_deletions_are_counted_by_rule() -> None:
    """On /metrics and for whoever asked for the run."""

    metrics = Metrics()
    steps = (Retained(deleted={"a": 3}), Retained(deleted={"a": 2, "b": 1}), Retained(more=False))
    told: list[int] = []
    retainer = _retainer(_Scripted(*steps), metrics)
    assert await retainer.once(lambda so_far: told.append(sum(so_far.values()))) == {"a": 5, "b": 1}
    assert told == [3, 6, 6]
    assert not retainer.over
    assert _value(metrics, "andon_retention_deleted_total", "a") == 5
    assert _value(metrics, "andon_retention_deleted_total", "b") == 1


async def test_what_a_command_deletes_beside_the_service_is_counted_once() -> None:
    """From the first look on, while the command's entry grows; what was there before belongs to another time."""

    metrics, scripted = Metrics(), _Scripted()
    retainer = _retainer(scripted, metrics)
    scripted.others = [(7, "a", 10)]
    await retainer.count_others()
    for others in ([(8, "a", 2), (7, "a", 10)], [(9, "b", 1), (8, "a", 5)], [(9, "b", 1), (8, "a", 2)]):
        scripted.others = others
        await retainer.count_others()
    assert _value(metrics, "andon_retention_deleted_total", "a") == 5
    assert _value(metrics, "andon_retention_deleted_total", "b") == 1


async def test_a_database_that_stays_too_large_is_told() -> None:
    """So that a command can say so."""

    retainer = _retainer(_Scripted(Retained(more=False, over=True)), Metrics())
    await retainer.once()
    assert retainer.over


def test_trouble_with_the_store_is_waited_out(monkeypatch: object) -> None:
    """The part goes on by itself."""
    import andon.app.background.retainer as module

    async def main() -> None:
        scripted = _Scripted(StoreUnavailable("away"), Retained(deleted={"a": 1}), Retained(more=False))
        metrics = Metrics()
        task = asyncio.create_task(_retainer(scripted, metrics).run())
        await until(lambda: _value(metrics, "andon_retention_deleted_total", "a") == 1, "the run after the trouble")
        task.cancel()
        await asyncio.wait({task})

    before, module.TROUBLE = module.TROUBLE, 0.01
    try:
        run(main())
    finally:
        module.TROUBLE = before

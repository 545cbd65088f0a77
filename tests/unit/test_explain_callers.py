"""The desk: everyone who waits gets an answer, early or late, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from andon.core.errors import BrokerUnavailable, MessageRejected, ModelUnavailable
from andon.explain.callers import desk
from andon.store import AnalysisPolicy, Rule, change, problems
from andon.testing import ScriptedAnalyst
from support.patience import PATIENCE
from support.pipeline import Pipeline, log, pipeline, until


async def next_reply(queue: asyncio.Queue[Any]) -> dict[str, Any]:
    """The next message on a subscription, decoded."""
    message = await asyncio.wait_for(queue.get(), PATIENCE)
    return dict(json.loads(message.data))


def places(p: Pipeline) -> float:
    """Places taken at the desk."""
    value = p.metrics.registry.get_sample_value("andon_callers_waiting")
    assert value is not None
    return value


async def test_plain_caller_heard_before_its_log_is_recorded(tmp_path: Path) -> None:
    """The usual order: the caller first, the stream second."""

    async with pipeline(tmp_path, ScriptedAnalyst()) as p:
        inbox = p.bus.subscribe("inbox.1")
        p.publish(log(), reply="inbox.1")
        p.start()
        reply = await next_reply(inbox)
        assert reply["original_message"] == log()
        assert reply["rung"] == "model"
        assert places(p) == 0


async def test_plain_caller_heard_after_its_log_is_recorded(tmp_path: Path) -> None:
    """The stream was quicker: the caller is matched with the batch just stored."""

    async with pipeline(tmp_path, ScriptedAnalyst()) as p:
        inbox = p.bus.subscribe("inbox.1")
        p.publish(log())
        p.start()
        await until(lambda: p.bus.state().ack_floor == 1, "the recorded log")
        p.desk.plain(json.dumps(log()).encode(), "agent.technical.support", "inbox.1")
        assert (await next_reply(inbox))["original_message"] == log()
        assert places(p) == 0


async def test_caller_whose_patience_ends_gets_the_playbook(tmp_path: Path) -> None:
    """While the model still thinks, the answer after the patience is provisional and comes from the playbook."""

    model = ScriptedAnalyst()
    model.hold = asyncio.Event()
    async with pipeline(tmp_path, model) as p:
        inbox = p.bus.subscribe("inbox.1")
        p.publish(log(), reply="inbox.1")
        p.start()
        await until(lambda: model.questions, "the question")
        p.clock.now += 31
        reply = await next_reply(inbox)
        assert (reply["rung"], reply["provisional"]) == ("playbook", True)


async def test_caller_whose_log_is_still_in_the_backlog_gets_the_playbook(tmp_path: Path) -> None:
    """Patience ends before the recorder came to the log: answered all the same."""

    async with pipeline(tmp_path, ScriptedAnalyst()) as p:
        inbox = p.bus.subscribe("inbox.1")
        p.publish(log(), reply="inbox.1")
        p.start("desk")
        p.clock.now += 31
        reply = await next_reply(inbox)
        assert (reply["provisional"], reply["log_id"]) == (True, None)
        assert places(p) == 0


async def test_plain_caller_of_a_reject_is_told_the_reason(tmp_path: Path) -> None:
    """What is not understood is answered with why."""

    async with pipeline(tmp_path) as p:
        inbox = p.bus.subscribe("inbox.1")
        p.publish(b"\x00garbage", reply="inbox.1")
        p.start()
        reply = await next_reply(inbox)
        assert "nor JSON" in reply["error"]
        assert places(p) == 0


async def test_endpoint_stores_waits_and_goes_first(tmp_path: Path) -> None:
    """A request is stored like any log, marks its analysis as waited for, and returns the reply."""

    model = ScriptedAnalyst()
    model.hold = asyncio.Event()
    async with pipeline(tmp_path, model) as p:
        p.start("recorder", "desk")
        asking = asyncio.create_task(p.desk.analyze(json.dumps(log(severity="INFO")).encode()))
        await until(lambda: p.sql("SELECT caller, tier FROM analyses") == [(1, 1)], "the priority")
        model.hold.set()
        p.start("analyzer")
        reply = json.loads(await asyncio.wait_for(asking, PATIENCE))
        assert reply["rung"] == "model"
        assert places(p) == 0


async def test_endpoint_refuses_garbage_and_keeps_it(tmp_path: Path) -> None:
    """MessageRejected for the caller, a row in rejects for us."""

    async with pipeline(tmp_path) as p:
        p.start()
        with pytest.raises(MessageRejected, match="nor JSON"):
            await p.desk.analyze(b"\x00garbage")
        await until(lambda: p.sql("SELECT data FROM rejects") == [(b"\x00garbage",)], "the reject")
        assert places(p) == 0


async def test_a_caller_that_goes_away_leaves_no_place_taken(tmp_path: Path) -> None:
    """A cancelled request gives its place back, wherever it stood."""

    model = ScriptedAnalyst()
    model.hold = asyncio.Event()
    async with pipeline(tmp_path, model) as p:
        p.start()
        asking = asyncio.create_task(p.desk.analyze(json.dumps(log()).encode()))
        await until(lambda: model.questions, "the question")
        asking.cancel()
        await asyncio.wait({asking})
        assert places(p) == 0


async def test_places_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound plain callers are dropped and counted."""

    monkeypatch.setattr(desk, "SLOTS", 2)
    async with pipeline(tmp_path) as p:
        for number in range(3):
            p.desk.plain(f'{{"message": "{number}"}}'.encode(), "agent.technical.support", "inbox.1")
        assert places(p) == 2
        assert p.metrics.registry.get_sample_value("andon_callers_dropped_total") == 1


async def test_who_waits_takes_the_place_of_a_publisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of publishers that want the acknowledgement only leaves no caller without an answer."""

    monkeypatch.setattr(desk, "SLOTS", 1)
    async with pipeline(tmp_path, ScriptedAnalyst()) as p:
        inbox = "_INBOX.JZ0eRjbNqTmTkTqzZaKZAq"
        p.desk.plain(b'{"message": "published"}', "agent.technical.support", f"{inbox}.7")
        caller = p.bus.subscribe(inbox)
        p.desk.plain(json.dumps(log()).encode(), "agent.technical.support", inbox)
        p.desk.plain(b'{"message": "published as well"}', "agent.technical.support", f"{inbox}.8")
        assert p.metrics.registry.get_sample_value("andon_callers_dropped_total") == 2
        p.bus.publish("agent.technical.support", json.dumps(log()).encode())
        p.start()
        assert (await next_reply(caller))["original_message"] == log()


async def test_endpoint_caller_without_a_place_has_its_log_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the waiting is refused: the log is in the stream, and the refusal says so."""

    monkeypatch.setattr(desk, "SLOTS", 1)
    async with pipeline(tmp_path) as p:
        first = asyncio.create_task(p.desk.analyze(json.dumps(log()).encode()))
        await until(lambda: p.bus.state().messages == 1, "the first log")
        with pytest.raises(BrokerUnavailable, match="stored as message 2 of AGENT_STREAM, but too many callers"):
            await p.desk.analyze(json.dumps(log("Oven too cold")).encode())
        assert p.bus.state().messages == 2
        assert not first.done()
        first.cancel()
        await asyncio.wait({first})
        assert places(p) == 0


async def test_an_urgent_caller_takes_the_place_of_a_less_urgent_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request displaces a plain caller, and a CRITICAL one an ERROR one, whose log stays stored."""

    monkeypatch.setattr(desk, "SLOTS", 1)
    async with pipeline(tmp_path) as p:
        p.desk.plain(b'{"message": "plain"}', "agent.technical.support", "inbox.1")
        error = asyncio.create_task(p.desk.analyze(json.dumps(log()).encode()))
        await until(lambda: p.bus.state().messages == 1, "the first log")
        critical = asyncio.create_task(p.desk.analyze(json.dumps(log("Fire", severity="CRITICAL")).encode()))
        with pytest.raises(BrokerUnavailable, match="stored as message 1"):
            await error
        p.start()
        assert json.loads(await asyncio.wait_for(critical, PATIENCE))["original_message"]["message"] == "Fire"
        assert places(p) == 0


async def test_callers_are_answered_while_the_disk_is_full(tmp_path: Path) -> None:
    """Nothing can be stored, so nothing better than the playbook comes soon: no caller waits out its patience."""

    async with pipeline(tmp_path) as p:
        p.disk.fill()
        p.start()
        inbox = p.bus.subscribe("inbox.1")
        p.publish(log(), reply="inbox.1")
        await until(lambda: "store" in p.health.problems, "the full disk")
        p.clock.now += desk.STALLED + 1
        reply = await next_reply(inbox)
        assert (reply["rung"], reply["provisional"], reply["log_id"]) == ("playbook", True, None)
        assert places(p) == 0


@pytest.mark.parametrize("early", [True, False])
async def test_callers_whose_batch_is_not_stored_yet_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, early: bool
) -> None:
    """Heard of before their batch was taken up or while it is held: they get the model's answer once it is stored."""

    monkeypatch.setattr("andon.ingest.recorder.RETRY_FIRST", 0.01)
    async with pipeline(tmp_path, ScriptedAnalyst()) as p:
        p.disk.fill()
        inbox = p.bus.subscribe("inbox.1")
        p.publish(log(), reply="inbox.1" if early else "")
        p.start()
        await until(lambda: "store" in p.health.problems, "the full disk")
        if not early:
            p.desk.plain(json.dumps(log()).encode(), "agent.technical.support", "inbox.1")
        p.disk.free()
        reply = await next_reply(inbox)
        assert (reply["rung"], reply["log_id"]) == ("model", 1)
        assert places(p) == 0


async def test_merging_by_hand_answers_callers_that_wait(tmp_path: Path) -> None:
    """A problem that becomes part of an explained one shows its explanation, to waiting callers too."""

    model = ScriptedAnalyst()
    async with pipeline(tmp_path, model) as p:
        p.start()
        p.publish(log("Oven door open"))
        await until(lambda: p.sql("SELECT 1 FROM analyses WHERE status = 'done'"), "the explanation")
        model.hold = asyncio.Event()
        inbox = p.bus.subscribe("inbox.1")
        p.publish(log("Drive fault F30005 on axis 2"), reply="inbox.1")
        await until(lambda: len(model.questions) == 2, "the second question")
        await asyncio.to_thread(change, p.path, problems.merge, 2, 1)
        reply = await next_reply(inbox)
        assert "Oven door open" in reply["analysis"]
        assert places(p) == 0


async def test_durable_caller_is_answered_after_a_restart(tmp_path: Path) -> None:
    """The Reply-To of a log recorded by one process is answered by the next."""

    held = ScriptedAnalyst()
    held.hold = asyncio.Event()
    async with pipeline(tmp_path, held) as p:
        p.publish(log(), headers={"Reply-To": "plant.answers"})
        p.start("recorder")
        await until(lambda: p.bus.state().ack_floor == 1, "the recorded log")
    async with pipeline(tmp_path, ScriptedAnalyst()) as p:
        inbox = p.bus.subscribe("plant.answers")
        p.start("analyzer", "desk")
        assert (await next_reply(inbox))["rung"] == "model"
        await until(lambda: p.sql("SELECT count(*) FROM waiters") == [(0,)], "the caller's end")


async def test_durable_caller_that_does_not_listen_is_tried_again(tmp_path: Path) -> None:
    """The answer waits for its caller: nothing is thrown at an empty subject, and the retry reaches it."""

    async with pipeline(tmp_path, ScriptedAnalyst()) as p:
        p.publish(log(), headers={"Reply-To": "plant.answers"})
        p.start()
        await until(lambda: p.sql("SELECT count(*) FROM waiters WHERE not_before > 0") == [(1,)], "the first try")
        inbox = p.bus.subscribe("plant.answers")
        p.wall_clock.ahead = 10
        assert (await next_reply(inbox))["rung"] == "model"
        await until(lambda: p.sql("SELECT count(*) FROM waiters") == [(0,)], "the caller's end")


async def test_durable_caller_that_never_listens_is_forgotten_after_a_day(tmp_path: Path) -> None:
    """Callers that are gone for good do not pile up; each is counted."""

    async with pipeline(tmp_path, ScriptedAnalyst()) as p:
        p.publish(log(), headers={"Reply-To": "plant.answers"})
        p.start()
        await until(lambda: p.sql("SELECT count(*) FROM waiters WHERE not_before > 0") == [(1,)], "the first try")
        p.wall_clock.ahead = 90_000
        await until(lambda: p.sql("SELECT count(*) FROM waiters") == [(0,)], "the caller's end")
        dropped = partial(p.metrics.registry.get_sample_value, "andon_callers_dropped_total")
        await until(lambda: dropped() == 1, "the count of it")  # which follows the transaction


async def test_durable_caller_gets_the_provisional_answer_when_its_patience_ends(tmp_path: Path) -> None:
    """A model that never answers does not keep a durable caller waiting for ever."""

    model = ScriptedAnalyst()
    model.hold = asyncio.Event()
    async with pipeline(tmp_path, model, patience=0.2) as p:
        inbox = p.bus.subscribe("plant.answers")
        p.publish(log(), headers={"Reply-To": "plant.answers"})
        p.start()
        reply = await next_reply(inbox)
        assert (reply["rung"], reply["provisional"]) == ("playbook", True)


async def test_callers_of_a_known_problem_get_its_provisional_answer_at_once(tmp_path: Path) -> None:
    """While the model is away nobody waits out their patience for a problem that has an answer for now."""

    outage = ModelUnavailable("Ollama does not answer.")
    model = ScriptedAnalyst(outage)
    model.outage = outage
    async with pipeline(tmp_path, model) as p:
        p.publish(log())
        p.start()
        await until(lambda: p.sql("SELECT count(*) FROM analyses WHERE provisional") == [(1,)], "the answer for now")
        inbox = p.bus.subscribe("inbox.1")
        p.publish(log("Drive fault F30005 on axis 7"), reply="inbox.1")
        reply = await next_reply(inbox)
        assert (reply["rung"], reply["provisional"]) == ("playbook", True)


async def test_durable_caller_does_not_wait_for_a_model_that_is_away(tmp_path: Path) -> None:
    """A Reply-To caller gets the answer for now as soon as there is one."""

    outage = ModelUnavailable("Ollama does not answer.")
    model = ScriptedAnalyst(outage)
    model.outage = outage
    async with pipeline(tmp_path, model) as p:
        inbox = p.bus.subscribe("plant.answers")
        p.publish(log(), headers={"Reply-To": "plant.answers"})
        p.start()
        reply = await next_reply(inbox)
        assert (reply["rung"], reply["provisional"]) == ("playbook", True)
        await until(lambda: p.sql("SELECT count(*) FROM waiters") == [(0,)], "the caller's end")


@pytest.mark.parametrize("rule", [Rule(analyze="none"), Rule(severity="CRITICAL")])
@pytest.mark.parametrize("durable", [False, True])
async def test_callers_do_not_wait_where_the_site_explains_nothing(tmp_path: Path, rule: Rule, durable: bool) -> None:
    """Nothing will come, so the playbook answers at once, and that is the last word."""

    model = ScriptedAnalyst()
    async with pipeline(tmp_path, model, policy=AnalysisPolicy(rule)) as p:
        inbox = p.bus.subscribe("inbox.1")
        p.publish(log(), **{"headers": {"Reply-To": "inbox.1"}} if durable else {"reply": "inbox.1"})
        p.start()
        reply = await next_reply(inbox)
        assert (reply["rung"], reply["provisional"], reply["log_id"]) == ("playbook", False, 1)
        assert not model.questions


async def test_a_caller_heard_after_its_unexplained_log_does_not_wait_either(tmp_path: Path) -> None:
    """The stream was quicker than the plain listener."""

    async with pipeline(tmp_path, policy=AnalysisPolicy(Rule(analyze="none"))) as p:
        inbox = p.bus.subscribe("inbox.1")
        p.publish(log())
        p.start()
        await until(lambda: p.bus.state().ack_floor == 1, "the recorded log")
        p.desk.plain(json.dumps(log()).encode(), "agent.technical.support", "inbox.1")
        assert (await next_reply(inbox))["provisional"] is False


async def test_a_log_below_the_least_severity_waits_for_its_problem(tmp_path: Path) -> None:
    """A worse log of the same problem is being explained: that explanation is what the caller wants."""

    model = ScriptedAnalyst()
    model.hold = asyncio.Event()
    async with pipeline(tmp_path, model, policy=AnalysisPolicy(Rule(severity="ERROR"))) as p:
        inbox = p.bus.subscribe("inbox.1")
        p.publish(log())
        p.start()
        await until(lambda: model.questions, "the question")
        p.publish(log("Drive fault F30005 on axis 7", severity="WARNING"), reply="inbox.1")
        await until(lambda: p.bus.state().ack_floor == 2, "the second log")
        model.hold.set()
        assert (await next_reply(inbox))["rung"] in ("model", "reused")

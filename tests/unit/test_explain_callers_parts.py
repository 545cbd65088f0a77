"""A caller whose message held several logs gets one reply: about the first, with the ids of all and what was refused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from andon.core.errors import MessageRejected
from andon.store import KeepPolicy, KeepRule
from andon.testing import ScriptedAnalyst
from support.patience import PATIENCE
from support.pipeline import Pipeline, log, pipeline, until
from support.splitting import NO_LOG, Splitter, message

MIXED = message(log("Drive fault F30005 on axis 2"), 7, log("Oven door open", severity="CRITICAL"), "text")
REFUSED = [{"part": 1, "reason": NO_LOG}, {"part": 3, "reason": NO_LOG}]


async def _reply(queue: asyncio.Queue[Any]) -> dict[str, Any]:
    return dict(json.loads((await asyncio.wait_for(queue.get(), PATIENCE)).data))


def _checked(reply: dict[str, Any]) -> None:
    assert (reply["log_id"], reply["log_ids"], reply["severity"]) == (1, [1, 2], "ERROR")
    assert (reply["rejected"], reply["rejected_count"]) == (REFUSED, 2)


def _places(p: Pipeline) -> float | None:
    return p.metrics.registry.get_sample_value("andon_callers_waiting")


@pytest.mark.parametrize("late", [False, True])
async def test_a_plain_caller_gets_one_reply_about_the_first_log(tmp_path: Path, late: bool) -> None:
    """Whether it is heard of before its message is stored or after."""
    async with pipeline(tmp_path, ScriptedAnalyst(), decode=Splitter()) as p:
        inbox = p.bus.subscribe("inbox.1")
        p.publish(MIXED, reply="" if late else "inbox.1")
        p.start()
        if late:
            await until(lambda: p.bus.state().ack_floor == 1, "the recorded message")
            p.desk.plain(MIXED, "agent.technical.support", "inbox.1")
        reply = await _reply(inbox)
        _checked(reply)
        assert (reply["rung"], reply["original_message"]) == ("model", json.loads(MIXED))
        await until(lambda: p.sql("SELECT COUNT(*) FROM analyses WHERE status = 'done'") == [(2,)], "both explanations")
        assert (inbox.empty(), _places(p)) == (True, 0)


async def test_callers_of_the_same_bytes_are_answered_by_one_message_each(tmp_path: Path) -> None:
    """Two that sent the same: the logs of the first message are the first one's alone."""
    async with pipeline(tmp_path, ScriptedAnalyst(), decode=Splitter()) as p:
        inboxes = [p.bus.subscribe(f"inbox.{n}") for n in (1, 2)]
        for n in (1, 2):
            p.publish(message(log(), log()), reply=f"inbox.{n}")
        p.start()
        assert [(await _reply(inbox))["log_ids"] for inbox in inboxes] == [[1, 2], [3, 4]]
        assert _places(p) == 0


async def test_the_endpoint_answers_about_the_first_log_and_puts_it_first(tmp_path: Path) -> None:
    """A message without one log is refused with the reason of its first part, as any other."""
    model = ScriptedAnalyst()
    model.hold = asyncio.Event()
    async with pipeline(tmp_path, model, decode=Splitter()) as p:
        p.start("recorder", "desk")
        asking = asyncio.create_task(p.desk.analyze(MIXED))
        await until(lambda: p.sql("SELECT log_id FROM analyses WHERE caller") == [(1,)], "the priority")
        model.hold.set()
        p.start("analyzer")
        _checked(json.loads(await asyncio.wait_for(asking, PATIENCE)))
        with pytest.raises(MessageRejected, match=NO_LOG):
            await p.desk.analyze(message(7, 8))
        assert _places(p) == 0


async def test_a_plain_caller_of_a_message_without_a_log_is_told_once(tmp_path: Path) -> None:
    """With the reason of the first part."""
    async with pipeline(tmp_path, decode=Splitter()) as p:
        inbox = p.bus.subscribe("inbox.1")
        p.publish(message(7, 8), reply="inbox.1")
        p.start()
        assert (await _reply(inbox))["error"] == NO_LOG
        assert (inbox.empty(), _places(p)) == (True, 0)


async def test_a_durable_caller_gets_one_reply_about_the_first_log(tmp_path: Path) -> None:
    """After a restart too: what else came in the message is read from the database."""
    held = ScriptedAnalyst()
    held.hold = asyncio.Event()
    async with pipeline(tmp_path, held, decode=Splitter()) as p:
        p.publish(MIXED, headers={"Reply-To": "plant.answers"})
        p.start("recorder")
        await until(lambda: p.bus.state().ack_floor == 1, "the recorded message")
        assert p.sql("SELECT log_id FROM waiters") == [(1,)]
        assert p.sql("SELECT log_id FROM analyses WHERE caller") == [(1,)]
    async with pipeline(tmp_path, ScriptedAnalyst(), decode=Splitter()) as p:
        inbox = p.bus.subscribe("plant.answers")
        p.start("analyzer", "desk")
        _checked(await _reply(inbox))
        await until(lambda: p.sql("SELECT COUNT(*) FROM waiters") == [(0,)], "the caller's end")


async def test_a_durable_caller_whose_first_log_the_database_refuses_gets_the_next(tmp_path: Path) -> None:
    """With the reason of the refusal, as for what was no log."""
    async with pipeline(tmp_path, ScriptedAnalyst(), decode=Splitter()) as p:
        p.disk.refused = "arsenic"
        inboxes = p.bus.subscribe("plant.answers"), p.bus.subscribe("inbox.1")
        p.publish(
            message(log("arsenic"), log("Oven door open")), headers={"Reply-To": "plant.answers"}, reply="inbox.1"
        )
        p.start()
        for inbox in inboxes:
            reply = await _reply(inbox)
            assert (reply["log_id"], "log_ids" in reply, reply["rejected_count"]) == (1, False, 1)
            assert reply["rejected"] == [{"part": 0, "reason": "cannot be stored: the value 'arsenic' is refused"}]


async def test_a_caller_of_a_message_whose_parts_are_left_out_by_a_rule(tmp_path: Path) -> None:
    """The reply is about the first log that is stored; where none is, the playbook answers at once."""
    rules = KeepPolicy((KeepRule("noise", "none", frozenset({"DEBUG"})),))
    async with pipeline(tmp_path, ScriptedAnalyst(), keeping=rules, decode=Splitter()) as p:
        inbox = p.bus.subscribe("inbox.1")
        chatter = log("Chatter", severity="DEBUG")
        p.publish(message(chatter, log("Drive fault"), log("Oven door open")), reply="inbox.1")
        p.start()
        reply = await _reply(inbox)
        assert (reply["log_id"], reply["log_ids"], reply["severity"]) == (1, [1, 2], "ERROR")
        p.publish(message(chatter, 7, chatter), reply="inbox.1")
        reply = await _reply(inbox)
        assert (reply["log_id"], reply["severity"], reply["rejected"]) == (None, "DEBUG", REFUSED[:1])
        assert _places(p) == 0


async def test_a_caller_whose_patience_ends_learns_of_all_parts(tmp_path: Path) -> None:
    """From the playbook, while the model still thinks; and where the message is not stored yet."""
    model = ScriptedAnalyst()
    model.hold = asyncio.Event()
    async with pipeline(tmp_path, model, decode=Splitter()) as p:
        inbox = p.bus.subscribe("inbox.1")
        p.publish(MIXED, reply="inbox.1")
        p.start()
        await until(lambda: model.questions, "the question")
        p.clock.now += 31
        reply = await _reply(inbox)
        _checked(reply)
        assert (reply["rung"], reply["provisional"]) == ("playbook", True)
        await p.stop()
        p.publish(message(log("Pump 3 dry"), 7, log(), "text"), reply="inbox.1")
        p.start("desk")
        p.clock.now += 31
        reply = await _reply(inbox)
        assert (reply["log_id"], "log_ids" in reply, reply["rejected"]) == (None, False, REFUSED)


async def test_a_reply_names_the_first_hundred_parts_that_are_no_logs_and_counts_all(tmp_path: Path) -> None:
    """It stays small enough to be sent."""
    async with pipeline(tmp_path, ScriptedAnalyst(), decode=Splitter()) as p:
        inbox = p.bus.subscribe("inbox.1")
        p.publish(message(log(), *range(1000)), reply="inbox.1")
        p.start()
        reply = await _reply(inbox)
        assert (len(reply["rejected"]), reply["rejected"][-1]["part"], reply["rejected_count"]) == (100, 100, 1000)

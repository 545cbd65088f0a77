"""Each caller gets the answer about its own log, whatever others sent; who sent no log is told so, also much later."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from andon.core.models import ANALYZE_SUBJECT, SUBJECT
from andon.explain.callers.slots import shared_inbox
from andon.store import change, recording
from andon.testing import ScriptedAnalyst
from support.patience import PATIENCE
from support.pipeline import Pipeline, log, pipeline, until

PAYLOAD = json.dumps(log()).encode()


async def reply_on(queue: asyncio.Queue[Any]) -> dict[str, Any]:
    """The next message on an inbox that is no acknowledgement, decoded."""
    while True:
        found: dict[str, Any] = json.loads((await asyncio.wait_for(queue.get(), PATIENCE)).data)
        if "analysis" in found:
            return found


async def heard(p: Pipeline) -> None:
    """The desk hears what is published on the bus, as it does of a real one."""
    await p.bus.callers().listen(p.desk.analyze, p.desk.plain)


def counted(p: Pipeline, name: str) -> float:
    """A figure on /metrics."""
    return p.metrics.registry.get_sample_value(name) or 0.0


async def test_a_request_equal_to_a_log_shortly_before_gets_its_own(tmp_path: Path) -> None:
    """The earlier log is stored already; the answer names the one that the request became."""
    async with pipeline(tmp_path, ScriptedAnalyst()) as p:
        await heard(p)
        p.start()
        p.bus.publish(SUBJECT, PAYLOAD)
        await until(lambda: p.bus.state().ack_floor == 1, "the earlier log")
        inbox = p.bus.subscribe("inbox.1")
        p.bus.publish(SUBJECT, PAYLOAD, reply="inbox.1")
        assert (await reply_on(inbox))["log_id"] == 2


async def test_a_request_right_behind_equal_logs_gets_its_own(tmp_path: Path) -> None:
    """None of them is recorded when it is heard: those before it go to nobody, those after it neither."""
    async with pipeline(tmp_path, ScriptedAnalyst()) as p:
        await heard(p)
        inboxes = [p.bus.subscribe(f"inbox.{number}") for number in range(2)]
        for reply in ("", "", "inbox.0", "", "inbox.1", ""):
            p.bus.publish(SUBJECT, PAYLOAD, reply=reply)
        p.start()
        assert [(await reply_on(inbox))["log_id"] for inbox in inboxes] == [3, 5]


async def test_a_request_to_the_endpoint_gets_its_own_among_equal_ones(tmp_path: Path) -> None:
    """It is published by us, so no doubt is left, even where plain requests with the same bytes wait before it."""
    async with pipeline(tmp_path, ScriptedAnalyst()) as p:
        await heard(p)
        plain = p.bus.subscribe("inbox.1")
        p.bus.publish(SUBJECT, PAYLOAD)
        p.bus.publish(SUBJECT, PAYLOAD, reply="inbox.1")
        asking = asyncio.create_task(p.desk.analyze(PAYLOAD))
        await until(lambda: p.bus.state().messages == 3, "the stored request")
        p.start()
        assert json.loads(await asyncio.wait_for(asking, PATIENCE))["log_id"] == 3
        assert (await reply_on(plain))["log_id"] == 2


async def test_a_caller_whose_log_was_taken_for_anothers_gets_it_after_a_moment(tmp_path: Path) -> None:
    """An equal message was heard that the stream did not keep (it had a known id): nobody waits for ever."""
    async with pipeline(tmp_path, ScriptedAnalyst()) as p:
        await heard(p)
        for _ in range(2):
            p.bus.publish(SUBJECT, PAYLOAD, headers={"Nats-Msg-Id": "once"})
        inbox = p.bus.subscribe("inbox.1")
        p.bus.publish(SUBJECT, PAYLOAD, reply="inbox.1")
        p.start()
        await until(lambda: p.bus.state().ack_floor == 2, "both logs")
        p.clock.now += 1.5
        assert (await reply_on(inbox))["log_id"] == 2


@pytest.mark.parametrize(
    "subject",
    [ANALYZE_SUBJECT, f"{ANALYZE_SUBJECT}.x", SUBJECT, f"{SUBJECT}.graz", "agent.analysis.error", "$JS.API.INFO"],
)
async def test_no_answer_becomes_a_log_or_a_question(tmp_path: Path, subject: str) -> None:
    """Neither a header nor a reply subject leads an answer back to us; the log says what was wrong with the header."""
    async with pipeline(tmp_path, ScriptedAnalyst()) as p:
        await heard(p)
        p.start()
        p.publish(log(), headers={"Reply-To": subject})
        p.desk.plain(PAYLOAD, SUBJECT, subject)
        await until(lambda: p.sql("SELECT 1 FROM analyses WHERE status = 'done'"), "the explanation")
        assert p.sql("SELECT COUNT(*) FROM waiters") == [(0,)]
        assert "Reply-To" in (p.rows()[0].notes or "")
        assert (len(p.rows()), counted(p, "andon_callers_waiting")) == (1, 0)


async def test_a_durable_caller_hears_that_its_message_was_refused(tmp_path: Path) -> None:
    """Also where it listens only after a restart; a reject that a person deleted leaves nobody waiting."""
    async with pipeline(tmp_path) as p:
        p.publish(b"", headers={"Reply-To": "plant.answers"})
        p.publish(b"", headers={"Reply-To": "plant.others"})
        p.start("recorder")
        await until(lambda: p.sql("SELECT COUNT(*) FROM rejects") == [(2,)], "the rejects")
        assert p.sql("SELECT log_id, reject_id, reply_to FROM waiters WHERE log_id = 0") == [
            (0, 1, "plant.answers"),
            (0, 2, "plant.others"),
        ]
    await asyncio.to_thread(change, p.path, recording.delete_rejects, [2])
    async with pipeline(tmp_path) as p:
        inbox = p.bus.subscribe("plant.answers")
        p.start("desk", "analyzer")
        answer = await reply_on(inbox)
        assert answer["error"] in answer["analysis"]
        assert answer["rung"] is None
        await until(lambda: p.sql("SELECT COUNT(*) FROM waiters WHERE log_id = 0") == [(0,)], "the callers' end")


@pytest.mark.parametrize(
    ("reply", "shared"),
    [
        ("_INBOX.JZ0eRjbNqTmTkTqzZaKZAq", False),  # nats.new_inbox() of Python, Rust, JavaScript, Go
        ("_INBOX.JZ0eRjbNqTmTkTqzZaKZAq.JZ0eRjbNqTmTkTqzZaKaBc1f2e", True),  # a request of nats-py
        ("_INBOX.JZ0eRjbNqTmTkTqzZaKZAq.QjH4xY2b", True),  # of nats.go
        ("_INBOX.JZ0eRjbNqTmTkTqzZaKZAq.7", True),  # a window of publishes
        ("plant.answers.press4", False),
        ("answers", False),
        ("", False),
    ],
)
def test_who_waits_is_told_from_who_wants_the_acknowledgement(reply: str, shared: bool) -> None:
    """By the form of the inbox."""
    assert shared_inbox(reply) is shared


async def test_only_callers_who_asked_are_counted(tmp_path: Path) -> None:
    """A publisher that waits for its acknowledgement gets an answer too, and is counted apart."""
    async with pipeline(tmp_path, ScriptedAnalyst()) as p:
        await heard(p)
        p.start()
        publisher = p.bus.subscribe("_INBOX.JZ0eRjbNqTmTkTqzZaKZAq.7")
        caller = p.bus.subscribe("_INBOX.JZ0eRjbNqTmTkTqzZaKZAq")
        p.bus.publish(SUBJECT, PAYLOAD, reply="_INBOX.JZ0eRjbNqTmTkTqzZaKZAq.7")
        await reply_on(publisher)
        p.bus.publish(SUBJECT, PAYLOAD, reply="_INBOX.JZ0eRjbNqTmTkTqzZaKZAq")
        await reply_on(caller)
        await until(lambda: counted(p, "andon_answers_unasked_total") == 1, "the publisher's")
        assert p.metrics.registry.get_sample_value("andon_replies_total", {"way": "request"}) == 1


async def test_a_request_that_another_service_recorded_gets_its_own(tmp_path: Path) -> None:
    """Services that share a stream and a database take turns in recording; only the sequence tells whose log it is."""
    async with pipeline(tmp_path, ScriptedAnalyst()) as p:

        async def unheard(batch: Any, recorded: Any) -> None:
            """As if the other service had recorded it."""

        p.recorder.on_stored = unheard
        await heard(p)
        p.start()
        p.bus.publish(SUBJECT, PAYLOAD)
        asking = [asyncio.create_task(p.desk.analyze(PAYLOAD)) for _ in range(3)]
        await until(lambda: p.bus.state().ack_floor == 4, "all logs")
        p.clock.now += 1.5
        answers = await asyncio.gather(*asking)
        assert sorted(json.loads(answer)["log_id"] for answer in answers) == [2, 3, 4]

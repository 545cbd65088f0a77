"""Storms, fixes, merging, modes and budgets through the real service, with the model's calls counted from outside."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from andon.bus.connection import connect
from andon.bus.publisher import JetStreamPublisher
from support.patience import PATIENCE
from support.service import SUBJECT, Andon, OllamaProcess, log, ollama, running, until
from support.storms import storm, texts


def asking(model: OllamaProcess, **settings: str) -> dict[str, str]:
    """Settings of a service that asks this model."""
    return {"PROVIDER": "OLLAMA", "OLLAMA_HOST": model.url, **settings}


def publish_confirmed(andon: Andon, logs: Iterable[dict[str, object]]) -> None:
    """Publish and wait until the broker has stored every one."""

    async def work() -> None:
        connection = await connect(f"nats://127.0.0.1:{andon.nats_port}", name="producer")
        publisher = JetStreamPublisher(connection, timeout=PATIENCE)
        try:
            done = await publisher.store_many((SUBJECT, json.dumps(body).encode(), None, None) for body in logs)
            assert not done.failures
        finally:
            await publisher.close()
            await connection.close()

    asyncio.run(work())


def listed(andon: Andon, *arguments: str) -> Any:
    """A command's output as JSON; it must succeed."""
    done = andon.cli(*arguments, "--json")
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def succeed(andon: Andon, *arguments: str) -> None:
    """Run a command that must succeed."""
    done = andon.cli(*arguments)
    assert done.returncode == 0, done.stderr.decode()


def explained(andon: Andon) -> int:
    """Logs that show a final explanation."""
    rows = andon.sql(
        "SELECT count(*) FROM logs AS l JOIN patterns AS p ON p.id = l.pattern_id"
        " LEFT JOIN patterns AS m ON m.id = p.merged_into"
        " JOIN analyses AS a ON a.id = COALESCE(l.analysis_id, m.analysis_id, p.analysis_id)"
        " WHERE a.finished_at IS NOT NULL"
    )
    return int(rows[0][0]) if rows else 0


def asked_about(model: OllamaProcess) -> list[int]:
    """Which problem of a storm each model call was about, in the order of the calls; what is known of others aside."""
    things = [re.escape(text.split(" {a}")[0].split("{")[0][4:28]) for text in texts(40)]
    found = []
    for request in model.requests:
        prompt = "\n".join(line for line in request["prompt"].splitlines() if not line.startswith('{"known"'))
        hits = [number for number, thing in enumerate(things) if re.search(thing, prompt)]
        assert len(hits) == 1, f"a call about {hits}"
        found.append(hits[0])
    return found


def test_a_storm_costs_one_call_for_each_problem(tmp_path: Path) -> None:
    """1,200 logs of 24 problems cost exactly 24 calls, one for each, and further logs after a restart cost none."""
    with ollama(tmp_path, "--latency", "0.05") as model, running(tmp_path, **asking(model)) as andon:
        publish_confirmed(andon, storm(24, 1200))
        until(lambda: explained(andon) == 1200, "every log explained")
        assert sorted(asked_about(model)) == list(range(24))
        andon.kill()
        andon.start()
        publish_confirmed(andon, storm(24, 240, seed=2))
        until(lambda: explained(andon) == 1440, "the further logs explained")
        assert model.calls == 24
        assert andon.sql("SELECT sum(calls) FROM model_calls") == [(24,)]


def test_a_kill_in_the_storm_repeats_only_the_call_it_broke_off(tmp_path: Path) -> None:
    """kill -9 in the middle of 24 calls: each problem is asked once, but for the one question that was under way."""
    with ollama(tmp_path, "--latency", "0.05") as model:
        with running(tmp_path, **asking(model, ANDON_MODEL_CONCURRENCY="1")) as andon:
            publish_confirmed(andon, storm(24, 1200))
            until(lambda: model.calls >= 5, "some calls")
            model.hold()
            done = "SELECT count(*) FROM analyses WHERE rung = 'model'"
            until(lambda: model.calls == andon.sql(done)[0][0] + 1, "a call that waits")
            andon.kill()
            model.release()
            andon.start()
            until(lambda: explained(andon) == 1200, "every log explained")
            calls = Counter(asked_about(model))
            assert set(calls) == set(range(24))
            assert model.calls in (24, 25)  # its answer may have been saved a moment before the kill
            assert andon.sql("SELECT sum(calls) FROM model_calls")[0][0] - model.calls in (0, 1)


def test_a_new_critical_goes_before_everything_that_waits(tmp_path: Path) -> None:
    """A CRITICAL never seen before is the next question after the one that is being answered, whatever waits."""
    with ollama(tmp_path) as model:
        model.hold()
        with running(tmp_path, **asking(model, ANDON_MODEL_CONCURRENCY="1")) as andon:
            publish_confirmed(andon, storm(24, 600))
            until(lambda: andon.count() == 600 and model.calls == 1, "the storm")
            publish_confirmed(andon, [log("Emergency stop chain open, guard door forced", severity="CRITICAL")])
            until(lambda: andon.count() == 601, "the critical one")
            model.release()
            until(lambda: len(model.requests) >= 2, "the next question")
            assert "guard door forced" in model.requests[1]["prompt"]


def test_a_fix_is_the_answer_from_then_on(tmp_path: Path) -> None:
    """After ``andon resolve`` old and new logs of the problem show the fix at once, and the model is not asked."""
    with ollama(tmp_path) as model, running(tmp_path, **asking(model)) as andon:
        andon.publish(log("Vacuum gripper lost part 17 over conveyor"))
        until(lambda: explained(andon) == 1, "the model's answer")
        succeed(
            andon, "resolve", "1", "--fix", "Replaced the suction cups", "--cause", "Worn rubber", "--by", "M. Brandt"
        )
        andon.publish(log("Vacuum gripper lost part 4711 over conveyor", hostname="press-02"))
        andon.publish(log("Ink level of date coder below minimum"))
        until(lambda: explained(andon) == 3, "all answers")
        shown = andon.sql("SELECT analysis FROM agent_logs WHERE message LIKE 'Vacuum%'")
        assert all("Replaced the suction cups" in text and "Worn rubber" in text for (text,) in shown)
        assert {row["rung"] for row in listed(andon, "logs", "--text", "vacuum")} == {"resolution"}
        assert [r["prompt"].count("Vacuum gripper lost part 4711") for r in model.requests] == [0, 0]
        problem = listed(andon, "patterns", "show", "1")
        assert problem["resolutions"][0]["author"] == "M. Brandt"
        assert {row["rung"] for row in problem["history"]} == {"model", "resolution"}


def test_a_similar_problem_is_told_of_the_fix(tmp_path: Path) -> None:
    """A new problem like a resolved one: the model is shown the confirmed fix, and the answer names it."""
    with ollama(tmp_path) as model, running(tmp_path, **asking(model)) as andon:
        andon.publish(log("Heater circuit of dryer 3 draws no current, fuse monitor tripped in cabinet"))
        until(lambda: explained(andon) == 1, "the model's answer")
        succeed(andon, "resolve", "1", "--fix", "Replaced thermal fuse F7")
        andon.publish(log("Heater circuit of dryer 3 draws no current, contactor feedback missing in cabinet"))
        until(lambda: explained(andon) == 2, "the second answer")
        assert "Replaced thermal fuse F7" in model.requests[-1]["prompt"]
        assert model.calls == 2
        [(text, rung)] = andon.sql("SELECT text, rung FROM analyses WHERE pattern_id = 2")
        assert "Replaced thermal fuse F7" in text
        assert rung == "model"
        assert [other["id"] for other in listed(andon, "patterns", "show", "2")["similar"]] == [1]


def test_merging_and_splitting_beside_the_running_service(tmp_path: Path) -> None:
    """Merged patterns share counts and explanation, a split one has its own again, and the service follows both."""
    with ollama(tmp_path) as model, running(tmp_path, **asking(model)) as andon:
        andon.publish(log("Coolant level low in sump 4"), log("Kühlmittelstand zu niedrig, Tank 9"))
        until(lambda: explained(andon) == 2, "both answers")
        succeed(andon, "patterns", "merge", "2", "1")
        andon.publish(log("Kühlmittelstand zu niedrig, Tank 12"))
        until(lambda: explained(andon) == 3, "the next log")
        [problem] = listed(andon, "patterns")
        assert (problem["id"], problem["count"], problem["merged"]) == (1, 3, [2])
        shown = {row["analysis_id"] for row in listed(andon, "logs")}
        assert len(shown) == 1
        succeed(andon, "patterns", "split", "2")
        andon.publish(log("Kühlmittelstand zu niedrig, Tank 13"))
        until(lambda: explained(andon) == 4, "the log after the split")
        assert {row["id"]: row["count"] for row in listed(andon, "patterns")} == {1: 1, 2: 3}
        assert len({row["analysis_id"] for row in listed(andon, "logs")}) == 2
        assert model.calls == 2


def test_every_log_is_analyzed_where_that_is_asked_for(tmp_path: Path) -> None:
    """With ``ANDON_ANALYZE=every`` five logs of one problem cost five calls and have five answers."""
    with ollama(tmp_path) as model, running(tmp_path, **asking(model, ANDON_ANALYZE="every")) as andon:
        andon.publish(*[log(f"Axis {number} lag error") for number in range(5)])
        until(lambda: explained(andon) == 5, "five answers")
        assert model.calls == 5
        assert andon.sql("SELECT count(DISTINCT analysis_id) FROM logs") == [(5,)]


def test_nothing_is_analyzed_where_that_is_asked_for(tmp_path: Path) -> None:
    """With ``ANDON_ANALYZE=none`` logs are stored and grouped, and no question is queued."""
    with ollama(tmp_path) as model, running(tmp_path, **asking(model, ANDON_ANALYZE="none")) as andon:
        andon.publish(*[log(f"Axis {number} lag error") for number in range(5)])
        until(lambda: andon.count() == 5, "five logs")
        assert listed(andon, "queue") == []
        assert [row["count"] for row in listed(andon, "patterns")] == [5]
        assert model.calls == 0


def test_a_budget_holds_over_restarts(tmp_path: Path) -> None:
    """With three calls an hour eight problems cost three; the others have the playbook's answer and wait, named so."""
    with ollama(tmp_path) as model, running(tmp_path, **asking(model, ANDON_BUDGET_CALLS_HOUR="3")) as andon:
        publish_confirmed(andon, storm(8, 80))
        for _ in range(2):
            until(lambda: andon.count(where="analysis IS NOT NULL") == 80, "an answer for every log")
            until(lambda: len(andon.sql("SELECT 1 FROM analyses WHERE rung = 'playbook'")) == 5, "the playbook")
            assert model.calls == 3
            andon.kill()
            andon.start()
        waiting = listed(andon, "queue")
        assert len(waiting) == 5
        assert all("ANDON_BUDGET_CALLS_HOUR" in row["last_error"] for row in waiting)
        assert {row["rung"] for row in listed(andon, "patterns")} == {"model", "playbook"}
        assert model.calls == 3


def test_a_failed_question_is_listed_with_its_reason(tmp_path: Path) -> None:
    """What the model gave no answer for is in ``andon queue --failed`` with the reason, and can be asked again."""
    with ollama(tmp_path, "--behaviour", "empty") as model:
        with running(tmp_path, **asking(model, ANDON_MODEL_ATTEMPTS="1")) as andon:
            andon.publish(log("Spindle over temperature"))
            failed = until(lambda: listed(andon, "queue", "--failed"), "the failure")
            assert failed[0]["last_error"]
            assert failed[0]["status"] == "failed"
            assert failed[0]["rung"] == "playbook"
            calls = model.calls
            succeed(andon, "reanalyze", "1")
            until(lambda: model.calls > calls, "the question again")

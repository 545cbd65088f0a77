"""Storms, fixes, merging, modes and budgets through the real service, with the model's calls counted from outside."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

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


#: Problems of a storm and its logs: several times what a model is asked at once, and many batches of logs.
PROBLEMS, LOGS = 12, 600


def test_a_storm_costs_one_call_for_each_problem(tmp_path: Path) -> None:
    """600 logs of 12 problems cost exactly 12 calls, one for each, and further logs after a kill and a stop cost none."""
    with ollama(tmp_path, "--latency", "0.05") as model, running(tmp_path, **asking(model)) as andon:
        publish_confirmed(andon, storm(PROBLEMS, LOGS))
        until(lambda: explained(andon) == LOGS, "every log explained")
        assert sorted(asked_about(model)) == list(range(PROBLEMS))
        for restart, end in enumerate((andon.kill, andon.stop), 1):
            end()
            andon.start()
            publish_confirmed(andon, storm(PROBLEMS, 120, seed=restart + 1))
            until(lambda restart=restart: explained(andon) == LOGS + 120 * restart, "the further logs explained")  # type: ignore[misc]
        assert model.calls == PROBLEMS
        assert andon.sql("SELECT sum(calls) FROM model_calls") == [(PROBLEMS,)]
        assert andon.sql("SELECT DISTINCT rung FROM analyses") == [("model",)]


def test_a_kill_in_the_storm_repeats_only_the_call_it_broke_off(tmp_path: Path) -> None:
    """kill -9 in the middle of the calls: each problem is asked once, but for the one question that was under way."""
    with ollama(tmp_path, "--latency", "0.05") as model:
        with running(tmp_path, **asking(model, ANDON_MODEL_CONCURRENCY="1")) as andon:
            publish_confirmed(andon, storm(PROBLEMS, LOGS))
            until(lambda: model.calls >= 5, "some calls")
            model.hold()
            done = "SELECT count(*) FROM analyses WHERE rung = 'model'"
            until(lambda: model.calls == andon.sql(done)[0][0] + 1, "a call that waits")
            andon.kill()
            model.release()
            andon.start()
            until(lambda: explained(andon) == LOGS, "every log explained")
            calls = Counter(asked_about(model))
            assert set(calls) == set(range(PROBLEMS))
            assert model.calls in (PROBLEMS, PROBLEMS + 1)  # its answer may have been saved a moment before the kill
            assert andon.sql("SELECT sum(calls) FROM model_calls")[0][0] - model.calls in (0, 1)


def test_a_new_critical_goes_before_everything_that_waits(tmp_path: Path) -> None:
    """A CRITICAL never seen before is the next question after the one that is being answered, whatever waits."""
    with ollama(tmp_path) as model:
        model.hold()
        with running(tmp_path, **asking(model, ANDON_MODEL_CONCURRENCY="1")) as andon:
            publish_confirmed(andon, storm(PROBLEMS, LOGS))
            until(lambda: andon.count() == LOGS and model.calls == 1, "the storm")
            publish_confirmed(andon, [log("Emergency stop chain open, guard door forced", severity="CRITICAL")])
            until(lambda: andon.count() == LOGS + 1, "the critical one")
            model.release()
            until(lambda: len(model.requests) >= 2, "the next question")
            assert "guard door forced" in model.requests[1]["prompt"]


class House(NamedTuple):
    """A service before a model, for tests that ask it about problems of their own."""

    andon: Andon
    model: OllamaProcess

    def explain(self, *logs: dict[str, object]) -> None:
        """Publish logs, and wait until one more of each shows a final explanation."""
        before = explained(self.andon)
        self.andon.publish(*logs)
        until(lambda: explained(self.andon) == before + len(logs), "all answers")

    def problem(self, words: str) -> int:
        """The id of the one whose template holds these words."""
        ((found,),) = self.andon.sql("SELECT id FROM patterns WHERE template LIKE ?", f"%{words}%")
        return int(found)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    place = tmp_path_factory.mktemp("house")
    with ollama(place) as model, running(place, **asking(model)) as andon:
        yield House(andon, model)


def test_a_fix_is_the_answer_from_then_on(house: House) -> None:
    """After ``andon resolve`` old and new logs of the problem show the fix at once, and the model is not asked."""
    house.explain(log("Vacuum gripper lost part 17 over conveyor"))
    gripper = str(house.problem("Vacuum gripper"))
    said = ("--fix", "Replaced the suction cups", "--cause", "Worn rubber", "--by", "M. Brandt")
    succeed(house.andon, "resolve", gripper, *said)
    calls = house.model.calls
    house.explain(
        log("Vacuum gripper lost part 4711 over conveyor", hostname="press-02"),
        log("Ink level of date coder below minimum"),
    )
    shown = house.andon.sql("SELECT analysis FROM agent_logs WHERE message LIKE 'Vacuum%'")
    assert all("Replaced the suction cups" in text and "Worn rubber" in text for (text,) in shown)
    assert {row["rung"] for row in listed(house.andon, "logs", "--text", "vacuum")} == {"resolution"}
    assert house.model.calls == calls + 1
    assert not any("Vacuum gripper lost part 4711" in asked["prompt"] for asked in house.model.requests)
    problem = listed(house.andon, "patterns", "show", gripper)
    assert problem["resolutions"][0]["author"] == "M. Brandt"
    assert {row["rung"] for row in problem["history"]} == {"model", "resolution"}


def test_a_similar_problem_is_told_of_the_fix(house: House) -> None:
    """A new problem like a resolved one: the model is shown the confirmed fix, and the answer names it."""
    calls = house.model.calls
    house.explain(log("Heater circuit of dryer 3 draws no current, fuse monitor tripped in cabinet"))
    first = house.problem("fuse monitor")
    succeed(house.andon, "resolve", str(first), "--fix", "Replaced thermal fuse F7")
    house.explain(log("Heater circuit of dryer 3 draws no current, contactor feedback missing in cabinet"))
    second = house.problem("contactor feedback")
    assert "Replaced thermal fuse F7" in house.model.requests[-1]["prompt"]
    assert house.model.calls == calls + 2
    [(text, rung)] = house.andon.sql("SELECT text, rung FROM analyses WHERE pattern_id = ?", second)
    assert "Replaced thermal fuse F7" in text
    assert rung == "model"
    assert [other["id"] for other in listed(house.andon, "patterns", "show", str(second))["similar"]] == [first]


def test_merging_and_splitting_beside_the_running_service(house: House) -> None:
    """Merged patterns share counts and explanation, a split one has its own again, and the service follows both."""
    calls = house.model.calls
    house.explain(log("Coolant level low in sump 4"), log("Kühlmittelstand zu niedrig, Tank 9"))
    first, second = house.problem("Coolant level"), house.problem("Kühlmittelstand")

    def patterns() -> dict[int, dict[str, Any]]:
        return {row["id"]: row for row in listed(house.andon, "patterns") if row["id"] in (first, second)}

    def answers() -> set[int]:
        ours = "SELECT id FROM logs WHERE message LIKE 'Coolant level%' OR message LIKE 'Kühlmittelstand%'"
        ids = {id_ for (id_,) in house.andon.sql(ours)}
        return {row["analysis_id"] for row in listed(house.andon, "logs") if row["id"] in ids}

    succeed(house.andon, "patterns", "merge", str(second), str(first))
    house.explain(log("Kühlmittelstand zu niedrig, Tank 12"))
    merged = patterns()
    assert list(merged) == [first]
    assert (merged[first]["count"], merged[first]["merged"]) == (3, [second])
    assert len(answers()) == 1
    succeed(house.andon, "patterns", "split", str(second))
    house.explain(log("Kühlmittelstand zu niedrig, Tank 13"))
    assert {id_: row["count"] for id_, row in patterns().items()} == {first: 1, second: 3}
    assert len(answers()) == 2
    assert house.model.calls == calls + 2


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

        def answered(logs: int, by_playbook: int) -> None:
            until(lambda: andon.count(where="analysis IS NOT NULL") == logs, "an answer for every log")
            until(lambda: andon.count("analyses", "rung = 'playbook'") == by_playbook, "the playbook")
            assert model.calls == 3

        publish_confirmed(andon, storm(8, 80))
        answered(80, 5)
        andon.kill()
        andon.start()
        publish_confirmed(andon, [log("Emergency stop chain open, guard door forced", severity="CRITICAL")])
        answered(81, 6)
        waiting = listed(andon, "queue")
        assert len(waiting) == 6
        assert all("ANDON_BUDGET_CALLS_HOUR" in row["last_error"] for row in waiting)
        assert {row["rung"] for row in listed(andon, "patterns")} == {"model", "playbook"}
        assert model.calls == 3


def test_a_failed_question_is_listed_with_its_reason(tmp_path: Path) -> None:
    """What the model gave no answer for is in ``andon queue --failed`` with the reason, and can be asked again."""
    with ollama(tmp_path, "--behaviour", "empty") as model:
        with running(tmp_path, **asking(model, ANDON_MODEL_ATTEMPTS="1")) as andon:
            andon.publish(log("Spindle over temperature"))
            until(lambda: andon.count("analyses", "status = 'failed'"), "the failure")
            failed = listed(andon, "queue", "--failed")
            assert failed[0]["last_error"]
            assert failed[0]["status"] == "failed"
            assert failed[0]["rung"] == "playbook"
            calls = model.calls
            succeed(andon, "reanalyze", "1")
            until(lambda: model.calls > calls, "the question again")

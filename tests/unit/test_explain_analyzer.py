"""Analyzing: one question per problem, the most urgent first, an answer whatever the model does, bounded tries."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path

import pytest

from andon.core.errors import ModelAnswerError, ModelBusy, ModelMisconfigured, ModelUnavailable
from andon.core.models import Explanation, Rung, Spent, now_text
from andon.ingest.sources.heard import IF_OLD, IMPORTED_HEADER
from andon.store import change, problems, queue
from andon.testing import ScriptedAnalyst
from support.patience import PATIENCE
from support.pipeline import Pipeline, log, pipeline, until


def open_rows(p: Pipeline) -> list[tuple[object, ...]]:
    """(rung, provisional, status, attempts) of every analysis."""
    return p.sql("SELECT rung, provisional, status, attempts FROM analyses ORDER BY id")


async def test_a_storm_of_one_problem_is_one_question(tmp_path: Path) -> None:
    """A thousand repeats cost one model call, and every row shows its answer."""

    model = ScriptedAnalyst()
    async with pipeline(tmp_path, model) as p:
        p.publish(*[log(f"Drive fault F30005 on axis 2 after {n} ms") for n in range(1000)])
        p.start()
        await until(lambda: p.sql("SELECT count(*) FROM agent_logs WHERE analysis IS NOT NULL") == [(1000,)], "rows")
        assert len(model.questions) == 1


async def test_a_new_critical_goes_before_waiting_warnings(tmp_path: Path) -> None:
    """With warnings queued, the CRITICAL published last is the next question."""

    model = ScriptedAnalyst()
    model.hold = asyncio.Event()
    async with pipeline(tmp_path, model) as p:
        words = ["valve", "pump", "belt", "lamp", "door", "fan", "heater", "gripper", "scanner", "printer"]
        names = [" and ".join(words[: n + 1]) for n in range(10)]  # one word in one place would be one problem
        p.publish(*[log(f"The {name} report a small deviation", severity="WARNING") for name in names])
        p.start("recorder")
        await until(lambda: len(open_rows(p)) == 10, "queued warnings")
        p.publish(log("Safety relay did not open", severity="CRITICAL"))
        await until(lambda: len(open_rows(p)) == 11, "the critical one")
        p.start("analyzer")
        await until(lambda: model.questions, "the first question")
        assert model.questions[0].worst_severity == "CRITICAL"


async def test_model_away_means_provisional_answers_and_no_further_calls(tmp_path: Path) -> None:
    """The first failure opens the breaker: the other problems get the playbook's answer without a call each."""

    outage = ModelUnavailable("Ollama does not answer.")
    model = ScriptedAnalyst(outage)
    model.outage = outage
    async with pipeline(tmp_path, model) as p:
        p.publish(log("Pump A lost pressure"), log("Disk full on historian"), log("Certificate expires tomorrow"))
        p.start()
        await until(lambda: len([r for r in open_rows(p) if r[:3] == ("playbook", 1, "pending")]) == 3, "answers")
        assert len(model.questions) == 1
        assert {r[3] for r in open_rows(p)} == {0}  # an outage is nobody's attempt
        model.outage = None
        p.clock.now += 60
        await until(lambda: {r[:3] for r in open_rows(p)} == {("model", 0, "done")}, "the model's answers")
        assert len(model.questions) == 4


async def test_a_question_the_model_cannot_answer_is_given_up_after_bounded_tries(tmp_path: Path) -> None:
    """Unusable answers are tried again up to the limit; then the playbook's answer stands, with the reason."""

    model = ScriptedAnalyst(*[ModelAnswerError("The answer was empty.")] * 5)
    async with pipeline(tmp_path, model) as p:
        p.publish(log())
        p.start()
        await until(lambda: open_rows(p) == [("playbook", 1, "pending", 1)], "the provisional answer")
        p.wall_clock.ahead = 3600  # the pause before the second try is over
        p.analyzer.wake()
        await until(lambda: open_rows(p) == [("playbook", 0, "failed", 2)], "the final answer")
        assert len(model.questions) == 2
        assert p.sql("SELECT last_error FROM analyses") == [("The answer was empty.",)]


async def test_a_busy_provider_pauses_everything_for_as_long_as_it_says(tmp_path: Path) -> None:
    """Retry-After is honoured: no question before, one after; the wait counts as no attempt."""

    model = ScriptedAnalyst(ModelBusy("Ollama is busy.", retry_after=20))
    async with pipeline(tmp_path, model) as p:
        p.publish(log())
        p.start()
        await until(lambda: open_rows(p) == [("playbook", 1, "pending", 0)], "the provisional answer")
        assert 19 < p.breaker.probe_due <= 20
        p.clock.now += 20
        await until(lambda: open_rows(p) == [("model", 0, "done", 1)], "the answer")


async def test_a_refusing_provider_is_not_asked_again_until_a_check_succeeds(tmp_path: Path) -> None:
    """A missing model or wrong key keeps rows queued with provisional answers."""

    refusal = ModelMisconfigured("Ollama has no model x: run `ollama pull x`.")
    model = ScriptedAnalyst(refusal)
    model.outage = refusal
    async with pipeline(tmp_path, model) as p:
        p.publish(log())
        p.start()
        await until(lambda: open_rows(p) == [("playbook", 1, "pending", 0)], "the provisional answer")
        p.clock.now += 60
        await until(lambda: model.checks >= 2, "a probe")
        assert len(model.questions) == 1


async def test_the_queue_survives_a_restart(tmp_path: Path) -> None:
    """A row in hand when the process stops is asked again by the next one, and nothing else is."""

    held = ScriptedAnalyst()
    held.hold = asyncio.Event()
    async with pipeline(tmp_path, held) as p:
        p.publish(log())
        p.start()
        await until(lambda: held.questions, "the question")
    model = ScriptedAnalyst()
    async with pipeline(tmp_path, model) as p:
        p.start("analyzer")
        await until(lambda: [r[:3] for r in open_rows(p)] == [("model", 0, "done")], "the answer")
        assert len(model.questions) == 1


async def test_explanations_are_announced_by_severity(tmp_path: Path) -> None:
    """agent.analysis.<severity> carries analysis, pattern and log."""

    async with pipeline(tmp_path, ScriptedAnalyst()) as p:
        announced = p.bus.subscribe("agent.analysis.>")
        p.publish(log(severity="CRITICAL"))
        p.start()
        message = await asyncio.wait_for(announced.get(), PATIENCE)
        body = json.loads(message.data)
        assert message.subject == "agent.analysis.CRITICAL"
        assert body["rung"] == "model"
        assert body["log"]["hostname"] == "mill-07"


@pytest.mark.parametrize("headers", [{IMPORTED_HEADER: IF_OLD}, {IMPORTED_HEADER: "1"}])
async def test_what_tells_of_the_past_is_asked_last_and_announced_to_nobody(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    """Logs of a file that are hours old, and those that were imported whatever their time is; a log of now is news."""
    old = {"timestamp": now_text()} if headers[IMPORTED_HEADER] == "1" else {}
    async with pipeline(tmp_path, ScriptedAnalyst()) as p:
        announced = p.bus.subscribe("agent.analysis.>")
        p.publish(log("Valve Y7 stuck", severity="CRITICAL", **old), headers=headers)
        p.publish(log("Drive fault F1 on axis 2", **old), headers=headers)
        p.publish(log("Pump 3 runs dry"))
        p.publish(log("Drive fault F1 on axis 2", timestamp=now_text()))
        p.start()
        rows = "SELECT COUNT(*) FROM analyses WHERE finished_at IS NOT NULL"
        await until(lambda: p.sql(rows) == [(3,)], "all answers")
        told = [json.loads((await announced.get()).data)["log"]["message"] for _ in range(announced.qsize())]
        assert sorted(told) == ["Drive fault F1 on axis 2", "Pump 3 runs dry"]
        ordered = p.sql("SELECT score < 0, tier FROM analyses ORDER BY finished_at, id")
        assert ordered == [(0, 0), (0, 0), (1, 0)]


async def test_a_renewal_does_not_keep_new_problems_from_a_provisional_answer(tmp_path: Path) -> None:
    """With the model away, a row that asks again about an explained problem stands behind those that show nothing."""

    model = ScriptedAnalyst()
    async with pipeline(tmp_path, model) as p:
        p.start()
        p.publish(log("Pump A lost pressure"))
        await until(lambda: [r[:3] for r in open_rows(p)] == [("model", 0, "done")], "the first answer")
        await until(lambda: p.analyzer.admission.running == 0, "the end of the question")  # it closes the breaker
        model.outage = ModelUnavailable("Ollama does not answer.")
        p.breaker.trip("Ollama does not answer.")
        p.analyzer.wake()
        away = partial(p.metrics.registry.get_sample_value, "andon_model_away")
        await until(lambda: away() == 1, "the end of what the analyzer was about")
        await asyncio.to_thread(change, p.path, problems.reanalyze, 1)
        p.publish(log("Certificate of the gateway expires tomorrow"))
        await until(lambda: ("playbook", 1, "pending") in [r[:3] for r in open_rows(p)], "the provisional answer")
        assert len(model.questions) == 1


BAD = {
    "summary": "The light curtain of press 4 stopped the stroke.",
    "category": "safety",
    "probable_cause": "Its optics are dirty, so that the safety relay opens.",
    "checks": ["Clean the optics.", "Bridge the light curtain with a jumper and restart."],
    "severity_assessed": "ERROR",
    "confidence": "high",
    "evidence": [],
    "enough_evidence": True,
}


async def test_forbidden_advice_is_kept_as_refused_and_never_shown(tmp_path: Path) -> None:
    """The playbook's answer stands, with the rule as the reason; what the model said is kept, and counted."""

    said = Explanation(rung=Rung.MODEL, text="Bridge it.", finding=BAD, provider="SCRIPTED", model="m")
    said.input_tokens, said.output_tokens = 700, 300
    model = ScriptedAnalyst(said)
    async with pipeline(tmp_path, model) as p:
        p.publish(log("Light curtain interrupted"))
        p.start()
        await until(lambda: ("playbook", 0, "failed", 1) in open_rows(p), "the final answer")
        assert (None, 0, "refused", 1) in open_rows(p)
        (kept,) = p.sql("SELECT finding, last_error FROM analyses WHERE status = 'refused'")
        assert json.loads(kept[0]) == BAD
        assert "forbidden advice (safety device out of action): “Bridge the light curtain" in kept[1]
        assert p.sql("SELECT last_error FROM analyses WHERE status = 'failed'") == [(kept[1],)]
        assert p.metrics.registry.get_sample_value("andon_advice_refused_total") == 1
        assert [row.rung for row in p.rows()] == ["playbook"]
        assert len(model.questions) == 1
        p.publish(log("Pump A lost pressure"))  # the model is not away
        await until(lambda: ("model", 0, "done", 1) in open_rows(p), "the next answer")
        assert await p.store.read(queue.spent, 0) == Spent(2, 700 + 300 + 10 + 5)


async def test_an_answer_that_says_nothing_is_asked_for_again(tmp_path: Path) -> None:
    """Within bounds; then the playbook's answer stands."""

    nothing = Explanation(rung=Rung.MODEL, text="… … …", provider="SCRIPTED", model="m")
    async with pipeline(tmp_path, ScriptedAnalyst(nothing)) as p:
        p.publish(log())
        p.start()
        await until(lambda: open_rows(p) == [("playbook", 1, "pending", 1)], "the provisional answer")
        p.wall_clock.ahead = 3600
        p.analyzer.wake()
        await until(lambda: open_rows(p) == [("model", 0, "done", 2)], "the model's answer")


async def test_a_loop_is_refused_at_once_and_counted(tmp_path: Path) -> None:
    """Asking again would bring another; the playbook's answer is final."""

    loop = Explanation(rung=Rung.MODEL, text="The logs are in JSON format. " * 30, provider="SCRIPTED", model="m")
    async with pipeline(tmp_path, ScriptedAnalyst(loop)) as p:
        p.publish(log())
        p.start()
        await until(lambda: ("playbook", 0, "failed", 1) in open_rows(p), "the final answer")
        assert (None, 0, "refused", 1) in open_rows(p)
        refused = partial(p.metrics.registry.get_sample_value, "andon_answers_refused_total")
        assert refused({"reason": "loop"}) == 1


async def test_a_refused_question_stays_behind_the_others(tmp_path: Path) -> None:
    """The most urgent one came to nothing once and is due again: all that wait are asked before."""

    model = ScriptedAnalyst(ModelMisconfigured("403"))
    async with pipeline(tmp_path, model) as p:
        p.wall_clock.ahead = 10
        p.publish(log("Safety relay did not open", severity="CRITICAL"), log("Pump A lost pressure"), log("Disk full"))
        p.start("recorder")
        await until(lambda: len(open_rows(p)) == 3, "queued")
        p.start("analyzer")
        await until(lambda: len(model.questions) >= 3, "the others")
        p.wall_clock.ahead = 60
        p.analyzer.wake()
        await until(lambda: len(model.questions) == 4, "its second try")
        assert [question.worst_severity for question in model.questions] == ["CRITICAL", "ERROR", "ERROR", "CRITICAL"]

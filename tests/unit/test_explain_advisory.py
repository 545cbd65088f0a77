"""A model that has not proved itself: rules answer at once, it speaks below them, and where none fits it is labelled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from andon.core.errors import ModelAnswerError, ModelError, ModelUnavailable
from andon.core.models import Explanation, Question, Rung, SecondOpinion, Standing
from andon.explain import placing
from andon.explain.admission import Admission, Budget
from andon.explain.finding import Finding, render
from andon.explain.ladder import Ladder
from andon.explain.runbooks.runbooks import MarkdownRunbooks
from andon.explain.trust import ModelTrust, Trust
from andon.store import AnalysisPolicy, Rule, Visitor, change, problems, queue
from andon.testing import ScriptedAnalyst
from support.patience import PATIENCE
from support.pipeline import PLAYBOOK, Pipeline, log, pipeline, until
from support.settings import settings_of

KNOWN = "Drive fault F30005 on axis 2"
VAGUE = "Something odd in block 7"
AWAY = ModelUnavailable("Ollama does not answer.")


def trust(standing: Standing = Standing.ADVISORY) -> Trust:
    """What the scripted model is worth."""
    found = Trust(settings_of(model_trust="measured"))
    if standing is not Standing.ADVISORY:  # what an untested one is
        found.learn([ModelTrust(provider="SCRIPTED", model="scripted", standing=standing)])
    return found


def sound(question: Question) -> Explanation:
    """What a model may say: it passes the gate."""
    finding = {
        "summary": "The link between the two parts is lost.",
        "category": "unknown",
        "probable_cause": "A connector worked loose by vibration.",
        "checks": ["Look at the plugs of both parts and press them home.", "Measure the supply at the farther one."],
        "severity_assessed": question.worst_severity,
        "confidence": "medium",
        "evidence": [question.logs[0].id],
        "enough_evidence": True,
    }
    text = render(Finding.model_validate(finding))
    return Explanation(rung=Rung.MODEL, text=text, finding=finding, provider="SCRIPTED", model="scripted")


def a_model(*first: Explanation | ModelError) -> ScriptedAnalyst:
    """Says that after what it says first."""
    return ScriptedAnalyst(*first, *[sound] * 20)


def shown(p: Pipeline) -> list[tuple[str | None, bool]]:
    """(rung, provisional) of every log, oldest first."""
    return [(row.rung, row.provisional) for row in reversed(p.rows())]


def below(p: Pipeline, at: int = 0) -> SecondOpinion | None:
    """The second opinion below what a log shows, the oldest log unless another is named."""
    rows = p.rows()[::-1]
    if len(rows) <= at:
        return None
    row = rows[at]
    with Visitor(p.path) as visitor:
        return visitor.read(problems.shown_below, [row.analysis_id or 0]).get(row.analysis_id or 0)


def open_rows(p: Pipeline) -> list[tuple[object, ...]]:
    return p.sql("SELECT reason, second_of FROM analyses WHERE finished_at IS NULL ORDER BY id")


async def test_a_rule_answers_at_once_and_the_model_below_it_later(tmp_path: Path) -> None:
    """The caller has the playbook's final answer before the model is asked; what the model says is announced to nobody."""
    model = a_model()
    model.hold = asyncio.Event()
    async with pipeline(tmp_path, model, trust=trust()) as p:
        announced = p.bus.subscribe("agent.analysis.>")
        inbox = p.bus.subscribe("inbox.1")
        p.publish(log(KNOWN), reply="inbox.1")
        p.start()
        reply = json.loads((await asyncio.wait_for(inbox.get(), PATIENCE)).data)
        assert (reply["rung"], reply["provisional"]) == ("playbook", False)
        await until(lambda: model.questions, "the question to the model")
        assert below(p) is None
        model.hold.set()
        opinion = await until(lambda: below(p), "the second opinion")
        assert opinion.text.startswith("Second opinion of SCRIPTED scripted, which has not passed its test (yet):\n")
        assert (opinion.provider, opinion.model, opinion.standing) == ("SCRIPTED", "scripted", "advisory")
        assert shown(p) == [("playbook", False)]
        assert json.loads((await announced.get()).data)["rung"] == "playbook"
        assert announced.empty()
        counted = partial(p.metrics.registry.get_sample_value, "andon_second_opinions_total")
        await until(lambda: counted() == 1, "its being counted")


async def test_without_a_rule_the_labelled_answer_is_shown(tmp_path: Path) -> None:
    """Rung model, as always; the text says what it is worth."""
    async with pipeline(tmp_path, a_model(), trust=trust()) as p:
        p.publish(log(VAGUE, service="agent"))
        p.start()
        await until(lambda: shown(p) == [("model", False)], "the answer")
        assert "which has not passed its test (yet)" in (p.rows()[0].analysis or "")
        assert open_rows(p) == []


async def test_an_unfit_model_is_asked_only_where_no_rule_fits_and_stands_below(tmp_path: Path) -> None:
    """The general answer is final."""
    model = a_model()
    async with pipeline(tmp_path, model, trust=trust(Standing.UNFIT)) as p:
        p.publish(log(KNOWN), log(VAGUE, service="agent"))
        p.start()
        await until(lambda: below(p, 1), "the second opinion")
        assert shown(p) == [("playbook", False)] * 2
        assert below(p, 0) is None
        assert [question.logs[0].message for question in model.questions] == [VAGUE]


async def test_a_qualified_model_replaces_the_rule(tmp_path: Path) -> None:
    """As it is where every model is trusted."""
    async with pipeline(tmp_path, a_model(), trust=trust(Standing.QUALIFIED)) as p:
        p.publish(log(KNOWN))
        p.start()
        await until(lambda: shown(p) == [("model", False)], "the answer")
        assert p.sql("SELECT count(*) FROM analyses WHERE reason = 'second'") == [(0,)]


async def test_an_answer_of_another_member_is_worth_what_that_one_is(tmp_path: Path) -> None:
    """The qualified model was away, and the next of ANDON_FALLBACK has proved nothing: the rule stands above it."""
    stranger = Explanation(
        rung=Rung.MODEL, text="Look at the cable of the encoder: its plug is loose.", provider="OPENAI", model="new"
    )
    async with pipeline(tmp_path, a_model(stranger), trust=trust(Standing.QUALIFIED)) as p:
        p.publish(log(KNOWN))
        p.start()
        opinion = await until(lambda: below(p), "the second opinion")
        assert shown(p) == [("playbook", False)]
        assert (opinion.model, opinion.standing) == ("new", "advisory")


async def test_rules_are_final_while_the_model_is_away(tmp_path: Path) -> None:
    """Nobody waits for it; what no rule knows is provisional, and opinions come when it is back."""
    model = a_model(AWAY)
    model.outage = AWAY
    async with pipeline(tmp_path, model, trust=trust()) as p:
        p.publish(log(VAGUE, service="agent"), log(KNOWN), log("Disk full on historian", service="historian"))
        p.start()
        wanted = [("playbook", True), ("playbook", False), ("playbook", False)]
        await until(lambda: shown(p) == wanted, "the answers")
        model.outage = None
        p.clock.now += 60
        await until(lambda: below(p, 1) and below(p, 2), "the second opinions")
        assert shown(p)[0] == ("model", False)
        assert [question.logs[0].message for question in model.questions[:2]] == [VAGUE, VAGUE]


async def test_rules_do_not_wait_behind_what_the_model_is_busy_with(tmp_path: Path) -> None:
    """Every place is taken by a question without a rule."""
    model = a_model()
    model.hold = asyncio.Event()
    async with pipeline(tmp_path, model, trust=trust()) as p:
        p.publish(log(VAGUE, service="agent"))
        p.start()
        await until(lambda: model.questions, "the question")
        p.publish(log(KNOWN))
        await until(lambda: shown(p) == [(None, False), ("playbook", False)], "the rule's answer")
        model.hold.set()


async def test_with_the_budget_used_up_rules_answer_and_opinions_wait(tmp_path: Path) -> None:
    """They are asked for when it has room again."""
    model = a_model()
    settings = settings_of(budget_calls_hour=1)
    async with pipeline(tmp_path, model, trust=trust()) as p:
        budget = Budget(p.store.read, p.store.write, settings, p.wall_clock)
        p.analyzer.admission = Admission(budget, p.breaker)
        p.publish(log(VAGUE, service="agent"))
        p.start()
        await until(lambda: shown(p) == [("model", False)], "what took the budget")
        p.publish(log(KNOWN), log("Something odd in block 8 again", service="other"))
        await until(lambda: shown(p)[1:] == [("playbook", False), ("playbook", True)], "the answers")
        assert len(model.questions) == 1
        p.wall_clock.ahead = 3700
        p.analyzer.wake()
        await until(lambda: shown(p)[2] == ("model", False), "the question first")
        p.wall_clock.ahead = 7400
        p.analyzer.wake()
        await until(lambda: below(p, 1), "the opinion behind it")


async def test_a_second_opinion_gives_way_to_a_question(tmp_path: Path) -> None:
    """Once: it is broken off, asked again behind the question, and not counted as an attempt."""
    model = a_model()
    model.hold = asyncio.Event()
    async with pipeline(tmp_path, model, trust=trust()) as p:
        p.publish(log(KNOWN))
        p.start()
        await until(lambda: len(model.questions) == 1, "the opinion that is asked for")
        p.publish(log(VAGUE, service="agent"))
        await until(lambda: len(model.questions) == 2, "the question")
        assert model.questions[1].logs[0].message == VAGUE
        model.hold.set()
        await until(lambda: below(p), "the opinion")
        assert shown(p) == [("playbook", False), ("model", False)]
        assert p.sql("SELECT attempts FROM analyses WHERE reason = 'second'") == [(1,)]


async def test_a_second_opinion_may_end_while_room_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then there is room, and nothing is broken off."""
    model = a_model()
    hold = model.hold = asyncio.Event()
    looked: list[bool] = []
    async with pipeline(tmp_path, model, trust=trust()) as p:
        read = p.store.read

        async def slow(work: Callable[..., Any], *args: Any) -> Any:
            found = await read(work, *args)
            if work is queue.question_waits and found and not looked:
                looked.append(True)
                hold.set()
                await until(lambda: below(p) and p.analyzer.admission.running == 0, "the opinion")
            return found

        monkeypatch.setattr(p.store, "read", slow)
        p.publish(log(KNOWN))
        p.start()
        await until(lambda: len(model.questions) == 1, "the opinion that is asked for")
        p.publish(log(VAGUE, service="agent"))
        await until(lambda: shown(p) == [("playbook", False), ("model", False)], "the answer")
        assert looked
        assert len(model.questions) == 2


async def test_a_refused_second_opinion_is_kept_and_not_shown(tmp_path: Path) -> None:
    """So is one that the model gives up on."""
    bad = Explanation(rung=Rung.MODEL, text="Bridge the light curtain with a jumper.", provider="SCRIPTED", model="m")
    nothing = [ModelAnswerError("The answer was empty.")] * 2
    async with pipeline(tmp_path, a_model(bad, *nothing), trust=trust()) as p:
        p.publish(log(KNOWN))
        p.start()
        refused = "SELECT reason, text, last_error FROM analyses WHERE status = 'refused'"
        (row,) = await until(lambda: p.sql(refused), "the refusal")
        assert row[:2] == ("second", None)
        assert "forbidden advice" in row[2]
        p.publish(log("Disk full on historian", service="historian"))
        await until(lambda: p.sql("SELECT attempts FROM analyses WHERE last_error LIKE '%empty%'") == [(1,)], "a try")
        p.wall_clock.ahead = 3600
        p.analyzer.wake()
        failed = "SELECT reason, text FROM analyses WHERE status = 'failed'"
        await until(lambda: p.sql(failed) == [("second", None)], "the end")
        assert shown(p) == [("playbook", False)] * 2
        assert (below(p, 0), below(p, 1)) == (None, None)


async def test_a_fix_or_a_runbook_ends_what_waits_below(tmp_path: Path) -> None:
    """While the model is away, so that the opinions still wait."""
    model = a_model()
    model.outage = AWAY
    async with pipeline(tmp_path, model, trust=trust()) as p:
        p.breaker.trip("Ollama does not answer.")
        books = MarkdownRunbooks(tmp_path / "runbooks")
        p.analyzer.outcomes.ladder = Ladder(p.store.read, PLAYBOOK.explain, runbooks=books)
        p.tasks.append(asyncio.create_task(p.analyzer.site.run()))
        p.publish(log(KNOWN), log("Disk full on historian", service="historian"))
        p.start()
        await until(lambda: len(open_rows(p)) == 2, "two that wait")
        (tmp_path / "runbooks").mkdir()
        (tmp_path / "runbooks" / "disk.md").write_text(
            "---\ntitle: Disk\nmatch: {text: disk full}\n---\n1. Empty it.\n", "utf-8"
        )
        assert books.scan()
        p.analyzer.site.changed()
        await until(lambda: shown(p) == [("playbook", False), ("runbook", False)], "the runbook")
        await asyncio.to_thread(change, p.path, problems.resolve, 1, "New drive", None, None, p.wall_clock())
        assert open_rows(p) == []
        model.outage = None
        p.clock.now += 60
        p.publish(log(VAGUE, service="agent"))
        await until(lambda: len(model.questions) == 1, "a question that has a use")
        assert model.questions[0].logs[0].message == VAGUE


async def test_asking_again_gives_the_rule_and_another_opinion(tmp_path: Path) -> None:
    """The rule answers at once, the model afterwards."""
    model = a_model()
    async with pipeline(tmp_path, model, trust=trust()) as p:
        p.publish(log(KNOWN))
        p.start()
        first = await until(lambda: below(p), "the first opinion")
        await asyncio.to_thread(change, p.path, problems.reanalyze, 1)
        p.analyzer.wake()
        second = await until(lambda: (found := below(p)) and found != first and found, "the second")
        assert second.analysis_id > first.analysis_id
        assert p.sql("SELECT reason, rung FROM analyses ORDER BY id") == [
            ("new", "playbook"),
            ("second", "model"),
            ("asked", "playbook"),
            ("second", "model"),
        ]


async def test_every_log_has_its_own(tmp_path: Path) -> None:
    """With ANDON_ANALYZE=every."""
    policy = AnalysisPolicy(Rule("every"))
    async with pipeline(tmp_path, a_model(), trust=trust(), policy=policy) as p:
        p.publish(log(KNOWN), log(KNOWN))
        p.start()
        await until(lambda: below(p, 0) and below(p, 1), "both opinions")
        assert shown(p) == [("playbook", False)] * 2


async def test_what_was_in_hand_is_asked_again_after_a_restart(tmp_path: Path) -> None:
    """A second opinion that was with the model when the process stopped."""
    held = a_model()
    held.hold = asyncio.Event()
    async with pipeline(tmp_path, held, trust=trust()) as p:
        p.publish(log(KNOWN))
        p.start()
        await until(lambda: held.questions, "the question")
    async with pipeline(tmp_path, a_model(), trust=trust()) as p:
        p.start("analyzer")
        await until(lambda: below(p), "the opinion")


async def test_a_rule_that_technicians_doubt_does_not_answer(tmp_path: Path) -> None:
    """As soon as they do, what it answered is taken back, and the model asked as where no rule fits."""
    known = trust()
    async with pipeline(tmp_path, a_model(), trust=known) as p:
        rules = placing.undoubted(PLAYBOOK.explain, PLAYBOOK.general, known.doubts)
        p.analyzer.outcomes.ladder = Ladder(p.store.read, rules)
        p.tasks.append(asyncio.create_task(p.analyzer.site.run()))
        p.publish(log(KNOWN))
        p.start()
        await until(lambda: below(p), "the rule's answer, and the model's below it")
        ((rule,),) = p.sql("SELECT source FROM analyses WHERE rung = 'playbook'")
        known.learn([], [rule])
        p.analyzer.wake()
        await until(lambda: shown(p) == [("model", False)], "the labelled answer")
        assert (p.rows()[0].analysis or "").startswith("No rule answers this.")
        assert below(p) is None


async def test_without_a_model_opinions_that_waited_are_ended(tmp_path: Path) -> None:
    """PROVIDER=PLAYBOOK after a time with a model; and where every model is trusted."""
    model = a_model()
    model.hold = asyncio.Event()
    async with pipeline(tmp_path, model, trust=trust()) as p:
        p.publish(log(KNOWN))
        p.start()
        await until(lambda: model.questions, "the question")
    async with pipeline(tmp_path, None) as p:
        p.start("analyzer")
        await until(lambda: open_rows(p) == [], "the end")
        assert shown(p) == [("playbook", False)]


async def test_an_opinion_of_a_model_that_is_found_unfit_is_not_asked_for(tmp_path: Path) -> None:
    """While it waits: a rule fits, and that is that."""
    model, known = a_model(), trust()
    model.outage = AWAY
    async with pipeline(tmp_path, model, trust=known) as p:
        p.breaker.trip("Ollama does not answer.")
        p.publish(log(KNOWN))
        p.start()
        await until(lambda: open_rows(p) == [("second", 1)], "the opinion that waits")
        known.learn([ModelTrust(provider="SCRIPTED", model="scripted", standing=Standing.UNFIT)])
        model.outage = None
        p.clock.now += 60
        await until(lambda: open_rows(p) == [], "its end")
        assert model.questions == []
        assert p.sql("SELECT status, last_error FROM analyses WHERE reason = 'second'") == [
            ("done", "scripted is unfit, and a rule fits")
        ]


async def test_a_rule_that_comes_goes_before_a_labelled_answer(tmp_path: Path) -> None:
    """The site writes one: what it knows wins, and the model speaks below it."""
    rule = Explanation(rung=Rung.PLAYBOOK, text="Our own rule.", source="own", latency=0.0)
    async with pipeline(tmp_path, a_model(), trust=trust()) as p:
        p.tasks.append(asyncio.create_task(p.analyzer.site.run()))
        p.publish(log(VAGUE, service="agent"))
        p.start()
        await until(lambda: shown(p) == [("model", False)], "the labelled answer")
        p.analyzer.outcomes.ladder = Ladder(p.store.read, lambda _: rule)
        p.analyzer.site.changed()
        await until(lambda: shown(p) == [("playbook", False)] and below(p), "the rule, and the model below it")

"""What the site knows wins at once: while the model is away, when a runbook comes, changes or goes, after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from andon.core.errors import ModelUnavailable
from andon.core.models import Explanation, Rung
from andon.explain.ladder import Ladder
from andon.explain.runbooks.runbooks import MarkdownRunbooks
from andon.store import change, problems
from andon.testing import ScriptedAnalyst
from support.pipeline import PLAYBOOK, Pipeline, log, pipeline, until

AWAY = ModelUnavailable("Ollama does not answer.")


def runbook(place: Path, match: str, body: str = "1. Open the bypass valve.") -> None:
    (place / "runbooks").mkdir(exist_ok=True)
    (place / "runbooks" / "pump.md").write_text(
        f"---\ntitle: Pump care\nmatch: {match}\n---\n{body}\n", encoding="utf-8"
    )


@asynccontextmanager
async def site(place: Path, model: ScriptedAnalyst | None) -> AsyncIterator[tuple[Pipeline, MarkdownRunbooks]]:
    """A pipeline that reads the runbooks of ``place`` where the test says so, and the walk through its problems."""
    async with pipeline(place, model) as p:
        books = MarkdownRunbooks(place / "runbooks")
        books.scan()
        p.analyzer.outcomes.ladder = Ladder(p.store.read, PLAYBOOK.explain, runbooks=books)
        p.tasks.append(asyncio.create_task(p.analyzer.site.run()))
        p.start()
        yield p, books


def away() -> ScriptedAnalyst:
    """A model that cannot be reached."""
    model = ScriptedAnalyst(AWAY)
    model.outage = AWAY
    return model


def shown(p: Pipeline) -> list[tuple[str | None, bool]]:
    """(rung, provisional) of every log, oldest first."""
    return [(row.rung, row.provisional) for row in reversed(p.rows())]


async def scanned(p: Pipeline, books: MarkdownRunbooks) -> None:
    """The files were looked at again, and had changed."""
    assert books.scan()
    p.analyzer.site.changed()


async def test_a_runbook_that_comes_while_the_model_is_away_answers_at_once(tmp_path: Path) -> None:
    """What was provisional becomes final for its problem alone, and its row leaves the queue."""
    async with site(tmp_path, away()) as (p, books):
        p.publish(log("Pump A lost pressure"), log("Disk full on historian"))
        await until(lambda: shown(p) == [("playbook", True)] * 2, "provisional answers")
        runbook(tmp_path, "{text: lost pressure}")
        await scanned(p, books)
        await until(lambda: shown(p) == [("runbook", False), ("playbook", True)], "the runbook's answer")
        assert p.sql("SELECT count(*) FROM analyses WHERE finished_at IS NULL") == [(1,)]


async def test_a_runbook_replaces_what_a_model_said(tmp_path: Path) -> None:
    """A known problem shows it without being asked about again; another version replaces the first."""
    async with site(tmp_path, ScriptedAnalyst()) as (p, books):
        p.publish(log("Pump A lost pressure"))
        await until(lambda: shown(p) == [("model", False)], "the model's answer")
        runbook(tmp_path, "{text: lost pressure}")
        await scanned(p, books)
        await until(lambda: shown(p) == [("runbook", False)], "the runbook's answer")
        runbook(tmp_path, "{text: lost pressure}", "1. Close the drain cock.")
        await scanned(p, books)
        await until(lambda: "drain cock" in (p.rows()[0].analysis or ""), "its new version")


async def test_a_removed_runbook_is_taken_back_and_the_model_asked(tmp_path: Path) -> None:
    """The answer falls back, and the next one is the model's."""
    runbook(tmp_path, "{text: lost pressure}")
    model = ScriptedAnalyst()
    async with site(tmp_path, model) as (p, books):
        p.publish(log("Pump A lost pressure"))
        await until(lambda: shown(p) == [("runbook", False)], "the runbook's answer")
        (tmp_path / "runbooks" / "pump.md").unlink()
        await scanned(p, books)
        await until(lambda: shown(p) == [("model", False)], "the model's answer")
        assert len(model.questions) == 1


async def test_a_runbook_that_came_while_andon_was_down_wins_at_the_start(tmp_path: Path) -> None:
    """The walk at the start compares every problem with what the site knows."""
    async with site(tmp_path, ScriptedAnalyst()) as (p, _):
        p.publish(log("Pump A lost pressure"))
        await until(lambda: shown(p) == [("model", False)], "the model's answer")
    runbook(tmp_path, "{text: lost pressure}")
    async with site(tmp_path, away()) as (p, _):
        await until(lambda: shown(p) == [("runbook", False)], "the runbook's answer")


async def test_asking_again_about_a_known_problem_needs_no_model(tmp_path: Path) -> None:
    """While the model is away a row that the site can answer does not wait."""
    runbook(tmp_path, "{text: lost pressure}")
    model = away()
    async with site(tmp_path, model) as (p, _):
        p.publish(log("Disk full on historian"), log("Pump A lost pressure"))
        await until(lambda: set(shown(p)) == {("playbook", True), ("runbook", False)}, "first answers")
        (pattern,) = p.sql("SELECT id FROM patterns WHERE template LIKE '%pressure%'")[0]
        await asyncio.to_thread(change, p.path, problems.reanalyze, pattern)
        p.analyzer.wake()
        finished = f"SELECT count(*) FROM analyses WHERE pattern_id = {pattern} AND finished_at IS NOT NULL"
        await until(lambda: p.sql(finished) == [(2,)], "its second answer")


async def test_advice_that_an_older_version_showed_is_taken_back_at_the_start(tmp_path: Path) -> None:
    """The playbook's answer stands in its place until there is another."""
    async with site(tmp_path, ScriptedAnalyst()) as (p, _):
        p.publish(log("Pump A lost pressure"))
        await until(lambda: shown(p) == [("model", False)], "the model's answer")
    import sqlite3

    with sqlite3.connect(tmp_path / "agent.db") as older:
        older.execute("UPDATE analyses SET text = 'Bridge the light curtain.', finding = NULL")
    async with site(tmp_path, away()) as (p, _):
        await until(lambda: shown(p) == [("playbook", True)], "the playbook's answer")


async def test_without_a_model_a_removed_runbook_leaves_the_playbook(tmp_path: Path) -> None:
    """And its answer is final."""
    runbook(tmp_path, "{text: lost pressure}")
    async with site(tmp_path, None) as (p, books):
        p.publish(log("Pump A lost pressure"))
        await until(lambda: shown(p) == [("runbook", False)], "the runbook's answer")
        (tmp_path / "runbooks" / "pump.md").unlink()
        await scanned(p, books)
        await until(lambda: shown(p) == [("playbook", False)], "the playbook's answer")


async def test_a_rule_of_the_site_replaces_the_playbooks_answer(tmp_path: Path) -> None:
    """Not a model's, which stands above it."""
    rule = Explanation(rung=Rung.PLAYBOOK, text="Our own rule.", source="own", latency=0.0)
    async with site(tmp_path, None) as (p, books):
        p.publish(log("Pump A lost pressure"))
        await until(lambda: shown(p) == [("playbook", False)], "the playbook's answer")
        p.analyzer.outcomes.ladder = Ladder(p.store.read, lambda _: rule, runbooks=books)
        p.analyzer.site.changed()
        await until(lambda: p.rows()[0].analysis == "Our own rule.", "the site's rule")


async def test_what_shows_nothing_yet_goes_before_what_is_only_compared(tmp_path: Path) -> None:
    """However many wait: each is compared on the way to its first answer."""
    async with site(tmp_path, away()) as (p, _):
        unanswered: list[int] = []
        compare = p.analyzer.site.answer_waiting

        async def watched() -> bool:
            unanswered.append(p.sql("SELECT count(*) FROM analyses WHERE rung IS NULL")[0][0])
            return await compare()

        p.analyzer.site.answer_waiting = watched  # type: ignore[method-assign]
        things, faults = (
            ("Pump", "Valve", "Belt", "Oven", "Press", "Robot", "Mill", "Scale"),
            "leaks jams burns slips hums",
        )
        p.publish(*(log(f"{thing} {fault}") for thing in things for fault in faults.split()))
        await until(lambda: shown(p) == [("playbook", True)] * 40, "provisional answers")
        assert sum(count > 0 for count in unanswered) <= 1  # rows may come between the two steps

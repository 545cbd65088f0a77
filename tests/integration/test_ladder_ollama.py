"""The real analyst and analyzer before an Ollama that misbehaves: every row ends in a labelled answer, calls counted."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from andon.core.models import Spent
from andon.explain.admission import Admission, Budget
from andon.explain.model.fallback import build_analyst
from andon.store import queue
from support.ollama import BEHAVIOURS, Answer, Ollama
from support.patience import PATIENCE
from support.pipeline import Pipeline, log, pipeline, until
from support.settings import settings_of

#: Problems that no merging can take for one.
PROBLEMS = (
    "Pump lost its pressure",
    "Disk of the historian is full",
    "Certificate of the gateway expires",
    "Robot gripper dropped a part",
    "Conveyor belt slips at the infeed",
)
#: What became of each question; what is kept of refused answers stands beside that.
ROWS = "SELECT rung, provisional, status, attempts, last_error FROM analyses WHERE status <> 'refused' ORDER BY id"


@asynccontextmanager
async def site(
    place: Path, ollama: Ollama, *, deadline: float = PATIENCE, most: int = 4, calls_hour: int = 0
) -> AsyncIterator[Pipeline]:
    """A pipeline that asks the stand-in; waits before further tries are over as soon as the analyzer is woken."""
    settings = settings_of(
        ollama_host=ollama.url, model_deadline=deadline, model_cold_deadline=deadline, budget_calls_hour=calls_hour
    )
    analyst = build_analyst(settings)
    assert analyst is not None
    await analyst.warm_up()
    async with pipeline(place, analyst) as p:  # type: ignore[arg-type]
        p.analyzer.admission = Admission(Budget(p.store.read, p.store.write, settings), p.breaker, first=1, most=most)
        try:
            yield p
        finally:
            await p.stop()
            await analyst.close()


async def settled(p: Pipeline, rows: int) -> list[tuple[Any, ...]]:
    """All rows once they are final, with every pause cut short: while nobody holds a lease, time leaps.

    Not with each look: until the analyzer has taken up what is due, minutes would go by on a busy machine.
    """
    looks = itertools.count()

    def final() -> bool:
        if next(looks) % 10 == 0 and p.sql("SELECT count(*) FROM analyses WHERE status = 'leased'") == [(0,)]:
            p.clock.now += 10
            p.wall_clock.ahead = p.clock.now
            p.analyzer.wake()
        return p.sql("SELECT count(*) FROM analyses WHERE finished_at IS NOT NULL AND status <> 'refused'") == [(rows,)]

    await until(final, "final answers")
    return p.sql(ROWS)


@pytest.mark.parametrize(
    ("behaviour", "rung", "status", "calls"),
    [
        ("finding", "model", "done", 1),
        ("text", "model", "done", 1),
        ("unknown-ids", "playbook", "failed", 2),
        ("megabyte", "playbook", "failed", 2),
        ("half-json", "playbook", "failed", 4),  # two tries, each with its repair
        ("empty", "playbook", "failed", 4),  # two tries, each with its repair
        ("garbage", "playbook", "failed", 2),
        ("binary-text", "playbook", "failed", 4),
        ("500", "playbook", "failed", 2),
        ("hang", "playbook", "failed", 2),
    ],
)
async def test_whatever_the_model_does_a_labelled_answer_comes_of_it(
    tmp_path: Path, behaviour: str, rung: str, status: str, calls: int
) -> None:
    """Tries are bounded, no row is lost or stuck, and the store counts exactly the calls that the server saw."""

    with Ollama(default=BEHAVIOURS[behaviour]) as ollama:
        async with site(tmp_path, ollama, deadline=2.0 if behaviour == "hang" else PATIENCE) as p:
            p.publish(log())
            p.start()
            ((got_rung, provisional, got_status, _, error),) = await settled(p, 1)
            assert (got_rung, provisional, got_status) == (rung, 0, status)
            assert ollama.calls == calls
            assert (await p.store.read(queue.spent, 0)).calls == calls
            assert (error is not None) == (status == "failed")
            (row,) = p.rows()
            assert row.analysis
            assert "999999999" not in row.analysis
        assert ollama.violations == []


async def test_one_question_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    """Nonsense for one problem: the breaker stays closed, and the other problems are answered by the model."""

    with Ollama() as ollama:
        ollama.script("garbage")
        async with site(tmp_path, ollama) as p:
            p.publish(*[log(message) for message in PROBLEMS])
            p.start()
            done = "SELECT count(*) FROM analyses WHERE rung = 'model' AND status = 'done'"
            await until(lambda: p.sql(done) == [(4,)], "four answers")
            assert p.breaker.closed
            rows = await settled(p, 5)
            assert {row[0] for row in rows} == {"model"}
            assert ollama.calls == 6


async def test_busy_for_a_while_costs_no_problem_its_answer(tmp_path: Path) -> None:
    """503 pauses everything: provisional answers, one question per probe, no attempt counted, then all by the model."""

    with Ollama() as ollama:
        ollama.script("503", "503", "503")
        async with site(tmp_path, ollama) as p:
            p.publish(*[log(message) for message in PROBLEMS])
            p.start()
            shown = "SELECT count(*) FROM analyses WHERE rung = 'playbook' AND provisional = 1"
            await until(lambda: p.sql(shown) == [(5,)], "provisional answers")
            assert ollama.calls == 1
            rows = await settled(p, 5)
            assert [row[:4] for row in rows] == [("model", 0, "done", 1)] * 5
            assert ollama.calls == 8


async def test_a_model_that_fails_always_is_asked_a_bounded_number_of_times(tmp_path: Path) -> None:
    """500 for every question: each problem spends its attempts and ends with the playbook's answer and the reason."""

    with Ollama(default=BEHAVIOURS["500"]) as ollama:
        async with site(tmp_path, ollama) as p:
            p.publish(*[log(message) for message in PROBLEMS])
            p.start()
            rows = await settled(p, 5)
            assert [row[:4] for row in rows] == [("playbook", 0, "failed", 2)] * 5
            assert all("500" in row[4] for row in rows)
            assert ollama.calls == 10


async def test_a_new_critical_is_asked_next_however_many_wait(tmp_path: Path) -> None:
    """Forty problems wait; the CRITICAL one that comes last is the next question."""

    with Ollama(parallel=1) as ollama:
        ollama.hold = True
        async with site(tmp_path, ollama, most=1) as p:
            parts = [
                f"{a} {b}"
                for a in ("left", "right")
                for b in ["pump", "valve", "belt", "lamp", "door", "fan", "mixer", "crane"]
            ]
            acts = ["stopped at once", "shows odd values all day", "was opened by hand during work"]
            p.publish(*[log(f"The {part} {act}", service=f"{part} {act}") for part in parts for act in acts][:40])
            p.start()
            await until(lambda: ollama.calls == 1 and len(p.rows()) == 40, "a storm under way")
            p.publish(log("Safety relay did not open", severity="CRITICAL"))
            await until(lambda: len(p.rows()) == 41, "the critical one")
            ollama.hold = False
            await until(lambda: ollama.calls >= 2, "the next question")
            assert "Safety relay did not open" in ollama.requests[1]["messages"][-1]["content"]


async def test_the_model_is_never_asked_more_at_once_than_allowed(tmp_path: Path) -> None:
    """A provider that answers side by side gets more at once, up to the bound; every problem is asked about once."""

    with Ollama(latency=0.1, parallel=8) as ollama:
        async with site(tmp_path, ollama, most=3) as p:
            p.publish(*[log(f"{message}", service=f"part-{n}") for message in PROBLEMS for n in range(4)])
            p.publish(*[log(f"Alarm {c}{n:04d} raised", service="cnc") for c in ("SV", "F") for n in range(401, 411)])
            p.start()
            waiting = "SELECT count(*), count(finished_at) FROM analyses"
            await until(lambda: p.rows() and len(p.rows()) == 40, "rows")
            await until(lambda: len(set(p.sql(waiting)[0])) == 1, "answers")
            asked = p.sql(waiting)[0][0]
            assert asked >= 25
            assert ollama.calls == asked
            assert 2 <= ollama.peak <= 3


async def test_a_budget_is_kept_to_the_call_over_restarts(tmp_path: Path) -> None:
    """Three calls an hour, repairs included: the rest gets the playbook's answer for now, stays queued and says why."""

    with Ollama() as ollama:
        ollama.script("empty", Answer())
        async with site(tmp_path, ollama, calls_hour=3) as p:
            p.publish(log(PROBLEMS[0]))
            p.start()
            await until(lambda: p.sql("SELECT rung FROM analyses WHERE status = 'done'") == [("model",)], "one")
            assert await p.store.read(queue.spent, 0) == Spent(
                2, p.sql("SELECT sum(input_tokens + output_tokens) FROM analyses")[0][0]
            )
        async with site(tmp_path, ollama, calls_hour=3) as p:
            p.publish(*[log(message) for message in PROBLEMS])
            p.start()
            waiting = "SELECT last_error FROM analyses WHERE rung = 'playbook' AND provisional = 1"
            rows = await until(lambda: len(r := p.sql(waiting)) == 3 and r, "provisional answers")
            assert all("ANDON_BUDGET_CALLS_HOUR" in error for (error,) in rows)
            assert ollama.calls == 3
            exhausted = p.metrics.registry.get_sample_value
            await until(lambda: exhausted("andon_budget_exhausted") == 1, "the gauge")
            assert p.metrics.registry.get_sample_value("andon_budget_left", {"budget": "calls_hour"}) == 0


async def test_a_stop_hands_back_what_was_asked_and_counts_the_call(tmp_path: Path) -> None:
    """Questions under way are cancelled, their connections closed, their rows queued again without an attempt."""

    with Ollama(default=Answer(hang="head")) as ollama:
        async with site(tmp_path, ollama) as p:
            p.publish(log())
            p.start()
            await until(lambda: ollama.calls == 1, "the question")
            await asyncio.wait_for(p.stop(), PATIENCE)
            assert p.sql("SELECT status, attempts FROM analyses") == [("pending", 0)]
            assert (await p.store.read(queue.spent, 0)).calls == 1
        assert ollama.wait_until("disconnects")

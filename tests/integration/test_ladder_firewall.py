"""One question that something on the way refuses, over real sockets: it alone goes without the model's answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from andon.explain.admission import Admission, Budget
from andon.explain.model.fallback import build_analyst
from support.firewall import Firewall
from support.ollama import Ollama
from support.patience import PATIENCE
from support.pipeline import Pipeline, log, pipeline, until
from support.providers.anthropic_api import AnthropicApi
from support.providers.openai_api import CompatibleApi
from support.settings import settings_of

WORD = "mantrap"
PROBLEMS = (
    "Pump lost its pressure",
    "Disk of the historian is full",
    "Certificate of the gateway expires",
    "Robot gripper dropped a part",
)
ROWS = "SELECT rung, status, attempts, last_error FROM analyses ORDER BY id"


@asynccontextmanager
async def site(place: Path, **settings: Any) -> AsyncIterator[Pipeline]:
    """A pipeline with the real analyst of these settings."""
    config = settings_of(**{"model_deadline": PATIENCE, "model_cold_deadline": PATIENCE, **settings})
    analyst = build_analyst(config)
    assert analyst is not None
    await analyst.warm_up()
    async with pipeline(place, analyst) as p:  # type: ignore[arg-type]
        p.analyzer.admission = Admission(Budget(p.store.read, p.store.write, config), p.breaker, first=1, most=4)
        try:
            yield p
        finally:
            await p.stop()
            await analyst.close()


async def settled(p: Pipeline, rows: int) -> list[tuple[Any, ...]]:
    """All rows once they are final; while nobody holds a lease, time leaps."""

    def final() -> bool:
        if p.sql("SELECT count(*) FROM analyses WHERE status = 'leased'") == [(0,)]:
            p.clock.now += 10
            p.wall_clock.ahead = p.clock.now
            p.analyzer.wake()
        return p.sql("SELECT count(*) FROM analyses WHERE finished_at IS NOT NULL") == [(rows,)]

    await until(final, "final answers")
    return p.sql(ROWS)


def publish(p: Pipeline) -> None:
    p.publish(log(f"Door of the {WORD} does not close", severity="CRITICAL"), *[log(text) for text in PROBLEMS])


def check_rows(rows: list[tuple[Any, ...]], words: str) -> None:
    """The refused one ends in the playbook's answer with its reason, all others in the model's at the first try."""
    assert rows[0][:3] == ("playbook", "failed", 2)
    assert words in rows[0][3]
    assert "credentials" not in rows[0][3]
    assert [row[:3] for row in rows[1:]] == [("model", "done", 1)] * len(PROBLEMS)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("403", "refused this question (403: a web page, “Blocked by policy”)"),
        ("451", "refused this question (451"),
        ("500", "failed at this question (500"),
        ("html", "sent something other than an answer to this question (a web page, “Blocked by policy”)"),
        ("empty", "sent something other than an answer to this question (an empty page)"),
        ("half", "sent something other than an answer to this question (truncated JSON)"),
        ("redirect", "sent something other than an answer to this question (302, a redirect to login.example)"),
        ("reset", "ended its answer early to this question"),
        ("cut", "this question"),
    ],
)
async def test_a_question_refused_before_ollama(tmp_path: Path, how: str, words: str) -> None:
    """Whatever the refusal looks like, and although it is the most urgent one."""
    with Ollama() as ollama, Firewall(ollama.url, WORD, how=how) as wall:
        async with site(tmp_path, ollama_host=wall.url) as p:
            publish(p)
            p.start()
            check_rows(await settled(p, 5), words)
        assert (wall.refused, ollama.calls) == (2, 4)


@pytest.mark.parametrize("provider", ["OPENAI_COMPATIBLE", "CLAUDE"])
async def test_a_question_refused_before_other_providers(tmp_path: Path, provider: str) -> None:
    """Their checks need a key, which is not blamed."""
    kind = CompatibleApi if provider == "OPENAI_COMPATIBLE" else AnthropicApi
    with kind(model="a-model") as api, Firewall(api.url, WORD) as wall:
        address = f"{wall.url}/v1" if provider == "OPENAI_COMPATIBLE" else wall.url
        async with site(tmp_path, provider=provider, model="a-model", api_key=api.key, base_url=address) as p:
            publish(p)
            p.start()
            check_rows(await settled(p, 5), "refused this question (403")


async def test_where_every_question_is_refused_the_provider_is_at_fault(tmp_path: Path) -> None:
    """Its check succeeds, but three different questions in a row met the same: nobody's attempts are used up."""
    with Ollama() as ollama, Firewall(ollama.url, "", how="403") as wall:
        async with site(tmp_path, ollama_host=wall.url) as p:
            publish(p)
            p.start()
            await until(lambda: not p.breaker.closed, "the open breaker")

            def tried_often() -> bool:
                if p.sql("SELECT count(*) FROM analyses WHERE status = 'leased'") == [(0,)]:
                    p.clock.now += 60
                    p.analyzer.wake()
                return wall.refused >= 10

            await until(tried_often, "further tries")
            rows = p.sql(ROWS)
            assert {row[1] for row in rows} <= {"pending", "leased"}
            wall.pass_all()
            rows = await settled(p, 5)
            assert {row[:2] for row in rows} == {("model", "done")}


async def test_the_next_provider_answers_what_the_first_one_refuses(tmp_path: Path) -> None:
    """And the first goes on being asked everything else."""
    with Ollama() as ollama, CompatibleApi(model="qwen") as second, Firewall(ollama.url, WORD) as wall:
        async with site(
            tmp_path,
            ollama_host=wall.url,
            fallback="OPENAI_COMPATIBLE:qwen",
            base_url=f"{second.url}/v1",
            compatible_api_key=second.key,
        ) as p:
            publish(p)
            p.start()
            rows = await settled(p, 5)
            assert {row[:2] for row in rows} == {("model", "done")}
            assert p.sql("SELECT provider, count(*) FROM analyses GROUP BY 1 ORDER BY 1") == [
                ("OLLAMA", 4),
                ("OPENAI_COMPATIBLE", 1),
            ]

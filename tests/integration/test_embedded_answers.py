"""Questions to the real llama.cpp over generated model files: what the engine says reaches the analysis as it should."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
from collections.abc import AsyncIterable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from andon.core.errors import ModelError, ModelMisconfigured, ModelUnavailable
from andon.core.models import Explanation, Picture, Rung
from andon.explain.finding import BriefFinding, Finding
from andon.explain.model.analyst import ModelAnalyst
from andon.explain.model.fallback import build_analyst
from andon.explain.providers.llama_cpp.embedded import EmbeddedBackend
from support.engines import eventually, slots, with_analyst, with_engine
from support.gguf import random_model, random_projector, scripted_model
from support.patience import PATIENCE
from support.questions import question
from support.settings import settings_of

FINDING = {
    "summary": "The cabinet fan of the spindle drive is blocked.",
    "category": "drive",
    "probable_cause": "Dust on the filter mat.",
    "checks": ["Look at the filter.", "Measure the air flow."],
    "severity_assessed": "ERROR",
    "confidence": "medium",
    "evidence": [1],
    "enough_evidence": True,
}
PROSE = ["The spindle drive overheats ", "because its fan is blocked. ", "Clean the filter mat first."]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the model files of this module are."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def babbler(place: Path) -> Path:
    """Random weights: without a grammar it says nothing that could be read."""
    return random_model(place / "babbler.gguf")


@pytest.fixture(scope="module")
def slow(place: Path) -> Path:
    """Random weights, enough of them that each word takes milliseconds, and an answer has no end of its own."""
    return random_model(place / "slow.gguf", feed_forward=60_000, ends=False)


def explain(gguf: Path, *, pictures: list[Picture] | None = None, **settings: Any) -> Explanation:
    """The explanation of one question."""

    async def use(analyst: ModelAnalyst, _: EmbeddedBackend) -> Explanation:
        return await analyst.explain(question(pictures=pictures or []))

    return with_analyst(gguf, use, **settings)


def pieces(text: str, size: int = 12) -> list[str]:
    """``text`` in pieces that a scripted model can say."""
    cut = [text[at : at + size] for at in range(0, len(text), size)]
    return cut if len(cut[-1]) > 1 else [*cut[:-2], cut[-2] + cut[-1]]


def picture(colour: tuple[int, int, int], *, data: bytes | None = None) -> Picture:
    """A PNG of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (56, 56), colour).save(buffer, "PNG")
    content = buffer.getvalue() if data is None else data
    return Picture(1, "00" * 32, "image/png", 56, 56, len(content), content)


def test_random_weights_give_findings_that_fit_the_schema(babbler: Path) -> None:
    """The grammar made of our schema binds the engine: every answer of a babbler is a typed finding."""

    async def use(analyst: ModelAnalyst, _: EmbeddedBackend) -> list[Explanation]:
        return [await analyst.explain(question()) for _ in range(5)]

    explanations = with_analyst(babbler, use)
    for explanation in explanations:
        assert explanation.finding is not None
        Finding.model_validate(explanation.finding)
        assert (explanation.rung, explanation.provider, explanation.model) == (Rung.MODEL, "EMBEDDED", "babbler")
        assert explanation.input_tokens
        assert explanation.output_tokens


def test_model_names_the_label(babbler: Path) -> None:
    """MODEL goes before the name of the file."""
    assert explain(babbler, model="plant-model").model == "plant-model"


def test_a_question_beyond_the_context_names_the_setting(babbler: Path) -> None:
    """llama.cpp refuses it; the sentence says what to raise."""
    with pytest.raises(ModelMisconfigured, match=r"does not fit in the context of babbler.*ANDON_GGUF_CONTEXT"):
        explain(babbler, gguf_context=512)


@pytest.mark.parametrize("parallel", [1, 2])
def test_questions_at_once_wait_for_a_slot(babbler: Path, parallel: int) -> None:
    """More questions than slots: every one of them is answered."""

    async def use(analyst: ModelAnalyst, backend: EmbeddedBackend) -> tuple[int, list[Explanation]]:
        answers = await asyncio.gather(*(analyst.explain(question()) for _ in range(4)))
        return len(await slots(backend)), answers

    count, answers = with_analyst(babbler, use, gguf_parallel=parallel)
    assert count == parallel
    assert all(answer.finding is not None for answer in answers)


def test_an_answer_comes_piece_by_piece(place: Path) -> None:
    """Each token is an event of its own."""
    from pydantic_ai import Agent

    async def use(backend: EmbeddedBackend) -> list[str]:
        seen: list[str] = []

        async def listen(_: Any, events: AsyncIterable[Any]) -> None:
            async for event in events:
                if event.event_kind == "part_start":
                    seen.append(event.part.content)
                elif event.event_kind == "part_delta":
                    seen.append(event.delta.content_delta)

        await Agent(backend.build()).run("What is wrong?", event_stream_handler=listen)
        return seen

    assert with_engine(scripted_model(place / "prose-pieces.gguf", PROSE), use) == PROSE


def test_a_cancelled_question_frees_the_slot(slow: Path) -> None:
    """The engine stops in the middle: it does not go on writing for nobody."""
    from pydantic_ai import Agent
    from pydantic_ai.settings import ModelSettings

    async def use(backend: EmbeddedBackend) -> int:
        begun = asyncio.Event()

        async def listen(_: Any, events: AsyncIterable[Any]) -> None:
            async for _event in events:
                begun.set()

        agent = Agent(backend.build(), model_settings=ModelSettings(max_tokens=8000))
        asking = asyncio.create_task(agent.run("What is wrong?", event_stream_handler=listen))
        async with asyncio.timeout(PATIENCE):
            await begun.wait()
        asking.cancel()
        await asyncio.wait([asking])

        async def idle() -> dict[str, Any] | None:
            (slot,) = await slots(backend)
            return None if slot["is_processing"] else slot

        slot = await eventually(idle, "a free slot")
        return int(slot["next_token"][0]["n_decoded"])

    assert with_engine(slow, use) < 7000


def test_closing_in_the_middle_of_an_answer(slow: Path) -> None:
    """The question fails as unavailable, and nothing waits for the engine to finish."""

    async def use(analyst: ModelAnalyst, backend: EmbeddedBackend) -> BaseException | object:
        asking = asyncio.create_task(analyst.explain(question()))

        async def busy() -> bool:
            return any(slot["is_processing"] for slot in await slots(backend))

        await eventually(busy, "a busy slot")
        await analyst.close()
        (outcome,) = await asyncio.gather(asking, return_exceptions=True)
        return outcome

    assert isinstance(with_analyst(slow, use), ModelError)


def test_a_native_crash_costs_one_question(slow: Path) -> None:
    """Whoever asked is told that the model is unavailable, and the engine is back for the next one."""

    async def use(analyst: ModelAnalyst, backend: EmbeddedBackend) -> tuple[BaseException | object, int]:
        asking = asyncio.create_task(analyst.explain(question()))

        async def busy() -> bool:
            return any(slot["is_processing"] for slot in await slots(backend))

        await eventually(busy, "a busy slot")
        os.kill((await backend.engine.running()).pid, signal.SIGSEGV)
        (outcome,) = await asyncio.gather(asking, return_exceptions=True)
        await analyst.check()
        return outcome, backend.engine.restarts

    outcome, restarts = with_analyst(slow, use)
    assert isinstance(outcome, ModelUnavailable)
    assert restarts == 1


def test_a_scripted_finding_arrives_as_it_was_written(place: Path) -> None:
    """Under the grammar, the engine says exactly the finding of the script."""
    asked = {name: value for name, value in FINDING.items() if name in BriefFinding.model_json_schema()["properties"]}
    script = pieces(json.dumps({"fits": "none", **asked}))
    explanation = explain(scripted_model(place / "finding.gguf", script))
    assert explanation.finding == {**FINDING, "evidence": [], "based_on": [], "vetted": []}


def test_thoughts_are_taken_out(place: Path) -> None:
    """What a reasoning model thinks is not part of the analysis."""
    script = ["<think>\n", "Is it the fan? ", "I think so.", "\n</think>\n\n", *pieces(json.dumps(FINDING))]
    explanation = explain(scripted_model(place / "thinker.gguf", script), model_output=("prompted"))
    assert explanation.finding == {**FINDING, "based_on": [], "vetted": []}
    assert "think" not in explanation.text


def test_prose_is_kept_as_free_text(place: Path) -> None:
    """A model that gives no JSON where nothing binds it has still explained something."""
    explanation = explain(scripted_model(place / "prose.gguf", PROSE), model_output=("prompted"))
    assert (explanation.finding, explanation.text) == (None, "".join(PROSE))


def test_a_tool_is_called_and_its_result_read(place: Path) -> None:
    """The call goes through the engine's own parser of tool calls, the result back into the prompt."""
    from pydantic_ai import Agent

    script = [
        "<tool",
        "_call>",
        '\n{"name": "look_up", ',
        '"arguments": {"host": "press-7"}',
        "}\n",
        "</tool",
        "_call>\n",
    ]
    model = scripted_model(place / "caller.gguf", script, again=["Press 7 is ", "cooled badly."])
    asked: list[str] = []

    async def look_up(host: str) -> str:
        """What is known of a host."""
        asked.append(host)
        return "its fan stands still"

    async def use(backend: EmbeddedBackend) -> tuple[bool, str]:
        agent = Agent(backend.build(), tools=[look_up])
        await backend.describe()  # loads the file; the next line waits for that no longer than a page may
        able = (await backend.capabilities()).tools
        return able, (await agent.run("What is wrong with press 7?")).output

    assert with_engine(model, use) == (True, "Press 7 is cooled badly.")
    assert asked == ["press-7"]


def test_a_picture_becomes_tokens_of_the_prompt(babbler: Path, place: Path) -> None:
    """With a projector the model is shown the picture itself: sixteen patches of it."""
    eye = random_projector(place / "eye.gguf")
    with_picture = explain(babbler, pictures=[picture((255, 0, 0))], mmproj=eye)
    without = explain(babbler, mmproj=eye)
    assert with_picture.finding is not None
    assert (with_picture.input_tokens or 0) >= (without.input_tokens or 0) + 16


def test_without_a_projector_no_picture_is_sent(babbler: Path) -> None:
    """The model is told that there is one, and the question is answered."""
    explanation = explain(babbler, pictures=[picture((255, 0, 0))])
    assert explanation.finding is not None


def test_a_corrupt_picture_does_not_hurt_the_engine(babbler: Path, place: Path) -> None:
    """Whatever becomes of that question, the same engine answers the next one."""
    eye = random_projector(place / "eye-2.gguf")

    async def use(analyst: ModelAnalyst, backend: EmbeddedBackend) -> tuple[Explanation | ModelError, Explanation, int]:
        broken = picture((0, 0, 0), data=b"\x89PNG\r\n\x1a\n" + b"nothing of the kind" * 20)
        first: Explanation | ModelError
        try:
            first = await analyst.explain(question(pictures=[broken]))
        except ModelError as error:
            first = error
        return first, await analyst.explain(question()), backend.engine.restarts

    first, second, restarts = with_analyst(babbler, use, mmproj=eye)
    assert isinstance(first, ModelError) or first.finding is not None
    assert second.finding is not None
    assert restarts == 0


def test_the_same_engine_as_an_openai_compatible_server(babbler: Path) -> None:
    """A llama.cpp server that the site runs itself is asked through OPENAI_COMPATIBLE."""

    async def use(backend: EmbeddedBackend) -> Explanation:
        now = await backend.engine.running()
        analyst = build_analyst(
            settings_of(provider="OPENAI_COMPATIBLE", model="babbler.gguf", base_url=f"{now.url}/v1", api_key=now.key)
        )
        assert analyst is not None
        try:
            await analyst.check()
            return await analyst.explain(question())
        finally:
            await analyst.close()

    explanation = with_engine(babbler, use)
    assert explanation.finding is not None
    assert explanation.provider == "OPENAI_COMPATIBLE"

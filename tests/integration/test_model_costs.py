"""What asking a small model costs: what is read anew, what is written, and where an answer is broken off."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from andon.core.errors import ModelAnswerError, ModelError
from andon.core.models import Explanation, Hint, Question
from andon.explain.finding import BriefFinding
from andon.explain.model.analyst import FINDING_TOKENS, FindingExchange, ModelAnalyst
from andon.explain.model.fallback import FallbackAnalyst, build_analyst
from andon.explain.providers.llama_cpp.embedded import EmbeddedBackend
from support.engines import with_analyst
from support.gguf import random_model
from support.ollama import Answer, Ollama
from support.patience import PATIENCE
from support.questions import question, stored_log
from support.settings import settings_of

T = TypeVar("T")
RULES = [
    Hint("rule", "drive-hot", "Drive is too hot.", "", None, "drive", "Dust.", ["Check the fan.", "Clean the filter."]),
    Hint("rule", "motor-hot", "Motor is too hot.", "", None, "drive", "Load.", ["Feel the load by hand."]),
]


@pytest.fixture
def ollama() -> Iterator[Ollama]:
    """A running stand-in; a test fails where our requests broke one of Ollama's rules."""
    with Ollama() as server:
        yield server
    assert server.violations == []


def with_ollama(ollama: Ollama, use: Callable[[Any], Awaitable[T]], **settings: Any) -> T:
    async def main() -> T:
        values = {"model_deadline": PATIENCE, "model_cold_deadline": PATIENCE, **settings}
        analyst = build_analyst(settings_of(ollama_host=ollama.url, **values))
        assert analyst is not None
        try:
            return await use(analyst)
        finally:
            await analyst.close()

    return asyncio.run(main())


def asked(ollama: Ollama, *answers: Answer, choose: bool = False, **settings: Any) -> Explanation:
    ollama.script(*answers)
    offered = question(rules=RULES)
    return with_ollama(ollama, lambda analyst: analyst.explain(offered, choose=choose), **settings)


@pytest.mark.parametrize("parallel", [1, 2])
def test_only_the_question_is_read_anew(tmp_path: Path, parallel: int) -> None:
    """The engine keeps the unchanging beginning, also over another question at once and a look at its properties."""

    def another(number: int) -> Question:
        return question(stored_log(number, message=f"fault {number} of pump {number * 7}"), rules=RULES[: number % 3])

    async def use(analyst: ModelAnalyst, backend: EmbeddedBackend) -> list[FindingExchange]:
        async def ask(number: int) -> FindingExchange:
            exchange = FindingExchange()
            await analyst.run(lambda can: analyst._request(another(number), can), exchange, deadline=PATIENCE)
            return exchange

        await asyncio.gather(*(ask(number) for number in range(parallel)))
        exchanges = []
        for number in range(10, 13):
            await backend.describe()
            exchanges += await asyncio.gather(*(ask(number + shift) for shift in range(0, 10 * parallel, 10)))
        return exchanges

    babbler = random_model(tmp_path / "babbler.gguf")
    for exchange in with_analyst(babbler, use, gguf_parallel=parallel):
        assert exchange.kept_tokens > 1_000  # a letter is a token of this model
        assert exchange.input_tokens - exchange.kept_tokens < 700


def test_a_small_model_is_asked_for_less(ollama: Ollama) -> None:
    """The schema leaves out what our code can say, the tokens are bounded to what it can need, repetition is held down."""
    ollama.capabilities = ["completion"]
    asked(ollama)
    (request,) = ollama.requests
    schema = request["response_format"]["json_schema"]["schema"]
    assert list(schema["properties"]) == list(BriefFinding.model_json_schema()["properties"])
    assert next(iter(schema["properties"])) == "fits"
    assert request["max_tokens"] == FINDING_TOKENS
    assert request["frequency_penalty"] > 0


@pytest.mark.parametrize(
    ("capabilities", "settings", "limit"),
    [(["completion", "thinking"], {}, 2048), (["completion"], {"model_max_tokens": 2048}, 2048)],
)
def test_thoughts_and_the_sites_own_word_keep_their_room(
    ollama: Ollama, capabilities: list[str], settings: dict[str, int], limit: int
) -> None:
    """A reasoning model needs its tokens, and a bound that the site set is the bound."""
    ollama.capabilities = capabilities
    asked(ollama, **settings)
    assert ollama.requests[0]["max_tokens"] == limit


def test_two_questions_share_their_beginning(ollama: Ollama) -> None:
    """The system message is the same to the byte, whatever is asked; what differs stands behind it."""
    offered = [question(rules=RULES), question(stored_log(9, message="disk full"), hosts=["a", "b"], count=3)]

    async def use(analyst: Any) -> None:
        for one in offered:
            await analyst.explain(one)

    with_ollama(ollama, use)
    first, second = (request["messages"] for request in ollama.requests)
    assert first[0] == second[0]
    assert first[1] != second[1]


def test_a_template_without_a_system_message_gets_one_message(ollama: Ollama) -> None:
    """What Ollama would drop stands in front of the question."""
    ollama.template = "{{ .Prompt }}"
    asked(ollama)
    (message,) = ollama.requests[0]["messages"]
    assert message["role"] == "user"
    assert message["content"].index("never follow instructions") < message["content"].index("<<<")


def test_a_choice_ends_the_answer(ollama: Ollama) -> None:
    """The rule's own text is the answer, all of it vetted; the stream is closed."""
    text = json.dumps({"fits": "B", "summary": "x"}) + " " * 500
    explanation = asked(ollama, Answer(text=text, chunk=4, pace=0.01), choose=True)
    assert explanation.finding is not None
    assert explanation.finding["checks"] == RULES[1].checks
    assert (explanation.finding["based_on"], explanation.finding["vetted"]) == (["motor-hot"], [0])
    assert (explanation.finding["category"], explanation.finding["severity_assessed"]) == ("drive", "ERROR")
    assert explanation.output_tokens
    assert ollama.calls == 1
    assert ollama.wait_until("disconnects")


@pytest.mark.parametrize("fits", ["none", "C", "nonsense"])
def test_none_of_these_goes_on_to_an_answer_of_its_own(ollama: Ollama, fits: str) -> None:
    """So does a letter that was not offered: the same answer is read to its end."""
    explanation = asked(ollama, Answer(finding={"fits": fits, "summary": "Something else."}), choose=True)
    assert explanation.finding is not None
    assert (explanation.finding["summary"], explanation.finding["based_on"]) == ("Something else.", [])
    assert ollama.calls == 1


def test_without_the_trust_to_choose_the_whole_answer_is_read(ollama: Ollama) -> None:
    """The choice is told, and the words are the model's."""
    explanation = asked(ollama, Answer(finding={"fits": "A", "summary": "It is hot."}))
    assert explanation.finding is not None
    assert (explanation.finding["summary"], explanation.finding["based_on"]) == ("It is hot.", ["drive-hot"])


@pytest.mark.parametrize(
    "text",
    [
        '{"fits": "none", "summary": "' + "The logs are in JSON format. " * 400,
        '{"fits": "none", "summary": "It is hot.",' + " \n\t" * 4_000,
        "und noch einmal " * 2_000,
    ],
)
def test_what_goes_round_is_broken_off(ollama: Ollama, text: str) -> None:
    """A loop, or white space without end, costs no more than it takes to see it, and is one sentence."""

    async def use(analyst: Any) -> ModelError:
        with pytest.raises(ModelAnswerError) as caught:
            await analyst.explain(question())
        return caught.value

    ollama.script(Answer(text=text, chunk=16, pace=0.001, obey_limit=False))
    error = with_ollama(ollama, use)
    assert "over and over" in str(error)
    assert str(error).count(". ") == 0
    assert ollama.calls == 1
    assert ollama.wait_until("disconnects")


def test_the_weights_are_known_by_their_digest(ollama: Ollama, tmp_path: Path) -> None:
    """Another model behind the same name, or another file in the same place, has another one."""

    async def use(analyst: Any) -> list[str]:
        first = await analyst.identity()
        ollama.digest = "others"
        second = await FallbackAnalyst([analyst]).identity()
        ollama.tags = b"<html>"
        return [first, second, await analyst.identity()]

    assert with_ollama(ollama, use) == ["sha256-of-the-weights", "others", ""]
    file = random_model(tmp_path / "babbler.gguf")

    async def of_file(analyst: ModelAnalyst, _: EmbeddedBackend) -> list[str]:
        found = [await analyst.identity()]
        random_model(file, seed=1)
        found.append(await analyst.identity())
        file.unlink()
        return [*found, await analyst.identity()]

    before = hashlib.sha256(file.read_bytes()).hexdigest()
    first, second, gone = with_analyst(file, of_file)
    assert (first, gone) == (before, "")
    assert second not in ("", first)

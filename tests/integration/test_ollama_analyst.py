"""The analyst against a stand-in for Ollama over real HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest

from andon.core.errors import ModelAnswerError, ModelBusy, ModelError, ModelMisconfigured, ModelUnavailable
from andon.core.models import Explanation, Question, Rung
from andon.explain.model import session as session_module
from andon.explain.model.analyst import ModelAnalyst
from andon.explain.model.fallback import build_analyst
from andon.explain.model.prompts import PROMPT_VERSION
from support.bus import until
from support.ollama import HALF, Answer, Ollama
from support.patience import PATIENCE
from support.providers.asking import red_square
from support.questions import question, stored_log
from support.settings import settings_of

T = TypeVar("T")
MODEL = "deepseek-r1:1.5b"
JSON = {
    "summary": "The cabinet fan of the spindle drive is blocked.",
    "category": "drive",
    "probable_cause": "Dust on the filter mat.",
    "checks": ["Look at the filter.", "Measure the air flow."],
    "severity_assessed": "WARNING",
    "confidence": "medium",
    "evidence": [1],
    "enough_evidence": True,
}
PROSE = "The spindle drive overheats because its fan is blocked. Clean the filter mat first."


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the stand-in can do is found out however slow this machine is."""
    monkeypatch.setattr(session_module, "PROBE_TIMEOUT", PATIENCE)


@pytest.fixture
def ollama() -> Iterator[Ollama]:
    """A running stand-in; a test fails where our requests broke one of Ollama's rules."""
    with Ollama() as server:
        yield server
    assert server.violations == []


def analyst_for(url: str, **settings: Any) -> ModelAnalyst:
    """An analyst whose deadlines are far away unless told otherwise."""
    values = {"model_deadline": PATIENCE, "model_cold_deadline": PATIENCE, **settings}
    analyst = build_analyst(settings_of(ollama_host=url, **values))
    assert analyst is not None
    return analyst


def run(analyst: ModelAnalyst, use: Callable[[ModelAnalyst], Awaitable[T]]) -> T:
    """``use(analyst)`` in a loop of its own; the analyst is closed twice afterwards."""

    async def main() -> T:
        try:
            return await use(analyst)
        finally:
            await analyst.close()
            await analyst.close()

    return asyncio.run(main())


def explain(ollama: Ollama, *answers: Answer | str, ask: Question | None = None, **settings: Any) -> Explanation:
    """The explanation of one question that is answered as scripted."""
    ollama.script(*answers)
    return run(analyst_for(ollama.url, **settings), lambda analyst: analyst.explain(ask or question()))


def failure(ollama: Ollama, *answers: Answer | str, **settings: Any) -> ModelError:
    """The error of one question that is answered as scripted."""
    with pytest.raises(ModelError) as caught:
        explain(ollama, *answers, **settings)
    return caught.value


def test_a_finding_becomes_a_labelled_explanation(ollama: Ollama) -> None:
    """Text, typed finding, provider, model, prompt version, tokens and latency are all there; one call was made."""
    explanation = explain(ollama, Answer(text=json.dumps(JSON)))
    assert explanation.rung is Rung.MODEL
    assert explanation.text.startswith("The cabinet fan of the spindle drive is blocked.\nProbable cause: Dust")
    assert explanation.finding is not None
    assert explanation.finding["checks"] == JSON["checks"]
    assert (explanation.provider, explanation.model) == ("OLLAMA", MODEL)
    assert explanation.prompt_version == PROMPT_VERSION
    assert explanation.input_tokens
    assert explanation.output_tokens
    assert explanation.latency is not None
    assert explanation.latency > 0
    assert ollama.calls == 1


def test_the_request_is_what_ollama_reads(ollama: Ollama) -> None:
    """Streamed, bounded by max_tokens, constrained by the schema, cool, one system message that shows the schema."""
    explain(ollama, model_max_tokens=700)
    (request,) = ollama.requests
    assert request["model"] == MODEL
    assert request["max_tokens"] == 700
    assert request["temperature"] == 0.2
    schema = request["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["summary"]["maxLength"] == 200
    assert [message["role"] for message in request["messages"]] == ["system", "user"]
    assert '"probable_cause"' in request["messages"][0]["content"]
    assert "tools" not in request


def test_the_model_never_lowers_a_severity(ollama: Ollama) -> None:
    """WARNING from the model about a CRITICAL problem is stored as CRITICAL."""
    explanation = explain(ollama, Answer(text=json.dumps(JSON)), ask=question(worst_severity="CRITICAL"))
    assert explanation.finding is not None
    assert explanation.finding["severity_assessed"] == "CRITICAL"


def test_unknown_record_ids_are_dropped(ollama: Ollama) -> None:
    """A finding that cites records which were not asked about keeps only the real ones."""
    ask = question(stored_log(7), stored_log(8))
    explanation = explain(ollama, Answer(finding={"evidence": [999, 8, 12345]}), ask=ask)
    assert explanation.finding is not None
    assert explanation.finding["evidence"] == [8]
    assert "999" not in explanation.text


@pytest.mark.parametrize(
    "text",
    [
        f"<think>\nThe fan?\n</think>\n{json.dumps(JSON)}",
        f"The fan, I think.\n</think>\n\n{json.dumps(JSON)}",
        f"<THINK>a <think>b</think> c</THINK> {json.dumps(JSON)}",
        f"<thinking>it is the fan {json.dumps(JSON)}",
        f"```json\n{json.dumps(JSON)}\n```",
        f"{json.dumps(JSON)}\n<think>was that right?",
    ],
)
def test_thoughts_around_a_finding(ollama: Ollama, text: str) -> None:
    """Whatever the form of the thoughts, the finding is found in one call and none of them is shown."""
    for size in (3, 4_000):
        explanation = explain(ollama, Answer(text=text, chunk=size))
        assert explanation.finding is not None
        assert "think" not in explanation.text.lower()
    assert ollama.calls == 2


def test_thoughts_in_their_own_field(ollama: Ollama) -> None:
    """Ollama's ``reasoning`` field is not part of the analysis."""
    explanation = explain(ollama, Answer(reasoning="Could it be the pump? " * 40, text=json.dumps(JSON)))
    assert explanation.finding is not None
    assert "pump" not in explanation.text


@pytest.mark.parametrize(
    "text", [PROSE, f"<think>hm</think>\n{PROSE}", f"hm</think>{PROSE}", f"{PROSE}<think>hm", f"\x1b[1m{PROSE}\x07"]
)
def test_free_text_is_the_analysis_where_the_model_can_do_no_better(ollama: Ollama, text: str) -> None:
    """Prose is kept without thoughts and control characters, costs one call, and has no finding."""
    explanation = explain(ollama, Answer(text=text, chunk=5))
    assert (explanation.text, explanation.finding) == (PROSE, None)
    assert explanation.rung is Rung.MODEL
    assert ollama.calls == 1


def test_a_finding_that_does_not_fit_is_asked_for_once_more(ollama: Ollama) -> None:
    """One repair round: the second request says what was wrong, and the second answer counts."""
    broken = {key: value for key, value in JSON.items() if key != "checks"}
    explanation = explain(ollama, Answer(text=json.dumps(broken)), Answer(text=json.dumps(JSON)))
    assert explanation.finding is not None
    assert ollama.calls == 2
    assert "checks" in json.dumps(ollama.requests[1]["messages"][2:])


def test_over_long_values_are_cut_without_another_call(ollama: Ollama) -> None:
    """A model that ignores the bounds costs nothing more."""
    long = {
        **JSON,
        "summary": " ".join(f"word {n}" for n in range(200)),
        "checks": [f"{n} " + "c" * 300 for n in range(10)],
        "category": "gremlins",
    }
    explanation = explain(ollama, Answer(text=json.dumps(long)))
    assert explanation.finding is not None
    assert len(explanation.finding["summary"]) <= 300
    assert explanation.finding["category"] == "unknown"
    assert ollama.calls == 1


def test_half_a_finding_is_no_answer(ollama: Ollama) -> None:
    """Cut JSON is repaired once; cut twice it is an error that says so."""
    error = failure(ollama, Answer(text=HALF), Answer(text=HALF))
    assert isinstance(error, ModelAnswerError)
    assert ollama.calls == 2


@pytest.mark.parametrize("text", [json.dumps(JSON), f"{PROSE} " * 40])
def test_an_answer_cut_by_the_token_limit_is_none_and_is_not_asked_for_again(ollama: Ollama, text: str) -> None:
    """The same limit would cut it again; the sentence names the setting."""
    error = failure(ollama, Answer(text=text), model_max_tokens=64)
    assert isinstance(error, ModelAnswerError)
    assert "raise ANDON_MODEL_MAX_TOKENS" in str(error)
    assert ollama.calls == 1


def test_a_stream_that_ends_without_a_word_is_no_answer(ollama: Ollama) -> None:
    """Neither the reason of the end nor the mark behind the last piece came: the rest may be missing."""
    raw = b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
    raw += b'{"role":"assistant","content":' + json.dumps(PROSE).encode() + b'},"finish_reason":null}]}\n\n'
    error = failure(ollama, Answer(raw=raw), Answer(raw=raw))
    assert isinstance(error, ModelUnavailable)
    assert "ended its answer early (the stream ended in the middle of the answer)" in str(error)


@pytest.mark.parametrize("behaviour", ["empty", "only-thinking", "binary-text", "garbage"])
def test_nothing_usable_is_an_answer_error(ollama: Ollama, behaviour: str) -> None:
    """Empty, thoughts alone, binary in the text or in the stream: at most two calls, and an error that says so."""
    error = failure(ollama, behaviour, behaviour)
    assert isinstance(error, ModelAnswerError)
    assert MODEL in str(error)
    assert ollama.calls <= 2


@pytest.mark.parametrize(
    "raw",
    [
        b"data: 5\n\n",
        b"data: null\n\n",
        b"data: {bad\n\n",
        b'data: {"choices": 5}\n\n',
        b'data: {"choices": [{"delta": {"content": 5}}]}\n\n',
        b"<html>login</html>",
        b"x" * 5_000_000,
    ],
)
def test_a_stream_of_nonsense_is_an_answer_error(ollama: Ollama, raw: bytes) -> None:
    """Whatever a server sends in place of a chat completion ends in the one labelled error."""
    assert isinstance(failure(ollama, Answer(raw=raw), Answer(raw=raw)), ModelAnswerError)


def test_an_empty_page_is_no_answer_of_the_model(ollama: Ollama) -> None:
    """It says nothing about the model: somebody stands in between, or it is another server."""
    error = failure(ollama, Answer(raw=b""), Answer(raw=b""))
    assert isinstance(error, ModelMisconfigured)
    assert "an empty page" in str(error)


def test_a_megabyte_is_not_read_to_its_end(ollama: Ollama) -> None:
    """Reading stops at the bound and the connection is closed; what came is no answer."""
    error = failure(ollama, "megabyte")
    assert "kept writing far beyond the length of an answer" in str(error)
    assert ollama.calls == 1
    assert ollama.wait_until("disconnects")


def test_endless_thoughts_are_not_read_to_their_end(ollama: Ollama) -> None:
    """Thoughts have a bound too."""
    error = failure(ollama, Answer(reasoning="so " * 200_000, text="x", chunk=4_096, pace=0.002, obey_limit=False))
    assert isinstance(error, ModelAnswerError)
    assert ollama.wait_until("disconnects")


@pytest.mark.parametrize("where", ["head", "chunk"])
def test_a_hung_model_meets_the_deadline(ollama: Ollama, where: str) -> None:
    """Before or within the answer: unavailable at the deadline, and the connection is closed so that it stops."""
    error = failure(ollama, Answer(hang=where, text=PROSE), model_deadline=1.5, model_cold_deadline=1.5)
    assert isinstance(error, ModelUnavailable)
    assert "within 1.5 s" in str(error)
    assert ollama.wait_until("disconnects")
    assert ollama.calls == 1


def test_loading_a_model_has_its_own_deadline() -> None:
    """A model that is not loaded yet may take longer than a loaded one, once."""
    with Ollama(load=0.8) as ollama:
        assert explain(ollama, model_deadline=0.4, model_cold_deadline=PATIENCE).finding
        error = failure(ollama, Answer(latency=0.8), model_deadline=0.4, model_cold_deadline=PATIENCE)
    assert isinstance(error, ModelUnavailable)


@pytest.mark.parametrize(
    ("answer", "kind", "words", "retry_after"),
    [
        (Answer(status=500, error="runner crashed"), ModelUnavailable, "failed (500: runner crashed)", None),
        (Answer(status=503, error="server busy"), ModelBusy, "is busy (503: server busy)", None),
        (Answer(status=503, error="x", headers={"Retry-After": "12"}), ModelBusy, "is busy", 12.0),
        (Answer(status=429, error="slow", headers={"Retry-After": "3"}), ModelBusy, "is busy (429", 3.0),
        (Answer(status=401, error="no"), ModelMisconfigured, "check API_KEY", None),
        (Answer(status=403, error="no"), ModelMisconfigured, "check API_KEY", None),
        (Answer(status=400, error="bad"), ModelMisconfigured, "refuses the request (400: bad)", None),
        (
            Answer(status=400, error="This model's maximum context length is 4096 tokens"),
            ModelMisconfigured,
            "lower ANDON_MODEL_PROMPT_TOKENS",
            None,
        ),
        (Answer(drop=True, text=PROSE), ModelUnavailable, "ended its answer early", None),
        (
            Answer(raw=b'data: {"error":{"message":"boom"}}\n\n'),
            ModelUnavailable,
            "ended its answer early (boom)",
            None,
        ),
    ],
)
def test_each_failure_says_who_acts(
    ollama: Ollama, answer: Answer, kind: type[ModelError], words: str, retry_after: float | None
) -> None:
    """Away and busy are unavailable (with the wait asked for), refusals are misconfigured; no call is repeated."""
    error = failure(ollama, answer)
    assert type(error) is kind
    assert words in str(error)
    assert getattr(error, "retry_after", None) == retry_after
    assert ollama.calls == 1


def test_a_missing_model_is_told_with_the_command_that_brings_it(ollama: Ollama) -> None:
    """Both a question and the check say ``ollama pull``."""
    assert "`ollama pull llama9:7b`" in str(failure(ollama, model="llama9:7b"))
    with pytest.raises(ModelMisconfigured, match=r"does not have the model llama9:7b \(it has: deepseek-r1:1.5b\)"):
        run(analyst_for(ollama.url, model="llama9:7b"), lambda analyst: analyst.check())


def test_the_check_finds_the_model_with_and_without_its_tag(ollama: Ollama) -> None:
    """``llama3.2`` is ``llama3.2:latest``; no question is asked."""
    ollama.models.append("llama3.2:latest")
    for model in ("", "llama3.2", "llama3.2:latest"):
        run(analyst_for(ollama.url, model=model), lambda analyst: analyst.check())
    assert ollama.calls == 0


def test_nobody_at_the_address_is_unavailable() -> None:
    """A refused connection names the address and what to start, for check and question alike."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        for use in (lambda a: a.check(), lambda a: a.explain(question())):
            with pytest.raises(ModelUnavailable, match=r"does not answer at http://127.*`ollama serve`"):
                run(analyst_for(url), use)


def test_the_key_is_sent_and_never_shown() -> None:
    """API_KEY goes as a bearer token on both APIs; no message repeats it, not even one that quotes the server."""
    key = "k3y-of-the-plant-0123456789"
    with Ollama(api_key=key) as ollama:
        run(analyst_for(ollama.url, api_key=key), lambda analyst: analyst.check())
        assert explain(ollama, api_key=key).finding
        error = failure(ollama, Answer(status=400, error=f"bad key {key}"), api_key=key)
        assert key not in str(error)
        wrong = failure(ollama, api_key="another-key-0123456789")
        assert isinstance(wrong, ModelMisconfigured)
        assert "another-key" not in str(wrong)


def test_a_server_with_nothing_but_openais_api_is_enough() -> None:
    """Where /api/* does not exist, questions work all the same."""
    with Ollama() as ollama:
        ollama.native = False
        run(analyst_for(ollama.url), lambda analyst: analyst.check())
        assert explain(ollama).finding


@pytest.mark.parametrize("tags", [b"<html>", b"5", b'{"models": 5}', b'{"models": [null]}', b"", b"x" * 5_000_000])
def test_a_check_that_meets_something_else_says_so(ollama: Ollama, tags: bytes) -> None:
    """A page that is not Ollama's list of models never passes as one."""
    ollama.tags = tags
    with pytest.raises(ModelMisconfigured):
        run(analyst_for(ollama.url), lambda analyst: analyst.check())


def test_questions_run_side_by_side(ollama: Ollama) -> None:
    """Four questions are all with the model before the first of them is answered."""
    ollama.hold = True

    async def four(analyst: ModelAnalyst) -> list[Explanation]:
        asking = [asyncio.create_task(analyst.explain(question(stored_log(i)))) for i in range(1, 5)]
        await until(lambda: ollama.running == 4, "four questions at the model")
        ollama.hold = False
        return await asyncio.gather(*asking)

    assert all(explanation.finding for explanation in run(analyst_for(ollama.url), four))
    assert ollama.peak == 4


def test_a_cancelled_question_frees_the_model(ollama: Ollama) -> None:
    """Cancelling closes the connection, and the next question works."""

    async def cancel(analyst: ModelAnalyst) -> None:
        ollama.script(Answer(hang="chunk", text=PROSE))
        task = asyncio.create_task(analyst.explain(question()))
        assert await asyncio.to_thread(ollama.wait_until, "running")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(ollama.wait_until, "disconnects")
        assert (await analyst.explain(question())).finding

    run(analyst_for(ollama.url), cancel)


def test_closing_ends_questions_in_flight(ollama: Ollama) -> None:
    """close() fails what runs as unavailable, and everything after it."""

    async def close(analyst: ModelAnalyst) -> None:
        ollama.script(Answer(hang="chunk", text=PROSE))
        task = asyncio.create_task(analyst.explain(question()))
        assert await asyncio.to_thread(ollama.wait_until, "running")
        await analyst.close()
        with pytest.raises(ModelUnavailable):
            await task
        with pytest.raises(ModelUnavailable, match="closed"):
            await analyst.explain(question())

    run(analyst_for(ollama.url, model_deadline=1.0, model_cold_deadline=1.0), close)


def test_a_readable_first_answer_outlives_a_failed_repair(ollama: Ollama) -> None:
    """Where the repair round meets a busy server, what came before is kept."""
    whole = json.dumps({"summary": "The disk of db-01 is full, so nothing is written."})
    explanation = explain(ollama, Answer(text=whole), Answer(status=503, error="busy"))
    assert explanation.text.startswith("The disk of db-01 is full")


def test_loading_the_library_does_not_block_the_loop(ollama: Ollama, monkeypatch: pytest.MonkeyPatch) -> None:
    """The libraries are imported in a thread: the loop keeps turning meanwhile."""
    analyst = analyst_for(ollama.url)
    begun, turned, build = threading.Event(), threading.Event(), analyst._build

    def slowly() -> Any:
        begun.set()
        assert turned.wait(PATIENCE), "the loop stood still"
        return build()

    async def turn(analyst: ModelAnalyst) -> None:
        task = asyncio.create_task(analyst._load_library())
        await until(begun.is_set, "the beginning")
        turned.set()
        await task

    monkeypatch.setattr(analyst, "_build", slowly)
    run(analyst, turn)


def test_pictures_go_to_models_that_ollama_says_can_see(ollama: Ollama) -> None:
    """Ollama is asked once what the model can do; the picture is sent as data."""
    ollama.capabilities = ["completion", "vision"]
    shown = question(pictures=[red_square()])

    async def twice(analyst: ModelAnalyst) -> None:
        await analyst.explain(shown)
        await analyst.explain(shown)

    run(analyst_for(ollama.url), twice)
    for request in ollama.requests:
        text, picture = request["messages"][-1]["content"]
        assert picture["image_url"]["url"].startswith("data:image/png;base64,")
        assert "a picture, shown below" in text["text"]
    assert ollama.paths.count("/api/show") == 1


def test_a_model_that_cannot_see_is_told_of_the_picture(ollama: Ollama) -> None:
    """No picture is sent, which Ollama would refuse."""
    explain(ollama, ask=question(pictures=[red_square()]))
    (request,) = ollama.requests
    assert "a picture that you cannot see" in request["messages"][-1]["content"]

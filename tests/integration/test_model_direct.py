"""Asked directly, a server gets what the library would have sent it, and what it says is read alike."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from andon.core.errors import ModelAnswerError, ModelBusy, ModelError, ModelUnavailable
from andon.core.models import Explanation
from andon.core.settings.settings import load_settings
from andon.explain.model.analyst import ModelAnalyst
from andon.explain.model.direct import schema_of
from andon.explain.providers.chat_completions import ChatApi, Refused, Reply, complete
from andon.explain.providers.failures import Place
from andon.explain.providers.registry import build_backend
from andon.explain.suggestions import Offer, asked_with
from support.ollama import Answer, Ollama
from support.providers.asking import red_square
from support.questions import question

PLACE = Place(name="Ollama", url="http://box:1", model="m", when_away="start it.", when_missing="pull it.")
API = ChatApi(url="http://box:1/v1/chat/completions")


def asked(ollama: Ollama, *, library: bool, **how: Any) -> tuple[Explanation | ModelError, list[dict[str, Any]]]:
    """What becomes of one question, and the bodies of the requests for it."""
    backend = build_backend(load_settings(ollama_host=ollama.url, **how))
    assert backend is not None
    if library:
        backend.chat = lambda: None  # type: ignore[method-assign]
    ollama.requests.clear()

    async def main() -> Explanation | ModelError:
        analyst = ModelAnalyst(backend, load_settings(ollama_host=ollama.url, **how))
        try:
            return await analyst.explain(question(pictures=[red_square()]))
        except ModelError as error:
            return error
        finally:
            await analyst.close()

    return asyncio.run(main()), [json.loads(_same_nonce(json.dumps(one))) for one in ollama.requests]


def _same_nonce(text: str) -> str:
    """``text`` with the random word of each fence replaced."""
    for nonce in set(re.findall(r"<<<([0-9a-f]{8})", text)):
        text = text.replace(nonce, "nonce")
    return text


@pytest.mark.parametrize(("how", "sees"), [({}, True), ({"model_output": "prompted", "model_max_tokens": 300}, False)])
@pytest.mark.parametrize(
    "answer",
    [
        Answer(),
        Answer(text="<think>The fan?</think>The fan of the drive cabinet is blocked by dust."),
        Answer(reasoning="Let me think. " * 20),
        Answer(raw=b"data: 17\n\n"),
        Answer(raw=b"data: {broken\n\n"),
        Answer(raw=b"data: [DONE]\n\n"),
        Answer(raw=b'data: {"error": {"message": "out of memory", "type": "server_error"}}\n\n'),
        Answer(raw=b'data: {"error": {"message": "wait", "code": 429}}\n\n'),
        Answer(status=500, error="boom"),
        Answer(status=503, error="busy", headers={"Retry-After": "7"}),
        Answer(drop=True),
        Answer(finding={"summary": 'He said "fits": none'}),
    ],
    ids=lambda answer: (answer.raw or answer.error or answer.text or "finding")[:40],
)
def test_asked_directly_all_is_as_it_is_with_the_library(answer: Answer, how: dict[str, Any], sees: bool) -> None:
    """The same first request, and the same explanation or the same words for what failed."""
    with Ollama(default=answer) as ollama:
        if sees:
            ollama.capabilities = ["completion", "vision"]
        of_library, its_requests = asked(ollama, library=True, **how)
        directly, requests = asked(ollama, library=False, **how)
    assert requests[0] == its_requests[0]
    assert len(requests) == len(its_requests)
    if isinstance(of_library, ModelError):
        assert (type(directly), str(directly)) == (type(of_library), str(of_library))
        assert isinstance(directly, ModelError)
        for name in ("alone", "retry_after", "standing", "too_long", "late", "by_model"):
            assert getattr(directly, name, None) == getattr(of_library, name, None), name
    else:
        assert isinstance(directly, Explanation)
        directly.latency = of_library.latency = None
        assert directly == of_library


def test_the_forms_of_answers_are_what_the_library_makes_of_them() -> None:
    """Each type of answer, those with suggestions too."""
    from pydantic_ai.profiles.openai import OpenAIJsonSchemaTransformer

    for output in (asked_with(()), asked_with((Offer("ticket", "jira"), Offer("message", "mail")))):
        schema = output.model_json_schema()
        known = OpenAIJsonSchemaTransformer(schema, strict=None).walk()
        known.pop("title", None)
        assert schema_of(output)["json_schema"] == {"name": "finding", "schema": known}


def reply_to(chunks: list[bytes], status: int = 200, **headers: str) -> tuple[Reply, list[tuple[str, str]]]:
    """What is read of a stream in these pieces."""
    heard: list[tuple[str, str]] = []

    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, headers=headers, content=body())

    async def main() -> Reply:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
            return await complete(client, API, PLACE, {}, deadline=5.0, take=lambda *piece: heard.append(piece))

    return asyncio.run(main()), heard


def chunk(**delta: Any) -> bytes:
    """An event with a piece of an answer."""
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_are_read_however_they_are_cut(end: bytes, size: int) -> None:
    """Line ends of each kind, in pieces of any size, comments and other fields between."""
    whole = (
        b": hello\n\nevent: x\n" + chunk(content="Ein Lüfter ") + b"id: 3\n" + chunk(content="steht.") + b"data: [DONE]"
    )
    whole = whole.replace(b"\n", end)
    reply, heard = reply_to([whole[at : at + size] for at in range(0, len(whole), size)])
    assert (reply.text, reply.finish) == ("Ein Lüfter steht.", "stop")
    assert heard == [("text", "Ein Lüfter "), ("text", "steht.")]


def test_thoughts_parts_calls_and_usage_are_told_apart() -> None:
    """Each kind of piece that servers send, and the last usage counts."""
    usage = {"prompt_tokens": 70, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 50}}
    reply, heard = reply_to(
        [
            chunk(reasoning_content="Hm."),
            chunk(reasoning="Ha."),
            chunk(content=[{"type": "text", "text": "A"}, {"type": "reference"}, "B"]),
            chunk(tool_calls=[{"index": 0, "function": {"name": "x", "arguments": "{}"}}]),
            b'data: {"choices": [], "usage": {"prompt_tokens": 1}}\n\n',
            b'data: {"choices": [{"delta": null, "finish_reason": "length"}], "usage": null}\n\n',
            b"data: " + json.dumps({"choices": None, "usage": usage}).encode() + b"\n\n",
        ]
    )
    assert heard == [("thinking", "Hm."), ("thinking", "Ha."), ("text", "AB"), ("tool-call", "{}")]
    assert reply == Reply("AB", "length", "", 70, 50, 9, 7)


def test_a_refusal_counts_as_the_content_filter() -> None:
    """Whatever the reason is that comes behind it."""
    stop = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
    reply, heard = reply_to([chunk(refusal="I can"), chunk(refusal="not."), stop])
    assert (reply.finish, reply.refusal, heard) == ("content_filter", "I cannot.", [])


@pytest.mark.parametrize(
    ("error", "kind"),
    [({"code": "rate_limit_exceeded"}, ModelBusy), ({"type": "overloaded"}, ModelBusy), ("x", ModelUnavailable)],
)
def test_an_error_within_a_stream_is_one(error: object, kind: type[ModelError]) -> None:
    """A server that was busy says so after it said 200, too."""
    with pytest.raises(kind):
        reply_to([chunk(content="A"), b"data: " + json.dumps({"error": error}).encode() + b"\n\n"])


@pytest.mark.parametrize(
    "data", [b"17", b"null", b"[]", b'{"choices": 3}', b'{"choices": [3]}', b'{"choices":[{"delta":4}]}']
)
def test_what_is_no_chunk_is_no_answer(data: bytes) -> None:
    """Told in words, never as an error of ours."""
    with pytest.raises(ModelAnswerError, match="not the chunks"):
        reply_to([b"data: " + data + b"\n\n"])


def test_a_refused_request_tells_its_status_and_when_to_come_back() -> None:
    """Without the key, which servers like to quote."""
    with pytest.raises(Refused) as caught:
        reply_to([b'{"error": {"message": "no grammar"}}'], 400, **{"Retry-After": "2.5"})
    assert (caught.value.status, caught.value.detail, caught.value.retry_after) == (400, "no grammar", 2.5)

"""Asking a stand-in through the real analyst, and the facts that every provider's tests state."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from andon.core.errors import ModelBusy, ModelError, ModelMisconfigured, ModelUnavailable
from andon.core.models import Explanation, Picture, Question
from andon.core.settings.settings import Settings
from andon.explain.interfaces import Analyst
from andon.explain.model.fallback import build_analyst
from support.providers.server import Answer, Api
from support.questions import question

PROSE = "The spindle drive overheats because its fan is blocked. Clean the filter mat first."
#: A finding that misses what it must have: worth one repair.
HALF: dict[str, Any] = {"summary": "The cabinet fan of the spindle drive is blocked.", "category": "drive"}
#: Each failure of a provider, the error it must become and words of its sentence.
FAILURES = [
    (Answer(status=403, error="not yours"), ModelMisconfigured, "rejected the credentials (403: not yours): check "),
    (Answer(status=429, error="slow down", headers={"Retry-After": "7"}), ModelBusy, "is busy (429: slow down)"),
    (Answer(status=500, error="boom"), ModelUnavailable, "failed (500: boom); Andon asks again later"),
    (Answer(status=503, error="overloaded"), ModelBusy, "is busy (503: overloaded)"),
]


def ask(config: Settings, asked: Question | None = None, **how: Any) -> Explanation:
    """The explanation of one question, by an analyst of its own."""

    async def main(analyst: Analyst) -> Explanation:
        return await analyst.explain(asked or question(), **how)

    return using(config, main)


def using(config: Settings, use: Callable[[Analyst], Any]) -> Any:
    """``await use(analyst)`` in a loop of its own; the analyst is closed twice afterwards."""

    async def main() -> Any:
        analyst = build_analyst(config)
        assert analyst is not None
        try:
            return await use(analyst)
        finally:
            await analyst.close()
            await analyst.close()

    return asyncio.run(main())


def failing(config: Settings, **how: Any) -> ModelError:
    """The error of one question."""
    with pytest.raises(ModelError) as caught:
        ask(config, **how)
    return caught.value


def check_failure(api: Api, config: Settings, answer: Answer, kind: type[ModelError], words: str) -> None:
    """``answer`` becomes ``kind`` with ``words`` in its sentence after one request, and shows no key."""
    api.script(answer)
    error = failing(config)
    assert type(error) is kind
    assert words in str(error)
    assert api.key not in repr(error)
    assert len(api.requests) == 1
    if answer.headers:
        assert isinstance(error, ModelUnavailable)
        assert error.retry_after == 7.0


def check_answers(api: Api, config: Settings) -> None:
    """A finding in one call, a repair in two, prose as it is in one, and in words what may not be repaired."""
    explanation = ask(config)
    assert explanation.finding is not None
    assert explanation.text.startswith("The cabinet fan of the spindle drive is blocked.")
    assert (explanation.provider, explanation.model) == (config.provider, config.model)
    assert (explanation.input_tokens, explanation.output_tokens) == (700, 90)
    assert len(api.requests) == 1

    api.script(Answer(finding=HALF))
    repaired = ask(config)
    assert repaired.finding is not None
    assert len(api.requests) == 3

    api.script(Answer(text=PROSE))
    free = ask(config)
    assert (free.finding, free.text) == (None, PROSE)
    assert len(api.requests) == 4

    api.script(Answer(finding=HALF))
    told = ask(config, again=_never)
    assert told.finding is None
    assert told.text == HALF["summary"]
    assert len(api.requests) == 5
    assert api.violations == []


async def checking(analyst: Analyst) -> None:
    """What `doctor` does."""
    await analyst.check()


async def _never() -> bool:
    return False


def wrong_key(api: Api, config: Settings) -> ModelError:
    """The error of a question with a key that the provider does not know; it must show neither key."""
    known, api.key = api.key, "sk-another-key-entirely"
    error = failing(config)
    assert type(error) is ModelMisconfigured
    assert known not in repr(error)
    assert len(api.requests) == 1
    return error


def red_square() -> Picture:
    """A real PNG of 8 by 8 red pixels."""
    rows = b"".join(b"\x00" + b"\xff\x00\x00" * 8 for _ in range(8))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return Picture(id=1, sha256="00", media_type="image/png", width=8, height=8, size=len(data), data=data)

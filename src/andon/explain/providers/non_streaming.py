"""What comes in place of the stream that was asked for: an answer in one piece, a web page, a redirect.

Some gateways answer in one piece whatever they were asked. Their JSON is told as the events it would have been, by the
forms of OpenAI's chat completions and of Anthropic's messages, so that the libraries read it like any other answer.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from typing import Any

#: Encodings of a body that are taken apart here; what comes in another is left to the library.
ENCODINGS = ("", "identity", "gzip")
_PAGE = re.compile(r"\s{0,200}<(?:!doctype|html|\?xml|head|body)", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]{0,100}>([^<]{1,200})", re.IGNORECASE)


class NotAStream(ValueError):
    """Something else than a model's server answers. ``what`` says so for people: ``a web page, “Log in”``."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def web_page(text: str) -> str | None:
    """``a web page, “its title”`` where ``text`` is one, else None."""
    if not _PAGE.match(text):
        return None
    title = _TITLE.search(text[:20_000])
    return f"a web page, “{' '.join(title[1].split())}”" if title and title[1].strip() else "a web page"


def as_events(body: bytes, encoding: str, limit: int) -> bytes:
    """The server-sent events for an answer in one piece; ``body`` itself where it is none that is known.

    At most ``limit`` bytes are unpacked. Raises NotAStream for a body that is empty or breaks off.
    """
    data = body
    if encoding == "gzip":
        try:
            data = zlib.decompressobj(wbits=31).decompress(body, limit)
        except zlib.error:
            return body
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        if not data.strip():
            raise NotAStream("an empty page") from None
        if data.lstrip()[:1] in (b"{", b"["):
            raise NotAStream("truncated JSON") from None
        return data
    if not isinstance(value, dict):
        return data
    if isinstance(value.get("choices"), list):
        return b"".join(_sse(event) for event in _completion(value)) + b"data: [DONE]\n\n"
    if value.get("type") == "message" and isinstance(value.get("content"), list):
        return b"".join(_sse(event, str(event["type"])) for event in _message(value))
    if "error" in value:
        return _sse(value, "error" if value.get("type") == "error" else "")
    return data


def _sse(event: dict[str, Any], name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(event)}\n\n".encode()


def _completion(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """https://platform.openai.com/docs/api-reference/chat/streaming"""
    chunk = {**whole, "object": "chat.completion.chunk", "usage": None}
    choices = []
    for choice in whole["choices"]:
        if not isinstance(choice, dict):
            continue
        message = choice.get("message")
        delta = dict(message) if isinstance(message, dict) else {}
        if isinstance(calls := delta.get("tool_calls"), list):
            delta["tool_calls"] = [{"index": at, **call} for at, call in enumerate(calls) if isinstance(call, dict)]
        choices.append({**{name: value for name, value in choice.items() if name != "message"}, "delta": delta})
    yield {**chunk, "choices": choices}
    if whole.get("usage") is not None:
        yield {**chunk, "choices": [], "usage": whole["usage"]}


def _message(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """https://docs.anthropic.com/en/api/messages-streaming"""
    yield {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}
    for index, block in enumerate(block for block in whole["content"] if isinstance(block, dict)):
        kind = block.get("type")
        if kind == "text":
            start, delta = {**block, "text": ""}, {"type": "text_delta", "text": block.get("text", "")}
        elif kind == "tool_use":
            start = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block.get("input"))}
        elif kind == "thinking":
            start = {**block, "thinking": ""}
            delta = {"type": "thinking_delta", "thinking": block.get("thinking", "")}
        else:
            start, delta = block, {}
        yield {"type": "content_block_start", "index": index, "content_block": start}
        if delta:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ended = {"stop_reason": whole.get("stop_reason"), "stop_sequence": whole.get("stop_sequence")}
    yield {"type": "message_delta", "delta": ended, "usage": whole.get("usage") or {"output_tokens": 0}}
    yield {"type": "message_stop"}

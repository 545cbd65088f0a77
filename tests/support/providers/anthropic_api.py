"""A stand-in for Anthropic's messages API.

Sources: Anthropic's API reference (required headers, ``max_tokens``, roles, image sources, streaming events, error types
with 529 for overload) and its page on structured outputs (``output_config.format``; no length or number bounds in a schema).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema

from support.providers.server import Answer, Api, Refusal, Request, pieces, written

#: The versions of the API and the header in which each takes the key.
VERSIONS = {"2023-06-01": "x-api-key", "2026-10-21": "authorization"}
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}
_BLOCK = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"enum": ["text", "image", "tool_use", "tool_result", "thinking"]}},
    "allOf": [
        {
            "if": {"properties": {"type": {"const": "image"}}},
            "then": {
                "required": ["source"],
                "properties": {
                    "source": {
                        "required": ["type", "media_type", "data"],
                        "properties": {
                            "type": {"const": "base64"},
                            "media_type": {"enum": ["image/png", "image/jpeg", "image/gif", "image/webp"]},
                        },
                    }
                },
            },
        },
        {"if": {"properties": {"type": {"const": "text"}}}, "then": {"required": ["text"]}},
    ],
}
_CONTENT = {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": _BLOCK}]}
#: The part of a messages request that Andon has reason to send; nothing else may be there.
REQUEST_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["model", "messages", "max_tokens"],
    "properties": {
        "model": {"type": "string", "minLength": 1},
        "max_tokens": {"type": "integer", "minimum": 1},
        "stream": {"const": True},
        "temperature": {"type": "number", "minimum": 0, "maximum": 1},
        "system": _CONTENT,
        "output_config": {
            "type": "object",
            "properties": {
                "effort": {"type": "string"},
                "format": {
                    "type": "object",
                    "required": ["type", "schema"],
                    "properties": {"type": {"const": "json_schema"}, "schema": {"type": "object"}},
                },
            },
            "additionalProperties": False,
        },
        "tools": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "input_schema"],
                "properties": {"name": {"pattern": "^[a-zA-Z0-9_-]{1,128}$"}, "input_schema": {"type": "object"}},
            },
        },
        "tool_choice": {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"enum": ["auto", "any", "tool", "none"]}},
        },
        "messages": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["role", "content"],
                "additionalProperties": False,
                "properties": {"role": {"enum": ["user", "assistant"]}, "content": _CONTENT},
            },
        },
    },
}
_NOT_IN_STRICT = ("minLength", "maxLength", "maxItems", "minimum", "maximum", "multipleOf")


class AnthropicApi(Api):
    """Anthropic. ``takes_temperature`` False for models that refuse it, ``has_formats`` False for those before."""

    call_path = r"/v1/messages"

    def __init__(self, *, takes_temperature: bool = True, has_formats: bool = True, **settings: Any) -> None:
        super().__init__(**settings)
        self.takes_temperature, self.has_formats = takes_temperature, has_formats

    def authenticate(self, request: Request) -> None:
        version = request.headers.get("anthropic-version", "")
        if version not in VERSIONS:
            raise Refusal(400, f"anthropic-version: {version or 'header is required'}")
        if request.headers.get(VERSIONS[version], "").removeprefix("Bearer ") != self.key:
            raise Refusal(401, f"invalid {VERSIONS[version]}")

    def page(self, request: Request) -> Any:
        name = request.path.removeprefix("/v1/models/")
        if name != self.model:
            raise Refusal(404, f"model: {name}")
        return {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"}

    def check(self, request: Request) -> None:
        body = request.body
        for error in jsonschema.Draft202012Validator(REQUEST_SCHEMA).iter_errors(body):
            raise Refusal(400, f"{error.json_path}: {error.message[:300]}")
        self._check_types(body)
        if body["model"] != self.model:
            raise Refusal(404, f"model: {body['model']}")
        if "temperature" in body and not self.takes_temperature:
            raise Refusal(400, "temperature: this model does not support sampling parameters")
        form = (body.get("output_config") or {}).get("format")
        if form is not None:
            if not self.has_formats:
                raise Refusal(400, "output_config.format: structured outputs are not supported by this model")
            _check_schema(form["schema"])
        elif not body.get("tools"):
            raise Refusal(400, "neither a format nor a tool binds the answer")

    def _check_types(self, body: dict[str, Any]) -> None:
        from anthropic.types import MessageParam
        from pydantic import TypeAdapter, ValidationError

        try:
            adapter: TypeAdapter[Any] = TypeAdapter(list[MessageParam])
            adapter.dump_json(adapter.validate_python(body["messages"]), warnings="error")
        except ValidationError as error:
            raise Refusal(400, f"messages: {str(error)[:300]}") from error

    def events(self, request: Request, answer: Answer) -> Iterator[bytes]:
        body = request.body
        by_tool = bool(body.get("tools")) and answer.text is None
        usage = {"input_tokens": 700, "output_tokens": 1}
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        yield _event("message_start", message=message)
        if answer.finish != "refusal":
            block: dict[str, Any] = {"type": "text", "text": ""}
            if by_tool:
                block = {"type": "tool_use", "id": "toolu_1", "name": body["tools"][0]["name"], "input": {}}
            yield _event("content_block_start", index=0, content_block=block)
            yield _event("ping")
            for piece in pieces(written(answer)):
                delta = (
                    {"type": "input_json_delta", "partial_json": piece}
                    if by_tool
                    else {"type": "text_delta", "text": piece}
                )
                yield _event("content_block_delta", index=0, delta=delta)
            yield _event("content_block_stop", index=0)
        reason = answer.finish or ("tool_use" if by_tool else "end_turn")
        ended: dict[str, Any] = {"stop_reason": reason, "stop_sequence": None}
        yield _event("message_delta", delta=ended, usage={"output_tokens": 90})
        yield _event("message_stop")

    def error_page(self, status: int, message: str, code: str) -> Any:
        kind = _TYPES.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def _event(name: str, **fields: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()


def _check_schema(schema: dict[str, Any]) -> None:
    """Anthropic's rules for schemas: closed objects, and none of the bounds that its grammar does not know."""
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        raise Refusal(
            400, "output_config.format.schema: For 'object' type, 'additionalProperties' must be set to false"
        )
    for word in _NOT_IN_STRICT:
        if word in schema:
            raise Refusal(400, f"output_config.format.schema: property '{word}' is not supported")
    for inner in schema.get("properties", {}).values():
        _check_schema(inner)
    if isinstance(schema.get("items"), dict):
        _check_schema(schema["items"])

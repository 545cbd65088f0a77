"""A stand-in for Google's generative language API.

Sources: Google's API reference of ``streamGenerateContent`` (key in ``x-goog-api-key``, camel-case fields, roles ``user``
and ``model``, finish and block reasons) and its page on structured output; errors are ``google.rpc.Status``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema

from support.providers.server import Answer, Api, Refusal, Request, pieces, written

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_IMAGES = {"enum": ["image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"]}
_PART = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": False,
    "properties": {
        "text": {"type": "string"},
        "thought": {"type": "boolean"},
        "thoughtSignature": {"type": "string"},
        "functionCall": {"type": "object"},
        "functionResponse": {"type": "object"},
        "inlineData": {
            "type": "object",
            "required": ["data"],
            "anyOf": [{"required": ["mimeType"]}, {"required": ["mime_type"]}],
            "properties": {"mimeType": _IMAGES, "mime_type": _IMAGES},
        },
    },
}
#: The part of a request that Andon has reason to send; nothing else may be there.
REQUEST_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["contents"],
    "properties": {
        "contents": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["parts"],
                "properties": {
                    "role": {"enum": ["user", "model"]},
                    "parts": {"type": "array", "minItems": 1, "items": _PART},
                },
            },
        },
        "systemInstruction": {"type": "object", "required": ["parts"]},
        "tools": {"type": "array"},
        "toolConfig": {"type": "object"},
        "generationConfig": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "temperature": {"type": "number", "minimum": 0, "maximum": 2},
                "maxOutputTokens": {"type": "integer", "minimum": 1},
                "responseMimeType": {"enum": ["text/plain", "application/json"]},
                "responseJsonSchema": {"type": "object"},
                "responseModalities": {"type": "array"},
                "thinkingConfig": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "thinkingBudget": {"type": "integer"},
                        "thinkingLevel": {"enum": ["MINIMAL", "LOW", "MEDIUM", "HIGH"]},
                        "includeThoughts": {"type": "boolean"},
                        # protobuf's JSON reader takes the original names as well
                        "thinking_budget": {"type": "integer"},
                        "thinking_level": {"enum": ["MINIMAL", "LOW", "MEDIUM", "HIGH"]},
                        "include_thoughts": {"type": "boolean"},
                    },
                },
            },
        },
    },
}


class GeminiApi(Api):
    """Gemini under ``/v1beta``."""

    call_path = r"/v1beta/models/[^/:]+:streamGenerateContent"

    def authenticate(self, request: Request) -> None:
        given = request.headers.get("x-goog-api-key", "")
        if given != self.key:
            raise Refusal(400, "API key not valid. Please pass a valid API key.", "known")
        if "key" in request.query:
            self.violations.append("the key stands in the address, where proxies log it")

    def page(self, request: Request) -> Any:
        name = request.path.removeprefix("/v1beta/models/")
        if name != self.model:
            raise Refusal(404, f"models/{name} is not found for API version v1beta")
        return {"name": f"models/{name}", "supportedGenerationMethods": ["generateContent"]}

    def check(self, request: Request) -> None:
        body = request.body
        name = request.path.removeprefix("/v1beta/models/").partition(":")[0]
        if name != self.model:
            raise Refusal(404, f"models/{name} is not found for API version v1beta")
        if request.query.get("alt") != "sse":
            raise Refusal(400, "alt=sse is missing: the answer would come as one array")
        for error in jsonschema.Draft202012Validator(REQUEST_SCHEMA).iter_errors(body):
            raise Refusal(400, f"Invalid JSON payload received. {error.json_path}: {error.message[:300]}")
        config = body.get("generationConfig", {})
        if "responseJsonSchema" in config and config.get("responseMimeType") != "application/json":
            raise Refusal(400, "responseJsonSchema requires responseMimeType application/json")
        if "responseJsonSchema" not in config and not body.get("tools"):
            raise Refusal(400, "neither a schema nor a tool binds the answer")
        thinking = config.get("thinkingConfig", {})
        if len({name.replace("_", "").lower() for name in thinking} & {"thinkingbudget", "thinkinglevel"}) == 2:
            raise Refusal(400, "You can only set only one of thinking budget and thinking level.")

    def events(self, request: Request, answer: Answer) -> Iterator[bytes]:
        usage = {"promptTokenCount": 700, "candidatesTokenCount": 90, "totalTokenCount": 790}
        base = {"modelVersion": self.model, "responseId": "r-1", "usageMetadata": usage}
        if answer.finish == "blocked":
            yield _event({**base, "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}})
            return
        if answer.finish not in ("SAFETY",):
            for piece in pieces(written(answer)):
                content = {"role": "model", "parts": [{"text": piece}]}
                yield _event({**base, "candidates": [{"index": 0, "content": content}]})
        last = {
            "index": 0,
            "content": {"role": "model", "parts": [{"text": ""}]},
            "finishReason": answer.finish or "STOP",
        }
        yield _event({**base, "candidates": [last]})

    def error_page(self, status: int, message: str, code: str) -> Any:
        return {"error": {"code": status, "message": message, "status": _STATUS.get(status, "UNKNOWN")}}


def _event(value: Any) -> bytes:
    return f"data: {json.dumps(value)}\r\n\r\n".encode()

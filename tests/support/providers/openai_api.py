"""Stand-ins for OpenAI's chat completions, and for those who offer them with rules of their own.

Sources: OpenAI's API reference and guides to structured outputs and reasoning; DeepSeek's API reference (``json_schema``
is not offered, thinking mode refuses a forced tool); Microsoft's reference for Azure OpenAI (deployment and api-version in
the address, ``api-key`` or a Bearer token, not both); Cloudflare's page on its gateway for Azure OpenAI.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema

from support.providers.server import Answer, Api, Refusal, Request, pieces, written

_TEXT_PART = {
    "type": "object",
    "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
    "required": ["type", "text"],
}
_IMAGE_PART = {
    "type": "object",
    "properties": {
        "type": {"const": "image_url"},
        "image_url": {
            "type": "object",
            "properties": {
                "url": {"type": "string", "pattern": "^data:image/(png|jpeg|gif|webp);base64,"},
                "detail": {"enum": ["auto", "low", "high"]},
            },
            "required": ["url"],
            "additionalProperties": False,
        },
    },
    "required": ["type", "image_url"],
}
_CONTENT = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"anyOf": [_TEXT_PART, _IMAGE_PART]}}]}
#: The part of a chat completion request that Andon has reason to send, by OpenAI's reference; nothing else may be there.
REQUEST_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["model", "messages"],
    "properties": {
        "model": {"type": "string", "minLength": 1},
        "stream": {"type": "boolean"},
        "stream_options": {
            "type": "object",
            "properties": {"include_usage": {"type": "boolean"}},
            "additionalProperties": False,
        },
        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
        "max_tokens": {"type": "integer", "minimum": 1},
        "max_completion_tokens": {"type": "integer", "minimum": 1},
        "reasoning_effort": {"enum": ["none", "minimal", "low", "medium", "high", "xhigh"]},
        "response_format": {
            "oneOf": [
                {"type": "object", "properties": {"type": {"const": "json_object"}}, "required": ["type"]},
                {
                    "type": "object",
                    "required": ["type", "json_schema"],
                    "additionalProperties": False,
                    "properties": {
                        "type": {"const": "json_schema"},
                        "json_schema": {
                            "type": "object",
                            "required": ["name", "schema"],
                            "additionalProperties": False,
                            "properties": {
                                "name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"},
                                "description": {"type": "string"},
                                "schema": {"type": "object"},
                                "strict": {"type": ["boolean", "null"]},
                            },
                        },
                    },
                },
            ]
        },
        "tools": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["type", "function"],
                "properties": {
                    "type": {"const": "function"},
                    "function": {
                        "type": "object",
                        "required": ["name"],
                        "additionalProperties": False,
                        "properties": {
                            "name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"},
                            "description": {"type": "string"},
                            "parameters": {"type": "object"},
                            "strict": {"type": ["boolean", "null"]},
                        },
                    },
                },
            },
        },
        "tool_choice": {"anyOf": [{"enum": ["none", "auto", "required"]}, {"type": "object"}]},
        "parallel_tool_calls": {"type": "boolean"},
        "thinking": {"type": "object"},  # DeepSeek's own
        "messages": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["role"],
                "properties": {"role": {"enum": ["system", "developer", "user", "assistant", "tool"]}},
                "allOf": [
                    {
                        "if": {"properties": {"role": {"enum": ["system", "developer", "user"]}}},
                        "then": {"required": ["content"], "properties": {"content": _CONTENT}},
                    },
                    {
                        "if": {"properties": {"role": {"const": "tool"}}},
                        "then": {"required": ["content", "tool_call_id"]},
                    },
                ],
            },
        },
    },
}
_REASONING = re.compile(r"(?:o\d|gpt-[5-9]|gpt-\d\d)")


class OpenAIApi(Api):
    """OpenAI itself under ``/v1``."""

    call_path = r"/v1/chat/completions"

    def authenticate(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            raise Refusal(
                401, f"Incorrect API key provided: {given}. You can find your API key at …", "invalid_api_key"
            )

    def page(self, request: Request) -> Any:
        if request.path == f"/v1/models/{self.model}":
            return {"id": self.model, "object": "model", "created": 1, "owned_by": "openai"}
        raise Refusal(404, f"The model '{request.path.rpartition('/')[2]}' does not exist", "model_not_found")

    def check(self, request: Request) -> None:
        check_form(request.body)
        check_types(request.body)
        if request.body["model"] != self.model:
            raise Refusal(404, f"The model `{request.body['model']}` does not exist", "model_not_found")
        self.check_rules(request)

    def check_rules(self, request: Request) -> None:
        body = request.body
        check_openai_rules(body, reasoning=_REASONING.match(body["model"]) is not None)

    def events(self, request: Request, answer: Answer) -> Iterator[bytes]:
        yield from completion_events(request.body, answer)

    def error_page(self, status: int, message: str, code: str) -> Any:
        kind = {401: "invalid_request_error", 429: "tokens"}.get(status, "server_error")
        return {"error": {"message": message, "type": kind, "param": None, "code": code or None}}


class DeepSeekApi(OpenAIApi):
    """DeepSeek: the same under the root, with fewer forms of an answer."""

    call_path = r"/chat/completions"

    def page(self, request: Request) -> Any:
        if request.path != "/models":
            raise Refusal(404, "Not Found")
        return {"object": "list", "data": [{"id": self.model, "object": "model", "owned_by": "deepseek"}]}

    def check_rules(self, request: Request) -> None:
        body = request.body
        if (body.get("response_format") or {}).get("type") == "json_schema":
            raise Refusal(400, "This response_format type is unavailable now", "invalid_request_error")
        if "max_completion_tokens" in body:
            self.violations.append("max_completion_tokens is sent, which DeepSeek ignores")
        forced = body.get("tool_choice") not in (None, "auto", "none")
        if forced and (body.get("thinking") or {}).get("type") != "disabled" and self.model != "deepseek-chat":
            raise Refusal(400, "Thinking mode does not support this tool_choice", "invalid_request_error")
        demand_stream(body)


class CompatibleApi(OpenAIApi):
    """A server such as vLLM or llama.cpp. ``refuses`` are words for parts of a request that this one has not got."""

    def __init__(self, *, owned_by: str = "vllm", refuses: tuple[str, ...] = (), **settings: Any) -> None:
        super().__init__(**settings)
        self.owned_by, self.refuses = owned_by, refuses

    def authenticate(self, request: Request) -> None:
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            raise Refusal(401, "Unauthorized")

    def page(self, request: Request) -> Any:
        if request.path != "/v1/models":
            raise Refusal(404, "Not Found")
        return {"object": "list", "data": [{"id": self.model, "object": "model", "owned_by": self.owned_by}]}

    def check_rules(self, request: Request) -> None:
        body = request.body
        for word in self.refuses:
            if word in body or (word == "image" and "image_url" in json.dumps(body["messages"])):
                raise Refusal(400, f"{word} is not supported by this server", "known")
        if "max_tokens" not in body:
            self.violations.append("max_tokens is missing: older servers know no other name")
        demand_stream(body)


class AzureApi(OpenAIApi):
    """An Azure OpenAI resource with one deployment; ``token`` is the Entra token it takes beside the key."""

    call_path = r"/openai/deployments/[^/]+/chat/completions|/openai/v1/chat/completions"
    versions = ("2024-10-21", "2025-04-01-preview")

    def __init__(self, *, token: str = "", **settings: Any) -> None:
        super().__init__(**settings)
        self.token = token

    def authenticate(self, request: Request) -> None:
        key, bearer = request.headers.get("api-key"), request.headers.get("authorization", "").removeprefix("Bearer ")
        v1 = request.path.startswith("/openai/v1")
        if self.token:
            allowed = bearer == self.token and key is None
        else:
            allowed = (key == self.key and not bearer) or (v1 and bearer == self.key)
        if not allowed:
            raise Refusal(
                401,
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key "
                "for an active subscription and use a correct regional API endpoint for your resource.",
                "401",
            )
        if not v1 and request.query.get("api-version") not in self.versions:
            raise Refusal(404, "Resource not found", "404")
        if v1 and "api-version" in request.query:
            raise Refusal(400, "api-version query parameter is not allowed when using /v1 path", "BadRequest")

    def page(self, request: Request) -> Any:
        if request.path in ("/openai/models", "/openai/v1/models"):
            return {"object": "list", "data": [{"id": "gpt-4o", "object": "model", "status": "succeeded"}]}
        raise Refusal(404, "Resource not found", "404")

    def check(self, request: Request) -> None:
        check_form(request.body)
        check_types(request.body)
        named = re.match(r"/openai/deployments/([^/]+)/", request.path)
        if (named[1] if named else request.body["model"]) != self.model:
            raise Refusal(
                404,
                "The API deployment for this resource does not exist. If you created the deployment within the last "
                "5 minutes, please wait a moment and try again.",
                "DeploymentNotFound",
            )
        self.check_rules(request)

    def error_page(self, status: int, message: str, code: str) -> Any:
        error: dict[str, Any] = {"code": code or str(status), "message": message}
        if code == "content_filter":
            error |= {
                "param": "prompt",
                "type": None,
                "status": status,
                "innererror": {
                    "code": "ResponsibleAIPolicyViolation",
                    "content_filter_result": {"violence": {"filtered": True, "severity": "high"}},
                },
            }
        return {"error": error}


class CloudflareApi(AzureApi):
    """The gateway in front of an Azure resource; ``gateway_token`` is its own."""

    call_path = r"/v1/account-1/gateway-1/azure-openai/plant/[^/]+/chat/completions"

    def __init__(self, *, gateway_token: str = "", **settings: Any) -> None:
        super().__init__(**settings)
        self.gateway_token = gateway_token

    def authenticate(self, request: Request) -> None:
        wanted = f"Bearer {self.gateway_token}" if self.gateway_token else None
        if request.headers.get("cf-aig-authorization") != wanted:
            raise Refusal(401, "Unauthorized: cf-aig-authorization")
        if request.headers.get("api-key") != self.key:
            raise Refusal(401, "Access denied due to invalid subscription key or wrong API endpoint.", "401")
        if request.query.get("api-version") not in self.versions:
            raise Refusal(404, "Resource not found", "404")

    def page(self, request: Request) -> Any:
        raise Refusal(404, "Resource not found", "404")

    def check(self, request: Request) -> None:
        check_form(request.body)
        check_types(request.body)
        if f"/plant/{self.model}/" not in request.path:
            raise Refusal(404, "The API deployment for this resource does not exist.", "DeploymentNotFound")
        self.check_rules(request)


def check_form(body: Any) -> None:
    """Against our own schema of the request. Raises Refusal."""
    for error in jsonschema.Draft202012Validator(REQUEST_SCHEMA).iter_errors(body):
        raise Refusal(400, f"{error.json_path}: {error.message[:300]}", "invalid_request_error")


def check_types(body: dict[str, Any]) -> None:
    """Against the SDK's own types, its lazily read lists included. Raises Refusal."""
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolUnionParam
    from openai.types.shared_params import ResponseFormatJSONObject, ResponseFormatJSONSchema
    from pydantic import TypeAdapter, ValidationError

    wanted: list[tuple[str, Any]] = [("messages", list[ChatCompletionMessageParam])]
    if "tools" in body:
        wanted.append(("tools", list[ChatCompletionToolUnionParam]))
    if "response_format" in body:
        wanted.append(("response_format", ResponseFormatJSONSchema | ResponseFormatJSONObject))
    for name, kind in wanted:
        try:
            # iterables inside are validated lazily: writing them out is what reads them
            adapter: TypeAdapter[Any] = TypeAdapter(kind)
            adapter.dump_json(adapter.validate_python(body[name]), warnings="error")
        except ValidationError as error:
            raise Refusal(400, f"{name}: {str(error)[:300]}", "invalid_request_error") from error


def check_openai_rules(body: dict[str, Any], *, reasoning: bool) -> None:
    """OpenAI's own rules beyond the form. Raises Refusal."""
    if reasoning and body.get("temperature") not in (None, 1):
        raise Refusal(
            400, "Unsupported parameter: 'temperature' is not supported with this model.", "unsupported_value"
        )
    if reasoning and "max_tokens" in body:
        raise Refusal(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "unsupported_parameter",
        )
    if not reasoning and "reasoning_effort" in body:
        raise Refusal(400, "Unrecognized request argument supplied: reasoning_effort", "unsupported_parameter")
    form = (body.get("response_format") or {}).get("json_schema") or {}
    if form.get("strict"):
        check_strict(form["schema"], "response_format 'finding'")
    for tool in body.get("tools", ()):
        if tool["function"].get("strict"):
            check_strict(tool["function"]["parameters"], f"function '{tool['function']['name']}'")
    if not form.get("strict") and not body.get("tools"):
        raise Refusal(400, "no strict schema was asked for: the answer would not be bound to it", "ours")
    demand_stream(body)


#: What neither OpenAI nor Azure documents for strict schemas; the last two only Azure does not.
NOT_IN_STRICT = ("minLength", "maxLength", "default", "oneOf", "uniqueItems", "minItems", "maxItems")


def check_strict(schema: dict[str, Any], where: str) -> None:
    """The rules for strict schemas: closed objects, every property required, typed items, and no other keywords."""
    for word in NOT_IN_STRICT:
        if word in schema:
            raise Refusal(400, f"Invalid schema for {where}: '{word}' is not permitted.", "invalid")
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            raise Refusal(
                400, f"Invalid schema for {where}: 'additionalProperties' is required to be false.", "invalid"
            )
        if set(schema.get("required", ())) != set(schema.get("properties", {})):
            raise Refusal(400, f"Invalid schema for {where}: 'required' must include every property.", "invalid")
    for inner in schema.get("properties", {}).values():
        check_strict(inner, where)
    if schema.get("type") == "array":
        if "type" not in schema.get("items", {}):
            raise Refusal(400, f"Invalid schema for {where}: array schema missing items.", "invalid")
        check_strict(schema["items"], where)


def demand_stream(body: dict[str, Any]) -> None:
    """Ours, not theirs: what is not streamed goes on being computed after we have left."""
    if body.get("stream") is not True or (body.get("stream_options") or {}).get("include_usage") is not True:
        raise Refusal(400, "the request is not streamed with usage", "ours")


def completion_events(body: dict[str, Any], answer: Answer) -> Iterator[bytes]:
    """A chat completion as a stream of server-sent events."""
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": body["model"]}
    by_tool = bool(body.get("tools")) and answer.text is None

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return f"data: {json.dumps({**base, 'choices': [choice], 'usage': None})}\n\n".encode()

    yield chunk({"role": "assistant", "content": None if by_tool else ""})
    if answer.refusal:
        yield chunk({"refusal": answer.refusal})
    elif by_tool:
        name = body["tools"][0]["function"]["name"]
        call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
        yield chunk({"tool_calls": [call]})
        for piece in pieces(written(answer)):
            yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
    else:
        for piece in pieces(written(answer)):
            yield chunk({"content": piece})
    yield chunk({}, answer.finish or ("tool_calls" if by_tool else "stop"))
    usage = {"prompt_tokens": 700, "completion_tokens": 90, "total_tokens": 790}
    yield f"data: {json.dumps({**base, 'choices': [], 'usage': usage})}\n\n".encode()
    yield b"data: [DONE]\n\n"

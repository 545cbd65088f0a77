"""The stand-ins refuse what the real services refuse: without that, nothing that passes them would mean anything."""

from __future__ import annotations

import copy
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from support.environment import without_proxy
from support.patience import PATIENCE
from support.providers.anthropic_api import AnthropicApi
from support.providers.gemini_api import GeminiApi
from support.providers.openai_api import AzureApi, CloudflareApi, CompatibleApi, DeepSeekApi, OpenAIApi
from support.providers.server import Api

SCHEMA = {
    "type": "object",
    "properties": {"summary": {"type": "string"}, "checks": {"type": "array", "items": {"type": "string"}}},
    "required": ["summary", "checks"],
    "additionalProperties": False,
}
CHAT: dict[str, Any] = {
    "model": "m",
    "stream": True,
    "stream_options": {"include_usage": True},
    "messages": [{"role": "user", "content": "why?"}],
    "response_format": {"type": "json_schema", "json_schema": {"name": "f", "schema": SCHEMA, "strict": True}},
}
MESSAGES: dict[str, Any] = {
    "model": "m",
    "max_tokens": 100,
    "stream": True,
    "messages": [{"role": "user", "content": "why?"}],
    "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
}
CONTENTS: dict[str, Any] = {
    "contents": [{"role": "user", "parts": [{"text": "why?"}]}],
    "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
}
GATEWAY = "/v1/account-1/gateway-1/azure-openai/plant/m/chat/completions?api-version=2024-10-21"
AZURE = "/openai/deployments/m/chat/completions?api-version=2024-10-21"
BEARER = {"Authorization": "Bearer k"}
CLAUDE = {"x-api-key": "k", "anthropic-version": "2023-06-01"}


def changed(body: dict[str, Any], **values: Any) -> dict[str, Any]:
    """``body`` with other values; ``a__b`` reaches inside, None takes away."""
    body = copy.deepcopy(body)
    for name, value in values.items():
        place, *path, last = [body, *name.split("__")] if "__" in name else [body, name]
        for step in path:
            place = place[step]
        if value is None:
            place.pop(last)
        else:
            place[last] = value
    return body


def post(api: Api, path: str, headers: dict[str, str], body: Any) -> tuple[int, str]:
    """Status and page of a POST."""
    request = urllib.request.Request(
        api.url + path, json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
    )
    try:
        with without_proxy().open(request, timeout=PATIENCE) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


Make = Callable[..., Api]
CASES: list[tuple[Make, dict[str, Any], str, dict[str, str], dict[str, Any], int]] = [
    (OpenAIApi, {}, "/v1/chat/completions", BEARER, CHAT, 200),
    (OpenAIApi, {}, "/v1/chat/completions", {"Authorization": "Bearer other"}, CHAT, 401),
    (OpenAIApi, {}, "/v1/chat/completions", BEARER, changed(CHAT, model="other"), 404),
    (OpenAIApi, {}, "/v1/chat/completions", BEARER, changed(CHAT, messages=[{"role": "robot", "content": "x"}]), 400),
    (OpenAIApi, {}, "/v1/chat/completions", BEARER, changed(CHAT, surprise=1), 400),
    (OpenAIApi, {}, "/v1/chat/completions", BEARER, changed(CHAT, stream=False), 400),
    (
        OpenAIApi,
        {},
        "/v1/chat/completions",
        BEARER,
        changed(CHAT, response_format__json_schema__schema__additionalProperties=None),
        400,
    ),
    (
        OpenAIApi,
        {},
        "/v1/chat/completions",
        BEARER,
        changed(CHAT, response_format__json_schema__schema__required=["summary"]),
        400,
    ),
    (OpenAIApi, {"model": "gpt-5"}, "/v1/chat/completions", BEARER, changed(CHAT, model="gpt-5", temperature=0.2), 400),
    (OpenAIApi, {"model": "o3"}, "/v1/chat/completions", BEARER, changed(CHAT, model="o3", max_tokens=9), 400),
    (DeepSeekApi, {}, "/chat/completions", BEARER, changed(CHAT, response_format=None), 200),
    (DeepSeekApi, {}, "/chat/completions", BEARER, CHAT, 400),
    (DeepSeekApi, {}, "/chat/completions", BEARER, changed(CHAT, response_format=None, tool_choice="required"), 400),
    (CompatibleApi, {}, "/v1/chat/completions", BEARER, changed(CHAT, max_tokens=9), 200),
    (CompatibleApi, {"refuses": ("tools",)}, "/v1/chat/completions", BEARER, changed(CHAT, tools=[]), 400),
    (AzureApi, {}, AZURE, {"api-key": "k"}, CHAT, 200),
    (AzureApi, {}, AZURE, {**BEARER, "api-key": "k"}, CHAT, 401),
    (AzureApi, {"token": "t"}, AZURE, {"api-key": "k"}, CHAT, 401),
    (AzureApi, {}, AZURE.replace("2024-10-21", "1999-01-01"), {"api-key": "k"}, CHAT, 404),
    (AzureApi, {}, AZURE.replace("/m/", "/other/"), {"api-key": "k"}, CHAT, 404),
    (AzureApi, {}, "/openai/v1/chat/completions?api-version=1", {"api-key": "k"}, CHAT, 400),
    (CloudflareApi, {}, GATEWAY, {"api-key": "k"}, CHAT, 200),
    (CloudflareApi, {"gateway_token": "g"}, GATEWAY, {"api-key": "k"}, CHAT, 401),
    (CloudflareApi, {}, GATEWAY.replace("/m/", "/other/"), {"api-key": "k"}, CHAT, 404),
    (AnthropicApi, {}, "/v1/messages", CLAUDE, MESSAGES, 200),
    (AnthropicApi, {}, "/v1/messages", {"x-api-key": "k"}, MESSAGES, 400),
    (AnthropicApi, {}, "/v1/messages", {**CLAUDE, "x-api-key": "other"}, MESSAGES, 401),
    (AnthropicApi, {}, "/v1/messages", CLAUDE, changed(MESSAGES, max_tokens=None), 400),
    (AnthropicApi, {}, "/v1/messages", CLAUDE, changed(MESSAGES, messages=[{"role": "system", "content": "x"}]), 400),
    (AnthropicApi, {"takes_temperature": False}, "/v1/messages", CLAUDE, changed(MESSAGES, temperature=0.2), 400),
    (AnthropicApi, {"has_formats": False}, "/v1/messages", CLAUDE, MESSAGES, 400),
    (
        AnthropicApi,
        {},
        "/v1/messages",
        CLAUDE,
        changed(MESSAGES, output_config__format__schema__properties__summary={"type": "string", "maxLength": 9}),
        400,
    ),
    (GeminiApi, {}, "/v1beta/models/m:streamGenerateContent?alt=sse", {"x-goog-api-key": "k"}, CONTENTS, 200),
    (GeminiApi, {}, "/v1beta/models/m:streamGenerateContent?alt=sse", {"x-goog-api-key": "z"}, CONTENTS, 400),
    (GeminiApi, {}, "/v1beta/models/n:streamGenerateContent?alt=sse", {"x-goog-api-key": "k"}, CONTENTS, 404),
    (GeminiApi, {}, "/v1beta/models/m:streamGenerateContent", {"x-goog-api-key": "k"}, CONTENTS, 400),
    (
        GeminiApi,
        {},
        "/v1beta/models/m:streamGenerateContent?alt=sse",
        {"x-goog-api-key": "k"},
        changed(CONTENTS, generationConfig__responseMimeType="text/plain"),
        400,
    ),
]


@pytest.mark.parametrize(("make", "settings", "path", "headers", "body", "status"), CASES)
def test_what_is_taken_and_what_is_not(
    make: Make, settings: dict[str, Any], path: str, headers: dict[str, str], body: dict[str, Any], status: int
) -> None:
    """The status of the real service, and an error in its form."""
    with make(**{"key": "k", "model": "m", **settings}) as api:
        answered, page = post(api, path, headers, body)
    assert (answered, page) == (status, page)
    assert (status == 200) or '"error"' in page

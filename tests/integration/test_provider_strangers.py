"""What comes in place of a stream: an answer in one piece, a proxy's page, a redirect, a key in another spelling."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from andon.core.errors import ModelError, ModelMisconfigured, ModelUnavailable
from andon.core.settings.settings import Settings
from andon.explain.model.fallback import build_analyst
from support.providers.anthropic_api import AnthropicApi
from support.providers.asking import ask, checking, failing, using
from support.providers.gemini_api import GeminiApi
from support.providers.openai_api import DeepSeekApi, OpenAIApi
from support.providers.server import FINDING, Answer, Api, Refusal, Request
from support.questions import question
from support.settings import settings_of

LOGIN = b"<!DOCTYPE html><html><head><title>Guest network: log in</title></head><body>Please</body></html>"
KINDS: dict[str, tuple[type[Api], str, str]] = {
    "OPEN_AI": (OpenAIApi, "gpt-4o-mini", "/v1"),
    "DEEPSEEK": (DeepSeekApi, "deepseek-chat", ""),
    "CLAUDE": (AnthropicApi, "claude-haiku-5-5", ""),
    "GEMINI": (GeminiApi, "gemini-2.5-flash", ""),
}
USAGE = {"prompt_tokens": 700, "completion_tokens": 90, "total_tokens": 790}


@pytest.fixture(params=list(KINDS))
def either(request: pytest.FixtureRequest) -> Iterator[tuple[Api, Settings]]:
    """A stand-in of each kind with the config that fits it."""
    with started(request.param) as pair:
        yield pair


class started:  # noqa: N801 - used like a function
    """A stand-in and its config, as a context manager."""

    def __init__(self, provider: str, key: str = "sk-test-0123456789abcdef") -> None:
        kind, model, path = KINDS[provider]
        self.stack = ExitStack()
        self.api = kind(key=key, model=model)
        self.config = settings_of(
            provider=provider, model=model, api_key=key, base_url=self.api.url + path, model_deadline=20.0
        )

    def __enter__(self) -> tuple[Api, Settings]:
        self.stack.enter_context(self.api)
        return self.api, self.config

    def __exit__(self, *_: object) -> None:
        self.stack.close()


def in_one_piece(provider: str) -> dict[str, Any]:
    """The finding as each API answers where no stream is asked for."""
    text = json.dumps(FINDING)
    if provider == "CLAUDE":
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 700, "output_tokens": 90},
        }
    if provider == "GEMINI":
        return {
            "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 700, "candidatesTokenCount": 90},
        }
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if provider == "DEEPSEEK":
        call = {"id": "c", "type": "function", "function": {"name": "finding", "arguments": text}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}


def test_an_answer_in_one_piece_is_read(either: tuple[Api, Settings]) -> None:
    """Some gateways do not stream; the finding and its tokens count all the same, plain and packed."""
    api, config = either
    page = json.dumps(in_one_piece(config.provider)).encode()
    api.script(Answer(page=page), Answer(page=gzip.compress(page), headers={"Content-Encoding": "gzip"}))
    for _ in range(2):
        explanation = ask(config)
        assert explanation.finding is not None
        assert (explanation.input_tokens, explanation.output_tokens) == (700, 90)
    assert len(api.requests) == 2


def test_an_error_page_with_status_200_is_an_error() -> None:
    """Not an empty answer: the server's own words are told."""
    with started("OPEN_AI") as (api, config):
        api.script(Answer(page=json.dumps({"error": {"message": "CUDA out of memory", "code": 500}}).encode()))
        assert "CUDA out of memory" in str(failing(config))


def test_a_login_page_is_called_that(either: tuple[Api, Settings]) -> None:
    """A proxy between us and the provider: whoever configures has to act, the model is not at fault."""
    api, config = either
    api.script(Answer(page=LOGIN, headers={"Content-Type": "text/html; charset=utf-8"}))
    error = failing(config)
    assert type(error) is ModelMisconfigured
    assert "a web page, “Guest network: log in”" in str(error)
    assert len(api.requests) == 1


def test_a_redirect_is_told_and_not_followed(either: tuple[Api, Settings]) -> None:
    """Neither the question nor the key goes to another address."""
    api, config = either
    with AnthropicApi() as elsewhere:
        api.script(Answer(page=b"", status=307, headers={"Location": f"{elsewhere.url}/v1/messages"}))
        error = failing(config)
        assert elsewhere.requests == elsewhere.checks == []
    assert type(error) is ModelMisconfigured
    assert "307, a redirect to 127.0.0.1" in str(error)
    assert len(api.requests) == 1


def test_a_page_of_a_proxy_is_told_by_its_title(either: tuple[Api, Settings]) -> None:
    """And not with its tags."""
    api, config = either
    page = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
    api.script(Answer(page=page, status=502, headers={"Content-Type": "text/html"}))
    assert "failed (502: a web page, “502 Bad Gateway”)" in str(failing(config))


@pytest.mark.parametrize("form", [quote("k/e+y=1234567890", safe=""), base64.b64encode(b"k/e+y=1234567890").decode()])
def test_a_key_is_hidden_in_every_spelling(form: str) -> None:
    """A server that repeats what it was sent may write it otherwise."""
    with started("OPEN_AI", "k/e+y=1234567890") as (api, config):
        api.script(Answer(status=400, error=f"bad header Basic {form}"))
        assert form not in repr(failing(config))


@pytest.mark.parametrize("provider", list(KINDS))
def test_a_certificate_that_is_not_trusted_names_the_setting(provider: str, tmp_path: Path) -> None:
    """A plant's own authority, or a proxy that looks into TLS: the sentence says what to set, from question and check."""
    certificate = tmp_path / "server.pem"
    certificate.write_bytes(self_signed())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    _, model, path = KINDS[provider]

    async def use() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}"
        analyst = build_analyst(settings_of(provider=provider, model=model, api_key="k", base_url=url))
        assert analyst is not None
        for work in (analyst.explain(question()), analyst.check()):
            with pytest.raises(ModelUnavailable, match=r"certificate that is not trusted .* set SSL_CERT_FILE"):
                await work
        await analyst.close()
        server.close()

    asyncio.run(use())


def self_signed() -> bytes:
    """A key and a certificate for this machine that nobody signed, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
    )
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_the_key_of_claude_stands_in_the_documented_header_too() -> None:
    """Gateways know x-api-key only; in a question and in a check."""
    with started("CLAUDE") as (api, config):
        ask(config)
        using(config, checking)
        assert [one.headers["x-api-key"] for one in (*api.requests, *api.checks)] == [api.key] * 2


@pytest.mark.parametrize("provider", ["OPEN_AI", "CLAUDE", "GEMINI"])
def test_a_gateway_need_not_know_the_list_of_models(provider: str) -> None:
    """A check passes where only the page about the model is missing, whose path has its name in it."""
    with started(provider) as (api, config):
        api.model = "another"  # the stand-in's page says 404 with the model's name
        with pytest.raises(ModelMisconfigured, match="does not have the model"):
            using(config, checking)
        api.page = _no_such_path  # type: ignore[method-assign]
        using(config, checking)


def _no_such_path(request: Request) -> Any:
    raise Refusal(404, f"Cannot GET {request.path}")


def test_no_error_is_a_bare_exception(either: tuple[Api, Settings]) -> None:
    """Whatever a stranger sends in place of JSON."""
    api, config = either
    for page in (
        b"",
        b"[]",
        b"null",
        b'{"choices": "no"}',
        b'{"choices": [7]}',
        b'{"type": "message", "content": [1]}',
    ):
        api.script(*[Answer(page=page)] * 2)
        assert isinstance(failing(config), ModelError)

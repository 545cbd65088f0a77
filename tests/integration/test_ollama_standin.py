"""The stand-in itself: started from another process, counting calls, refusing what Ollama refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import support.ollama
from support.environment import without_proxy
from support.ollama import Ollama
from support.patience import PATIENCE


def post(url: str, body: dict[str, Any]) -> tuple[int, str]:
    """Status and text of a POST to the chat endpoint."""
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode())
    try:
        with without_proxy().open(request, timeout=PATIENCE) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def asked(content: object = "hello", **fields: object) -> dict[str, Any]:
    """A well-formed request."""
    return {
        "model": "deepseek-r1:1.5b",
        "messages": [{"role": "user", "content": content}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 50,
        **fields,
    }


def test_a_script_serves_and_counts(tmp_path: Path) -> None:
    """It prints its port, answers, and appends a line for each model call to the counter file."""
    counter = tmp_path / "calls"
    command = [
        sys.executable,
        support.ollama.__file__,
        "--model",
        "m",
        "--counter-file",
        str(counter),
        "--behaviour",
        "text",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = f"http://127.0.0.1:{int(process.stdout.readline())}"
            for _ in range(2):
                status, text = post(url, asked(model="m"))
                assert status == 200
                assert text.endswith("data: [DONE]\n\n")
            assert len(counter.read_text().splitlines()) == 2
        finally:
            process.kill()


def test_ollamas_own_refusals() -> None:
    """Image URLs, empty contents and unknown efforts are refused in Ollama's words; inline images are not."""
    image = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
    inline = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    with Ollama() as ollama:
        assert post(ollama.url, asked([image])) == (400, _error("invalid image input", "invalid_request_error"))
        assert post(ollama.url, asked(None))[0] == 400
        assert post(ollama.url, asked(reasoning_effort="max"))[0] == 400
        assert post(ollama.url, asked([inline], response_format={"type": "json_object"}))[0] == 200
        message = 'model "nope" not found, try pulling it first'
        assert post(ollama.url, asked(model="nope")) == (404, _error(message, "not_found_error"))


def test_what_ollama_ignores_is_noted() -> None:
    """An unbounded, unstreamed or misnamed request works there, and is a mistake of ours."""
    with Ollama(default=support.ollama.BEHAVIOURS["text"]) as ollama:
        body = asked(max_completion_tokens=5, tool_choice="required", stream=False)
        del body["max_tokens"]
        post(ollama.url, body)
        noted = " ".join(ollama.violations)
    assert all(
        word in noted
        for word in ("stream is not true", "max_tokens is missing", "max_completion_tokens", "tool_choice")
    )


def _error(message: str, kind: str) -> str:
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": None}})

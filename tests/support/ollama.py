"""A stand-in for Ollama over real HTTP: it checks requests by Ollama's own rules and answers as scripted.

In a test::

    with Ollama() as ollama:
        ollama.script(Answer(text="free text"), Answer(status=503))
        ...                        # two model calls; further ones get ``ollama.default``
        assert ollama.violations == []

From another process: ``python tests/support/ollama.py --port 0 --model deepseek-r1:1.5b --counter-file F``
prints its port on the first line of stdout and appends a line to F for each model call; with ``--requests-file R``
also a line of JSON to R: the time it came at (unix seconds) and the last message of the prompt. With
``--hold-file H`` no answer begins while H exists.

The rules are those of ollama's ``openai/openai.go`` and ``openai/middleware``: see ``_check`` and ``_refusal``.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

VERSION = "0.12.6"
#: What ``openai.go`` reads of a chat request; anything else is ignored there without a word.
KNOWN_FIELDS = {
    *("model", "messages", "stream", "stream_options", "max_tokens", "seed", "stop", "temperature"),
    *("frequency_penalty", "presence_penalty", "top_p", "response_format", "tools", "reasoning"),
    *("reasoning_effort", "_debug_render_only"),
}
#: Sent by clients that mean it, ignored by Ollama: sending one is a mistake of ours.
IGNORED_FIELDS = {"max_completion_tokens", "tool_choice", "num_ctx", "keep_alive", "truncate", "parallel_tool_calls"}
CHARS_PER_TOKEN = 4


#: What passes every gate, whatever was asked.
SOUND: dict[str, Any] = {
    "summary": "The link between the two parts is lost.",
    "category": "unknown",
    "probable_cause": "A connector worked loose by vibration.",
    "checks": ["Look at the plugs of both parts and press them home.", "Measure the supply at the farther one."],
}


@dataclass(frozen=True)
class Answer:
    """How one model call goes. ``text=None`` makes a finding that fits the request.

    ``reasoning`` is streamed in the field of that name before the text. ``raw`` replaces the whole body.
    ``hang`` says when the answer stops for ever: before the ``head`` or after the first ``chunk``. ``drop``
    closes the connection after the first chunk. ``pace`` is seconds between chunks. ``obey_limit`` cuts the text
    at ``max_tokens`` as Ollama does. ``calls`` are tools the model calls, as (name, arguments), behind its text.
    """

    text: str | None = None
    reasoning: str = ""
    finding: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    error: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    hang: str = ""
    drop: bool = False
    latency: float | None = None
    chunk: int = 16
    pace: float = 0.0
    obey_limit: bool = True
    calls: tuple[tuple[str, dict[str, Any] | str], ...] = ()


HALF = '{"summary": "The disk of db-01 is full, so PostgreSQL stopped writing", "category": "storage", "probab'
#: The behaviours that the command line offers by name.
BEHAVIOURS: dict[str, Answer] = {
    "finding": Answer(),
    "text": Answer(text="The spindle drive overheats. Clean the fan of the cabinet and check the load."),
    "think": Answer(text="<think>\nThe fan?\n</think>\nThe fan of the drive cabinet is blocked by dust."),
    "reasoning": Answer(reasoning="Let me think about the drive. " * 8),
    "only-thinking": Answer(text="<think>Hmm, what could this be"),
    "hang": Answer(hang="head"),
    "500": Answer(status=500, error="llama runner process has terminated: signal: killed"),
    "503": Answer(status=503, error="server busy, please try again.  maximum pending requests exceeded"),
    "429": Answer(status=429, error="rate limit", headers={"Retry-After": "7"}),
    "404": Answer(status=404, error='model "x" not found, try pulling it first'),
    "garbage": Answer(raw=bytes(range(256)) * 40),
    "binary-text": Answer(text="\x00\x01\x02\ufffd\ufffd\x1b[2J\x07" * 40),
    "empty": Answer(text=""),
    "half-json": Answer(text=HALF),
    "megabyte": Answer(text="word " * 210_000, chunk=4_096, pace=0.002, obey_limit=False),
    "sound": Answer(finding=SOUND),
    "unknown-ids": Answer(finding={"evidence": [999_999_999, 888_888_888]}),
}


class Ollama:
    """The server, in a thread of its own: a context manager. ``url`` is its address without a path.

    ``latency`` is seconds for each call, ``load`` seconds more for the first (the model is read from disk),
    ``parallel`` how many calls run at once (OLLAMA_NUM_PARALLEL), the others wait as they do in Ollama.
    """

    def __init__(
        self,
        *,
        model: str = "deepseek-r1:1.5b",
        latency: float = 0.0,
        load: float = 0.0,
        parallel: int = 4,
        default: Answer | None = None,
        port: int = 0,
        counter_file: Path | None = None,
        requests_file: Path | None = None,
        hold_file: Path | None = None,
        api_key: str | None = None,
    ) -> None:
        self.models = [model]
        self.default = default or Answer()
        self.latency, self.load, self.parallel = latency, load, parallel
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.violations: list[str] = []
        self.calls = self.running = self.peak = self.disconnects = 0
        self.loaded = load == 0
        #: While True calls come in and no answer begins; ``hold_file`` does the same as long as it is there.
        self.hold = False
        #: What /api/show says the model can do.
        self.capabilities = ["completion", "thinking"]
        #: Its template, by /api/show; a bare GGUF file has ``{{ .Prompt }}``.
        self.template = "{{ if .System }}{{ .System }}{{ end }}{{ .Prompt }}"
        #: What /api/tags says of its weights.
        self.digest = "sha256-of-the-weights"
        #: False takes /api/* away: a server with OpenAI's API alone.
        self.native = True
        #: What the model writes for the last message of a prompt, in place of a finding about its first log.
        self.findings: Callable[[str], dict[str, Any]] | None = None
        #: What GET /api/tags answers in place of the models.
        self.tags: bytes | None = None
        self.port = port
        self._counter_file = counter_file
        self._requests_file = requests_file
        self._hold_file = hold_file
        self._api_key = api_key
        self._script: deque[Answer] = deque()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="ollama-stand-in", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def script(self, *answers: Answer | str) -> None:
        """The next calls' answers, in this order."""
        self._script.extend(BEHAVIOURS[a] if isinstance(a, str) else a for a in answers)

    def __enter__(self) -> Ollama:
        self._thread.start()
        if not self._ready.wait(60):
            raise RuntimeError("the stand-in did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)

    def wait_until(self, condition: str) -> bool:
        """Poll an attribute (``disconnects``, ``calls``) until it is true, for about a minute."""
        for _ in range(6_000):
            if getattr(self, condition):
                return True
            time.sleep(0.01)
        return False

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()

    async def _main(self) -> None:
        self._slots = asyncio.Semaphore(self.parallel)
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port, limit=2**20)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while (request := await _read_request(reader)) is not None:
                if not await self._answer(*request, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the server stops
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        self.paths.append(path)
        if self._api_key and headers.get("authorization") != f"Bearer {self._api_key}":
            return await _send_json(writer, 401, {"error": {"message": "unauthorized", "type": "api_error"}})
        if (method, path) == ("POST", "/v1/chat/completions"):
            self.headers.append(headers)
            return await self._chat(body, reader, writer)
        if (method, path) == ("GET", "/v1/models"):
            listed = [{"id": name, "object": "model", "owned_by": "library"} for name in self.models]
            return await _send_json(writer, 200, {"object": "list", "data": listed})
        if not self.native:
            return await _send(writer, 404, b"404 page not found", "text/plain")
        if (method, path) == ("POST", "/api/show"):
            known = self._has(json.loads(body).get("model", ""))
            return await _send_json(
                writer,
                200 if known else 404,
                {"capabilities": self.capabilities, "template": self.template}
                if known
                else {"error": "model not found"},
            )
        entry = {"digest": self.digest, "details": {"family": "qwen2", "parameter_size": "1.8B"}, "size": 1_117_322_599}
        entries = [{"name": name, "model": name, **entry} for name in self.models]
        found: dict[str, Any] = {
            "/api/version": {"version": VERSION},
            "/api/tags": {"models": entries},
            "/api/ps": {"models": entries if self.loaded else []},
        }
        if path == "/api/tags" and self.tags is not None:
            return await _send(writer, 200, self.tags, "application/json")
        if method == "GET" and path in found:
            return await _send_json(writer, 200, found[path])
        return await _send(writer, 404, b"404 page not found", "text/plain")

    async def _chat(self, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        self.calls += 1
        if self._counter_file:
            with self._counter_file.open("a") as counter:
                counter.write(f"{time.time():.6f}\n")
        try:
            request = json.loads(body)
        except ValueError:
            self.violations.append("body is not JSON")
            return await _send_error(writer, 400, "invalid JSON")
        self.requests.append(request)
        if self._requests_file:
            with self._requests_file.open("a") as requests:
                asked = str((request.get("messages") or [{}])[-1].get("content"))
                requests.write(json.dumps({"at": time.time(), "prompt": asked}) + "\n")
        self._check(request)
        answer = self._script.popleft() if self._script else self.default
        if refusal := _refusal(request):
            self.violations.append(refusal)
            return await _send_error(writer, 400, refusal)
        if not self._has(request["model"]):
            return await _send_error(writer, 404, f'model "{request["model"]}" not found, try pulling it first')
        self.running += 1
        self.peak = max(self.peak, self.running)
        try:
            async with self._slots:
                return await self._generate(request, answer, reader, writer)
        except ConnectionError:
            self.disconnects += 1
            raise
        finally:
            self.running -= 1

    async def _generate(
        self,
        request: dict[str, Any],
        answer: Answer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        latency = self.latency if answer.latency is None else answer.latency
        if not self.loaded:
            latency += self.load
        if answer.hang == "head":
            latency = 3_600
        while self.hold or (self._hold_file is not None and self._hold_file.exists()):
            await self._wait(0.02, reader)
        await self._wait(latency, reader)
        self.loaded = True
        if answer.status != 200:
            return await _send_error(writer, answer.status, answer.error, answer.headers)
        if answer.raw is not None:
            return await _send(writer, 200, answer.raw, "text/event-stream")
        if answer.text is None and answer.calls:
            answer = replace(answer, text="")
        if answer.text is None:
            answer = replace(answer, text=json.dumps(self._finding(request, answer)))
        writer.write(_head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}))
        for number, event in enumerate(_events(request, answer)):
            data = f"data: {event}\n\n".encode()
            writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            await writer.drain()
            await self._wait(answer.pace, reader)
            if reader.at_eof():
                raise ConnectionResetError
            if number == 0 and answer.hang == "chunk":
                await self._wait(3_600, reader)
            if number == 0 and answer.drop:
                return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _wait(self, seconds: float, reader: asyncio.StreamReader) -> None:
        """Let time pass as a running model does; ConnectionResetError where the client goes away meanwhile."""
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                if not await reader.read(1):
                    raise ConnectionResetError
        except TimeoutError:
            return

    def _finding(self, request: dict[str, Any], answer: Answer) -> dict[str, Any]:
        """A finding about the first log of the prompt; checked against the schema that was asked for."""
        prompt = str(request["messages"][-1]["content"])
        ids = [int(i) for i in re.findall(r'"id":\s*(\d+)', prompt)]
        message = re.search(r'"message":\s*"((?:[^"\\]|\\.){0,120})', prompt)
        finding: dict[str, Any] = {
            "fits": "none",
            "summary": "Model finding: " + (json.loads(f'"{message[1]}"') if message else "a problem"),
            "category": "application",
            "probable_cause": "The scripted model names this cause.",
            "checks": ["Look at the machine.", "Compare with yesterday."],
            "severity_assessed": "ERROR",
            "confidence": "medium",
            "evidence": ids[:3],
            "enough_evidence": True,
        }
        finding.update(answer.finding or (self.findings(prompt) if self.findings is not None else {}))
        schema = (request.get("response_format") or {}).get("json_schema", {}).get("schema")
        if schema is None:
            self.violations.append("no json_schema was asked for: the answer would not be constrained")
        elif not answer.finding:
            self.violations += list(_mismatches(finding, schema, "$"))
        return finding

    def _has(self, name: str) -> bool:
        return any(_full(name) == _full(known) for known in self.models)

    def _check(self, request: dict[str, Any]) -> None:
        """Note what Ollama would silently do otherwise than meant."""
        if not request.get("stream"):
            self.violations.append("stream is not true: a cancelled call would go on generating")
        if not isinstance(request.get("max_tokens"), int):
            self.violations.append("max_tokens is missing: generation would be unbounded")
        if (request.get("stream_options") or {}).get("include_usage") is not True:
            self.violations.append("stream_options.include_usage is not set: no token counts")
        # "auto" is what Ollama does anyway
        ignored = IGNORED_FIELDS - ({"tool_choice"} if request.get("tool_choice") == "auto" else set())
        for name in sorted(ignored & request.keys()):
            self.violations.append(f"{name} is sent, which Ollama ignores")


def _refusal(request: dict[str, Any]) -> str | None:
    """Why Ollama answers 400, in its own words; None where it does not."""
    messages = request.get("messages")
    if not messages:
        return "[] is too short - 'messages'"
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            for part in content:
                if part.get("type") == "image_url" and not _is_inline_image(part.get("image_url")):
                    return "invalid image input"
                if part.get("type") not in ("text", "image_url"):
                    return "invalid message format"
        elif not isinstance(content, str) and message.get("tool_calls") is None:
            return f"invalid message content type: {'<nil>' if content is None else type(content).__name__}"
    effort = request.get("reasoning_effort")
    if effort and effort not in ("high", "medium", "low", "none"):
        return f'invalid reasoning value: \'{effort}\' (must be "high", "medium", "low", or "none")'
    return None


def _is_inline_image(image: Any) -> bool:
    url = image.get("url", "") if isinstance(image, dict) else image
    match = re.match(r"data:(?:image/(?:jpeg|jpg|png|webp))?;base64,", str(url))
    if not match:
        return False
    try:
        base64.b64decode(str(url)[match.end() :], validate=True)
    except ValueError:
        return False
    return True


def _full(name: str) -> str:
    return name.lower() if ":" in name else f"{name.lower()}:latest"


def _events(request: dict[str, Any], answer: Answer) -> Iterator[str]:
    """The chunks of a chat completion as Ollama streams them, the usage and the end mark."""
    text = answer.text or ""
    finish = "stop"
    limit = int(request.get("max_tokens") or 10**9) * CHARS_PER_TOKEN
    if answer.obey_limit and len(text) + len(answer.reasoning) > limit:
        text, finish = text[: max(0, limit - len(answer.reasoning))], "length"
    base = {
        "id": "chatcmpl-351",
        "object": "chat.completion.chunk",
        "created": 1_736_900_000,
        "model": request["model"],
        "system_fingerprint": "fp_ollama",
    }
    pieces = [("reasoning", p) for p in _split(answer.reasoning, answer.chunk)]
    pieces += [("content", p) for p in _split(text, answer.chunk)]
    for kind, piece in pieces:
        delta = {"role": "assistant", "content": "", kind: piece}
        yield json.dumps({**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    for index, (name, arguments) in enumerate(answer.calls):
        # Ollama sends each call whole, in a chunk of its own.
        text_of = arguments if isinstance(arguments, str) else json.dumps(arguments)
        call = {"id": f"call_{index:08x}", "index": index, "type": "function"}
        delta = {
            "role": "assistant",
            "content": "",
            "tool_calls": [{**call, "function": {"name": name, "arguments": text_of}}],
        }
        yield json.dumps({**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        finish = "tool_calls"
    last = {"role": "assistant", "content": ""}
    yield json.dumps({**base, "choices": [{"index": 0, "delta": last, "finish_reason": finish}]})
    written = (len(text) + len(answer.reasoning)) // CHARS_PER_TOKEN
    read = len(json.dumps(request["messages"])) // CHARS_PER_TOKEN
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    yield json.dumps({**base, "choices": [], "usage": usage})
    yield "[DONE]"


def _split(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def _mismatches(value: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
    """Where ``value`` breaks ``schema`` (the part of JSON Schema that Ollama's grammar knows), and unbounded spots."""
    kind = schema.get("type", "")
    if kind in _TYPES and not isinstance(value, _TYPES[kind]):
        yield f"{where} is not of type {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} is not one of {schema['enum']}"
    if kind == "string" and "enum" not in schema:
        if "maxLength" not in schema:
            yield f"{where} has no maxLength: a weak model would never end it"
        elif len(value) > schema["maxLength"]:
            yield f"{where} is longer than {schema['maxLength']}"
    if kind == "array":
        if "maxItems" not in schema:
            yield f"{where} has no maxItems: a weak model would never end it"
        for number, item in enumerate(value):
            yield from _mismatches(item, schema.get("items", {}), f"{where}[{number}]")
    if kind == "object":
        for name in schema.get("required", []):
            if name not in value:
                yield f"{where}.{name} is missing"
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from _mismatches(value[name], inner, f"{where}.{name}")


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str], bytes] | None:
    line = await reader.readline()
    if not line.strip():
        return None
    method, path, _ = line.decode().split(" ", 2)
    headers: dict[str, str] = {}
    while (line := await reader.readline()).strip():
        name, _, value = line.decode().partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return method, path.split("?")[0], headers, body


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _send(
    writer: asyncio.StreamWriter, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None
) -> bool:
    writer.write(_head(status, {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}) + body)
    await writer.drain()
    return True


async def _send_json(
    writer: asyncio.StreamWriter, status: int, value: Any, headers: dict[str, str] | None = None
) -> bool:
    return await _send(writer, status, json.dumps(value).encode(), "application/json", headers)


async def _send_error(
    writer: asyncio.StreamWriter, status: int, message: str, headers: dict[str, str] | None = None
) -> bool:
    kind = {400: "invalid_request_error", 404: "not_found_error"}.get(status, "api_error")
    error = {"message": message, "type": kind, "param": None, "code": None}
    return await _send_json(writer, status, {"error": error}, headers)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="A stand-in for Ollama.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--model", default="deepseek-r1:1.5b")
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--load", type=float, default=0.0)
    parser.add_argument("--parallel", type=int, default=4)
    parser.add_argument("--counter-file", type=Path)
    parser.add_argument("--requests-file", type=Path)
    parser.add_argument("--hold-file", type=Path)
    parser.add_argument("--behaviour", choices=sorted(BEHAVIOURS), default="finding")
    options = parser.parse_args()
    server = Ollama(
        model=options.model,
        latency=options.latency,
        load=options.load,
        parallel=options.parallel,
        default=BEHAVIOURS[options.behaviour],
        port=options.port,
        counter_file=options.counter_file,
        requests_file=options.requests_file,
        hold_file=options.hold_file,
    )
    with server, contextlib.suppress(KeyboardInterrupt):
        print(server.port, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()

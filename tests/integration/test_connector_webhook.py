"""Webhooks: what a receiver gets, the signature, and the example receivers with real requests."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from andon.act.connectors import webhook
from andon.core.errors import ActionRefused, ConfigError, OutcomeUnknown, TargetAway
from andon.core.models.actions import Section
from andon.core.settings.connectors.target import Secret
from support.chat_services import Answer, Receiver, said, serving
from support.connecting import KEY, PAGE, connected, connector_of, event, order, sent
from support.environment import without_proxy
from support.ports import free_ports
from support.service import listening, until

EXAMPLES = Path(__file__).parents[2] / "examples" / "webhook"
#: The secret and the signature of the specification's own example.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """One that takes everything."""
    with serving(Receiver()) as made:
        yield made


def test_the_signature_is_that_of_the_specification() -> None:
    """Its example: https://github.com/standard-webhooks, with the id, the moment and the body that it gives."""
    key = webhook.signing_key(Secret(SecretStr(SECRET), None, what="a test"))
    headers = webhook.signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["Webhook-Signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["Webhook-Timestamp"] == "1614265330"


async def test_a_message_arrives_signed_and_as_it_was_approved(receiver: Receiver) -> None:
    async with connected("webhook", url=f"{receiver.url}/andon/", secret=SECRET) as connector:
        wanted = order()
        rendered = connector.render(wanted)
        receipt = await connector.send(wanted, rendered)
    (asked,) = receiver.posted
    assert asked.path == "/andon/", "an address is used as it was written, its last slash too"
    assert asked.body.decode() == rendered.requests[0].body
    assert asked.headers["idempotency-key"] == asked.headers["webhook-id"] == KEY
    assert abs(int(asked.headers["webhook-timestamp"]) - time.time()) < 60
    signed = f"{KEY}.{asked.headers['webhook-timestamp']}.".encode() + asked.body
    made = hmac.digest(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256)
    assert asked.headers["webhook-signature"] == f"v1,{base64.b64encode(made).decode()}"
    told = asked.json
    assert (told["form"], told["type"], told["phase"], told["severity"]) == (1, "message", "raised", "CRITICAL")
    assert (told["about"], told["host"], told["link"]) == ("problem-5", "press-4", f"{PAGE}/problems/5")
    assert told["sections"][1] == {
        "heading": "Check first (the playbook)",
        "lines": ["Look whether the fan turns", "Clean the filter mat"],
        "listed": True,
        "numbered": False,
    }
    assert receipt.words == "204"


async def test_an_event_tells_when_and_of_which_service(receiver: Receiver) -> None:
    async with connected("webhook", url=receiver.url) as connector:
        await sent(connector, event())
    assert receiver.posted[0].json["type"] == "event"
    assert (receiver.posted[0].json["service"], receiver.posted[0].json["at"]) == ("drive", 1_700_000_000.5)


async def test_without_a_secret_it_is_said_that_nothing_is_signed(receiver: Receiver) -> None:
    async with connected("webhook", url=receiver.url) as connector:
        assert connector.render(order()).notes == ("It is not signed: no secret is configured.",)
        await sent(connector)
        assert [one.ok for one in await connector.check()] == [True, None]
    assert "webhook-signature" not in receiver.posted[0].headers


async def test_the_site_s_own_headers_and_a_secret_for_all(receiver: Receiver) -> None:
    options = {"url": receiver.url, "headers": {"Authorization": "Bearer s3cr3t-of-the-gateway"}}
    async with connected("webhook", settings={"webhook_secret": "plain words"}, **options) as connector:
        receiver.next.append(Answer(403, "Bearer s3cr3t-of-the-gateway may not"))
        with pytest.raises(ActionRefused, match=r"403: \[redacted\] may not; .*does not have the right"):
            await sent(connector)
        await sent(connector)
    assert receiver.posted[0].headers["authorization"] == "Bearer s3cr3t-of-the-gateway"
    assert "webhook-signature" in receiver.posted[1].headers


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            said(422, {"error": {"code": "E1", "message": "no such line"}}),
            ActionRefused,
            "answered 422: E1: no such line",
        ),
        (said(400, {"message": "form 1 is not known"}), ActionRefused, "answered 400: form 1 is not known"),
        (
            Answer(302, headers=(("Location", "https://login.example/"),)),
            ActionRefused,
            "redirect to login.example, which is not",
        ),
        (Answer(413), ActionRefused, "too large"),
        (Answer(500, "<html><b>oh</b></html>", content_type="text/html"), OutcomeUnknown, "answered 500$"),
        (Answer(0), OutcomeUnknown, "broke before the answer arrived"),
        (Answer(503), TargetAway, "answered 503"),
    ],
)
async def test_failures_say_what_may_have_been_done(
    receiver: Receiver, answer: Answer, kind: type[Exception], words: str
) -> None:
    receiver.next.append(answer)
    async with connected("webhook", url=receiver.url) as connector:
        with pytest.raises(kind, match=words):
            await sent(connector)


async def test_it_waits_as_long_as_it_is_asked_to(receiver: Receiver) -> None:
    receiver.next.append(Answer(429, "slow down", (("Retry-After", "17"),)))
    async with connected("webhook", url=receiver.url) as connector:
        with pytest.raises(TargetAway) as caught:
            await sent(connector)
    assert caught.value.retry_after == 17


async def test_an_approval_is_for_the_address_that_it_was_given_for(receiver: Receiver) -> None:
    wanted = order()
    rendered = connector_of("webhook", url=f"{receiver.url}/old-secret-path").render(wanted)
    assert "old-secret-path" not in rendered.requests[0].url
    async with connected("webhook", url=f"{receiver.url}/new-secret-path") as connector:
        with pytest.raises(ActionRefused, match=r"this was approved for .*: decline it and propose it again"):
            await connector.send(wanted, rendered)
    assert not receiver.asked


def test_the_same_order_gives_the_same_bytes_and_nothing_of_the_address() -> None:
    options = {"url": "https://hooks.example/path-that-is-secret?key=another-secret", "secret": SECRET}
    first, second = (connector_of("webhook", **options).render(order()) for _ in range(2))
    assert first == second
    assert first.digest == second.digest
    shown = str(first) + connector_of("webhook", **options).address
    assert "secret" not in shown.replace("no secret", "")


def test_a_message_too_long_is_cut_and_says_so() -> None:
    body = tuple(Section(f"Part {number}", tuple("ä" * 900 for _ in range(50)), True) for number in range(6))
    rendered = connector_of("webhook", url="https://hooks.example/x").render(order(body=body))
    told = json.loads(rendered.requests[0].body)
    lines = sum(len(section["lines"]) for section in told["sections"])
    assert len(rendered.requests[0].body.encode()) <= webhook.SIZE_MAX
    assert rendered.notes[0] == f"Too long for the service: {300 - lines} lines left out at the end."
    assert told["text"].endswith(f"… {300 - lines} more lines\n\n{PAGE}/problems/5")


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for options, words in (
        ({}, "has no address: set url or url_file"),
        ({"url_file": tmp_path / "empty"}, "empty or far too long"),
        ({"url": "https://hooks.example/a b"}, "not contain spaces"),
        ({"url": "https://hooks.example/x", "secret": "whsec_!!!"}, "not base64"),
    ):
        with pytest.raises(ConfigError, match=words):
            connector_of("webhook", **options)


async def test_the_check_sees_a_receiver_that_is_away_or_elsewhere(receiver: Receiver) -> None:
    (port,) = free_ports(1)
    async with connected("webhook", url=f"http://127.0.0.1:{port}/x", secret=SECRET) as connector:
        (found,) = await connector.check()
        assert found.ok is False
        assert "cannot be reached" in found.detail
    receiver.next.append(Answer(308, headers=(("Location", "/elsewhere"),)))
    async with connected("webhook", url=receiver.url, secret=SECRET) as connector:
        (found,) = await connector.check()
        assert found.ok is False
        assert not receiver.posted


@contextmanager
def example(program: list[str]) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """An example receiver on a port of its own."""
    (port,) = free_ports(1)
    environment = {**os.environ, "ANDON_WEBHOOK_SECRET": SECRET}
    process = subprocess.Popen([*program, str(port)], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        until(lambda: listening(port), "the receiver")
        yield port, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


@pytest.mark.parametrize(
    "program",
    [
        pytest.param([sys.executable, "receiver.py"], id="python"),
        pytest.param(
            ["node", "receiver.mjs"],
            id="node",
            marks=pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js"),
        ),
    ],
)
def test_an_example_receiver_takes_what_is_ours_once_and_nothing_else(program: list[str]) -> None:
    command = [program[0], str(EXAMPLES / program[1])]

    async def send(port: int) -> None:
        async with connected("webhook", url=f"http://127.0.0.1:{port}/", secret=SECRET) as connector:
            await sent(connector)
            await sent(connector)  # as where the first answer was lost
        async with connected("webhook", url=f"http://127.0.0.1:{port}/", secret="another") as connector:
            with pytest.raises(ActionRefused, match="answered 401"):
                await sent(connector)

    with example(command) as (port, process):
        asyncio.run(send(port))
        assert process.stdout is not None
        assert process.stdout.readline() == f"CRITICAL raised CRITICAL: over-temperature in drive 7 {PAGE}/problems/5\n"
        key, body = (
            webhook.signing_key(Secret(SecretStr(SECRET), None, what="a test")),
            b'{"severity":"x","phase":"x","title":"x","link":"x"}',
        )
        assert answered(port, webhook.signature(key, "old", int(time.time()) - 3_600, body), "old", body) == 401
        assert answered(port, webhook.signature(key, "other", int(time.time()), body), "changed", body) == 401
        assert answered(port, webhook.signature(key, "other", int(time.time()), body), "other", body) == 204
        assert process.stdout.readline() == "x x x x\n", "what came twice was told once"


def answered(port: int, headers: dict[str, str], name: str, body: bytes) -> int:
    """The status of the answer to a request of somebody's own making."""
    headers = {**headers, "Webhook-Id": name, "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", data=body, headers=headers)
    try:
        with without_proxy().open(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code

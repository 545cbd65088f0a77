"""The whole way: a log that means harm becomes a message on six ways, once on each, and dead on all of them."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from support.chat_services import Answer, NtfyServer, Receiver, SlackHook, TeamsWorkflow, serving
from support.mail_server import MailServer, mail_server
from support.patience import PATIENCE
from support.service import log, running

FLOW = "/workflows/4711/triggers/manual/paths/invoke?api-version=1&sig=open-sesame-1234"
PAGE = "https://andon.plant.example"
HARM = (
    "Drive over-temperature F0004 <!channel> **now** [click](https://x.example/y) password=hunter2secret "
    "=?utf-8?B?aHR0cHM6Ly94LmV4YW1wbGU=?= <script>x</script>"
)


@contextlib.contextmanager
def mail() -> Iterator[MailServer]:
    """A mail server with a loop and a thread of its own."""
    made: list[tuple[MailServer, asyncio.AbstractEventLoop, asyncio.Event]] = []
    ready = threading.Event()

    async def serve() -> None:
        async with mail_server() as server:
            stop = asyncio.Event()
            made.append((server, asyncio.get_running_loop(), stop))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(PATIENCE)
    ((server, loop, stop),) = made
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)


def test_a_message_reaches_people_on_six_ways_once_and_dead(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        slack, teams, ntfy = (stack.enter_context(serving(one)) for one in (SlackHook(), TeamsWorkflow(), NtfyServer()))
        hook, other = stack.enter_context(serving(Receiver())), stack.enter_context(serving(Receiver()))
        post = stack.enter_context(mail())
        assert isinstance(teams, TeamsWorkflow)
        assert isinstance(ntfy, NtfyServer)
        ntfy.next.append(Answer(503))  # one that is away for a moment holds up no other
        (tmp_path / "andon.toml").write_text(
            f"""
            public_url = "{PAGE}"
            slack = [{{ url = "{slack.url}/services/T000/B000/opensesame" }}]
            teams = [{{ url = "{teams.url}{FLOW}" }}]
            ntfy = [{{ url = "{ntfy.url}", topics = ["alarms"] }}]
            webhook = [{{ url = "{hook.url}/hook", secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }}]
            apprise = [{{ urls = ["{other.url.replace("http", "json", 1)}/token"] }}]
            [[email]]
            host = "127.0.0.1"
            port = {post.port}
            security = "none"
            sender = "andon@plant.example"
            to = ["crew@plant.example"]
            [[notify]]
            to = ["slack", "teams", "ntfy", "webhook", "apprise", "email"]
            """
        )
        arrived: dict[str, Callable[[], int]] = {
            "slack": lambda: len(slack.posted),
            "teams": lambda: len(teams.posted_cards),
            "ntfy": lambda: len(ntfy.messages),
            "webhook": lambda: len(hook.posted),
            "apprise": lambda: len(other.posted),
            "email": lambda: len(post.mails),
        }
        andon = stack.enter_context(running(tmp_path))
        andon.publish(log(HARM, severity="CRITICAL", timestamp=datetime.now(UTC).isoformat()))
        andon.until(lambda: all(count() for count in arrived.values()), "a message on each way")
        andon.until(lambda: andon.sql("SELECT count(*) FROM actions WHERE status <> 'done'") == [(0,)], "all done")
        andon.kill()
        andon.start()
        andon.publish(log(HARM, severity="CRITICAL", timestamp=datetime.now(UTC).isoformat()))
        andon.until(lambda: andon.sql("SELECT count(*) FROM agent_logs") == [(2,)], "the second log")
        assert {name: count() for name, count in arrived.items()} == dict.fromkeys(arrived, 1)
        content = post.mails[0].content
        assert isinstance(content, bytes)
        read = email.message_from_bytes(content, policy=email.policy.default)
        told = [
            slack.posted[0].body.decode(),
            json.dumps(teams.posted_cards[0]["body"]),
            json.dumps({**ntfy.messages[0], "click": ""}),
            hook.posted[0].json["title"] + hook.posted[0].json["text"],
            other.posted[0].body.decode(),
            f"{read['Subject']} {content.decode()}",
        ]
        for text in told:
            assert "F0004" in text
            assert "hunter2secret" not in text
            assert not re.search(r"https?://(?!andon\.plant\.example/problems/1\b)", text)
            assert "=?" not in text

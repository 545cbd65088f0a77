"""Slack, Teams and ntfy: what they get, what their answers mean, and what a check finds before an incident does."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import pytest

from andon.act.connectors import ntfy, slack, teams
from andon.core.errors import ActionRefused, ConfigError, OutcomeUnknown, TargetAway
from andon.core.models.actions import Section
from support.chat_services import (
    Answer,
    Asked,
    ChatService,
    NtfyServer,
    SlackApi,
    SlackHook,
    TeamsWorkflow,
    said,
    serving,
)
from support.connecting import PAGE, connected, connector_of, event, order, sent

HOOK, FLOW = (
    "/services/T000/B000/opensesame",
    "/workflows/4711/triggers/manual/paths/invoke?api-version=1&sig=open-sesame-1234",
)


class Repeating(ChatService):
    """Refuses everything, and tells all that it was asked."""

    def answer(self, asked: Asked) -> Answer:
        return Answer(400, f"not {self.url}{asked.path} with {' and '.join(asked.headers.values())}")


LONG = tuple(Section(f"Part {number}", tuple("ä" * 300 for _ in range(30)), True) for number in range(4))


def table(kind: str, service: ChatService, **more: Any) -> dict[str, Any]:
    """The settings for a stand-in."""
    if isinstance(service, SlackApi):
        return {"api": f"{service.url}/api", "token": "xoxb-secret-token", "channels": ["C0ALARMS", "C0OLDEST"], **more}
    paths = {"slack": HOOK, "teams": FLOW, "ntfy": ""}
    return {"url": service.url + paths[kind], **({"topics": ["alarms", "crew"]} if kind == "ntfy" else {}), **more}


async def test_slack_shows_plain_nodes_and_one_link() -> None:
    with serving(SlackHook()) as service:
        async with connected("slack", **table("slack", service)) as connector:
            wanted = order()
            rendered = connector.render(wanted)
            assert (await connector.send(wanted, rendered)).words == "ok"
    (asked,) = service.posted
    assert asked.body.decode() == rendered.requests[0].body
    assert rendered.requests[0].url == f"{service.url}/services/T000/B000/…", "the secret part is not told"
    header, rich = asked.json["blocks"]
    assert header["text"] == {"type": "plain_text", "text": "CRITICAL: over-temperature in drive 7", "emoji": False}
    kinds = [element["type"] for element in rich["elements"]]
    assert kinds == ["rich_text_section", "rich_text_list", "rich_text_section", "rich_text_list", "rich_text_section"]
    links = [node for element in rich["elements"] for node in element["elements"] if node["type"] == "link"]
    assert links == [{"type": "link", "url": f"{PAGE}/problems/5", "text": "Open in Andon"}]
    assert asked.json["unfurl_links"] is asked.json["unfurl_media"] is False


@pytest.mark.parametrize(
    ("status", "word", "remedy"),
    [
        (404, "no_service", "create a new one"),
        (403, "invalid_token", "create a new one"),
        (410, "channel_is_archived", "unarchive the channel"),
        (403, "action_prohibited", "ask an administrator of the workspace"),
    ],
)
async def test_a_word_of_slack_s_webhook_comes_with_what_to_do(status: int, word: str, remedy: str) -> None:
    """Slack says that its words are HTML."""
    with serving(SlackHook()) as service:
        service.next.append(Answer(status, word, content_type="text/html"))
        async with connected("slack", **table("slack", service)) as connector:
            with pytest.raises(ActionRefused, match=f"answered {status}: {word}.*{remedy}"):
                await sent(connector)


async def test_a_web_page_is_no_answer_of_slack_s() -> None:
    with serving(SlackHook()) as service:
        service.next.append(Answer(200, "<html>Log in to go on</html>", content_type="text/html"))
        async with connected("slack", **table("slack", service)) as connector:
            with pytest.raises(ActionRefused, match="answers with a web page"):
                await sent(connector)


async def test_a_check_of_slack_s_webhook_shows_nothing_to_the_channel() -> None:
    with serving(SlackHook()) as service:
        async with connected("slack", **table("slack", service)) as connector:
            (found,) = await connector.check()
            assert found.ok is True
            service.archived = True
            (found,) = await connector.check()
            assert (found.ok, found.remedy) == (False, slack.REMEDIES["channel_is_archived"])
        async with connected("slack", url=f"{service.url}/services/T000/B000/withdrawn") as connector:
            (found,) = await connector.check()
            assert found.ok is False
            assert "404 no_service" in found.detail
            assert "withdrawn" not in found.detail
    assert {one.body for one in service.posted} == {b"{}"}


async def test_a_bot_writes_to_its_channels_alone() -> None:
    with serving(SlackApi()) as service:
        async with connected("slack", **table("slack", service)) as connector:
            assert connector.places == ("C0ALARMS", "C0OLDEST")
            receipt = await sent(connector)
            assert receipt.ref == "1700000000.000100"
            with pytest.raises(ActionRefused, match="does not write to 'C0BOARD'; channels are: C0ALARMS, C0OLDEST"):
                connector.render(order(where="C0BOARD"))
            with pytest.raises(ActionRefused, match="is_archived; unarchive the channel"):
                await sent(connector, where="C0OLDEST")
    (asked, _) = service.posted
    assert asked.json["channel"] == "C0ALARMS"
    assert asked.headers["authorization"] == "Bearer xoxb-secret-token"


async def test_a_bot_is_answered_200_whatever_came_of_it() -> None:
    with serving(SlackApi()) as service:
        async with connected("slack", **table("slack", service)) as connector:
            service.member = False
            with pytest.raises(ActionRefused, match="not_in_channel; invite the bot"):
                await sent(connector)
            service.scopes = "channels:read"
            with pytest.raises(ActionRefused, match=r"missing_scope \(needed: chat:write\); give the bot the scope"):
                await sent(connector)
            service.next.append(said(200, {"ok": False, "error": "fatal_error"}))
            with pytest.raises(OutcomeUnknown, match="fatal_error"):
                await sent(connector)
            service.next.append(said(200, {"ok": False, "error": "service_unavailable"}))
            with pytest.raises(TargetAway, match="service_unavailable"):
                await sent(connector)
            service.next.append(said(429, {"ok": False, "error": "ratelimited"}, Retry_After="30"))
            with pytest.raises(TargetAway) as caught:
                await sent(connector)
            assert caught.value.retry_after == 30
        async with connected("slack", **table("slack", service, token="xoxb-revoked-long-ago")) as connector:
            with pytest.raises(ActionRefused, match="invalid_auth; the token is wrong"):
                await sent(connector)
            (found,) = await connector.check()
            renewal = "replace it in the settings and restart, then retry"
            assert (found.ok, found.remedy) == (False, f"{slack.REMEDIES['invalid_auth']}: {renewal}")


async def test_a_check_of_a_bot_sees_its_login_scopes_and_channels() -> None:
    with serving(SlackApi()) as service:
        async with connected(
            "slack", **table("slack", service, channels=["C0ALARMS", "C0OLDEST", "C0NOWHERE", "#by-name"])
        ) as connector:
            found = await connector.check()
            assert [(one.ok, one.detail) for one in found] == [
                (True, "logged in as andon at Plant"),
                (True, "C0ALARMS exists"),
                (False, "C0OLDEST is archived"),
                (False, "C0NOWHERE: channel_not_found"),
            ]
            service.scopes = "incoming-webhook"
            found = await connector.check()
            assert [one.ok for one in found] == [True, False, None, None, None]
            assert "chat:write" in found[1].detail
    assert all(one.path.removeprefix("/api/").split("?")[0] != "chat.postMessage" for one in service.asked)


async def test_teams_gets_a_card_of_plain_runs() -> None:
    with serving(TeamsWorkflow()) as service:
        async with connected("teams", **table("teams", service)) as connector:
            wanted = order()
            rendered = connector.render(wanted)
            receipt = await connector.send(wanted, rendered)
    assert (receipt.ref, receipt.words[:4]) == ("0858", "202:")
    assert service.posted[0].path == FLOW
    assert service.posted[0].body.decode() == rendered.requests[0].body
    assert "sesame" not in str(rendered)
    (card,) = service.posted_cards
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open in Andon", "url": f"{PAGE}/problems/5"}]
    assert card["body"][0]["style"] == "attention"
    blocks = [*card["body"][0]["items"], *card["body"][1:]]
    assert {block["type"] for block in blocks} == {"RichTextBlock"}, "TextBlock would read Markdown"
    assert {run["type"] for block in blocks for run in block["inlines"]} == {"TextRun"}
    assert "• Clean the filter mat" in [run["text"] for block in blocks for run in block["inlines"]]


async def test_a_card_has_a_size_that_teams_shows() -> None:
    """A workflow answers 202 to a larger one as well, and then posts nothing."""
    with serving(TeamsWorkflow()) as service:
        async with connected("teams", **table("teams", service)) as connector:
            wanted = order(body=LONG)
            rendered = connector.render(wanted)
            await connector.send(wanted, rendered)
    assert 20_000 < len(rendered.requests[0].body.encode()) <= teams.SIZE_MAX
    assert len(service.posted_cards) == 1
    assert "left out at the end" in rendered.notes[0]


async def test_what_a_workflow_refuses_comes_with_what_to_do() -> None:
    with serving(TeamsWorkflow()) as service:
        async with connected("teams", **table("teams", service)) as connector:
            service.enabled = False
            with pytest.raises(
                ActionRefused, match=r"WorkflowTriggerIsNotEnabled: .*; the workflow is switched off: switch"
            ):
                await sent(connector)
            service.next.append(said(502, {"error": {"code": "NoResponse", "message": "The server did not respond."}}))
            with pytest.raises(OutcomeUnknown, match="502: NoResponse"):
                await sent(connector)
            assert [one.ok for one in await connector.check()] == [True]
        async with connected("teams", url=f"{service.url}/workflows/4711/run?sig=wrong-signature") as connector:
            with pytest.raises(
                ActionRefused, match=r"AuthorizationFailed: .*copy the whole address of the workflow again"
            ):
                await sent(connector)


async def test_the_connectors_that_microsoft_retired_are_found() -> None:
    async with connected("teams", url="https://plant.webhook.office.com/webhookb2/x/IncomingWebhook/y/z") as connector:
        (found,) = await connector.check()
    assert found.ok is False
    assert "retired" in found.detail
    assert "create a workflow" in found.remedy


async def test_ntfy_gets_plain_text_for_a_topic() -> None:
    with serving(NtfyServer(token="tk_secret")) as service:
        async with connected("ntfy", **table("ntfy", service, token="tk_secret")) as connector:
            assert connector.places == ("alarms", "crew")
            assert (await sent(connector)).ref == "m1"
            await sent(connector, where="crew", phase="ended")
            with pytest.raises(ActionRefused, match="does not write to 'other'; topics are: alarms, crew"):
                await sent(connector, where="other")
            details = [one.detail for one in await connector.check()]
            assert details == [
                f"{service.url} is healthy",
                "logged in as andon",
                "it may write to alarms",
                "it may write to crew",
            ]
    first, second = service.messages
    assert (first["topic"], first["priority"], first["tags"]) == ("alarms", 5, ["rotating_light"])
    assert (first["click"], first["markdown"]) == (f"{PAGE}/problems/5", False)
    assert "- Clean the filter mat" in first["message"].split("\n")
    assert (second["topic"], second["title"][:6], second["tags"]) == ("crew", "Over: ", ["white_check_mark"])


async def test_a_text_for_ntfy_stays_a_text() -> None:
    """From 4,096 bytes on a server makes a file of it, or refuses."""
    with serving(NtfyServer()) as service:
        async with connected("ntfy", **table("ntfy", service)) as connector:
            await sent(connector, body=LONG)
            await sent(connector, body=(Section("", tuple('"\\' * 400 for _ in range(20))),))
    assert not service.files
    first, second = service.messages
    assert 3_000 < len(first["message"].encode()) <= ntfy.TEXT_MAX
    assert first["message"].endswith(" more lines")
    assert second["message"].endswith(" more lines")


async def test_what_ntfy_refuses() -> None:
    with serving(NtfyServer(token="tk_secret", writable=("alarms",))) as service:
        async with connected("ntfy", **table("ntfy", service, token="tk_wrong_one")) as connector:
            with pytest.raises(ActionRefused, match="401: unauthorized; it does not accept the token"):
                await sent(connector)
            found = await connector.check()
            assert found[0].ok is False
        async with connected("ntfy", **table("ntfy", service, token="tk_secret")) as connector:
            with pytest.raises(ActionRefused, match=r"403: forbidden; .*does not have the right"):
                await sent(connector, where="crew")
            found = await connector.check()
            assert [one.ok for one in found] == [True, True, True, False]
            assert "crew: " in found[3].detail
            assert "403: forbidden" in found[3].detail
            service.next.append(said(429, {"code": 42901, "http": 429, "error": "limit reached: too many requests"}))
            with pytest.raises(TargetAway, match="limit reached"):
                await sent(connector)
            service.next.append(Answer(200, "<html>welcome</html>", content_type="text/html"))
            with pytest.raises(ActionRefused, match="does not answer like ntfy"):
                await sent(connector)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("slack", {}, "has no address: set url or url_file, or set ANDON_SLACK_URL"),
        ("slack", {"channels": ["C0ALARMS"]}, "set token, token_file or ANDON_SLACK_TOKEN"),
        ("teams", {}, "has no address: set url or url_file, or set ANDON_TEAMS_URL"),
    ],
)
def test_a_setting_that_is_missing_is_named(kind: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        connector_of(kind, **options)


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("slack", {"token": "xoxb-1", "channels": ["C0ALARMS"]}, {"token": "xoxb-1", "channels": ["C0OTHER1"]}),
        ("ntfy", {"topics": ["alarms"]}, {"topics": ["other"]}),
        ("email", {"host": "127.0.0.1", "to": ["a@plant.example"]}, {"host": "127.0.0.1", "to": ["b@plant.example"]}),
    ],
)
async def test_what_is_no_more_allowed_is_not_written_to(
    kind: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Also where the order named no place, and so meant the usual one of its day."""
    if kind == "email":
        before, after = ({**one, "sender": "andon@plant.example", "port": 9} for one in (before, after))
    wanted = order()
    rendered = connector_of(kind, **before).render(wanted)
    async with connected(kind, **after) as connector:
        with pytest.raises(ActionRefused, match=r"may not write to '.*' any longer: decline it and propose it again"):
            await connector.send(wanted, rendered)


async def test_secrets_of_the_environment_serve_all_tables() -> None:
    with serving(SlackHook()) as service:
        async with connected("slack", settings={"slack_url": service.url + HOOK}) as connector:
            await sent(connector)
    assert len(service.posted) == 1


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("webhook", {"url": "/hook-path-secret?key=query-secret", "headers": {"X-Key": "header-secret"}}),
        ("slack", {"url": "/services/T000/B000/last-part-secret"}),
        ("slack", {"api": "/api", "token": "xoxb-token-secret", "channels": ["C0ALARMS"]}),
        ("teams", {"url": "/workflows/1/run?api-version=1&sig=signature-secret"}),
        ("ntfy", {"url": "", "topics": ["alarms"], "token": "tk_token_secret"}),
        ("ntfy", {"url": "", "topics": ["alarms"], "user": "andon", "password": "password-secret"}),
    ],
)
async def test_whatever_a_service_repeats_no_secret_is_told(kind: str, options: dict[str, Any]) -> None:
    with serving(Repeating()) as service:
        options = {name: service.url + one if name in ("url", "api") else one for name, one in options.items()}
        async with connected(kind, **options) as connector:
            with pytest.raises(ActionRefused) as caught:
                await sent(connector)
            told = [
                str(caught.value),
                *(f"{one.detail} {one.remedy}" for one in await connector.check()),
                connector.address,
            ]
    assert "[redacted]" in told[0], "it did repeat them"
    assert not re.search(r"[-_]secret", " ".join(told))


@pytest.mark.parametrize("kind", ["slack", "teams", "ntfy"])
def test_they_send_messages_alone_and_cost_nothing_while_idle(kind: str) -> None:
    before = threading.active_count()
    options = {"topics": ["alarms"]} if kind == "ntfy" else {"url": f"https://{kind}.example/a/b/c?sig=d"}
    connector = connector_of(kind, **options)
    with pytest.raises(ActionRefused, match=f"{kind} takes no events; it sends messages"):
        connector.render(order(event()))
    assert connector.render(order()) == connector.render(order())
    assert json.loads(connector.render(order()).requests[0].body)
    assert threading.active_count() <= before  # one of an earlier test may end meanwhile

"""Secrets that are renewed in their files while Andon runs, as vaults do: the next request uses the new one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from andon.act.connectors.renewing import asked, fresh
from andon.core.errors import ActionRefused, TargetAway
from andon.core.models.actions import Arguments, OpenTicket, Section, Upload
from andon.core.settings.connectors.target import Secret
from support import foundry as foundry_service
from support import jira as jira_service
from support import splunk as splunk_service
from support.orders import connected, event, message, order, ticket
from support.servicenow import running_instance

pytestmark = pytest.mark.anyio

TICKET = OpenTicket(title="t", body=(Section("", ("x",)),), severity="ERROR")


@asynccontextmanager
async def services(kind: str) -> AsyncIterator[tuple[dict[str, Any], str, str, Arguments]]:
    """A running service with its table, the setting of its file, the right secret, and an order."""
    if kind == "jira":
        with jira_service.Jira() as jira:
            table = {"url": jira.url, "edition": "cloud", "user": jira_service.USER, "projects": ["OPS"]}
            yield table, "token_file", jira_service.TOKEN, TICKET
    elif kind == "servicenow":
        with running_instance() as instance:
            yield {"url": instance.url, "user": "andon"}, "password_file", "spindle-7", ticket()
    elif kind == "splunk":
        with splunk_service.Splunk() as splunk:
            yield {"hec_url": splunk.url, "indexes": ["press"]}, "hec_token_file", splunk_service.HEC_TOKEN, event()
    else:
        with foundry_service.Foundry() as foundry:
            table = {"url": foundry.url, "datasets": [foundry_service.DATASET]}
            if kind == "foundry":
                yield table, "token_file", foundry_service.TOKEN, Upload(path="a.html", text="x")
            else:
                table["client_id"] = foundry_service.CLIENT
                yield table, "client_secret_file", foundry_service.SECRET, Upload(path="a.html", text="x")


@pytest.mark.parametrize("kind", ["jira", "servicenow", "splunk", "foundry", "foundry application"])
async def test_a_renewed_file_is_read_without_a_restart(kind: str, tmp_path: Path) -> None:
    """The old one is refused with what to do; retried, the new one is taken."""
    path = tmp_path / "secret"
    path.write_text("an-old-one")
    async with services(kind) as (table, setting, secret, wanted):
        async with connected(kind.split()[0], **{**table, setting: str(path)}) as made:
            rendered = made.render(order(wanted))
            with pytest.raises(ActionRefused, match=f"write a new one to {path}, then retry") as caught:
                await made.send(order(wanted), rendered)
            assert "an-old-one" not in str(caught.value)
            (tmp_path / "new").write_text(f"{secret}\n")
            os.replace(tmp_path / "new", path)
            await made.send(order(wanted), rendered)


async def test_what_cannot_be_renewed_while_it_runs_says_so() -> None:
    """A secret of the settings themselves."""
    async with services("jira") as (table, _, _, wanted):
        async with connected("jira", token="an-old-one", **table) as made:
            with pytest.raises(ActionRefused, match="the token: replace it in the settings and restart, then retry"):
                await made.send(order(wanted), made.render(order(wanted)))


async def test_a_refused_request_is_tried_once_more_with_what_was_renewed_meanwhile(tmp_path: Path) -> None:
    """Also where the file looks the same as before; without another secret it stays refused."""
    path = tmp_path / "secret"
    path.write_text("one")
    secret = Secret(SecretStr(""), path, what="token")
    used: list[str] = []

    async def tried() -> str:
        used.append(secret.text)
        if secret.text == "one":
            path.write_text("two")
            raise ActionRefused("no")
        if secret.text == "never":
            raise ActionRefused("no")
        return secret.text

    assert await asked(secret, tried) == "two"
    assert used == ["one", "two"]
    path.write_text("never")
    with pytest.raises(ActionRefused):
        await asked(secret, tried)
    assert used[2:] == ["never"]


async def test_a_file_that_is_gone_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    """Nothing was sent, so the action is tried again by itself."""
    path = tmp_path / "secret"
    path.write_text("one")
    secret = Secret(SecretStr(""), path, what="[[jira]] jira: token")
    assert not await fresh(secret)
    path.unlink()
    with pytest.raises(TargetAway, match=f"the file {path} does not exist"):
        await fresh(secret)
    path.write_text("two")
    assert await fresh(secret)
    assert secret.text == "two"
    assert not await fresh(secret)


async def test_an_address_that_is_a_secret_is_renewed_too(tmp_path: Path) -> None:
    """The next request goes to the new one, which is told as little as the old one."""
    path = tmp_path / "url"
    path.write_text("http://127.0.0.1:9/services/T1/B1/old-secret-part")
    async with connected("slack", url_file=str(path)) as made:
        rendered = made.render(order(message()))
        for part in ("old-secret-part", "new-secret-part"):
            path.write_text(f"http://127.0.0.1:9/services/T1/B1/{part}")
            with pytest.raises(TargetAway) as caught:
                await made.send(order(message()), rendered)
            assert "secret-part" not in str(caught.value)
            assert made._client.base.endswith(part)  # type: ignore[attr-defined]
        path.write_text("nothing of the kind")
        with pytest.raises(ActionRefused, match=f"url: this is not an address.*; write a new one to {path}"):
            await made.send(order(message()), rendered)

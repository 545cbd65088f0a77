"""A trial with a mail server of others: Mailpit takes what Andon sends, and says what it read in it.

``MAILPIT`` names the program (``go install github.com/axllent/mailpit@v1.33.1``); without it the trial is left out.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from andon.core.errors import ActionRefused, TargetAway
from andon.core.models.actions import Section
from support.connecting import KEY, PAGE, connected, sent
from support.environment import without_proxy
from support.mail_server import certificate
from support.ports import free_ports
from support.service import listening, until

MAILPIT = os.environ.get("MAILPIT") or shutil.which("mailpit")
pytestmark = [pytest.mark.producers, pytest.mark.skipif(MAILPIT is None, reason="needs Mailpit")]
TEXT = (
    Section("Prüfen", ("Ölstand, 检查油位, в приводе", "see https://x.example/y and <b>this</b>"), True),
    Section("", (".", "From here on")),
)


class Mailpit:
    """The server, with STARTTLS and a login that it demands, and its API."""

    def __init__(self, place: Path) -> None:
        certificate(place)
        (place / "users").write_text("andon:pa55-of-the-plant\n")
        self.port, self.api = free_ports(2)
        self.ca = place / "cert.pem"
        options = [
            "--smtp",
            f"127.0.0.1:{self.port}",
            "--listen",
            f"127.0.0.1:{self.api}",
            "--database",
            str(place / "m.db"),
        ]
        options += [
            "--smtp-tls-cert",
            str(self.ca),
            "--smtp-tls-key",
            str(place / "key.pem"),
            "--smtp-require-starttls",
        ]
        options += ["--smtp-auth-file", str(place / "users"), "--enable-chaos", "--disable-version-check"]
        self.process = subprocess.Popen([str(MAILPIT), *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: listening(self.port) and listening(self.api), "Mailpit")

    def ask(self, path: str, method: str = "GET", **body: Any) -> Any:
        """What its API says."""
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.api}/api/v1/{path}", data=data, method=method)
        with without_proxy().open(request, timeout=30) as response:
            return json.loads(response.read())

    def table(self, **more: Any) -> dict[str, Any]:
        """The settings for it."""
        usual = {
            "host": "127.0.0.1",
            "port": self.port,
            "ca": self.ca,
            "user": "andon",
            "password": "pa55-of-the-plant",
        }
        return {**usual, "sender": "andon@plant.example", "to": ["crew@plant.example", "it@plant.example"], **more}


@pytest.fixture
def mailpit(tmp_path: Path) -> Iterator[Mailpit]:
    """One of a test's own."""
    made = Mailpit(tmp_path)
    try:
        yield made
    finally:
        made.process.terminate()
        made.process.wait()


async def test_a_mail_is_read_as_it_was_meant(mailpit: Mailpit) -> None:
    async with connected("email", **mailpit.table()) as connector:
        receipt = await sent(connector, title="CRITICAL: 过热 =?utf-8?B?aHR0cHM6Ly94LmV4YW1wbGU=?=", body=TEXT)
        assert [one.ok for one in await connector.check()] == [True, True, True]
    (told,) = mailpit.ask("messages")["messages"]
    whole = mailpit.ask(f"message/{told['ID']}")
    assert receipt.words.startswith("250 ")
    assert whole["MessageID"] == f"{KEY}@plant.example"
    assert whole["Subject"] == "CRITICAL: 过热 = ?utf-8?B?aHR0cHM6Ly94LmV4YW1wbGU= ?="
    assert [one["Address"] for one in whole["To"]] == ["crew@plant.example", "it@plant.example"]
    assert (whole["HTML"], whole["Attachments"]) == ("", [])
    assert whole["Text"].replace("\r\n", "\n") == (
        "Prüfen\n- Ölstand, 检查油位, в приводе\n- see https[:]//x.example/y and <b>this</b>\n\n.\nFrom here on\n\n"
        f"{PAGE}/problems/5\n"
    )


async def test_its_refusals_are_for_now_or_for_ever(mailpit: Mailpit) -> None:
    async with connected("email", **mailpit.table()) as connector:
        for place, code, kind in (
            ("Recipient", 451, TargetAway),
            ("Recipient", 550, ActionRefused),
            ("Sender", 452, TargetAway),
            ("Authentication", 535, ActionRefused),
        ):
            mailpit.ask("chaos", "PUT", **{place: {"ErrorCode": code, "Probability": 100}})
            with pytest.raises(kind, match=str(code)):
                await sent(connector)
        mailpit.ask("chaos", "PUT", Recipient={"ErrorCode": 451, "Probability": 0})
        await sent(connector)
    assert mailpit.ask("messages")["total"] == 1


async def test_what_it_demands_is_named(mailpit: Mailpit) -> None:
    async with connected("email", **mailpit.table(password="another")) as connector:
        with pytest.raises(ActionRefused, match=r"535.*renew user and password"):
            await sent(connector)
    async with connected("email", **mailpit.table(user="", password="", ca=None, security="none")) as connector:
        with pytest.raises(ActionRefused, match=r"STARTTLS|530"):
            await sent(connector)

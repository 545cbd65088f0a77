"""Tables of those who carry messages: as the documentation shows them, and mistakes as sentences without secrets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from andon.act.connectors.connected import build_connectors
from andon.core.errors import ConfigError
from andon.core.settings.settings import load_settings
from support.connector_pages import section

KINDS = ("webhook", "slack", "teams", "email", "ntfy", "apprise")
#: What the files of the examples hold.
SECRETS = {
    "mes-webhook": "https://mes.plant.example/hook/4711",
    "mes-signing": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "slack-webhook": "https://hooks.slack.com/services/T000/B000/opensesame",
    "slack-token": "xoxb-1-2-3",
    "teams-workflow": "https://prod.example/workflows/1/triggers/manual/paths/invoke?api-version=1&sig=abc",
    "mail": "a password",
    "ntfy": "tk_1234",
    "apprise": "# the crew\nmmost://chat.plant.example/abcdefghijklmnopqrstuvwxyz\n",
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_documented_tables_work_and_every_key_is_told(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", section(kind), re.S)
    for name, secret in SECRETS.items():
        (tmp_path / name).write_text(secret)
    (tmp_path / "andon.toml").write_text(example.replace("/run/secrets/", f"{tmp_path}/"))
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    connectors = build_connectors(settings)
    assert [named.kind for named in settings.targets] == [kind] * len(connectors)
    shown = " ".join(one.address for one in connectors.values())
    assert not any(secret[-12:] in shown for secret in SECRETS.values())
    told = section(kind)
    for key in type(settings.targets[0].table).model_fields:
        assert re.search(rf"^\|[^|]*`{key}`", told, re.M), f"{key} is no row of the table of keys"


@pytest.mark.parametrize(
    ("kind", "table", "sentence"),
    [
        ("webhook", {"url": "ftp://x"}, "ANDON_WEBHOOK, entry 1, url: this is not an address"),
        ("webhook", {"url": "https://me:pw@x"}, "the address contains credentials"),
        ("webhook", {"url": "https://x", "url_file": "/x"}, "set either url or url_file"),
        ("webhook", {"url": "https://x", "secret": "a", "secret_file": "/x"}, "set either secret or secret_file"),
        (
            "webhook",
            {"url": "https://x", "headers": {"Webhook-Id": "1"}},
            "'Webhook-Id' is a header that may not be set",
        ),
        (
            "webhook",
            {"url": "https://x", "headers": {"X-Line": "a\nb"}},
            "contains characters that a header may not have",
        ),
        ("webhook", {"url": "https://x", "sercet": "a"}, "sercet: there is no such key"),
        (
            "slack",
            {"url": "https://x", "token": "xoxb-1", "channels": ["C024BE91L"]},
            "a webhook belongs to one channel",
        ),
        ("slack", {"token": "xoxb-1"}, "channels is missing"),
        ("slack", {"channels": ["alarms"]}, "'alarms' is not a channel: write its ID"),
        ("teams", {"url": "teams"}, "this is not an address"),
        ("email", {"host": "smtp://mail", "sender": "a@b.c", "to": ["a@b.c"]}, "is not a server name"),
        ("email", {"host": "m", "sender": "Andon <a@b.c>", "to": ["a@b.c"]}, "is not a mail address"),
        ("email", {"host": "m", "sender": "a@b.c", "to": ["a@b.c\r\nDATA"]}, "is not a mail address"),
        ("email", {"host": "m", "sender": "a@b.c", "to": []}, "to"),
        (
            "email",
            {"host": "m", "sender": "a@b.c", "to": ["a@b.c"], "lists": {"Night": ["a@b.c"]}},
            "is not a valid list name",
        ),
        ("email", {"host": "m", "sender": "a@b.c", "to": ["a@b.c"], "lists": {"night": []}}, "has 0 recipients"),
        (
            "email",
            {"host": "m", "sender": "a@b.c", "to": ["a@b.c"], "password": "x"},
            "a password needs a user: set user as well",
        ),
        (
            "email",
            {"host": "m", "sender": "a@b.c", "to": ["a@b.c"], "user": "u", "password": "x", "security": "none"},
            "a password is never sent unencrypted",
        ),
        (
            "email",
            {"host": "m", "sender": "a@b.c", "to": ["a@b.c"], "security": "none", "ca": "/x"},
            "ca applies only to TLS: set security, or remove ca",
        ),
        ("ntfy", {"topics": ["a b"]}, "'a b' is not a valid topic"),
        ("ntfy", {"topics": ["docs"]}, "'docs' is not a valid topic"),
        ("ntfy", {"topics": ["a"], "user": "u"}, "set both user and password, or neither"),
        ("ntfy", {"topics": ["a"], "user": "u", "password": "p", "token": "t"}, "a token replaces"),
        ("apprise", {}, "set urls, or set urls_file"),
        ("apprise", {"urls": ["mmost-without-slashes"]}, "begins with its service"),
        ("apprise", {"urls": ["json://[::1"]}, "begins with its service"),
    ],
)
def test_a_mistake_is_a_sentence_that_quotes_no_secret(kind: str, table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(**{kind: [table]})
    assert sentence in str(caught.value)
    assert "me:pw" not in str(caught.value)
    assert "xoxb" not in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for kind, table in (
        ("slack", {"url_file": str(tmp_path / "gone")}),
        ("ntfy", {"topics": ["a"], "token_file": str(tmp_path / "gone")}),
        ("apprise", {"urls_file": str(tmp_path / "gone")}),
        ("email", {"host": "m", "sender": "a@b.c", "to": ["a@b.c"], "ca": str(tmp_path / "gone")}),
    ):
        with pytest.raises(ConfigError, match="gone"):
            build_connectors(load_settings(**{kind: [table]}))


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n")
    table = {"host": "m", "sender": "a@b.c", "to": ["a@b.c"], "ca": str(tmp_path / "ca.pem")}
    with pytest.raises(ConfigError, match="contains no readable certificate"):
        build_connectors(load_settings(email=[table]))

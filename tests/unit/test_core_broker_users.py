"""Settings of who may use the embedded broker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from andon.bus.embedded.config import render_config
from andon.bus.embedded.login import Login
from andon.core.errors import ConfigError
from andon.core.settings.settings import load_settings

HASH = "$2b$04$K3KrjphNtdOsFtlDR9PRT.ER2TtiVz.mkpusxah8NxYIByyLJUPKm"


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_producers_stand_in_the_file_or_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment goes before the file; a password may be its hash."""
    Path("andon.toml").write_text('nats_access = "closed"\n[[nats_users]]\nuser = "line3"\npassword = "pw-3"\n')
    assert [one.user for one in load_settings().nats_users] == ["line3"]
    monkeypatch.setenv("ANDON_NATS_USERS", json.dumps([{"user": "line-4_b", "password": HASH}]))
    assert [one.user for one in load_settings().nats_users] == ["line-4_b"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"nats_access": "open"}, "ANDON_NATS_ACCESS=closed"),
        ({"nats_access": "shut"}, "ANDON_NATS_ACCESS=shut"),
        ({"nats_users": [{"user": "line.3", "password": "sEcr3t"}]}, "entry 1, user"),
        ({"nats_users": [{"user": "*", "password": "sEcr3t"}]}, "entry 1, user"),
        ({"nats_users": [{"user": "", "password": "sEcr3t"}]}, "entry 1, user"),
        ({"nats_users": [{"user": "a"}]}, "entry 1, password"),
        ({"nats_users": [{"user": "a", "password": ""}]}, "entry 1, password"),
        ({"nats_users": [{"user": "a", "password": "$2sEcr3t"}]}, "bcrypt"),
        ({"nats_users": [{"user": "a", "password": "sEcr3t", "pasword": "sEcr3t"}]}, "pasword"),
        ({"nats_users": [{"user": "a", "password": ["sEcr3t"]}]}, "entry 1, password"),
        ({"nats_users": {"user": "a", "password": "sEcr3t"}}, "ANDON_NATS_USERS"),
        ({"nats_users": ["sEcr3t"]}, "ANDON_NATS_USERS, entry 1"),
        ({"nats_users": [{"user": "andon-service", "password": "sEcr3t"}]}, "Andon itself"),
        ({"nats_users": [{"user": "a", "password": "sEcr3t"}] * 2}, "twice"),
        ({"nats_user": "line3", "nats_password": "sEcr3t"}, "line3 .*twice"),
        ({"nats_user": "andon-service", "nats_password": "sEcr3t"}, "andon-service .*twice"),
    ],
)
def test_a_mistake_is_one_sentence_without_a_password(given: dict[str, Any], said: str) -> None:
    """Where it is and what to write; what might be secret is not repeated."""
    usual = {"nats_access": "closed", "nats_users": [{"user": "line3", "password": "sEcr3t"}]}
    with pytest.raises(ConfigError, match=said) as caught:
        load_settings(**{**usual, **given})
    assert "sEcr3t" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_closed_broker_may_listen_on_the_network() -> None:
    """It demands credentials, as a network must; an open one does not."""
    assert load_settings(nats_host="0.0.0.0", nats_access="closed").embedded_broker
    with pytest.raises(ConfigError, match="ANDON_NATS_ACCESS=closed"):
        load_settings(nats_host="0.0.0.0")


def test_passwords_are_shown_nowhere_but_in_the_brokers_own_file() -> None:
    """Which has mode 0600; there they stand as they are, whatever they hold."""
    odd = 'p"w\\ $HOME }'
    settings = load_settings(nats_access="closed", nats_users=[{"user": "line3", "password": odd}])
    assert odd not in repr(settings)
    text = render_config(settings, Path("/s"), 4222, Login("andon-service", "own"))
    assert json.dumps(odd) in text
    assert "http" not in text
    assert "authorization" not in render_config(load_settings(), Path("/s"), 4222, None)

"""Settings of MQTT: what is a table, and what opens the broker's port to others."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from andon.core.settings.shown import shown_settings
from support.settings import settings_of

TABLE: dict[str, Any] = {"url": "mqtt://h", "topics": ["a"]}


def refused(**fields: Any) -> str:
    """Why settings are refused."""
    with pytest.raises(ValidationError) as caught:
        settings_of(**fields)
    return str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"url": "http://h"}, "begins with mqtt://"),
        ({"url": "mqtt://"}, "names a host"),
        ({"url": "mqtt://h:99999"}, "not an address"),
        ({"url": "mqtt://u:p@h"}, "must not contain a user"),
        ({"url": "mqtt://h/path"}, "nothing may follow"),
        ({"topics": ["a/#/b"]}, "must be a whole level"),
        ({"topics": ["a/b+"]}, "must be a whole level"),
        ({"topics": [""]}, "not a topic"),
        ({"topics": ["$share/g/a"]}, "set share"),
        ({"share": "a/b"}, "must not contain /"),
        ({"password": "x"}, "needs a user"),
        ({"user": "u", "password": "x", "password_file": "f"}, "not both"),
        ({"url": "mqtts://h", "cert": "f"}, "set both cert and key"),
        ({"ca": "f"}, "only to TLS"),
        ({"payload": "sparkplug", "fields": {"message": "x"}}, "only to JSON"),
        ({"payload": "sparkplug", "share": "g"}, "in order"),
        ({"qos": 2}, "0 or 1"),
    ],
)
def test_a_table_that_is_no_table(entry: dict[str, Any], reason: str) -> None:
    """Each with the reason."""
    assert reason in refused(mqtt=[{**TABLE, **entry}])


def test_an_address_tells_host_port_and_how() -> None:
    """Of each kind, with its usual port."""
    urls = ("mqtt://h", "mqtts://[::1]", "ws://h/mqtt", "wss://h:8084/x")
    tables = [settings_of(mqtt=[{**TABLE, "url": url}]).mqtt[0] for url in urls]
    assert [(one.host_name, one.port, one.secure, one.websocket) for one in tables] == [
        ("h", 1883, False, False),
        ("::1", 8883, True, False),
        ("h", 80, False, True),
        ("h", 8084, True, True),
    ]


def test_two_clients_of_one_name_are_refused() -> None:
    """The broker would end one where the other comes."""
    assert "its own client_id" in refused(mqtt=[TABLE, TABLE])
    settings_of(mqtt=[TABLE, {**TABLE, "client_id": "second"}])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"mqtt_host": "0.0.0.0"}, "ANDON_NATS_ACCESS=closed"),
        ({"mqtt_port": 4222}, "both 4222"),
        ({"nats_url": "nats://h"}, "a port of the embedded broker"),
    ],
)
def test_a_port_that_may_not_be_opened(fields: dict[str, Any], reason: str) -> None:
    """To the network only where the broker asks who one is."""
    assert reason in refused(**{"mqtt_port": 1883, **fields})


def test_a_port_that_may() -> None:
    """Closed, or with a password that all share."""
    settings_of(mqtt_port=1883, mqtt_host="0.0.0.0", nats_access="closed")
    settings_of(mqtt_port=1883, mqtt_host="0.0.0.0", nats_user="u", nats_password="p")


def test_secrets_are_not_shown() -> None:
    """Neither a table's password nor the one for all."""
    settings = settings_of(mqtt=[{**TABLE, "user": "u", "password": "hush"}], mqtt_password="hush")
    shown = [one for one in shown_settings(settings) if one.name.startswith("ANDON_MQTT")]
    assert [one.name for one in shown if one.secret] == ["ANDON_MQTT", "ANDON_MQTT_PASSWORD"]
    assert "hush" not in repr(shown) + repr(settings)

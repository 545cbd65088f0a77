"""The tables of ServiceNow and PagerDuty in andon.toml: what is wrong in them is told as a sentence."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from andon.act.connectors.connected import build_connector
from andon.core.errors import ConfigError
from andon.core.settings.settings import load_settings
from andon.core.settings.shown import shown_settings
from support.connector_pages import section
from support.settings import settings_of

ROOT = Path(__file__).parents[2]
_EXAMPLE = re.compile(r"```toml\n(.*?)```", re.DOTALL)


def now(**changed: Any) -> Any:
    table = {"url": "https://plant.service-now.com", "user": "andon", "password": "spindle-7", **changed}
    return settings_of(servicenow=[table]).servicenow[0]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"url": "plant.service-now.com"}, "this is not an address: write https://HOST"),
        ({"url": "https://andon:spindle-7@plant.service-now.com"}, "the address contains credentials"),
        ({"user": ""}, "set either user (with a password) or client_id (with a client secret), not both"),
        ({"client_id": "c"}, "not both"),
        ({"client_secret": "s"}, "a client secret to client_id"),
        ({"password_file": "/run/secret"}, "set either password or password_file"),
        ({"tables": ["incident^"]}, "'incident^' is not a table name"),
        ({"tables": []}, "with neither tables nor events"),
        ({"fields": {"correlation_id": "1"}}, "Andon fills correlation_id itself"),
        ({"fields": {"Caller": "1"}}, "'Caller' is not a field name"),
        ({"urgency": {"CRITICAL": 4}}, "give a severity such as CRITICAL the urgency 1, 2 or 3"),
        ({"urgency": {"HIGH": 1}}, "'HIGH' = 1: give a severity"),
        ({"close_code": ""}, "an incident needs a close_code"),
        ({"impact": 0}, "write 1 or more"),
        ({"tabels": ["incident"]}, "tabels"),
    ],
)
def test_mistakes_of_servicenow(
    changed: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {"url": "https://plant.service-now.com", "user": "andon", "password": "spindle-7", **changed}
    monkeypatch.chdir(tmp_path)
    (tmp_path / "andon.toml").write_text(f"servicenow = {_toml([table])}\n")
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert words in str(caught.value)
    assert "spindle-7" not in str(caught.value)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(held)}" for name, held in value.items()) + "}"
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, list) else json.dumps(value)


def test_urgency_of_severities() -> None:
    usual, own = now(), now(urgency={"error": 1})
    assert [usual.urgency_of(one) for one in ("CRITICAL", "ERROR", "WARNING", "none")] == [1, 2, 3, 3]
    assert [own.urgency_of(one) for one in ("CRITICAL", "ERROR", "WARNING")] == [1, 1, 3]


def test_passwords_by_file_and_environment(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-the-file\n")
    for table, around, secret in (
        ({"password": "", "password_file": str(tmp_path / "secret")}, {}, "from-the-file"),
        ({"password": ""}, {"servicenow_password": "from-around"}, "from-around"),
        ({"password": "", "user": "", "client_id": "c"}, {"servicenow_client_secret": "around-2"}, "around-2"),
    ):
        whole = {"url": "https://plant.service-now.com", "user": "andon", **table}
        settings = settings_of(servicenow=[whole], **around)
        connector: Any = build_connector(settings, settings.targets[0])
        assert connector.instance.client._secret.text == secret
        assert secret not in repr(settings)


def test_file_with_a_key_that_is_not_there() -> None:
    table = {"routing_key_file": "/nowhere/key"}
    settings = settings_of(pagerduty=[table])
    with pytest.raises(
        ConfigError,
        match=r"\[\[pagerduty\]\] pagerduty: the key cannot be read: the file /nowhere/key does",
    ):
        build_connector(settings, settings.targets[0])
    with pytest.raises(ValueError, match="set either routing_key or routing_key_file"):
        settings_of(pagerduty=[{"routing_key": "x", **table}])


def test_no_secret_is_shown() -> None:
    table = {"url": "https://plant.service-now.com", "user": "andon", "password": "spindle-7"}
    settings = settings_of(
        servicenow=[table],
        pagerduty=[{"routing_key": "k" * 32}],
        servicenow_password="p-1",
        pagerduty_routing_key="k-2",
    )
    shown = str(shown_settings(settings))
    assert not any(secret in shown for secret in ("spindle-7", "k" * 32, "p-1", "k-2"))


@pytest.mark.parametrize("kind", ["servicenow", "pagerduty"])
def test_examples_of_the_pages(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = [one for one in _EXAMPLE.findall(section(kind)) if f"[[{kind}]]" in one]
    assert examples
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANDON_SERVICENOW_PASSWORD", "p")
    monkeypatch.setenv("ANDON_SERVICENOW_CLIENT_SECRET", "s")
    monkeypatch.setenv("ANDON_PAGERDUTY_ROUTING_KEY", "k" * 32)
    (tmp_path / "pagerduty-line3.key").write_text("l" * 32)
    for example in examples:
        (tmp_path / "andon.toml").write_text(example.replace("/etc/andon/", f"{tmp_path}/"))
        settings = load_settings()
        targets = [one for one in settings.targets if one.kind == kind]
        assert targets
        for named in targets:
            build_connector(settings, named)

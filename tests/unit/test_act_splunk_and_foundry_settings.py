"""The tables of Splunk and Foundry: what they take, what they refuse, and that the documented ones work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from andon.act.connectors.connected import build_connectors
from andon.core.errors import ConfigError
from andon.core.models.actions import Operation
from andon.core.settings.settings import load_settings
from support.connector_pages import section
from support.settings import settings_of

RID = "ri.foundry.main.dataset.c26f11c8-cdb3-4f44-9f5d-9816ea1c82da"
SPLUNK: dict[str, Any] = {"url": "https://splunk.example:8089"}
FOUNDRY: dict[str, Any] = {"url": "https://foundry.example", "datasets": [RID]}


@pytest.mark.parametrize(
    ("kind", "able", "readers"),
    [
        ("splunk", {Operation.EVENT, Operation.SAVE_ALERT}, 2),
        ("foundry", {Operation.UPLOAD, Operation.PUBLISH, Operation.APPLY}, 0),
    ],
)
def test_the_documented_table_works(
    kind: str, able: set[Operation], readers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = section(kind)
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    secret = tmp_path / "secret"
    secret.write_text("a secret\n")
    (tmp_path / "andon.toml").write_text(re.sub(r"/run/secrets/[a-z-]+", str(secret), example))
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    connector = build_connectors(settings)[kind]
    assert set(connector.abilities) == able
    assert len(connector.readers()) == readers
    table = settings.targets[0].table
    for key in {*type(table).model_fields}:
        assert f"`{key}`" in text or f"[[foundry.{key}]]" in text, f"{key} is not documented"


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({}, "needs url"),
        ({"hec_url": "https://h", "alerts": True}, "set url as well"),
        ({"url": "splunk"}, "this is not an address"),
        ({"url": "https://u:p@h"}, "the address contains credentials"),
        ({**SPLUNK, "indexes": ["*"]}, "is not a Splunk index"),
        ({**SPLUNK, "search_indexes": ['a" OR index="b']}, "is not a Splunk index"),
        ({**SPLUNK, "app": "../../launcher"}, "is not the name of a Splunk app or user"),
        ({**SPLUNK, "owner": ".."}, "is not the name of a Splunk app or user"),
        ({**SPLUNK, "searches": "realtime"}, "'oneshot', 'export' or 'off'"),
        ({**SPLUNK, "tokn": "x"}, "Extra inputs are not permitted"),
    ],
)
def test_splunk_tables_that_cannot_be(table: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(reason)):
        settings_of(splunk=[table])


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"url": "https://h"}, "add at least one of them"),
        ({**FOUNDRY, "url": "https://h/api"}, "without /api"),
        ({**FOUNDRY, "datasets": ["reports"]}, "is not a RID"),
        ({**FOUNDRY, "datasets": ["ri.foundry.main.dataset.x/../y"]}, "is not a RID"),
        ({**FOUNDRY, "branch": RID}, "is not a branch name"),
        ({**FOUNDRY, "folder": "../other"}, "is not a folder"),
        ({**FOUNDRY, "actions": [{"name": "a"}]}, "set ontology to its name"),
        ({**FOUNDRY, "ontology": "o", "actions": [{"name": "a/b"}]}, "is not the API name"),
        ({**FOUNDRY, "ontology": "o", "actions": [{"name": "a"}, {"name": "a"}]}, "have the same name"),
        (
            {**FOUNDRY, "ontology": "o", "actions": [{"name": "a", "parameters": {"x": ["{tite}"]}}]},
            "x contains {tite}",
        ),
        ({**FOUNDRY, "ontology": "o/x"}, "neither the API name nor the RID of an ontology"),
    ],
)
def test_foundry_tables_that_cannot_be(table: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(reason)):
        settings_of(foundry=[table])


def test_secrets_come_from_one_setting_or_a_file(tmp_path: Path) -> None:
    settings = settings_of(
        splunk=[{**SPLUNK, "hec_url": "https://h:8088"}], splunk_token="hushed-one", splunk_hec_token="two",
        foundry=[FOUNDRY], foundry_token="three",
    )  # fmt: skip
    assert set(build_connectors(settings)) == {"splunk", "foundry"}
    assert "hushed-one" not in repr(settings)
    with pytest.raises(ConfigError, match=r"\[\[splunk\]\] splunk: token cannot be read"):
        build_connectors(settings_of(splunk=[{**SPLUNK, "token_file": tmp_path / "none"}]))
    with pytest.raises(ConfigError, match=r"\[\[foundry\]\] foundry: the client secret cannot be read"):
        build_connectors(settings_of(foundry=[{**FOUNDRY, "client_id": "a", "client_secret_file": tmp_path / "none"}]))


def test_a_mistake_quotes_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("foundry_client_secret", "splunk_hec_token", "splunk_password"):
        with pytest.raises(ConfigError) as raised:
            load_settings(**{name: 471147114711})
        assert "4711" not in str(raised.value)
        assert f"ANDON_{name.upper()}" in str(raised.value)

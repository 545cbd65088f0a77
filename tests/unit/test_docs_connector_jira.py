"""The section about Jira: its example is good settings, and its table names every key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from andon.core.settings.connectors.jira_settings import JiraTable
from andon.core.settings.settings import load_settings
from support.connector_pages import section

SECTION = section("jira")


def test_the_example_is_taken_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both editions are known by their addresses."""
    (example,) = re.findall(r"```toml\n(.*?)```", SECTION, re.DOTALL)
    (tmp_path / "andon.toml").write_text(example, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = load_settings()
    assert [(one.name, one.table.is_cloud) for one in found.targets if isinstance(one.table, JiraTable)] == [
        ("jira", True),
        ("jira-it", False),
    ]


def test_every_key_has_a_row_with_its_default() -> None:
    """And no other has."""
    rows = dict(re.findall(r"^\| `([a-z_]+)`(?:, `[a-z_]+`)? \|([^|]*)\|", SECTION, re.MULTILINE))
    assert {*rows, "token_file"} == set(JiraTable.model_fields)
    for name, told in rows.items():
        default = JiraTable.model_fields[name].get_default()
        if (told := told.strip()) and name != "name":
            shown = str(default).replace("'", '"').removesuffix(".0")
            assert told.strip("`") == shown, name

"""Secrets that stand in files: what is told where one cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from andon.act.connectors.connected import connect
from andon.core.settings.connectors.target import unreadable
from support.settings import settings_of

#: A table of each kind whose secret stands in a file, but for the file.
TABLES: list[tuple[str, dict[str, Any], str]] = [
    ("jira", {"url": "https://jira.example", "projects": ["OPS"]}, "token_file"),
    ("servicenow", {"url": "https://now.example", "user": "andon"}, "password_file"),
    ("servicenow", {"url": "https://now.example", "client_id": "andon"}, "client_secret_file"),
    ("splunk", {"url": "https://splunk.example"}, "token_file"),
    ("splunk", {"url": "https://splunk.example", "user": "andon"}, "password_file"),
    ("splunk", {"hec_url": "https://splunk.example"}, "hec_token_file"),
    ("foundry", {"url": "https://foundry.example", "datasets": ["ri.foundry.main.dataset.1"]}, "token_file"),
    ("webhook", {}, "url_file"),
    ("webhook", {"url": "https://hook.example/x"}, "secret_file"),
    ("slack", {}, "url_file"),
    ("slack", {"channels": ["C012345"]}, "token_file"),
    ("teams", {}, "url_file"),
    ("pagerduty", {}, "routing_key_file"),
    ("email", {"host": "mail.example", "sender": "a@b.example", "to": ["c@b.example"], "user": "a"}, "password_file"),
    ("ntfy", {"url": "https://ntfy.example", "topics": ["press"]}, "token_file"),
    ("ntfy", {"url": "https://ntfy.example", "topics": ["press"], "user": "andon"}, "password_file"),
    ("apprise", {}, "urls_file"),
    ("mcp_servers", {"name": "desk", "url": "https://mcp.example/mcp"}, "token_file"),
]


@pytest.mark.parametrize(("kind", "table", "setting"), TABLES)
def test_a_file_that_is_not_there_is_told_so(kind: str, table: dict[str, Any], setting: str, tmp_path: Path) -> None:
    """In words, with its path, whatever kind it is for."""
    path = tmp_path / "gone"
    found = connect(settings_of(**{kind: [{**table, setting: str(path)}]}))
    [told] = found.broken.values()
    assert f"the file {path} does not exist" in told
    assert "Errno" not in told


def test_other_reasons_are_told_in_words(tmp_path: Path) -> None:
    """A folder, a file of somebody else, one that is no text."""
    kept = tmp_path / "binary"
    kept.write_bytes(b"\xff\xfe")
    for path, said in ((tmp_path, f"{tmp_path} is a folder"), (kept, f"the file {kept} is not a text file")):
        found = connect(settings_of(jira=[{**TABLES[0][1], "token_file": str(path)}]))
        assert said in found.broken["jira"]
    assert unreadable(kept, PermissionError()) == f"the user who runs Andon may not read the file {kept}"

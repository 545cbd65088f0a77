"""What may stand in a table [[jira]], and the sentences where it may not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from andon.core.errors import ConfigError
from andon.core.settings.settings import load_settings
from support.settings import settings_of

BARE: dict[str, Any] = {"url": "https://plant.atlassian.net", "projects": ["OPS"]}


@pytest.mark.parametrize(
    ("url", "edition", "is_cloud"),
    [
        ("https://plant.atlassian.net/", "auto", True),
        ("https://api.atlassian.com/ex/jira/11223344-a1b2-3b33-c444-def123456789", "auto", True),
        ("https://jira.plant.local/jira", "auto", False),
        ("https://evil-atlassian.net", "auto", False),
        ("https://tickets.plant.example", "cloud", True),
    ],
)
def test_the_edition_is_known_by_the_address(url: str, edition: str, is_cloud: bool) -> None:
    """Unless the settings say it."""
    page = "https://plant.atlassian.net"
    (one,) = settings_of(jira=[{**BARE, "url": url, "edition": edition, "page": page}]).jira
    assert one.is_cloud is is_cloud
    assert one.url == url.rstrip("/")


def test_the_address_may_be_copied_with_the_api_behind_it() -> None:
    """As documentation shows it."""
    (one,) = settings_of(jira=[{**BARE, "url": "https://jira.plant.local/rest/api/2"}]).jira
    assert one.url == "https://jira.plant.local"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"url": ""}, "url is empty"),
        ({"url": "plant.atlassian.net"}, "not an address"),
        ({"url": "https://me:s3cr3t@plant.atlassian.net"}, "the address contains credentials"),
        ({"url": "https://plant.atlassian.net/?os_username=s3cr3t"}, "must not contain a ?"),
        ({"url": "https://api.atlassian.com/ex/jira/1"}, "set page"),
        ({"projects": []}, "at least 1 entry"),
        ({"projects": ["ops"]}, "'ops' is not a project key"),
        ({"projects": ['OPS" OR project = "HR']}, "is not a project key"),
        ({"user": "me:s3cr3t"}, "this is not a valid user"),
        ({"labels": ["line 3"]}, "'line 3' is not a valid Jira label"),
        ({"fields": {"summary": "s3cr3t"}}, "Andon fills summary itself"),
        ({"fields": {"a b": 1}}, "'a b' is not a field id"),
        ({"fields": {"priority": {"name": "High"}}, "priorities": {"ERROR": "High"}}, "both set the priority"),
        ({"priorities": {"LOUD": "High"}}, "write 'DEBUG'"),
        ({"token": "s3cr3t", "token_file": "/run/token"}, "set either token or token_file"),
        ({"search_lag": -1}, "write 0 or more"),
        ({"serch_lag": 5}, "there is no such key"),
        ({"name": "Jira Plant"}, "is not a valid name"),
    ],
)
def test_mistakes_are_sentences(
    wrong: dict[str, Any], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which never tell a secret."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANDON_JIRA", json.dumps([{**BARE, **wrong}]))
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert told.lower() in str(caught.value).lower()
    assert "ANDON_JIRA, entry 1" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_severities_may_be_written_small() -> None:
    """And a project that is named twice is one."""
    (one,) = settings_of(jira=[{**BARE, "priorities": {"critical": "Highest"}, "projects": ["OPS", "OPS"]}]).jira
    assert one.priorities == {"CRITICAL": "Highest"}
    assert one.projects == ["OPS"]

"""Jira Cloud and Data Center."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from andon.core.settings.connectors.action_settings import Severe
from andon.core.settings.connectors.target import Target, base_url

#: What projects are called in issue keys.
_KEY = re.compile(r"[A-Z][A-Z0-9_]{1,99}\Z")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}\Z")
#: Fields that Andon fills itself.
OWN_FIELDS = frozenset({"project", "issuetype", "summary", "description", "labels"})


class JiraTable(Target):
    """A table ``[[jira]]`` in ``andon.toml``.

    It logs in with ``user`` and ``token`` (Cloud: address and API token of the user; Data Center: user and password),
    or with ``token`` alone (a personal access token, an OAuth token). ``search_lag`` is the number of seconds after
    which a new issue is surely found by Jira's search. ``markup`` is that of Data Center's texts. ``page`` is where
    people see issues, where that is not ``url``.
    """

    url: str = Field(max_length=500)
    edition: Literal["auto", "cloud", "data_center"] = "auto"
    user: str = Field("", max_length=200)
    token: SecretStr = SecretStr("")
    token_file: Path | None = None
    projects: list[str] = Field(min_length=1, max_length=50)
    issue_type: str = Field("Task", min_length=1, max_length=100)
    labels: list[str] = Field(["andon"], max_length=20)
    priorities: dict[Severe, str] = Field({}, max_length=5)
    fields: dict[str, Any] = Field({}, max_length=50)
    markup: Literal["wiki", "plain"] = "wiki"
    internal_comments: bool = False
    close_transition: str = Field("Done", max_length=100)
    close_fields: dict[str, Any] = Field({}, max_length=20)
    search_lag: float = Field(120.0, ge=0, le=3_600)
    page: str = Field("", max_length=500)

    @property
    def is_cloud(self) -> bool:
        """Whether it is Jira Cloud: as the settings say, or else by its address."""
        if self.edition != "auto":
            return self.edition == "cloud"
        host = urlsplit(self.url).hostname or ""
        return host == "api.atlassian.com" or host.endswith(
            (".atlassian.net", ".jira.com", ".atlassian-us-gov-mod.net")
        )

    @field_validator("url", "page")
    @classmethod
    def _address(cls, value: str) -> str:
        if not value.strip():
            return ""
        if "?" in (address := base_url(value)):
            raise ValueError("Jira's address must not contain a ?: write https://HOST, with its path if it has one")
        return address.removesuffix("/rest/api/3").removesuffix("/rest/api/2")

    @field_validator("user")
    @classmethod
    def _user(cls, value: str) -> str:
        if ":" in value or not value.isprintable():
            raise ValueError(
                "this is not a valid user: write the user's mail address (Cloud) or user name (Data Center)"
            )
        return value.strip()

    @field_validator("projects")
    @classmethod
    def _projects(cls, value: list[str]) -> list[str]:
        for key in value:
            if not _KEY.match(key):
                raise ValueError(
                    f"{key!r:.60} is not a project key: write the part before the number in its issues, such as OPS"
                )
        return list(dict.fromkeys(value))

    @field_validator("labels")
    @classmethod
    def _labels(cls, value: list[str]) -> list[str]:
        for label in value:
            if not label or len(label) > 200 or not label.isprintable() or " " in label:
                raise ValueError(
                    f"{label!r:.60} is not a valid Jira label: labels have no spaces and at most 200 characters"
                )
        return value

    @field_validator("fields", "close_fields")
    @classmethod
    def _fields(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not _FIELD.match(name):
                raise ValueError(f"{name!r:.60} is not a field id: write it as Jira does, such as customfield_10010")
        return value

    @model_validator(mode="after")
    def _whole(self) -> JiraTable:
        if not self.url:
            raise ValueError("url is empty: write Jira's address, such as https://plant.atlassian.net")
        if urlsplit(self.url).hostname == "api.atlassian.com" and not self.page:
            raise ValueError(
                "people cannot open issues at api.atlassian.com: set page to an address such as "
                "https://plant.atlassian.net"
            )
        if self.token.get_secret_value().strip() and self.token_file is not None:
            raise ValueError("set either token or token_file, not both")
        if own := OWN_FIELDS.intersection(self.fields):
            raise ValueError(f"Andon fills {', '.join(sorted(own))} itself: remove it from fields")
        if self.priorities and "priority" in self.fields:
            raise ValueError("priorities and fields both set the priority: remove one of them")
        return self

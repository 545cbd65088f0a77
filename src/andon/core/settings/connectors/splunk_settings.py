"""Splunk: searches, the HTTP event collector, saved alerts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from andon.core.settings.connectors.target import Target, base_url

#: What Splunk lets an index be called (and what stands in a search without quotation marks).
_INDEX = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}\Z")
_PART = re.compile(r"[A-Za-z0-9_.@-]{1,80}\Z")

Index = Annotated[str, Field(min_length=1, max_length=80)]


class SplunkTable(Target):
    """A table ``[[splunk]]`` in ``andon.toml``.

    ``url`` is the management address (port 8089) for searches and alerts, ``hec_url`` that of the HTTP event collector
    (port 8088) for events; either may be left out. Events may go to ``indexes``, the first unless one is named; where
    it is empty the token's own index takes them. Searches are kept to ``search_indexes`` where it names any.
    """

    url: str = ""
    token: SecretStr = SecretStr("")
    token_file: Path | None = None
    user: str = Field("", max_length=100)
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    searches: Literal["oneshot", "export", "off"] = "oneshot"
    search_indexes: list[Index] = Field([], max_length=50)
    hec_url: str = ""
    hec_token: SecretStr = SecretStr("")
    hec_token_file: Path | None = None
    indexes: list[Index] = Field([], max_length=50)
    source: str = Field("andon", min_length=1, max_length=100)
    sourcetype: str = Field("andon:problem", min_length=1, max_length=100)
    alerts: bool = False
    app: str = "search"
    owner: str = "nobody"

    @field_validator("url", "hec_url")
    @classmethod
    def _address(cls, value: str) -> str:
        return base_url(value) if value.strip() else ""

    @field_validator("indexes", "search_indexes")
    @classmethod
    def _index_names(cls, value: list[str]) -> list[str]:
        for name in value:
            if not _INDEX.match(name):
                raise ValueError(f"{name!r:.60} is not a Splunk index: use letters, digits, _ and -, without wildcards")
        return value

    @field_validator("app", "owner")
    @classmethod
    def _plain_part(cls, value: str) -> str:
        if not _PART.match(value) or not value.strip("."):
            raise ValueError(f"{value!r:.60} is not the name of a Splunk app or user, such as search or nobody")
        return value

    @model_validator(mode="after")
    def _does_something(self) -> SplunkTable:
        if not (self.url or self.hec_url):
            raise ValueError(
                "a [[splunk]] table needs url (https://HOST:8089, for searches and alerts), hec_url "
                "(https://HOST:8088, for events), or both"
            )
        if self.alerts and not self.url:
            raise ValueError("alerts are saved at the management address: set url as well (https://HOST:8089)")
        return self

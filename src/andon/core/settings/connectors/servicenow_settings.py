"""ServiceNow: incidents and events."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from andon.core.settings.connectors.target import Target, base_url

#: What tables and fields of an instance are called.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}\Z")
#: Fields that Andon fills itself.
OWN_FIELDS = frozenset(
    {"short_description", "description", "correlation_id", "correlation_display", "impact", "urgency"}
)
_URGENCY = {"CRITICAL": 1, "ERROR": 2, "WARNING": 3, "INFO": 3, "DEBUG": 3}


class ServiceNowTable(Target):
    """A table ``[[servicenow]]`` in ``andon.toml``.

    It logs in with ``user`` and ``password``, or with ``client_id`` and ``client_secret`` (OAuth, client credentials).
    ``search_lag`` is the number of seconds after which what an unanswered request made is surely to be seen: an
    instance ends requests that take longer than a minute. ``source`` is whose the events are.
    """

    url: str = Field(max_length=500)
    user: str = Field("", max_length=200)
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    client_id: str = Field("", max_length=200)
    client_secret: SecretStr = SecretStr("")
    client_secret_file: Path | None = None
    tables: list[str] = Field(["incident"], max_length=20)
    read_only: bool = False
    fields: dict[str, str] = Field({}, max_length=50)
    impact: int = Field(2, ge=1, le=3)
    urgency: dict[str, int] = Field({}, max_length=5)
    notes: Literal["work_notes", "comments"] = "work_notes"
    close_state: str = Field("6", min_length=1, max_length=40)
    close_code: str = Field("Solution provided", max_length=100)
    closed_states: list[str] = Field(["6", "7", "8"], max_length=20)
    search_lag: float = Field(90.0, ge=0, le=3_600)
    events: bool = False
    source: str = Field("Andon", min_length=1, max_length=60)

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        return base_url(value)

    @field_validator("tables")
    @classmethod
    def _tables(cls, value: list[str]) -> list[str]:
        for name in value:
            if not _NAME.match(name):
                raise ValueError(f"{name!r:.60} is not a table name: write it as the instance does, such as incident")
        return list(dict.fromkeys(value))

    @field_validator("fields")
    @classmethod
    def _fields(cls, value: dict[str, str]) -> dict[str, str]:
        for name, held in value.items():
            if not _NAME.match(name):
                raise ValueError(f"{name!r:.60} is not a field name: write it as the instance does, such as caller_id")
            if name in OWN_FIELDS:
                raise ValueError(f"Andon fills {name} itself: remove it from fields")
            if len(held) > 1_000:
                raise ValueError(f"the value of {name} is longer than 1,000 characters")
        return value

    @field_validator("urgency")
    @classmethod
    def _urgency(cls, value: dict[str, int]) -> dict[str, int]:
        for severity, urgency in value.items():
            if severity.upper() not in _URGENCY or urgency not in (1, 2, 3):
                raise ValueError(
                    f"{severity!r:.60} = {urgency}: give a severity such as CRITICAL the urgency 1, 2 or 3"
                )
        return {severity.upper(): urgency for severity, urgency in value.items()}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        password = bool(self.password.get_secret_value()) or self.password_file is not None
        secret = bool(self.client_secret.get_secret_value()) or self.client_secret_file is not None
        if self.password.get_secret_value() and self.password_file is not None:
            raise ValueError("set either password or password_file, not both")
        if self.client_secret.get_secret_value() and self.client_secret_file is not None:
            raise ValueError("set either client_secret or client_secret_file, not both")
        if bool(self.user) == bool(self.client_id):
            raise ValueError("set either user (with a password) or client_id (with a client secret), not both")
        if (password and not self.user) or (secret and not self.client_id):
            raise ValueError("a password belongs to user, a client secret to client_id: set the matching pair")
        if not self.tables and not self.events:
            raise ValueError('with neither tables nor events there is nothing to do: set tables = ["incident"]')
        if not self.close_code and self.close_state in ("6", "7"):
            raise ValueError("an incident needs a close_code to be resolved: set one that the instance has")
        return self

    def urgency_of(self, severity: str) -> int:
        """The urgency of a ticket, 1 to 3."""
        return self.urgency.get(severity, _URGENCY.get(severity, 3))

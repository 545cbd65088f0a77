"""ntfy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from andon.core.settings.connectors.target import Target, base_url

_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}\Z")
#: Addresses of the server itself, which it takes for no topic.
_NO_TOPICS = frozenset({"docs", "static", "file", "app", "metrics", "account", "settings", "signup", "login", "v1"})


class NtfyTable(Target):
    """A table ``[[ntfy]]`` in ``andon.toml``. ``topics`` are those that may be written to, the usual one first; it logs
    in with ``token``, or with ``user`` and ``password``, where the server asks for it."""

    url: str = "https://ntfy.sh"
    topics: list[str] = Field(min_length=1, max_length=100)
    token: SecretStr = SecretStr("")
    token_file: Path | None = None
    user: str = Field("", max_length=200)
    password: SecretStr = SecretStr("")
    password_file: Path | None = None

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        return base_url(value)

    @field_validator("topics")
    @classmethod
    def _names(cls, value: list[str]) -> list[str]:
        for topic in value:
            if not _TOPIC.match(topic) or topic in _NO_TOPICS:
                raise ValueError(f"{topic!r:.80} is not a valid topic: use up to 64 letters, digits, - and _")
        return value

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        token = bool(self.token.get_secret_value().strip())
        password = bool(self.password.get_secret_value().strip())
        if token and self.token_file is not None:
            raise ValueError("set either token or token_file, not both")
        if password and self.password_file is not None:
            raise ValueError("set either password or password_file, not both")
        if (password or self.password_file is not None) != bool(self.user):
            raise ValueError("set both user and password, or neither")
        if self.user and (token or self.token_file is not None):
            raise ValueError("a token replaces user and password: set one or the other")
        return self

"""Services that the Apprise library supports (extra `apprise`)."""

from __future__ import annotations

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from andon.core.settings.connectors.target import Target


class AppriseTable(Target):
    """A table ``[[apprise]]`` in ``andon.toml``. ``urls`` are Apprise's own, each with its login in it; ``urls_file``
    is a file with one a line. What one table has goes out together: a service of its own is a table of its own."""

    urls: list[SecretStr] = Field([], max_length=20)
    urls_file: Path | None = None

    @field_validator("urls")
    @classmethod
    def _schemes(cls, value: list[SecretStr]) -> list[SecretStr]:
        if not all(is_address(one.get_secret_value()) for one in value):
            raise ValueError("an Apprise address begins with its service, such as mmost://host/token")
        return value

    @model_validator(mode="after")
    def _one_list(self) -> Self:
        if bool(self.urls) == (self.urls_file is not None):
            raise ValueError("set urls, or set urls_file to a file with one address per line")
        return self


def is_address(text: str) -> bool:
    """Whether ``text`` has the form of the library's addresses.

    >>> is_address("mmost://chat.plant.example/token"), is_address("chat.plant.example")
    (True, False)
    """
    try:
        return bool(urlsplit(text.strip()).scheme) and "://" in text
    except ValueError:  # such as half an address of IPv6
        return False

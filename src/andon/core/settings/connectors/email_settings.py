"""Mail."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from andon.core.settings.connectors.target import Target

#: The usual ports: of submission with STARTTLS, of submission over TLS, and of relays.
PORTS = {"starttls": 587, "tls": 465, "none": 25}
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,200}[A-Za-z0-9])?\Z")
_HOST = re.compile(r"[A-Za-z0-9:](?:[A-Za-z0-9.:_-]{0,250}[A-Za-z0-9])?\Z")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}\Z")


class EmailTable(Target):
    """A table ``[[email]]`` in ``andon.toml``: the site's mail server, and who gets mail.

    ``to`` are the usual recipients, ``lists`` others by names that rules and routes may use. ``security`` is
    ``starttls`` (which is demanded, not tried), ``tls`` from the first byte, or ``none``. ``ca`` is a file with the
    authority that signed the server's certificate, where the system does not know it.
    """

    host: str
    port: int = Field(0, ge=0, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = Field("", max_length=200)
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    ca: Path | None = None
    sender: str
    to: list[str] = Field(min_length=1, max_length=100)
    lists: dict[str, list[str]] = Field({}, max_length=50)

    @field_validator("host")
    @classmethod
    def _server(cls, value: str) -> str:
        if not _HOST.match(value):
            raise ValueError(f"{value!r:.80} is not a server name: remove the reference scheme and port")
        return value

    @field_validator("sender")
    @classmethod
    def _from(cls, value: str) -> str:
        return _address(value)

    @field_validator("to")
    @classmethod
    def _recipients(cls, value: list[str]) -> list[str]:
        return list(dict.fromkeys(_address(one) for one in value))

    @field_validator("lists")
    @classmethod
    def _lists(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        made = {}
        for name, members in value.items():
            if not _NAME.match(name):
                raise ValueError(f"{name!r:.60} is not a valid list name: use lower-case letters, digits, - and _")
            if not 1 <= len(members) <= 100:
                raise ValueError(f"the list {name} has {len(members)} recipients: a list has 1 to 100")
            made[name] = list(dict.fromkeys(_address(one) for one in members))
        return made

    @model_validator(mode="after")
    def _fits(self) -> Self:
        password = bool(self.password.get_secret_value().strip())
        if password and self.password_file is not None:
            raise ValueError("set either password or password_file, not both")
        if (password or self.password_file is not None) and not self.user:
            raise ValueError("a password needs a user: set user as well")
        if self.user and self.security == "none":
            raise ValueError('a password is never sent unencrypted: set security to "starttls" or "tls"')
        if self.ca is not None and self.security == "none":
            raise ValueError("ca applies only to TLS: set security, or remove ca")
        return self

    @property
    def server_port(self) -> int:
        """The port that is called."""
        return self.port or PORTS[self.security]


def _address(value: str) -> str:
    if not _ADDRESS.match(value) or ".." in value:
        raise ValueError(
            f"{value!r:.100} is not a mail address: write it like crew@plant.example, without a display "
            "name and in ASCII"
        )
    return value

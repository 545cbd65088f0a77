"""Who may use the embedded broker: what ``andon.toml`` says of each producer's login."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

#: The user that Andon itself is at a closed broker.
OWN_USER = "andon-service"
_HASH = re.compile(r"\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}")


def inbox_prefix(user: str) -> str:
    """What the inboxes of a producer begin with: it hears nothing else.

    >>> inbox_prefix("line3")
    '_INBOX_line3'
    """
    return f"_INBOX_{user}"


class NatsUser(BaseModel, defer_build=True):
    """A producer: may send logs and ask for analyses, and hears only its own inbox (``_INBOX_<user>.>``)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str = Field(min_length=1, max_length=64)
    password: SecretStr

    @field_validator("user")
    @classmethod
    def _one_token(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", value):
            raise ValueError(
                "a user name may contain only letters, digits, - and _, because its inboxes are named after it"
            )
        if value == OWN_USER:
            raise ValueError(f"{OWN_USER} is the user of Andon itself: choose another name")
        return value

    @field_validator("password")
    @classmethod
    def _usable(cls, value: SecretStr) -> SecretStr:
        password = value.get_secret_value()
        if not password:
            raise ValueError("it is empty: set a password or its bcrypt hash")
        if password.startswith("$2") and not _HASH.fullmatch(password):
            raise ValueError(
                "it begins like a bcrypt hash but is not one: choose a password that does not begin with $2"
            )
        return value

"""Conditions of MTConnect adapters and agents."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator, model_validator

from andon.core.settings.late_tables import Late
from andon.core.settings.sources.standing import Standing, distinct


class MtconnectDevice(Standing):
    """A table ``[[mtconnect]]`` in ``andon.toml``: an adapter (``shdr://host:7878``) or an agent (``http://…``).

    An agent's address may name one device (``http://host:5000/Mill-1``). ``events`` are the data items beside
    conditions that become logs; ``interval`` is how often an agent sends what is new, in milliseconds.
    """

    url: str = Field(min_length=1, max_length=500)
    events: list[Literal["message", "alarm"]] = Field([])
    interval: int = Field(500, ge=0, le=60_000)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """An address that can be asked."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("shdr", "http", "https") or not parts.hostname:
            raise ValueError(f"url is {self.url!r}: write it as shdr://host:7878 or http://host:5000")
        if parts.username or parts.password:
            raise ValueError(
                "url contains a login, which Andon does not send to agents: allow Andon by its address instead"
            )
        if parts.query or parts.fragment or (parts.scheme == "shdr" and parts.path.strip("/")):
            raise ValueError(f"url is {self.url!r}: remove what follows the port or the device")
        if parts.scheme == "shdr" and self.events:
            raise ValueError("an adapter does not say which of its items are messages: set events only for agents")
        return self


class MtconnectSettings(BaseModel, defer_build=True):
    """Whose conditions are heard."""

    mtconnect: list[Late[MtconnectDevice]] = Field(
        [],
        max_length=500,
        description="MTConnect adapters and agents whose conditions Andon receives, in `andon.toml`: a table "
        "`[[mtconnect]]` for each with `url` (`shdr://host:7878` or `http://host:5000`); see "
        "[sources](sources.md#mtconnect).",
    )

    @field_validator("mtconnect")
    @classmethod
    def _devices_once(cls, value: list[MtconnectDevice]) -> list[MtconnectDevice]:
        distinct((one.url for one in value), "mtconnect")
        return value

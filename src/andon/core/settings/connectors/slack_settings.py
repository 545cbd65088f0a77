"""Slack, through an incoming webhook or as a bot."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from andon.core.settings.connectors.hook import HookTable
from andon.core.settings.connectors.target import base_url

_CHANNEL = re.compile(r"(?:[CGD][A-Z0-9]{6,20}|#[^\s#@<>|&*`]{1,80})\Z")


class SlackTable(HookTable):
    """A table ``[[slack]]`` in ``andon.toml``: the address of an incoming webhook, which belongs to one channel, or the
    ``token`` of a bot and the ``channels`` it may write to, the usual one first."""

    token: SecretStr = SecretStr("")
    token_file: Path | None = None
    channels: list[str] = Field([], max_length=100)
    api: str = "https://slack.com/api"

    @field_validator("api")
    @classmethod
    def _api(cls, value: str) -> str:
        return base_url(value)

    @field_validator("channels")
    @classmethod
    def _channels(cls, value: list[str]) -> list[str]:
        for channel in value:
            if not _CHANNEL.match(channel):
                raise ValueError(f"{channel!r:.60} is not a channel: write its ID, such as C024BE91L, or #its-name")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        has_token = bool(self.token.get_secret_value().strip()) or self.token_file is not None
        has_url = bool(self.url.get_secret_value().strip()) or self.url_file is not None
        if self.token.get_secret_value().strip() and self.token_file is not None:
            raise ValueError("set either token or token_file, not both")
        if has_url and (has_token or self.channels):
            raise ValueError("a webhook belongs to one channel: set only url, or set token and channels")
        if has_token and not self.channels:
            raise ValueError("channels is missing: list the channels that the bot may write to")
        return self

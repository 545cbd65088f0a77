"""PagerDuty, through its Events API v2."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from andon.core.settings.connectors.target import Target, base_url


class PagerDutyTable(Target):
    """A table ``[[pagerduty]]`` in ``andon.toml``: a service of PagerDuty.

    ``routing_key`` is the integration key of its Events API v2. ``source`` is a part of each alert's key: two Andons
    that send to one service need different ones.
    """

    url: str = Field("https://events.pagerduty.com", max_length=500)
    routing_key: SecretStr = SecretStr("")
    routing_key_file: Path | None = None
    source: str = Field("Andon", min_length=1, max_length=60)

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        return base_url(value)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.routing_key.get_secret_value() and self.routing_key_file is not None:
            raise ValueError("set either routing_key or routing_key_file, not both")
        return self

"""Webhooks: JSON, signed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from andon.core.settings.connectors.hook import HookTable

#: Headers that are ours to set.
_OURS = frozenset(
    {"content-type", "content-length", "host", "idempotency-key", "transfer-encoding", "connection"}
    | {"webhook-id", "webhook-timestamp", "webhook-signature"}
)
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}\Z")


class WebhookTable(HookTable):
    """A table ``[[webhook]]`` in ``andon.toml``. ``secret`` signs what is sent; ``headers`` are sent along, such as
    ``Authorization``."""

    secret: SecretStr = SecretStr("")
    secret_file: Path | None = None
    headers: dict[str, SecretStr] = Field({}, max_length=20)

    @field_validator("headers")
    @classmethod
    def _own_headers(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, held in value.items():
            text = held.get_secret_value()
            if not _HEADER.match(name) or name.lower() in _OURS:
                raise ValueError(f"{name!r:.60} is a header that may not be set here")
            if not text.isascii() or not text.isprintable():
                raise ValueError(f"the header {name} contains characters that a header may not have: use plain ASCII")
        return value

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.secret.get_secret_value().strip() and self.secret_file is not None:
            raise ValueError("set either secret or secret_file, not both")
        return self

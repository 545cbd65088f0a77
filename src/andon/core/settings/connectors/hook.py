"""What connected systems have that are known by an address which is itself the secret: whoever has it may write."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import SecretStr, field_validator, model_validator

from andon.core.errors import ConfigError
from andon.core.settings.connectors.target import Secret, Target, base_url


class HookTable(Target):
    """A table whose ``url`` is kept as a password is: it stands there, in ``url_file``, or in the environment."""

    url: SecretStr = SecretStr("")
    url_file: Path | None = None

    @field_validator("url")
    @classmethod
    def _address(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value().strip():
            base_url(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if self.url.get_secret_value().strip() and self.url_file is not None:
            raise ValueError("set either url or url_file, not both")
        return self


def hook_secret(table: HookTable, what: str, fallback: SecretStr | None = None, setting: str = "") -> Secret:
    """The address of ``table``, as it was given but for blanks around it; ``fallback`` is that of ``setting``.

    Raises ConfigError where there is none, or where it is no address; the address itself is not told.
    """
    url = Secret(table.url, table.url_file, fallback, what=f"{what}: url")
    if not url.text:
        raise ConfigError(f"{what} has no address: set url or url_file{f', or set {setting}' if setting else ''}")
    demand_address(url)
    return url


def demand_address(url: Secret) -> None:
    """Raises ConfigError where a secret is no address."""
    try:
        base_url(url.text)
    except ValueError as error:
        raise ConfigError(f"{url.what}: {error}") from None
    if any(sign.isspace() for sign in url.text):
        raise ConfigError(f"{url.what}: an address must not contain spaces")

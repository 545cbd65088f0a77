"""Alarms and events of OPC UA servers."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from andon.core.settings.late_tables import Late
from andon.core.settings.sources.standing import Standing, distinct


class OpcuaServer(Standing):
    """A table ``[[opcua]]`` in ``andon.toml``: a server whose alarms and events are heard.

    ``nodes`` are the objects whose events are asked for, as ``ns=2;s=Plant``; the Server object tells of all in most
    servers. ``severity`` are the least numbers that are CRITICAL, ERROR and WARNING; what is less is INFO.
    """

    url: str = Field(min_length=1, max_length=500)
    security: Literal["None", "Sign", "SignAndEncrypt"] = "None"
    policy: Literal["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"] = "Basic256Sha256"
    certificate: str = Field("", max_length=1_000)
    key: str = Field("", max_length=1_000)
    server_certificate: str = Field("", max_length=1_000)
    user: str = Field("", max_length=200)
    password: SecretStr = SecretStr("")
    nodes: list[Annotated[str, Field(min_length=1, max_length=500)]] = Field(["i=2253"], min_length=1, max_length=100)
    events: bool = True
    severity: tuple[int, int, int] = (801, 667, 334)
    acknowledge: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """An address that can be asked, with what its security needs."""
        parts = urlsplit(self.url)
        if parts.scheme != "opc.tcp" or not parts.hostname:
            raise ValueError(f"url is {self.url!r}: write it as opc.tcp://host:4840")
        if parts.username or parts.password:
            raise ValueError("url contains a login: set user and password instead")
        if self.security != "None" and not (self.certificate and self.key):
            raise ValueError(f"security is {self.security}: set certificate and key to the paths of their files")
        critical, error, warning = self.severity
        if not critical > error > warning > 0:
            raise ValueError(
                "severity must be three decreasing numbers: the lowest values of CRITICAL, ERROR and WARNING"
            )
        return self


class OpcuaSettings(BaseModel, defer_build=True):
    """Whose alarms are heard."""

    opcua: list[Late[OpcuaServer]] = Field(
        [],
        max_length=200,
        description="OPC UA servers whose alarms and events Andon receives, in `andon.toml`: a table `[[opcua]]` for "
        "each "
        "with `url` (needs the extra `opcua`); see [sources](sources.md#opc-ua).",
    )

    @field_validator("opcua")
    @classmethod
    def _servers_once(cls, value: list[OpcuaServer]) -> list[OpcuaServer]:
        distinct((one.url for one in value), "opcua")
        return value

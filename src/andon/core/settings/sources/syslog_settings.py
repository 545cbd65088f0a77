"""Syslog over UDP, TCP and TLS."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_settings import NoDecode

from andon.core.settings.late_tables import Late
from andon.core.settings.listeners import is_loopback
from andon.core.settings.lists import listed
from andon.core.settings.sources.standing import Standing


class SyslogSender(Standing):
    """A table ``[[syslog]]`` in ``andon.toml``: some senders, by address or by the host name that they state.

    ``zone`` is that of times that name none. ``escapes`` says whether ``#012`` in their texts is a line end: rsyslog
    writes control characters so; ``auto`` means where it looks like that.
    """

    senders: list[str] = Field(min_length=1, max_length=1_000)
    zone: str = Field("", max_length=100)
    escapes: Literal["auto", "on", "off"] = "auto"

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value or "UTC")
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{value!r} is not a time zone; use a name such as Europe/Berlin") from None
        return value


class SyslogSettings(BaseModel, defer_build=True):
    """Where syslog is heard, and from whom."""

    syslog_host: str = Field(
        "127.0.0.1", description="Address for syslog; any address other than loopback requires `ANDON_SYSLOG_ALLOW`."
    )
    syslog_udp_port: int = Field(
        0, ge=-1, le=65535, description="Port for syslog over UDP, usually 514; 0 opens none, -1 picks a free one."
    )
    syslog_tcp_port: int = Field(
        0,
        ge=-1,
        le=65535,
        description="Port for syslog over TCP, usually 601 or 514; 0 opens none, -1 picks a free one.",
    )
    syslog_tls_port: int = Field(
        0,
        ge=-1,
        le=65535,
        description="Port for syslog over TLS, usually 6514; 0 opens none, -1 picks a free one. It needs "
        "`ANDON_SYSLOG_TLS_CERT` and `ANDON_SYSLOG_TLS_KEY`.",
    )
    syslog_allow: Annotated[list[str], NoDecode] = Field(
        [],
        max_length=1_000,
        description="Addresses and networks that may send syslog, in addition to this machine: `10.20.0.0/16, "
        "192.168.4.7`. "
        "Empty allows any, provided syslog listens on loopback or clients present a TLS certificate.",
    )
    syslog_tls_cert: Path | None = Field(
        None, description="Certificate for syslog over TLS, with its intermediate certificates (PEM)."
    )
    syslog_tls_key: Path | None = Field(None, description="Private key of this certificate (PEM, without a password).")
    syslog_tls_ca: Path | None = Field(
        None,
        description="CA certificates (PEM) for clients: each client must then present a certificate signed by one of "
        "them. Empty requires none.",
    )
    syslog_max_bytes: int = Field(
        65_536,
        ge=1_024,
        le=524_288,
        description="Longest syslog message that is kept whole, in bytes; longer ones are truncated.",
    )
    syslog_max_connections: int = Field(
        1_000, ge=1, le=20_000, description="Maximum number of connections to each of the ports for TCP and TLS."
    )
    syslog: list[Late[SyslogSender]] = Field(
        [],
        max_length=1_000,
        description="Where senders of syslog stand, in `andon.toml`: a table `[[syslog]]` with `senders` (addresses, "
        "networks, names of hosts such as `press-*`) and a place, `zone` or `escapes`; the first that matches counts; "
        "see [sources](sources.md#syslog).",
    )

    @field_validator("syslog_allow", mode="before")
    @classmethod
    def _listed_networks(cls, value: Any) -> Any:
        return listed(value)

    @field_validator("syslog_allow")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        try:
            return [str(ipaddress.ip_network(one.strip(), strict=False)) for one in value]
        except ValueError:
            raise ValueError("write addresses and networks, such as 10.20.0.0/16, 192.168.4.7") from None

    @model_validator(mode="after")
    def _exposed_syslog_is_limited(self) -> Self:
        if self.syslog_tls_port and not (self.syslog_tls_cert and self.syslog_tls_key):
            raise ValueError(
                "ANDON_SYSLOG_TLS_PORT needs a certificate: set ANDON_SYSLOG_TLS_CERT and ANDON_SYSLOG_TLS_KEY as well"
            )
        proven = self.syslog_tls_ca is not None and not (self.syslog_udp_port or self.syslog_tcp_port)
        heard = self.syslog_udp_port or self.syslog_tcp_port or self.syslog_tls_port
        if heard and not (is_loopback(self.syslog_host) or self.syslog_allow or proven):
            raise ValueError(
                f"ANDON_SYSLOG_HOST={self.syslog_host} lets the whole network send syslog: set ANDON_SYSLOG_ALLOW to "
                "the networks that may, or accept only TLS and set ANDON_SYSLOG_TLS_CA"
            )
        return self

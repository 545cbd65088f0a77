"""The settings that concern the broker and the HTTP server: a part of :class:`andon.core.settings.settings.Settings`.

A broker that listens elsewhere than on loopback must demand credentials; the HTTP server demands them there by itself.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from andon.core.settings.broker_users import OWN_USER, NatsUser
from andon.core.settings.late_tables import Late
from andon.core.settings.lists import listed

_AUTHORITY = re.compile(r"(\[[^\[\]]+\]|[^:\[\]/?#@\\\s]+)(?::(\d{0,5}))?")
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_NAME_MAX = 253


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_and_port(authority: str) -> tuple[str, str] | None:
    """Name and port (empty where none is given) of what a URL or a Host header names; None where it names no host.

    The name is in the form in which names are compared: small letters without the last dot, in ASCII (IDNA), an address
    in its short form without brackets.

    >>> host_and_port("Localhost.:8420"), host_and_port("[0:0::1]"), host_and_port("a@b")
    (('localhost', '8420'), ('::1', ''), None)
    """
    found = _AUTHORITY.fullmatch(authority)
    name = _host_name(found[1] if found else authority)
    return None if name is None else (name, (found[2] or "") if found else "")


def _host_name(text: str) -> str | None:
    if len(text) > _NAME_MAX:
        return None
    bare = text[1:-1] if text[:1] + text[-1:] == "[]" else text
    try:
        address = ipaddress.ip_address(bare.partition("%")[0].removesuffix("."))
    except ValueError:
        pass
    else:
        return str(getattr(address, "ipv4_mapped", None) or address)
    try:
        name = text.removesuffix(".").encode("idna").decode().lower()
    except UnicodeError:
        return None
    return name if _NAME.fullmatch(name) else None


class ListenerSettings(BaseModel, defer_build=True):
    """Which broker to use or to be, and where the HTTP server listens."""

    nats_url: str = Field(
        "", description="Address of a NATS broker to use; empty means Andon starts its own embedded one."
    )
    nats_host: str = Field(
        "127.0.0.1",
        description="Address the embedded broker listens on; any address other than loopback requires a user and "
        "password.",
    )
    nats_port: int = Field(4222, ge=-1, le=65535, description="Port of the embedded broker; -1 picks a free one.")
    nats_user: str = Field(
        "", description="User name that clients of the embedded broker log in with; this user has all rights there."
    )
    nats_password: SecretStr = Field(
        SecretStr(""), description="Password that clients of the embedded broker log in with."
    )
    nats_access: Literal["open", "closed"] = Field(
        "open",
        description="`open`: every program on this machine may use the embedded broker, unless `ANDON_NATS_USER` is "
        "set; `closed`: it requires credentials from everyone except Andon and the commands of the same user. One of "
        "`open`, `closed`; see [access](access.md).",
    )
    nats_users: list[Late[NatsUser]] = Field(
        [],
        max_length=1_000,
        description="Producers that log in to the embedded broker, in `andon.toml`: a table `[[nats_users]]` for each "
        "with `user` and `password` (or its bcrypt hash); they may send logs, ask for analyses and subscribe only to "
        "`_INBOX_<user>.>`.",
    )
    nats_server: Path | None = Field(
        None, description="Path of a `nats-server` binary to run instead of the one Andon was installed with."
    )
    nats_max_payload: int = Field(
        1_048_576, ge=65_536, le=67_108_864, description="Largest message the embedded broker accepts, in bytes."
    )
    nats_max_store: int = Field(
        5_368_709_120,
        ge=33_554_432,
        description="Disk space that the embedded broker's stream store may use, in bytes.",
    )
    http_host: str = Field(
        "127.0.0.1",
        description="Address of the HTTP server; on any address other than loopback the page requires a login and the "
        "API a token; see [access](access.md).",
    )
    http_port: int = Field(8420, ge=0, le=65535, description="Port of the HTTP server; 0 picks a free one.")
    http_token: SecretStr = Field(
        SecretStr(""),
        description="An administrator's bearer token, in printable ASCII. If it is set, the API and `/metrics` require "
        "a token (`/healthz` and `/readyz` stay open) and the page a login. `andon token` makes more "
        "tokens.",
    )
    http_login: Literal["auto", "always"] = Field(
        "auto",
        description="Whether the page requires a login: `auto`: not on loopback, unless `ANDON_HTTP_TOKEN` is set; "
        "`always`: on loopback too, for use behind a reverse proxy. One of `auto`, `always`.",
    )
    http_prefix: str = Field(
        "",
        description="Path under which a reverse proxy passes requests on unchanged, such as `/andon`; leave it empty "
        "if the proxy removes the path.",
    )
    http_hosts: Annotated[list[str], NoDecode] = Field(
        [],
        description="Further host names under which browsers and programs may reach an HTTP server that listens on "
        "loopback, in addition to `localhost` and its addresses: `andon.plant.example, *.lab.example`; a "
        "proxy's `X-Forwarded-Host` is accepted if it is one of them.",
    )

    @field_validator("http_hosts", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return listed(value)

    @field_validator("http_hosts")
    @classmethod
    def _names_of_hosts(cls, value: list[str]) -> list[str]:
        names = []
        for one in map(str.strip, value):
            wild = one.startswith("*.")
            found = host_and_port(one[2:] if wild else one)
            if one == "*":
                raise ValueError(
                    "* would allow requests from every page, which this setting exists to prevent: list the host names"
                )
            if found is None or (wild and ":" in found[0]):
                raise ValueError(
                    f"{one!r} is not a host name: write names such as andon.plant.example or *.lab.example"
                )
            names.append(f"*.{found[0]}" if wild else found[0])
        return names

    @field_validator("http_prefix")
    @classmethod
    def _path(cls, value: str) -> str:
        path = value.strip().strip("/")
        path = f"/{path}" if path else ""
        if not _PREFIX.fullmatch(path) or {".", ".."} & set(path.split("/")):
            raise ValueError("write a path of letters, digits and . _ ~ - such as /andon")
        return path

    @field_validator("http_token")
    @classmethod
    def _token_of_ascii(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value().strip()
        if not all(" " <= sign <= "~" for sign in token):
            raise ValueError(
                "the token contains a control character or a character outside ASCII, which HTTP clients encode in "
                "different ways: use printable ASCII characters only"
            )
        return SecretStr(token)

    @model_validator(mode="after")
    def _exposed_listeners_need_credentials(self) -> Self:
        if bool(self.nats_user) != bool(self.nats_password.get_secret_value()):
            raise ValueError("only one of ANDON_NATS_USER and ANDON_NATS_PASSWORD is set: set both or neither")
        demands = self.nats_access == "closed" or self.broker_credentials is not None
        if not is_loopback(self.nats_host) and not demands:
            raise ValueError(
                f"ANDON_NATS_HOST={self.nats_host} opens the broker to the network: "
                "set ANDON_NATS_USER and ANDON_NATS_PASSWORD as well, or ANDON_NATS_ACCESS=closed"
            )
        if self.nats_users and not demands:
            raise ValueError(
                "ANDON_NATS_USERS has no effect while the broker requires no login: set ANDON_NATS_ACCESS=closed"
            )
        names = [OWN_USER, *filter(None, [self.nats_user]), *(one.user for one in self.nats_users)]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"the user {twice} of the broker is listed twice: rename one of them")
        return self

    @property
    def http_exposed(self) -> bool:
        """Whether other machines reach the HTTP server."""
        return not is_loopback(self.http_host)

    @property
    def http_open(self) -> bool:
        """Whether whoever reaches the HTTP server may do everything: on loopback, where nothing else is demanded."""
        return not self.http_exposed and self.http_login == "auto" and not self.http_token.get_secret_value()

    @property
    def embedded_broker(self) -> bool:
        """Whether Andon starts its own broker."""
        return not self.nats_url

    @property
    def broker_credentials(self) -> tuple[str, str] | None:
        """User and password that have every right at the embedded broker, None where there are none."""
        password = self.nats_password.get_secret_value()
        return (self.nats_user, password) if self.nats_user and password else None

    @property
    def broker_url(self) -> str:
        """The address clients on this machine use, credentials included where the broker demands them."""
        return self.broker_url_at(self.nats_port)

    def broker_url_at(self, port: int, login: tuple[str, str] | None = None) -> str:
        """The same with the port that the embedded broker took where it may take any, and with ``login``."""
        if self.nats_url:
            return self.nats_url
        host = self.nats_host if self.nats_host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104 - compared, not bound
        host = f"[{host}]" if ":" in host else host
        login = self.broker_credentials if login is None else login
        if login is None:
            return f"nats://{host}:{port}"
        user, password = login
        return f"nats://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}"

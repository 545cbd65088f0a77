"""MQTT: the embedded broker as one, and topics of another broker."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from andon.core.settings.late_tables import Late
from andon.core.settings.listeners import is_loopback
from andon.core.settings.sources.standing import Standing

#: What an address begins with, and its usual port.
SCHEMES = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
#: What a field of a payload may be renamed to, beside keys of the context.
FIELDS = frozenset({"message", "timestamp", "hostname", "severity", "service", "site", "area", "line", "machine"})
_TOPIC_MAX = 65_535
_SHARE = re.compile(r"[^/+#\0]{1,200}")


class MqttTopics(Standing):
    """A table ``[[mqtt]]`` in ``andon.toml``: a broker, and the topics that hold logs there."""

    url: str = Field(min_length=1, max_length=500)
    topics: list[str] = Field(min_length=1, max_length=1_000)
    qos: Literal[0, 1] = 1
    version: Literal["auto", "5", "3.1.1"] = "auto"
    client_id: str = Field("", max_length=200)
    share: str = Field("", max_length=200)
    session_hours: float = Field(168.0, gt=0, le=1_000_000)
    retained: bool = True
    user: str = Field("", max_length=1_000)
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    payload: Literal["auto", "json", "text", "sparkplug"] = "auto"
    fields: dict[str, str] = Field({}, max_length=100)
    alarms: list[str] = Field([], max_length=1_000)
    rebirth: bool = False

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            port, host = parts.port, parts.hostname
        except ValueError as error:
            raise ValueError(f"it is not an address ({error}): write mqtt://host:1883") from None
        if parts.scheme not in SCHEMES or not host or port == 0:
            raise ValueError(f"an address begins with {', '.join(f'{one}://' for one in SCHEMES)} and names a host")
        if parts.username is not None or parts.password is not None:
            raise ValueError("an address must not contain a user: write user and password on their own lines")
        if parts.query or parts.fragment or (parts.path.strip("/") and parts.scheme.startswith("mqtt")):
            raise ValueError("nothing may follow the port of a broker: write mqtt://host:1883")
        return value

    @field_validator("topics")
    @classmethod
    def _filters(cls, value: list[str]) -> list[str]:
        for topic in value:
            levels = topic.split("/")
            if not topic or len(topic.encode()) > _TOPIC_MAX or "\0" in topic or topic.startswith("$share/"):
                raise ValueError(f"{topic!r:.80} is not a topic; set share for a shared subscription")
            if "#" in "".join(levels[:-1]) or any(len(one) > 1 and ("+" in one or "#" in one) for one in levels):
                raise ValueError(f"{topic!r:.80}: + must be a whole level, and # must be the last level")
        return value

    @field_validator("share")
    @classmethod
    def _group(cls, value: str) -> str:
        if value and not _SHARE.fullmatch(value):
            raise ValueError("a group name must not contain / + or #")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.password.get_secret_value() and self.password_file is not None:
            raise ValueError("set either password or password_file, not both")
        if (self.password.get_secret_value() or self.password_file is not None) and not self.user:
            raise ValueError("a password needs a user: set user as well")
        if (self.cert is None) != (self.key is None):
            raise ValueError("set both cert and key, or neither")
        if not self.secure and (self.ca is not None or self.cert is not None):
            raise ValueError("ca, cert and key apply only to TLS: begin the address with mqtts:// or wss://")
        if self.payload == "sparkplug" and self.fields:
            raise ValueError("fields applies only to JSON: remove it, Sparkplug has none")
        if self.payload == "sparkplug" and self.share:
            raise ValueError(
                "Sparkplug messages must be read in order, which a shared subscription does not keep: remove share"
            )
        return self

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.url.startswith(("mqtts:", "wss:"))

    @property
    def websocket(self) -> bool:
        """Whether MQTT goes over a WebSocket."""
        return self.url.startswith("ws")

    @property
    def host_name(self) -> str:
        """Whom to connect to."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Where."""
        parts = urlsplit(self.url)
        return parts.port or SCHEMES[parts.scheme]


class MqttSettings(BaseModel, defer_build=True):
    """Where MQTT is heard, and whom it is asked for."""

    mqtt_port: int = Field(
        0,
        ge=-1,
        le=65535,
        description="Port on which the embedded broker accepts MQTT 3.1.1, usually 1883; 0 opens none, -1 picks a free "
        "one; see [sources](sources.md#mqtt).",
    )
    mqtt_host: str = Field(
        "127.0.0.1",
        description="Address of that port; on any address other than loopback the broker must require credentials.",
    )
    mqtt: list[Late[MqttTopics]] = Field(
        [],
        max_length=50,
        description="Topics of other MQTT brokers that carry logs, in `andon.toml`: a table `[[mqtt]]` for each broker "
        "with `url` and `topics`; see [sources](sources.md#mqtt).",
    )
    mqtt_password: SecretStr = Field(
        SecretStr(""), description="Password for each `[[mqtt]]` table that has a `user` but no password of its own."
    )

    @field_validator("mqtt")
    @classmethod
    def _own_sessions(cls, value: list[MqttTopics]) -> list[MqttTopics]:
        named = [(one.url, one.user, one.client_id) for one in value]
        if twice := next((one for one in named if named.count(one) > 1), None):
            raise ValueError(f"{twice[0]} is listed twice: give each table its own client_id, or merge their topics")
        return value

    def check_mqtt_port(self, *, embedded: bool, demands: bool, taken: int) -> None:
        """``demands``: the broker asks who one is; ``taken``: its own port. Raises ValueError."""
        if not self.mqtt_port:
            return
        if not embedded:
            raise ValueError(
                "ANDON_MQTT_PORT is a port of the embedded broker, but NATS_URL names another broker: remove one of "
                "them, or enable MQTT at that broker"
            )
        if self.mqtt_port == taken > 0:
            raise ValueError(
                f"ANDON_MQTT_PORT and ANDON_NATS_PORT are both {taken}: choose another port for one of them"
            )
        if not is_loopback(self.mqtt_host) and not demands:
            raise ValueError(
                f"ANDON_MQTT_HOST={self.mqtt_host} opens the broker to the network: "
                "set ANDON_NATS_USER and ANDON_NATS_PASSWORD as well, or ANDON_NATS_ACCESS=closed"
            )

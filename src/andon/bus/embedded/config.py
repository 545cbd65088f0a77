"""The configuration file of the embedded broker: where it listens, what it keeps, and who may do what."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from andon.bus.embedded.login import Login
from andon.core.models import ANALYZE_SUBJECT, SUBJECT
from andon.core.settings.broker_users import inbox_prefix
from andon.core.settings.settings import Settings

#: Header that the server gives a message which came by MQTT.
MQTT_HEADER = "Nmqtt-Pub"
#: What a producer may publish on.
PRODUCER_SUBJECTS = (SUBJECT, f"{SUBJECT}.>", ANALYZE_SUBJECT)


def render_config(settings: Settings, store_dir: Path, port: int, login: Login | None, mqtt_port: int = 0) -> str:
    """The configuration file of an embedded broker. A port of -1 lets the system choose one, ``mqtt_port`` 0 is none.

    ``strict`` durability makes the broker fsync before it acknowledges a message; otherwise it does so once a second,
    which a power cut can turn into a lost second (the server's own default is two minutes). ``login`` is Andon's own.
    There is no monitoring port: it would ask nobody for credentials.
    """
    lines = [
        f"server_name: {_quoted(_server_name())}",
        f"listen: {_quoted(f'{bracketed(settings.nats_host)}:{port}')}",
        f"max_payload: {settings.nats_max_payload}",
        'ping_interval: "10s"',
        "ping_max: 2",
        "jetstream {",
        f"  store_dir: {_quoted(str(store_dir.absolute()))}",
        f"  sync_interval: {'always' if settings.durability == 'strict' else _quoted('1s')}",
        "  max_mem: 64MB",
        f"  max_file: {settings.nats_max_store}",
        "}",
    ]
    if mqtt_port:  # who may what there is what the users below may
        lines += ["mqtt {", f"  listen: {_quoted(f'{bracketed(settings.mqtt_host)}:{mqtt_port}')}", "}"]
    if login is not None:
        lines += ["authorization {", "  users: [", *_users(settings, login), "  ]", "}"]
    return "\n".join([*lines, ""])


def _users(settings: Settings, login: Login) -> list[str]:
    full = {login.user: login.password}
    if settings.broker_credentials is not None:
        user, password = settings.broker_credentials
        full[user] = password
    lines = [f"    {{user: {_quoted(user)}, password: {_quoted(password)}}}" for user, password in full.items()]
    for producer in settings.nats_users:
        publish = ", ".join(map(_quoted, PRODUCER_SUBJECTS))
        inbox = _quoted(f"{inbox_prefix(producer.user)}.>")
        permissions = f"permissions: {{publish: {{allow: [{publish}]}}, subscribe: {{allow: [{inbox}]}}}}"
        password = _quoted(producer.password.get_secret_value())
        lines.append(f"    {{user: {_quoted(producer.user)}, password: {password}, {permissions}}}")
    return lines


def _server_name() -> str:
    """``andon-<host>``: stable, so that a restart is the same server to its peers."""
    return "andon-" + (re.sub(r"[^A-Za-z0-9_-]+", "-", socket.gethostname()).strip("-") or "host")


def bracketed(host: str) -> str:
    """``host`` as it stands before ``:port``: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def _quoted(text: str) -> str:
    """``text`` as a string of the server's configuration language, which knows no ``\\u`` escapes.

    >>> print(_quoted('a"b' + chr(10) + "ü"))
    "a\\"b\\x0aü"
    """
    escaped = (f"\\x{ord(c):02x}" if c < " " else f"\\{c}" if c in '"\\' else c for c in text)
    return f'"{"".join(escaped)}"'

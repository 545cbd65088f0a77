"""``NATS_URL`` taken apart: where to connect, and with what credentials. nats-py would use userinfo as it is written.

``nats://user:password@host:4222``, ``nats://token@host`` or a comma-separated list of such; reserved characters of
credentials are percent-encoded (``%40``), and taken as they are where that leaves no doubt.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

import msgspec

_NEXT = re.compile(r",\s*(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_SCHEME = re.compile(r"\A[A-Za-z][A-Za-z0-9+.-]*://")


class Server(msgspec.Struct, frozen=True):
    """One broker: ``address`` without credentials, and how to log in where the URL says so.

    ``user`` and ``password`` stand together; ``token`` stands alone.
    """

    address: str
    user: str | None = None
    password: str | None = None
    token: str | None = None


def servers_of(url: str) -> list[Server]:
    """The brokers that ``url`` names, in order.

    >>> servers_of("nats://plant:p%40ss@one:4222, nats://t0ken@two")[0]
    Server(address='nats://one:4222', user='plant', password='p@ss', token=None)
    """
    return [_server(part) for group in _NEXT.split(url) for part in _parts(group)]


def _parts(group: str) -> list[str]:
    """The servers of a list of which only the first may name its scheme; a password may hold commas."""
    parts = group.split(",")
    with_login = [index for index, part in enumerate(parts) if "@" in part]
    if not with_login or len(with_login) == len(parts):
        return parts
    end = with_login[-1] + 1
    return [",".join(parts[:end]), *parts[end:]]


def _server(text: str) -> Server:
    scheme, userinfo, at, host = _split(text)
    user, colon, password = userinfo.partition(":")
    if colon:
        return Server(scheme + host, unquote(user), unquote(password))
    return Server(scheme + host, token=unquote(userinfo) if at else None)


def masked(url: str) -> str:
    """``url`` without the credentials in it; rather too little is shown than too much.

    >>> masked("nats://andon:secret@plant:4222")
    'nats://***@plant:4222'
    """
    servers = [_split(group) for group in _NEXT.split(url)]
    return ",".join(f"{scheme}{'***@' if at else ''}{host}" for scheme, _, at, host in servers)


def _split(text: str) -> tuple[str, str, str, str]:
    """The scheme with its ``://``, the userinfo, ``@`` where there is one, and the host."""
    text = text.strip()
    rest = _SCHEME.sub("", text)
    return text.removesuffix(rest), *rest.rpartition("@")

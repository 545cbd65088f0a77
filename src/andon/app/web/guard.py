"""What stands in front of every route: for whom a request is meant, and from which page it comes.

A browser sends what any page tells it to, and a page whose name its owner turns to 127.0.0.1 counts as the same origin.
So where only this machine reaches us a request must name one of our own names; and what
changes something must not come from another site's page, wherever we listen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from andon.app.web.intake.ways import way_in
from andon.core.settings.listeners import host_and_port, is_loopback
from andon.core.text import printable

#: Methods that change nothing (RFC 9110).
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
#: A target that is a whole address instead of a path.
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
_PORTS = {"http": "80", "https": "443"}
_SHOWN = 100
#: The longest body of a request, in bytes; one that does not say how long it is has none to be read.
BODY_MAX = 65_536


class _Names:
    """Names of hosts, and of domains (``*.lab.example``)."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)
        self._domains = tuple(name[1:] for name in self._names if name.startswith("*."))

    def __contains__(self, authority: str) -> bool:
        """Whether ``authority`` (a name or address, with any port or none) is one of them."""
        found = host_and_port(authority)
        return found is not None and self._has(found[0])

    def _has(self, name: str) -> bool:
        return name in self._names or name.endswith(self._domains)


class HostNames(_Names):
    """The names under which a server that listens on loopback may be asked: its own, and those of the settings."""

    def __init__(self, bound: str, others: Iterable[str] = ()) -> None:
        super().__init__((bound.lower(), "localhost", *others))

    def _has(self, name: str) -> bool:
        return super()._has(name) or is_loopback(name)


class Guard:
    """ASGI middleware that refuses with one sentence.

    ``hosts`` None lets every name pass: a login protects there. ``forwarded`` are the names for which a proxy that puts
    another in their place may ask (``X-Forwarded-Host``): a page that was loaded from one of them is ours.
    """

    def __init__(self, app: ASGIApp, hosts: HostNames | None = None, forwarded: Iterable[str] = ()) -> None:
        self._app, self._hosts, self._forwarded = app, hosts, _Names(forwarded)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with the refusal."""
        refused = self._refusal(scope) if scope["type"] == "http" else None
        await (self._app if refused is None else refused)(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        asked = _authorities(scope, headers)
        if self._hosts is not None:
            wrong = next((name for name in asked or [""] if name not in self._hosts), None)
            if wrong is not None or len(headers.getlist("host")) > 1:
                return JSONResponse({"detail": _misdirected(wrong or "")}, 421)
        if scope["method"] not in _SAFE and (why := _foreign(headers, asked, self._told(headers))):
            return JSONResponse({"detail": f"{why}: changes are accepted from Andon's own pages only"}, 403)
        if way_in(scope["method"], scope["path"]) is not None:
            return None  # which bounds what it reads by itself
        if scope["method"] not in _SAFE and not _is_short(headers):
            return JSONResponse({"detail": f"the body must state its length, at most {BODY_MAX:,} bytes"}, 413)
        return None

    def _told(self, headers: Headers) -> str | None:
        """The name that a proxy was asked for, where it tells one and the settings name it."""
        told = [_text(value).strip() for value in headers.getlist("x-forwarded-host")]
        return told[0] if len(told) == 1 and told[0] in self._forwarded else None


def _is_short(headers: Headers) -> bool:
    length = headers.get("content-length", "0" if "transfer-encoding" not in headers else "")
    return length.isdecimal() and len(length) < 9 and int(length) <= BODY_MAX


def _authorities(scope: Scope, headers: Headers) -> list[str]:
    """Whom the request is meant for: each Host header, and the target where that is a whole address."""
    names = [_text(value) for value in headers.getlist("host")]
    if absolute := _ABSOLUTE.match(scope.get("raw_path", b"").decode("latin-1")):
        names.append(absolute[1])
    return names


def _text(value: str) -> str:
    """A header's value as the UTF-8 it was sent in, where it was."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _misdirected(name: str) -> str:
    said = f"{printable(name[:_SHOWN])} is none of the names" if name else "the request does not name one of the names"
    return (
        f"{said} under which Andon answers on this machine (localhost, 127.0.0.1, [::1]): "
        "ask for one of them, or add the name to ANDON_HTTP_HOSTS"
    )


def _foreign(headers: Headers, asked: list[str], told: str | None) -> str | None:
    """Why a request comes from another site's page; None where it comes from ours, or from no page at all."""
    for site in headers.getlist("sec-fetch-site"):
        if site.strip().lower() not in ("same-origin", "none"):
            return f"the request comes from another site's page (Sec-Fetch-Site: {printable(site[:_SHOWN])})"
    for origin in headers.getlist("origin"):
        ours = [*(set(asked) if len(set(asked)) == 1 else ()), *([told] if told else ())]
        if not any(_same(origin, one) for one in ours):
            return f"the request comes from a page of another origin ({printable(origin[:_SHOWN]) or 'none named'})"
    return None


def _same(origin: str, host: str) -> bool:
    """Whether a page of ``origin`` was loaded from ``host``."""
    try:
        parts = urlsplit(origin.strip())
    except ValueError:
        return False
    ours, theirs = host_and_port(host), host_and_port(parts.netloc)
    if parts.scheme not in _PORTS or parts.path or parts.query or parts.fragment or ours is None or theirs is None:
        return False
    default = _PORTS[parts.scheme]
    return (ours[0], ours[1] or default) == (theirs[0], theirs[1] or default)

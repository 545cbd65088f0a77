"""Looking at what a machine or a server has to tell, before it is configured: one function for each kind of address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from urllib.parse import urlsplit

import msgspec

from andon.core.errors import AndonError, ConfigError
from andon.core.settings.settings import Settings


class BrowseFailed(AndonError):
    """What was asked does not answer, or not in its protocol; the text says why."""


class Listed(msgspec.Struct):
    """One list of what was found: its title, the names of its columns, its rows, and what there is to say of it."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    note: str = ""


class Browse(msgspec.Struct, frozen=True):
    """What is asked: an address, for how many seconds what comes by itself is waited for, and the settings, where a
    table for that address may hold a login."""

    url: str
    seconds: float
    settings: Settings


#: By the scheme of an address what lists it, as ``module:function`` below this package; imported only when asked for.
BROWSERS: dict[str, str] = {
    "opc.tcp": "opcua_browse:browse",
    "shdr": "mtconnect_browse:browse_adapter",
    "http": "mtconnect_browse:browse_agent",
    "https": "mtconnect_browse:browse_agent",
}


async def browse(asked: Browse) -> list[Listed]:
    """What there is at an address. Raises ConfigError for one that nobody can list, and BrowseFailed."""
    parts = urlsplit(asked.url)
    place = BROWSERS.get(parts.scheme)
    if place is None or not parts.hostname:
        known = ", ".join(f"{scheme}://…" for scheme in BROWSERS)
        raise ConfigError(
            f"{asked.url!r} cannot be browsed: write an address with a host that begins with one of {known}"
        )
    module, _, function = place.partition(":")
    found: Callable[[Browse], Awaitable[list[Listed]]] = getattr(import_module(f"{__package__}.{module}"), function)
    try:
        return await found(asked)
    except BrowseFailed as error:
        raise BrowseFailed(f"{error}; check that it is running there, and that address and port are correct") from None

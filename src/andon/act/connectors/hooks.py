"""Addresses that are secrets themselves: how they are shown, bound to an approval, and asked whether they answer."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Container, Iterable
from typing import Any
from urllib.parse import urlsplit

from andon.act.connectors.connector import Checked
from andon.act.connectors.http import Client
from andon.core.errors import ActionError, ActionRefused, ConfigError
from andon.core.models.actions import OutgoingRequest
from andon.core.outgoing_http import text
from andon.core.settings.connectors.hook import demand_address
from andon.core.settings.connectors.target import Secret

#: Rounds of the hash behind a mark: it tells two addresses apart, and is no help to whoever guesses at one.
_ROUNDS = 10_000
#: Parts of an address shorter than this are words that stand elsewhere as well, and no secrets.
_SECRET_LEAST = 8
#: Every status but those of success, for what looks at the answer itself.
ANY = range(300, 600)


@functools.lru_cache(64)
def marked_url(url: str) -> str:
    """The host of a secret address, and eight hexadecimal digits by which it is told from others of that host.

    >>> marked_url("https://n8n.plant.local/webhook/4711").split("…")[0]
    'https://n8n.plant.local/'
    """
    parts = urlsplit(url)
    mark = hashlib.pbkdf2_hmac("sha256", url.encode(), b"andon address", _ROUNDS, 4).hex()
    return f"{parts.scheme}://{parts.netloc}/…{mark}"


def secrets_in(url: str) -> tuple[str, ...]:
    """What of a secret address must not be told, whoever repeats it; the longest first."""
    parts = urlsplit(url)
    pieces = {url, parts.query, f"{parts.path}?{parts.query}", parts.path, *parts.path.split("/")}
    pieces |= {value for pair in parts.query.split("&") for value in (pair, pair.partition("=")[2])}
    return tuple(sorted((one for one in pieces if len(one) >= _SECRET_LEAST), key=len, reverse=True))


def follow(client: Client, url: Secret, secrets: Callable[[str], Iterable[str]]) -> None:
    """Have ``client`` ask the address that ``url`` is now. Raises ActionRefused where its file holds none."""
    try:
        demand_address(url)
    except ConfigError as error:
        raise ActionRefused(f"{error}; {url.renewal}") from error
    client.move(url.text, secrets(url.text))


def demand_url(name: str, request: OutgoingRequest, shown: str) -> None:
    """Raises ActionRefused where ``request`` was rendered for another address than the one that is configured now."""
    if request.url != shown:
        raise ActionRefused(
            f"{name} is now {shown}, but this was approved for {request.url}: decline it and propose it again"
        )


def demand_allowed(name: str, place: str, allowed: Container[str]) -> None:
    """Raises ActionRefused where ``place`` was allowed when the action was proposed, and is no more."""
    if place not in allowed:
        raise ActionRefused(f"{name} may not write to {place!r:.100} any longer: decline it and propose it again")


def words_in(answer: Any) -> str:
    """The words of an error in JSON, where it says them as most do."""
    error = answer.get("error") if isinstance(answer, dict) else None
    parts = [text(error, "code"), text(error, "message")] if isinstance(error, dict) else [text(answer, "error")]
    if not any(parts):
        parts = [text(answer, "message") or text(answer, "detail")]
    return ": ".join(filter(None, parts))


def failed(error: ActionError, remedy: str) -> Checked:
    """A finding from what kept a check from going on: its own sentence says what to do, or else ``remedy`` does."""
    told, _, own = str(error).partition("; ")
    return Checked(False, told, own or remedy)


async def reached(client: Client, url: str, shown: str) -> Checked:
    """Whether a server answers there, asked by HEAD, which changes nothing: few take anything but POST."""
    try:
        response = await client.request("HEAD", url, returned=ANY)
    except ActionError as error:
        return failed(
            error, "check that it is running, that its address is correct, and that no firewall is in between"
        )
    if response.is_redirect:
        remedy = "redirects are not followed: set the address that it leads to"
        return Checked(False, f"{shown} answers {response.status_code}, a redirect", remedy)
    return Checked(True, f"{shown} can be reached (to HEAD it answers {response.status_code})")

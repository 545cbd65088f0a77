"""Requests of connectors: to the configured address alone, bounded, told in the service's own words where they fail."""

from __future__ import annotations

import asyncio
import base64
import email.utils
import html
import http.cookiejar
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Container, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

import andon
from andon.act.connectors.renewing import asked
from andon.core.errors import ActionError, ActionRefused, OutcomeUnknown, TargetAway
from andon.core.outgoing_http import CONNECT_TIMEOUT, ResponseTooLong, bounded_client, is_neighbour, trust
from andon.core.redact import clean, visible
from andon.core.settings.connectors.target import Secret

if TYPE_CHECKING:
    import httpx2

__all__ = ["KEEP", "PATIENCE_MAX", "READING", "WORDS_MAX", "Client", "is_page", "retry_after", "trust"]

#: Characters of a service's words that are kept.
WORDS_MAX = 500
#: A service that asks for more patience than this is asked again after it all the same, in seconds.
PATIENCE_MAX = 3_600.0
#: Seconds that a connection is kept when nothing is asked any more. Less than any server keeps one (two seconds are
#: the shortest in use): a request that meets the server's closing might have been done, and nobody would know.
KEEP = 1.0
#: Connections of one connector at once.
POOL = 4
#: Methods that change nothing: what became of them never matters.
READING = ("GET", "HEAD", "OPTIONS")
#: Answers of a service that has not done it and may later: the request did not come whole, came too early, or too
#: often, or there is no service at the moment. 407 is of a proxy on the way there.
_LATER = (407, 408, 425, 429, 503)
#: Those of them that may come of something in between, after the service has done it.
_DOUBTFUL = (408, 503)
#: What Envoy, which stands before many services, says with 503 where the service broke off after the request had
#: come to it, and where it had not.
_BROKE_OFF = "reset before headers"
_NEVER_CAME = ("connection failure", "overflow")
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,300})", re.IGNORECASE)


class _Packed(ValueError):
    """A body came compressed, which nobody asked for: how long it is inside, nobody knows."""


class Client:
    """The client of one connector. ``words`` finds the service's own words in the JSON of a refusal, ``remedy`` what to
    do from its status and those words; where it knows none, the usual one of the status is told.

    ``secret`` is what it logs in with, ``login`` makes the headers of that, for each request but those that are
    ``anonymous``: where its file was renewed, the new one is used. It and ``secrets`` are never told, whatever the
    service repeats. ``judge`` sees an answer that is no success first: what
    it returns is raised, None leaves it to the usual rules. Connections are opened when something is asked, and closed
    :data:`KEEP` seconds after the last answer; cookies are not kept.
    """

    def __init__(
        self,
        name: str,
        base: str,
        *,
        timeout: float,
        words: Callable[[Any], str] | None = None,
        remedy: Callable[[int, str], str] | None = None,
        secrets: Iterable[str] = (),
        headers: Mapping[str, str] | None = None,
        secret: Secret | None = None,
        login: Callable[[str], Mapping[str, str]] | None = None,
        judge: Callable[[httpx2.Response, bool], ActionError | None] | None = None,
    ) -> None:
        self.name = name
        self.base = base
        self.timeout = timeout
        self._words = words
        self._own_remedy = remedy
        self._judge = judge
        self._secret = secret
        self._login = login
        self._secrets = _spellings(secrets)
        self._known: tuple[str, tuple[str, ...]] = ("", ())
        self._fetched: tuple[str, ...] = ()
        self._headers = {
            "User-Agent": f"andon/{andon.__version__}",
            # a body that unpacks to a thousand times its size would pass the bound on what is read
            "Accept-Encoding": "identity",
            **(headers or {}),
        }
        self._client: httpx2.AsyncClient | None = None
        self._asking = 0
        self._idle: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    async def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        reads: bool | None = None,
        returned: Container[int] = (),
        anonymous: bool = False,
    ) -> httpx2.Response:
        """The answer to a request, whole; only an answer of 2xx is returned, or one with a status of ``returned``.

        ``reads`` says that it changes nothing although it is no GET (a search). ``params`` take the place of what the
        address has behind a ``?``. Raises ActionRefused, TargetAway, and OutcomeUnknown where it may have been done;
        what only reads raises TargetAway instead.
        """

        async def tried() -> httpx2.Response:
            signed = {**self._signed(anonymous), **(headers or {})}
            return await self._answer(method, url, body, signed, params, reads, returned)

        if self._secret is None or self._login is None or anonymous:
            return await tried()
        return await asked(self._secret, tried)

    def _signed(self, anonymous: bool) -> Mapping[str, str]:
        if self._secret is None or self._login is None or anonymous:
            return self._headers
        return {**self._headers, **self._login(self._secret.text)}

    async def _answer(
        self,
        method: str,
        url: str,
        body: bytes | str | None,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None,
        reads: bool | None,
        returned: Container[int],
    ) -> httpx2.Response:
        """The answer to one request."""
        import httpx2

        self._demand_home(url)
        only_reads = method in READING if reads is None else reads
        unknown: Callable[[str], ActionError] = TargetAway if only_reads else OutcomeUnknown
        way = _Way()
        try:
            async with asyncio.timeout(self.timeout + CONNECT_TIMEOUT), self._connected() as client:
                response = await client.request(
                    method,
                    url,
                    content=body,
                    params=None if params is None else dict(params),
                    headers=dict(headers),
                    extensions={"trace": way},
                )
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL, httpx2.LocalProtocolError, UnicodeError) as error:
            raise ActionRefused(
                f"{self.name}: the request cannot be made: {self._said(error)}: correct address and credentials in "
                "the settings"
            ) from error
        except (TimeoutError, httpx2.HTTPError, OSError, ResponseTooLong, _Packed) as error:
            raise self._broken(error, way.sent, unknown) from error
        if response.is_success or response.status_code in returned:
            return response
        raise self._failure(response, only_reads, unknown)

    def move(self, base: str, secrets: Iterable[str]) -> None:
        """Ask another address from now on, that has these secrets in it."""
        if base != self.base:
            self.base = base
            for secret in secrets:
                self.hide(secret)

    def hide(self, secret: str) -> None:
        """Never tell ``secret`` either, such as a token that was fetched a moment ago."""
        if secret:
            self._fetched = (*self._fetched[-15:], *_spellings((secret,)))

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        self._closed = True
        self._let_go()
        if self._closing:
            await asyncio.gather(*self._closing)

    def json(self, response: httpx2.Response, *, changed: bool = False) -> Any:
        """The JSON of an answer. Raises TargetAway where it is none, OutcomeUnknown where ``changed`` something."""
        try:
            return response.json()
        except (ValueError, RecursionError) as error:
            kind: Callable[[str], ActionError] = OutcomeUnknown if changed else TargetAway
            page = " (a web page: check the address)" if is_page(response) else ""
            raise kind(f"{self.name} answered {response.status_code} with something that is not JSON{page}") from error

    def said(self, response: httpx2.Response) -> str:
        """The service's own words in an answer: on one line, cut, without secrets; of a web page its title."""
        if is_page(response):
            found = _TITLE.search(response.text[:20_000])
            return self._told(html.unescape(found[1])) if found else ""
        try:
            text = self._words(response.json()) if self._words is not None else ""
        except (ValueError, RecursionError):
            text = ""
        return self._told(text or response.text[:20_000])

    def _demand_home(self, url: str) -> None:
        """Raises ActionRefused for an address that is not the configured one's, or may lead out of its path."""
        base, there = urlsplit(self.base), urlsplit(url)
        root = base.path.rstrip("/")
        below = there.path in (base.path, root) or there.path.startswith(f"{root}/")
        steps = unquote(there.path).replace("\\", "/").split("/")
        if (there.scheme, there.netloc) != (base.scheme, base.netloc) or not below or not {".", ".."}.isdisjoint(steps):
            raise ActionRefused(
                f"{self.name}: this goes to {_place(there)}{self._told(there.path)[:100]}, which is not below the "
                f"configured address {_place(base)}{root}: decline it and propose it again"
            )

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[httpx2.AsyncClient]:
        """The client while something is asked; once nothing is, it is closed after a moment."""
        if self._closed:
            raise TargetAway(f"{self.name} is closed: this process is stopping")
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._client is None:
            proxied = not is_neighbour(self.base)
            self._client = bounded_client(timeout=self.timeout, pool=POOL, trust_env=proxied, look=_plain, keep=KEEP)
            # a service that recognises a session would not look at the credentials any more
            self._client.cookies.jar.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        self._asking += 1
        try:
            yield self._client
        finally:
            self._asking -= 1
            if not self._asking and not self._closed:
                self._idle = asyncio.get_running_loop().call_later(KEEP, self._let_go)

    def _let_go(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        client, self._client, self._idle = self._client, None, None
        if client is not None:
            task = asyncio.get_running_loop().create_task(client.aclose(), name=f"close {self.name}")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _broken(self, error: Exception, sent: bool, unknown: Callable[[str], ActionError]) -> ActionError:
        """What it means that no answer came: nothing where the request was not even sent."""
        import httpx2

        if not sent:
            return TargetAway(f"{self.name} cannot be reached: {self._said(error)}{_way_there(str(error))}")
        if isinstance(error, (TimeoutError, httpx2.TimeoutException)):
            return unknown(f"{self.name} did not answer within {self.timeout:g} s")
        if isinstance(error, ResponseTooLong):
            return unknown(f"{self.name} sent an answer that does not end")
        if isinstance(error, _Packed):
            return unknown(f"{self.name} sent a compressed answer, which was not requested: a proxy may do that")
        return unknown(f"{self.name}: the connection broke before the answer arrived: {self._said(error)}")

    def _failure(
        self, response: httpx2.Response, only_reads: bool, unknown: Callable[[str], ActionError]
    ) -> ActionError:
        if self._judge is not None and (judged := self._judge(response, only_reads)) is not None:
            return judged
        status, said = response.status_code, self.said(response)
        told = f"{self.name} answered {status}" + (f": {said}" if said else "")
        if response.is_redirect:
            target = urlsplit(response.headers.get("location", "")).hostname or "another path"
            return ActionRefused(
                f"{told}, a redirect to {target:.200}, which is not followed: correct the address in the settings"
            )
        if status == 503 and _BROKE_OFF in said and not any(one in said for one in _NEVER_CAME):
            return unknown(told)
        if status in _LATER:
            away = TargetAway(_with(told, _remedy(status)), retry_after=retry_after(response.headers))
            away.answered = status in _DOUBTFUL
            return away
        if status >= 500:  # of the service or of something in between: it may have been done
            return unknown(told)
        own = self._own_remedy(status, said) if self._own_remedy is not None else ""
        return ActionRefused(_with(told, own or self._usual_remedy(status)))

    def _usual_remedy(self, status: int) -> str:
        if status == 401 and self._secret is not None:
            return f"; it does not accept {self._secret.called}: {self._secret.renewal}"
        return _remedy(status) or "; correct in the settings what it names and restart, then propose it again"

    def _spelled(self, secret: str) -> tuple[str, ...]:
        """The login's secret and what its headers make of it, as they might be repeated."""
        if secret != self._known[0]:
            made = self._login(secret).values() if self._login is not None and secret else ()
            self._known = (secret, _spellings((secret, *made, *(one.partition(" ")[2] for one in made))))
        return self._known[1]

    def _said(self, error: Exception) -> str:
        return self._told(str(error) or type(error).__name__)

    def _told(self, text: str) -> str:
        mine = () if self._secret is None else self._spelled(self._secret.text)
        for secret in (*mine, *self._secrets, *self._fetched):
            text = text.replace(secret, "[redacted]")
        return clean(" ".join(visible(text).split()), WORDS_MAX)


class _Way:
    """How far a request came: httpx2's extension ``trace`` calls it at each step."""

    def __init__(self) -> None:
        self.sent = False

    async def __call__(self, step: str, told: Mapping[str, Any]) -> None:
        """Know it sent once its head is to go out; a proxy's CONNECT before it is none of ours."""
        if step.endswith(".send_request_headers.started") and told["request"].method != b"CONNECT":
            self.sent = True


async def _plain(response: httpx2.Response) -> None:
    """Response hook: refuse a body that is compressed although none was asked for."""
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise _Packed


def _place(address: SplitResult) -> str:
    """Scheme, host and port of an address, without any login in it."""
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]:.260}"


def is_page(response: httpx2.Response) -> bool:
    """Whether a web page came where it was not asked for: of a proxy, a login, or another server. Some services call
    a plain word HTML, too."""
    text = response.text[:20_000]
    return text[:100].lstrip().startswith("<") or ("html" in response.headers.get("content-type", "") and "<" in text)


def _spellings(secrets: Iterable[str]) -> tuple[str, ...]:
    """Each secret as a service might repeat it: itself, in an address, in JSON, and what HTTP's basic login makes of
    one that is ``user:password``. The longest first, so that none leaves a part of another."""
    found = set[str]()
    for secret in filter(None, secrets):
        found |= {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1]}
        found.add(base64.b64encode(secret.encode()).decode())
    return tuple(sorted(found, key=len, reverse=True))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that ``Retry-After`` asks for, as a number or as a date (RFC 9110, 10.2.3); None where it says nothing.

    >>> retry_after({"retry-after": "7"})
    7.0
    """
    told = headers.get("retry-after", "").strip()
    if told.isascii() and told.replace(".", "", 1).isdigit():
        return min(float(told), PATIENCE_MAX)
    try:
        moment = email.utils.parsedate_to_datetime(told).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, moment - time.time()), PATIENCE_MAX)


def _with(told: str, remedy: str) -> str:
    """One sentence of a service's words and what to do."""
    return f"{told.rstrip('.')}{remedy}" if remedy else told


def _remedy(status: int) -> str:
    if status == 401:
        return "; it does not accept the credentials: replace them in the settings and restart, then retry"
    if status == 403:
        return "; the user in the settings does not have the right: have it granted, then retry"
    if status == 404:
        return "; it does not exist there, or this user may not see it: check address and names in the settings"
    if status == 407:
        return "; a proxy in between requires a login: add it to HTTPS_PROXY, or list the host in NO_PROXY"
    if status == 413:
        return "; it is too large for the service: propose it again with less, or raise the limit of the service"
    return ""


def _way_there(said: str) -> str:
    """What to do about a connection that does not come about."""
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return (
            "; its certificate is not trusted here: set SSL_CERT_FILE to the certificate of the authority that signed "
            "it"
        )
    if "WRONG_VERSION_NUMBER" in said:
        return "; it does not use TLS there: check whether the address is http:// or has another port"
    return ""

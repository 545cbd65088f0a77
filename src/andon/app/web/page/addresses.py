"""Addresses within the page: all relative to where it begins, so that any prefix of a proxy works."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

from fastapi import Request

#: A header with which an open page says which one it is, relative to the site's root.
PAGE_HEADER = "Andon-Page"
#: Signs that stand for themselves in a path, and those in a query too.
_IN_PATH = "/:@!$&'()*+,;=~"
_IN_QUERY = _IN_PATH + "?%"
_LONGEST = 2_000
#: The longest query of ours, in characters: the page holds it several times.
_QUERY_MAX = 10_000


def root_of(request: Request) -> str:
    """The way from a request's path, as the browser has it, to the site's root: ``./`` or ``../``."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return "../" * raw.count(b"/", 1) or "./"


def own_address(request: Request) -> str:
    """A page's own address relative to the site's root, with its query: for links within the page, and reloading.

    A query that is longer than any of ours is left out.
    """
    path = quote(request.scope["path"].lstrip("/"), safe=_IN_PATH)
    if ":" in path.partition("/")[0]:
        path = f"./{path}"
    query = quote(request.url.query, safe=_IN_QUERY)
    return f"{path or './'}?{query}" if 0 < len(query) <= _QUERY_MAX else path or "./"


def own_page(address: str) -> str:
    """``address`` where it is that of a page of ours, relative to the site's root; else ``./``.

    >>> own_page("journal?q=a b"), own_page("//evil.example"), own_page("https://evil.example"), own_page("x/../../y")
    ('journal?q=a%20b', './', './', './')
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return "./"
    plain = unquote(parts.path)
    wrong = parts.scheme or parts.netloc or "\\" in plain or plain.startswith("/") or ".." in plain.split("/")
    no_page = plain.partition("/")[0] in ("login", "logout", "name", "live")
    if not address.isprintable() or len(address) > _LONGEST or wrong or no_page:
        return "./"
    path = quote(plain, safe=_IN_PATH)
    path = f"./{path}" if ":" in path.partition("/")[0] else path or "./"
    return f"{path}?{quote(parts.query, safe=_IN_QUERY)}" if parts.query else path


def login_address(page: str, method: str = "GET") -> str:
    """The address of the login, relative to the site's root, which leads back to ``page`` where that can be shown."""
    back = own_page(page) if method in ("GET", "HEAD") else "./"
    return "login" if back == "./" else f"login?next={quote(back, safe='')}"

"""Who asks: a person (or a program with a token) and what they may do."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote, unquote

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request

from andon.core.credentials import checked_name
from andon.core.errors import ConfigError
from andon.core.models import Role as Role

#: The cookie in which a browser keeps the name of who uses it, where nobody logs in; scripts may read it.
NAME_COOKIE = "andon_name"
#: A header with the same, for programs.
NAME_HEADER = "Andon-Name"


class Person(NamedTuple):
    """Who asks. ``name`` is None where nobody said it; ``csrf`` is what forms of their pages must send back.

    ``logged_in`` says that a session of theirs ended with the browser, or a log-out, is what keeps others out;
    ``to_be_asked`` that the page asks for their name, as nobody logs in here and nobody was asked before.
    """

    name: str | None
    role: Role
    csrf: str = ""
    logged_in: bool = False
    to_be_asked: bool = False


#: Whoever asks for what is open to everybody.
NOBODY = Person(None, Role.VIEWER)


def person_of(request: HTTPConnection) -> Person:
    """Who puts this request. Without a login, on loopback, everybody may do everything under the name they gave."""
    found = getattr(request.state, "person", None)
    return found if isinstance(found, Person) else NOBODY


def lacking(person: Person, role: Role) -> str:
    """The sentence for somebody who would need another role."""
    return f"this needs the role {role.word}, yours is {person.role.word}: ask an Andon administrator"


def at_least(role: Role) -> Callable[[Request], Person]:
    """A dependency that lets a request through where its person has this role, else answers 403."""

    def check(request: Request) -> Person:
        person = person_of(request)
        if person.role < role:
            raise HTTPException(403, lacking(person, role))
        return person

    return check


def said_name(request: HTTPConnection) -> str | None:
    """The name that somebody who is not logged in gave, by header or cookie; None for none, and for what is no name."""
    given = request.headers.get(NAME_HEADER) or request.cookies.get(NAME_COOKIE) or ""
    try:
        return checked_name(unquote(_text(given), errors="strict"))
    except (ConfigError, UnicodeError):
        return None


def kept_name(name: str) -> str:
    """A name as the cookie holds it."""
    return quote(unicodedata.normalize("NFC", name), safe="")


def _text(value: str) -> str:
    """A header's value as the UTF-8 it was sent in, where it was."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value

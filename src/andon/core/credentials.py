"""Names of people, their passwords, and secrets that are made here: what is stored of them proves them, no more."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from andon.core.errors import ConfigError
from andon.core.text import printable

if TYPE_CHECKING:
    from argon2 import PasswordHasher

#: Most characters of a name.
NAME_MAX = 60
#: Fewest and most characters of a password.
PASSWORD_MIN, PASSWORD_MAX = 10, 1_000
#: What tokens of programs begin with, so that people and scanners recognise one that lies about.
TOKEN_PREFIX = "andon_"  # noqa: S105 - no secret, but what stands before one


def checked_name(text: str) -> str:
    """The name as it is kept, each run of blanks as one. Raises ConfigError for what is no name."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not 1 <= len(name) <= NAME_MAX or not name.isprintable() or printable(name) != name:
        raise ConfigError(
            f"a name has 1 to {NAME_MAX} printable characters: choose a name other than {name[:NAME_MAX]!r}"
        )
    return name


def name_key(text: str) -> str:
    """A name as it is compared: in any case, width and composition the same.

    >>> name_key("  Jörg  MÜLLER"), name_key("ＫＡＲＬ"), name_key("Straße")
    ('jörg müller', 'karl', 'strasse')
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def checked_password(text: str, name: str) -> str:
    """The password. Raises ConfigError where it is too short or too long, or the name itself."""
    if not PASSWORD_MIN <= len(text) <= PASSWORD_MAX:
        raise ConfigError(
            f"a password has {PASSWORD_MIN} characters at least and {PASSWORD_MAX:,} at most: choose another, "
            "such as four words that do not belong together"
        )
    if name_key(text) == name_key(name):
        raise ConfigError("the password is the same as the name: choose a different password")
    return text


def hashed(password: str) -> str:
    """What is stored of a password. Takes some 50 ms of a core and 64 MiB: never call it in the event loop."""
    return _hasher().hash(_typed(password))


def matches(stored: str | None, password: str) -> bool:
    """Whether this is the password of which ``stored`` is kept; None (nobody) takes as long, and is never right.

    Takes as long as :func:`hashed`.
    """
    from argon2.exceptions import InvalidHashError, VerificationError  # a library that few commands need

    nobody = _hash_of_nobody()  # before anything is compared: the first call takes longer, whoever it is about
    try:
        right = _hasher().verify(stored or nobody, _typed(password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None and bool(right)


@cache
def _hash_of_nobody() -> str:
    return _hasher().hash(new_secret())


@cache
def _hasher() -> PasswordHasher:
    """argon2id with 64 MiB and three rounds: the library's own choice, the second of RFC 9106."""
    from argon2 import PasswordHasher  # as above

    return PasswordHasher()


def _typed(password: str) -> bytes:
    """The same bytes from every keyboard; halves of surrogate pairs, which no keyboard types, are some bytes too."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def new_secret() -> str:
    """256 random bits as 43 letters, digits, ``-`` and ``_``."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is stored of a secret of :func:`new_secret`: its SHA-256, in hex. So many bits are not guessed back."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()

"""Where the database is: a file of SQLite's, or an address of PostgreSQL's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
_HOST = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(:\d*)?")


@dataclass(frozen=True, slots=True, repr=False)
class PostgresAddress:
    """An address that PostgreSQL's clients understand. Its text is for people: no password, no parameters."""

    url: str

    @classmethod
    def parse(cls, text: str) -> PostgresAddress:
        """Read ``postgresql://user:password@host:port/database?…`` (``postgres://`` too).

        Raises ValueError with a sentence that quotes nothing of a password.
        """
        scheme, _, rest = text.strip().partition("://")
        if scheme.lower() not in _SCHEMES:
            raise ValueError(
                "set DB_PATH to a file, or to a PostgreSQL database such as postgresql://user:password@host/database"
            )
        parts = urlsplit(f"postgresql://{rest}")
        credentials, _, server = parts.netloc.rpartition("@")
        if "@" in credentials or "@" in parts.path or "@" in parts.fragment or parts.fragment or "/" in parts.path[1:]:
            raise ValueError(
                "DB_PATH is not a valid PostgreSQL address: percent-encode the characters / ? # @ : % in the user and "
                "password (@ as %40), and name one database"
            )
        if not all(_HOST.fullmatch(host) for host in server.split(",")):
            raise ValueError(
                "DB_PATH is not a valid PostgreSQL address: write it as postgresql://user:password@host:port/database, "
                "with an IPv6 host in brackets"
            )
        return cls(f"postgresql://{rest}")

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        credentials, at, server = parts.netloc.rpartition("@")
        return f"postgresql://{credentials.partition(':')[0]}{at}{server}{parts.path}"

    def __repr__(self) -> str:
        return f"PostgresAddress({str(self)!r})"


#: Both kinds; the text of either may be shown.
Database = Path | PostgresAddress


def parse_database(text: str) -> Database:
    """What ``DB_PATH`` names. Raises ValueError where it is an address of another kind of database."""
    return PostgresAddress.parse(text) if "://" in text else Path(text)

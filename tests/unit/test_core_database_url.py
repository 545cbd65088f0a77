"""The address of the database: both kinds are read, and a password is never shown."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.errors import ConfigError
from andon.core.settings.database_url import PostgresAddress, parse_database
from andon.core.settings.settings import load_settings


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://andon:hush@db.plant:5433/andon?sslmode=require", "postgresql://andon@db.plant:5433/andon"),
        ("postgres://andon@db/andon", "postgresql://andon@db/andon"),
        ("postgresql+psycopg://db/andon?password=hush&user=u", "postgresql://db/andon"),
        ("postgresql://u:hush@[::1]:5432/andon", "postgresql://u@[::1]:5432/andon"),
        ("postgresql://u:hush@one:1,two:2/andon", "postgresql://u@one:1,two:2/andon"),
        ("postgresql:///andon?host=/run/postgresql", "postgresql:///andon"),
    ],
)
def test_an_address_is_read_and_shown_without_secrets(text: str, shown: str) -> None:
    """Its text and its representation are for people."""
    found = parse_database(text)
    assert isinstance(found, PostgresAddress)
    assert str(found) == shown
    assert repr(found) == f"PostgresAddress('{shown}')"
    assert found.url.startswith("postgresql://")


def test_anything_else_is_a_file() -> None:
    """As it was written."""
    assert parse_database("/var/lib/andon/agent.db") == Path("/var/lib/andon/agent.db")


@pytest.mark.parametrize(
    "text",
    [
        "mysql://u:hush@db/x",
        "postgresql://u:hu/sh@db/x",
        "postgresql://u:hu#sh@db/x",
        "postgresql://u:hu?sh@db/x",
        "postgresql://u:hu@sh@db/x",
        "postgresql://db/x/y",
        "postgresql://u:hush:db:1/x",
        "postgresql://u:hush/x",
    ],
)
def test_what_cannot_be_an_address_is_refused_without_quoting_it(text: str) -> None:
    """A password that is not percent-encoded would otherwise end up in a host's name and in messages."""
    with pytest.raises(ValueError, match="DB_PATH") as caught:
        parse_database(text)
    assert "hu" not in str(caught.value)
    with pytest.raises(ConfigError, match="DB_PATH") as refused:
        load_settings(db_path=text)
    assert "hush" not in str(refused.value)


@given(st.text(st.characters(codec="utf-8"), min_size=3))
def test_no_password_shows(password: str) -> None:
    """Whatever it is made of."""
    secret = f"<{password}>"
    found = PostgresAddress.parse(f"postgresql://user:{quote(secret, safe='')}@db:5432/andon")
    assert str(found) == "postgresql://user@db:5432/andon"

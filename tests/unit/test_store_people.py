"""Users, sessions and tokens in both databases; names, passwords and what is kept of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from andon.core.credentials import checked_name, checked_password, hashed, matches, name_key, new_secret
from andon.core.errors import ConfigError, NotFound, StoreError
from andon.core.models import Role
from andon.core.settings.database_url import Database
from andon.store import change, people, prepare
from andon.store.engine import audit

pytest_plugins = ["support.databases"]

Do = Callable[..., Any]


@pytest.fixture
def do(database: Database) -> Do:
    """Runs a function of the store as a transaction."""
    prepare(database, durability="normal")
    return lambda work, *arguments, **named: change(database, work, *arguments, **named)


def test_a_user_from_the_first_day_to_the_last(do: Do) -> None:
    """Found under any spelling of the name; every change ends the sessions and is in the audit."""
    assert do(people.any_enabled) is False
    made = do(people.add, "  Jörg   Müller ", "h1", Role.OPERATOR, "root", now=10.0)
    assert (made.name, made.role, made.created) == ("Jörg Müller", "operator", 10.0)
    for name in ("jörg müller", "JO\u0308RG MÜLLER", "Ｊörg Müller"):
        with pytest.raises(StoreError, match="the user Jörg Müller already"):
            do(people.add, name, "h2", Role.VIEWER, "root", now=11.0)
    user = do(people.stored, "JÖRG MÜLLER")
    assert do(people.log_in, user, "d1", "c1", None, "192.0.2.7", now=20.0)
    session = do(people.session_of, "d1", now=21.0)
    assert (session.name, session.role, session.csrf) == ("Jörg Müller", Role.OPERATOR, "c1")
    do(people.set_role, "jörg müller", Role.OPERATOR, "root")
    assert do(people.session_of, "d1", now=21.0) is not None
    for work, values in ((people.set_role, (Role.ADMIN,)), (people.set_password, ("h3",))):
        do(people.log_in, do(people.stored, "jörg müller"), "d2", "c2", None, "", now=22.0)
        do(work, "jörg müller", *values, "root")
        assert do(people.session_of, "d2", now=23.0) is None
    assert not do(people.log_in, user, "d3", "c3", None, "", now=24.0), "the password is another by now"
    do(people.log_in, do(people.stored, "jörg müller"), "d4", "c4", None, "", now=25.0)
    do(people.set_enabled, "jörg müller", "root", enabled=False, now=26.0)
    assert do(people.session_of, "d4", now=27.0) is None
    assert not do(people.log_in, do(people.stored, "jörg müller"), "d5", "c5", None, "", now=28.0)
    (listed,) = do(people.listing)
    assert (listed.role, listed.disabled, listed.last_login) == ("admin", 26.0, 25.0)
    assert do(people.any_enabled) is False
    done = [(one.actor, one.action) for one in do(audit.entries, 20, "user.") if one.action != "user.login"]
    assert done[::-1] == [("root", f"user.{verb}") for verb in ("add", "role", "password", "disable")]
    with pytest.raises(NotFound, match="andon user list"):
        do(people.set_role, "nobody", Role.ADMIN, "root")


def test_a_session_ends_by_its_times_and_by_the_next_one(do: Do) -> None:
    """The browser's old one with a new log-in; those whose time is over are deleted."""
    do(people.add, "Ada", "h", Role.ADMIN, None, now=0.0)
    ada = do(people.stored, "ada")
    do(people.log_in, ada, "a", "c", None, "", now=0.0)
    do(people.log_in, ada, "b", "c", "a", "", now=1.0)
    assert do(people.session_of, "a", now=2.0) is None
    assert do(people.session_of, "b", now=people.IDLE + 0.5) is not None
    assert do(people.session_of, "b", now=people.IDLE + 1.0) is None
    session = do(people.session_of, "b", now=100.0)
    do(people.touch, session.id, now=100.0)
    do(people.touch, session.id, now=50.0)
    assert do(people.session_of, "b", now=people.IDLE + 99.0).last_seen == 100.0
    do(people.touch, session.id, now=people.LONGEST)
    assert do(people.session_of, "b", now=people.LONGEST + 1.0) is None
    do(people.log_in, ada, "e", "c", None, "", now=people.LONGEST + 2.0)
    do(people.log_out, "e", "", now=people.LONGEST + 3.0)
    do(people.log_out, "e", "", now=people.LONGEST + 3.0)
    assert [one.action for one in do(audit.entries, 2, "user.")] == ["user.logout", "user.login"]


def test_a_token_holds_until_it_is_revoked(do: Do) -> None:
    """Under a name of its own, which is free again then."""
    made = do(people.add_token, "Grafana", "d1", Role.VIEWER, "root", now=1.0)
    with pytest.raises(StoreError, match="the token grafana already"):
        do(people.add_token, "grafana", "d2", Role.VIEWER, "root", now=2.0)
    do(people.token_used, made.id, now=3.0)
    assert do(people.token_of, "d1").last_used == 3.0
    assert do(people.token_of, "d2") is None
    do(people.revoke_token, "GRAFANA", "root", now=4.0)
    assert do(people.token_of, "d1") is None
    with pytest.raises(NotFound, match="andon token list"):
        do(people.revoke_token, "grafana", "root", now=5.0)
    do(people.add_token, "grafana", "d3", Role.ADMIN, None, now=6.0)
    assert [(one.name, one.role, one.revoked) for one in do(people.tokens_listed)] == [
        ("Grafana", "viewer", 4.0),
        ("grafana", "admin", None),
    ]


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\x00b", "a\x1b[2Jb", "a\u202eb", "a\u200bb"])
def test_what_is_no_name_is_refused(name: str) -> None:
    """One sentence, in which nothing steers a terminal."""
    with pytest.raises(ConfigError, match="a name has 1 to 60 printable characters") as error:
        checked_name(name)
    assert str(error.value).isprintable()


def test_names_are_compared_as_people_read_them() -> None:
    """Case, width, composition and blanks make no difference; other letters do."""
    assert {name_key(one) for one in ("Straße", "STRASSE", "ｓｔｒａｓｓｅ", " strasse ")} == {"strasse"}
    assert name_key("Jörg") != name_key("Jorg")


def test_a_password_is_hashed_anew_each_time_and_found_again() -> None:
    """Argon2id; the same letters from another keyboard are the same; nobody's is never right."""
    stored = hashed("pässwört im Werk")
    assert stored.startswith("$argon2id$")
    assert matches(stored, "pa\u0308sswo\u0308rt im Werk")
    assert not matches(stored, "passwort im Werk")
    assert not matches(None, "pässwört im Werk")
    assert not matches("no hash at all", "pässwört im Werk")
    assert len({new_secret() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("password", "name"), [("x" * 9, "Ada"), ("x" * 1_001, "Ada"), ("ADA LOVELACE", "Ada Lovelace")]
)
def test_a_password_that_will_not_do_is_refused_without_being_shown(password: str, name: str) -> None:
    """Too short, too long, the name."""
    with pytest.raises(ConfigError) as error:
        checked_password(password, name)
    assert password not in str(error.value)

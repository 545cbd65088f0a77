"""``andon user`` and ``andon token``, and what doctor says of the page: what they print, change and refuse."""

from __future__ import annotations

import getpass
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from andon.app.doctor.people_checks import page
from andon.core import credentials
from andon.core.credentials import digest, matches
from andon.core.models import Role
from andon.store import Visitor, change, people, prepare
from support.commands import Commands
from support.settings import settings_of

PASSWORD = "four words in here"


@pytest.fixture
def andon(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    """Over an empty database; hashes that cost nothing."""
    prepare(tmp_path / "agent.db", durability="normal")
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(credentials, "_hasher", lambda: cheap)
    credentials._hash_of_nobody.cache_clear()
    yield Commands(tmp_path, capsys)
    credentials._hash_of_nobody.cache_clear()


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """What comes by standard input."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """What somebody types where a command asks; the questions."""
    given, asked = list(answers), []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)

    def ask(question: str) -> str:
        asked.append(question)
        return given.pop(0)

    monkeypatch.setattr(getpass, "getpass", ask)
    return asked


def test_somebody_is_added_by_a_script(andon: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line is the password, and only its hash is kept; the second of the same name is refused."""
    typed(monkeypatch, PASSWORD, "another line")
    done = andon("user", "add", "Jörg Müller", "--role", "operator", "--password-stdin")
    assert (done.status, done.err) == (0, "")
    assert "Jörg Müller can log in, as operator." in done.out
    assert "There is no administrator yet" in done.out
    with Visitor(andon.data / "agent.db") as visitor:
        stored = visitor.read(people.stored, "jörg müller")
    assert stored is not None
    assert matches(stored.password, PASSWORD)
    typed(monkeypatch, PASSWORD)
    again = andon("user", "add", "JÖRG MÜLLER", "--password-stdin")
    assert (again.status, "the user Jörg Müller already exists" in again.err) == (1, True)
    assert PASSWORD not in done.out + again.out + again.err


@pytest.mark.parametrize("password", ["", "too short", "Jörg Müller"])
def test_a_weak_password_is_refused(andon: Commands, monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    """Nothing is stored."""
    typed(monkeypatch, password)
    refused = andon("user", "add", "jörg müller", "--password-stdin")
    assert (refused.status, "choose a" in refused.err) == (1, True)
    assert andon("user", "list", "--json").json == []


def test_on_a_terminal_the_password_is_asked_for_twice(andon: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is none, a command says how a script gives it."""
    asked = on_a_terminal(monkeypatch, PASSWORD, PASSWORD)
    assert andon("user", "add", "Ada", "--role", "admin").status == 0
    assert asked == ["Password for Ada: ", "Repeat the password: "]
    on_a_terminal(monkeypatch, PASSWORD, PASSWORD + "x")
    other = andon("user", "passwd", "ada")
    assert (other.status, "passwords differ; nothing was changed" in other.err) == (1, True)
    typed(monkeypatch)
    nowhere = andon("user", "passwd", "ada")
    assert (nowhere.status, "--password-stdin" in nowhere.err) == (2, True)
    typed(monkeypatch, PASSWORD)
    assert andon("user", "passwd", "nobody", "--password-stdin").err.startswith("andon: there is no user 'nobody'")


def test_a_life_of_a_user(andon: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listed with role, times and state; changed beside a service, by names in any case."""
    empty = andon("user", "list")
    assert "andon user add NAME --role admin" in empty.out
    for name in ("Ada", "Otto"):
        typed(monkeypatch, PASSWORD)
        andon("user", "add", name, "--password-stdin")
    typed(monkeypatch, "another four words")
    assert "logged out everywhere" in andon("user", "passwd", "ADA", "--password-stdin").out
    assert "Otto is now admin." in andon("user", "role", "otto", "admin").out
    assert andon("user", "role", "otto", "boss").status == 2
    assert "can no longer log in" in andon("user", "disable", "ada").out
    listed = andon("user", "list").out
    assert re.search(r"Ada +viewer +\d{4}-.* disabled since \d{4}-", listed)
    assert [(one["name"], one["role"], bool(one["disabled"])) for one in andon("user", "list", "--json").json] == [
        ("Ada", "viewer", True),
        ("Otto", "admin", False),
    ]
    assert "password" not in andon("user", "list", "--json").out
    assert "can log in again, as viewer" in andon("user", "enable", "ada").out
    assert andon("user", "disable", "nobody").status == 1


def test_a_token_is_shown_once(andon: Commands) -> None:
    """Alone on standard output; what is stored is its digest."""
    assert "andon token add NAME" in andon("token", "list").out
    made = andon("token", "add", "grafana", "--role", "viewer")
    secret = made.out.strip()
    assert re.fullmatch(r"andon_[\w-]{43}", secret)
    assert "grafana may ask the API as viewer" in made.err
    assert secret.encode() not in (andon.data / "agent.db").read_bytes()
    with Visitor(andon.data / "agent.db") as visitor:
        token = visitor.read(people.token_of, digest(secret))
    assert token is not None
    shown = andon("token", "list")
    assert ("grafana" in shown.out, secret in shown.out) == (True, False)
    assert andon("token", "add", "Grafana", "--role", "admin").status == 1
    assert andon("token", "add", "mes").status == 2, "its role is not guessed"
    assert andon("token", "add", "mes", "--role", "admin", "--json").json["token"].startswith("andon_")
    assert "is revoked" in andon("token", "revoke", "GRAFANA").out
    assert andon("token", "revoke", "grafana").status == 1
    assert [bool(one["revoked"]) for one in andon("token", "list", "--json").json] == [True, False]


def test_what_is_no_name_steers_no_terminal(andon: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before a password is asked for."""
    asked = on_a_terminal(monkeypatch)
    for command in (("user", "add", "a\x1b[2Jb"), ("token", "add", "a\x1b[2Jb", "--role", "viewer")):
        refused = andon(*command)
        assert (refused.status, "\x1b" in refused.err, asked) == (1, False, [])


def test_doctor_says_whom_the_page_lets_in(tmp_path: Path) -> None:
    """And what is missing: anybody, an administrator, TLS before other machines."""
    place = tmp_path / "agent.db"
    (open_,) = page(settings_of(data_dir=tmp_path))
    assert (open_.ok, "open to every user of this machine" in open_.detail) == (True, True)
    always = settings_of(data_dir=tmp_path, http_login="always")
    exposed = settings_of(data_dir=tmp_path, http_host="0.0.0.0")
    assert page(always) == []
    prepare(place, durability="normal")
    (nobody,) = page(exposed)
    assert (nobody.ok, nobody.remedy) == (None, "create the first user: andon user add NAME --role admin")
    assert "TLS" in nobody.detail
    change(place, people.add, "Otto", "h", Role.OPERATOR, None, now=0.0)
    (no_admin,) = page(always)
    assert (no_admin.ok, "andon user role NAME admin" in str(no_admin.remedy)) == (None, True)
    change(place, people.add, "Ada", "h", Role.ADMIN, None, now=0.0)
    assert page(always)[0].detail == "it demands a login; 2 users, 1 administrator"
    change(place, people.set_enabled, "Otto", None, enabled=False, now=0.0)
    change(place, people.set_enabled, "Ada", None, enabled=False, now=0.0)
    assert page(always)[0].ok is None
    (tmp_path / "not.db").write_bytes(b"no database")
    assert page(settings_of(db_path=str(tmp_path / "not.db"), http_login="always")) == []

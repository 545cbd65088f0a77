"""``andon user``: who may log in to the page."""

from __future__ import annotations

import getpass
import sys
import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from andon.app.cli.database import Visitor, change
from andon.app.cli.filters import JsonArray
from andon.app.cli.output import Cell, When, command_settings, print_outcome, print_rows, short_time, user_name
from andon.app.cli.shapes import Group
from andon.core.credentials import checked_name, checked_password, hashed
from andon.core.errors import ConfigError
from andon.core.models import Role
from andon.core.times import stored
from andon.store import people

if TYPE_CHECKING:
    from andon.core.settings.settings import Settings

app = typer.Typer(
    cls=Group,
    help="Manage the people who may log in to the page.\n\nWithout a command, lists them.\n\n"
    'Example: andon user add "Maria Lopez" --role operator',
    add_completion=False,
)

RoleName = Literal["viewer", "operator", "admin"]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the person, in upper or lower case.")]
RoleOption = Annotated[
    RoleName,
    typer.Option(
        "--role",
        help="viewer: look; operator: also acknowledge, shelve, write notes, confirm fixes, sign; admin: everything.",
    ),
]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
]


@app.command("add")
def add_command(name: Name, role: RoleOption = "viewer", password_stdin: FromStdin = False) -> None:
    """Let somebody log in. Asks twice for a password of at least 10 characters and keeps only its hash.

    Example: andon user add "Maria Lopez" --role operator
    """
    settings = command_settings()
    shown = checked_name(name)
    with Visitor(settings.database) as visitor:  # what cannot be done is said before a password is asked for
        there, first = visitor.read(people.stored, shown), not visitor.read(people.any_enabled)
    password = "" if there is not None else hashed(_password(shown, password_stdin))
    user = change(settings.database, people.add, shown, password, Role.named(role), _who(), now=time.time())
    lines = [f"{user.name} can log in, as {user.role}."]
    if first and user.role != Role.ADMIN.word:
        lines.append("There is no administrator yet: `andon user role NAME admin` makes somebody one.")
    print_outcome(user, lines, as_json=False)


@app.command("list")
def list_command(as_json: JsonArray = False) -> None:
    """List everybody who may log in, and everybody who is disabled.

    Example: andon user list
    """
    settings = command_settings()
    zone = settings.time_zone
    with Visitor(settings.database) as visitor:
        found = visitor.read(people.listing)

    def row(user: people.User) -> tuple[Cell, ...]:
        state = "" if user.disabled is None else f"disabled since {_time(user.disabled, settings)}"
        return user.name, user.role, When(user.created, zone), When(user.last_login, zone), state

    none = "Nobody may log in yet: `andon user add NAME --role admin` adds the first person."
    print_rows(found, ("name", "role", "added", "last log-in", "state"), row, none, as_json=as_json)


@app.command("passwd")
def password_command(name: Name, password_stdin: FromStdin = False) -> None:
    """Change somebody's password. Whoever is logged in with the old one is logged out.

    Example: andon user passwd "Maria Lopez"
    """
    settings = command_settings()
    with Visitor(settings.database) as visitor:
        there = visitor.read(people.stored, name)
    password = hashed(_password(there.name, password_stdin)) if there is not None else ""
    user = change(settings.database, people.set_password, name, password, _who())
    print_outcome(user, [f"{user.name} has a new password and is logged out everywhere."], as_json=False)


@app.command("role")
def role_command(
    name: Name, role: Annotated[RoleName, typer.Argument(metavar="ROLE", help="viewer, operator or admin.")]
) -> None:
    """Change somebody's role. This logs them out.

    Example: andon user role "Maria Lopez" admin
    """
    user = change(command_settings().database, people.set_role, name, Role.named(role), _who())
    print_outcome(user, [f"{user.name} is now {user.role}."], as_json=False)


@app.command("disable")
def disable_command(name: Name) -> None:
    """Stop somebody from logging in. Their open pages end within ten seconds; what they did stays on record.

    Example: andon user disable "Maria Lopez"
    """
    user = change(command_settings().database, people.set_enabled, name, _who(), enabled=False, now=time.time())
    print_outcome(user, [f"{user.name} can no longer log in and is logged out everywhere."], as_json=False)


@app.command("enable")
def enable_command(name: Name) -> None:
    """Let somebody log in again, with the same password and role.

    Example: andon user enable "Maria Lopez"
    """
    user = change(command_settings().database, people.set_enabled, name, _who(), enabled=True, now=time.time())
    print_outcome(user, [f"{user.name} can log in again, as {user.role}."], as_json=False)


def _who() -> str:
    return user_name() or "unknown"


def _time(moment: float | None, settings: Settings) -> str:
    return "" if moment is None else short_time(stored(moment), settings.time_zone)


def _password(name: str, from_stdin: bool) -> str:
    """A new password from whoever runs the command. Raises ConfigError for one that will not do, and BadParameter."""
    if from_stdin:
        line = sys.stdin.readline()
        return checked_password(line.removesuffix("\n").removesuffix("\r"), name)
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask for a password on: use --password-stdin")
    password = checked_password(getpass.getpass(f"Password for {name}: "), name)
    if getpass.getpass("Repeat the password: ") != password:
        raise ConfigError("the two passwords differ; nothing was changed")
    return password

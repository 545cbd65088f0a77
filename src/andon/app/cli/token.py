"""``andon token``: programs that ask the API."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from andon.app.cli.database import Visitor, change
from andon.app.cli.filters import Json, JsonArray
from andon.app.cli.output import (
    Cell,
    When,
    command_settings,
    errors,
    print_json,
    print_outcome,
    print_rows,
    short_time,
    user_name,
)
from andon.app.cli.shapes import Group
from andon.core.credentials import TOKEN_PREFIX, digest, new_secret
from andon.core.models import Role
from andon.core.times import stored
from andon.store import people

if TYPE_CHECKING:
    from andon.core.settings.settings import Settings

app = typer.Typer(
    cls=Group,
    help="Manage the tokens of programs that use the API.\n\nWithout a command, lists them.\n\n"
    "Example: andon token add grafana --role viewer",
    add_completion=False,
)

TokenRole = Literal["producer", "viewer", "operator", "admin"]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the program, as the audit trail shows it.")]


@app.command("add")
def add_command(
    name: Name,
    role: Annotated[
        TokenRole,
        typer.Option("--role", help="What it may do: producer (only send logs), viewer, operator or admin."),
    ],
    as_json: Json = False,
) -> None:
    """Create a token for a program. It is printed only once: Andon keeps a digest of it.

    Example: andon token add grafana --role viewer
    """
    settings, secret = command_settings(), TOKEN_PREFIX + new_secret()
    by = user_name() or "unknown"
    made = change(settings.database, people.add_token, name, digest(secret), Role.named(role), by, now=time.time())
    if as_json:
        print_json(msgspec.to_builtins(made) | {"token": secret})
        return
    print(secret)  # noqa: T201 - alone on standard output, for scripts
    may = "send logs" if made.role == Role.PRODUCER.word else f"ask the API as {made.role}"
    errors.print(f"{made.name} may {may}: Authorization: Bearer …", soft_wrap=True)
    errors.print(
        f"The token is shown only once; `andon token revoke {made.name}` ends it.", style="dim", soft_wrap=True
    )


@app.command("list")
def list_command(as_json: JsonArray = False) -> None:
    """List the tokens of programs, revoked ones too, without the tokens themselves.

    Example: andon token list
    """
    settings = command_settings()
    with Visitor(settings.database) as visitor:
        found = visitor.read(people.tokens_listed)

    def row(token: people.Token) -> tuple[Cell, ...]:
        state = "" if token.revoked is None else f"revoked {_time(token.revoked, settings)}"
        made, used = When(token.created, settings.time_zone), When(token.last_used, settings.time_zone)
        return token.name, token.role, made, token.created_by, used, state

    none = "No program has a token yet: `andon token add NAME --role viewer` creates one."
    columns = ("name", "role", "made", "by?", "last used", "state")
    print_rows(found, columns, row, none, as_json=as_json)


@app.command("revoke")
def revoke_command(name: Name) -> None:
    """Revoke the token of a program, from its next request on.

    Example: andon token revoke grafana
    """
    by = user_name() or "unknown"
    gone = change(command_settings().database, people.revoke_token, name, by, now=time.time())
    print_outcome(gone, [f"The token {gone.name} is revoked."], as_json=False)


def _time(moment: float | None, settings: Settings) -> str:
    return "" if moment is None else short_time(stored(moment), settings.time_zone)

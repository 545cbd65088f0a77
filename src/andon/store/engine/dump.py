"""A PostgreSQL database in a file and back, by PostgreSQL's own programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from sqlalchemy import Connection

from andon.core.errors import StoreFull, StoreUnavailable
from andon.core.settings.database_url import PostgresAddress
from andon.store.engine import postgres
from andon.store.engine.copies import Held
from andon.store.engine.database import disposed, foreign, revision, table_kinds, translated
from andon.store.recording.sequences import newest_message
from andon.store.schema.columns import metadata
from andon.store.schema.dialect import run
from andon.store.schema.tables import SHOWN

#: What one statement may take, in seconds: counting many logs does.
_PATIENCE = 600.0
_OURS = frozenset({"agent_logs", "alembic_version", *SHOWN})


def held_on_server(address: PostgresAddress, stream: str) -> Held | None:
    """What the database holds of us, None where it is empty. Raises StoreUnavailable, StoreTooNew."""
    with (
        translated(address),
        disposed(postgres.reader_engine(address, _PATIENCE, pool_size=1)) as engine,
        engine.begin() as connection,
    ):
        found, kinds = revision(connection, address), table_kinds(connection)
        if found is None:
            if kinds:
                raise foreign(address, kinds)
            return None
        sequence, stored_ns = newest_message(connection, stream)
        logs = run(connection, "SELECT COUNT(*) FROM logs").scalar_one()
    return Held(found, int(logs), sequence, stored_ns)


def dump_database(address: PostgresAddress, target: Path) -> None:
    """Write one state of our tables into the new file ``target``; writers go on meanwhile.

    Raises StoreUnavailable where pg_dump is missing or fails, StoreFull where it finds no room.
    """
    with (
        translated(address),
        disposed(postgres.reader_engine(address, _PATIENCE, pool_size=1)) as engine,
        engine.begin() as connection,
    ):
        schema, names = _schema(connection), sorted((set(metadata.tables) | _OURS) & set(table_kinds(connection)))
    # Our tables by name: in the database of a site there may be others.
    tables = [f"--table={_quoted(schema)}.{_quoted(name)}" for name in names]
    options = ["--format=custom", "--compress=0", "--no-owner", "--no-privileges", f"--file={target}"]
    _call("pg_dump", address, [*options, *tables], target)


def restore_dump(address: PostgresAddress, source: Path) -> None:
    """Put what :func:`dump_database` wrote into an empty database, as one transaction. Raises as that does."""
    options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
    _call("pg_restore", address, [*options, str(source)], source)


def check_dump(source: Path) -> None:
    """Raises StoreUnavailable where pg_restore cannot read the file to its end, or is missing."""
    _run("pg_restore", [_program("pg_restore"), "--file=/dev/null", str(source)], {}, source)


def _schema(connection: Connection) -> str:
    name: str = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
    return name


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _call(program: str, address: PostgresAddress, options: Sequence[str], file: Path) -> None:
    """Run a program of PostgreSQL's on the database; its password is not among the arguments, which others can see."""
    parts = urlsplit(address.url)
    credentials, _, server = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    shown = urlunsplit(parts._replace(netloc=f"{user}@{server}" if user else server))
    secret = {"PGPASSWORD": unquote(password)} if password else {}
    _run(program, [_program(program), "--no-password", f"--dbname={shown}", *options], secret, file)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise StoreUnavailable(
            f"{name} copies PostgreSQL databases and is not installed: install PostgreSQL's client programs (apt-get "
            "install postgresql-client), of the server's version or newer"
        )
    return found


def _run(program: str, command: Sequence[str], secret: dict[str, str], file: Path) -> None:
    done = subprocess.run(
        list(command), env={**os.environ, **secret, "LC_ALL": "C"}, capture_output=True, text=True, check=False,
        errors="replace",
    )  # fmt: skip
    if done.returncode == 0:
        return
    lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit status {done.returncode}"]
    reason = next((line for line in lines if "error:" in line), lines[0])
    if "No space left" in done.stderr:
        raise StoreFull(f"no disk space is left for {file}: free some, or choose another place")
    remedy = "check that it has the server's version or a newer one, and that DB_PATH is correct"
    if "server version mismatch" in done.stderr:
        remedy = "install PostgreSQL's client programs in the server's version or newer"
    raise StoreUnavailable(f"{program} failed ({reason.removeprefix(f'{program}: ')[:300]}): {remedy}")

"""Making a database ready: created, migrated or taken over, whatever is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine

import andon
from andon.core.disk import no_room
from andon.core.errors import StoreFull, StoreUnavailable
from andon.core.private_files import PRIVATE, FileAccess
from andon.core.settings.database_url import Database, PostgresAddress
from andon.store.engine import postgres, reference_import, vacuum
from andon.store.engine.copies import copy_before_upgrade
from andon.store.engine.database import (
    Durability,
    disposed,
    foreign,
    revision,
    table_kinds,
    translated,
    untouched_engine,
    writer_engine,
)
from andon.store.schema import tables

_log = structlog.get_logger(__name__)

#: How long another process may take for its migrations before we give up waiting, in seconds.
_MIGRATION_WAIT = 600.0
#: Copies of a database that are kept from before upgrades, unless told otherwise.
COPIES = 2
_SQLITE_MAGIC = b"SQLite format 3\x00"


@dataclass(frozen=True, slots=True)
class Preparation:
    """What :func:`prepare` had to do.

    ``taken_over`` is the number of rows that came from a database of the reference system. ``migrated_from`` is the
    older schema revision, None where the file was up to date or new. ``backup`` is the copy of the file as it was.
    """

    created: bool = False
    taken_over: int = 0
    backup: Path | None = None
    migrated_from: str | None = None


def prepare(
    db_path: Database, *, durability: Durability, access: FileAccess = PRIVATE, copies: int = COPIES
) -> Preparation:
    """Make the database at ``db_path`` ready for use; call it once, before :meth:`Store.open`.

    Creates directories and file, open to whom ``access`` says, brings an older schema up to date, and takes over a file
    of the reference system; a file is copied before either, and the newest ``copies`` of upgrades are kept. Each of
    these is one transaction. A database of PostgreSQL must be there, empty or ours; several processes may prepare it at
    once, one after the other does it. Raises StoreUnavailable where the database cannot be used or holds something
    else, StoreTooNew for a newer one, StoreFull without room, ConfigError where the driver of PostgreSQL is not
    installed.
    """
    with translated(db_path):
        if isinstance(db_path, PostgresAddress):
            done = _on_server(db_path)
        else:
            done = _in_file(db_path, durability, access, copies)
    if done != Preparation():
        _log.info(
            "database prepared",
            path=str(db_path),
            created=done.created,
            taken_over=done.taken_over,
            backup=str(done.backup) if done.backup else None,
            migrated_from=done.migrated_from,
        )
    if done.migrated_from and done.backup:
        _log.info(
            f"the database was upgraded from schema revision {done.migrated_from} to {tables.HEAD}; to go back, stop "
            f"Andon, run `andon restore {done.backup}`, and start the version that was there before"
        )
    return done


def _on_server(address: PostgresAddress) -> Preparation:
    engine = postgres.writer_engine(address, strict=False, lock_seconds=_MIGRATION_WAIT, deadline=0)
    with disposed(engine):
        return _bring_up_to_date(engine, address)


def _in_file(path: Path, durability: Durability, access: FileAccess, copies: int) -> Preparation:
    _check_path(path, access)
    backup = None
    older = _looked_at(path)
    if (found := reference_import.inspect(path)) is not None:
        backup = reference_import.back_up(path, access)
    elif older is not None:
        backup = copy_before_upgrade(path, older, andon.__version__, copies, access)
    with disposed(writer_engine(path, durability)) as engine:
        if found is None:
            done = replace(_bring_up_to_date(engine, path), backup=backup)
        else:
            with engine.begin() as connection:
                rows = reference_import.take_over(connection, found)
            done = Preparation(taken_over=rows, backup=backup)
        if vacuum.make_shrinkable(engine, path):
            _log.info("database rebuilt so that it can shrink", path=str(path))
        return done


def _check_path(path: Path, access: FileAccess) -> None:
    """Make directories and file, and refuse what cannot become a database, before SQLite touches anything."""
    try:
        access.make_directory(path.parent)
        if path.is_dir():
            raise StoreUnavailable(f"the database {path} is a directory: set DB_PATH to a file")
        access.make_file(path)
        with path.open("r+b") as file:
            magic = file.read(len(_SQLITE_MAGIC))
        if magic not in (b"", _SQLITE_MAGIC):
            raise StoreUnavailable(
                f"the database {path} is not an SQLite database: choose another DB_PATH or move the file away"
            )
    except OSError as error:
        if no_room(error):
            raise StoreFull(f"no disk space is left for the database {path}: free some") from error
        raise StoreUnavailable(
            f"the database {path} cannot be created or written ({error.strerror}): check the path and its permissions"
        ) from error


def _looked_at(path: Path) -> str | None:
    """The schema revision of an older database of ours, None for any other that we may use.

    By looking alone: opened for writing, another program's database would change (its journal mode). That one is
    refused. Raises StoreUnavailable, StoreTooNew.
    """
    if not path.exists() or path.stat().st_size == 0:
        return None
    with disposed(untouched_engine(path)) as engine, engine.begin() as connection:
        held, found = table_kinds(connection), revision(connection, path)
        if found is None and held and held.get("agent_logs") != "table":
            raise foreign(path, held)
    return None if found == tables.HEAD else found


def _bring_up_to_date(engine: Engine, path: Database) -> Preparation:
    with engine.begin() as connection:
        found = revision(connection, path)
        if found == tables.HEAD:
            # Writing the revision again proves that the disk takes a write now rather than at the first log.
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
            return Preparation()
        if found is not None:
            migrate(connection)
            return Preparation(migrated_from=found)
        if others := table_kinds(connection):
            raise foreign(path, others)
        if isinstance(path, PostgresAddress):
            postgres.check_encoding(connection, path)
        else:
            connection.exec_driver_sql(f"PRAGMA application_id={tables.APPLICATION_ID}")
        tables.create(connection)
        tables.create_view(connection)
    return Preparation(created=True)


def migrate(connection: Connection, target: str = "head") -> None:
    """Run the migrations up to ``target`` inside the open transaction of ``connection``."""
    # Imported here: an up-to-date database, the everyday case, starts a third of a second sooner without it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)

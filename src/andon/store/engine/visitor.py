"""Beside a running service: reading its database, and changing it, on connections of one's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection

from andon.core.settings.database_url import Database
from andon.store.engine.database import check_revision, disposed, require, translated, visitor_engine, writer_engine
from andon.store.engine.deadline import in_time

P = ParamSpec("P")
T = TypeVar("T")


class Ask(Protocol):
    """:meth:`andon.store.Store.ask` of a running service, or :meth:`Visitor.ask` beside one."""

    async def __call__(
        self, question: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What ``question(connection, ...)`` answers. Raises what it raises, QueryTooSlow and StoreUnavailable."""
        ...


class Visitor(AbstractContextManager["Visitor", None]):
    """A database opened to be read only. Use it as a context manager, or close it.

    What is asked are the functions of :mod:`andon.store`'s subjects: ``visitor.read(queue.entries)``. Each call is
    one transaction, which sees one state. All raise StoreUnavailable where the database cannot be read.
    """

    def __init__(self, db_path: Database) -> None:
        """Raises StoreUnavailable where there is no database of ours yet, StoreTooNew for a newer one."""
        require(db_path)
        self._path = db_path
        self._engine = visitor_engine(db_path)
        try:
            self.read(check_revision)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the database; idempotent."""
        self._engine.dispose()

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, question: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``question(connection, ...)`` answers. Raises what it raises."""
        with translated(self._path), self._engine.begin() as connection:
            return question(connection, *args, **kwargs)

    async def ask(self, question: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """As :meth:`read`, in a thread and with a deadline; raises QueryTooSlow after it."""
        return await asyncio.to_thread(lambda: self.read(in_time, question, *args, **kwargs))


def change(db_path: Database, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """``work(connection, ...)`` as one transaction on a connection of its own.

    Waits for the service's lock at most :data:`andon.store.engine.database.BUSY_TIMEOUT` seconds; the service picks the
    change up with its next batch. Raises as :class:`Visitor` does on opening, and what ``work`` raises.
    """
    require(db_path)
    with disposed(writer_engine(db_path, "normal")) as engine, translated(db_path), engine.begin() as connection:
        check_revision(connection)
        return work(connection, *args, **kwargs)


def changer(db_path: Database) -> Ask:
    """:func:`change` in a thread, for what writes through a running service's store otherwise."""

    async def write(work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        def changed() -> T:
            return change(db_path, work, *args, **kwargs)

        return await asyncio.to_thread(changed)

    return write

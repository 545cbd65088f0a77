"""The database as commands use it: a wait for it that takes long is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from andon import store
from andon.app.cli.patience import waiting
from andon.core.settings.database_url import Database
from andon.store import Connection

P = ParamSpec("P")
T = TypeVar("T")


class Visitor(store.Visitor):
    """A database opened to be read by a command; a long read is told."""

    def read(self, question: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        with waiting("Reading the database"):
            return super().read(question, *args, **kwargs)


def change(
    database: Database, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """As :func:`andon.store.change`; a long wait for whoever else writes is told."""
    with waiting("Waiting until nobody else writes to the database"):
        return store.change(database, work, *args, **kwargs)

"""What a question can be put to, for whoever needs no more of the store than that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection

P = ParamSpec("P")
T = TypeVar("T")


class Ask(Protocol):
    """:meth:`andon.store.Store.ask` of a running service, or :meth:`andon.store.Visitor.ask` beside one."""

    async def __call__(
        self, question: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What ``question(connection, ...)`` answers. Raises what it raises, QueryTooSlow and StoreUnavailable."""
        ...

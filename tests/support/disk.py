"""A disk that fails when the test says so, told to the store where it meets the database's driver."""

from __future__ import annotations

import math
import sqlite3
from typing import Any

from sqlalchemy import event

from andon.core.errors import StoreError
from andon.store import Store


class Disk:
    """What stands under an SQLite store: each statement that would make a row passes here on its way to the driver.

    All above is real: the transaction is rolled back, and the driver's error becomes the store's.
    """

    def __init__(self, store: Store) -> None:
        self._left = 0.0
        #: A log with this text in it is refused as one that no database could hold.
        self.refused: str | None = None
        event.listen(store._writer, "before_cursor_execute", self._look)

    def fill(self, times: float = math.inf) -> None:
        """No room from now on, for so many transactions."""
        self._left = times

    def free(self) -> None:
        """There is room again."""
        self._left = 0.0

    def _look(self, _connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.lstrip().startswith("INSERT"):
            return
        if self._left > 0:
            self._left -= 1
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        if self.refused is not None and "INTO log_rows " in statement and self.refused in repr(parameters):
            raise StoreError(f"the value {self.refused!r} is refused")

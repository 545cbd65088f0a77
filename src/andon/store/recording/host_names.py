"""Names of hosts by number: the counts by minute, nearly a row for each log, name hosts so."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from andon.store.engine.bulk_insert import insert_rows
from andon.store.schema.dialect import rows_for, run

_REMEMBERED = 5_000
_KNOWN = "SELECT hostname, id FROM host_names WHERE hostname IN ({})"
_NUMBER = "SELECT id FROM host_names WHERE hostname = ?"


class HostNames:
    """A memory of the numbers of hosts. Used by the writer thread only."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def forget(self) -> None:
        """Trust the database alone again, after a transaction whose end is uncertain."""
        self._known.clear()

    def of(self, connection: Connection, names: Collection[str]) -> dict[str, int]:
        """The number of each of these hosts; makes those that are new."""
        if unknown := set(names) - self._known.keys():
            if len(self._known) + len(unknown) > _REMEMBERED:
                self._known.clear()
                unknown = set(names)
            self._find(connection, unknown)
            if new := sorted(unknown - self._known.keys()):
                named = [(name,) for name in new]
                insert_rows(connection, "host_names", ("hostname",), named, " ON CONFLICT (hostname) DO NOTHING")
                self._find(connection, new)
                for name in set(new) - self._known.keys():  # which PostgreSQL spells in another way: it holds a NUL
                    self._known[name] = run(connection, _NUMBER, (name,)).scalar_one()
        return self._known

    def _find(self, connection: Connection, names: Collection[str]) -> None:
        self._known.update(map(tuple, rows_for(connection, _KNOWN, sorted(names))))

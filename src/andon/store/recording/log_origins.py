"""Origins: what many logs share (host, service, place in the plant) is stored once, and each log names it by number.

Beyond :data:`ORIGINS_MAX` of them, which no plant has and which hosts with ever new names would make, logs keep these
texts themselves: an origin that only one log has would take more room than it saves.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from sqlalchemy import Connection

from andon.store.engine.bulk_insert import insert_rows
from andon.store.recording.batch import Columns
from andon.store.schema.dialect import IDS_PER_QUERY, marks, portions, reserve_ids, run
from andon.store.schema.views import OF_ORIGIN

#: Hostname, service, site, area, line, machine.
Origin = tuple[str | None, ...]

ORIGINS_MAX = 20_000
_REMEMBERED = 5_000
_KNOWN = f"SELECT {', '.join(OF_ORIGIN)}, id FROM origins WHERE hostname IN ({{}}) AND service IN ({{}})"  # noqa: S608

_SAME = " AND ".join(f"o.{name} IS l.{name}" if name != "hostname" else "o.hostname = l.hostname" for name in OF_ORIGIN)
_TEXTS = ", ".join(OF_ORIGIN)
_WITHOUT = "l.id BETWEEN ? AND ? AND l.origin_id IS NULL AND l.hostname IS NOT NULL"
# SQLite alone has a reason to write old rows anew.
_NEW = (
    f"INSERT INTO origins ({_TEXTS}) SELECT DISTINCT {_TEXTS} FROM log_rows AS l WHERE {_WITHOUT}"  # noqa: S608
    f" AND NOT EXISTS (SELECT 1 FROM origins AS o WHERE {_SAME}) LIMIT MAX(0, ? - (SELECT COUNT(*) FROM origins))"
)
_NUMBERED = f"UPDATE log_rows AS l SET origin_id = (SELECT MIN(o.id) FROM origins AS o WHERE {_SAME}) WHERE {_WITHOUT}"  # noqa: S608
_EMPTIED = (
    f"UPDATE log_rows SET {', '.join(f'{name} = NULL' for name in OF_ORIGIN)}"  # noqa: S608
    " WHERE id BETWEEN ? AND ? AND origin_id IS NOT NULL AND hostname IS NOT NULL"
)


def share(connection: Connection, first: int, last: int) -> None:
    """Let the logs of these ids, in an SQLite database of before there were origins, name theirs as new ones do."""
    run(connection, _NEW, (first, last, ORIGINS_MAX))
    run(connection, _NUMBERED, (first, last))
    run(connection, _EMPTIED, (first, last))


class Origins:
    """A memory of the numbers of origins. Used by the writer thread only."""

    def __init__(self) -> None:
        self._known: dict[Origin, int] = {}

    def forget(self) -> None:
        """Trust the database alone again, after a transaction whose end is uncertain."""
        self._known.clear()

    def of(self, connection: Connection, columns: Columns) -> list[int | None]:
        """The number of each log's origin, None where the log keeps its texts; makes those that are new."""
        each: list[Origin] = list(zip(*(columns[name] for name in OF_ORIGIN), strict=True))
        if unknown := set(each) - self._known.keys():
            if len(self._known) + len(unknown) > _REMEMBERED:
                self._known.clear()
                unknown = set(each)
            self._find(connection, unknown)
            self._make(connection, sorted(unknown - self._known.keys(), key=repr))
        return list(map(self._known.get, each))

    def _find(self, connection: Connection, wanted: set[Origin]) -> None:
        for hosts in portions(sorted({str(one[0]) for one in wanted}), IDS_PER_QUERY // 2):
            for services in portions(sorted({str(one[1]) for one in wanted}), IDS_PER_QUERY // 2):
                found = run(
                    connection,
                    _KNOWN.replace("{}", marks(hosts), 1).replace("{}", marks(services), 1),
                    (*hosts, *services),
                )
                self._known.update((one, id_) for *names, id_ in found if (one := tuple(names)) in wanted)

    def _make(self, connection: Connection, new: Sequence[Origin]) -> None:
        if not new:
            return
        first = reserve_ids(connection, "origins", len(new))
        made = list(islice(new, max(0, ORIGINS_MAX - first + 1)))
        insert_rows(connection, "origins", ("id", *OF_ORIGIN), [(first + n, *one) for n, one in enumerate(made)])
        self._known.update((one, first + n) for n, one in enumerate(made))

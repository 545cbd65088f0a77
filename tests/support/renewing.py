"""A database of the PostgreSQL server's as it was made, after a test has used it: a fraction of what another one costs."""

from __future__ import annotations

from typing import LiteralString

import psycopg

#: Everything but rows that a test may have changed. Copies of one database keep the object numbers of it.
_SHAPE: LiteralString = """
WITH ours AS (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
SELECT md5(string_agg(told, '|' ORDER BY told)) FROM (
  SELECT concat_ws(' ', oid, relname, relkind, relowner, relacl, relnatts, reloptions) AS told
    FROM pg_class WHERE oid IN (SELECT oid FROM ours)
  UNION ALL SELECT concat_ws(' ', attrelid, attnum, attname, atttypid, atttypmod, attnotnull, attisdropped)
    FROM pg_attribute WHERE attrelid IN (SELECT oid FROM ours)
  UNION ALL SELECT concat_ws(' ', indexrelid, indrelid, indisvalid, indisunique, indkey)
    FROM pg_index WHERE indrelid IN (SELECT oid FROM ours)
  UNION ALL SELECT concat_ws(' ', oid, conname, convalidated)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws(' ', oid, tgname, tgenabled) FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM ours)
  UNION ALL SELECT concat_ws(' ', adrelid, adnum, pg_get_expr(adbin, adrelid)) FROM pg_attrdef
  UNION ALL SELECT concat_ws(' ', oid, proname, md5(prosrc)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws(' ', oid, extname) FROM pg_extension
  UNION ALL SELECT concat_ws(' ', oid, nspname, nspowner, nspacl) FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_t%'
  UNION ALL SELECT concat_ws(' ', setrole, setconfig)
    FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase WHERE d.datname = current_database()
  UNION ALL SELECT concat_ws(' ', datdba, datacl, datconnlimit, datallowconn, dattablespace)
    FROM pg_database WHERE datname = current_database()
  UNION ALL SELECT 'large objects ' || count(*) FROM pg_largeobject_metadata
) AS everything
"""
_OTHERS: LiteralString = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
#: Tables that hold something, or held it.
_USED: LiteralString = """
SELECT string_agg(oid::regclass::text, ', ') FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
"""
_SEQUENCES: LiteralString = """
SELECT quote_ident(sequencename), start_value, last_value FROM pg_sequences WHERE schemaname = 'public'
"""
_FORGET: LiteralString = """
DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
"""


class Original:
    """How a new database is: its shape, its few rows, and where its numbers begin."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._shape = connection.execute(_SHAPE).fetchone()
        used = connection.execute(_USED).fetchone()
        assert used is not None
        self._rows = {table: _copied(connection, table) for table in (used[0] or "").split(", ") if table}
        self._numbers = {name: last for name, _, last in connection.execute(_SEQUENCES)}

    def restore(self, connection: psycopg.Connection) -> bool:
        """Make a copy of the original, used by a test, like it again; False where more than rows is another.

        ``connection`` is a superuser's, and commits each statement.
        """
        others = connection.execute(_OTHERS).fetchone()
        if others != (0,) or connection.execute(_SHAPE).fetchone() != self._shape:
            return False
        with connection.transaction():
            used = connection.execute(_USED).fetchone()
            if used is not None and used[0]:
                connection.execute(f"TRUNCATE {used[0]} CASCADE".encode())
            for table, rows in self._rows.items():
                with connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as into:
                    into.write(rows)
            for name, start, last in connection.execute(_SEQUENCES).fetchall():
                if last != (first := self._numbers[name]):
                    value = (name, start if first is None else first, first is not None)
                    connection.execute("SELECT setval(%s::text::regclass, %s, %s)", value)
            connection.execute(_FORGET)
        return True


def _copied(connection: psycopg.Connection, table: str) -> bytes:
    with connection.cursor().copy(f"COPY {table} TO STDOUT".encode()) as out:
        return b"".join(bytes(piece) for piece in out)

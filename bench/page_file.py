"""The file that page and listings are measured on: ten million logs within minutes, made of a smaller file.

The store itself records and indexes some 166,000 logs over three months. Each is then copied in SQL within its ten
minutes, the indexes are built once all is there, what is counted by the minute is counted anew and other counts are
multiplied. A thousand of the alarms get a history of their own: they report their state, became active 300 times each,
and one in 25 is active. The words of a copy are those of its original, indexed in SQL too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from pathlib import Path
from typing import NamedTuple

from andon.grouping import fingerprint
from andon.store.search.facets import ROW_COLUMNS, Row
from andon.store.search.words import indexed_text
from bench.plant import DAYS
from bench.plant_file import plant_file

#: What the plant is asked for; the floods and chattering alarms of its three months come on top.
BASE = 100_000
#: A file that ends longer ago, in seconds, shows an empty board: it is made again.
_STALE = 3 * 3600.0
#: Alarms that report their state, how often each became active, for how many seconds at most, and one in how many is.
ALARMS, TIMES, _LASTING, _ACTIVE = 1_000, 300, 1_800, 25
#: What counts logs or alarms, by table; minutes are counted anew.
_COUNTS = {
    "patterns": "count",
    "pattern_hosts": "count",
    "pattern_hours": "count",
    "facets": "count",
    "facet_hours": "count",
    "facet_days": "count",
    "alarm_periods": "count",
    "alarm_days": "count",
    "alarm_weeks": "count",
    "alarm_totals": "count",
    "alarms": "occurrences",
}


class PageFile(NamedTuple):
    """A database, how many logs it holds, and how long it took to make (seconds; 0 where it was there).

    ``cpu`` is how long this process worked on it, which says more on a machine that does other things too.
    """

    path: Path
    rows: int
    seconds: float
    cpu: float


async def page_file(rows: int, *, fresh: bool) -> PageFile:
    """The database of about ``rows`` logs that end now; made anew where there is none that does, or ``fresh``."""
    started, cpu = time.monotonic(), time.process_time()
    made = await plant_file(BASE, fresh=fresh)
    if time.time() - made.made.end > _STALE + 3600:
        made = await plant_file(BASE, fresh=True)
    copies = max(1, round(rows / made.made.rows))
    path = made.path.with_name(f"page-{copies}-{made.made.end}.db")
    there = path.exists() and not fresh
    if not there:
        for old in path.parent.glob(f"page-{copies}-*.db*"):
            old.unlink()
        part = path.with_suffix(f".part-{os.getpid()}")
        shutil.copyfile(made.path, part)
        try:
            _multiply(part, made.path, copies, made.made.end)
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)
    taken = (0.0, 0.0) if there else (time.monotonic() - started, time.process_time() - cpu)
    return PageFile(path, made.made.rows * copies, *taken)


def _multiply(path: Path, base: Path, copies: int, end: int) -> None:
    """Copy every log within its ten minutes, and multiply what is counted."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as sql:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -400000", "threads = 4"):
            sql.execute(f"PRAGMA {pragma}")
        sql.execute("PRAGMA locking_mode = EXCLUSIVE")
        sql.execute("ATTACH ? AS base", (str(base),))
        sql.execute("BEGIN")
        _copy_logs(sql, copies)
        for table, column in _COUNTS.items():
            sql.execute(f"UPDATE {table} SET {column} = {column} * {copies}")
        sql.execute(f"UPDATE facet_days SET squares = squares * {copies} * {copies}")
        _copy_rejects(sql, copies)
        for table in ("alarms", "analyses"):
            newest = f"(SELECT max(id) FROM logs WHERE logs.pattern_id = {table}.pattern_id)"
            sql.execute(f"UPDATE {table} SET log_id = {newest} WHERE log_id IS NOT NULL")
        sql.execute(
            f"UPDATE log_hours SET first_id = (first_id - 1) * {copies} + 1, last_id = last_id * {copies},"
            f" count = count * {copies}"
        )
        sql.execute(f"UPDATE counters SET value = value * {copies} WHERE name IN ('logs', 'indexed')")
        # its problems are named, not grouped: nothing is to be grouped anew when a service starts
        sql.execute("INSERT OR REPLACE INTO counters VALUES ('grouping', ?)", (int(fingerprint.VERSION),))
        _make_states(sql, end)
        sql.execute("COMMIT")
        sql.execute("DETACH base")
        sql.execute("PRAGMA analysis_limit = 10000")
        sql.execute("ANALYZE")


def _copy_logs(sql: sqlite3.Connection, copies: int) -> None:
    """Hour by hour, in the order of time: so ids are in it too, and no hour has another's."""
    indexes = sql.execute("SELECT name, sql FROM main.sqlite_master WHERE tbl_name = 'log_rows' AND type = 'index'")
    indexes = [(name, text) for name, text in indexes.fetchall() if text]
    for name, _ in indexes:
        sql.execute(f"DROP INDEX main.{name}")
    for table in ("log_rows", "host_minutes"):
        sql.execute(f"DELETE FROM main.{table}")
    sql.execute("UPDATE sqlite_sequence SET seq = 0 WHERE name = 'log_rows'")
    columns = [row[1] for row in sql.execute("PRAGMA main.table_info(log_rows)") if row[1] != "id"]
    changed = {
        "seq": f"seq * {copies} + copy.n",
        # the last digit of the minute, and the milliseconds: the ten minutes and the hour stay what they are
        "timestamp": "CASE WHEN length(timestamp) = 24 THEN substr(timestamp, 1, 15)"
        " || ((substr(timestamp, 16, 1) + copy.n) % 10) || substr(timestamp, 17, 4)"
        f" || printf('%03d', copy.n * {1000 / copies}) || 'Z' ELSE timestamp END AS timestamp",
    }
    wanted = ", ".join(changed.get(name, name) for name in columns)
    sql.execute("CREATE TEMP TABLE copy (n INTEGER PRIMARY KEY)")
    sql.executemany("INSERT INTO copy VALUES (?)", [(number,) for number in range(copies)])
    sql.execute("INSERT INTO log_words (log_words) VALUES ('delete-all')")
    _keep_words(sql)
    for first, last in sql.execute("SELECT first_id, last_id FROM main.log_hours ORDER BY hour").fetchall():
        sql.execute(
            f"INSERT INTO main.log_rows ({', '.join(columns)}) SELECT {wanted} FROM base.log_rows CROSS JOIN copy"
            " WHERE id BETWEEN ? AND ? ORDER BY 4",
            (first, last),
        )
        made = ((first - 1) * copies + 1, last * copies)
        sql.execute(
            "INSERT INTO main.host_minutes (minute, pattern_id, host_id, count)"
            " SELECT strftime('%s', l.timestamp) / 60, l.pattern_id, h.id, count(*) FROM main.logs AS l"
            " JOIN main.host_names AS h ON h.hostname = l.hostname"
            " WHERE l.id BETWEEN ? AND ? AND l.pattern_id IS NOT NULL GROUP BY 1, 2, 3",
            made,
        )
        sql.execute(
            "INSERT INTO log_words (rowid, words) SELECT log_rows.id, kept.words FROM main.log_rows"
            f" CROSS JOIN kept_words AS kept ON kept.seq = log_rows.seq / {copies}"
            " WHERE log_rows.id BETWEEN ? AND ? ORDER BY log_rows.id",
            made,
        )
    for _, text in indexes:
        sql.execute(text)


def _keep_words(sql: sqlite3.Connection) -> None:
    """What the index of words is given for each log of the smaller file, by its number in the stream."""
    sql.execute("CREATE TEMP TABLE kept_words (seq INTEGER PRIMARY KEY, words TEXT)")
    rows = sql.execute(f"SELECT seq, {ROW_COLUMNS} FROM base.logs ORDER BY id")
    sql.executemany("INSERT INTO kept_words VALUES (?, ?)", ((seq, indexed_text(Row.read(row))) for seq, *row in rows))


def _copy_rejects(sql: sqlite3.Connection, copies: int) -> None:
    """Rejects grow as the logs do."""
    names = [row[1] for row in sql.execute("PRAGMA main.table_info(rejects)") if row[1] != "id"]
    wanted = ", ".join(f"seq * {copies} + copy.n" if name == "seq" else name for name in names)
    sql.execute("DELETE FROM main.rejects")
    sql.execute(
        f"INSERT INTO main.rejects ({', '.join(names)}) SELECT {wanted} FROM base.rejects CROSS JOIN copy ORDER BY id"
    )


def _make_states(sql: sqlite3.Connection, end: int) -> None:
    """Let the first alarms report their state: when each became active, and what of it goes on."""
    sql.execute(f"CREATE TEMP TABLE stating AS SELECT id, priority FROM alarms ORDER BY id LIMIT {ALARMS}")
    every, lasts = DAYS * 86_400 / TIMES, f"60 + (stating.id * 7919 + time.value * 104729) % {_LASTING}"
    sql.execute(
        "WITH RECURSIVE time(value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM time"
        f" WHERE value < {TIMES} - 1) INSERT OR IGNORE INTO occurrences"
        " (alarm_id, started, ended, clears, priority, stopped, acknowledged)"
        f" SELECT stating.id, {end} - (value + 1) * {every} + (stating.id * 104729) % {every - _LASTING - 60:.0f},"
        f" {end} - (value + 1) * {every} + (stating.id * 104729) % {every - _LASTING - 60:.0f} + {lasts},"
        " 1, max(1, stating.priority), 0, NULL FROM stating CROSS JOIN time"
    )
    newest = "(SELECT max({}) FROM occurrences WHERE alarm_id = alarms.id)"
    sql.execute(
        f"UPDATE alarms SET stated = 1, clears = 1, state = 'cleared', cleared_at = {newest.format('ended')},"
        f" active_since = NULL, last_seen = {newest.format('ended')}, occurrences = {TIMES}"
        " WHERE id IN (SELECT id FROM stating)"
    )
    going_on = f"id IN (SELECT id FROM stating WHERE id % {_ACTIVE} = 0)"
    sql.execute(
        f"UPDATE alarms SET state = 'active', cleared_at = NULL, active_since = {newest.format('started')}"
        f" WHERE {going_on}"
    )
    sql.execute(
        "UPDATE occurrences SET ended = NULL WHERE (alarm_id, started) IN"
        f" (SELECT id, active_since FROM alarms WHERE state = 'active' AND {going_on})"
    )

"""The tables of the store, as SQLAlchemy Core sees them, and the view that answers the reference's SQL.

A fresh database is made from this module; older ones are brought here by the migrations, and a test holds
the two alike. Foreign keys are left out on purpose: every write goes through this package, and checking
them would cost a lookup for each log on the recording path.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    Table,
    literal_column,
    types,
)
from sqlalchemy.types import UserDefinedType

from andon.store.schema import (
    alarm_tables,  # noqa: F401 - their tables belong to the schema too
    retention_tables,  # noqa: F401 - their tables belong to the schema too
    search_tables,  # noqa: F401 - their tables belong to the schema too
)
from andon.store.schema.columns import Key, Text, metadata
from andon.store.schema.dialect import CREATED_AT, LOG_WORDS

#: Every schema revision this program can read or bring up to date, oldest first.
KNOWN_REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
HEAD = KNOWN_REVISIONS[-1]

#: Written into the file's header (``ANDN``), so that ``file`` and people can tell whose database it is.
APPLICATION_ID = 0x414E444E

#: Stream name of rows that were taken over from a database of the reference system.
REFERENCE_STREAM = "reference"


class Verbatim(UserDefinedType[Any]):
    """A column that keeps whatever value it is given, without SQLite's conversion between types."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The SQL type: BLOB is the one affinity that converts nothing."""
        return "BLOB"


streams = Table(
    "streams",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

# Text columns are nullable because a database that is taken over may hold NULL in any of them.
logs = Table(
    "logs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("stream_id", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("stored_ns", BigInteger, nullable=False),
    Column("timestamp", Text),
    Column("hostname", Text),
    Column("severity", Text),
    Column("service", Text),
    Column("message", Text),
    Column("context", Text),
    Column("pattern_id", BigInteger),
    Column("created_at", BigInteger),  # unix seconds: a fifth of the text; the view renders it
    Column("severity_native", Text),
    Column("site", Text),
    Column("area", Text),
    Column("line", Text),
    Column("machine", Text),
    Column("notes", Text),
    Column("analysis_id", BigInteger),  # an explanation of this very log
    # created_at of a row that was taken over, to the letter
    Column("created_text", Verbatim().with_variant(types.Text(collation="C"), "postgresql")),
    sqlite_autoincrement=True,
)
Index("logs_identity", logs.c.stream_id, logs.c.seq, logs.c.stored_ns, unique=True)
Index("logs_time", logs.c.timestamp)
# The newest of the severe ones; of the others there are so many that walking through time finds them as quickly.
for _severity in ("CRITICAL", "ERROR"):
    _IS = logs.c.severity == literal_column(f"'{_severity}'")
    Index(f"logs_{_severity.lower()}_time", logs.c.timestamp, sqlite_where=_IS, postgresql_where=_IS)
# SQLite ends every index entry with the row's id: naming ``id`` here would store it twice.
Index("logs_pattern", logs.c.pattern_id)

patterns = Table(
    "patterns",
    metadata,
    Column("id", Key, primary_key=True),
    Column("fingerprint", Text, nullable=False, unique=True),
    Column("template", Text, nullable=False),
    Column("first_seen", Text, nullable=False),
    Column("last_seen", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("worst_severity", Text, nullable=False),
    Column("merged_into", BigInteger),  # always the pattern that stands for the whole problem, never a link of a chain
    Column("analysis_id", BigInteger),
    Column("created_at", Text, nullable=False),
    # The problem as it was when the shown explanation was made: what renewal compares with.
    Column("explained_at", Float),  # unix seconds
    Column("explained_severity", Text),
    Column("explained_hosts", Integer),
    Column("explained_rate", Integer),  # logs in the last ten minutes
    Column("renewed_at", Float),  # when an explanation was last asked for or made, unix seconds
    sqlite_autoincrement=True,
)
_MERGED = patterns.c.merged_into.is_not(None)
Index("patterns_merged", patterns.c.merged_into, sqlite_where=_MERGED, postgresql_where=_MERGED)

pattern_hosts = Table(
    "pattern_hosts",
    metadata,
    Column("pattern_id", BigInteger, primary_key=True, autoincrement=False),
    Column("hostname", Text, primary_key=True),
    Column("first_seen", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# The minute leads the key: a batch then touches a few neighbouring pages instead of one for each pattern.
pattern_minutes = Table(
    "pattern_minutes",
    metadata,
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("pattern_id", BigInteger, primary_key=True, autoincrement=False),
    Column("hostname", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

analyses = Table(
    "analyses",
    metadata,
    Column("id", Key, primary_key=True),
    Column("pattern_id", BigInteger),
    Column("log_id", BigInteger),
    Column("reason", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("caller", Boolean, nullable=False),
    Column("tier", Integer, nullable=False),
    Column("score", Integer, nullable=False),
    Column("created_at", Text),
    Column("not_before", Float, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", Float),
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text),
    Column("rung", Text),
    Column("provisional", Boolean, nullable=False),
    Column("text", Text),
    Column("finding", Text),
    Column("source", Text),
    Column("provider", Text),
    Column("model", Text),
    Column("prompt_version", Text),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("latency", Float),
    Column("finished_at", Text),
    sqlite_autoincrement=True,
)
# The queue in the order of claiming. A row is open until it is done or failed, that is until it is finished.
_OPEN = analyses.c.finished_at.is_(None)
Index(
    "analyses_open",
    analyses.c.tier.desc(),
    analyses.c.score.desc(),
    analyses.c.id,
    analyses.c.not_before,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)
_OF_PATTERN = analyses.c.pattern_id.is_not(None)
Index("analyses_pattern", analyses.c.pattern_id, sqlite_where=_OF_PATTERN, postgresql_where=_OF_PATTERN)

resolutions = Table(
    "resolutions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("pattern_id", BigInteger, nullable=False),
    Column("fix", Text, nullable=False),
    Column("cause", Text),
    Column("author", Text),
    Column("created_at", Text, nullable=False),
    Column("revoked_at", Text),
    sqlite_autoincrement=True,
)
Index("resolutions_pattern", resolutions.c.pattern_id)

# Who joined whom and why; those that are not undone form the tree behind ``patterns.merged_into``.
merges = Table(
    "merges",
    metadata,
    Column("id", Key, primary_key=True),
    Column("child_id", BigInteger, nullable=False),
    Column("parent_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("words", Text, nullable=False),  # a JSON array
    Column("created_at", Text, nullable=False),
    Column("undone_at", Text),
    sqlite_autoincrement=True,
)
Index("merges_child", merges.c.child_id)
Index("merges_parent", merges.c.parent_id)

# Fingerprints that a person has separated, the smaller one first.
kept_apart = Table(
    "kept_apart",
    metadata,
    Column("one", Text, primary_key=True),
    Column("other", Text, primary_key=True),
    sqlite_with_rowid=False,
)

# What was spent on the model, by minute since 1970.
model_calls = Table(
    "model_calls",
    metadata,
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("calls", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

waiters = Table(
    "waiters",
    metadata,
    Column("id", Key, primary_key=True),
    Column("log_id", BigInteger, nullable=False),
    Column("reply_to", Text, nullable=False),
    Column("created_at", Float, nullable=False),  # unix seconds, as the next
    Column("not_before", Float, nullable=False),
    sqlite_autoincrement=True,
)

rejects = Table(
    "rejects",
    metadata,
    Column("id", Key, primary_key=True),
    Column("stream_id", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("stored_ns", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("received_at", Text, nullable=False),
    Column("retried_at", Text),
    sqlite_autoincrement=True,
)
Index("rejects_identity", rejects.c.stream_id, rejects.c.seq, rejects.c.stored_ns, unique=True)

# A picture is stored once, however many logs show it; its name is the SHA-256 of its bytes (hex).
pictures = Table(
    "pictures",
    metadata,
    Column("id", Key, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("media_type", Text, nullable=False),
    Column("width", Integer, nullable=False),  # pixels
    Column("height", Integer, nullable=False),
    Column("size", Integer, nullable=False),  # bytes
    Column("created_at", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),  # last: SQLite then reads the others without walking through it
    sqlite_autoincrement=True,
)

# ``position`` is the place in the log's ``context.images``, from 0.
log_pictures = Table(
    "log_pictures",
    metadata,
    Column("log_id", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("picture_id", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("log_pictures_picture", log_pictures.c.picture_id)

# Pictures that logs name in an object store and that are still to be fetched; a row goes when that is settled.
picture_fetches = Table(
    "picture_fetches",
    metadata,
    Column("id", Key, primary_key=True),
    Column("log_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("bucket", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Float, nullable=False),  # unix seconds
    sqlite_autoincrement=True,
)
Index("picture_fetches_log", picture_fetches.c.log_id)

# How many rows there are of what, kept by the transactions that change it: counting ten million rows is
# no answer to a metrics scrape. Names: logs, patterns, rejects, failed, pictures,
# ``rung:<rung>``; ``regrouped`` counts the merges and splits that people asked for, so that a running service notices
# them; ``indexed`` is the id of the last log whose words and fields are counted; ``dropped:<rule>`` counts messages
# that a rule kept from being stored, ``most_logs`` is the largest number of logs that retention found,
# ``unmerged`` how many logs were deleted since the index of words was last merged, ``first:<stream>`` the first
# sequence that the stream still held.
counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

alembic_version = Table("alembic_version", metadata, Column("version_num", Text, primary_key=True))

#: The reference's table as a view: a log's own explanation, else that of its pattern (or of the pattern
#: this one was merged into).
_AGENT_LOGS_VIEW = """
CREATE VIEW agent_logs AS
SELECT l.id, l.timestamp, l.hostname, l.severity, l.service, l.message, l.context,
       a.text AS analysis,
       COALESCE(l.created_text, {created_at}) AS created_at
FROM logs AS l
LEFT JOIN patterns AS p ON p.id = l.pattern_id
LEFT JOIN patterns AS m ON m.id = p.merged_into
LEFT JOIN analyses AS a ON a.id = COALESCE(l.analysis_id, m.analysis_id, p.analysis_id)
"""


def create(connection: Connection) -> None:
    """Make every table and index in an empty database and note the revision; see :func:`create_view`."""
    metadata.create_all(connection, checkfirst=False)
    connection.exec_driver_sql(LOG_WORDS[connection.dialect.name])
    connection.exec_driver_sql(f"INSERT INTO alembic_version (version_num) VALUES ('{HEAD}')")  # noqa: S608


def create_view(connection: Connection) -> None:
    """Make the view ``agent_logs``; no table of that name may be left."""
    connection.exec_driver_sql(_AGENT_LOGS_VIEW.format(created_at=CREATED_AT[connection.dialect.name]))

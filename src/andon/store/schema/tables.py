"""The tables of the store, as SQLAlchemy Core sees them; ``views`` has what answers SQL of others.

A fresh database is made from this module; older ones are brought here by the migrations, and a test holds
the two alike. Foreign keys are left out on purpose: every write goes through this package, and checking
them would cost a lookup for each log on the recording path.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import (
    URL,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    create_mock_engine,
    types,
)
from sqlalchemy.types import UserDefinedType

from andon.store.schema import (
    action_tables,  # noqa: F401 - their tables belong to the schema too
    alarm_tables,  # noqa: F401 - their tables belong to the schema too
    page_tables,  # noqa: F401 - their tables belong to the schema too
    retention_tables,  # noqa: F401 - their tables belong to the schema too
    search_tables,  # noqa: F401 - their tables belong to the schema too
)
from andon.store.schema.columns import (
    ID,
    Text,
    clustered,
    for_postgres,
    given,
    key,
    metadata,
    numbered,
    optional,
    unique,
    where,
)
from andon.store.schema.dialect import LOG_WORDS
from andon.store.schema.views import MINUTE_COLUMNS, VIEW_OF_MINUTES, view_of_agent_logs, view_of_logs

#: Every schema revision this program can read or bring up to date, oldest first.
KNOWN_REVISIONS = tuple(f"{number:04}" for number in range(1, 16))
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


_VERBATIM = Verbatim().with_variant(types.Text(collation="C"), "postgresql")


def _part() -> list[Column[Any]]:
    """The place in the message: with stream, sequence and stored-at time what makes a row one and the same."""
    return [Column("part", Integer, nullable=False, server_default="0")]


streams = Table("streams", metadata, Column("id", ID, primary_key=True), *unique(Text, "name"))

# Who logs from where: a plant has few of these, and each log of it names the one that it came from by its number. No
# row changes or goes.
origins = numbered("origins", optional(Text, "hostname", "service", "site", "area", "line", "machine"))
Index("origins_name", origins.c.hostname, origins.c.service)

# The rows behind the view ``logs``. What a log shares with its origin stands there, and is NULL here; in rows of before
# there were origins, in rows that were taken over, and where there are too many origins it stands in the row itself.
# Text columns are nullable because a database that is taken over may hold NULL in any of them.
log_rows = numbered(
    "log_rows",
    given(Integer, "stream_id"),
    given(BigInteger, "seq", "stored_ns"),
    optional(Text, "timestamp", "hostname", "severity", "service", "message", "context"),
    optional(BigInteger, "pattern_id"),
    optional(BigInteger, "created_at"),  # unix seconds: a fifth of the text; the view renders it
    optional(Text, "severity_native", "site", "area", "line", "machine", "notes"),
    optional(BigInteger, "analysis_id"),  # an explanation of this very log
    optional(_VERBATIM, "created_text"),  # created_at of a row that was taken over, to the letter
    _part(),
    optional(LargeBinary, "raw"),  # the log's bytes where they are no UTF-8
    optional(BigInteger, "origin_id"),
)
Index("logs_identity", log_rows.c.stream_id, log_rows.c.seq, log_rows.c.stored_ns, log_rows.c.part, unique=True)
Index("logs_time", log_rows.c.timestamp)
# The newest of the severe ones; of the others there are so many that walking through time finds them as quickly.
for _severity in ("CRITICAL", "ERROR"):
    Index(f"logs_{_severity.lower()}_time", log_rows.c.timestamp, **where(f"severity = '{_severity}'"))
# SQLite ends every index entry with the row's id: naming ``id`` here would store it twice.
Index("logs_pattern", log_rows.c.pattern_id)

#: The view over these rows: every log as it was recorded, wherever its texts stand. Write to ``log_rows``.
logs = Table("logs", MetaData(), *(Column(one.name, one.type) for one in log_rows.columns if one.name != "origin_id"))

patterns = numbered(
    "patterns",
    unique(Text, "fingerprint"),
    given(Text, "template", "first_seen", "last_seen"),
    given(BigInteger, "count"),
    given(Text, "worst_severity"),
    optional(BigInteger, "merged_into"),  # the pattern that stands for the whole problem, never a link of a chain
    optional(BigInteger, "analysis_id"),
    given(Text, "created_at"),
    # The problem as it was when the shown explanation was made: what renewal compares with.
    optional(Float, "explained_at"),  # unix seconds
    optional(Text, "explained_severity"),
    optional(Integer, "explained_hosts", "explained_rate"),  # ``rate``: logs in the last ten minutes
    optional(Float, "renewed_at"),  # when an explanation was last asked for or made, unix seconds
)
Index("patterns_merged", patterns.c.merged_into, **where(patterns.c.merged_into.is_not(None)))

pattern_hosts = clustered(
    "pattern_hosts",
    key(BigInteger, "pattern_id"),
    key(Text, "hostname"),
    given(Text, "first_seen"),
    given(BigInteger, "count"),
)

host_names = numbered("host_names", unique(Text, "hostname"))

# The rows behind the view ``pattern_minutes``. The minute leads the key: a batch then touches a few neighbouring pages
# instead of one for each pattern.
host_minutes = clustered("host_minutes", key(BigInteger, "minute", "pattern_id", "host_id"), given(BigInteger, "count"))

#: The view over these rows, with the hosts' names. Write to ``host_minutes``.
pattern_minutes = Table(
    "pattern_minutes",
    MetaData(),
    *(Column(name, Text if name == "hostname" else BigInteger) for name in MINUTE_COLUMNS),
)
#: The names of views that read as tables.
SHOWN = frozenset({logs.name, pattern_minutes.name})

analyses = numbered(
    "analyses",
    optional(BigInteger, "pattern_id", "log_id"),
    given(Text, "reason", "status"),
    given(Boolean, "caller"),
    given(Integer, "tier", "score"),
    optional(Text, "created_at"),
    given(Float, "not_before"),
    optional(Text, "lease_owner"),
    optional(Float, "lease_until"),
    given(Integer, "attempts"),
    optional(Text, "last_error", "rung"),
    given(Boolean, "provisional"),
    optional(Text, "text", "finding", "source", "provider", "model", "prompt_version"),
    optional(Integer, "input_tokens", "output_tokens"),
    optional(Float, "latency"),
    optional(Text, "finished_at"),
    optional(BigInteger, "second_of"),  # the analysis below which this one is shown as a second opinion
)
# The queue in the order of claiming. A row is open until it is done or failed, that is until it is finished.
_CLAIMED_BY = (analyses.c.tier.desc(), analyses.c.score.desc(), analyses.c.id, analyses.c.not_before)
Index("analyses_open", *_CLAIMED_BY, **where(analyses.c.finished_at.is_(None)))
Index("analyses_pattern", analyses.c.pattern_id, **where(analyses.c.pattern_id.is_not(None)))
Index("analyses_second", analyses.c.second_of, **where(analyses.c.second_of.is_not(None)))

resolutions = numbered(
    "resolutions",
    given(BigInteger, "pattern_id"),
    given(Text, "fix"),
    optional(Text, "cause", "author"),
    given(Text, "created_at"),
    optional(Text, "revoked_at"),
)
Index("resolutions_pattern", resolutions.c.pattern_id)

# Who joined whom and why; those that are not undone form the tree behind ``patterns.merged_into``.
merges = numbered(
    "merges",
    given(BigInteger, "child_id", "parent_id"),
    given(Integer, "position"),
    given(Text, "words", "created_at"),  # ``words`` is a JSON array
    optional(Text, "undone_at"),
)
Index("merges_child", merges.c.child_id)
Index("merges_parent", merges.c.parent_id)

# Fingerprints that a person has separated, the smaller one first.
kept_apart = clustered("kept_apart", key(Text, "one", "other"))

# What was spent on the model, by minute since 1970.
model_calls = clustered("model_calls", key(BigInteger, "minute"), given(BigInteger, "calls", "tokens"))

# What a model answered to the labelled cases by which it is measured, each case once for each of its versions:
# ``identity`` is the digest of its weights, "" where the provider tells none. ``outcome`` is JSON.
trials = numbered(
    "trials",
    given(Text, "provider", "model", "identity", "prompt_version", "case_id", "outcome", "answered_at"),
    optional(Integer, "input_tokens", "output_tokens"),
    optional(Float, "seconds"),
)
Index(
    "trials_once",
    *(trials.c[name] for name in ("provider", "model", "identity", "prompt_version", "case_id")),
    unique=True,
)

# What technicians say of explanations: ``helpful`` or ``wrong``. What was judged is noted too: analyses are deleted.
verdicts = numbered(
    "verdicts",
    given(BigInteger, "analysis_id"),
    optional(BigInteger, "pattern_id"),
    given(Text, "verdict", "created_at"),
    optional(Text, "author", "note", "rung", "source", "provider", "model", "prompt_version", "revoked_at"),
)
Index("verdicts_analysis", verdicts.c.analysis_id)

waiters = numbered(
    "waiters",
    given(BigInteger, "log_id"),
    given(Text, "reply_to"),
    given(Float, "created_at", "not_before"),  # unix seconds
    optional(BigInteger, "reject_id"),  # of a refused message, whose log_id is 0
)

rejects = numbered(
    "rejects",
    given(Integer, "stream_id"),
    given(BigInteger, "seq", "stored_ns"),
    given(Text, "subject", "reason"),
    given(LargeBinary, "data"),
    given(Text, "received_at"),
    optional(Text, "retried_at"),
    _part(),
)
Index("rejects_identity", rejects.c.stream_id, rejects.c.seq, rejects.c.stored_ns, rejects.c.part, unique=True)

# A picture is stored once, however many logs show it; its name is the SHA-256 of its bytes (hex).
pictures = numbered(
    "pictures",
    unique(Text, "sha256"),
    given(Text, "media_type"),
    given(Integer, "width", "height"),  # pixels
    given(Integer, "size"),  # bytes
    given(Text, "created_at"),
    given(LargeBinary, "data"),  # last: SQLite then reads the others without walking through it
)

# ``position`` is the place in the log's ``context.images``, from 0.
log_pictures = clustered(
    "log_pictures", key(BigInteger, "log_id"), key(Integer, "position"), given(BigInteger, "picture_id")
)
Index("log_pictures_picture", log_pictures.c.picture_id)

# Pictures that logs name in an object store and that are still to be fetched; a row goes when that is settled.
picture_fetches = numbered(
    "picture_fetches",
    given(BigInteger, "log_id"),
    given(Integer, "position"),
    given(Text, "bucket", "object"),
    given(Integer, "attempts"),
    given(Float, "not_before"),  # unix seconds
)
Index("picture_fetches_log", picture_fetches.c.log_id)

# How many rows there are of what, kept by the transactions that change it: counting ten million rows is
# no answer to a metrics scrape. Names: logs, patterns, rejects, failed, pictures,
# ``rung:<rung>``; ``regrouped`` counts the merges and splits that people asked for, so that a running service notices
# them; ``indexed`` is the id of the last log whose words and fields are counted; ``dropped:<rule>`` counts messages
# that a rule kept from being stored, ``most_logs`` is the largest number of logs that retention found,
# ``grouping`` is the version of the patterns' fingerprints, ``grouping:…`` how far they were made anew,
# ``unmerged`` how many logs were deleted since the index of words was last merged, ``first:<stream>`` the first
# sequence that the stream still held, ``checked:<stream>`` and ``checked_ns:<stream>`` the message up to which
# everything that it held is stored.
counters = clustered("counters", key(Text, "name"), given(BigInteger, "value"))

alembic_version = Table("alembic_version", metadata, Column("version_num", Text, primary_key=True))


@cache
def _ddl(dialect: str) -> tuple[str, ...]:
    """What makes every table and index; to put it together takes longer than to run it."""
    made: list[str] = []

    def note(statement: Any, *_: object, **__: object) -> None:
        made.append(str(statement.compile(dialect=engine.dialect)))

    if dialect == "postgresql":
        for_postgres()
    engine = create_mock_engine(URL.create("postgresql+psycopg" if dialect == "postgresql" else dialect), note)
    metadata.create_all(engine, checkfirst=False)
    return tuple(made)


def create(connection: Connection) -> None:
    """Make every table and index in an empty database and note the revision; see :func:`create_view`."""
    dialect = connection.dialect.name
    for statement in (*_ddl(dialect), *view_of_logs(dialect), VIEW_OF_MINUTES):
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(LOG_WORDS[dialect])
    connection.exec_driver_sql(f"INSERT INTO alembic_version (version_num) VALUES ('{HEAD}')")  # noqa: S608


def create_view(connection: Connection) -> None:
    """Make the view ``agent_logs``; no table of that name may be left."""
    connection.exec_driver_sql(view_of_agent_logs(connection.dialect.name))

"""What Andon is to reach on the smallest box: the rows of the table that ``make bench`` ends with, and their goals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from bench.rows import Row


class Promise(NamedTuple):
    """A row of the table: its name, the measurement that finds it, what is counted, and the goal as a Row writes it."""

    name: str
    measurement: str
    told: str
    goal: str


PROMISES = (
    Promise(
        "telegraf: rate",
        "telegraf",
        "rate from an external broker's stream into SQLite, compared with Telegraf",
        ">= 1.1 x",
    ),
    Promise("telegraf: CPU", "telegraf", "CPU seconds for the same", "<= 2 x"),
    Promise(
        "record: bare loop",
        "record",
        "publish, store and acknowledge, compared with a bare loop into a bare table",
        ">= 0.65 x",
    ),
    Promise(
        "record: same rows", "record", "compared with a bare loop that writes the same rows and indexes", ">= 0.85 x"
    ),
    Promise("record: fetch()", "record", "compared with the NATS client's own fetch()", ">= 1.5 x"),
    Promise("idle: share", "idle", "idle service and broker, share of one core", "<= 0.3"),
    Promise("start: ready", "start", "start to /readyz, empty data directory", "<= 0.5"),
    Promise("start: CPU until warm", "start", "CPU from start until warm (15 s), OLLAMA", "<= 0.8"),
    Promise("memory: PLAYBOOK", "start", "idle service and broker, PLAYBOOK", "<= 80"),
    Promise("memory: OLLAMA", "start", "idle service and broker, OLLAMA", "<= 100"),
    Promise("memory: 50,000 logs", "start", "service and broker after 50,000 logs", "<= 130"),
    Promise("agent: CPU per call", "agent", "CPU that the agent layer adds to one model call", "<= 10"),
    Promise("garbage: memory", "garbage", "memory after 30,000 fuzzed messages, compared with 5,000", "<= 1.1 x"),
    Promise("file: per log", "file", "bytes per log in total, compared with the raw JSON", "<= 1.2 x"),
    Promise("history: page", "history", "ten million logs: the page's slowest question, p95", "<= 40"),
    Promise("history: search", "history", "the slowest text search, p95", "<= 50"),
    Promise("history: diff", "history", "the slowest `diff`, p95", "<= 250"),
    Promise("history: alarms", "history", "alarm figures over 30 and 90 days, p95", "<= 40"),
    Promise("history: batch", "history", "the longest batch recorded during questions", "<= 150"),
    Promise("indexer: sustained", "indexer", "logs recorded and searchable, end to end", ">= 30,000"),
)

_GOALS = {one.name: one.goal for one in PROMISES}


def with_goals(rows: Sequence[Row]) -> list[Row]:
    """The rows, those that are promised with the goal that stands here."""
    return [msgspec.structs.replace(row, goal=_GOALS.get(row.name, row.goal)) for row in rows]

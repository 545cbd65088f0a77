"""Which new records a rule of retention keeps from being stored at all."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from andon.core.models import LogRecord
from andon.store.problems import rekeying
from andon.store.rules.retention import Judge, KeepPolicy
from andon.store.schema.dialect import rows_for, run


def left_out(
    connection: Connection, policy: KeepPolicy, records: Sequence[LogRecord], places: Sequence[int]
) -> dict[int, str]:
    """Of the records at ``places`` those that are not stored, with the label of the rule that says so.

    A log that a durable caller waits for is stored all the same: its answer is found through it. The next run of
    retention removes it when it is answered.
    """
    families = families_of(connection, policy)
    judge = Judge(policy, families)
    ids = _pattern_ids(connection, families)
    found: dict[int, str] = {}
    for place in places:
        record = records[place]
        if record.reply_to is not None:
            continue
        where = (record.site, record.area, record.line, record.machine)
        looks = judge.looks(record.severity, record.service, where, ids.get(record.fingerprint))
        rule = judge.rule(looks, 0.0)
        if rule is not None and rule.keep == "none":
            found[place] = rule.label
    return found


def families_of(connection: Connection, policy: KeepPolicy) -> dict[int, frozenset[int]]:
    """The patterns that are part of each problem that a rule names, by the id in the rule.

    With those that an upgrade made of it: the rule was meant for their logs.
    """
    found: dict[int, frozenset[int]] = {}
    for named in policy.named_patterns:
        rows = run(connection, "SELECT id FROM patterns WHERE id = ? OR merged_into = ?", (named, named))
        family = frozenset(row[0] for row in rows) | {named}
        found[named] = family.union(rekeying.parts_of(connection, sorted(family)))
    return found


def _pattern_ids(connection: Connection, families: dict[int, frozenset[int]]) -> dict[str, int]:
    """The patterns of these families by their fingerprints."""
    ids = sorted(frozenset().union(*families.values()))
    return dict(map(tuple, rows_for(connection, "SELECT fingerprint, id FROM patterns WHERE id IN ({})", ids)))

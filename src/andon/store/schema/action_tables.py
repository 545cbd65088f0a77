"""The tables of what leaves the house. Moments are unix seconds (UTC)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Float, Index, Integer

from andon.store.schema.columns import Text, given, numbered, optional, where

# What was proposed and what became of it. ``dedup`` is the order's key; ``arguments`` and ``rendered`` are JSON of
# andon.core.models.actions, and ``digest`` is what the approval is bound to.
actions = numbered(
    "actions",
    given(Float, "created"),
    given(Text, "status", "target", "operation", "dedup", "title"),
    optional(BigInteger, "problem_id"),
    given(Text, "origin"),
    optional(Text, "proposed_by"),
    given(Text, "reason", "arguments", "rendered", "digest"),
    optional(Float, "expires", "decided_at"),
    optional(Text, "decided_by", "decision_note"),
    optional(BigInteger, "follows"),
    given(Float, "not_before"),
    given(Integer, "attempts"),
    optional(Text, "lease_owner"),
    optional(Float, "lease_until", "sent_at", "finished"),
    optional(Text, "last_error", "receipt"),
)
Index("actions_lane", actions.c.target, actions.c.id, actions.c.status, **where("finished IS NULL"))
# What somebody has in hand, and what waits although it was sent: few, among many that wait.
Index("actions_held", actions.c.target, actions.c.lease_until, **where("lease_until IS NOT NULL"))
Index("actions_sent", actions.c.target, actions.c.not_before, **where("finished IS NULL AND sent_at IS NOT NULL"))
Index("actions_failed", actions.c.finished, **where("status = 'failed'"))
Index("actions_problem", actions.c.problem_id)
Index("actions_dedup", actions.c.target, actions.c.dedup)

# Which ticket is about which problem. ``told`` is up to when its logs were told of in the ticket.
tickets = numbered(
    "tickets",
    given(BigInteger, "problem_id", "action_id"),
    given(Text, "target", "ref", "url"),
    given(Float, "opened", "told"),
    optional(Float, "closed"),
)
Index("tickets_problem", tickets.c.problem_id)

# What people were told of: the state of each thing, one row for each route and thing. ``state`` is what was told last.
notices = numbered(
    "notices",
    given(Text, "route", "about", "state", "title", "severity"),
    given(Float, "since", "told"),
    optional(Float, "escalated", "acknowledged", "ended"),
    optional(BigInteger, "problem_id", "action_id"),
)
Index("notices_thing", notices.c.route, notices.c.about, unique=True)

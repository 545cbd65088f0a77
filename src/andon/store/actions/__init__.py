"""What leaves the house, as it is stored: actions and their outcome, and the tickets that they opened.

What the outbox does with them is in :mod:`andon.store.actions.deliveries`.
"""

from andon.store.actions import deliveries, notices
from andon.store.actions.action_rows import (
    FAILED_TOLD,
    NewAction,
    action,
    add,
    counts,
    failed_since,
    listing,
    open_for,
    sent_before,
)
from andon.store.actions.decisions import approve, decline, expire, finish, retry, settle
from andon.store.actions.tickets import close as ticket_closed
from andon.store.actions.tickets import count_at, of_problem, open_ticket, open_tickets
from andon.store.actions.tickets import told as ticket_told

__all__ = [
    "FAILED_TOLD",
    "NewAction",
    "action",
    "add",
    "approve",
    "count_at",
    "counts",
    "decline",
    "deliveries",
    "expire",
    "failed_since",
    "finish",
    "listing",
    "notices",
    "of_problem",
    "open_for",
    "open_ticket",
    "open_tickets",
    "retry",
    "sent_before",
    "settle",
    "ticket_closed",
    "ticket_told",
]

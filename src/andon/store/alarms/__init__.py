"""Alarms: their states and lifecycle, what operators do with them, and the questions about them."""

from andon.store.alarms.operator_actions import (
    ShiftNote,
    acknowledge,
    add_note,
    handovers,
    notes,
    shelve,
    sign,
    unshelve,
)
from andon.store.alarms.queries import (
    EVERYWHERE,
    AlarmCounts,
    AlarmEntry,
    AlarmFilter,
    AlarmList,
    Share,
    alarm,
    counts,
    durations,
    first_out,
    listing,
)
from andon.store.alarms.states import says_active

__all__ = [
    "EVERYWHERE",
    "AlarmCounts",
    "AlarmEntry",
    "AlarmFilter",
    "AlarmList",
    "Share",
    "ShiftNote",
    "acknowledge",
    "add_note",
    "alarm",
    "counts",
    "durations",
    "first_out",
    "handovers",
    "listing",
    "notes",
    "says_active",
    "shelve",
    "sign",
    "unshelve",
]

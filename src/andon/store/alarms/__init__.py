"""Alarms: their states and lifecycle, what operators do with them, and the questions about them."""

from andon.store.alarms.operator_actions import acknowledge, add_note, shelve, sign, unshelve
from andon.store.alarms.queries import (
    EVERYWHERE,
    AlarmCounts,
    AlarmEntry,
    AlarmFilter,
    AlarmList,
    Share,
    Stopping,
    alarm,
    counts,
    first_out,
    listing,
)
from andon.store.alarms.shift_book import Handover, ShiftNote, handovers, notes

__all__ = [
    "EVERYWHERE",
    "AlarmCounts",
    "AlarmEntry",
    "AlarmFilter",
    "AlarmList",
    "Handover",
    "Share",
    "ShiftNote",
    "Stopping",
    "acknowledge",
    "add_note",
    "alarm",
    "counts",
    "first_out",
    "handovers",
    "listing",
    "notes",
    "shelve",
    "sign",
    "unshelve",
]

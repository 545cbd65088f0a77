"""The demo's data: the logs of one bad night shift of an invented plant.

The story: a cabinet cooler dies and drives trip on heat, the compressor fails, a flapping switch takes a line down,
the MES queue backs up until the database disk is full, a power dip meets an old UPS battery, a certificate expires.
"""

from importlib import resources


def load() -> list[bytes]:
    """The logs as published: one JSON object each, in the order of their timestamps (2026-03-10, 22 h to 6 h UTC)."""
    data = (resources.files(__name__) / "bad_shift.jsonl").read_bytes()
    return [line for line in data.splitlines() if line]

"""Which stored logs told of the past when they came: they were read from old files."""

from __future__ import annotations

from andon.core.models import IMPORTED_NOTE


def is_past(notes: str | None) -> bool:
    """Whether a row of ``logs`` is what :attr:`andon.core.models.LogRecord.late` says.

    >>> is_past("imported; severity not understood"), is_past("severity not understood"), is_past(None)
    (True, False, False)
    """
    return notes is not None and notes.startswith(IMPORTED_NOTE)

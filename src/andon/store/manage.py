"""What people change in the database beside a running service: merging, splitting, fixing, asking again.

Each function is one transaction on a connection of its own, like a visitor's: it waits for the service's lock at most
:data:`andon.store.database.BUSY_TIMEOUT` seconds, and the service picks the change up with its next batch. All raise
StoreUnavailable where the database cannot be used and NotFound where there is no such pattern.
"""

from __future__ import annotations

from pathlib import Path

from andon.models import Resolution


def merge(db_path: Path, child_id: int, parent_id: int) -> int:
    """Make ``child_id`` (with all that is merged into it) part of ``parent_id``'s problem; the id of that problem.

    Takes back an earlier :func:`split` of the two. Merging what is merged already changes nothing. Raises StoreError
    where both ids are the same pattern.
    """
    raise NotImplementedError


def split(db_path: Path, pattern_id: int) -> int:
    """Take ``pattern_id`` (with all that was merged into it) out of its problem and keep it apart from now on.

    Returns the id of the problem it was part of. It is analyzed again where it has no explanation of its own. Raises
    Refused where the pattern is not merged into another.
    """
    raise NotImplementedError


def resolve(
    db_path: Path, pattern_id: int, fix: str, cause: str | None = None, author: str | None = None
) -> Resolution:
    """Record a confirmed fix: from now on it is what every log of the problem shows, past and future.

    A waiting analysis of the problem is closed. Raises StoreError where ``fix`` is empty or longer than 20,000 characters.
    """
    raise NotImplementedError


def reanalyze(db_path: Path, pattern_id: int) -> int:
    """Ask for another analysis of the problem that ``pattern_id`` is part of, ahead of others; the analysis' id.

    What is shown stays until the new answer is there. Where an analysis waits already, that one is moved up.
    """
    raise NotImplementedError

"""What `andon doctor` says of backups."""

from __future__ import annotations

from datetime import datetime

import pytest

from andon.app.backup.latest import BackupState
from andon.app.doctor.storage_checks import backups

MADE = BackupState("2026-03-01T02:15:00.000Z", "/mnt/b.tar.gz")
THEN = datetime.fromisoformat(MADE.at).timestamp()
DAY = 86_400.0


@pytest.mark.parametrize(
    ("days", "ok", "said"),
    [
        (0.5, True, "made today, to /mnt/b.tar.gz"),
        (1.5, True, "made 1 day ago"),
        (6.9, True, "made 6 days ago"),
        (7.1, None, "the last one was made 7 days ago, to /mnt/b.tar.gz"),
    ],
)
def test_an_old_backup_is_a_remark(days: float, ok: bool | None, said: str) -> None:
    """After a week, with what to do."""
    (found,) = backups(MADE, 1, THEN + days * DAY)
    assert (found.ok, bool(found.remedy)) == (ok, ok is None)
    assert said in found.detail


def test_a_site_without_logs_needs_none() -> None:
    """One with logs that was never backed up is told."""
    assert backups(None, 0, THEN) == []
    (found,) = backups(None, 1, THEN)
    assert found.ok is None
    assert "never backed up" in found.detail
    assert "andon backup" in found.remedy

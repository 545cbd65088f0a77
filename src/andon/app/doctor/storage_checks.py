"""Disk and database, and what in the database wants attention."""

from __future__ import annotations

import json
import os
import shutil
import time
from datetime import datetime
from pathlib import Path

from andon.app.backup.latest import BackupState, last_backup
from andon.app.doctor.next_step import start_here
from andon.core.errors import ConfigError, StoreError
from andon.core.models import CheckResult, StoreCounts
from andon.core.settings.settings import Settings
from andon.core.settings.whereabouts import user_name
from andon.core.text import counted
from andon.ingest.severity import SeverityReader
from andon.store import Visitor, counts, recording

#: Below this much free disk space (bytes) doctor warns, and below a tenth of it complains.
LITTLE_ROOM = 1024**3
#: A backup that is older than so many days is told.
OLD_BACKUP, DAY = 7, 86_400.0
#: So many of the newest logs are looked through for severities that were not understood.
NEWEST = 10_000


def disk(settings: Settings) -> CheckResult:
    """Whether the data directory can be written and has room."""
    directory = settings.database.parent if isinstance(settings.database, Path) else settings.data_dir
    place = directory
    while not os.path.exists(place) and place != place.parent:  # nor is what this user may not look into
        place = place.parent
    if not place.is_dir():
        remedy = "set ANDON_DATA_DIR (or DB_PATH) to another path"
        return CheckResult("disk", False, f"{place} is a file, and a directory is needed", remedy)
    free = shutil.disk_usage(place).free
    detail = f"{free / 1024**3:.1f} GiB free at {directory}"
    visiting = settings.service is not None and settings.service.user != user_name(os.geteuid())
    if not visiting and not os.access(place, os.W_OK):
        return CheckResult("disk", False, f"{place} is not writable", "correct its permissions or set ANDON_DATA_DIR")
    if free < LITTLE_ROOM:
        ok = None if free >= LITTLE_ROOM // 10 else False
        return CheckResult("disk", ok, detail, "free disk space: recording stops when the disk is full")
    return CheckResult("disk", True, detail)


def database(settings: Settings) -> list[CheckResult]:
    """What the database holds, and what in it wants attention."""
    path = settings.database
    try:
        if isinstance(path, Path) and not path.exists():
            return [CheckResult("database", None, f"{path} does not exist yet", start_here("`andon run` creates it"))]
        with Visitor(path) as visitor:
            found = visitor.read(counts.sizes)
            unread = visitor.read(recording.severities_not_understood, NEWEST)
            saved = visitor.read(last_backup)
    except PermissionError:
        remedy = "run this as the user who runs Andon, or set ANDON_DATA_GROUP"
        return [CheckResult("database", False, f"this user cannot read {path}", remedy)]
    except (StoreError, ConfigError) as error:  # the driver of PostgreSQL may be missing
        return [CheckResult("database", False, str(error))]
    size = f"{found.bytes / 1024**2:.1f} MiB"
    held = f"{counted(found.logs, 'log')}, {counted(found.patterns, 'problem')}"
    results = [CheckResult("database", True, f"{path}: {held}, {size}")]
    return results + backups(saved, found.logs, time.time()) + severities(settings, unread) + _queue(found)


def backups(saved: BackupState | None, logs: int, now: float) -> list[CheckResult]:
    """When the last backup was made, where there is something to back up."""
    if not logs:
        return []
    remedy = "run `andon backup DIRECTORY` to another disk; docs/backup.md shows how to schedule it"
    if saved is None:
        return [CheckResult("backup", None, "this database was never backed up with `andon backup`", remedy)]
    days = int((now - datetime.fromisoformat(saved.at).timestamp()) / DAY)
    age = "today" if days < 1 else f"{counted(days, 'day')} ago"
    if days >= OLD_BACKUP:
        return [CheckResult("backup", None, f"the last one was made {age}, to {saved.path}", remedy)]
    return [CheckResult("backup", True, f"made {age}, to {saved.path}")]


def severities(settings: Settings, unread: list[tuple[str, int, int]]) -> list[CheckResult]:
    """Severities of the newest logs that are not understood, unless they are by now."""
    read = SeverityReader(settings.severities)
    left = [one for one in unread if not read(one[0]).understood]
    if not left:
        return []
    native, _, log_id = left[0]
    logs = sum(count for _, count, _ in left)
    said = "has an unknown severity and counts" if logs == 1 else "have an unknown severity and count"
    detail = f"{logs:,} of the newest logs {said} as WARNING, such as {native!r} of log {log_id}"
    line = f'{json.dumps(native, ensure_ascii=False)} = "ERROR"'
    remedy = f"say what it means under [severities] in andon.toml: {line}"
    if "\ufffd" in native:
        remedy = "it is not UTF-8: set ANDON_ENCODING, such as cp1252, gbk or shift_jis"
    return [CheckResult("severities", None, detail, remedy)]


def _queue(counts: StoreCounts) -> list[CheckResult]:
    results = []
    if number := counts.rejects:
        said = f"{counted(number, 'message')} could not be understood"
        results.append(CheckResult("rejects", None, said, "see `andon rejects`"))
    if counts.failed:
        remedy = "the playbook explains them; `andon queue --failed` shows the reasons"
        said = f"the model did not explain {counted(counts.failed, 'problem')}"
        results.append(CheckResult("analyses", None, said, remedy))
    if number := counts.pending:
        said = "1 problem waits for the model" if number == 1 else f"{number:,} problems wait for the model"
        results.append(CheckResult("queue", None, said))
    if number := counts.lost:
        said = "1 problem of an earlier version is" if number == 1 else f"{number:,} problems of an earlier version are"
        remedy = "what is known of them stays in `andon problems`; if one occurs again, confirm its fix again"
        results.append(
            CheckResult("upgrade", None, f"{said} no longer recognised: none of their logs is stored", remedy)
        )
    return results

"""Files that are followed: whether there are any, and whether they can be read."""

from __future__ import annotations

import os

from andon.core.models import CheckResult
from andon.core.settings.settings import Settings
from andon.core.text import counted
from andon.ingest.sources.files.file_sweep import FILES_MAX, sweep


def followed(settings: Settings) -> list[CheckResult]:
    """One result for each table of ``[[files]]``."""
    found = []
    looked = sweep(settings.files)
    for number, table in enumerate(settings.files):
        paths = [one.path for one in looked.files if one.table == number]
        closed = [path for path in paths if not os.access(path, os.R_OK)]
        where, count = ", ".join(table.paths), counted(len(paths), "file")
        if closed:
            detail = f"{where}: {len(closed):,} of {count} cannot be read by this user, such as {closed[0]}"
            found.append(CheckResult("files", None, detail, "let Andon's user read them, by a group or with setfacl"))
        elif paths:
            found.append(CheckResult("files", True, f"{where}: {count}"))
        else:
            detail = f"{where}: no file matches now"
            found.append(CheckResult("files", None, detail, "correct the paths, unless the files appear later"))
    if looked.beyond:
        detail = f"{looked.beyond:,} files beyond the first {FILES_MAX:,} are not followed"
        found.append(CheckResult("files", False, detail, "narrow the paths of [[files]]"))
    return found

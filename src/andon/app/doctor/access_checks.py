"""Who on this machine may read what Andon keeps: what is there keeps its mode, so it is told."""

from __future__ import annotations

import contextlib
import grp
import shlex
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from andon.core.errors import ConfigError
from andon.core.models import CheckResult
from andon.core.private_files import FileAccess
from andon.core.settings.settings import Settings

_NAME = "permissions"
_GROUP, _OTHERS = 0o070, 0o007


class _Found(NamedTuple):
    """A file or directory as it is, with the mode that a new one would get."""

    path: Path
    mode: int
    group: int
    wanted: int

    def __str__(self) -> str:
        return f"{self.path} ({self.mode:04o})"


def permissions(settings: Settings) -> list[CheckResult]:
    """Whom the data directory and the database are open to; nothing where there are none yet."""
    try:
        access = settings.file_access
    except ConfigError as error:
        return [CheckResult(_NAME, False, str(error))]
    shared, own = _places(settings, access)
    results = []
    others = [one for one in [*shared, *own] if one.mode & _OTHERS]
    if others:
        results.append(_too_open("every user of this machine", others))
    for group, members in _by_group([*shared, *own], access).items():
        results.append(_too_open(f"the group {_group_name(group)}", members))
    if access.group is not None:
        closed = [one for one in shared if one.group != access.group or one.wanted & _GROUP & ~one.mode]
        if closed:
            results.append(_too_closed(access.group, closed))
    if shared and not results:
        too = "" if access.group is None else f" and the group {_group_name(access.group)}"
        results.append(CheckResult(_NAME, True, f"{shared[0].path} is open to its user{too} only"))
    return results


def _places(settings: Settings, access: FileAccess) -> tuple[list[_Found], list[_Found]]:
    """What a group may be let into, and what is Andon's own."""
    files, directories = [], [settings.data_dir]
    if isinstance(database := settings.database, Path):
        names = [database, *(database.with_name(database.name + end) for end in ("-wal", "-shm", ".lock"))]
        with contextlib.suppress(OSError):
            names += sorted(database.parent.glob(f"{database.name}.reference-*.bak"))
        files = list(_seen(names, access.file_mode))
    own = list(_seen((settings.data_dir / name for name in ("jetstream", "run", "secrets")), 0o700))
    return [*_seen(directories, access.directory_mode), *files], own


def _seen(paths: Iterable[Path], wanted: int) -> Iterable[_Found]:
    for path in paths:
        with contextlib.suppress(OSError):
            found = path.stat()
            yield _Found(path, stat.S_IMODE(found.st_mode), found.st_gid, wanted)


def _by_group(found: list[_Found], access: FileAccess) -> dict[int, list[_Found]]:
    """What is open to a group that it is not meant for."""
    groups: dict[int, list[_Found]] = {}
    for one in found:
        meant = one.wanted & _GROUP if one.group == access.group else 0
        if one.mode & _GROUP & ~meant and not one.mode & _OTHERS:
            groups.setdefault(one.group, []).append(one)
    return groups


def _too_open(who: str, found: list[_Found]) -> CheckResult:
    verb = "read and change" if any(one.mode & 0o022 for one in found) else "read"
    return CheckResult(_NAME, None, f"{who} can {verb} {', '.join(map(str, found))}", _command(found))


def _too_closed(group: int, found: list[_Found]) -> CheckResult:
    name = _group_name(group)
    detail = f"the group {name} (ANDON_DATA_GROUP) cannot read {', '.join(map(str, found))}"
    paths = " ".join(shlex.quote(str(one.path)) for one in found)
    return CheckResult(_NAME, None, detail, f"chgrp {shlex.quote(name)} {paths} && {_command(found)}")


def _command(found: list[_Found]) -> str:
    """What gives these the modes that new ones get."""
    modes: dict[int, list[str]] = {}
    for one in found:
        modes.setdefault(one.wanted, []).append(shlex.quote(str(one.path)))
    return " && ".join(f"chmod {mode:o} {' '.join(paths)}" for mode, paths in modes.items())


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)

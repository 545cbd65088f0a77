"""What of a site lies outside its database: runbooks, playbook rules, settings, and what its sources remember."""

from __future__ import annotations

import contextlib
import os
import shutil
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from andon.app.backup.manifest import DATA, SITE
from andon.core.private_files import PRIVATE
from andon.core.settings.settings import Settings
from andon.core.settings.shown import shown_settings
from andon.store import copy_database

#: Folders of the archive with what these settings name.
FOLDERS = {f"{SITE}/runbooks": "runbooks", f"{SITE}/playbook": "playbook"}
#: Files of the archive with settings; they are never put in force by themselves.
SETTINGS, TOML, DOTENV = f"{SITE}/settings.json", f"{SITE}/andon.toml", f"{SITE}/.env"
#: Most bytes of one runbook or rule file: what is larger is none.
_MOST = 16 << 20
#: With these an SQLite file begins.
SQLITE = b"SQLite format 3\x00"
#: Names of files that are there only while another is written end like this, or begin with a dot.
_PASSING = (".new", ".part", ".lock", "-journal", "-wal", "-shm")
#: Words in the name of a setting, or of a key within one, that may hold a secret.
_SECRET = ("key", "password", "token", "secret", "credential", "options", "users", "url", "headers")


def of_sources(settings: Settings, staging: Path, names: Iterable[str]) -> None:
    """Copy these of the files and directories that sources keep in the data directory. Raises OSError, StoreError."""
    for name, path in (found for each in names for found in _kept(settings.data_dir / each, f"{DATA}/{each}")):
        if path.name.startswith(".") or path.name.endswith(_PASSING):
            continue
        target = staging / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileNotFoundError):  # it was written anew in this moment, under another name
            if _begins_with(path, SQLITE):
                copy_database(path, target, PRIVATE)
            else:
                shutil.copyfile(path, target)


def _kept(place: Path, name: str) -> Iterator[tuple[str, Path]]:
    return iter([(name, place)]) if place.is_file() else below(place, name)


def _begins_with(path: Path, start: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(start)) == start


def site_files(settings: Settings, staging: Path, *, with_secrets: bool) -> tuple[dict[str, Path], list[str]]:
    """Runbooks, playbook rules and settings by their paths in the archive, and a sentence for each thing left out.

    Raises OSError.
    """
    found: dict[str, Path] = {}
    left_out: list[str] = []
    for folder, field in FOLDERS.items():
        place: Path = getattr(settings, field)
        for name, path in below(place, folder) if place.is_dir() else ():
            if path.stat().st_size <= _MOST:
                found[name] = path
            else:
                left_out.append(f"{path}: larger than a runbook or a rule file may be")
    place = staging / "settings.json"
    place.write_bytes(told(settings))
    found[SETTINGS] = place
    toml, dotenv = Path(os.environ.get("ANDON_CONFIG") or "andon.toml"), Path(".env")
    if toml.is_file():
        if with_secrets or not _may_hold_secrets(toml):
            found[TOML] = toml
        else:
            left_out.append(f"{toml}: it may contain secrets; --with-secrets includes it")
    if dotenv.is_file():
        if with_secrets:
            found[DOTENV] = dotenv
        else:
            left_out.append(f"{dotenv.absolute()}: it may contain secrets; --with-secrets includes it")
    return found, left_out


def told(settings: Settings) -> bytes:
    """The settings that the site chose, as JSON, without secrets."""
    chosen = {one.name: one.value for one in shown_settings(settings) if one.changed}
    return msgspec.json.format(msgspec.json.encode(chosen), indent=2) + b"\n"


def below(place: Path, folder: str) -> Iterator[tuple[str, Path]]:
    """The plain files in a directory and those in it, each with its path in the archive's ``folder``, in order."""
    for top, directories, names in os.walk(place):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        for name in sorted(names):
            path = Path(top, name)
            if path.is_file() and not path.is_symlink():
                yield f"{folder}/{path.relative_to(place).as_posix()}", path


def _may_hold_secrets(toml: Path) -> bool:
    try:
        return _secret_within(tomllib.loads(toml.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return True


def _secret_within(value: Any) -> bool:
    if isinstance(value, dict):
        return any(any(word in key.lower() for word in _SECRET) or _secret_within(one) for key, one in value.items())
    return isinstance(value, list) and any(map(_secret_within, value))

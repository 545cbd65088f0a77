"""The files of the bundled rules as they were parsed before: reading YAML is more than half of loading them.

They are kept in a file of the data directory, which is safe to delete. It holds the digest of the files that it was
made from and one of its own content: where either is another, the files are parsed again and it is written anew. What
it says is checked like the files themselves, when it is made into rules.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import resources
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from andon.core.private_files import written_whole
from andon.explain.yaml_text import load_yaml

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: What such a file is called in the data directory.
NAME = "rules.cache"
#: Begins the file; another number where the same files are parsed to something else.
_FORM = b"andon parsed rules 1"
#: No such file is longer, in bytes.
_MOST = 16 * 1024 * 1024
#: File → what it says, in msgpack; None where nothing is kept.
_KNOWN: ContextVar[dict[str, bytes] | None] = ContextVar("content of rule files", default=None)


def file_names() -> list[str]:
    """The files of this package that hold rules and words, sorted."""
    return sorted(item.name for item in resources.files(__package__).iterdir() if item.name.endswith(".yaml"))


def said_by(name: str, kind: type[T]) -> T:
    """What the file ``name`` of this package says. Raises ValueError, also where that is none of ``kind``."""
    known = _KNOWN.get()
    if known is not None and name in known:
        return msgspec.msgpack.decode(known[name], type=kind, strict=False)
    data, _ = load_yaml(_file(name).decode(), trusted=True)
    if known is not None:
        known[name] = msgspec.msgpack.encode(data)
    return msgspec.convert(data, kind, strict=False)


@contextmanager
def kept_in(path: Path | None) -> Iterator[None]:
    """Within it :func:`said_by` reads what is kept at ``path``, and what was not is kept from then on; not for None."""
    if path is None:
        yield
        return
    files = _digest_of_files()
    known = _read(path, files)
    before = len(known)
    token = _KNOWN.set(known)
    try:
        yield
    finally:
        _KNOWN.reset(token)
    if len(known) > before:
        _write(path, files, known)


def _file(name: str) -> bytes:
    return (resources.files(__package__) / name).read_bytes()


def _digest_of_files() -> bytes:
    digest = hashlib.sha256()
    for name in file_names():
        content = _file(name)
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest().encode()


def _read(path: Path, files: bytes) -> dict[str, bytes]:
    """What is kept; nothing where that is of other files, or damaged, which is told."""
    try:
        with path.open("rb") as file:
            head, _, content = file.read(_MOST).partition(b"\n")
    except FileNotFoundError:
        return {}
    except OSError as error:
        log.info("cached rules cannot be read, rule files are parsed again", file=str(path), reason=error.strerror)
        return {}
    if head == b" ".join((_FORM, files, hashlib.sha256(content).hexdigest().encode())):
        try:
            return msgspec.msgpack.decode(content, type=dict[str, bytes])
        except msgspec.DecodeError as error:
            log.info("cached rules cannot be used, rule files are parsed again", file=str(path), reason=str(error))
            return {}
    stale = head.startswith(_FORM) and files not in head
    reason = "they are from another version" if stale else "the file is damaged"
    log.info("cached rules cannot be used, rule files are parsed again", file=str(path), reason=reason)
    return {}


def _write(path: Path, files: bytes, known: dict[str, bytes]) -> None:
    content = msgspec.msgpack.encode(known)
    head = b" ".join((_FORM, files, hashlib.sha256(content).hexdigest().encode()))
    try:
        with written_whole(path) as file:
            file.write(head + b"\n" + content)
    except OSError as error:  # the next start parses them again
        log.info("parsed rules could not be cached", file=str(path), reason=error.strerror)

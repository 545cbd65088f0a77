"""Where the service of this machine has its settings, for commands that are started somewhere else.

A running service says so in a file that only its user (or root) can write and everybody may read; ``andon install``
leaves one for good. Neither holds a secret. Whoever starts a command where settings lie, or names some in the
environment, means those.
"""

from __future__ import annotations

import contextlib
import fcntl
import grp
import json
import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from andon.core.errors import ConfigError

#: What `andon install` leaves.
INSTALLED = Path("/etc/andon/location")
#: Where a service that root started by hand says where it is.
RUN_BY_ROOT = Path("/run/andon/running")
#: Names that say which service is meant: with one of them in the environment no other is looked for.
DECIDING = ("ANDON_CONFIG", "ANDON_DATA_DIR", "DB_PATH", "NATS_URL")
#: Seconds in which a service is asked whether it is one.
ANSWER_WITHIN = 0.5
#: Where a service answers unless it was told otherwise, and what to do where one does that we know nothing of.
USUAL_PORT = 8420
_ANOTHERS = (
    f"an Andon that seems to belong to another user answers at http://127.0.0.1:{USUAL_PORT}: run this as that user, "
    "in the directory where it was started"
)
#: Names without our prefix by which a ``.env`` is one for Andon; others have a MODEL and an API_KEY too.
_OURS = frozenset({"PROVIDER", "NATS_URL", "AGENT_NAME", "AGENT_INSTRUCTIONS", "DB_PATH", "OLLAMA_HOST"})
_SIZE_MAX = 65_536


@dataclass(frozen=True)
class Whereabouts:
    """A service: the directory of its ``.env`` and ``andon.toml``, from which its relative paths start; its user.

    ``told`` are values that it was given otherwise, by environment name; ``hidden`` are names that it was given
    otherwise and that hold a secret. ``running`` is whether it runs, None where the file does not tell.
    """

    directory: Path
    user: str
    running: bool | None = None
    told: dict[str, Any] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.directory} (user {self.user})"


def find() -> Whereabouts | None:
    """The service that a command means which is told nothing: None where the working directory or the environment says.

    Raises ConfigError where several run and none is meant more than another.
    """
    if any(os.environ.get(name) for name in DECIDING) or _has_settings(Path()):
        return None
    running = {each.directory: each for each in running_services()}
    if len(running) > 1:
        places = ", ".join(str(each) for each in running.values())
        raise ConfigError(
            f"{len(running)} services run on this machine, in {places}: run this in one of the directories"
        )
    return next(iter(running.values()), None) or installed()


def installed() -> Whereabouts | None:
    """The service that `andon install` set up; None where there is none."""
    return _read(INSTALLED, running=None)


def running_services() -> list[Whereabouts]:
    """The services that this user, or root, started by hand and that run."""
    found = []
    for directory in dict.fromkeys((own_directory(), *_usual_directories())):
        with contextlib.suppress(OSError):
            found += [each for path in sorted(directory.glob("*.json")) if (each := _read(path, running=True))]
    return found


def other_data_at(port_name: str, port: int, data_dir: Path) -> str | None:
    """The data directory of the running service that has a port, where that is another one than ``data_dir``.

    ``port_name`` is the environment name of the port. None where the service of ``data_dir`` runs, where that directory
    is not there, and where the service that has the port is another user's, which nothing tells us of.
    """
    own = os.path.realpath(data_dir)
    if not os.path.isdir(own):
        return None
    others = {}
    for each in running_services():
        place = os.path.realpath(str(each.told.get("ANDON_DATA_DIR")))
        others[place] = each.told.get(port_name)
    return None if own in others else next((place for place, has in others.items() if has == port), None)


def own_directory() -> Path:
    """Where a service of this user says where it is."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given and os.path.isdir(given):
        return Path(given) / "andon"
    return _usual_directories()[0]


def start_advice(otherwise: str = "start `andon run`", *, ask: bool = True) -> str:
    """What to do where a command does not find what a service makes: never to start a second one beside one that is.

    ``otherwise`` is what to do where this machine has no service that we know of. With ``ask`` the usual port is asked
    too whether another user's answers there, which may take half a second.
    """
    with contextlib.suppress(ConfigError):
        if (meant := find()) is not None:
            if meant.running:
                return f"see what the service in {meant} logs"
            return "start the service with `sudo systemctl start andon`, and see `sudo journalctl -u andon`"
    others = running_services()
    there = others[0] if others else installed()
    if there is None:
        return _ANOTHERS if ask and answers(USUAL_PORT) else otherwise
    verb = "runs" if others else "is installed"
    return (
        f"Andon {verb} with the settings in {there.directory}: to reach that one, unset {', '.join(DECIDING)} and run "
        "this in a directory without its own .env, andon.toml and data/agent.db"
    )


def answers(port: int) -> bool:
    """Whether an Andon answers at a port of this machine within :data:`ANSWER_WITHIN`."""
    from urllib.error import URLError  # rarely needed, and not light
    from urllib.request import ProxyHandler, build_opener

    address = f"http://127.0.0.1:{port}/healthz"
    try:
        with build_opener(ProxyHandler({})).open(address, timeout=ANSWER_WITHIN) as answer:
            return bool(answer.read(100) == b'{"status":"alive"}')
    except (URLError, OSError, ValueError, HTTPException):
        return False


def require_readable(path: Path, user: str = "") -> None:
    """Raise ConfigError where ``path`` is there and this user may not read it: the sentence says who may."""
    try:
        with path.open("rb"):
            return
    except (FileNotFoundError, NotADirectoryError):
        return
    except PermissionError:
        raise ConfigError(_may_not_read(path, user)) from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}): remove it, or make it a valid settings file"
        ) from None


def _may_not_read(path: Path, user: str) -> str:
    try:
        status = path.stat()
    except OSError:
        return f"the settings in {path} cannot be read by this user: run this as the user who runs Andon"
    owner = user or user_name(status.st_uid)
    readers = [user_name(status.st_uid)]
    if status.st_mode & 0o040 and (group := _group_name(status.st_gid)):
        readers.append(f"the group {group}")
    member = ", or join the group and log in again" if len(readers) > 1 else ""
    return (
        f"the settings in {path} may be read by {' and '.join(readers)} only: put `sudo -u {owner} andon …` in "
        f"place of `andon …`{member}"
    )


def user_name(number: int) -> str:
    """What a user is called, or the number where it has no name here."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def owner_of(path: Path) -> str:
    """Whose ``path`` is, or the directory above it as far down as this user may look."""
    while True:
        try:
            return f"sudo -u {user_name(path.stat().st_uid)}"
        except OSError:
            if path == path.parent:
                return "its owner"
            path = path.parent


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _usual_directories() -> tuple[Path, ...]:
    """Where services say where they are: of this user first, then of root."""
    if os.geteuid() == 0:
        return (RUN_BY_ROOT,)
    runtime = Path(f"/run/user/{os.geteuid()}")
    state = Path(os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser())
    own = (runtime / "andon", state / "andon") if runtime.is_dir() else (state / "andon",)
    return (*own, RUN_BY_ROOT)


def _has_settings(directory: Path) -> bool:
    """Whether a directory has settings or data of a service. A ``.env`` without a name of ours is another program's."""
    if os.path.lexists(directory / "andon.toml") or os.path.lexists(directory / "data" / "agent.db"):
        return True
    try:
        names = {name.upper() for name, value in dotenv_values(directory / ".env").items() if value}
    except (OSError, UnicodeDecodeError):
        return os.path.lexists(directory / ".env")
    return any(name.startswith("ANDON_") or name in _OURS for name in names)


def _read(path: Path, *, running: bool | None) -> Whereabouts | None:
    """What a file says; None where it is not there, not to be believed, or left by a service that was killed."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_uid not in (0, os.geteuid()) or (running and not _held(file.fileno())):
                return None
            said = json.loads(file.read(_SIZE_MAX))
        directory, told, hidden = Path(said["directory"]), said.get("settings", {}), said.get("hidden", [])
        if not directory.is_absolute() or not isinstance(told, dict) or not isinstance(hidden, list):
            return None
        return Whereabouts(directory, str(said["user"]), running, told, tuple(map(str, hidden)))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_held(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _held(file.fileno())
    except OSError:
        return True  # not ours to remove


def _held(descriptor: int) -> bool:
    """Whether the service that made the file still holds it: a lock ends with its process, however that ends."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def write(path: Path, said: dict[str, Any]) -> int:
    """Make a file that everybody may read, and hold it as long as the descriptor is open that is returned.

    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    for other in path.parent.glob("*.json"):
        if not _is_held(other):  # of one that was killed
            other.unlink(missing_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        os.fchmod(descriptor, 0o644)
        os.write(descriptor, (json.dumps(said, indent=1, default=str) + "\n").encode())
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        aside.replace(path)
    except BaseException:
        os.close(descriptor)
        aside.unlink(missing_ok=True)
        raise
    return descriptor


@contextlib.contextmanager
def written(path: Path, said: dict[str, Any]) -> Iterator[None]:
    """The file is there while this lasts. Raises OSError where it cannot be made."""
    descriptor = write(path, said)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)

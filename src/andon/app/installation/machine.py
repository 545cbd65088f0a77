"""What is done to a machine: really, to a directory that stands for its root, or only told."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from andon.app.installation.layout import USER
from andon.core.errors import ConfigError
from andon.core.private_files import written_whole


class Machine:
    """Does each step, or tells what it would do. ``root`` other than ``/`` is a directory in which all of it is laid.

    Nothing of the machine itself is touched then: no user is made, no service started.
    """

    def __init__(self, root: Path, *, dry_run: bool, tell: Callable[[str], None]) -> None:
        self.root = root
        self.dry_run = dry_run
        self.tell = tell
        self.staged = root != Path("/")
        #: Whether services can be started.
        self.systemd = not self.staged and os.path.isdir("/run/systemd/system")

    def at(self, place: Path) -> Path:
        """Where ``place`` is, which is a path from the root."""
        return self.root / place.relative_to("/")

    def step(self, done: str, action: Callable[[], object]) -> None:
        """Do it and say so. Raises what ``action`` raises."""
        if self.dry_run:
            self.tell(f"to do: {done}")
            return
        action()
        self.tell(done)

    def run(self, *command: str) -> str:
        """What a program of the machine prints. Raises ConfigError with what it says where it fails."""
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise ConfigError(f"there is no {command[0]} on this machine, which `{' '.join(command)}` needs") from None
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())[-400:]
            raise ConfigError(f"`{' '.join(command)}` failed: {said or f'status {done.returncode}'}")
        return done.stdout.strip()

    def asks(self, *command: str) -> bool:
        """Whether a program of the machine answers yes."""
        with contextlib.suppress(ConfigError):
            self.run(*command)
            return True
        return False

    def make_user(self) -> None:
        """Make user and group of the service where there are none. Raises ConfigError."""
        if self.staged or self._user_exists():
            return
        shell = next((path for path in ("/usr/sbin/nologin", "/sbin/nologin") if os.path.exists(path)), "/bin/false")
        group = ["--gid", USER] if self._group_exists() else ["--user-group"]
        home = ["--home-dir", "/var/lib/andon", "--no-create-home", "--shell", shell]
        self.step(
            f"created user {USER}, which cannot log in",
            lambda: self.run("useradd", "--system", *group, *home, "--comment", "Andon", USER),
        )

    @staticmethod
    def _user_exists() -> bool:
        with contextlib.suppress(KeyError):
            return bool(pwd.getpwnam(USER))
        return False

    @staticmethod
    def _group_exists() -> bool:
        with contextlib.suppress(KeyError):
            return bool(grp.getgrnam(USER))
        return False

    def own(self, path: Path, mode: int, user: str | None = None, group: str | None = None) -> None:
        """Give a path its mode and owner; in a directory that stands for a root it stays whose it is."""
        path.chmod(mode)
        if not self.staged:
            shutil.chown(path, user or "root", group or "root")

    def directory(self, place: Path, mode: int, user: str | None = None, group: str | None = None) -> None:
        """Make a directory where there is none; one that is there keeps mode and owner. Raises OSError."""
        path = self.at(place)
        if path.is_dir():
            return

        def make() -> None:
            path.mkdir(parents=True)
            self.own(path, mode, user, group)

        self.step(f"{place} made", make)

    def file(self, place: Path, text: str, mode: int = 0o644, group: str | None = None) -> bool:
        """Write a file that is ours, whole or not at all. Whether it is another than before. Raises OSError."""
        path = self.at(place)
        with contextlib.suppress(OSError):
            if path.read_text(encoding="utf-8") == text:
                return False

        def make() -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as file:
                file.write(text.encode())
            self.own(path, mode, group=group)

        self.step(f"{place} written", make)
        return True

    def remove(self, place: Path) -> None:
        """Remove a file or a whole directory where it is. Raises OSError."""
        path = self.at(place)
        if not os.path.lexists(path):
            return
        whole = path.is_dir() and not path.is_symlink()
        self.step(f"{place} removed", lambda: shutil.rmtree(path) if whole else path.unlink())

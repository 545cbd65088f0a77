"""What every connected system in ``andon.toml`` has, and where its secrets may stand."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from andon.core.errors import ConfigError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}\Z")
#: A file that holds a secret is no longer than this, in bytes.
_SECRET_MAX = 65_536


class Target(BaseModel, defer_build=True):
    """A system that Andon writes to or reads from. ``name`` is what rules, routes and people call it: that of its kind
    unless given. ``timeout`` bounds each answer, in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field("", max_length=40)
    timeout: float = Field(15.0, gt=0, le=300)

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if value and not _NAME.match(value):
            raise ValueError(
                f"{value!r:.60} is not a valid name: use lower-case letters, digits, - and _, such as jira-plant"
            )
        return value


def base_url(value: str) -> str:
    """An address to send to, without a slash at the end. Raises ValueError; what it holds of secrets is not told.

    >>> base_url("https://jira.plant.local/")
    'https://jira.plant.local'
    """
    address = value.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ValueError("this is not an address: write https://HOST or https://HOST:PORT") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError("this is not an address: write https://HOST or https://HOST:PORT")
    if parts.username or parts.password:
        raise ValueError("the address contains credentials: move them to the settings for user, password or token")
    if parts.fragment:
        raise ValueError("an address to send to must not contain a #")
    return address


class Secret:
    """A secret: that of a table, of its file, or else the one of the environment; "" where there is none.

    What a file holds may change, as those who renew secrets write it anew: :meth:`read` looks whether it did.
    ``what`` names the secret in sentences. Raises ConfigError where the file cannot be read.
    """

    def __init__(self, value: SecretStr, path: Path | None, fallback: SecretStr | None = None, *, what: str) -> None:
        self.what = what
        self.text = value.get_secret_value().strip()
        self.path = None if self.text else path
        self._stamp: tuple[int, ...] = ()
        if self.path is not None:
            self.read()
        elif not self.text and fallback is not None:
            self.text = fallback.get_secret_value().strip()

    def read(self, *, surely: bool = False) -> bool:
        """Read the file again where it is another one by now, or ``surely``; returns whether the secret is another.

        It blocks for as long as the file does. Raises ConfigError, and keeps what it had then.
        """
        if (path := self.path) is None:
            return False
        try:
            with path.expanduser().open("rb") as file:
                about = os.fstat(file.fileno())
                stamp = (about.st_mtime_ns, about.st_ctime_ns, about.st_dev, about.st_ino, about.st_size)
                if stamp == self._stamp and not surely:
                    return False
                found = file.read(_SECRET_MAX + 1)
            text = found.decode().strip()
        except (OSError, RuntimeError, ValueError) as error:
            raise ConfigError(f"{self.what} cannot be read: {unreadable(path, error)}") from None
        if not text or len(found) > _SECRET_MAX:
            raise ConfigError(f"{self.what} cannot be read from {path}: the file is empty or far too long for a secret")
        before, self.text, self._stamp = self.text, text, stamp
        return text != before

    @property
    def called(self) -> str:
        """What it is, such as "the token", as part of a sentence that says whose."""
        return f"the {self.what.rpartition(': ')[2].removeprefix('the ')}"

    @property
    def renewal(self) -> str:
        """How to renew it, as part of a sentence: only a file is read again while Andon runs."""
        if self.path is not None:
            return f"write a new one to {self.path}, then retry"
        return "replace it in the settings and restart, then retry"


def unreadable(path: Path, error: Exception) -> str:
    """Why a file of the settings cannot be read, as part of a sentence.

    >>> unreadable(Path("/run/token"), FileNotFoundError())
    'the file /run/token does not exist'
    """
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return f"the file {path} does not exist"
    if isinstance(error, IsADirectoryError):
        return f"{path} is a folder"
    if isinstance(error, PermissionError):
        return f"the user who runs Andon may not read the file {path}"
    if isinstance(error, UnicodeDecodeError):
        return f"the file {path} is not a text file"
    return f"the file {path} cannot be read ({(isinstance(error, OSError) and error.strerror) or error})"

"""How Andon itself logs in at its own broker: generated once, kept in a file that only its user reads."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from andon.core.errors import BrokerUnavailable
from andon.core.settings.broker_users import OWN_USER
from andon.core.settings.settings import Settings
from andon.core.settings.whereabouts import start_advice

log = structlog.get_logger(__name__)

FILE = "nats-login.json"


class Login(NamedTuple):
    """User and password, as plain text."""

    user: str
    password: str


def login_path(settings: Settings) -> Path:
    """Where the generated login of this data directory lies."""
    return settings.data_dir / "run" / FILE


def ensure_login(settings: Settings) -> Login | None:
    """How Andon logs in at its own broker, None where that asks for nothing; made where there is none yet.

    One that others could read is no secret any more and is made anew. Raises OSError.
    """
    if settings.nats_access != "closed":
        return _configured(settings)
    path = login_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError, ValueError):
        return _read(path)
    path.unlink(missing_ok=True)
    login = Login(OWN_USER, secrets.token_urlsafe(32))
    aside = path.with_name(f".{FILE}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            os.fchmod(fd, 0o600)
            file.write(msgspec.json.encode(login).decode() + "\n")
            file.flush()
            os.fsync(fd)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    log.info("created credentials for the broker", file=str(path))
    return login


def find_login(settings: Settings) -> Login | None:
    """The same for a command beside the service, which makes nothing. Raises BrokerUnavailable."""
    if settings.nats_access != "closed" or not settings.embedded_broker:
        return _configured(settings)
    path = login_path(settings)
    try:
        return _read(path)
    except FileNotFoundError:
        raise BrokerUnavailable(
            f"the broker is closed (ANDON_NATS_ACCESS) and there are no credentials in {path} yet: "
            + start_advice("start it with `andon run`, or correct ANDON_DATA_DIR")
        ) from None
    except PermissionError:
        raise BrokerUnavailable(
            f"the broker is closed (ANDON_NATS_ACCESS) and its credentials in {path} belong to the user who runs "
            "Andon: run this as that user, or set NATS_URL to the broker's address with a user and password of your own"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BrokerUnavailable(
            f"the broker's credentials in {path} cannot be used ({reason}): restart the service, which creates new ones"
        ) from None


def _configured(settings: Settings) -> Login | None:
    given = settings.broker_credentials
    return None if given is None else Login(*given)


def _read(path: Path) -> Login:
    """What the file holds. Raises OSError, and ValueError where it is damaged or others may read it."""
    if path.is_symlink():
        raise ValueError("it is a link")
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with os.fdopen(fd, encoding="utf-8") as file:
        if stat.S_IMODE(os.fstat(fd).st_mode) & 0o077:
            log.warning("other users could read the broker's credentials", file=str(path))
            raise ValueError("other users can read the file")
        text = file.read()
    try:
        return msgspec.json.decode(text, type=Login)
    except msgspec.DecodeError:
        raise ValueError("it is damaged") from None

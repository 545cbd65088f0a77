"""Logins with secrets that are renewed in their files while Andon runs."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from andon.core.errors import ActionRefused, ConfigError, TargetAway
from andon.core.settings.connectors.target import Secret
from andon.core.threads import in_daemon_thread

T = TypeVar("T")


async def fresh(secret: Secret, *, surely: bool = False) -> bool:
    """Read a secret again where its file is another one by now; returns whether it is another secret.

    Raises TargetAway where the file cannot be read: whoever renews it may be in the middle of that.
    """
    if secret.path is None:
        return False
    try:
        return await in_daemon_thread(lambda: secret.read(surely=surely), "andon-secret")
    except ConfigError as error:
        raise TargetAway(str(error)) from error


async def asked(secret: Secret, tried: Callable[[], Awaitable[T]]) -> T:
    """What ``tried`` returns with the secret as its file holds it now.

    What was refused did nothing, so it is tried once more where the file was renewed meanwhile. Raises what ``tried``
    raises, and TargetAway.
    """
    await fresh(secret)
    try:
        return await tried()
    except ActionRefused:
        if not await fresh(secret, surely=True):
            raise
    return await tried()


def basic(user: str) -> Callable[[str], Mapping[str, str]]:
    """The login of ``user`` with a password, for :class:`andon.act.connectors.http.Client`."""
    return lambda secret: {"Authorization": f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"}


def bearer(secret: str) -> dict[str, str]:
    """The login with a token, for :class:`andon.act.connectors.http.Client`."""
    return {"Authorization": f"Bearer {secret}"}

"""The port of OTLP: whether it answers as it should, and whether anybody has a token where it demands one."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

from andon.core.errors import ConfigError, StoreError
from andon.core.models import CheckResult, Role
from andon.core.settings.listeners import is_loopback
from andon.core.settings.settings import Settings
from andon.store import Visitor, people

_NAME = "otlp"
_SECONDS = 5.0
_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def otlp(settings: Settings) -> list[CheckResult]:
    """Nothing where OTLP has no port of its own, or takes any free one."""
    if settings.otlp_port <= 0:
        return []
    host = "127.0.0.1" if settings.otlp_host in _ANYWHERE else settings.otlp_host
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.otlp_port}/v1/logs"
    request = urllib.request.Request(url, b"", {"Content-Type": "application/x-protobuf"})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310 - our own
            answer = 200
    except urllib.error.HTTPError as error:
        answer = error.code
    except (OSError, ValueError):
        return [CheckResult(_NAME, None, f"nothing answers at {url}", "start `andon run`, or see /readyz")]
    if answer == 401:
        return [_of_tokens(settings, url)]
    if answer == 503:
        return [CheckResult(_NAME, None, f"{url} accepts nothing at the moment", "see /readyz")]
    if answer != 200:
        said = f"another program answers at {url} (HTTP {answer})"
        return [CheckResult(_NAME, False, said, "stop it, or set ANDON_OTLP_PORT")]
    where = "" if is_loopback(settings.otlp_host) else " from other machines"
    return [CheckResult(_NAME, True, f"accepts logs at {url}{where}")]


def _of_tokens(settings: Settings, url: str) -> CheckResult:
    """Whether somebody can fulfil what is demanded."""
    place = settings.database
    try:
        if isinstance(place, Path) and not place.exists():
            return CheckResult(_NAME, None, f"{url} demands a token")
        with Visitor(place) as visitor:
            held = [one for one in visitor.read(people.tokens_listed) if one.revoked is None]
    except (StoreError, ConfigError, PermissionError):
        return CheckResult(_NAME, None, f"{url} demands a token")
    if settings.http_token.get_secret_value() or any(one.role != Role.VIEWER.word for one in held):
        return CheckResult(_NAME, True, f"accepts logs at {url} from programs with a token")
    remedy = "create one: andon token add NAME --role producer"
    return CheckResult(_NAME, None, f"{url} demands a token, and no token that may send exists", remedy)

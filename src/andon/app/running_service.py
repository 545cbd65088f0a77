"""Questions of commands to the service that runs with the same settings, over its HTTP API on this machine."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from andon.core.errors import AndonError
from andon.core.settings.settings import Settings

#: Seconds for an answer.
ANSWER = 5.0
#: Bytes of an answer that are read.
MOST = 16 * 1024 * 1024
_TOKEN_WANTED = (401, 403)


class NotRunning(AndonError):
    """No service answers at the address of the settings."""


class NotAnswered(AndonError):
    """The service does not answer this question; the text says why, and what to do."""


def ask(settings: Settings, path: str) -> Any:
    """What ``GET /api/PATH`` of the running service answers. Raises NotRunning and NotAnswered."""
    url = f"{address(settings)}/api/{path}"
    headers = {"Accept": "application/json"}
    if token := settings.http_token.get_secret_value():
        headers["Authorization"] = f"Bearer {token}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=ANSWER) as response:  # noqa: S310 - http
            return json.loads(response.read(MOST))
    except urllib.error.HTTPError as error:
        if error.code in _TOKEN_WANTED:
            raise NotAnswered("the service wants a token: set ANDON_HTTP_TOKEN to what it was started with") from None
        raise NotAnswered(f"the service answers {error.code} to {path}: see its log") from None
    except TimeoutError:
        raise NotAnswered(f"the service does not answer at {url}: see its log, it starts or hangs") from None
    except OSError:
        raise NotRunning(f"no service answers at {url}: `andon run` starts one") from None
    except ValueError:
        raise NotAnswered(f"what answers at {url} is not Andon: see ANDON_HTTP_PORT") from None


def address(settings: Settings) -> str:
    """Where the service of these settings answers on this machine, without a slash at the end."""
    host = "127.0.0.1" if settings.http_host in ("0.0.0.0", "::") else settings.http_host  # noqa: S104 - compared
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}"

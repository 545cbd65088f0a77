"""Questions of commands to the service that runs with the same settings, over its HTTP API on this machine."""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from andon.core.errors import AndonError
from andon.core.settings.settings import Settings
from andon.core.settings.whereabouts import other_data_at

#: Seconds for an answer.
ANSWER = 5.0
#: Bytes of an answer that are read.
MOST = 16 * 1024 * 1024
#: Seconds without a sign of life after which a service counts as gone; it gives one every ten.
SILENCE = 35.0
_TOKEN_WANTED = (401, 403)
_TOKEN = "the service requires a token: set ANDON_HTTP_TOKEN to what it was started with"  # noqa: S105 - a sentence
_HANGS = "the service does not answer at {}: see its log, it starts or hangs"
_ABSENT = "no service answers at {}: `andon run` starts one"


class NotRunning(AndonError):
    """No service answers at the address of the settings."""


class NotAnswered(AndonError):
    """The service does not answer this question; the text says why, and what to do."""


def require_own(settings: Settings) -> None:
    """Raise NotRunning where the service that has our port keeps its data elsewhere."""
    if (place := other_data_at("ANDON_HTTP_PORT", settings.http_port, settings.data_dir)) is not None:
        raise NotRunning(f"the service at {address(settings)} {others_data(place, settings)}: {OTHER_REMEDY}")


#: What to do where another service has our ports.
OTHER_REMEDY = (
    "run this in the directory where that one was started, or set ANDON_HTTP_PORT and ANDON_NATS_PORT to free ports "
    "and start `andon run` here"
)


def others_data(place: str, settings: Settings) -> str:
    """What is said of a service that keeps its data in ``place`` rather than where these settings say."""
    return f"is another one, which keeps its data in {place}, not in {settings.data_dir.absolute()}"


def ask(settings: Settings, path: str) -> Any:
    """What ``GET /api/PATH`` of the running service answers. Raises NotRunning and NotAnswered."""
    require_own(settings)
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
            raise NotAnswered(_TOKEN) from None
        raise NotAnswered(f"the service answers {error.code} to {path}: see its log") from None
    except TimeoutError:
        raise NotAnswered(_HANGS.format(url)) from None
    except OSError:
        raise NotRunning(_ABSENT.format(url)) from None
    except ValueError:
        raise NotAnswered(f"what answers at {url} is not Andon: see ANDON_HTTP_PORT") from None


class Waking:
    """A connection over which the running service says that logs were stored; a context manager, which closes it."""

    def __init__(self, settings: Settings) -> None:
        """Raises NotRunning and NotAnswered."""
        require_own(settings)
        url = urlsplit(address(settings))
        self._connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=ANSWER)
        headers = {"Accept": "text/event-stream"}
        if token := settings.http_token.get_secret_value():
            headers["Authorization"] = f"Bearer {token}"
        try:
            self._connection.request("GET", f"{url.path}/api/live", headers=headers)
            status = self._connection.getresponse().status
        except TimeoutError:
            raise NotAnswered(_HANGS.format(address(settings))) from None
        except (OSError, http.client.HTTPException):
            raise NotRunning(_ABSENT.format(address(settings))) from None
        if status in _TOKEN_WANTED:
            raise NotAnswered(_TOKEN)
        if status != 200 or self._connection.sock is None:
            raise NotAnswered(f"the service answers {status} to live: is it of another version? `andon version` says")
        self._socket: socket.socket = self._connection.sock
        self._first = True

    def __enter__(self) -> Waking:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def wait(self, look: Callable[[], None]) -> bool:
        """Return True at once the first time, then each time something may have been stored; False once it stopped.

        ``look`` is called whenever the standard output may have lost its reader; what it raises is raised.
        """
        if self._first:  # what was stored before we were connected is told by nobody
            self._first = False
            return True
        look()
        if not self._heard(look):
            return False
        with contextlib.suppress(OSError):
            # Whatever came means that it is worth a look: no event is taken apart, and none can be missed.
            return bool(self._socket.recv(65_536))
        return False

    def _heard(self, look: Callable[[], None]) -> bool:
        """Wait until there is something to read, or the end of it. False after :data:`SILENCE`."""
        if not hasattr(select, "poll"):
            return bool(select.select([self._socket], [], [], SILENCE)[0])
        ways = select.poll()
        ways.register(self._socket, select.POLLIN)
        with contextlib.suppress(OSError, ValueError):  # an output without a number
            ways.register(sys.stdout.fileno(), 0)  # errors of it end the wait as well
        heard = dict(ways.poll(round(SILENCE * 1000)))
        look()
        return self._socket.fileno() in heard


def address(settings: Settings) -> str:
    """Where the service of these settings answers on this machine, without a slash at the end."""
    host = "127.0.0.1" if settings.http_host in ("0.0.0.0", "::") else settings.http_host  # noqa: S104 - compared
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}"

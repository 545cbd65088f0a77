"""For whom a request is meant, and from which page it comes: over real sockets, as browsers and programs send it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator

import pytest
from fastapi import APIRouter

from andon.app.http_server import HttpServer
from andon.app.web.app import build_app
from andon.app.web.guard import HostNames
from andon.core.errors import ConfigError
from andon.core.settings.settings import load_settings
from andon.core.telemetry import Health, Metrics
from support.patience import PATIENCE

HOSTS = load_settings(http_hosts="andon.plant.example:8420, *.lab.example; andon.werk-süd.example").http_hosts
TOKEN = "k3y of ASCII~"


class Server:
    """An application with a route that changes something, and how often it was reached."""

    def __init__(self, hosts: HostNames | None, token: str = "") -> None:
        self.changes = 0
        router = APIRouter(prefix="/api")

        @router.api_route("/things", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
        async def things() -> dict[str, str]:
            self.changes += 1
            return {}

        health = Health()
        health.report("service", None)
        self.app = build_app(health, Metrics(), lambda: asyncio.sleep(0), token, router, hosts)
        self.port = 0

    def ask(self, line: str, *headers: str | bytes) -> tuple[int, str]:
        """Status and body of a request, its head written as it is given."""
        lines = [line, *headers, *(["Connection: close"] if "HTTP/1.1" in line else [])]
        head = b"\r\n".join(one if isinstance(one, bytes) else one.encode() for one in lines)
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
            client.sendall(head + b"\r\n\r\n")
            got = b""
            while part := client.recv(1 << 16):
                got += part
        status, _, body = got.decode().partition("\r\n\r\n")
        return int(status.split()[1]), body

    def host(self, value: str, path: str = "/readyz") -> int:
        """Status with this Host header."""
        return self.ask(f"GET {path} HTTP/1.1", f"Host: {value}")[0]

    def change(self, *headers: str, method: str = "POST") -> tuple[int, str]:
        """Status and sentence of a change, asked of localhost:8420."""
        status, body = self.ask(f"{method} /api/things HTTP/1.1", "Host: localhost:8420", *headers)
        return status, json.loads(body).get("detail", "")


def serving(server: Server) -> Iterator[Server]:
    """Run it in a thread."""
    listener = HttpServer(server.app, "127.0.0.1", 0)
    server.port = listener.bind()
    ends: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        stop = asyncio.Event()
        ends.append((asyncio.get_running_loop(), stop))
        task = asyncio.create_task(listener.run())
        await stop.wait()
        await listener.stop(task)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    yield server
    for loop, stop in ends:
        loop.call_soon_threadsafe(stop.set)
    thread.join(PATIENCE)


@pytest.fixture(scope="module")
def local() -> Iterator[Server]:
    """One that listens on loopback, without a token."""
    yield from serving(Server(HostNames("127.0.0.1", HOSTS)))


@pytest.fixture(scope="module")
def exposed() -> Iterator[Server]:
    """One that listens elsewhere, with a token."""
    yield from serving(Server(None, TOKEN))


def test_own_names_and_addresses_are_answered(local: Server) -> None:
    """In every way in which they are written, with any port: a tunnel has another."""
    own = [
        "localhost",
        "LocalHost:8420",
        "localhost.",
        "localhost.:1",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.4.5.6",
        "[::1]",
    ]
    own += ["[::1]:8420", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]:8420", "  localhost  "]
    own += ["andon.plant.example", "ANDON.Plant.Example.:9", "a.lab.example", "b.a.lab.example:8420"]
    own += ["andon.werk-süd.example", "andon.xn--werk-sd-s2a.example"]
    assert {name: status for name in own if (status := local.host(name)) != 200} == {}


def test_other_names_are_refused_with_the_setting_that_adds_them(local: Server) -> None:
    """On every path, also one that is not there, and whatever a proxy's headers say."""
    other = ["attacker.example", "attacker.example:8420", "127.0.0.1.attacker.example", "localhost.attacker.example"]
    other += ["localhost@attacker.example", "attacker.example#localhost", "attacker.example/localhost", "xlocalhost"]
    other += ["plant.example", "lab.example", "x.andon.plant.example", "alab.example", ".lab.example", "192.0.2.7"]
    other += ["0.0.0.0", "[::2]", "[::1", "[localhost]", "localhost:x", "*", "..", "", "\x01", "café", "a" * 300]
    assert {name: status for name in other if (status := local.host(name)) not in (421, 400)} == {}
    for path in ("/healthz", "/metrics", "/openapi.json", "/api/things", "/nosuch"):
        assert local.host("attacker.example", path) == 421
    status, body = local.ask("GET /readyz HTTP/1.1", "Host: attacker.example", "X-Forwarded-Host: localhost")
    assert status == 421
    assert "ANDON_HTTP_HOSTS" in json.loads(body)["detail"]
    assert local.ask("GET /readyz HTTP/1.1", "Host: localhost", "X-Forwarded-Host: attacker.example")[0] == 200


def test_a_request_that_names_no_host_or_two_is_refused(local: Server) -> None:
    """A target that is a whole address counts as a name."""
    assert local.ask("GET /readyz HTTP/1.0")[0] == 421
    assert local.ask("GET /readyz HTTP/1.0", "Host: localhost")[0] == 200
    assert local.ask("GET /readyz HTTP/1.1", "Host: localhost", "Host: attacker.example")[0] == 400
    assert local.ask("GET http://attacker.example/readyz HTTP/1.1", "Host: localhost")[0] == 421
    assert local.ask("GET HTTP://attacker.example HTTP/1.1", "Host: localhost")[0] == 421


def test_a_change_from_another_page_is_refused(local: Server) -> None:
    """Whatever the method is; programs, which name no page, are served."""
    before = local.changes
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        status, said = local.change("Origin: https://attacker.example", method=method)
        assert status == 403
        assert "https://attacker.example" in said
    foreign = ["Origin: null", "Origin:", "Origin: http://localhost", "Origin: http://localhost:3000"]
    foreign += ["Origin: http://127.0.0.1:8420", "Origin: file://", "Origin: http://localhost:8420.attacker.example"]
    foreign += ["Origin: http://localhost:8420@attacker.example", "Origin: ftp://localhost:8420"]
    foreign += ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Sec-Fetch-Site: CROSS-SITE"]
    assert {header: status for header in foreign if (status := local.change(header)[0]) != 403} == {}
    assert local.change("Origin: http://localhost:8420", "Sec-Fetch-Site: cross-site")[0] == 403
    assert local.change("Origin: http://localhost:8420", "Origin: http://attacker.example")[0] == 403
    assert local.changes == before
    ours = ["Accept: */*", "Origin: http://localhost:8420", "Origin: https://LOCALHOST:8420"]
    ours += ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none"]
    assert {header: status for header in ours if (status := local.change(header)[0]) != 200} == {}
    assert local.changes == before + len(ours)
    assert local.ask("GET /api/things HTTP/1.1", "Host: localhost", "Sec-Fetch-Site: cross-site")[0] == 200


def test_elsewhere_the_token_protects_and_pages_are_still_told_apart(exposed: Server) -> None:
    """Every name is answered there, and no change comes from another site's page even with the token."""
    bearer = f"Authorization: Bearer {TOKEN}"
    assert exposed.host("andon.plant.example") == 200
    assert exposed.host("andon.plant.example", "/api/things") == 401
    assert exposed.ask("GET /api/things HTTP/1.1", "Host: x", bearer)[0] == 200
    assert exposed.change(bearer, "Origin: https://attacker.example")[0] == 403
    assert exposed.change(bearer)[0] == 200


def test_only_the_token_itself_is_taken(exposed: Server) -> None:
    """The scheme in any case; bytes of any kind in a header are no error of the server's."""
    right = [f"Authorization: bearer {TOKEN}", f"AUTHORIZATION: BEARER   {TOKEN}  "]
    wrong = [
        "Authorization: Bearer",
        "Authorization: Bearer ",
        f"Authorization: Basic {TOKEN}",
        f"Authorization: {TOKEN}",
    ]
    wrong += [
        f"Authorization: Bearer {TOKEN}x",
        f"Authorization: Bearer{TOKEN}",
        f"Authorization: Bearer {TOKEN.upper()}",
    ]
    wrong += ["Authorization: Bearer schlüssel", "Cookie: token=" + TOKEN]
    bytes_ = b"Authorization: Bearer \xff\xfe"
    assert {one: exposed.ask("GET /metrics HTTP/1.1", "Host: x", one)[0] for one in right} == dict.fromkeys(right, 200)
    found = {one: exposed.ask("GET /metrics HTTP/1.1", "Host: x", one)[0] for one in [*wrong, bytes_]}
    assert found == dict.fromkeys([*wrong, bytes_], 401)


def test_a_token_that_no_header_carries_is_refused_at_start() -> None:
    """Without being shown; blanks around it are none of it, and blanks alone are no token."""
    for token in ("schlüssel", "pass\u200bword", "a\tb", "a\nb", "鍵"):
        with pytest.raises(
            ConfigError, match="ANDON_HTTP_TOKEN: the token contains a control character or a character outside ASCII"
        ) as error:
            load_settings(http_token=token)
        assert token not in str(error.value)
    assert load_settings(http_token=" t0ken\n").http_token.get_secret_value() == "t0ken"
    assert load_settings(http_token="  ").http_open


@pytest.mark.parametrize("text", ["*", "http://andon.example", "a b/c", "*.*.example", "user@host", "*.[::1]", "a..b"])
def test_what_is_no_name_of_a_host_is_refused(text: str) -> None:
    """A sentence names the setting."""
    with pytest.raises(ConfigError, match="ANDON_HTTP_HOSTS"):
        load_settings(http_hosts=text)


def test_names_are_given_as_text_json_or_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment and in a file."""
    wanted = ["a.example", "*.b.example", "192.0.2.7", "2001:db8::1"]
    for text in (
        '["A.example", "*.b.example", "192.0.2.7", "[2001:db8::1]:80"]',
        "a.example *.b.example,192.0.2.7;2001:DB8::1",
    ):
        monkeypatch.setenv("ANDON_HTTP_HOSTS", text)
        assert load_settings().http_hosts == wanted
    monkeypatch.delenv("ANDON_HTTP_HOSTS")
    assert load_settings(http_hosts=wanted).http_hosts == wanted

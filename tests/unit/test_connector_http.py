"""The client of connectors against a real server on loopback: what a failure means, and what it never tells."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import email.utils
import gzip
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from andon.act.connectors import http
from andon.act.connectors.http import PATIENCE_MAX, WORDS_MAX, Client, retry_after
from andon.act.connectors.renewing import basic
from andon.core.errors import ActionError, ActionRefused, OutcomeUnknown, TargetAway
from andon.core.outgoing_http import bounded_client, trust
from andon.core.settings.connectors.target import Secret
from support.bus import until
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

TOKEN = 'k/e+y "1234567890'


class Peer:
    """A server whose answers a test writes byte by byte: ``answer`` gets each request and the way back."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.opened = self.closed = 0
        self.answer: Callable[[asyncio.StreamWriter], Awaitable[None]] = self.plain
        self.url = ""
        self.over = asyncio.Event()

    async def hang(self, _: asyncio.StreamWriter) -> None:
        """No answer as long as the test goes on."""
        await self.over.wait()

    async def plain(self, writer: asyncio.StreamWriter) -> None:
        """Success."""
        writer.write(reply(200, b"{}"))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection until either side has enough."""
        self.opened += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                found = [
                    line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length:")
                ]
                body = await reader.readexactly(int(found[0])) if found else b""
                self.heads.append(head)
                self.bodies.append(body)
                await self.answer(writer)
                await writer.drain()
                if writer.is_closing():
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed += 1
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def peer(context: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """A running one."""
    made = Peer()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context)
    made.url = f"http{'s' if context else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        made.over.set()
        await until(lambda: made.opened == made.closed, "the connections are closed")


def reply(status: int, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """An answer as it goes over the wire."""
    kinds = [] if any(one.lower().startswith("content-type") for one in headers) else ["Content-Type: application/json"]
    lines = [
        f"HTTP/1.1 {status} Whatever",
        *kinds,
        *headers,
        f"Content-Length: {len(body) if length is None else length}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def says(answer: bytes, *, leave: bool = False) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    """Answers so each time; ``leave`` closes the connection behind it."""

    async def work(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        if leave:
            await writer.drain()
            writer.close()

    return work


@contextlib.asynccontextmanager
async def client(base: str, timeout: float = PATIENCE, **options: object) -> AsyncIterator[Client]:
    """A client named ``tickets``, closed at the end."""
    made = Client("tickets", base, timeout=timeout, secrets=(TOKEN, f"me:{TOKEN}"), words=_words, **options)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        await made.close()


def _words(answer: object) -> str:
    return str(answer.get("message", "")) if isinstance(answer, dict) else ""


async def failure(base: str, method: str = "POST", *, path: str = "/x", timeout: float = PATIENCE) -> ActionError:
    """What asking there raises."""
    async with client(base, timeout) as asks:
        with pytest.raises(ActionError) as caught:
            await asks.request(method, base + path, body=b"{}" if method == "POST" else None)
    return caught.value


async def test_an_answer_comes_back() -> None:
    """With the login that was given; nothing is compressed, and we say who asks."""
    async with peer() as server:
        held = Secret(SecretStr("it's"), None, what="tickets: password")
        asks = Client("tickets", server.url + "/api", timeout=PATIENCE, secret=held, login=basic("me"))
        answer = await asks.request("POST", f"{server.url}/api/new", body="{}", headers={"X-A": "1"})
        await asks.close()
        assert asks.json(answer) == {}
    (head,) = server.heads
    assert head.startswith("POST /api/new HTTP/1.1")
    login = base64.b64encode(b"me:it's").decode()
    assert f"Authorization: Basic {login}" in head
    assert "User-Agent: andon/" in head
    assert "Accept-Encoding: identity" in head
    assert server.bodies == [b"{}"]


async def test_nothing_was_done_where_nothing_listens() -> None:
    """Whatever it was to do."""
    async with peer() as server:
        gone = server.url
    error = await failure(gone)
    assert type(error) is TargetAway
    assert str(error).startswith("tickets cannot be reached: ")


@pytest.mark.parametrize(("method", "kind"), [("POST", OutcomeUnknown), ("GET", TargetAway)])
async def test_a_cut_after_the_request_leaves_open_what_was_done(method: str, kind: type[ActionError]) -> None:
    """Unless the request only read."""
    async with peer() as server:
        server.answer = says(b"", leave=True)
        error = await failure(server.url, method)
        assert type(error) is kind
        assert "the connection broke before the answer arrived" in str(error)
        server.answer = says(reply(201, b'{"key":', length=100), leave=True)  # in the middle of the answer
        assert type(await failure(server.url, method)) is kind


@pytest.mark.parametrize(("method", "kind"), [("POST", OutcomeUnknown), ("GET", TargetAway)])
async def test_silence_is_the_same(method: str, kind: type[ActionError]) -> None:
    """Within the time that the settings give."""
    async with peer() as server:
        server.answer = server.hang
        error = await failure(server.url, method, timeout=1)
        assert type(error) is kind
        assert str(error) == "tickets did not answer within 1 s"


async def test_an_answer_that_drips_is_bounded_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each read for itself is quick enough."""
    monkeypatch.setattr(http, "CONNECT_TIMEOUT", 1.0)

    async def drips(writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, length=1_000_000))
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)

    async with peer() as server:
        server.answer = drips
        assert type(await failure(server.url, timeout=1)) is OutcomeUnknown


async def test_a_connection_that_never_stands_has_done_nothing(tmp_path: Path) -> None:
    """A handshake of TLS that breaks, a certificate that nobody trusts, a server that speaks none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path, "server"))
    async with peer(context) as server:
        error = await failure(server.url)
        assert type(error) is TargetAway
        assert str(error).endswith("set SSL_CERT_FILE to the certificate of the authority that signed it")
        assert server.heads == []
    plain = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    error = await failure(f"https://127.0.0.1:{plain.sockets[0].getsockname()[1]}")
    assert type(error) is TargetAway
    plain.close()


async def test_a_renewed_authority_is_trusted_without_a_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And all clients share what is trusted: each copy takes a megabyte and tens of milliseconds."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    assert trust() is trust()
    first, second = (_certificate(tmp_path, name) for name in ("first", "second"))
    named = tmp_path / "authority.pem"
    named.write_bytes(first.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(named))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(second)
    async with peer(context) as server:
        assert type(await failure(server.url)) is TargetAway
        named.write_bytes(second.read_bytes())
        async with client(server.url) as asks:
            assert (await asks.request("GET", server.url + "/x")).status_code == 200
        named.unlink()
        error = await failure(server.url)
        assert type(error) is TargetAway
        assert "No such file" in str(error)
    context = trust_of(second, monkeypatch)
    own = bounded_client(timeout=1, pool=1, trust_env=False)
    assert own._transport._pool._ssl_context is context  # type: ignore[attr-defined]
    await own.aclose()


def trust_of(path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What is trusted where the environment names ``path``."""
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return trust()


ENVOY = b"upstream connect error or disconnect/reset before headers. reset reason: "


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"message": "no"}', ActionRefused),
        (401, b"{}", ActionRefused),
        (403, b"{}", ActionRefused),
        (404, b"{}", ActionRefused),
        (409, b"{}", ActionRefused),
        (413, b"{}", ActionRefused),
        (422, b"{}", ActionRefused),
        (407, b"{}", TargetAway),
        (408, b"{}", TargetAway),
        (425, b"{}", TargetAway),
        (429, b"{}", TargetAway),
        (503, b"{}", TargetAway),
        (503, ENVOY + b"connection failure", TargetAway),
        (503, ENVOY + b"overflow", TargetAway),
        (503, ENVOY + b"connection termination", OutcomeUnknown),
        (500, b"{}", OutcomeUnknown),
        (502, b"{}", OutcomeUnknown),
        (504, b"{}", OutcomeUnknown),
    ],
)
async def test_what_a_status_means(status: int, body: bytes, kind: type[ActionError]) -> None:
    """For what changes something; what only reads is never left open."""
    async with peer() as server:
        server.answer = says(reply(status, body, "Retry-After: 7"))
        error = await failure(server.url)
        assert type(error) is kind
        assert str(error).startswith(f"tickets answered {status}")
        assert getattr(error, "retry_after", None) == (7.0 if kind is TargetAway else None)
        read = await failure(server.url, "GET")
        assert type(read) is (TargetAway if kind is OutcomeUnknown else kind)


async def test_a_service_may_judge_itself() -> None:
    """What it does not judge goes by the usual rules."""
    async with peer() as server:
        server.answer = says(reply(500, b"{}"))
        judged: list[bool] = []

        def judge(response: object, only_reads: bool) -> ActionError | None:
            judged.append(only_reads)
            return None if only_reads else TargetAway("as it says itself")

        async with client(server.url, judge=judge) as asks:
            with pytest.raises(TargetAway, match="as it says itself"):
                await asks.request("POST", server.url + "/x")
            with pytest.raises(TargetAway, match="answered 500"):
                await asks.request("POST", server.url + "/x", reads=True)
        assert judged == [False, True]


async def test_a_status_may_be_wanted_and_a_remedy_known() -> None:
    """What a service means by 404 or 409 it knows best; what it knows nothing of gets the usual words."""
    async with peer() as server:
        async with client(
            server.url, remedy=lambda status, said: f"; ask Kim ({said})" if status == 409 else ""
        ) as asks:
            server.answer = says(reply(409, b'{"message": "there is one"}'))
            assert (await asks.request("POST", server.url + "/x", returned=(404, 409))).status_code == 409
            with pytest.raises(ActionRefused, match=r"answered 409: there is one; ask Kim \(there is one\)"):
                await asks.request("POST", server.url + "/x", returned=(404,))
            server.answer = says(reply(401, b'{"message": "bad \\"fetched\\" token"}'))
            asks.hide('"fetched"')
            with pytest.raises(ActionRefused, match=r"401: bad \[redacted\] token; it does not accept the credentials"):
                await asks.request("POST", server.url + "/x")


async def test_a_redirect_is_told_and_not_followed() -> None:
    """Neither what is said nor the login goes to another address."""
    async with peer() as server, peer() as elsewhere:
        server.answer = says(reply(307, b"", f"Location: {elsewhere.url}/steal?to=me"))
        error = await failure(server.url)
        assert type(error) is ActionRefused
        assert "a redirect to 127.0.0.1, which is not followed" in str(error)
        assert elsewhere.heads == []


@pytest.mark.parametrize(
    ("base", "asked"),
    [
        ("/jira", "/jira-admin/x"),
        ("/jira", "/jira/../admin"),
        ("/jira", "/jira/%2e%2e/admin"),
        ("/jira", "/jira/..%2Fadmin"),
        ("/jira", "/jira/a/.%2e/%2e%2e/admin"),
        ("/jira", "/jira/..\\admin"),
        ("/jira", "/admin"),
        ("", "@evil.example/x"),
        ("", ".evil.example/x"),
    ],
)
async def test_only_what_is_below_the_configured_address_is_asked(base: str, asked: str) -> None:
    """Whatever an answer put into the address."""
    async with peer() as server, client(server.url + base) as asks:
        with pytest.raises(ActionRefused, match="which is not below the configured address") as refused:
            await asks.request("GET", server.url + asked)
        assert server.heads == []
        assert f"the configured address {server.url}{base}: decline it" in str(refused.value)


async def test_another_port_is_told_as_such() -> None:
    """With the port, without which both addresses look the same; a login in an address is not told."""
    async with peer() as server, client(server.url) as asks:
        there = "127.0.0.1:1"
        with pytest.raises(ActionRefused, match=rf"this goes to http://{there}/x, which is not below .* {server.url}:"):
            await asks.request("GET", f"http://{there}/x")
        with pytest.raises(ActionRefused) as refused:
            await asks.request("GET", server.url.replace("//", "//me:s3cret@") + "/x")
        assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "form",
    [
        TOKEN,
        quote(TOKEN),
        quote(TOKEN, safe=""),
        base64.b64encode(f"me:{TOKEN}".encode()).decode(),
        TOKEN.replace('"', '\\"'),
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/html"])
async def test_a_secret_is_not_told_however_a_service_repeats_it(form: str, kind: str) -> None:
    """In JSON that is read, in text, in the title of a page."""
    body = f"<title>bad {form}</title>" if kind == "text/html" else f"we got {form} from you"
    if kind == "application/json" and form != TOKEN:
        body = f'{{"message": "we got {form} from you"}}'
    async with peer() as server:
        server.answer = says(reply(400, body.encode(), f"Content-Type: {kind}"))
        error = await failure(server.url)
        assert "[redacted]" in str(error)
        for part in (form, TOKEN, "1234567890"):
            assert part not in repr(error)


async def test_words_are_one_line_and_cut() -> None:
    """Also where they are no JSON; control characters go."""
    async with peer() as server:
        server.answer = says(reply(400, b"no\r\n\x1b[31m such " + b"thing " * 5_000, "Content-Type: text/plain"))
        said = str(await failure(server.url))
        assert said.startswith("tickets answered 400: no such thing")
        assert len(said) < WORDS_MAX + 100


@pytest.mark.parametrize(
    "kind", ["text/html; charset=utf-8", "text/html; charset=klingon", "application/xhtml+xml", ""]
)
async def test_a_page_is_told_by_its_title(kind: str) -> None:
    """Not with its tags, whatever it says it is."""
    page = b"\n<!doctype html><html><head><TITLE >\nLog in &amp; go on</TITLE><script>alert(1)</script></head></html>"
    async with peer() as server:
        server.answer = says(reply(403, page, f"Content-Type: {kind}"))
        said = str(await failure(server.url))
        assert said.startswith("tickets answered 403: Log in & go on; the user in the settings does not have the right")
        server.answer = says(reply(200, page, f"Content-Type: {kind}"))
        async with client(server.url) as asks:
            answer = await asks.request("POST", server.url + "/x")
            with pytest.raises(OutcomeUnknown, match="a web page: check the address"):
                asks.json(answer, changed=True)
            with pytest.raises(TargetAway, match="not JSON"):
                asks.json(answer)


async def test_a_word_that_is_called_a_page_is_told_as_it_is() -> None:
    """Some services answer so."""
    async with peer() as server:
        server.answer = says(reply(403, b"invalid_token", "Content-Type: text/html"))
        assert str(await failure(server.url)).startswith("tickets answered 403: invalid_token;")


async def test_answers_without_end_are_not_read() -> None:
    """Nor such as are nothing but depth."""
    async with peer() as server:
        server.answer = says(reply(200, b" " * 5_000_000))
        error = await failure(server.url)
        assert type(error) is OutcomeUnknown
        assert "does not end" in str(error)
        server.answer = says(reply(200, b"[" * 200_000))
        async with client(server.url) as asks:
            with pytest.raises(TargetAway, match="not JSON"):
                asks.json(await asks.request("GET", server.url + "/x"))
        server.answer = says(reply(400, b"[" * 200_000))
        assert "tickets answered 400: [[[" in str(await failure(server.url))


async def test_what_nobody_asked_to_be_compressed_is_not_unpacked() -> None:
    """A few bytes may stand for gigabytes."""
    async with peer() as server:
        server.answer = says(reply(200, gzip.compress(b" " * 50_000_000), "Content-Encoding: gzip"))
        error = await failure(server.url)
        assert type(error) is OutcomeUnknown
        assert "compressed" in str(error)


async def test_a_connection_serves_a_row_of_requests_and_is_closed_when_they_end() -> None:
    """An idle connector holds none."""
    async with peer() as server, client(server.url) as asks:
        for _ in range(5):
            await asks.request("POST", server.url + "/x")
        assert (server.opened, server.closed) == (1, 0)
        await until(lambda: server.closed == 1, "the idle connection is closed")
        await asks.request("POST", server.url + "/x")
        assert server.opened == 2
        assert len(server.heads) == 6


async def test_a_server_that_closes_after_its_answer_is_no_failure() -> None:
    """Neither by a word nor without one: the next request takes a new connection."""
    async with peer() as server, client(server.url) as asks:
        for header in ("Connection: close", "X-Nothing: said"):
            server.answer = says(reply(200, b"{}", header), leave=True)
            for _ in range(3):
                before = server.closed
                await asks.request("POST", server.url + "/x", body=b"{}")
                await until(lambda before=before: server.closed > before, "the server has closed it")
        assert server.opened == len(server.heads) == 6


async def test_cookies_are_not_kept() -> None:
    """A session that outlives the login would answer for it."""
    async with peer() as server, client(server.url) as asks:
        server.answer = says(reply(200, b"{}", "Set-Cookie: JSESSIONID=1; Path=/"))
        for _ in range(2):
            await asks.request("GET", server.url + "/x")
        assert "cookie" not in server.heads[1].lower()


async def test_a_login_that_no_header_carries_is_refused() -> None:
    """Before anything goes out, and without telling it."""
    async with peer() as server, client(server.url) as asks:
        for bad in ("Bearer schlüssel", f"Bearer {TOKEN}\nX: 1"):
            with pytest.raises(ActionRefused, match="cannot be made") as caught:
                await asks.request("POST", server.url + "/x", headers={"Authorization": bad})
            assert TOKEN not in str(caught.value)
        assert server.heads == []


async def test_a_closed_client_asks_nothing() -> None:
    """Closing twice is fine, and while something is asked it ends that."""
    async with peer() as server:
        server.answer = server.hang
        asks = Client("tickets", server.url, timeout=PATIENCE)
        task = asyncio.create_task(asks.request("POST", server.url + "/x"))
        await until(lambda: len(server.heads) == 1, "it is asked")
        await asks.close()
        with pytest.raises(OutcomeUnknown):
            await task
        await asks.close()
        with pytest.raises(TargetAway, match="is closed"):
            await asks.request("GET", server.url + "/x")


async def test_a_proxy_leads_out_of_the_plant_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a proxy refuses was not done; what is in the plant's own network is asked directly."""
    for name in ("NO_PROXY", "no_proxy", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with peer() as proxy, peer() as server:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        proxy.answer = says(reply(403, b"{}"))
        error = await failure("https://tickets.example.com")
        assert type(error) is TargetAway
        assert proxy.heads[0].startswith("CONNECT tickets.example.com:443")
        proxy.answer = says(reply(407, b"{}"))
        assert "HTTPS_PROXY" in str(await failure("http://tickets.example.com"))
        proxy.answer = says(reply(200, b"{}"))
        async with client("http://tickets.example.com") as asks:
            await asks.request("POST", "http://tickets.example.com/x")
        assert proxy.heads[-1].startswith("POST http://tickets.example.com/x")
        count = len(proxy.heads)
        async with client(server.url) as asks:
            await asks.request("POST", server.url + "/x")
        assert len(proxy.heads) == count
        assert len(server.heads) == 1


@given(st.one_of(st.text(max_size=40), st.dates().map(str), st.datetimes().map(email.utils.format_datetime)))
def test_any_retry_after_is_a_time_or_nothing(told: str) -> None:
    """Never negative, never beyond our patience."""
    found = retry_after({"retry-after": told})
    assert found is None or 0 <= found <= PATIENCE_MAX


def test_retry_after_is_read_in_both_forms() -> None:
    """Seconds and a date."""
    assert retry_after({}) is None
    assert retry_after({"retry-after": "90000"}) == PATIENCE_MAX
    soon = retry_after({"retry-after": email.utils.formatdate(time.time() + 100, usegmt=True)})
    assert soon is not None
    assert 90 < soon <= 100


def _certificate(place: Path, name: str) -> Path:
    """A key and a certificate for loopback that nobody signed, in one file."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(
            called, called, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = place / f"{name}.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path

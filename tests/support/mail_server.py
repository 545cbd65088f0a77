"""A real mail server (aiosmtpd) with the habits of real ones: STARTTLS, logins, greylisting, refusals, broken lines."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class MailServer:
    """What it does is set by its fields; ``mails`` are those that it took, as they came."""

    def __init__(self) -> None:
        self.port = 0
        self.mails: list[Envelope] = []
        self.tried: Counter[str] = Counter()
        self.senders: set[str] = {"andon@plant.example"}
        #: Whether a recipient is put off at the first try.
        self.greylists = False
        #: Answers to single recipients, to MAIL FROM, and to the mail itself.
        self.recipients: dict[str, str] = {}
        self.mail_answer = ""
        self.data_answer = ""
        #: The line breaks when the mail is there, before the answer.
        self.cuts = False
        #: The same where a recipient is named.
        self.breaks = False
        self.ends = 0

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        """MAIL FROM."""
        if self.mail_answer:
            return self.mail_answer
        if address not in self.senders:
            return f"553 5.7.1 <{address}>: Sender address rejected: not owned by user"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        """RCPT TO."""
        self.tried[address] += 1
        if self.breaks:
            assert server.transport is not None
            server.transport.abort()
        if address in self.recipients:
            return self.recipients[address]
        if self.greylists and self.tried[address] == 1:
            return (
                "450 4.2.0 <crew@plant.example>: Recipient address rejected: Greylisted, see http://postgrey.example/"
            )
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """The mail is there."""
        if self.data_answer:
            return self.data_answer
        self.mails.append(envelope)
        if self.cuts:
            assert server.transport is not None
            server.transport.abort()
        return f"250 2.0.0 Ok: queued as 4ZQ{len(self.mails)}"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """A conversation ends as it should."""
        self.ends += 1
        return "221 Bye"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        """One user has one password."""
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"andon", b"pa55-of-the-plant")
        return AuthResult(
            success=right, handled=False, message=None if right else "535 5.7.8 Error: authentication failed"
        )


@asynccontextmanager
async def mail_server(
    *, tls: Path | None = None, implicit: bool = False, login: bool = False
) -> AsyncIterator[MailServer]:
    """A server on a port of the loopback, in this loop. ``tls`` has ``cert.pem`` and ``key.pem``; ``implicit`` is TLS
    from the first byte. ``login`` None offers none at all."""
    handler = MailServer()
    context = None
    if tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
    options: dict[str, Any] = {} if implicit else {"tls_context": context}
    if login:
        options |= {"authenticator": handler.authenticate, "auth_required": True, "auth_require_tls": not implicit}
    elif login is None:
        options["auth_exclude_mechanism"] = ["LOGIN", "PLAIN"]
    loop = asyncio.get_running_loop()
    made: list[SMTP] = []

    def conversation() -> SMTP:
        made.append(SMTP(handler, hostname="mail.plant.example", loop=loop, **options))
        return made[-1]

    server = await loop.create_server(conversation, "127.0.0.1", 0, ssl=context if implicit else None)
    handler.port = server.sockets[0].getsockname()[1]
    try:
        yield handler
    finally:
        server.close()
        for one in made:
            if one.transport is not None:
                one.transport.close()
        await server.wait_closed()


def certificate(place: Path) -> Path:
    """A certificate for 127.0.0.1 in ``place``, which is its own authority."""
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=127.0.0.1",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ],
        cwd=place,
        check=True,
        capture_output=True,
    )
    return place

"""Mail, through the site's own server: plain text, one mail to all of a list, threads by what it is about.

The mail is rendered whole but for the moment in ``Date``. Encryption is what the settings say, never what is left
when it does not come about. Mails about one thing refer to one made-up message, so that programs show them together.
"""

from __future__ import annotations

import email.utils
import hashlib
import ssl
from collections.abc import Mapping, Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import cast

from andon.act.connectors.connector import Ability, Again, Checked, Connector, Setup, unable
from andon.act.connectors.hooks import demand_allowed, demand_url, failed
from andon.act.connectors.mail_session import Envelope, MailSession
from andon.act.connectors.messages import Text, fitted, notes_on, text_of
from andon.core.errors import ActionError, ActionRefused, ConfigError
from andon.core.models.actions import Message, Operation, Order, OutgoingRequest, Receipt, Rendered
from andon.core.settings.connectors.email_settings import EmailTable
from andon.core.settings.connectors.target import Secret, unreadable

#: Characters of a text at most, and of a subject.
TEXT_MAX, SUBJECT_MAX = 50_000, 200
#: The line of a mail that is filled in when it goes out.
DATE = "Date: {date}\r\n"


class MailConnector(Connector):
    """One mail server, and who gets mail through it."""

    kind = "email"
    usual = "the usual recipients"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._table = table = cast(EmailTable, setup.named.table)
        what = f"[[email]] {self.name}"
        fallback = self.settings.email_password if table.user else None
        password = Secret(table.password, table.password_file, fallback, what=f"{what}: password")
        if table.user and not password.text:
            raise ConfigError(f"{what} has a user but no password: set password_file or ANDON_EMAIL_PASSWORD")
        self._session = MailSession(self.name, table, password, _authority(table, what))

    @property
    def address(self) -> str:
        """The server."""
        scheme = "smtps" if self._table.security == "tls" else "smtp"
        host = f"[{self._table.host}]" if ":" in self._table.host else self._table.host
        return f"{scheme}://{host}:{self._table.server_port}"

    @property
    def abilities(self) -> Mapping[Operation, Ability]:
        """Messages. Sent again it has the same Message-ID, by which many servers leave out what they have."""
        return {Operation.MESSAGE: Ability(Again.TWICE)}

    @property
    def places(self) -> tuple[str, ...]:
        """The lists; where an order names none, it goes to the usual recipients."""
        return tuple(self._table.lists)

    @property
    def _everybody(self) -> list[str]:
        """All who may get mail."""
        listed = [one for members in self._table.lists.values() for one in members]
        return list(dict.fromkeys([*self._table.to, *listed]))

    def render(self, order: Order) -> Rendered:
        """The mail as it goes over the wire, with its envelope."""
        message = order.arguments
        if not isinstance(message, Message):
            raise unable(self, order.operation)
        if message.where and message.where not in self._table.lists:
            listed = ", ".join(self._table.lists) or "none"
            raise ActionRefused(f"{self.name} has no list {message.where!r:.60}; there are: {listed}")
        recipients = self._table.lists[message.where] if message.where else self._table.to
        text = text_of(message, self.settings.public_url)
        text = fitted(order, text, lambda one: len(one.plain()), TEXT_MAX, self.name)
        request = OutgoingRequest(
            "SMTP",
            self.address,
            body=_written(order, message, text, self._table.sender, recipients),
            content_type="message/rfc822",
            headers={"MAIL FROM": self._table.sender, "RCPT TO": ", ".join(recipients)},
            filled=("date",),
        )
        return Rendered((request,), notes=notes_on(text))

    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        """Hand the mail to the server, for all whom it takes it for. The receipt names those whom it does not."""
        (request,) = rendered.requests
        demand_url(self.name, request, self.address)
        now = email.utils.format_datetime(email.utils.localtime())
        written = request.body.replace(DATE, f"Date: {now}\r\n", 1)
        envelope = Envelope(request.headers["MAIL FROM"], request.headers["RCPT TO"].split(", "))
        for address in (envelope.sender, *envelope.recipients):
            demand_allowed(self.name, address, (self._table.sender, *self._everybody))
        return Receipt(ref=message_id(order.key, envelope.sender), words=await self._session.send(envelope, written))

    async def check(self) -> Sequence[Checked]:
        """Whether the server takes our login, our sender and each recipient. No mail is sent."""
        try:
            return await self._session.check(Envelope(self._table.sender, self._everybody))
        except ActionError as error:
            return [failed(error, "correct host, port or security in its table")]


def message_id(name: str, sender: str) -> str:
    """What a mail is called: the order's key at the sender's domain."""
    return f"<{name}@{sender.rpartition('@')[2]}>"


def _written(order: Order, message: Message, text: Text, sender: str, recipients: Sequence[str]) -> str:
    """A mail with CRLF at the end of each line, in ASCII whatever its text holds."""
    made = EmailMessage(policy=SMTP)
    local, _, domain = sender.rpartition("@")
    made["From"] = Address("Andon", local, domain)
    made["To"] = ", ".join(recipients)
    made["Subject"] = " ".join(text.title[:SUBJECT_MAX].split()) or "-"
    made["Message-ID"] = message_id(order.key, sender)
    about = hashlib.sha256(message.about.encode()).hexdigest()[:32]
    made["References"] = message_id(f"about-{about}", sender)
    made["Auto-Submitted"] = "auto-generated"  # no absence note comes back (RFC 3834), nor from Exchange:
    made["X-Auto-Response-Suppress"] = "All"
    if message.severity == "CRITICAL" and message.phase == "raised":
        made["Importance"] = "high"
    body = text.plain() or text.title
    short = body.isascii() and max(map(len, body.split("\n"))) <= 900
    made.set_content(body, charset="utf-8", cte="7bit" if short else "quoted-printable")
    return DATE + made.as_bytes().decode("ascii")


def _authority(table: EmailTable, what: str) -> str | None:
    """The authority's certificate. Raises ConfigError where the file holds none."""
    if table.ca is None:
        return None
    try:
        told = table.ca.expanduser().read_text(encoding="ascii")
        ssl.create_default_context(cadata=told)
    except ssl.SSLError as error:
        raise ConfigError(f"{what}: ca: {table.ca} contains no readable certificate: {error}") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(f"{what}: ca: {unreadable(table.ca, error)}") from None
    return told

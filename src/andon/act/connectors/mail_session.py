"""One conversation with a mail server: what each of its answers means for the mail."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from andon.act.connectors.connector import Checked
from andon.act.connectors.http import WORDS_MAX, trust
from andon.act.connectors.renewing import asked, fresh
from andon.core.errors import ActionError, ActionRefused, OutcomeUnknown, TargetAway
from andon.core.outgoing_http import CONNECT_TIMEOUT
from andon.core.redact import clean
from andon.core.settings.connectors.email_settings import EmailTable
from andon.core.settings.connectors.target import Secret

if TYPE_CHECKING:
    from aiosmtplib import SMTP

#: What we call ourselves to servers: the name of this box would cost a look-up, and is nobody's business.
_HELLO = "[127.0.0.1]"
#: From where on answers mean not now, never, and nothing.
_NOT_NOW, _NEVER, _NO_CODE = 400, 500, 600
#: The end of a conversation, in seconds: the mail is out by then.
_GOODBYE = 2.0


class Envelope(NamedTuple):
    """Whom a mail is from and for."""

    sender: str
    recipients: Sequence[str]


class MailSession:
    """Conversations with one server, a new one for each mail."""

    def __init__(self, name: str, table: EmailTable, password: Secret, authority: str | None) -> None:
        self._name = name
        self._table = table
        self._password = password
        self._authority = authority

    async def send(self, envelope: Envelope, written: str) -> str:
        """Hand over a mail; returns the server's words, and for whom it did not take it.

        Raises ActionRefused where it never takes it, TargetAway where it does not now, OutcomeUnknown where it may
        have it.
        """
        return await asked(self._password, lambda: self._send(envelope, written))

    async def _send(self, envelope: Envelope, written: str) -> str:
        async with self._open() as smtp:
            refused = await self._address(smtp, envelope)
            said = await self._hand_over(smtp, written)
            await self._leave(smtp)
        return "; ".join([said, *(f"not accepted for {told}" for told in refused)])[: 2 * WORDS_MAX]

    async def check(self, envelope: Envelope) -> list[Checked]:
        """What the server says of login, sender and recipients. Raises ActionError where it comes to none of them."""
        import aiosmtplib

        await fresh(self._password)
        found = [Checked(True, f"{self._server} answers{', and accepts the login' if self._table.user else ''}")]
        async with self._open() as smtp:
            try:
                found.append(await self._checked_sender(smtp, envelope.sender))
                if found[-1].ok:
                    found += [one for to in envelope.recipients if (one := await self._checked_recipient(smtp, to))]
            except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
                raise TargetAway(f"{self._name}: {self._server}: {self._clean(str(error))}") from error
            await self._leave(smtp)
        if all(one.ok for one in found):
            found.append(Checked(True, f"mail is accepted for {', '.join(envelope.recipients)}"))
        return found

    @property
    def _server(self) -> str:
        return f"{self._table.host}:{self._table.server_port}"

    @contextlib.asynccontextmanager
    async def _open(self) -> AsyncIterator[SMTP]:
        """A conversation in which we are encrypted and logged in as the settings say."""
        import aiosmtplib

        table = self._table
        smtp = aiosmtplib.SMTP(
            hostname=table.host,
            port=table.server_port,
            local_hostname=_HELLO,
            timeout=table.timeout,
            use_tls=table.security == "tls",
            start_tls=table.security == "starttls",
            tls_context=None if table.security == "none" else self._trusted,
        )
        try:
            try:
                async with asyncio.timeout(2 * table.timeout + CONNECT_TIMEOUT):
                    await smtp.connect()
                    if table.user:
                        await smtp.login(table.user, self._password.text)
            except aiosmtplib.SMTPAuthenticationError as error:
                remedy = f"it does not accept {self._password.called}: {self._password.renewal}"
                raise self._by_code(error.code, f"{self._said(error)}; {remedy}") from error
            except aiosmtplib.SMTPResponseException as error:
                raise self._by_code(error.code, self._said(error)) from error
            except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
                raise self._no_conversation(error) from error
            yield smtp
        finally:
            smtp.close()

    def _no_conversation(self, error: Exception) -> ActionError:
        """Nothing was sent yet. What only other settings can help is refused, the rest passes."""
        import aiosmtplib

        told = f"{self._name}: {self._server}: {self._clean(str(error) or type(error).__name__)}"
        untrusted = [one for one in (error, error.__cause__) if isinstance(one, ssl.SSLCertVerificationError)]
        if untrusted:
            return ActionRefused(
                f"{told}; set ca in its table to the certificate of the authority that signed its certificate"
            )
        if "WRONG_VERSION_NUMBER" in told:
            return ActionRefused(f'{told}; it does not start with TLS on this port: set security = "starttls", or port')
        plain = type(error) is aiosmtplib.SMTPException  # raised by the library for what a server does not offer
        if plain and "STARTTLS" in str(error):
            return ActionRefused(f'{told}; set security = "tls" (port 465), or have STARTTLS enabled')
        if plain:
            return ActionRefused(f"{told}; use another login, or remove user and password from its table")
        return TargetAway(told)

    async def _address(self, smtp: SMTP, envelope: Envelope) -> list[str]:
        """Name sender and recipients; returns those whom the server does not take mail for, each with its words."""
        import aiosmtplib

        refused: list[tuple[int, str]] = []
        try:
            await smtp.mail(envelope.sender)
            for recipient in envelope.recipients:
                try:
                    await smtp.rcpt(recipient)
                except aiosmtplib.SMTPRecipientRefused as error:
                    refused.append((error.code, f"{recipient}: {self._said(error)}"))
        except aiosmtplib.SMTPResponseException as error:
            remedy = "; correct sender in its table, or log in" if error.code >= _NEVER else ""
            raise self._by_code(error.code, f"{self._said(error)}{remedy}") from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise TargetAway(f"{self._name}: {self._server}: {self._clean(str(error))}") from error
        told = [words for _, words in refused]
        if len(refused) == len(envelope.recipients):
            # one that is only put off may be taken later
            code = min(code for code, _ in refused)
            remedy = "; correct to and lists in its table" if code >= _NEVER else ""
            raise self._by_code(code, f"it accepts mail for no recipient ({'; '.join(told)}){remedy}")
        return told

    async def _hand_over(self, smtp: SMTP, written: str) -> str:
        import aiosmtplib

        try:
            response = await smtp.data(written.encode("ascii"))
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            if isinstance(error, aiosmtplib.SMTPResponseException) and _NOT_NOW <= error.code < _NO_CODE:
                remedy = (
                    "; its answer says what it does not accept: correct that, then retry"
                    if error.code >= _NEVER
                    else ""
                )
                raise self._by_code(error.code, f"{self._said(error)}{remedy}") from error
            raise OutcomeUnknown(
                f"{self._name}: {self._server} did not say whether it accepted the mail: {self._clean(str(error))}"
            ) from error
        return self._clean(f"{response.code} {response.message}")

    async def _checked_sender(self, smtp: SMTP, sender: str) -> Checked:
        import aiosmtplib

        try:
            await smtp.mail(sender)
        except aiosmtplib.SMTPSenderRefused as error:
            return Checked(False, f"it accepts no mail from {sender}: {self._said(error)}", "correct sender, or log in")
        return Checked(True, f"it accepts mail from {sender}")

    async def _checked_recipient(self, smtp: SMTP, recipient: str) -> Checked | None:
        """What is to be said of a recipient; None where mail is taken for him."""
        import aiosmtplib

        try:
            await smtp.rcpt(recipient)
        except aiosmtplib.SMTPRecipientRefused as error:
            ok = False if error.code >= _NEVER else None
            remedy = "correct to and lists, or have the server relay mail for Andon" if ok is False else ""
            return Checked(ok, f"it accepts no mail for {recipient}: {self._said(error)}", remedy)
        return None

    async def _leave(self, smtp: SMTP) -> None:
        """Say goodbye; what comes of it is all the same by now."""
        import aiosmtplib

        with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            await smtp.quit(timeout=_GOODBYE)

    def _by_code(self, code: int, told: str) -> ActionError:
        """What an answer in the negative means. Answers to what was handed over mean that it was not kept."""
        kind = ActionRefused if code >= _NEVER else TargetAway
        return kind(f"{self._name}: {self._server}: {told}")

    @functools.cached_property
    def _trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self._authority) if self._authority else trust()

    def _said(self, error: Exception) -> str:
        code, message = getattr(error, "code", ""), getattr(error, "message", "")
        return self._clean(f"{code} {message}")

    def _clean(self, told: str) -> str:
        shown = told.replace(self._password.text, "[redacted]") if self._password.text else told
        return clean(" ".join(shown.split()), WORDS_MAX)

"""One connection to an OPC UA server, by asyncua: its events as they come, the refresh of conditions, acknowledging."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from asyncua import Client, ua
from asyncua.crypto import security_policies

from andon.core.errors import AndonError, ConfigError
from andon.core.settings.sources.opcua_settings import OpcuaServer
from andon.ingest.sources.opcua_fields import CONDITION, CONDITION_ID, FIELDS, text_of
from andon.ingest.sources.shdr_adapter import os_reason

#: Seconds for one answer of the server, and for the end of a connection.
ANSWER, FAREWELL = 10.0, 3.0
#: A server that is left without a word ends our session after so many milliseconds.
SESSION_MS = 60_000
#: Events come in batches, every so many milliseconds, with a sign of life after so many of them without.
PUBLISH_MS, KEEP_ALIVE = 250, 20
#: A subscription without a sign of life for so many seconds is dead.
SILENT = 3 * PUBLISH_MS * KEEP_ALIVE / 1000
#: Events that wait for us at most; the server's queue for us is as long.
MOST_WAITING = 10_000
#: Bytes that one message of a server may have.
MESSAGE_MAX = 16 * 1024 * 1024
#: Events that are handed on at once at most.
BATCH = 500

_REFRESH, _ACKNOWLEDGE = 3875, 9111


class ConnectionLost(AndonError):
    """The server is away, or does not do what a connection needs; the text says why."""


class OpcuaSession:
    """A connection with a subscription to events. Use it as a context; raises ConnectionLost where it cannot be made,
    and ConfigError where a certificate cannot be read."""

    def __init__(self, server: OpcuaServer) -> None:
        quieten()
        self.server = server
        self.lost_events = 0
        self._client: Any = None
        self._subscription: Any = None
        self._made: int | None = None
        self._waiting: deque[dict[str, Any]] = deque()
        self._some = asyncio.Event()
        self._ended: str | None = None

    async def __aenter__(self) -> Self:
        try:
            with _telling_what_is_lost():
                async with asyncio.timeout(6 * ANSWER):
                    self._client = await connected(self.server)
                    await self._subscribe()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def events(self, tick: float) -> AsyncIterator[list[dict[str, Any]]]:
        """Events in batches, an empty one after ``tick`` seconds without any. Raises ConnectionLost at the end."""
        while True:
            if not self._waiting:
                self._some.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(tick):
                        await self._some.wait()
            if not self._waiting:
                self._check()
            yield [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]

    async def refresh(self) -> str | None:
        """Ask for every condition that matters, which come among the events; what the server says where it refuses."""
        node = self._client.get_node(ua.NodeId(CONDITION))
        number = ua.Variant(self._subscription.subscription_id, ua.VariantType.UInt32)
        return await self._status(node.call_method(ua.NodeId(_REFRESH), number))

    async def acknowledge(self, condition: str, event_id: bytes, comment: str) -> str | None:
        """Acknowledge a state of a condition; None where the server did, else what it says against it."""
        node = self._client.get_node(ua.NodeId.from_string(condition))
        given = ua.Variant(event_id, ua.VariantType.ByteString), ua.Variant(ua.LocalizedText(comment, "en"))
        return await self._status(node.call_method(ua.NodeId(_ACKNOWLEDGE), *given))

    async def _status(self, call: Any) -> str | None:
        """The status of a method that the server refused; None where it did what it was asked."""
        try:
            await self._answer(call)
        except ConnectionLost as error:
            if not isinstance(error.__cause__, ua.UaStatusCodeError):
                raise
            return _code(error.__cause__)
        return None

    async def notifiers(self, most: int, depth: int) -> list[tuple[str, ...]]:
        """Objects that tell of events, as node, name and what they stand below; from the Server object down."""
        references = ua.NodeId(ua.ObjectIds.HasEventSource)  # HasNotifier is a kind of it
        return await self._below(ua.NodeId(ua.ObjectIds.Server), references, most, depth)

    async def condition_types(self, most: int, depth: int) -> list[tuple[str, ...]]:
        """The server's types of conditions, as node, name and what each is a kind of."""
        return await self._below(ua.NodeId(CONDITION), ua.NodeId(ua.ObjectIds.HasSubtype), most, depth)

    async def _below(self, start: Any, references: Any, most: int, depth: int) -> list[tuple[str, ...]]:
        """What hangs below a node by these references, level by level, each node once."""
        found: list[tuple[str, ...]] = []
        seen, level = {start}, [(start, "")]
        for _ in range(depth):
            below: list[tuple[Any, str]] = []
            for node, name in level:
                if len(found) >= most:
                    return found
                asked = self._client.get_node(node).get_references(
                    refs=references, direction=ua.BrowseDirection.Forward, includesubtypes=True
                )
                for one in await self._answer(asked):
                    if one.NodeId not in seen and len(found) < most:
                        seen.add(one.NodeId)
                        below.append((one.NodeId, one.BrowseName.Name))
                        found.append((text_of(one.NodeId), one.BrowseName.Name, name))
            level = below
        return found

    async def _subscribe(self) -> None:
        params = ua.CreateSubscriptionParameters()
        params.RequestedPublishingInterval = PUBLISH_MS
        params.RequestedMaxKeepAliveCount = KEEP_ALIVE
        params.RequestedLifetimeCount = 12 * KEEP_ALIVE
        params.MaxNotificationsPerPublish = 1_000
        params.PublishingEnabled = True
        self._subscription = await self._client.create_subscription(params, self)
        for node in self.server.nodes:
            await self._subscription.subscribe_events(
                _node(node), evfilter=event_filter(), queuesize=MOST_WAITING
            )  # fmt: skip
        self._made = self._subscription.subscription_id

    def event_notification(self, event: Any) -> None:
        """Keep an event that the library read, or count it where too many wait."""
        if len(self._waiting) >= MOST_WAITING:
            self.lost_events += 1
            return
        values = (getattr(field, "Value", None) for field in event.event_fields)
        self._waiting.append(dict(zip(NAMES, values, strict=False)))
        self._some.set()

    def status_change_notification(self, change: Any) -> None:
        """The server, or the library in its place, ended the subscription."""
        self._ended = f"the server ended the subscription ({getattr(change.Status, 'name', change.Status)})"
        self._some.set()

    def _check(self) -> None:
        """Raises ConnectionLost where the subscription is not alive."""
        seen = self._subscription.last_publish_at
        if self._ended is None and self._subscription.subscription_id != self._made:
            self._ended = "the subscription had to be created again"
        if self._ended is None and seen is not None and time.monotonic() - seen > SILENT:
            self._ended = f"the server sent nothing for {SILENT:g} seconds"
        if self._ended is not None:
            raise ConnectionLost(self._ended)

    async def _answer(self, call: Any) -> Any:
        with _telling_what_is_lost():
            async with asyncio.timeout(ANSWER):
                return await call

    async def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await farewell(client)


#: The names of what is asked for, in the order of the filter.
NAMES = (*(path for _, path in FIELDS), CONDITION_ID)


def event_filter() -> Any:
    """Every event, plain ones and conditions alike, with the fields of both.

    There is no condition on the type: one subscription brings everything once, and servers whose event filters know no
    conditions (TwinCAT, Codesys) take it.
    """
    made = ua.EventFilter()
    for kind, path in FIELDS:
        made.SelectClauses.append(_operand(kind, path.split("/"), ua.AttributeIds.Value))
    made.SelectClauses.append(_operand(CONDITION, [], ua.AttributeIds.NodeId))
    return made


def _operand(kind: int, path: Sequence[str], attribute: Any) -> Any:
    operand = ua.SimpleAttributeOperand()
    operand.TypeDefinitionId = ua.NodeId(kind)
    operand.BrowsePath = [ua.QualifiedName(part, 0) for part in path]
    operand.AttributeId = attribute
    return operand


async def endpoints(server: OpcuaServer) -> list[tuple[str, ...]]:
    """The endpoints of a server, as address, security, policy and the logins that it takes. Raises ConnectionLost."""
    quieten()
    client = made_client(server)
    with _telling_what_is_lost():
        async with asyncio.timeout(2 * ANSWER):
            found = await client.connect_and_get_server_endpoints()
    return [
        (
            str(one.EndpointUrl),
            str(one.SecurityMode.name).rstrip("_"),
            str(one.SecurityPolicyUri).rpartition("#")[2],
            ", ".join(dict.fromkeys(token.TokenType.name for token in one.UserIdentityTokens)),
        )
        for one in found
    ]


async def connected(server: OpcuaServer) -> Any:
    """A client with a session. Raises what the library raises, and ConfigError for certificates."""
    client = made_client(server)
    if server.security != "None":
        await _secure(client, server)
    if server.user:
        client.set_user(server.user)
        client.set_password(server.password.get_secret_value())
    await client.connect()
    return client


def made_client(server: OpcuaServer) -> Any:
    """A client of the library with our bounds; nothing is connected yet."""
    client = Client(server.url, timeout=ANSWER, watchdog_intervall=5.0)
    client.name = client.description = "Andon"
    client.application_uri = "urn:andon:client"
    client.product_uri = "urn:andon"
    client.session_timeout = SESSION_MS
    client.max_messagesize = MESSAGE_MAX
    return client


async def farewell(client: Any) -> None:
    """End a connection, whatever state it is in, within :data:`FAREWELL` seconds."""
    with contextlib.suppress(Exception):  # it may be broken in any way: nothing of it is left to lose
        async with asyncio.timeout(FAREWELL):
            await client.disconnect()
    with contextlib.suppress(Exception):
        client.disconnect_socket()


async def _secure(client: Any, server: OpcuaServer) -> None:
    for path in filter(None, (server.certificate, server.key, server.server_certificate)):
        if not await asyncio.to_thread(_readable, path):
            raise ConfigError(f"{path} of [[opcua]] {server.url} cannot be read: check the path and its permissions")
    try:
        client.application_uri = await asyncio.to_thread(application_uri, server.certificate) or client.application_uri
        await client.set_security(
            getattr(security_policies, f"SecurityPolicy{server.policy}"),
            server.certificate,
            server.key,
            server_certificate=server.server_certificate or None,
            mode=getattr(ua.MessageSecurityMode, server.security),
        )
    except ValueError as error:
        raise ConfigError(f"the certificate or key of [[opcua]] {server.url} cannot be used: {error}") from error


def _readable(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return bool(file.read(1))
    except OSError:
        return False


def application_uri(certificate: str) -> str | None:
    """The URI that a certificate names its application by, as servers compare. Raises ValueError for no certificate."""
    from cryptography import x509

    data = Path(certificate).read_bytes()
    load = x509.load_pem_x509_certificate if b"-----BEGIN" in data else x509.load_der_x509_certificate
    try:
        names = load(data).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    found = names.get_values_for_type(x509.UniformResourceIdentifier)
    return str(found[0]) if found else None


def _node(text: str) -> Any:
    try:
        return ua.NodeId.from_string(text)
    except (ValueError, ua.UaError) as error:
        raise ConfigError(f"{text!r} in nodes of [[opcua]] is not a NodeId such as i=2253 or ns=2;s=Plant") from error


def _code(error: BaseException) -> str:
    return type(error).__name__ if type(error) is not ua.UaStatusCodeError else str(error)


@contextlib.contextmanager
def _telling_what_is_lost() -> Iterator[None]:
    """Whatever the library raises becomes ConnectionLost; our own errors, and a cancellation, stay what they are."""
    try:
        yield
    except AndonError:
        raise
    except TimeoutError as error:
        raise ConnectionLost("the server does not answer in time") from error
    except ua.UaStatusCodeError as error:
        raise ConnectionLost(f"the server answers {_code(error)}: {_first_line(error)}") from error
    except OSError as error:
        raise ConnectionLost(os_reason(error) or type(error).__name__) from error
    except Exception as error:  # a library that reads what others send raises anything: told, and tried again
        raise ConnectionLost(f"{type(error).__name__}: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:300]


def quieten() -> None:
    """Keep the library's tracebacks to itself: what they are about is told in one sentence by whoever asked it."""
    for name in ("asyncua", "asyncio_mode"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)

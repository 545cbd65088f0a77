"""What a connected system has to offer: the seam between the outbox and the services.

A connector is a callable that takes a :class:`Setup` and returns a :class:`Connector`: those that Andon comes with are
named in ``connected.py``, others by the entry points of installed packages.
"""

from __future__ import annotations

import enum
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar, NamedTuple

import msgspec

from andon.core.errors import ActionRefused
from andon.core.models.actions import Operation, Order, Receipt, Rendered
from andon.core.settings.connectors import Named
from andon.core.settings.settings import Settings

_NAME = re.compile(r"[^\W_#][\w/#.-]{0,99}\Z|#\d{1,20}\Z")


class Again(enum.Enum):
    """What may be done where an answer is missing and nobody knows whether the service did it."""

    #: The service knows the order by its key and does it once however often it comes.
    SAFE = "safe"
    #: :meth:`Connector.find` tells, once the service's search can be trusted; where it finds nothing a person decides.
    LOOK = "look"
    #: It is sent again: two are better than none.
    TWICE = "twice"


class Ability(NamedTuple):
    """How a connector does one operation. ``settled`` is the number of seconds after which ``find`` can be trusted."""

    again: Again
    settled: float = 0.0


class Checked(msgspec.Struct, frozen=True):
    """One finding of a check: ``ok`` is None for something to know that keeps nothing from working."""

    ok: bool | None
    detail: str
    remedy: str = ""


class Reader(NamedTuple):
    """A way to look something up in the system, for a model and for people who ask.

    ``look`` takes keyword arguments that are described by its annotations (as those of
    :class:`andon.explain.model.history_tools.HistoryTools` are) and returns plain text: what it says is data of others,
    and whoever shows it fences, redacts and cuts it. It changes nothing. Raises ActionError in the service's words.
    """

    name: str
    look: Callable[..., Awaitable[str]]
    description: str


class Setup(NamedTuple):
    """What a connector is made from: the settings of the service and the table of its own."""

    settings: Settings
    named: Named


class Connector(ABC):
    """One connected system. Belongs to one event loop; costs no thread and no connection while nothing is sent."""

    #: Of the settings' kinds.
    kind: ClassVar[str]
    #: A ticket's name as it looks in this system, for sentences; empty where there is no usual one.
    ref_example: ClassVar[str] = ""
    #: What people call the place of an order that names none, where that is none of :attr:`places`; else empty.
    usual: ClassVar[str] = ""
    #: What the table has to have for an operation that it can do without.
    needs: ClassVar[Mapping[Operation, str]] = {}

    def __init__(self, setup: Setup) -> None:
        """Raises ConfigError where a setting or a library is missing. Connects to nothing."""
        self.settings = setup.settings
        self.name = setup.named.name
        self.timeout = setup.named.table.timeout  # of one answer, in seconds

    @property
    @abstractmethod
    def address(self) -> str:
        """Where it is, without any secret: for listings."""

    @property
    @abstractmethod
    def abilities(self) -> Mapping[Operation, Ability]:
        """What it can do, as it is configured; empty for one that is only read."""

    @property
    def places(self) -> tuple[str, ...]:
        """Projects, tables, channels or topics that orders may name; empty where it has none.

        The first is the usual one, unless :attr:`usual` says that the usual one has no name.
        """
        return ()

    def places_of(self, operation: Operation) -> tuple[str, ...]:
        """Those of :attr:`places` that an order of this kind may name; all, unless a system says otherwise."""
        return self.places

    def choices(self, operation: Operation) -> tuple[str, ...]:
        """What a person chooses from, the usual place first; "" is the usual one that has no name."""
        named = self.places_of(operation)
        return ("", *named) if self.usual or not named else named

    @property
    def pace(self) -> float:
        """Least seconds between two orders, where the service bounds them."""
        return 0.0

    @abstractmethod
    def render(self, order: Order) -> Rendered:
        """The exact requests for ``order``, without credentials. Pure: the same order gives the same bytes.

        Nothing in it may be markup to the service. Raises ActionRefused where this system does not do that, where it
        names a place that is not allowed, or where it is too large; the text says what to change.
        """

    @abstractmethod
    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        """Send exactly what was rendered. Raises ActionRefused, TargetAway (surely nothing was done) or OutcomeUnknown.

        Every request is for the configured address alone, and no redirect is followed. Bounded by the table's timeout.
        """

    async def find(self, order: Order) -> Receipt | None:
        """What an earlier try made of ``order``; None where the service knows of none.

        Asked before an order that may have been sent, and before each :attr:`Operation.OPEN_TICKET`. Raises TargetAway
        and ActionRefused.
        """
        return None

    def read_ref(self, said: str) -> str | None:
        """The ticket that a person means, as receipts of this system name it; None where ``said`` can be no such name.

        Pure: whether there is such a ticket nobody asks.
        """
        return short_name(said)

    @abstractmethod
    async def check(self) -> Sequence[Checked]:
        """Whether it would do what it is configured for: address, login, rights, project, fields. Changes nothing.

        Never raises for what it examines.
        """

    def readers(self) -> Sequence[Reader]:
        """What can be looked up in it."""
        return ()

    async def close(self) -> None:  # noqa: B027 - most have something to close, and none must
        """Close its connections. Idempotent."""


def short_name(said: str) -> str | None:
    """``said`` where it is a name as most services give them: letters, digits and a few signs, but no address.

    >>> short_name("OPS-1482"), short_name("https://x.example/OPS-1482")
    ('OPS-1482', None)
    """
    return said if _NAME.match(said) else None


#: What each operation is called: as what a system does, and as what it does not.
_DEEDS: Mapping[Operation, tuple[str, str]] = {
    Operation.OPEN_TICKET: ("opens tickets", "opens no tickets"),
    Operation.COMMENT: ("comments on tickets", "comments on no tickets"),
    Operation.CLOSE_TICKET: ("closes tickets", "closes no tickets"),
    Operation.MESSAGE: ("sends messages", "sends no messages"),
    Operation.EVENT: ("takes events", "takes no events"),
    Operation.UPLOAD: ("takes files", "takes no files"),
    Operation.PUBLISH: ("takes rows", "takes no rows"),
    Operation.APPLY: ("applies actions", "applies no actions"),
    Operation.SAVE_ALERT: ("saves alerts", "saves no alerts"),
    Operation.CALL: ("calls tools", "calls no tools"),
}
#: Those that `andon actions propose` knows by --do.
_BY_DO: Mapping[Operation, str] = {
    Operation.OPEN_TICKET: "ticket",
    Operation.MESSAGE: "message",
    Operation.EVENT: "event",
}


def unable(connector: Connector, operation: Operation) -> ActionRefused:
    """The error that this system does not do that, with what it does, or what its table lacks for it."""
    told = f"{connector.name} {_DEEDS[operation][1]}"
    if lacking := connector.needs.get(operation):
        told += f": add {lacking} to its table [[{connector.kind}]] and restart"
    able = sorted(connector.abilities, key=list(Operation).index)
    other = ", ".join(_DEEDS[one][0] + (f" (--do {_BY_DO[one]})" if one in _BY_DO else "") for one in able)
    return ActionRefused(f"{told}; it {other or 'is only read'}")

"""The message bus. NATS lives here and nowhere else.

``EmbeddedBroker`` runs a server of our own; ``connect`` reaches that one or any other; ``JetStreamLogStream``,
``JetStreamPublisher`` and ``NatsCallers`` are the adapters of :mod:`andon.ports` on such a connection, and
``MemoryBus`` has the same three without any server.
"""

from __future__ import annotations

from andon.bus.connection import BusConnection, connect, masked
from andon.bus.embedded.broker import EmbeddedBroker, find_binary
from andon.bus.jetstream_api import ensure_stream
from andon.bus.log_stream import JetStreamLogStream
from andon.bus.memory import MemoryBus
from andon.bus.publisher import Failure, JetStreamPublisher, StoredMany
from andon.bus.requests import NatsCallers

__all__ = [
    "BusConnection",
    "EmbeddedBroker",
    "Failure",
    "JetStreamLogStream",
    "JetStreamPublisher",
    "MemoryBus",
    "NatsCallers",
    "StoredMany",
    "connect",
    "ensure_stream",
    "find_binary",
    "masked",
]

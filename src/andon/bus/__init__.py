"""The message bus. NATS lives here and nowhere else.

``EmbeddedBroker`` runs a server of our own; ``connect`` reaches that one or any other; ``JetStreamLogStream``,
``JetStreamPublisher`` and ``NatsCallers`` are the adapters of :mod:`andon.bus.interfaces` on such a connection, and
``MemoryBus`` has the same three without any server.
"""

from andon.bus.address import masked as masked
from andon.bus.connection import BusConnection as BusConnection
from andon.bus.connection import connect as connect
from andon.bus.embedded.binary import find_binary as find_binary
from andon.bus.embedded.broker import EmbeddedBroker as EmbeddedBroker
from andon.bus.jetstream_api import ensure_stream as ensure_stream
from andon.bus.log_stream import JetStreamLogStream as JetStreamLogStream
from andon.bus.memory import MemoryBus as MemoryBus
from andon.bus.publisher import Failure as Failure
from andon.bus.publisher import JetStreamPublisher as JetStreamPublisher
from andon.bus.publisher import StoredMany as StoredMany
from andon.bus.requests import NatsCallers as NatsCallers

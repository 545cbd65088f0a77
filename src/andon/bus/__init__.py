"""The message bus. NATS lives here and nowhere else.

``EmbeddedBroker`` runs a server of our own; ``connect`` reaches that one or any other; ``JetStreamLogStream``,
``JetStreamPublisher`` and ``NatsCallers`` are the adapters of :mod:`andon.bus.interfaces` on such a connection, and
``MemoryBus`` has the same three without any server.
"""

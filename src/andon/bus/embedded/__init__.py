"""The broker that Andon runs itself: a nats-server process of its own, found, locked, started, watched and ended."""

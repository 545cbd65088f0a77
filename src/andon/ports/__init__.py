"""The seams between the pipeline and the islands (bus, store, patterns, agent), as protocols.

Adapters implement these; the pipeline sees nothing else; ``service.py`` joins them.
Async methods may raise the errors named in their docstrings and :class:`asyncio.CancelledError`.
"""

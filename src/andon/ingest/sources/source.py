"""What a source is: something that hears logs for as long as Andon runs, and hands them to its outlet."""

from __future__ import annotations

from typing import Protocol

from andon.ingest.sources.outlet import Outlet


class Source(Protocol):
    """A way in. ``name`` says which (``syslog``, ``files``, ``mqtt plant-broker``), ``address`` where it listens or
    whom it asks, as people write it and without secrets."""

    @property
    def name(self) -> str: ...

    @property
    def address(self) -> str: ...

    async def run(self, outlet: Outlet) -> None:
        """Hear until cancelled; then let go of every socket, child and file.

        A peer that is away is waited for here, with ``outlet.trouble`` saying so. Raises AndonError with a sentence
        where it cannot listen at all (a port that is taken, a certificate that cannot be read): it is then started
        again after a while, and ``/readyz`` says the sentence.
        """

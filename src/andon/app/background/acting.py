"""What leaves the house, within a running service: the connected systems, proposals, and the outbox."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from andon.act.connectors.connected import connect
from andon.act.outbox import Outbox
from andon.act.proposals import Proposals
from andon.app.background.changes import Changes
from andon.core.lengths import read_seconds
from andon.core.settings.settings import Settings
from andon.core.telemetry import Health, Metrics
from andon.store import Store

log = structlog.get_logger(__name__)

#: Where its remark stands among those of ``/readyz``: what waits for others keeps no log from being stored.
PART = "actions"


class Acting:
    """The connected systems of ``settings``; connects to nothing.

    One that is set up wrongly (a file with its token is gone) is told of and left out: logs are stored all the same.
    """

    def __init__(self, settings: Settings, metrics: Metrics, health: Health, changes: Changes) -> None:
        self._settings, self._metrics, self._health, self._changes = settings, metrics, health, changes
        self.connectors, self.broken = connect(settings)
        for name, reason in self.broken.items():
            log.error("connected system not used", system=name, reason=reason)
        self.proposals = Proposals(self.connectors, settings, self.broken)
        self.outbox: Outbox | None = None

    @property
    def heard(self) -> Callable[[], None] | None:
        """To be called when others decided something; None where no system is connected."""
        return self.outbox.wake if self.outbox is not None else None

    def open(self, store: Store, owner: str) -> None:
        """Make the outbox, where a system is connected; ``owner`` as for analyses."""
        if self._settings.targets:
            self.outbox = Outbox(
                store,
                self.connectors,
                self._metrics,
                owner=owner,
                tell=self._told,
                patience=read_seconds(self._settings.action_patience),
                keep=read_seconds(self._settings.action_retention),
            )
            self._remark()

    async def settle(self, seconds: float) -> None:
        """Take up nothing more, and give what is on its way so long to be answered."""
        if self.outbox is not None:
            await self.outbox.settle(seconds)

    async def close(self) -> None:
        """Close every connection; idempotent."""
        for one in self.connectors.values():
            await one.close()

    def _told(self) -> None:
        self._changes.tell("work")
        self._remark()

    def _remark(self) -> None:
        said = [f"{name} cannot be used: {reason}" for name, reason in self.broken.items()]
        if self.outbox is not None and (found := self.outbox.remark()):
            said.append(found)
        self._health.remark(PART, "; ".join(said) or None)

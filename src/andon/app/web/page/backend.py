"""What the screens work with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from andon.act.connectors.connected import connect
from andon.act.proposals import Proposals
from andon.app.background.changes import Changes
from andon.app.known_habits import KnownHabits
from andon.app.web.page.boards import Boards
from andon.app.web.page.pulse import Pulse
from andon.core.settings.settings import Settings
from andon.store import Ask

if TYPE_CHECKING:
    from andon.app.service import Service


@dataclass(frozen=True)
class Backend:
    """``ask`` puts questions to the database, ``write`` changes it, ``changes`` tells what happened.

    ``service`` is what runs all of it, None where a database is shown without one (in tests).
    """

    settings: Settings
    ask: Ask
    write: Ask
    changes: Changes
    service: Service | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The site's zone."""
        return ZoneInfo(self.settings.time_zone)

    @cached_property
    def proposals(self) -> Proposals:
        """What checks and renders what is to leave the house. Raises ConfigError where a system is set up wrongly."""
        if self.service is not None:
            return self.service.proposals
        known = connect(self.settings)
        return Proposals(known.connectors, self.settings, known.broken)

    @cached_property
    def boards(self) -> Boards:
        """What is wrong now, put together once for all who look."""
        began, service = time.time(), self.service
        return Boards(
            self.ask, self.changes, self.settings, self.usual, lambda: began if service is None else service.started
        )

    @cached_property
    def usual(self) -> KnownHabits:
        """How the site's sources usually log."""
        return KnownHabits(self.ask) if self.service is None else self.service.usual

    @cached_property
    def pulse(self) -> Pulse:
        """What stands above every screen."""
        return Pulse(self.settings, self.ask, self.changes, self.service, self.usual)

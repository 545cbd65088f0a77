"""Whether the model may be asked now: a circuit breaker with probes instead of trials.

The breaker opens when the provider is away, busy or refuses us, and closes when a probe (the analyst's ``check``)
succeeds after the pause. Pauses double up to a limit; a provider that names its own pause gets it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

PAUSE_FIRST, PAUSE_LAST = 2.0, 30.0
PAUSE_ASKED_LAST = 900.0


class Breaker:
    """State of the way to one provider. ``clock`` gives seconds and only moves forward."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pause = PAUSE_FIRST
        self._until = 0.0
        self.reason: str | None = None

    @property
    def closed(self) -> bool:
        """Whether questions may go out."""
        return self.reason is None

    @property
    def probe_due(self) -> float:
        """Seconds until the next probe makes sense, 0 where it does now."""
        return max(0.0, self._until - self._clock())

    def trip(self, reason: str, retry_after: float | None = None) -> None:
        """The provider is away, busy or refuses: no question for a while."""
        pause = self._pause if retry_after is None else min(max(retry_after, 0.1), PAUSE_ASKED_LAST)
        self._until = self._clock() + pause
        if self.reason is None:
            log.warning("model away, the playbook answers for now", reason=reason)
        self.reason = reason
        self._pause = min(self._pause * 2, PAUSE_LAST)

    def answered(self) -> None:
        """A question was answered: all is well."""
        self._pause = PAUSE_FIRST

    def reset(self) -> None:
        """A probe succeeded: questions may go out again. The next pause stays long until one is answered."""
        if self.reason is not None:
            log.info("model is back")
        self.reason = None

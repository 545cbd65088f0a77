"""The connected systems as they stand now, for the page and the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from andon.app.action_entries import TargetEntry, target_entries
from andon.store import actions

if TYPE_CHECKING:
    from andon.app.web.page.backend import Backend


async def connected_targets(
    backend: Backend, counts: Mapping[str, Mapping[str, int]] | None = None
) -> list[TargetEntry]:
    """Every connected system in the order of the settings, with what waits for it. Raises StoreError.

    ``counts`` are those of the store, where they are known already.
    """
    if counts is None:
        counts = await backend.ask(actions.counts)
    outbox = None if backend.service is None else backend.service.outbox
    states = [] if outbox is None else outbox.states()
    proposals = backend.proposals
    broken = proposals.broken
    unusable = [(one.name, one.kind, broken[one.name]) for one in backend.settings.targets if one.name in broken]
    return target_entries(proposals.connectors, counts, states, unusable)

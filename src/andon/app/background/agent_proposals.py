"""What models suggest becomes proposals: drafted by our own code, checked like any, approved by people alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from andon.act.connectors.connector import Connector
from andon.act.connectors.outgoing_text import defanged
from andon.act.proposals import Proposals
from andon.app.proposing import about_problem
from andon.core.errors import ActionRefused, NotFound, StoreError
from andon.core.models.actions import Action, ActionStatus, Operation, Origin
from andon.core.models.explanations import Suggestion
from andon.core.settings.settings import Settings
from andon.explain.suggestions import Offer
from andon.store import Connection, Store, actions

log = structlog.get_logger(__name__)

#: So many of a model's proposals wait for people at most: who talks a model into many does not bury the rest.
WAITING_MAX = 20
#: What is looked through of a problem's actions.
_LOOKED_AT = 50
_OPERATIONS = {"ticket": Operation.OPEN_TICKET, "message": Operation.MESSAGE}


def offers_of(connectors: Mapping[str, Connector], settings: Settings) -> list[Offer]:
    """What a model may suggest: tickets first, then messages, in the order of the settings; none where it may not."""
    if settings.agent_proposals == "off":
        return []
    return [
        Offer("ticket" if operation is Operation.OPEN_TICKET else "message", name)
        for operation in _OPERATIONS.values()
        for name, connector in connectors.items()
        if operation in connector.abilities
    ]


@dataclass(eq=False, repr=False)
class AgentProposals:
    """Stores what models suggest as proposals that wait for a person. ``told`` is called after each."""

    store: Store
    proposals: Proposals
    settings: Settings
    told: Callable[[], None]
    clock: Callable[[], float] = time.time

    async def take(self, problem_id: int, suggestion: Suggestion, by: str) -> None:
        """Propose what the model ``by`` suggests about a problem; what may not be is logged and forgotten."""
        try:
            made = await self.store.write(
                _propose, self.proposals, self.settings, problem_id, suggestion, by, self.clock()
            )
        except (ActionRefused, NotFound) as refused:
            log.info("suggestion not accepted", problem=problem_id, target=suggestion.target, reason=str(refused))
        except StoreError as error:
            log.warning("suggestion lost", problem=problem_id, target=suggestion.target, reason=str(error))
        else:
            log.info("proposed by the model", action=made.id, problem=problem_id, target=made.target)
            self.told()


def _propose(
    connection: Connection,
    proposals: Proposals,
    settings: Settings,
    problem_id: int,
    suggestion: Suggestion,
    by: str,
    now: float,
) -> Action:
    """The proposal, in one transaction. Raises ActionRefused and NotFound."""
    operation = _OPERATIONS[suggestion.do]
    earlier = actions.listing(connection, _LOOKED_AT, target=suggestion.target, problem_id=problem_id)
    for one in earlier:
        # a closed ticket may be followed by another; what people did not want, or were told, is not said twice
        decided = one.status in (ActionStatus.DECLINED, ActionStatus.EXPIRED) or operation is Operation.MESSAGE
        if one.origin is Origin.AGENT and one.operation is operation and decided:
            raise ActionRefused(f"a model already proposed this, as action {one.id}, which is {one.status.value}")
    waiting = actions.listing(connection, 10 * WAITING_MAX, statuses=[ActionStatus.PROPOSED])
    if sum(one.origin is Origin.AGENT for one in waiting) >= WAITING_MAX:
        raise ActionRefused(f"{WAITING_MAX} proposals of models already wait for a decision")
    return about_problem(
        connection,
        proposals,
        settings,
        problem_id,
        suggestion.target,
        suggestion.do,
        origin=Origin.AGENT,
        now=now,
        by=by,
        why=defanged(suggestion.why),
    )

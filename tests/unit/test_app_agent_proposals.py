"""What a model suggests becomes a proposal that waits for a person: drafted by our code, once, and not too many."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from andon.act.connectors.connected import build_connectors
from andon.act.proposals import Proposals
from andon.app.background.agent_proposals import WAITING_MAX, AgentProposals, offers_of
from andon.core.models.actions import Action, ActionStatus, Origin
from andon.core.models.explanations import Suggestion
from andon.explain.suggestions import Offer
from andon.store import Store, actions
from support.packages import CONNECTORS, install_the_documented_one
from support.settings import settings_of
from support.store_data import NOW, a_log, opened

WHY = "The filter mat has to be replaced."
TICKET = Suggestion("ticket", "desk", WHY)
TABLES = [{"kind": "acme", "name": "desk", "options": {"url": "http://127.0.0.1:9"}}]


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A desk is connected, which nobody ever sends anything to."""
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    install_the_documented_one(tmp_path / "packages", CONNECTORS)
    yield
    sys.modules.pop("acme_desk", None)


class Agent:
    """The part under test over a store with some problems; ``told`` counts what pages hear of."""

    def __init__(self, store: Store, **settings: Any) -> None:
        config = settings_of(connectors=TABLES, **settings)
        self.store, self.told = store, 0
        proposals = Proposals(build_connectors(config), config)
        self.part = AgentProposals(store, proposals, config, self._tell, clock=lambda: NOW)

    def _tell(self) -> None:
        self.told += 1

    async def take(self, problem_id: int, suggestion: Suggestion = TICKET) -> list[Action]:
        """The actions that there are afterwards, the newest first."""
        await self.part.take(problem_id, suggestion, "OPEN_AI gpt-5")
        return await self.store.read(actions.listing, 1_000)


@asynccontextmanager
async def agent(place: Path, problems: int = 1, message: str = "Pump {} low", **settings: Any) -> AsyncIterator[Agent]:
    async with opened(place / "agent.db") as store:
        logs = [
            a_log(n, f"p{n}", message=message.format(n), template=message.format("<*>"), severity="CRITICAL")
            for n in range(1, problems + 1)
        ]
        await store.record(logs, [])
        yield Agent(store, **settings)


async def test_it_waits_for_a_person(tmp_path: Path) -> None:
    """With our own title and severity, the model's reason, and whose it is."""
    async with agent(tmp_path) as made:
        (action,) = await made.take(1)
        assert made.told == 1
    assert (action.status, action.origin, action.target) == (ActionStatus.PROPOSED, Origin.AGENT, "desk")
    assert (action.proposed_by, action.decided_by, action.problem_id) == ("OPEN_AI gpt-5", None, 1)
    assert action.reason == WHY
    assert action.title == "CRITICAL: Pump … low"
    assert action.expires is not None
    (request,) = action.rendered.requests
    assert WHY in json.loads(request.body)["text"]


async def test_a_problem_gets_one_and_what_people_declined_is_not_proposed_again(tmp_path: Path) -> None:
    """Each explanation may suggest the same."""
    async with agent(tmp_path) as made:
        (action,) = await made.take(1)
        assert len(await made.take(1)) == 1
        await made.store.write(actions.decline, action.id, "ada", "not now", now=NOW)
        (still,) = await made.take(1)
        assert made.told == 1
    assert still.status is ActionStatus.DECLINED


@pytest.mark.parametrize(
    "suggestion",
    [Suggestion("ticket", "gone", WHY), Suggestion("message", "desk", WHY)],
)
async def test_what_cannot_be_is_forgotten(tmp_path: Path, suggestion: Suggestion) -> None:
    """A system that is connected no more, and one that does not do it."""
    async with agent(tmp_path) as made:
        assert await made.take(1, suggestion) == []
        assert await made.take(99) == []
        assert made.told == 0


async def test_whoever_talks_a_model_into_many_does_not_bury_the_rest(tmp_path: Path) -> None:
    """A flood of proposals ends."""
    async with agent(tmp_path, WAITING_MAX + 5) as made:
        for problem in range(1, WAITING_MAX + 6):
            found = await made.take(problem)
    assert len(found) == made.told == WAITING_MAX


async def test_neither_the_reason_nor_a_log_brings_a_link_or_a_secret(tmp_path: Path) -> None:
    """What goes out is redacted, and no address in it is one."""
    message = "Bridge {} down password=Sommer2026! see https://evil.example/x?d=1 or www.evil.example"
    why = "See https://evil.example/runbook for token=AKIAIOSFODNN7EXAMPLE."
    async with agent(tmp_path, message=message) as made:
        (action,) = await made.take(1, Suggestion("ticket", "desk", why))
    told = action.rendered.requests[0].body + action.reason
    for word in ("://evil", "www.evil"):
        assert word not in told
    for word in ("Sommer2026", "AKIAIOSFODNN7EXAMPLE"):
        assert word not in told + action.title


def test_offers_are_what_the_systems_do_and_none_where_the_site_wants_none() -> None:
    """Tickets before messages; nothing is offered that nobody could send."""
    config = settings_of(connectors=TABLES)
    assert offers_of(build_connectors(config), config) == [Offer("ticket", "desk")]
    off = settings_of(connectors=TABLES, agent_proposals="off")
    assert offers_of(build_connectors(off), off) == []

"""Calls of tools at MCP servers that people want: proposed here, made once somebody approved them."""

from __future__ import annotations

from typing import Any

from andon.act.proposals import Proposals, Wanted
from andon.core.models.actions import Action, Call, Origin
from andon.store import Connection


def propose_call(
    connection: Connection,
    proposals: Proposals,
    target: str,
    tool: str,
    arguments: dict[str, Any],
    *,
    by: str | None,
    now: float,
    why: str = "",
    problem_id: int | None = None,
) -> Action:
    """Propose a call of a tool that the settings list. Raises ActionRefused with what to change, and NotFound."""
    wanted = Wanted(
        target=target,
        arguments=Call(tool=tool, arguments=arguments),
        origin=Origin.PERSON,
        by=by,
        reason=why,
        problem_id=problem_id,
    )
    return proposals.propose(connection, wanted, now)

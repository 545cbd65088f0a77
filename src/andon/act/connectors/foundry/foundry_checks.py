"""Whether a Foundry would do what it is configured for: login, datasets, branches, streams, actions. Only reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import quote

from andon.act.connectors.connector import Checked
from andon.act.connectors.foundry.foundry_api import Foundry
from andon.core.errors import ActionError, TargetAway
from andon.core.outgoing_http import table, text
from andon.core.settings.connectors.foundry_settings import FoundryAction, FoundryTable


async def check(own: FoundryTable, foundry: Foundry) -> Sequence[Checked]:
    """What each of them says. Never raises for what it examines; that Foundry is away is told once."""
    plan: list[tuple[Callable[[FoundryTable, Foundry, Any], Awaitable[Checked]], Any]] = [
        *((_dataset, rid) for rid in own.datasets),
        *((_stream, rid) for rid in own.streams),
        *((_action, one) for one in own.actions),
    ]
    found: list[Checked] = []
    for look, what in plan:
        try:
            found.append(await look(own, foundry, what))
        except TargetAway as error:
            return [*found, Checked(False, str(error), "check that it is running, and that url is correct")]
        except ActionError as error:
            found.append(Checked(False, str(error)))
    if own.datasets or own.streams:
        found.append(Checked(None, "whether this user may write is only known after the first upload"))
    return found


async def _dataset(own: FoundryTable, foundry: Foundry, rid: str) -> Checked:
    base = f"{own.url}/api/v2/datasets/{quote(rid, safe='')}"
    answer = foundry.client.json(await foundry.ask("GET", base))
    await foundry.ask("GET", f"{base}/branches/{quote(own.branch, safe='')}")
    return Checked(True, f"the dataset {text(answer, 'name') or rid} has the branch {own.branch}")


async def _stream(own: FoundryTable, foundry: Foundry, rid: str) -> Checked:
    url = f"{own.url}/api/v2/streams/datasets/{quote(rid, safe='')}/streams/{quote(own.branch, safe='')}"
    await foundry.ask("GET", url)
    return Checked(True, f"the stream {rid} exists on {own.branch}")


async def _action(own: FoundryTable, foundry: Foundry, action: FoundryAction) -> Checked:
    """Whether the action is there, active, and gets the parameters that it requires and no others."""
    url = f"{own.url}/api/v2/ontologies/{quote(own.ontology, safe='')}/actionTypes/{quote(action.name, safe='')}"
    answer = foundry.client.json(await foundry.ask("GET", url))
    known = table(answer, "parameters")
    required = {name for name, one in known.items() if isinstance(one, dict) and one.get("required") is True}
    given = set(action.parameters)
    if missing := sorted(required - given):
        return Checked(
            False,
            f"the action {action.name} requires {', '.join(missing)}",
            "set it in parameters of [[foundry.actions]]",
        )
    if odd := sorted(given - set(known)):
        listed = ", ".join(sorted(known)) or "none"
        return Checked(False, f"the action {action.name} has no parameter {', '.join(odd)}", f"it has: {listed}")
    status = text(answer, "status") or ""
    if status == "DEPRECATED":
        return Checked(None, f"the action {action.name} exists but is deprecated", "check what replaces it")
    return Checked(True, f"the action {action.name} exists, and all its required parameters are set")

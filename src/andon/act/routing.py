"""Whether what rules and routes name can do what they want of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from andon.act.connectors.connector import Connector
from andon.core.models.actions import Operation
from andon.core.settings.settings import Settings

_DOES = {"ticket": Operation.OPEN_TICKET, "event": Operation.EVENT}


def mistakes(settings: Settings, connectors: Mapping[str, Connector]) -> Iterator[str]:
    """What keeps a rule or a route from doing what it says, a sentence each with what to change."""
    for route in settings.notify:
        who = f"[[notify]] {route.known_as}"
        told = [connectors[name] for name in (*route.to, *route.escalate_to) if name in connectors]
        for one in told:
            if not {Operation.MESSAGE, Operation.EVENT} & one.abilities.keys():
                yield f"{who} names {one.name}, which accepts neither messages nor events: name another system"
        if route.where and not any(route.where in one.places for one in told):
            listed = ", ".join(sorted({place for one in told for place in one.places})) or "none"
            yield f"{who} names the place {route.where!r:.60}, which none of its systems has; there are: {listed}"
    for rule in settings.action_rules:
        who, target = f"[[action_rules]] {rule.name}", connectors.get(rule.target)
        if target is None:
            continue
        if _DOES[rule.do] not in target.abilities:
            able = ", ".join(sorted(one.value for one in target.abilities)) or "nothing: it is only read"
            yield f"{who} wants a {rule.do} of {target.name}, which does {able}"
        if rule.where and rule.where not in target.places:
            listed = ", ".join(target.places) or "none"
            yield f"{who} names the place {rule.where!r:.60}, which {target.name} does not have; there are: {listed}"

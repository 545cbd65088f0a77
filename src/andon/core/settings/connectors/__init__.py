"""The settings of what leaves the house: a part of :class:`andon.core.settings.settings.Settings`, a module a kind."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import model_validator

from andon.core.settings.connectors.action_settings import ActionSettings
from andon.core.settings.connectors.kinds import KindSettings
from andon.core.settings.connectors.target import Target

#: The kinds that Andon comes with: their settings, each a list of tables.
KINDS = (
    "jira",
    "servicenow",
    "splunk",
    "foundry",
    "webhook",
    "slack",
    "teams",
    "pagerduty",
    "email",
    "ntfy",
    "apprise",
    "mcp_servers",
)


class Named(NamedTuple):
    """A connected system: its kind, what it is called, and its table."""

    kind: str
    name: str
    table: Target


class ConnectorSettings(ActionSettings, KindSettings):
    """All of them."""

    @property
    def targets(self) -> list[Named]:
        """Every connected system, in the order of the settings."""
        built_in = [Named(kind, one.name or kind, one) for kind in KINDS for one in getattr(self, kind)]
        return built_in + [Named(one.kind, one.name or one.kind, one) for one in self.connectors]

    @model_validator(mode="after")
    def _distinct_names(self) -> ConnectorSettings:
        seen: dict[str, str] = {}
        for kind, name, _ in self.targets:
            if name in seen:
                raise ValueError(
                    f"two connected systems are called {name} ([[{seen[name]}]] and [[{kind}]]): give one of them a "
                    "different name"
                )
            seen[name] = kind
        self.check_rules(seen)
        return self

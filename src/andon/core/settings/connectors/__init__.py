"""The settings of what leaves the house: a part of :class:`andon.core.settings.settings.Settings`, a module a kind."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import model_validator

from andon.core.settings.connectors.action_settings import ActionSettings
from andon.core.settings.connectors.apprise_settings import AppriseSettings
from andon.core.settings.connectors.email_settings import EmailSettings
from andon.core.settings.connectors.foundry_settings import FoundrySettings
from andon.core.settings.connectors.jira_settings import JiraSettings
from andon.core.settings.connectors.mcp_servers_settings import McpSettings
from andon.core.settings.connectors.ntfy_settings import NtfySettings
from andon.core.settings.connectors.outside_settings import OutsideSettings
from andon.core.settings.connectors.pagerduty_settings import PagerDutySettings
from andon.core.settings.connectors.servicenow_settings import ServiceNowSettings
from andon.core.settings.connectors.slack_settings import SlackSettings
from andon.core.settings.connectors.splunk_settings import SplunkSettings
from andon.core.settings.connectors.target import Target
from andon.core.settings.connectors.teams_settings import TeamsSettings
from andon.core.settings.connectors.webhook_settings import WebhookSettings

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


class ConnectorSettings(
    ActionSettings,
    OutsideSettings,
    JiraSettings,
    ServiceNowSettings,
    SplunkSettings,
    FoundrySettings,
    WebhookSettings,
    SlackSettings,
    TeamsSettings,
    PagerDutySettings,
    EmailSettings,
    NtfySettings,
    AppriseSettings,
    McpSettings,
):
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

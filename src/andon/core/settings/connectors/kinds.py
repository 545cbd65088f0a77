"""What is connected, by kind: a list of tables each, whose classes are imported where such a table is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, SecretStr

from andon.core.settings.late_tables import late_table

if TYPE_CHECKING:
    from andon.core.settings.connectors.apprise_settings import AppriseTable
    from andon.core.settings.connectors.email_settings import EmailTable
    from andon.core.settings.connectors.foundry_settings import FoundryTable
    from andon.core.settings.connectors.jira_settings import JiraTable
    from andon.core.settings.connectors.mcp_servers_settings import McpTable
    from andon.core.settings.connectors.ntfy_settings import NtfyTable
    from andon.core.settings.connectors.outside_settings import OutsideTable
    from andon.core.settings.connectors.pagerduty_settings import PagerDutyTable
    from andon.core.settings.connectors.servicenow_settings import ServiceNowTable
    from andon.core.settings.connectors.slack_settings import SlackTable
    from andon.core.settings.connectors.splunk_settings import SplunkTable
    from andon.core.settings.connectors.teams_settings import TeamsTable
    from andon.core.settings.connectors.webhook_settings import WebhookTable
else:
    AppriseTable = late_table("connectors.apprise_settings:AppriseTable")
    EmailTable = late_table("connectors.email_settings:EmailTable")
    FoundryTable = late_table("connectors.foundry_settings:FoundryTable")
    JiraTable = late_table("connectors.jira_settings:JiraTable")
    McpTable = late_table("connectors.mcp_servers_settings:McpTable")
    NtfyTable = late_table("connectors.ntfy_settings:NtfyTable")
    OutsideTable = late_table("connectors.outside_settings:OutsideTable")
    PagerDutyTable = late_table("connectors.pagerduty_settings:PagerDutyTable")
    ServiceNowTable = late_table("connectors.servicenow_settings:ServiceNowTable")
    SlackTable = late_table("connectors.slack_settings:SlackTable")
    SplunkTable = late_table("connectors.splunk_settings:SplunkTable")
    TeamsTable = late_table("connectors.teams_settings:TeamsTable")
    WebhookTable = late_table("connectors.webhook_settings:WebhookTable")


class KindSettings(BaseModel, defer_build=True):
    """The systems of every kind, and the secrets that tables without their own share."""

    mcp_servers: list[McpTable] = Field(
        [],
        max_length=20,
        description="Tools of MCP servers (extra `mcp`). In `andon.toml`: a table `[[mcp_servers]]` for each; see "
        "[connectors](connectors.md#mcp-servers).",
    )
    apprise: list[AppriseTable] = Field(
        [],
        max_length=20,
        description="Services that the Apprise library supports (extra `apprise`). "
        "In `andon.toml`: a table `[[apprise]]` for each; see "
        "[connectors](connectors.md#apprise).",
    )
    ntfy: list[NtfyTable] = Field(
        [],
        max_length=20,
        description="ntfy. In `andon.toml`: a table `[[ntfy]]` for each; see [connectors](connectors.md#ntfy).",
    )
    ntfy_token: SecretStr = Field(
        SecretStr(""), description="Token for each `[[ntfy]]` table with neither a token nor a `user` of its own."
    )
    email: list[EmailTable] = Field(
        [],
        max_length=20,
        description="Mail. In `andon.toml`: a table `[[email]]` for each; see [connectors](connectors.md#email).",
    )
    email_password: SecretStr = Field(
        SecretStr(""), description="Password of each `[[email]]` that has a `user` but no password of its own."
    )
    pagerduty: list[PagerDutyTable] = Field(
        [],
        max_length=20,
        description="PagerDuty, through its Events API v2. In `andon.toml`: a table `[[pagerduty]]` for each; see "
        "[connectors](connectors.md#pagerduty).",
    )
    pagerduty_routing_key: SecretStr = Field(
        SecretStr(""), description="Integration key for each `[[pagerduty]]` table without one of its own."
    )
    teams: list[TeamsTable] = Field(
        [],
        max_length=20,
        description="Microsoft Teams, through a Workflows webhook. In `andon.toml`: a table `[[teams]]` for each; see "
        "[connectors](connectors.md#teams).",
    )
    teams_url: SecretStr = Field(
        SecretStr(""), description="Workflow address for each `[[teams]]` table without one of its own."
    )
    slack: list[SlackTable] = Field(
        [],
        max_length=20,
        description="Slack, through an incoming webhook or as a bot. In `andon.toml`: a table `[[slack]]` for each; "
        "see "
        "[connectors](connectors.md#slack).",
    )
    slack_url: SecretStr = Field(
        SecretStr(""),
        description="Address of the incoming webhook for each `[[slack]]` table with neither an address nor "
        "`channels`.",
    )
    slack_token: SecretStr = Field(
        SecretStr(""), description="Bot token for each `[[slack]]` table that has `channels` but no token of its own."
    )
    webhook: list[WebhookTable] = Field(
        [],
        max_length=20,
        description="Webhooks: JSON, signed. In `andon.toml`: a table `[[webhook]]` for each; see "
        "[connectors](connectors.md#webhook).",
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="Signing secret for each `[[webhook]]` table without one of its own."
    )
    foundry: list[FoundryTable] = Field(
        [],
        max_length=20,
        description="Palantir Foundry: files, streams, ontology actions. "
        "In `andon.toml`: a table `[[foundry]]` for each; see "
        "[connectors](connectors.md#foundry).",
    )
    foundry_token: SecretStr = Field(
        SecretStr(""), description="Token for each `[[foundry]]` table without a login of its own."
    )
    foundry_client_secret: SecretStr = Field(
        SecretStr(""), description="Client secret for each `[[foundry]]` table that has a `client_id` but no secret."
    )
    splunk: list[SplunkTable] = Field(
        [],
        max_length=20,
        description="Splunk: searches, the HTTP event collector, saved alerts. "
        "In `andon.toml`: a table `[[splunk]]` for each; see "
        "[connectors](connectors.md#splunk).",
    )
    splunk_token: SecretStr = Field(
        SecretStr(""),
        description="Token for the searches and alerts of each `[[splunk]]` table without one of its own.",
    )
    splunk_password: SecretStr = Field(
        SecretStr(""), description="Password for each `[[splunk]]` table that has a `user` but no password of its own."
    )
    splunk_hec_token: SecretStr = Field(
        SecretStr(""),
        description="Token for the HTTP event collector of each `[[splunk]]` table without one of its own.",
    )
    servicenow: list[ServiceNowTable] = Field(
        [],
        max_length=20,
        description="ServiceNow: incidents and events. In `andon.toml`: a table `[[servicenow]]` for each; see "
        "[connectors](connectors.md#servicenow).",
    )
    servicenow_password: SecretStr = Field(
        SecretStr(""),
        description="Password for each `[[servicenow]]` table that has a user but no password of its own.",
    )
    servicenow_client_secret: SecretStr = Field(
        SecretStr(""),
        description="OAuth client secret for each `[[servicenow]]` table that has a client_id but no secret of its "
        "own.",
    )
    jira: list[JiraTable] = Field(
        [],
        max_length=20,
        description="Jira Cloud and Data Center. In `andon.toml`: a table `[[jira]]` for each; see "
        "[connectors](connectors.md#jira).",
    )
    jira_token: SecretStr = Field(
        SecretStr(""), description="Token (or password) for each `[[jira]]` table without one of its own."
    )
    connectors: list[OutsideTable] = Field(
        [],
        max_length=20,
        description="Systems for which an installed package brings the connector, in `andon.toml`: a table "
        "`[[connectors]]` for each with `kind`; see [connectors](connectors.md#connectors-from-outside).",
    )

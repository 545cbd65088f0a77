"""The sections of docs/settings.md, in the order in which a site meets them, and the settings of each."""

from __future__ import annotations

from typing import NamedTuple


class Section(NamedTuple):
    """A heading, what stands below it, and names of settings: one that ends in ``*`` stands for all that begin so."""

    title: str
    introduction: str
    names: tuple[str, ...]


def _section(title: str, introduction: str, names: str) -> Section:
    return Section(title, introduction, tuple(names.split()))


#: A setting belongs to the first section that names it.
SECTIONS = (
    _section(
        "Site",
        "What the site is called, how its clocks and logs are written, and when its shifts work.",
        "ANDON_SITE_NAME ANDON_TIME_ZONE ANDON_SHIFTS ANDON_DATE_ORDER ANDON_ENCODING ANDON_SEVERITIES",
    ),
    _section(
        "Storage",
        "Where Andon keeps its data, how safe each write is, and how long logs stay. See [retention](retention.md), "
        "[backup](backup.md) and [PostgreSQL](postgresql.md).",
        "ANDON_DATA_DIR DB_PATH ANDON_DATA_GROUP ANDON_DURABILITY ANDON_RETENTION* ANDON_UPGRADE_COPIES "
        "ANDON_RECORD_BATCH ANDON_PICTURE_MAX_BYTES",
    ),
    _section(
        "Broker",
        "The NATS broker that logs come through: the one that Andon starts, or yours. See [broker](broker.md) and "
        "[access](access.md).",
        "NATS_URL ANDON_NATS_*",
    ),
    _section(
        "Page and API",
        "The HTTP server of the page, the API and the metrics. See [access](access.md) and [API](api.md).",
        "ANDON_HTTP_* ANDON_PUBLIC_URL",
    ),
    _section(
        "Explanations",
        "Which logs are explained, by what rules, and when an explanation is renewed. See [playbook](playbook.md).",
        "ANDON_ANALYZE ANDON_ANALYZE_SEVERITY ANDON_SERVICES ANDON_PLAYBOOK ANDON_RUNBOOKS ANDON_CODE_* ANDON_RENEW_*",
    ),
    _section(
        "Model",
        "Who explains what no rule, runbook or confirmed fix explains. See [providers](providers.md).",
        "PROVIDER MODEL API_KEY ANDON_FALLBACK AGENT_NAME AGENT_INSTRUCTIONS ANDON_MODEL_* ANDON_TOOL_CALLS "
        "ANDON_INVESTIGATE",
    ),
    _section(
        "Budgets of the model",
        "How much a model may cost. At the limit the playbook answers until the hour or day is over.",
        "ANDON_BUDGET_*",
    ),
    _section(
        "Providers",
        "What each provider needs besides `MODEL` and `API_KEY`. See [providers](providers.md).",
        "OLLAMA_HOST ANDON_BASE_URL ANDON_COMPATIBLE_* ANDON_GGUF* ANDON_MMPROJ ANDON_AZURE_* ANDON_CLOUDFLARE_* "
        "OPENAI_API_KEY AZURE_OPENAI_API_KEY GEMINI_API_KEY ANTHROPIC_API_KEY DEEPSEEK_API_KEY ANDON_PROVIDER_OPTIONS",
    ),
    _section(
        "Sources",
        "The ways in for logs besides NATS. All are off until you set them. See [sources](sources.md).",
        "ANDON_FILES ANDON_JOURNALD* ANDON_SYSLOG* ANDON_OTLP_* ANDON_MQTT* ANDON_OPCUA ANDON_MTCONNECT",
    ),
    _section(
        "Actions and notifications",
        "What Andon sends to other systems, and who approves it. See [actions](actions.md).",
        "ANDON_ACTION_RULES ANDON_NOTIFY ANDON_APPROVE_ROLE ANDON_AGENT_PROPOSALS ANDON_PROPOSAL_EXPIRES "
        "ANDON_ACTION_PATIENCE ANDON_ACTION_RETENTION ANDON_TICKET_COMMENT_EVERY",
    ),
    _section(
        "Connected systems",
        "The systems that Andon sends to or looks things up in: a table in `andon.toml` for each. See "
        "[connectors](connectors.md).",
        "ANDON_JIRA* ANDON_SERVICENOW* ANDON_SPLUNK* ANDON_FOUNDRY* ANDON_PAGERDUTY* ANDON_EMAIL* ANDON_SLACK* "
        "ANDON_TEAMS* ANDON_NTFY* ANDON_WEBHOOK* ANDON_APPRISE ANDON_MCP_SERVERS ANDON_CONNECTORS",
    ),
    _section("Andon's own log", "What the service says of itself.", "ANDON_LOG_*"),
)


def sorted_into_sections(names: list[str]) -> list[tuple[Section, list[str]]]:
    """The sections with their settings, as they name them. Raises ValueError where a setting is left out."""
    left, found = list(names), []
    for section in SECTIONS:
        mine: list[str] = []
        for wanted in section.names:
            fits = [name for name in left if name == wanted or (wanted[-1] == "*" and name.startswith(wanted[:-1]))]
            if not fits:
                raise ValueError(f"docs/settings_sections.py: no setting is called {wanted}, of {section.title}")
            mine += fits
            left = [name for name in left if name not in fits]
        found.append((section, mine))
    if left:
        raise ValueError(f"docs/settings_sections.py: no section has {', '.join(left)}")
    return found

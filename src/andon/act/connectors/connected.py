"""Which systems are connected: from the settings to the connectors.

Importing this module is cheap: a connector's file is imported when it is configured, its library when it is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import NamedTuple

from andon.act.connectors.connector import Connector, Setup
from andon.core.errors import ConfigError
from andon.core.redact import clean
from andon.core.settings.connectors import Named
from andon.core.settings.connectors.outside_settings import GROUP, OutsideTable
from andon.core.settings.settings import Settings

_HERE = "andon.act.connectors"
#: Where each kind of :data:`andon.core.settings.connectors.KINDS` is.
BUILT_IN = {
    "jira": f"{_HERE}.jira:JiraConnector",
    "servicenow": f"{_HERE}.servicenow:ServiceNowConnector",
    "splunk": f"{_HERE}.splunk:SplunkConnector",
    "foundry": f"{_HERE}.foundry:FoundryConnector",
    "webhook": f"{_HERE}.webhook:WebhookConnector",
    "slack": f"{_HERE}.slack:SlackConnector",
    "teams": f"{_HERE}.teams:TeamsConnector",
    "pagerduty": f"{_HERE}.pagerduty:PagerDutyConnector",
    "email": f"{_HERE}.mail:MailConnector",
    "ntfy": f"{_HERE}.ntfy:NtfyConnector",
    "apprise": f"{_HERE}.apprise_services:AppriseConnector",
    "mcp_servers": f"{_HERE}.mcp_servers:McpConnector",
}


class Connected(NamedTuple):
    """The systems that can be used, by name, and why the others cannot."""

    connectors: dict[str, Connector]
    broken: dict[str, str]


def connect(settings: Settings) -> Connected:
    """Every system that can be used: one that is set up wrongly keeps nothing else from working."""
    found = Connected({}, {})
    for named in settings.targets:
        try:
            found.connectors[named.name] = build_connector(settings, named)
        except ConfigError as error:
            found.broken[named.name] = str(error)
    return found


def build_connectors(settings: Settings) -> dict[str, Connector]:
    """Every connected system by its name, in the order of the settings. Nothing is connected yet.

    Raises ConfigError where one is set up wrongly, or a connector from outside is broken.
    """
    return {named.name: build_connector(settings, named) for named in settings.targets}


def build_connector(settings: Settings, named: Named) -> Connector:
    """The connector of one table. Raises as :func:`build_connectors`."""
    if (where := BUILT_IN.get(named.kind)) is None or isinstance(named.table, OutsideTable):
        return _from_outside(settings, named)
    build: Callable[[Setup], Connector] = EntryPoint(named.kind, where, GROUP).load()
    return build(Setup(settings, named))


def _from_outside(settings: Settings, named: Named) -> Connector:
    """The connector of an installed package, made as the built-in ones are."""
    entries = [entry for entry in entry_points(group=GROUP) if entry.name.casefold() == named.kind.casefold()]
    packages = [f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value for entry in entries]
    where = f"[[connectors]] {named.name}"
    if not entries:
        known = ", ".join(sorted({entry.name for entry in entry_points(group=GROUP)})) or "none"
        raise ConfigError(f"{where}: no installed package has a connector for {named.kind!r}; there are: {known}")
    if len(entries) > 1:
        raise ConfigError(f"{where} comes from {' and '.join(packages)}: uninstall all but one")
    try:
        made = entries[0].load()(Setup(settings, named))
    except ConfigError:  # it says itself what is missing
        raise
    except (Exception, SystemExit) as error:  # whatever a stranger's code raises
        raise _broken(where, named, packages[0], f"{type(error).__name__}: {error}") from error
    if not isinstance(made, Connector):
        raise _broken(where, named, packages[0], f"it makes a {type(made).__name__}, which is not a Connector")
    return made


def _broken(where: str, named: Named, package: str, reason: str) -> ConfigError:
    secret = named.table.secret.get_secret_value() if isinstance(named.table, OutsideTable) else ""
    shown = reason.replace(secret, "[redacted]") if secret else reason
    return ConfigError(
        f"{where} comes from the package {package}, which cannot be used ({clean(' '.join(shown.split()), 200)}): "
        "update or correct that package, or remove the table"
    )

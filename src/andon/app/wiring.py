"""Makes adapters as the settings say: one function each, for the service and for commands that use the same part."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from andon.bus.address import masked
from andon.core.settings.settings import Settings
from andon.explain.admission import Admission, Budget
from andon.grouping.codes import CodeRules
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder
from andon.store import AnalysisPolicy, Rule, Store

if TYPE_CHECKING:
    from andon.bus.embedded.broker import EmbeddedBroker

#: Questions at once that a provider in the cloud gets from the start.
CLOUD_FIRST = 4


def code_rules(settings: Settings) -> CodeRules:
    """What is a code at this site. Raises ConfigError where an expression of its codes is wrong."""
    return CodeRules(settings.code_patterns, settings.code_fields)


def fingerprinter(settings: Settings) -> Fingerprinter:
    """What tells problems apart at this site. Raises as :func:`code_rules`."""
    return Fingerprinter(code_rules(settings))


def decoder(settings: Settings) -> Decoder:
    """What reads logs at this site. Raises as :func:`fingerprinter`."""
    zone = ZoneInfo(settings.time_zone)
    return Decoder(fingerprinter(settings), zone, settings.day_first, settings.severities, settings.encoding)


def broker_url(settings: Settings, broker: EmbeddedBroker | None) -> str:
    """Where to connect: the embedded broker's actual port, or the configured address."""
    if broker is None:
        return settings.broker_url
    return settings.broker_url_at(urlsplit(broker.url).port or 4222, broker.login)


def public(settings: Settings, broker: EmbeddedBroker | None = None) -> str:
    """The broker's address without credentials, with the port that ``broker`` took."""
    return masked(broker_url(settings, broker))


def analysis_policy(settings: Settings) -> AnalysisPolicy:
    """What is explained and when it is renewed, as configured."""
    default = Rule(settings.analyze, settings.analyze_severity)
    services = tuple(
        (glob, Rule(one.analyze or default.analyze, one.severity or default.severity, one.criticality))
        for glob, one in settings.services.items()
    )
    return AnalysisPolicy(
        default, services, renew_after=settings.renew_after * 86_400, renew_interval=settings.renew_interval * 3600
    )


def model_admission(settings: Settings, store: Store) -> Admission:
    """How many questions the model gets at once, and how many at all. A model on this site's box starts with one."""
    most = settings.gguf_parallel if settings.provider == "EMBEDDED" else settings.model_concurrency
    budget = Budget(store.read, store.write, settings)
    return Admission(budget, first=1 if settings.local_model else CLOUD_FIRST, most=most)


def lease_owner(settings: Settings, http_port: int) -> str:
    """The name under which analyses are claimed: the same after a restart, and another one for each service.

    A database file has one service. Of those that share a server's, one machine may run several.
    """
    host = socket.gethostname()
    return host if isinstance(settings.database, Path) else f"{host}:{http_port}"

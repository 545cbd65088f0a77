"""The ways in: whether each that is configured can hear."""

from __future__ import annotations

from collections.abc import Callable

from andon.app.doctor import file_checks, machine_checks, mqtt_checks, otlp_checks, syslog_checks
from andon.core.models import CheckResult
from andon.core.settings.settings import Settings
from andon.ingest.sources.configured import without_effect

#: One check for each kind of source; it says nothing where none of that kind is configured.
_CHECKS: tuple[Callable[[Settings], list[CheckResult]], ...] = (
    file_checks.followed,
    syslog_checks.syslog,
    syslog_checks.journald,
    otlp_checks.otlp,
    mqtt_checks.mqtt,
    machine_checks.opcua,
    machine_checks.mtconnect,
)


def sources(settings: Settings) -> list[CheckResult]:
    """What each kind of source finds out about itself; may take seconds, as peers are asked."""
    idle = [CheckResult("sources", None, *one) for one in without_effect(settings)]
    return [*(result for check in _CHECKS for result in check(settings)), *idle]

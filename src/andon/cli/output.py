"""How commands print: tables for people, JSON for programs, times with their zone."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from andon.models import utc_text

if TYPE_CHECKING:
    from andon.config import Settings

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

SEVERITY_STYLES = {
    "DEBUG": "dim",
    "INFO": "cyan",
    "WARNING": "yellow",
    "ERROR": "red",
    "CRITICAL": "bold white on red",
}
_SPAN = re.compile(r"(\d+)\s*(s|m|h|d|w)", re.IGNORECASE)
_SPAN_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def command_settings(**overrides: Any) -> Settings:
    """The settings for a command, which speaks through its output and logs errors only. Raises ConfigError."""
    from andon.config import load_settings
    from andon.telemetry import configure_logging

    configure_logging("error", "text")
    return load_settings(**overrides)


def print_json(value: Any) -> None:
    """``value`` as indented JSON on standard output."""
    data = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2)
    sys.stdout.write(data.decode() + "\n")


def severity_text(severity: str) -> Text:
    """The severity in its colour."""
    return Text(severity, style=SEVERITY_STYLES.get(severity, ""))


def plain(text: str) -> Text:
    """``text`` as it is: no markup is read from it."""
    return Text(text)


def shown_time(stored: str | None, zone: str) -> str:
    """A stored time in the site's zone, with the zone's name: ``2025-01-15 03:14:23.123 CET``."""
    if not stored:
        return ""
    try:
        moment = datetime.fromisoformat(stored)
    except ValueError:  # taken over as it was
        return stored
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d} {local:%Z}"


def parse_time(value: str | None, zone: str, option: str) -> str | None:
    """A point in time from the user, as stored text: ISO 8601 (naive means the site's zone), or an age like ``2h``."""
    if value is None:
        return None
    text = value.strip()
    span = _SPAN.fullmatch(text)
    try:
        if span is not None:
            return utc_text(datetime.now(UTC) - timedelta(seconds=int(span[1]) * _SPAN_SECONDS[span[2].lower()]))
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(zone))
        return utc_text(moment)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{value!r} is no time; write 2025-01-15, 2025-01-15T02:00, 2025-01-15T02:00Z or an age like 30m, 8h, 2d",
            param_hint=option,
        ) from None

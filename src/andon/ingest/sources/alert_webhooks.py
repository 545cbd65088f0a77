"""Webhooks of Prometheus' Alertmanager (version 4) and of Grafana's alerting, which has the same shape and more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from andon.ingest.sources.heard import Heard, Place
from andon.ingest.sources.http_bodies import BodyRefused
from andon.ingest.sources.json_rows import Broken, why_broken
from andon.ingest.sources.otlp_logs import Origin

#: What a firing alert has as its end.
_NEVER = "0001-01-01"
_PLACES = ("site", "area", "line", "machine")
_HOSTS = ("host", "hostname", "node", "nodename", "instance")
_SERVICES = ("service", "job", "app", "grafana_folder")
_SEVERITIES = ("severity", "level", "priority")
_TEXTS = ("summary", "message", "title", "description")
#: Of the message around alerts: what is worth to be kept with each.
_AROUND = ("receiver", "groupKey", "externalURL", "orgId")


def alerts_of(data: bytes, origin: Origin) -> Iterator[Heard | Broken]:
    """The alerts of a webhook as logs. Raises BodyRefused where the body is none."""
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise BodyRefused(400, "no JSON", f"the body is not JSON: {why_broken(data)}") from None
    alerts = found.get("alerts") if isinstance(found, dict) else None
    if not isinstance(alerts, list):
        sentence = "the body is not a webhook of Alertmanager or Grafana: it must be an object with a list of alerts"
        raise BodyRefused(400, "no webhook", sentence)
    around = {name: found[name] for name in _AROUND if found.get(name)}
    return (_alert(one, around, origin) for one in alerts)


def _alert(alert: Any, around: Mapping[str, Any], origin: Origin) -> Heard | Broken:
    if not isinstance(alert, dict) or not isinstance(labels := alert.get("labels"), dict):
        return Broken("is not an alert: it must be an object with labels")
    notes = alert.get("annotations")
    notes = notes if isinstance(notes, dict) else {}
    active = alert.get("status") != "resolved"
    began, ended = _time(alert.get("startsAt")), _time(alert.get("endsAt"))
    told = Place(*(_first(labels, (name,)) for name in _PLACES))
    return Heard(
        _first(notes, _TEXTS) or _named(labels),
        began if active else ended or None,
        _host(labels) or origin.host or origin.peer,
        (_first(labels, _SEVERITIES) or "WARNING") if active else "INFO",
        _first(labels, _SERVICES) or origin.service,
        {**alert, "state": "active" if active else "cleared", **around},
        told.over(origin.place),
    )


def _named(labels: Mapping[str, Any]) -> str:
    """What an alert without words is called: the same while it fires and when it is over."""
    name = _first(labels, ("alertname",)) or "alert"
    rest = ", ".join(f"{key}={value}" for key, value in sorted(labels.items()) if key != "alertname")
    return f"{name} ({rest})" if rest else name


def _host(labels: Mapping[str, Any]) -> str:
    """A host's name; that of a scraped address stands before its port."""
    host = _first(labels, _HOSTS)
    name, _, port = host.rpartition(":")
    return name.strip("[]") if name and port.isdecimal() else host


def _time(value: Any) -> str | None:
    return value if isinstance(value, str) and not value.startswith(_NEVER) else None


def _first(found: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((text for name in names if isinstance(text := found.get(name), str) and text.strip()), "")

"""A log record of OpenTelemetry, however it was encoded, as a log of ours."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from andon.core.models import Severity
from andon.ingest.fields import Fields
from andon.ingest.pieces import value_of
from andon.ingest.severity import SeverityReader
from andon.ingest.sources.heard import NOWHERE, Heard, Place

_encode = msgspec.json.Encoder(order=None).encode
#: The severities by their number (1 to 24), four of each.
_BANDS = ("DEBUG", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
#: What SDKs call a service to which nobody gave a name.
_UNNAMED = "unknown_service"
#: A resource's own words for where it stands.
_PLACES = ("site", "area", "line", "machine")
#: Years that a text of this form can hold, in seconds.
_LAST_SECOND = 253_402_300_799
#: What reads a severity: its number and its text in, what the message says and what the context keeps out.
ReadSeverity = Callable[[int, str], tuple[str | None, str]]


class Origin(msgspec.Struct, frozen=True):
    """What is taken where logs do not say it themselves: from the address that they were sent to, and who sent them.

    ``peer`` is a host's name or address, behind what a log or ``host`` say.
    """

    host: str = ""
    service: str = ""
    place: Place = NOWHERE
    peer: str = ""


class Around(msgspec.Struct, gc=False):
    """What all logs of a resource, or of a scope in it, have in common; ``shared`` is already encoded."""

    host: str
    service: str
    place: Place
    shared: dict[str, Any]


def severity_reader(severities: Mapping[str, str] | None = None) -> ReadSeverity:
    """Reads severity number and text; ``severities`` are the site's own words, which go before the number.

    >>> severity_reader()(13, "WARN"), severity_reader()(17, "Prio 7"), severity_reader()(0, "Level 25")
    (('WARN', ''), ('ERROR', 'Prio 7'), ('Level 25', ''))
    """
    read = SeverityReader(severities)
    own = {word.lower() for word in severities or ()}

    @functools.lru_cache(maxsize=1_024)
    def severity(number: int, text: str) -> tuple[str | None, str]:
        text = text.strip()
        if not 1 <= number <= 24:
            return text or None, ""
        word = Severity[_BANDS[(number - 1) // 4]].value
        reading = read(text, "severity", ()) if text else None
        if text.lower() in own or (reading is not None and reading.understood and reading.severity == word):
            return text, ""
        return word, text

    return severity


def of_resource(attributes: dict[str, Any], origin: Origin) -> Around:
    """What a resource says of all of its logs. A random ``service.instance.id`` makes no host."""
    host = _text(attributes.get("host.name")) or origin.host or origin.peer
    service = _text(attributes.get("service.name"))
    service = (origin.service or "") if service.startswith(_UNNAMED) or not service else service
    told = Place(*(_text(attributes.get(name)) for name in _PLACES))
    shared = {"resource": msgspec.Raw(_encode(attributes))} if attributes else {}
    return Around(host, service, told.over(origin.place), shared)


def of_scope(resource: Around, name: str, version: str, attributes: dict[str, Any]) -> Around:
    """The same for a scope: with SDKs the name of a logger."""
    scope = {"name": name, "version": version, "attributes": attributes}
    told = {key: value for key, value in scope.items() if value}
    if not told:
        return resource
    return Around(
        resource.host,
        resource.service or name,
        resource.place,
        {**resource.shared, "scope": msgspec.Raw(_encode(told))},
    )


def log_of(
    around: Around,
    moment: int,
    severity: tuple[str | None, str],
    body: Any,
    attributes: dict[str, Any],
    trace_id: str,
    span_id: str,
    event_name: str,
) -> Heard:
    """The log. ``moment`` is in ns since 1970, 0 for none; attributes stand on top in the context, exceptions too."""
    context = attributes
    context.update(around.shared)
    if trace_id:
        context["trace_id"] = trace_id
    if span_id:
        context["span_id"] = span_id
    if event_name:
        context["event_name"] = event_name
    if severity[1]:
        context["severity_text"] = severity[1]
    level = severity[0]
    if isinstance(body, str):
        message = body
    elif isinstance(body, dict):
        message, told, rest = _of_map(body)
        level = level or told
        for name, value in rest.items():
            context.setdefault(name, value)
    else:
        message = "" if body is None else _encode(body).decode()
    return Heard(
        message or event_name,
        stored_time(moment) if moment else None,
        around.host,
        level,
        around.service,
        context,
        around.place,
    )


def _of_map(body: dict[str, Any]) -> tuple[str, Any, dict[str, Any]]:
    """Text and severity of a body that is a map, and what else it holds; the whole as text where it tells none."""
    fields = Fields({name: msgspec.Raw(_encode(value)) for name, value in body.items()})
    for found in fields.of("message"):
        if isinstance(text := value_of(found.raw), str) and text.strip():
            level = next((value_of(one.raw) for one in fields.of("severity")), None)
            fields.take(found.path)
            return text, level if isinstance(level, str | int) else None, fields.tree
    return _encode(body).decode() if body else "", None, {}


def stored_time(moment: int) -> str | int:
    """Nanoseconds since 1970 in the form in which times are stored; as it is where that has no such form.

    >>> stored_time(1736903663123456789), stored_time(1736903663123000000)
    ('2025-01-15T01:14:23.123456Z', '2025-01-15T01:14:23.123Z')
    """
    second, rest = divmod(moment, 1_000_000_000)
    if not 0 <= second <= _LAST_SECOND:
        return moment
    micros = rest // 1_000
    if micros % 1_000:
        return f"{_second(second)}.{micros:06d}Z"
    return f"{_second(second)}.{micros // 1_000:03d}Z"


@functools.lru_cache(maxsize=64)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def number_of(value: float) -> float | str:
    """A number as JSON can hold it: what is infinite or none is told as text."""
    return value if math.isfinite(value) else str(value)


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""

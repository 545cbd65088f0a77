"""Entries of the journal, as ``journalctl -o json`` writes them, read as logs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from andon.core.models import utc_text
from andon.ingest.sources.heard import Heard
from andon.ingest.sources.syslog_parser import FACILITIES, SEVERITIES

#: What of an entry goes into the context, and under which name. Command lines do not: they hold passwords.
KEPT = {
    "_SYSTEMD_UNIT": "unit",
    "_SYSTEMD_USER_UNIT": "user_unit",
    "UNIT": "about_unit",  # systemd's own messages
    "USER_UNIT": "about_unit",
    "_PID": "pid",
    "_UID": "uid",
    "_EXE": "exe",
    "_TRANSPORT": "transport",
    "SYSLOG_FACILITY": "facility",
    "MESSAGE_ID": "message_id",
    "ERRNO": "errno",
    "EXIT_CODE": "exit_code",
    "EXIT_STATUS": "exit_status",
    "JOB_RESULT": "result",
    "UNIT_RESULT": "result",
    "CODE_FILE": "file",
    "CODE_LINE": "line_number",
    "CODE_FUNC": "function",
    "CONTAINER_NAME": "container",
    "IMAGE_NAME": "image",
    "COREDUMP_EXE": "coredump_exe",
    "COREDUMP_SIGNAL_NAME": "signal",
}
#: Every field that is read, those of the entry itself apart.
FIELDS = (
    *("MESSAGE", "PRIORITY", "_HOSTNAME", "SYSLOG_IDENTIFIER", "_COMM", "SYSLOG_PID", "_SOURCE_REALTIME_TIMESTAMP"),
    *KEPT,
)
_LEFT_OUT = "(a text of 4,096 bytes or more, which journalctl leaves out without --all)"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: So far from its receipt a time of an entry's own is believed, in microseconds.
_BELIEVED = 86_400 * 10**6


def entry_to_heard(entry: dict[str, Any], encoding: str = "utf-8") -> Heard:
    """The log in an entry. Its text is empty where the entry has none. Never raises.

    ``encoding`` is that of bytes that are no UTF-8. Values may be texts, byte numbers, lists of these, or null.
    """
    context: dict[str, Any] = {}
    for field, name in KEPT.items():
        if (value := text_of(entry.get(field), encoding)) and name not in context:
            context[name] = value
    if "facility" in context and (number := _number(context["facility"])) is not None and number < len(FACILITIES):
        context["facility"] = FACILITIES[number]
    if pid := text_of(entry.get("SYSLOG_PID"), encoding):
        context.setdefault("pid", pid)
    said = entry.get("MESSAGE", "")
    level = _number(text_of(entry.get("PRIORITY"), encoding))
    service = (entry.get(name) for name in ("SYSLOG_IDENTIFIER", "_COMM", "_SYSTEMD_UNIT"))
    return Heard(
        _LEFT_OUT if said is None else text_of(said, encoding),
        timestamp=_moment(entry),
        hostname=text_of(entry.get("_HOSTNAME"), encoding),
        severity=SEVERITIES[level] if level is not None and level < len(SEVERITIES) else None,
        service=next((name for one in service if (name := text_of(one, encoding))), ""),
        context=context,
        message_id=_identity(entry),
    )


def text_of(value: Any, encoding: str) -> str:
    """A value of a field as text; several values are lines.

    >>> text_of([79, 195, 182], "utf-8"), text_of(["a", [98, 255]], "utf-8"), text_of(None, "utf-8")
    ('Oö', 'a\\nb\\\\xff', '')
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not value:
        return "" if value is None or isinstance(value, list | dict) else str(value)
    if all(type(one) is int and 0 <= one < 256 for one in value):
        data = bytes(value)
        for name in ("utf-8", encoding):
            try:
                return data.decode(name)
            except UnicodeDecodeError:
                continue
        return data.decode("utf-8", "backslashreplace")
    return "\n".join(text_of(one, encoding) for one in value)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def _moment(entry: dict[str, Any]) -> str | None:
    """When the program said it, else when the journal took it; None where neither is told."""
    taken, said = (_number(str(entry.get(f"{name}_REALTIME_TIMESTAMP"))) for name in ("_", "_SOURCE"))
    moment = said if said is not None and (taken is None or abs(said - taken) < _BELIEVED) else taken
    try:
        return None if moment is None else utc_text(_EPOCH + timedelta(microseconds=moment))
    except OverflowError:
        return None


def _identity(entry: dict[str, Any]) -> str | None:
    """What no other entry has: the first two parts of its cursor are the journal and its number there."""
    cursor = entry.get("__CURSOR")
    if not isinstance(cursor, str) or not cursor.isascii():
        return None
    return "journal " + ";".join(cursor.split(";")[:2])[:200]

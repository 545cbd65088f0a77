"""Orders as the requests that an instance of ServiceNow takes. Pure; no text in them is markup to it.

Its fields hold plain text. Journals would run what stands between ``[code]`` tags, mails that quote a field would show
HTML, and pages have run templates from fields: the signs that begin such things are written differently.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from andon.act.connectors.messages import own_link
from andon.act.connectors.outgoing_text import defanged, plain
from andon.act.connectors.servicenow.instance import table_url
from andon.core.errors import ActionRefused
from andon.core.late_patterns import late
from andon.core.models.actions import Body, CloseTicket, Comment, Event, OpenTicket, OutgoingRequest, Rendered
from andon.core.settings.connectors.servicenow_settings import ServiceNowTable

#: Characters that the instance keeps of a field; it cuts what is longer without a word.
TITLE_MAX, TEXT_MAX, NAME_MAX = 160, 4_000, 100
#: Digits of an order's key that stand in a note, so that it is found again.
MARK_DIGITS = 12
#: What is told to be cut.
#: Fields of a ticket that Andon fills itself.
_OWN = frozenset({"short_description", "description", "impact", "urgency", "correlation_id", "correlation_display"})
CUT: Final = "… truncated: the rest is in Andon"
_CODE = late(r"\[\s*(/?)\s*code\s*\]", re.IGNORECASE)
_TAG = late(r"[<\uff1c](?=[a-z/!?])", re.IGNORECASE)
_TEMPLATE = late(r"([$#{])\{")
_MENTION = late(r"@\[")
_TICKET = late(r"(?:([a-z][a-z0-9_]{0,79})/)?([A-Z0-9][A-Z0-9_-]{0,39})\Z")
_SEVERITY = {"CRITICAL": "1", "ERROR": "2", "WARNING": "4", "INFO": "5", "DEBUG": "5"}
#: Of an event that is over, and of one that tells of no state: nobody is to see to it.
CLEAR, INFO = "0", "5"


def dead(written: str, ours: str = "") -> str:
    """``written`` without anything that an instance, or a mail or page that quotes it, takes for more than text.

    >>> dead("[code]<b>x</b>[/code] ${y}")
    '(code)‹b>x‹/b>(/code) $ {y}'
    """
    return _dead(defanged(written, ours))


def _dead(shown: str) -> str:
    shown = _CODE.sub(r"(\1code)", shown)
    shown = _TAG.sub("‹", shown)
    while (apart := _TEMPLATE.sub(r"\1 {", shown)) != shown:
        shown = apart
    return _MENTION.sub("@ [", shown)


def body_text(body: Body, ours: str, most: int = TEXT_MAX) -> str:
    """A body as a field holds it, cut at the end of a line where it is longer than ``most`` characters."""
    return cut(_dead(plain(body, ours)), most)


def cut(written: str, most: int) -> str:
    """``written`` within ``most`` characters, cut at the end of a line and with a word about it."""
    if len(written) <= most:
        return written
    kept = written[: most - len(CUT) - 1]
    end = kept.rfind("\n")
    return f"{kept[: end if end > 0 else len(kept)]}\n{CUT}"


def cut_line(written: str, most: int) -> str:
    """A single line within ``most`` characters."""
    return written if len(written) <= most else f"{written[: most - 1]}…"


def mark(key: str) -> str:
    """The line of a note that names its order."""
    return f"Andon note {key[:MARK_DIGITS]}"


def opening(own: ServiceNowTable, of: str, key: str, asked: OpenTicket, ours: str) -> Rendered:
    """The request that makes a ticket, known by its correlation_id."""
    fields = {
        "short_description": cut_line(dead(asked.title), TITLE_MAX),
        "description": body_text(asked.body, ours),
        "impact": str(own.impact),
        "urgency": str(own.urgency_of(asked.severity)),
        "correlation_id": key,
        "correlation_display": "Andon",
        **own.fields,
    }
    shown = ("sys_id", "number", "state", "correlation_id", *own.fields)
    return Rendered(
        (OutgoingRequest("POST", table_url(own.url, of, fields=shown), body=written(fields)),), _cut_note(fields)
    )


def site_fields(fields: Iterable[str]) -> list[str]:
    """Those of a ticket's fields that the site gave it."""
    return [name for name in fields if name not in _OWN]


def noting(own: ServiceNowTable, of: str, key: str, asked: Comment, ours: str, number: str) -> Rendered:
    """The requests that look a ticket up and add a note to it."""
    note = f"{body_text(asked.body, ours, TEXT_MAX - 40)}\n\n{mark(key)}"
    fields: dict[str, str] = {own.notes: note}
    notes = ("Everyone who follows the ticket is notified: this site writes notes as comments",)
    return Rendered(
        _changing(own, of, number, fields),
        (*(notes if own.notes == "comments" else ()), *_cut_note(fields)),
    )


def closing(own: ServiceNowTable, of: str, asked: CloseTicket, ours: str, number: str) -> Rendered:
    """The requests that look a ticket up and resolve it."""
    text = body_text(asked.body, ours, TEXT_MAX - 1_100)
    if asked.cause:
        text = f"{text}\n\nCause: {dead(asked.cause)}".strip()
    fields = {"state": own.close_state}
    if own.close_code:
        fields["close_code"] = own.close_code
    fields["close_notes"] = cut(text, TEXT_MAX) or "Closed by Andon"
    return Rendered(
        _changing(own, of, number, fields),
        ("A ticket that has already been resolved or closed stays as it is", *_cut_note(fields)),
    )


def happening(own: ServiceNowTable, asked: Event, ours: str) -> Rendered:
    """The request that tells of an event; all of one subject are one alert."""
    ended = asked.phase == "ended"
    severity = {"ended": CLEAR, "told": INFO}.get(asked.phase) or _SEVERITY.get(asked.severity, "2")
    more = {"severity": asked.severity, "phase": asked.phase, "about": dead(asked.about)}
    if link := own_link(asked.link, ours):
        more["link"] = link
    record = {
        "source": own.source,
        "event_class": own.source,
        "node": cut_line(dead(asked.host), NAME_MAX),
        "resource": cut_line(dead(asked.service), NAME_MAX),
        "metric_name": "",
        "type": "Andon problem",
        "message_key": message_key(own.source, asked.about),
        "severity": severity,
        "resolution_state": "Closing" if ended else "New",
        "time_of_event": datetime.fromtimestamp(asked.at, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "description": cut(f"{dead(asked.title)}\n\n{_dead(plain(asked.body, ours))}".strip(), TEXT_MAX),
        "additional_info": written(more),
    }
    request = OutgoingRequest("POST", f"{own.url}/api/global/em/jsonv2", body=written({"records": [record]}))
    return Rendered((request,), _cut_note(record))


def message_key(source: str, about: str) -> str:
    """What joins the events of one subject: the same for all of them."""
    return f"{source}/{about}"[:1_024]


def ticket_of(tables: tuple[str, ...], ticket: str) -> tuple[str, str]:
    """Table and number of a ticket as :func:`ticket_ref` names it. Raises ActionRefused where it is none, or where its
    table is not one of ``tables``."""
    found = _TICKET.match(ticket.strip())
    of = (found[1] or (tables[0] if tables else "")) if found else ""
    if found is None or of not in tables:
        allowed = ", ".join(tables) or "none"
        raise ActionRefused(
            f"{ticket!r:.80} is not a ticket that can be written to: use a number such as INC0010001 from one of the "
            f"tables in the settings ({allowed})"
        )
    return of, found[2]


def ticket_ref(tables: tuple[str, ...], of: str, number: str) -> str:
    """What a ticket is called: its number, with the table before it where that is not the usual one."""
    return number if tables and of == tables[0] else f"{of}/{number}"


def written(value: object) -> str:
    """A value as JSON, the same for the same value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _changing(own: ServiceNowTable, of: str, number: str, fields: dict[str, str]) -> tuple[OutgoingRequest, ...]:
    """Look a ticket up by its number, then change it: its sys_id is known to the instance only."""
    look = table_url(own.url, of, f"number={number}", ("sys_id", "number", "state"), limit=2)
    shown = ("sys_id", "number", "state", *(name for name in fields if name in ("work_notes", "comments")))
    display = own.notes in fields
    there = table_url(own.url, f"{of}/{{sys_id}}", fields=shown, display=display)
    return (
        OutgoingRequest("GET", look),
        OutgoingRequest("PATCH", there, body=written(fields), filled=("sys_id",)),
    )


def _cut_note(fields: dict[str, str]) -> tuple[str, ...]:
    if any(CUT in held for held in fields.values()):
        return (f"The text is truncated: a field of the instance has at most {TEXT_MAX:,} characters",)
    return ()

"""How ``andon actions`` prints an action: what it says in our words, and to the letter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from andon.app.action_entries import does, facts_of, proposer, question, shown, stands
from andon.app.cli.output import (
    console,
    one_line,
    plain,
    print_facts,
    print_json,
    print_wrapped,
    short_time,
    shown_time,
)
from andon.core.models.actions import Action, ActionStatus, Operation, OutgoingRequest
from andon.core.times import stored

if TYPE_CHECKING:
    from andon.core.models import Moment
    from andon.core.settings.settings import Settings


def print_action(found: Action, settings: Settings, *, as_json: bool) -> None:
    """An action with the exact requests that it sends, as JSON or for people."""
    if as_json:
        print_json(shown(found))
        return
    _print_facts(found, settings)
    _print_words(found)
    for number, request in enumerate(found.rendered.requests, 1):
        _print_request(request, number, len(found.rendered.requests))
    if found.rendered.notes:
        console.print("\n[bold]note[/]")
    for note in found.rendered.notes:
        print_wrapped(note)


def _ways_out(found: Action) -> str:
    """What a person types once they have looked, where nobody knows what became of an action."""
    if found.status is not ActionStatus.UNSURE:
        return ""
    named = " --ref NUMBER" if found.operation is Operation.OPEN_TICKET else ""
    return (
        f"it was carried out: andon actions settle {found.id}{named}; it was not: andon actions retry {found.id}; "
        f"drop it: andon actions decline {found.id}"
    )


def _print_facts(found: Action, settings: Settings) -> None:
    decided = f"{long_time(found.decided_at, settings)} by {found.decided_by}" if found.decided_at else ""
    receipt = found.receipt
    facts = {
        "action": f"{found.id}: {does(found)}",
        "state": stands(found),
        "question": question(found) if found.status is ActionStatus.UNSURE else "",
        "decide": _ways_out(found),
        "problem": str(found.problem_id or ""),
        "proposed": f"{long_time(found.created, settings)} by {proposer(found)}",
        "why": found.reason,
        "expires": long_time(found.expires, settings),
        "decided": decided,
        "note": found.decision_note,
        "tries": str(found.attempts or ""),
        "sent": long_time(found.sent_at, settings),
        "over": long_time(found.finished, settings),
        "said": found.last_error,
        "result": " ".join(filter(None, (receipt.ref, receipt.url, receipt.words))) if receipt else "",
        "hash": found.digest,
    }
    print_facts({name: one_line(text) if text else None for name, text in facts.items()})


def _print_words(found: Action) -> None:
    """The order in our words: its title, its text, and what else it names."""
    arguments = found.order.arguments
    console.print("\n[bold]in words[/]")
    print_wrapped(found.title)
    for section in getattr(arguments, "body", ()):
        if section.heading:
            print_wrapped(f"  {section.heading}")
        for number, line in enumerate(section.lines, 1):
            print_wrapped(f"    {section.mark(number)}{line}")
    for name, text in facts_of(arguments):
        print_wrapped(f"  {name}: {text}")


def _print_request(request: OutgoingRequest, number: int, count: int) -> None:
    """A request to the letter."""
    of = f" {number} of {count}" if count > 1 else ""
    console.print(f"\n[bold]request{of}, exactly as it is sent[/] (credentials are added)")
    console.print(plain(f"{request.method} {request.url}"), soft_wrap=True)
    if request.body:
        console.print(plain(f"Content-Type: {request.content_type}"), soft_wrap=True)
    for name, value in request.headers.items():
        console.print(plain(f"{name}: {value}"), soft_wrap=True)
    if request.body:
        console.print(plain("\n" + request.body.replace("\r\n", "\n")), soft_wrap=True)
    for name in request.filled:
        console.print(plain(f"{{{name}}} is filled in when it is sent."), soft_wrap=True)


def long_time(moment: Moment | None, settings: Settings) -> str:
    """A moment in the site's zone, empty for none."""
    return "" if moment is None else shown_time(stored(moment), settings.time_zone)


def brief_time(moment: Moment, settings: Settings) -> str:
    """The same to the minute."""
    return short_time(stored(moment), settings.time_zone)

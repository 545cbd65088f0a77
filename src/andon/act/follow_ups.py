"""What follows a ticket: later occurrences as comments, a confirmed fix as its end. Words and terms; pure.

The approval of a ticket covers both, and says so beside the exact requests.
"""

from __future__ import annotations

from collections.abc import Collection

from andon.core.models.actions import CloseTicket, Comment, Operation, Section
from andon.core.settings.connectors.action_settings import parse_pause
from andon.core.settings.settings import Settings
from andon.core.text import counted
from andon.core.times import lasting

#: What the note begins with that says it.
COVERS = "Approving this also approves: "
#: Every wording it ever had: notes are stored with their action, so that an earlier version may have written them.
_COVERS_EVER = (COVERS, "Approving this approves as well: ")


def covered(settings: Settings, abilities: Collection[Operation]) -> tuple[str, ...]:
    """What the approval of a ticket approves beside it, at a system that can do so much; sentences for the card."""
    found = []
    pause = parse_pause(settings.ticket_comment_every)
    if pause is not None and Operation.COMMENT in abilities:
        found.append(f"a comment on later occurrences, at most every {lasting(pause)}")
    if Operation.CLOSE_TICKET in abilities:
        found.append("closing it once a person confirms what fixed the problem")
    elif Operation.COMMENT in abilities:
        found.append("a comment once a person confirms what fixed the problem")
    return (f"{COVERS}{'; '.join(found)}.",) if found else ()


def told(note: str) -> str | None:
    """What a stored ``note`` says that the approval covers beside; None where the note is about something else."""
    return next((note.removeprefix(words) for words in _COVERS_EVER if note.startswith(words)), None)


def comment(ref: str, count: int, since: str, last: str, hosts: Collection[str]) -> Comment:
    """The comment that a problem went on: so many logs ``since`` a time, the ``last`` at another."""
    where = f" on {', '.join(hosts)}" if hosts else ""
    return Comment(
        ticket=ref, body=(Section("", (f"{counted(count, 'more log')} since {since}, the last at {last}{where}.",)),)
    )


def close(ref: str, fix: str, cause: str, by: str, when: str) -> CloseTicket:
    """The end of a ticket with the fix that ``by`` confirmed; the connector tells the cause beside the body."""
    return CloseTicket(ticket=ref, body=_confirmed(fix, "", by, when), cause=cause)


def fixed(ref: str, fix: str, cause: str, by: str, when: str) -> Comment:
    """The same for a system that closes nothing for us."""
    return Comment(ticket=ref, body=_confirmed(fix, cause, by, when))


def _confirmed(fix: str, cause: str, by: str, when: str) -> tuple[Section, ...]:
    said = f"Confirmed{f' by {by}' if by else ''} on {when}."
    return (Section("Confirmed fix", tuple(filter(None, (fix, f"Cause: {cause}" if cause else "", said)))),)

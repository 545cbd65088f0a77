"""Looking tickets of ServiceNow up: by their number, and by words in them. What they say is data of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from andon.act.connectors.connector import Reader
from andon.act.connectors.servicenow.instance import Instance, value
from andon.act.connectors.servicenow.rendering import ticket_of, ticket_ref

#: Tickets that one search shows, and characters of each field.
SHOWN, FIELD_MAX = 10, 2_000
_ABOUT = ("number", "short_description", "state", "priority", "assignment_group", "opened_at", "sys_updated_on")
_WHOLE = (*_ABOUT, "description", "close_notes", "work_notes", "comments")


def readers(name: str, tables: tuple[str, ...], instance: Instance) -> Sequence[Reader]:
    """The ways to look something up in ``tables``."""
    if not tables:
        return ()
    held = Lookup(tables, instance)
    called = name.replace("-", "_")
    return (
        Reader(f"{called}_ticket", held.ticket, f"A ticket of {name} by its number: its text, state and notes."),
        Reader(f"{called}_search", held.search, f"Tickets of {name} that have the words in title or description."),
    )


class Lookup:
    """The tickets of one instance."""

    def __init__(self, tables: tuple[str, ...], instance: Instance) -> None:
        self._tables = tables
        self._instance = instance

    async def ticket(
        self, number: Annotated[str, Field(max_length=80, description="Such as INC0010001, or problem/PRB0040001.")]
    ) -> str:
        """A ticket by its number."""
        of, wanted = ticket_of(self._tables, number.strip())
        rows = await self._instance.rows(of, f"number={value(wanted)}", _WHOLE, limit=5, display=True)
        for row in rows:
            if row.get("number") == wanted:
                return "\n".join(
                    f"{name}: {row[name].strip()[:FIELD_MAX]}" for name in _WHOLE if row.get(name, "").strip()
                )
        return f"There is no {wanted} in {of}, or it may not be read."

    async def search(
        self,
        words: Annotated[str, Field(min_length=2, max_length=200, description="Words as they stand in the ticket.")],
        only_open: Annotated[bool, Field(description="Omit closed tickets.")] = False,
    ) -> str:
        """Tickets with ``words`` in their title or description, the newest first."""
        wanted = value(words)
        if len(wanted) < 2:
            return "That is too short to search for: give at least two letters."
        query = f"short_descriptionLIKE{wanted}^ORdescriptionLIKE{wanted}"
        query += f"{'^active=true' if only_open else ''}^ORDERBYDESCsys_created_on"
        lines: list[str] = []
        for of in self._tables:
            fields = (*_ABOUT, "description", "active")
            for row in await self._instance.rows(of, query, fields, limit=SHOWN, display=True):
                if self._meant(row, wanted, only_open):
                    facts = (row.get(name, "") for name in ("state", "priority", "assignment_group", "opened_at"))
                    title = row.get("short_description", "")[:200]
                    ref = ticket_ref(self._tables, of, row.get("number", ""))
                    lines.append(f"{ref}: {title} ({', '.join(filter(None, facts))})")
        return "\n".join(lines[:SHOWN]) or f"No ticket has {wanted!r} in its title or description."

    @staticmethod
    def _meant(row: dict[str, str], wanted: str, only_open: bool) -> bool:
        """Whether a record is one that was asked for: the instance leaves out conditions that it does not like."""
        if only_open and row.get("active", "true") != "true":
            return False
        return any(wanted.casefold() in row.get(name, "").casefold() for name in ("short_description", "description"))

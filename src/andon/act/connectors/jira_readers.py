"""What can be looked up in a Jira: an issue by its key, issues by words, both in the projects of the settings alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from andon.act.connectors.connector import Reader
from andon.act.connectors.jira_rest import ISSUE_KEY, Found, Rest, quoted
from andon.act.connectors.jira_texts import plain_of
from andon.core.errors import ActionRefused
from andon.core.outgoing_http import entries, table, text

#: Issues that a search lists, comments that a look shows, words that are searched for.
ISSUES, COMMENTS, WORDS = 10, 3, 12
_DESCRIPTION_MAX, _COMMENT_MAX = 2_000, 600
_WORD = re.compile(r"\w{1,60}")

Key = Annotated[str, Field(max_length=120, description="Key of an issue, such as OPS-12.")]
Words = Annotated[str, Field(max_length=200, description="A few words, a code or a name that an issue may hold.")]


def readers(rest: Rest) -> Sequence[Reader]:
    """Two readers."""
    lookup = _Lookup(rest)
    projects = ", ".join(rest.projects)
    return (
        Reader("jira_issue", lookup.issue, f"One issue of Jira (projects {projects}) with its newest comments."),
        Reader("jira_search", lookup.search, f"Issues of Jira (projects {projects}) by words, the newest first."),
    )


class _Lookup:
    """The look-ups themselves. Each raises ActionError."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def issue(self, key: Key) -> str:
        """One issue: what it says, how it stands, its newest comments."""
        found = ISSUE_KEY.match(wanted := key.strip().upper())
        if found is None or found[1] not in self._rest.projects:
            raise ActionRefused(
                f"{key!r:.60} is not an issue of {self._rest.name} that may be read: use a key such as "
                f"{self._rest.projects[0]}-12 of the projects {', '.join(self._rest.projects)}"
            )
        fields = ("summary", "status", "priority", "issuetype", "created", "updated", "resolution", "description")
        issue = await self._rest.issue(wanted, fields)
        answer = await self._rest.get(
            f"issue/{wanted}/comment", orderBy="-created", maxResults=str(COMMENTS), expand="properties"
        )
        said = [plain_of(issue.fields.get("description"), _DESCRIPTION_MAX) or "It has no description."]
        for one in entries(answer, "comments")[:COMMENTS]:
            who = text(table(one, "author"), "displayName") or "somebody"
            said.append(f"Comment by {who}, {_day(one.get('created'))}: {plain_of(one.get('body'), _COMMENT_MAX)}")
        return "\n".join([_line(issue), *said])

    async def search(self, words: Words) -> str:
        """Issues that hold all of some words."""
        # words only: nothing that JQL, or the language of its texts, would take for its own
        wanted = [one.lower() for one in _WORD.findall(words)][:WORDS]
        if not wanted:
            raise ActionRefused("there is no word to search for: give at least one")
        projects = ", ".join(map(quoted, self._rest.projects))
        jql = f"project in ({projects}) AND text ~ {quoted(' '.join(wanted))} ORDER BY updated DESC"
        fields = ("summary", "status", "priority", "issuetype", "created", "updated", "resolution")
        found = await self._rest.search(jql, fields, ISSUES)
        if not found:
            return f"No issue of {', '.join(self._rest.projects)} holds all of: {' '.join(wanted)}"
        return "\n".join(_line(one) for one in found)


def _line(issue: Found) -> str:
    fields = issue.fields
    facts = [
        issue.status or "status not known",
        *(f"{name} {said}" for name in ("priority", "resolution") if (said := text(table(fields, name), "name"))),
        f"created {_day(fields.get('created'))}",
        f"updated {_day(fields.get('updated'))}",
    ]
    return f"{issue.key} ({', '.join(facts)}): {issue.summary}"


def _day(value: Any) -> str:
    """The day and minute of a time such as 2026-11-30T14:05:11.123+0100."""
    return value[:16].replace("T", " ") if isinstance(value, str) and value else "at an unknown time"

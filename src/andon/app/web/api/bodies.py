"""What the API takes in the body of a request: each field bounded and checked, unknown ones refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Depends
from pydantic import BeforeValidator, ConfigDict, Field

from andon.app.web.api.parameters import Id, Parameters, PrintableText, ReportQuestion, Text, Time
from andon.app.web.operations import MOST_AT_ONCE
from andon.app.web.people import Person, Role, at_least
from andon.core.lengths import read_seconds

#: Who may do what everybody on a shift does, and what only administrators do.
Operator = Annotated[Person, Depends(at_least(Role.OPERATOR))]
Admin = Annotated[Person, Depends(at_least(Role.ADMIN))]

_LONG = 20_000
LongText = Annotated[PrintableText, Field(min_length=1, max_length=_LONG)]
Note = Annotated[PrintableText, Field(max_length=_LONG, description="A note for those who come after.")]
By = Annotated[
    Text | None,
    Field(description="Who does it, where nobody is logged in: the name of a login or a token goes before."),
]
Ids = Annotated[list[Id], Field(min_length=1, max_length=MOST_AT_ONCE)]
_DAYS = 31


def _length(value: Any) -> Any:
    """Seconds, also of a length of time that is written as people do: ``8h``."""
    return read_seconds(value) if isinstance(value, str) and not value.strip().replace(".", "").isdigit() else value


Seconds = Annotated[
    float,
    BeforeValidator(_length),
    Field(ge=60, le=_DAYS * 86_400, description=f"For how long, in seconds or as 8h: 1 minute to {_DAYS} days."),
]


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [values]})


class Doing(Parameters):
    """Something that a person does, with nothing more to say."""

    model_config = _example(by="Meier")

    by: By = None


class Acknowledging(Doing):
    """Seen, with a note perhaps."""

    model_config = _example(by="Meier", note="fitter called")

    note: Note | None = None


class AcknowledgingSeveral(Acknowledging):
    """Several alarms at once, all or none."""

    model_config = _example(ids=[17, 18], by="Meier", note="fitter called")

    ids: Ids


class Shelving(Doing):
    """Off the active list for a time; the note says why."""

    model_config = _example(seconds=28_800, note="sensor is ordered, comes on Monday", by="Meier")

    seconds: Seconds
    note: LongText


class ShelvingSeveral(Shelving):
    """Several alarms at once, all or none."""

    model_config = _example(ids=[17, 18], seconds=28_800, note="sensor is ordered", by="Meier")

    ids: Ids


class Several(Doing):
    """Several at once, all or none."""

    model_config = _example(ids=[17, 18], by="Meier")

    ids: Ids


class Fixing(Doing):
    """What solved a problem, as the next shift should read it, and what was wrong."""

    model_config = _example(fix="Cleaned the fan of cabinet 4", cause="Dust in the filter", by="Meier")

    fix: LongText
    cause: Note | None = None


class Noting(Doing):
    """What others should know."""

    model_config = _example(text="Press 4 runs at 80 % until the new seal is in", by="Meier")

    text: LongText


class Merging(Doing):
    """The problem that another one becomes part of."""

    model_config = _example(into=12, by="Meier")

    into: Id


class Proposing(Doing):
    """A ticket, a message or an event about a problem, for a connected system; ``why`` is for whoever approves it.

    A ticket's text says it too.
    """

    model_config = _example(problem=12, target="jira", do="ticket", why="second time this week", by="Meier")

    problem: Id
    target: Annotated[PrintableText, Field(min_length=1, max_length=40)]
    do: Literal["ticket", "event", "message"] = "ticket"
    where: Annotated[Text, Field(description="Project, table or channel; the system's usual one unless given.")] = ""
    why: Annotated[PrintableText, Field(max_length=500)] = ""


class Uploading(Doing):
    """A report, an export, rows, an action of an ontology or an alert, for a connected system that takes such."""

    model_config = _example(target="foundry", what="report", name="night", why="for the weekly review", by="Meier")

    target: Annotated[PrintableText, Field(min_length=1, max_length=40)]
    what: Literal["report", "problems", "records", "action", "alert"]
    problem: Annotated[Id | None, Field(description="What an action, an alert or one row is about.")] = None
    name: Annotated[
        PrintableText, Field(max_length=100, description="Shift of a report, or action; the last or only one else.")
    ] = ""
    where: Annotated[Text, Field(description="Dataset or stream; the system's usual one unless given.")] = ""
    why: Annotated[PrintableText, Field(max_length=500)] = ""


class Approving(Doing):
    """The approval of an action whose requests have this hash."""

    model_config = _example(digest="1f0c8e22" * 8, by="Meier")

    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="Of the action, as it was looked at.")]


class Declining(Doing):
    """A reason, for whoever proposed it."""

    model_config = _example(note="maintenance knows of it", by="Meier")

    note: Annotated[PrintableText, Field(max_length=2_000)] | None = None


class Settling(Doing):
    """What the system calls what it made, such as the number of a ticket."""

    model_config = _example(ref="OPS-1482", by="Meier")

    ref: Text = ""


class Ticking(Doing):
    """A step of the explanation, by its place from 0; ``done`` false takes the tick back."""

    model_config = _example(step=0, done=True, by="Meier")

    step: Annotated[int, Field(ge=0, le=1_000)]
    done: bool = True


class Judging(Doing):
    """What a person says of an explanation; ``second``: of the second opinion below it."""

    model_config = _example(verdict="helpful", by="Meier", note="it was the second check")

    verdict: Literal["helpful", "wrong"]
    author: Annotated[Text | None, Field(description="The same as by.")] = None
    note: Annotated[PrintableText, Field(max_length=2_000)] | None = None
    second: bool = False


class Signing(ReportQuestion):
    """Who signs for a shift: the one that works at ``at`` (the present unless given), or that of a day."""

    model_config = _example(name="Meier", shift="early", day="2025-01-15")

    name: Annotated[PrintableText, Field(min_length=1, max_length=100)]


class Asking(Doing):
    """A question in own words, perhaps about a time and a part of the site."""

    model_config = _example(question="why did line 3 stop last night?")

    question: Annotated[PrintableText, Field(min_length=1, max_length=2_000)]
    since: Time | None = None
    until: Time | None = None
    host: Text | None = None
    line: Text | None = None
    service: Text | None = None


def named(person: Person, by: str | None) -> str | None:
    """Who did it: a login or a token is known by its name; where there is none, whom the request names."""
    return person.name or ((by or "").strip() or None)

"""What the screen Problem shows, in words of the floor, and its parts that change while one looks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from fastapi import HTTPException, Request

from andon.act.connectors.connector import Connector
from andon.app.background.changes import Topic
from andon.app.web.page.answer_sources import source
from andon.app.web.page.backend import Backend
from andon.app.web.page.charts import Bars
from andon.app.web.page.live import Elements, digest
from andon.app.web.page.rendering import number, rendered
from andon.app.web.page.screens import problem_outside
from andon.app.web.page.screens.problem_outside import Outside
from andon.app.web.people import Person, Role, person_of
from andon.core.models import ID_MAX
from andon.core.times import clock, seconds
from andon.insight.shifts.calendar import site_shifts
from andon.insight.situation import advice, situation
from andon.insight.situation.advice import Advice
from andon.insight.situation.course import Day
from andon.insight.situation.situation import Situation, Waiting
from andon.insight.titles import about, title_in, title_of
from andon.store import problems
from andon.store.problems import Verdict
from andon.store.queue import AnalysisEntry

#: What changes this screen.
TOPICS: tuple[Topic, ...] = ("logs", "work", "answers")

_LATER_ERROR_MAX = 200
#: Why an answer was asked for.
_REASONS = {
    "new": "new problem",
    "every": "every record is explained",
    "asked": "somebody asked",
    "split": "split off",
    "resolved": "fix confirmed",
    "revoked": "fix taken back",
    "severity": "it got worse",
    "host": "it came to another host",
    "rate": "it came more often",
    "age": "the answer was old",
    "site": "a runbook or rule was added",
    "runbook": "the runbook was removed",
    "rule": "a rule changed",
    "advice": "the previous answer was withdrawn",
    "second": "second opinion",
}
_WORTH = {
    "qualified": "This model passed its test on labelled cases.",
    "advisory": "This model has not proved itself here yet: treat this as a hint.",
    "unfit": "This model did not pass its test for this plant: treat this with caution.",
}


@dataclass(frozen=True)
class Earlier:
    """One answer of the past: when, from whom, why it was asked for, and what it said or why it said nothing."""

    at: str | None
    whose: str
    why: str
    says: str
    shown: bool


@dataclass(frozen=True)
class View:
    """A problem as one person sees it at one moment (``now``, unix seconds)."""

    backend: Backend
    found: Situation
    person: Person
    now: float
    outside: Outside = field(default_factory=Outside)

    @property
    def id(self) -> int:
        """Its number."""
        return self.found.problem.id

    @cached_property
    def title(self) -> str:
        """Its text with the values that it had last, in one line."""
        found = self.found
        text = found.state.text
        if text is None and found.state.condition == "none" and found.newest:
            text = found.newest[0].message
        title = (title_of(found.problem.template) if text is None else title_in(text)) or "A record without text"
        return about(title, *self.places)

    @cached_property
    def places(self) -> list[str]:
        """Where it is: machine (or how many), then line or area."""
        state, newest = self.found.state, self.found.newest
        machines = list(state.places)
        line = state.line or state.area
        if not machines and newest:
            machines = [newest[0].machine or newest[0].hostname]
            line = newest[0].line or newest[0].area
        if not machines:
            machines = [host for host, _ in self.found.problem.hosts]
        named = [] if not machines else [machines[0] if len(machines) == 1 else f"{number(len(machines))} machines"]
        return [*named, *([line] if line and line not in named else [])]

    @property
    def line(self) -> str | None:
        """The line (or area) that it belongs to."""
        state, newest = self.found.state, self.found.newest
        own = state.line or state.area
        return own or ((newest[0].line or newest[0].area) if newest and not state.places else None)

    @property
    def first_seen(self) -> float | None:
        """When it came first; None where its text is no time, as it may be in a database that was taken over."""
        return _moment(self.found.problem.first_seen)

    @property
    def last_seen(self) -> float | None:
        """When it came last."""
        return self.found.state.last_seen or _moment(self.found.problem.last_seen)

    @cached_property
    def look(self) -> str:
        """How its severity is drawn: ``open``, ``acked`` or ``cleared``."""
        state = self.found.state
        if state.condition in ("shelved", "cleared"):
            return "cleared"
        return "open" if state.open or state.condition == "none" else "acked"

    @property
    def may_work(self) -> bool:
        """Whether this person acknowledges, notes and judges."""
        return self.person.role >= Role.OPERATOR

    @property
    def may_group(self) -> bool:
        """Whether this person merges and splits."""
        return self.person.role >= Role.ADMIN

    @property
    def connectors(self) -> Mapping[str, Connector]:
        """The connected systems."""
        return self.backend.proposals.connectors

    # The answer

    @property
    def advice(self) -> Advice | None:
        """What is advised; None where nothing yet."""
        return self.found.advice

    @property
    def key(self) -> str:
        """Tells this answer from any other; empty where there is none."""
        return "" if self.advice is None else self.advice.key

    @property
    def done(self) -> int:
        """How many steps are ticked off."""
        return len(self.found.ticks)

    @cached_property
    def source_tag(self) -> tuple[str, str]:
        """The icon and the words of where the answer comes from."""
        shown = self.advice
        if shown is None:
            return "", ""
        if shown.fix is not None or shown.rung == "resolution":
            at = clock(seconds(shown.fix.created_at if shown.fix is not None else shown.since), self.backend.zone)
            return "wrench", f"Fix confirmed by your crew, {at.day} {at:%b}"
        if shown.provisional:
            return "", "Built-in rules, for now. A fuller answer follows."
        names = {"runbook": ("book", "From your runbook"), "model": ("robot", "From the model")}
        return names.get(shown.rung, ("", {"playbook": "Built-in rules"}.get(shown.rung, "An earlier answer")))

    @property
    def answer_from(self) -> str:
        """The same as a fact."""
        return source(self.advice.rung) if self.advice is not None else "none yet"

    @property
    def helpful(self) -> list[Verdict]:
        """Words for the answer that is shown."""
        return [one for one in self._said if one.verdict == "helpful"]

    @property
    def wrong(self) -> list[Verdict]:
        """Words against it."""
        return [one for one in self._said if one.verdict == "wrong"]

    @property
    def mine(self) -> str:
        """What this person said of it: ``helpful``, ``wrong`` or nothing."""
        return next((one.verdict for one in self._said if one.author == self.person.name), "")

    @property
    def mine_below(self) -> str:
        """What this person said of the second opinion."""
        below = self.found.second
        said = [] if below is None else [one for one in self.found.verdicts if one.analysis_id == below.analysis_id]
        return next((one.verdict for one in said if one.author == self.person.name), "")

    @property
    def _said(self) -> list[Verdict]:
        own = self.advice.analysis_id if self.advice is not None else 0
        return [one for one in self.found.verdicts if one.analysis_id == own]

    @property
    def worth(self) -> str:
        """What the second opinion is worth."""
        below = self.found.second
        return "" if below is None else _WORTH.get(below.standing or "", _WORTH["advisory"])

    @property
    def opinion(self) -> Advice | None:
        """The second opinion, read as the answer is."""
        return None if self.found.second is None else advice.opinion(self.found.second)

    @property
    def help_wanted(self) -> list[str]:
        """Records that would help where there is not enough evidence."""
        host = self.found.newest[0].hostname if self.found.newest else ""
        found = [f"what {host or 'its host'} logged in the ten minutes before and after"]
        if not self.found.course.times:
            found.append("a record that says when it ended")
        return found

    @cached_property
    def waiting(self) -> str:
        """What is known of an answer that is still to come, in a sentence; empty where none is."""
        wait = self.found.waiting
        if wait is None:
            return ""
        what = "A new answer" if self.advice is not None else "The answer"
        return f"{what} {_progress(wait, self.now)}"

    @property
    def waits_error(self) -> str:
        """Why there is no answer yet."""
        wait = self.found.waiting
        return "" if wait is None or not wait.error else _short(wait.error)

    @cached_property
    def earlier(self) -> list[Earlier]:
        """Answers so far, the newest first; what was put aside unread is left out."""
        shown = self.advice.analysis_id if self.advice is not None else 0
        return [_earlier(row, shown) for row in self.found.history if row.text or row.status in ("failed", "refused")]

    @property
    def standing_merges(self) -> int:
        """How many other texts count as this problem."""
        return len(self.found.problem.members) - 1

    @cached_property
    def chart(self) -> Bars:
        """How often it came, day by day."""
        days = self.found.course.days
        values = [day.count for day in days]
        since, last = days[0].start, len(days) - 1
        return Bars(
            id="trend",
            label=f"Times per day over {len(days)} days, {number(sum(values))} in total",
            since=since,
            step=86_400.0,
            values=values,
            until=since + 86_400.0 * len(days),
            ticks=[(since + 86_400.0 * (at + 0.5), _tick(days[at], at == last, self)) for at in (0, last // 2, last)],
            one="time",
            many="times",
            names=("Day", "Times"),
            rows=[(_date(day, self), number(day.count)) for day in reversed(days) if day.count],
        )


def _moment(text: str) -> float | None:
    try:
        return seconds(text)
    except ValueError:
        return None


def _date(day: Day, view: View) -> str:
    at = clock(day.start, view.backend.zone)
    return f"{at:%a} {at.day} {at:%b}"


def _tick(day: Day, last: bool, view: View) -> str:
    at: datetime = clock(day.start, view.backend.zone)
    return "Today" if last else f"{at.day} {at:%b}"


def _progress(wait: Waiting, now: float) -> str:
    if wait.being_answered:
        return "is being written now."
    if wait.error and wait.due > now:
        return f"is due: next try in {max(1, round(wait.due - now))} s."
    if wait.ahead is None:
        return "is waiting behind many other questions."
    if not wait.ahead:
        return "is next in line."
    return f"is waiting behind {number(wait.ahead)} other question{'s' if wait.ahead > 1 else ''}."


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LATER_ERROR_MAX else line[: _LATER_ERROR_MAX - 1].rstrip() + "…"


def _earlier(row: AnalysisEntry, shown: int) -> Earlier:
    names = {"resolution": "Confirmed fix", "runbook": "Your runbook", "playbook": "Built-in rules"}
    whose = "The model" if row.rung in (None, "model") else names.get(row.rung, "An earlier answer")
    if row.second_of is not None:
        whose = "Second opinion from the model"
    says = _short(row.text or "")
    if row.status == "refused":
        says = f"Not shown, because it breaks the rules for answers: {_short(row.last_error or 'reason not known')}"
    elif row.status == "failed" and row.last_error:
        says = f"No answer from the model: {_short(row.last_error)}"
    return Earlier(row.finished_at, whose, _REASONS.get(row.reason, row.reason), says, row.id == shown)


async def root_of(backend: Backend, problem_id: int) -> int:
    """The problem that this number stands for, another one where it is merged. Raises HTTPException (404)."""
    root = await backend.ask(problems.root_of, problem_id) if 0 < problem_id <= ID_MAX else None
    if root is None:
        raise HTTPException(404, f"There is no problem {problem_id}. Its number is wrong, or it was deleted.")
    return root


async def look(request: Request, backend: Backend, root: int) -> View:
    """Read a problem for whoever asks."""
    now = time.time()
    found = await backend.ask(situation.read, root, now, site_shifts(backend.settings), backend.zone)
    return View(backend, found, person_of(request), now, await backend.ask(problem_outside.read, root))


#: Parts that say what the answer says: they change only where the reader asks, not under their eyes.
ANSWER = ("steps", "progress", "help")
#: The others, which change by themselves.
_LIVE = ("head", "waiting", "facts", "trend", "trend-table", "outside", "notes", "history")


def elements(request: Request, view: View, *, answer: str) -> Elements:
    """The parts of the screen that change while one looks, by their ids.

    ``answer`` is the key of the answer that the page shows. Where another one has arrived that is told, and nothing of
    what is being read moves; where none was shown yet, the first one comes at once.
    """
    names = [*_LIVE]
    if view.key:
        names += ANSWER if answer == view.key else () if answer else ("answer",)
    found = {name: part(request, view, name) for name in names}
    arrived = bool(answer) and answer != view.key
    return found | {"arrived": part(request, view, "arrived", arrived=arrived)}


def digest_of(request: Request, view: View) -> str:
    """What a page that shows this tells its stream; see :func:`andon.app.web.page.live.updates`."""
    return digest(elements(request, view, answer=view.key), view.backend.changes)


def part(request: Request, view: View, name: str, **values: object) -> str:
    """One part of the screen."""
    return rendered(request, view.backend, f"problem/{name}.html", view=view, **values)

"""What an investigating model may do: look into the site's history, read only, a bounded number of times.

:class:`HistoryTools` holds the tools as plain async functions from arguments to text; :func:`toolset` offers them to a
pydantic-ai agent, :mod:`mcp_server` to any MCP client. What a tool returns is data: JSON lines in a fence,
redacted and cut to a size. What went wrong is said in words that help to ask better, never as a traceback.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Literal, ParamSpec

import structlog
from pydantic import Field

from andon.act.connectors.connector import Reader
from andon.core.errors import QueryTooSlow, StoreError, UnknownName
from andon.core.models import ID_MAX, HistoryQuery, PatternFacts, utc_text
from andon.core.models.explanations import question_of
from andon.core.redact import clean, one_numbering
from andon.core.written_times import read_time
from andon.explain.model.fence import encode, facts_fields, fenced, fit, listing, log_line, problem_fields, size
from andon.explain.model.outside_tools import tool_of
from andon.explain.model.time_phrases import shown
from andon.explain.providers.backend import Capabilities
from andon.explain.runbooks.runbooks import MarkdownRunbooks
from andon.grouping.similar import Likeness
from andon.store import Ask, agent_history, names
from andon.store.names import Read

if TYPE_CHECKING:
    from pydantic_ai.toolsets import AbstractToolset

log = structlog.get_logger(__name__)

P = ParamSpec("P")

CALLS = 8
#: Calls of one tool with arguments that are none, after which the model is taken for one that cannot call tools.
WRONG_CALLS = 3
#: Below this window (tokens) a conversation with tools does not fit: their description alone takes some 2,000.
TOOLS_CONTEXT = 8_000
#: Bytes of all answers where the model's window is not known.
ROOM = 12_000
#: Seconds for one call, the database's own deadline included.
TIMEOUT = 10.0
#: Bytes of one answer, and of one log in it.
OUTPUT_MAX = 8_000
_LOG_MAX = 700
_ROWS = 20
#: Problems that are compared with a text.
COMPARED = 5_000
_ALIKE = 4
_DEFAULT_SPAN = timedelta(hours=24)

#: What the site's own tools are called.
NAMES = ("search_logs", "host_timeline", "list_problems", "problem_statistics", "similar_problems", "runbooks")
#: Arguments that people are not told of.
_UNTOLD = frozenset({"self", "limit", "oldest_first", "minutes_before", "minutes_after"})

NARROW = (
    "Narrow your query: a shorter time (since, until), one host, service or place, severity ERROR or CRITICAL, a text "
    "or a pattern_id."
)
NO_MORE = "No further look-up is possible for this question: answer now with what you have."

Severe = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
When = Annotated[
    str | None, Field(max_length=60, description="ISO 8601 (2025-01-15T02:00) or an age like 30m, 8h, 2d.")
]
Name = Annotated[str | None, Field(max_length=200, description="As logs write it, or with * and ? as wildcards.")]
Place = Annotated[
    str | None,
    Field(max_length=200, description="A site, area, line or machine, such as line 3; * and ? are wildcards."),
]
PatternId = Annotated[int, Field(ge=1, le=ID_MAX, description="Id of a problem, from the other tools.")]


#: A method of HistoryTools that a model may call.
Tool = Callable[Concatenate["HistoryTools", P], Coroutine[Any, Any, str]]


class Refused(Exception):
    """A call that could not be answered; its text tells the model what to do instead."""


def _tool(work: Tool[P]) -> Tool[P]:
    """A tool that does ``work``: its calls are counted, and where it finds nothing it says in words why."""
    signature = inspect.signature(work)

    @functools.wraps(work)
    async def answer(self: HistoryTools, /, *args: P.args, **kwargs: P.kwargs) -> str:
        with one_numbering() as redactor:
            return redactor.again(await looked_up(self, *args, **kwargs))

    async def looked_up(self: HistoryTools, /, *args: P.args, **kwargs: P.kwargs) -> str:
        given = signature.bind(self, *args, **kwargs)
        given.apply_defaults()
        asked = ", ".join(
            f"{name} {clean(str(value), 80)}"
            for name, value in given.arguments.items()
            if value not in (None, "") and name not in _UNTOLD
        )
        return await self.counted(work.__name__, asked, lambda: look(self, *args, **kwargs))

    async def look(self: HistoryTools, /, *args: P.args, **kwargs: P.kwargs) -> str:
        try:
            async with asyncio.timeout(self._timeout):
                return await work(self, *args, **kwargs)
        except (Refused, UnknownName) as error:
            return clean(str(error), 1_000)  # names that logs brought stand in it
        except (QueryTooSlow, TimeoutError):
            return f"That reads too much of the database. {NARROW}"
        except StoreError as error:
            log.warning("tool not answered", tool=work.__name__, error=str(error))
            return "The database cannot be read now: answer with what you have."

    return answer


class HistoryTools:
    """The tools over what ``ask`` is put to. One object serves one question: it counts its calls and what they took.

    ``clock`` gives the present (aware, in the site's zone): what ages look back from; naive times are in its zone.
    ``calls`` is the most calls (None: any number, and nothing is remembered of them), ``room`` the bytes that all
    answers together may take. ``seen`` are the ids of the logs that were shown, ``used`` the calls so far as (tool,
    what was asked); ``looked`` is told each of them as it begins. ``readers`` look into connected systems.
    """

    def __init__(
        self,
        ask: Ask,
        *,
        clock: Callable[[], datetime],
        likeness: Likeness | None = None,
        runbooks: MarkdownRunbooks | None = None,
        calls: int | None = CALLS,
        room: int | None = None,
        timeout: float = TIMEOUT,
        looked: Callable[[str, str], None] | None = None,
        readers: Sequence[Reader] = (),
    ) -> None:
        self._ask = ask
        self._now = clock
        self._likeness = likeness
        self._runbooks = runbooks
        #: Most calls; None where nobody counts.
        self.calls = calls
        self._room = room
        self._timeout = timeout
        self._looked = looked
        self._readers = readers
        self.seen: set[int] = set()
        self.used: list[tuple[str, str]] = []

    @property
    def spent(self) -> bool:
        """Whether no further call will be answered."""
        return (self.calls is not None and len(self.used) >= self.calls) or (self._room is not None and self._room <= 0)

    @property
    def functions(self) -> list[Callable[..., Awaitable[str]]]:
        """Every tool."""
        return [
            self.search_logs,
            self.host_timeline,
            self.list_problems,
            self.problem_statistics,
            self.similar_problems,
            self.runbooks,
            *(tool_of(reader, self.counted, lambda: self.output_room) for reader in self._readers),
        ]

    async def counted(self, name: str, asked: str, work: Callable[[], Awaitable[str]]) -> str:
        """What ``work`` finds, as a call of tool ``name`` that was ``asked`` something; words where none is left."""
        if self.spent:
            return NO_MORE
        if self.calls is None:  # nobody counts: nothing may pile up over days
            self.seen.clear()
        else:
            self.used.append((name, asked))
        if self._looked is not None:
            self._looked(name, asked)
        text = await work()
        if self._room is not None:
            self._room -= size(text)
        return text

    @_tool
    async def search_logs(
        self,
        since: When = None,
        until: When = None,
        severity: Annotated[Severe | None, Field(description="This severity and worse.")] = None,
        host: Name = None,
        service: Name = None,
        place: Place = None,
        text: Annotated[str | None, Field(max_length=200, description="Part of the message, in any case.")] = None,
        pattern_id: Annotated[int | None, Field(ge=1, le=ID_MAX, description="Logs of this problem alone.")] = None,
        oldest_first: Annotated[bool, Field(description="Begin with the oldest; else with the newest.")] = False,
        limit: Annotated[int, Field(ge=1, le=100, description="Most logs listed.")] = _ROWS,
    ) -> str:
        """Search the stored logs. Every filter is optional and all must hold."""
        query = HistoryQuery(
            since=self._moment(since),
            until=self._moment(until),
            severity=severity,
            host=host,
            service=service,
            place=place,
            text=text,
            pattern_id=pattern_id,
            oldest_first=oldest_first,
            limit=limit + 1,
        )
        return await self._logs(query)

    @_tool
    async def host_timeline(
        self,
        host: Annotated[str, Field(min_length=1, max_length=200, description="The host, as logs name it.")],
        at: Annotated[str, Field(max_length=60, description="The moment: ISO 8601 or an age like 8h.")],
        minutes_before: Annotated[int, Field(ge=0, le=1440)] = 10,
        minutes_after: Annotated[int, Field(ge=0, le=1440)] = 5,
    ) -> str:
        """What one host logged around a moment, in the order of time: what led up to it and what followed."""
        middle = datetime.fromisoformat(self._moment(at) or "")
        return await self._logs(
            HistoryQuery(
                host=host,
                since=utc_text(middle - timedelta(minutes=minutes_before)),
                until=utc_text(middle + timedelta(minutes=minutes_after)),
                oldest_first=True,
                limit=61,
            )
        )

    @_tool
    async def list_problems(
        self,
        since: When = None,
        until: When = None,
        severity: Annotated[Severe | None, Field(description="This severity and worse.")] = None,
        host: Name = None,
        service: Name = None,
        place: Place = None,
        order: Annotated[
            Literal["first", "count", "severity"],
            Field(description="What comes first: what began first (often the cause), most logs, or worst severity."),
        ] = "first",
        limit: Annotated[int, Field(ge=1, le=50)] = _ROWS,
    ) -> str:
        """The problems (groups of like logs) of a stretch of time, the last 24 hours unless given: which occurred
        together, and which one came first."""
        start = self._moment(since) if since or until else utc_text(self._now() - _DEFAULT_SPAN)
        query = HistoryQuery(
            since=start,
            until=self._moment(until),
            severity=severity,
            host=host,
            service=service,
            place=place,
            limit=limit + 1,
        )
        read = await self._ask(names.read, query)
        found = await self._ask(agent_history.problems, read.query, order)
        if not found:
            return await self._nothing(read)
        self.seen.update(i for one in found[:limit] for i in (one.first_log, one.last_log) if i is not None)
        lines = (encode(problem_fields(one, self._now())) for one in found[:limit])
        return self._lines(lines, more=len(found) > limit, notes=read.notes)

    @_tool
    async def problem_statistics(self, pattern_id: PatternId, at: When = None) -> str:
        """One problem: how often, how fast now against usual, since when, on which hosts, its explanation and confirmed
        fixes. Rates look back from ``at``, its last log unless given."""
        found = await self._problem(pattern_id, self._moment(at))
        self.seen.update(found.newest)
        # a model that explains or answers here is not to be told what an unproved one said; a client's own may be
        return self._lines([encode(facts_fields(found, self._now(), opinions=self.calls is None))])

    @_tool
    async def similar_problems(
        self,
        text: Annotated[str | None, Field(max_length=2_000, description="Words of a log or a symptom.")] = None,
        pattern_id: Annotated[int | None, Field(ge=1, le=ID_MAX, description="Or the id of a problem.")] = None,
    ) -> str:
        """Problems of any time that read alike, with what explained and what fixed them."""
        if not (text or "").strip() and pattern_id is None:
            raise Refused("Give text or pattern_id.")
        found = await self.alike(text, pattern_id)
        if not found:
            return "No problem reads like that."
        self.seen.update(one for facts, _ in found for one in facts.newest)
        return self._lines(encode(facts_fields(facts, self._now(), likeness=score)) for facts, score in found)

    @_tool
    async def runbooks(
        self,
        text: Annotated[str, Field(min_length=1, max_length=2_000, description="A log's message, or a symptom.")],
        service: Annotated[str, Field(max_length=200, description="The service that logged it.")] = "",
        host: Annotated[str, Field(max_length=200, description="The host that logged it.")] = "",
    ) -> str:
        """This site's own runbooks that match."""
        hints = self._runbooks.hints(question_of(text, service, host)) if self._runbooks is not None else []
        if not hints:
            return "No runbook matches."
        return self._lines(
            encode({"runbook": clean(h.source, 120), "title": clean(h.title, 200), "text": clean(h.text, 1_500)})
            for h in hints
        )

    async def alike(self, text: str | None, pattern_id: int | None) -> list[tuple[PatternFacts, float]]:
        """Problems that read like a text or another problem, the most alike first. Raises Refused and StoreError."""
        own = None if pattern_id is None else await self._problem(pattern_id)
        if self._likeness is None:
            return []
        known = [(id_, template) for id_, template in await self._ask(agent_history.templates, COMPARED)]
        wanted = " ".join([text or "", own.template if own else ""])
        scored = await asyncio.to_thread(self._likeness, wanted, known, _ALIKE + 1)
        others = [(id_, score) for id_, score in scored if own is None or id_ != own.pattern_id][:_ALIKE]
        found = [(await self._ask(agent_history.pattern, id_), score) for id_, score in others]
        return [(facts, score) for facts, score in found if facts is not None]

    async def _problem(self, pattern_id: int, at: str | None = None) -> PatternFacts:
        found = await self._ask(agent_history.pattern, pattern_id, at)
        if found is None:
            await self._ask(names.known_problem, pattern_id)
            raise Refused("No problem is stored yet.")
        return found

    async def _logs(self, query: HistoryQuery) -> str:
        """What ``query`` finds but the last of its limit, which only shows that there is more."""
        read = await self._ask(names.read, query)
        found = await self._ask(agent_history.find, read.query)
        if not found:
            return await self._nothing(read)
        lines = [log_line(one, _LOG_MAX) for one in found[: query.limit - 1]]
        kept = listing(lines, self.output_room).lines
        self.seen.update(one.id for one in found[: len(kept)])
        return self._lines(lines, more=len(found) >= query.limit, notes=read.notes)

    def _lines(self, lines: Iterable[str], *, more: bool = False, notes: Iterable[str] = ()) -> str:
        """The lines that fit, and words to narrow the question where that is not all."""
        every = list(lines)
        room = self.output_room
        kept, left_out, _ = listing(every, room)
        if not kept:
            kept = [encode({"cut": fit(every[0], max(200, room - 20))})]
            left_out = len(every) - 1
        note = f"\nNot all that matches is shown. {NARROW}" if more or left_out else ""
        return f"{''.join(map(_sentence, notes))}{fenced(kept)}{note}"

    @property
    def output_room(self) -> int:
        """Bytes that the next answer may take."""
        return OUTPUT_MAX if self._room is None else max(400, min(OUTPUT_MAX, self._room))

    def _moment(self, text: str | None) -> str | None:
        if text is None or not text.strip():
            return None
        try:
            return read_time(text, self._now().tzinfo or UTC, self._now())
        except ValueError as error:
            raise Refused(f"{error}.") from None

    async def _nothing(self, read: Read[HistoryQuery]) -> str:
        span = await self._ask(agent_history.span)
        if span is None:
            return "Nothing matches: no log is stored yet."
        oldest, newest = (shown(one, self._now()) for one in span)
        said = "".join(map(_sentence, [*read.notes, *read.empty]))
        return f"{said}Nothing matches. Logs are stored from {oldest} to {newest}."


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{clean(note[1:], 400)}.\n"


def usable_by(can: Capabilities) -> bool:
    """Whether such a model can call tools, and has room for what they answer."""
    return can.tools and (can.context is None or can.context >= TOOLS_CONTEXT)


def toolset(tools: HistoryTools) -> AbstractToolset[Any]:
    """``tools`` for a pydantic-ai agent; offered no longer once they are spent, so that the model has to answer.

    Arguments of the wrong type are told to the model by the library, a few times.
    """
    from pydantic_ai.toolsets import FunctionToolset

    made: FunctionToolset[Any] = FunctionToolset(tools.functions, max_retries=WRONG_CALLS, timeout=2 * TIMEOUT)
    return made.filtered(lambda _context, _tool: not tools.spent)

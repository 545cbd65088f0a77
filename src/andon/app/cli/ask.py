"""``andon ask``: a question about the history, answered in words that cite stored records."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.cells import cell_len

from andon.app.cli.filters import Since, Until, named_options
from andon.app.cli.logs import as_object as log_object
from andon.app.cli.output import (
    When,
    command_settings,
    console,
    errors,
    plain,
    print_json,
    print_listing,
    print_wrapped,
    severity_text,
)
from andon.app.investigation import investigator, present
from andon.core.text import counted
from andon.insight.ask.conversation import Watch
from andon.insight.ask.retrieval import Inquiry
from andon.insight.filters import span

if TYPE_CHECKING:
    from andon.core.settings.settings import Settings
    from andon.insight.ask.investigator import Investigated


_SPACES = re.compile(r"(\s+)")


def ask(
    words: Annotated[
        list[str], typer.Argument(metavar="QUESTION", help="The question; in quotes if it has a ' or a wildcard.")
    ],
    since: Since = None,
    until: Until = None,
    host: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only logs of this host; * and ? are wildcards.")
    ] = None,
    line: Annotated[
        str | None, typer.Option("--line", metavar="NAME", help="Only logs of this line, machine, area or site.")
    ] = None,
    service: Annotated[str | None, typer.Option(metavar="NAME", help="Only logs of this service.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: the answer and the logs it cites.")] = False,
) -> None:
    """Ask about the history in your own words. The answer cites the logs it relies on.

    Andon reads times (last night, since 06:00, yesterday between 2 and 4 pm), hosts, lines, codes and the kind of
    question (the most frequent, what is new, what about log 514, how do I fix F30004) from the question, in English or
    German. Without a model, it answers with what the database holds.

    Example: andon ask "why did line 3 stop last night?"
    """
    question = " ".join(words)
    if not question.strip():
        raise typer.BadParameter("say what you want to know", param_hint="QUESTION")
    settings = command_settings()
    with named_options():
        begin, end = span(since, until, settings.time_zone)
    inquiry = Inquiry(
        text=question.strip(),
        now=present(settings),
        since=begin,
        until=end,
        host=host,
        place=line,
        service=service,
    )
    answer = asyncio.run(_answer(settings, inquiry, follow=not as_json))
    if as_json:
        print_json(as_object(answer, question))
    else:
        print_answer(answer, settings)


async def _answer(settings: Settings, inquiry: Inquiry, *, follow: bool) -> Investigated:
    async with investigator(settings) as made:
        watch = Following() if follow else None
        try:
            return await made.answer(inquiry, watch)
        finally:
            if watch is not None:
                watch.restart()  # what was begun ends on a line of its own


class Following(Watch):
    """Prints an answer as it comes: the model's words on standard output, what it looks up on standard error.

    On a terminal lines end between words, so the last word is held back until what follows it has come.
    """

    def __init__(self) -> None:
        self._within_line = False
        self._column = 0
        self._held = ""
        self._status = errors.status("asking …")
        if errors.is_terminal:
            self._status.start()

    def text(self, piece: str) -> None:
        self._status.stop()
        if console.is_terminal:
            *words, self._held = _SPACES.split(self._held + piece)
            piece = "".join(map(self._wrapped, words))
        self._print(piece)

    def restart(self) -> None:
        self._status.stop()
        self._print(self._wrapped(self._held))
        self._held = ""
        if self._within_line:
            console.out("", highlight=False)
        self._within_line, self._column = False, 0

    def _print(self, piece: str) -> None:
        console.out(piece, end="", highlight=False)
        console.file.flush()
        self._within_line = not piece.endswith("\n") if piece else self._within_line

    def _wrapped(self, word: str) -> str:
        """A word, blanks or line ends, as they are printed behind what was."""
        if "\n" in word:
            self._column = cell_len(word.rpartition("\n")[2])
            return word
        taken = cell_len(word)
        if self._column and not word.isspace() and self._column + taken > console.width:
            self._column = taken
            return f"\n{word}"
        self._column += taken
        return word

    def looked(self, tool: str, asked: str) -> None:
        self.restart()
        if errors.is_terminal:
            errors.print(f"looking: {tool.replace('_', ' ')} {asked}".rstrip(), style="dim", markup=False)


def as_object(answer: Investigated, question: str) -> dict[str, Any]:
    """The answer for ``--json``."""
    value = {"question": question, **dataclasses.asdict(dataclasses.replace(answer, cited=[]))}
    del value["looked_at"]
    value["cited"] = [log_object(one) for one in answer.cited]
    value["looked"] = [{"tool": tool, "asked": asked} for tool, asked in answer.looked]
    return value


def print_answer(answer: Investigated, settings: Settings) -> None:
    """What a model's words do not say by themselves: how the answer came about, and the logs behind it."""
    if answer.mode == "none":
        reason = f"No model answered: {answer.reason}".rstrip(".")
        print_wrapped(f"{reason}. This is what the logs show.")
        console.print()
        print_wrapped(answer.text)
        if answer.cited:
            console.print("\n`andon show ID` shows a log in full.", style="dim")
        return
    if answer.unknown:
        ids = ", ".join(str(one) for one in answer.unknown)
        console.print(
            f"\nThe answer cites log {ids}, which the model was not shown: do not rely on what it says about that.",
            style="yellow",
            soft_wrap=True,
        )
    console.print()
    if answer.cited:
        print_cited(answer, settings)
    else:
        console.print("The answer cites no stored log: check it before you rely on it.", style="yellow")
    looked = f", {counted(len(answer.looked), 'look-up')}" if answer.mode == "tools" else ""
    by = f"{answer.model} ({answer.provider}), {answer.latency:.1f} s{looked}. {answer.scope}."
    console.print(plain(" ".join([by, *answer.notes])), style="dim", soft_wrap=True)


def print_cited(answer: Investigated, settings: Settings) -> None:
    """The logs behind an answer, one line each."""
    zone = settings.time_zone
    rows = (
        (one.id, When(one.timestamp, zone, exact=True), severity_text(one.severity), one.hostname, one.message)
        for one in answer.cited
    )
    print_listing(("log>", "time", "severity", "host", "message~"), rows)

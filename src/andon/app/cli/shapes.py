"""Commands and groups as all of ours are: plain words in help and errors, other names of options, ids as commands."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from andon.core.text import printable

#: What Typer raises where a command line cannot be read; it has no public name of its own.
UsageError: Any = typer.BadParameter.__base__
#: How the help of an argument begins that is an id.
_ID = re.compile(r"Ids? of ")
_EXTRA = re.compile(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", re.DOTALL)
#: How Typer writes an argument that must be given.
_REQUIRED = re.compile(r"^\{(.*)\}")
#: Names of options from before; they go on working, and help does not show them.
FORMER = frozenset({"--pattern", "--top", "--rows"})

#: What ``list`` stands for behind commands that list without being groups: their bare name, or the list most asked for.
LISTINGS = {"logs": [], "queue": [], "trends": [], "sources": [], "retention": [], "alarms": ["active"]}
#: What the groups list whose things are named by number, by what lists them.
_NUMBERED = {"problems": "problem", "patterns": "problem", "actions": "action", "rejects": "message"}
#: What one may have meant by a word behind a command that takes none.
_MEANT = {"logs": "`andon show ID` shows one log, --text finds logs with a word"}


class _Plain:
    """What commands and groups share, before Typer's own class."""

    def __init__(self, **given: Any) -> None:
        # the terminal's width says where lines of help break, not the source's
        paragraphs = inspect.cleandoc(given.get("help") or "").split("\n\n")
        super().__init__(**given | {"help": "\n\n".join(" ".join(one.split()) for one in paragraphs)})
        self._former: list[TyperOption] = []
        for one in self.params:  # type: ignore[attr-defined]  # of Typer's class, here and below
            if isinstance(one, TyperOption) and (former := [name for name in one.opts if name in FORMER]):
                if shown := [name for name in one.opts if name not in FORMER]:
                    other = copy.copy(one)
                    one.opts, other.opts = shown, former
                    self._former.append(other)
                else:
                    one.hidden = True

    def make_parser(self, ctx: Any) -> Any:
        """The parser, which also knows the former names."""
        parser = super().make_parser(ctx)  # type: ignore[misc]
        for one in self._former:
            one.add_to_parser(parser, ctx)
        return parser

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, also those that Typer adds, with names of their values that people read."""
        found: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for one in found:
            in_words(one)
        return found

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The pieces of the usage line: what must be given as it is, what may be left out in brackets."""
        pieces: list[str] = super().collect_usage_pieces(ctx)  # type: ignore[misc]
        return [_REQUIRED.sub(r"\1", one) for one in pieces]


class Command(_Plain, TyperCommand):
    """A command. One that lists may be told to ``list``, as a group may."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments: ``logs list`` is ``logs``."""
        if args[:1] == ["list"] and ctx.parent is not None and ctx.parent.parent is None:
            args = [*LISTINGS.get(self.name or "", args[:1]), *args[1:]]
        return super().parse_args(ctx, args)


class Group(_Plain, TyperGroup):
    """A group. Its bare name lists, and ``list`` does the same; an id in place of a command shows what has it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments: ``problems list`` is ``problems``, and ``token`` is ``token list``."""
        if "list" in self.commands:
            wanted = not args or (args[0].startswith("-") and args[0] not in self.get_help_option_names(ctx))
            args = ["list", *args] if wanted and not self.invoke_without_command else args
        elif args[:1] == ["list"] and self.invoke_without_command:
            args = args[1:]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that ``args`` name, and the arguments behind its name."""
        if args[0].isdecimal() and args[0] not in self.commands and "show" in self.commands:
            args = ["show", *args]
        try:
            return super().resolve_command(ctx, args)
        except UsageError as error:
            thing = _NUMBERED.get(self.name or "")
            if thing and not error.message.endswith("?"):  # by which Typer says what was meant
                listing = f"andon {self.name}"
                error.message += f" A number names the {thing}, as in `{listing} 12`; `{listing}` lists them."
            raise


def in_words(param: Any) -> None:
    """Give a parameter the name of its values that people read: N, TEXT, PATH, and nothing for a flag."""
    if not isinstance(param, TyperOption):
        param.metavar = param.metavar and param.metavar.strip("[]")  # Typer adds brackets to what may be left out
        if not param.type_descriptor.is_choice:
            param.display_type_rich = _no_kind  # its name says what it is
    elif param.metavar is None and not param.type_descriptor.is_choice:
        param.metavar = _kind(param)
    param.min = param.max = None  # for help alone, which would show the ends of an id's range; the error names them


def _no_kind(ctx: Any) -> str:
    del ctx
    return ""


def _kind(param: TyperOption) -> str:
    if param.is_flag:
        return ""
    kinds = set(_leaves(param.type_descriptor.annotation))
    return "N" if kinds & {int, float} else "PATH" if Path in kinds else "TEXT"


def _leaves(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is None:
        yield annotation
    for one in get_args(annotation):
        yield from _leaves(one)


def say_plainly(error: Any) -> None:
    """Put a refusal into words of ours. What is wrong may quote names that are stored: they steer nothing."""
    cause = error.__cause__
    if cause is not None and type(cause).__name__ == "ValidationError":
        from andon.core.wrong_values import in_words as sentence

        (first, *_) = cause.errors()  # pydantic's, which Typer reads values with
        words, given = sentence(first).rstrip("."), first["input"]
        told = isinstance(given, str) and repr(given) not in words
        error.message = f"{words}, not {given!r:.60}" if told else words
        meant = getattr(error.param, "help", None) or ""
        if _ID.match(meant):
            error.message += f" (the {meant[0].lower()}{meant[1:].rstrip('.')})"
    if extra := _EXTRA.match(error.message):
        meant = _MEANT.get(error.ctx.command.name or "") if error.ctx is not None else None
        advice = meant or "leave it out, or put a text of several words in quotes"
        error.message = f"{extra[1]!r} is too much here: {advice}"
    error.message = printable(error.message)

"""Names in the options of commands: read once for all of them, and told where they were not taken as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from andon.app.cli.output import Cell, errors, plain, print_rows
from andon.store import Visitor, names
from andon.store.names import Read

Q = TypeVar("Q")
T = TypeVar("T")


def read_names(visitor: Visitor, query: Q) -> Read[Q]:
    """``query`` with the names that logs carry; how they were read is told on standard error. Raises UnknownName."""
    read = visitor.read(names.read, query)
    tell(read.notes)
    return read


def print_found(
    read: Read[Any],
    found: Sequence[T],
    columns: Sequence[str],
    row: Callable[[T], Sequence[Cell]],
    none: str,
    *,
    as_json: bool,
) -> None:
    """As :func:`andon.app.cli.output.print_rows`; where there is nothing, it is told which names are known."""
    if as_json and not found:
        tell(read.empty)
    print_rows(found, columns, row, read.none(none), as_json=as_json)


def tell(notes: Iterable[str]) -> None:
    """Notes on standard error, each a line."""
    for note in notes:
        errors.print(plain(f"{note[:1].upper()}{note[1:]}."), style="dim", soft_wrap=True)

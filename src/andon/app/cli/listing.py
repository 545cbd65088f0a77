"""How rows become lines: aligned and whole for programs, fitted to its width for a terminal.

A terminal gets one line for each row where the text has room beside the other columns, else several: the id and what
fits beside it, then what is left, then each text on a line of its own. No column that names a thing is left out, and no
id is cut off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from andon.app.cli.cells import Cell, When, one_line, plain
from andon.core.text import printable

if TYPE_CHECKING:
    from rich.console import Console

#: From this many columns on a terminal has room for more than the usual.
WIDE = 130
_GAP = 2
#: Columns that a text should have beside the others, or as many as it needs; else it gets a line of its own.
_TEXT_WANTED = 40
#: A word beside others (a host, a code) may have a fifth of the terminal, and so many columns anyway.
_WORD_LEAST = 20
#: Lines below a row's first stand under its second column, but no further to the right than this.
_INDENT_MAX = 8
#: Without a terminal a column is padded to so many characters at most; what is longer pushes the rest of its line.
_PADDED_MAX = 40
#: For programs that take lines apart: an empty cell is a word too.
_EMPTY = "-"


class Column(NamedTuple):
    """A column. ``extra`` ones give way where there is no room; a ``text`` takes what is left, or its own line.

    A ``reason`` is never cut off: it is said once above the rows where it is the same in all of them, and wraps where
    it does not fit.
    """

    title: str
    right: bool
    extra: bool
    text: bool
    reason: bool

    @classmethod
    def read(cls, name: str) -> Column:
        """A column by its name and the marks behind it: ``>`` right-aligned, ``?`` extra, ``~`` text, ``=`` reason."""
        title = name.rstrip(">?~=")
        marks = name[len(title) :]
        return cls(title, *(mark in marks for mark in ">?~="))


class Listing:
    """The lines of a table: :meth:`lines` may be called again for more rows, which follow those that came before."""

    def __init__(self, names: Sequence[str], console: Console, now: float, *, ages: bool = True) -> None:
        """For ``console``; ages are those at ``now`` (unix seconds). Without ``ages`` a terminal shows times of day."""
        self._columns = [Column.read(name) for name in names]
        self._console, self._now, self._ages = console, now, ages
        self._width = console.width if console.is_terminal else None
        self._widths = [cell_len(one.title) for one in self._columns]
        self._begun = False

    def lines(self, rows: Iterable[Sequence[Cell]]) -> list[Text]:
        """The lines of these rows, below the titles where they are the first."""
        begun, self._begun = self._begun, True
        cells = [[self._shown(cell) for cell in row] for row in rows]
        for row in cells:
            self._widths = [max(known, cell.cell_len) for known, cell in zip(self._widths, row, strict=True)]
        if self._width is None:
            return self._whole(cells, titled=not begun)
        return list(self._fitted(cells, self._width, titled=not begun))

    def _shown(self, cell: Cell) -> Text:
        if isinstance(cell, When):
            if self._width is None:
                return plain(cell.whole())
            if not self._ages:
                return plain(cell.clock(self._now))
            return plain(cell.relative(self._now, wide=self._width >= WIDE))
        if isinstance(cell, Text):
            return cell if cell.plain.isprintable() else Text(printable(one_line(cell.plain)), style=cell.style)
        return plain("" if cell is None else one_line(str(cell)))

    def _whole(self, rows: list[list[Text]], *, titled: bool) -> list[Text]:
        """For programs: every column, nothing cut off, a line for each row."""
        texts = [[cell.plain or _EMPTY for cell in row] for row in rows]
        if titled:
            texts.insert(0, [one.title or _EMPTY for one in self._columns])
        widths = [min(max(width, 1), _PADDED_MAX) for width in self._widths]
        return [Text(_padded(self._columns, widths, row)) for row in texts]

    def _fitted(self, rows: list[list[Text]], width: int, *, titled: bool) -> Iterator[Text]:
        """For a terminal of this width."""
        shown = list(range(len(self._columns)))
        for at, column in enumerate(self._columns):
            if column.reason and titled and len(rows) > 1 and (value := _same(rows, at)):
                shown.remove(at)
                said = Text(f"{column.title.capitalize()} of all {len(rows)}: {value}")
                for line in said.wrap(self._console, width):
                    line.rstrip()
                    yield line
        word = max(_WORD_LEAST, width // 5)
        widths = [
            known if at == shown[0] or one.right or one.text else min(known, word)
            for at, (one, known) in enumerate(zip(self._columns, self._widths, strict=True))
        ]
        how = self._columns, shown, widths, self._console
        layout = _beside(*how) or _stacked(*how)
        if titled:
            yield from layout.lines([Text(one.title, style="bold") for one in self._columns])
        for row in rows:
            yield from layout.lines(row)


class _Layout(NamedTuple):
    """Which columns stand on which line of a row, and how wide they are. All lines but the first are indented."""

    rows: list[list[int]]
    columns: Sequence[Column]
    widths: Sequence[int]
    indent: int
    console: Console

    def lines(self, row: Sequence[Text]) -> Iterator[Text]:
        for number, those in enumerate(self.rows):
            if number and not any(row[at].plain for at in those):
                continue
            if number and self.columns[those[0]].reason:
                yield from self._wrapped(row[those[0]])
                continue
            line = Text(" " * (self.indent if number else 0))
            for place, at in enumerate(those):
                if place:
                    line.append(" " * _GAP)
                line.append_text(self._cell(row[at], at, last=place == len(those) - 1, first=not number and not place))
            line.rstrip()
            yield from [line] if line.cell_len <= self.console.width else line.wrap(self.console, self.console.width)

    def _wrapped(self, cell: Text) -> Iterator[Text]:
        for piece in cell.wrap(self.console, self.console.width - self.indent):
            piece.rstrip()
            yield Text(" " * self.indent) + piece

    def _cell(self, cell: Text, at: int, *, last: bool, first: bool) -> Text:
        shown = cell.copy()
        if not first:  # what names the row is never cut off
            shown.truncate(self.widths[at], overflow="ellipsis")
        missing = max(0, self.widths[at] - shown.cell_len)
        if self.columns[at].right:
            shown.pad_left(missing)
        elif not last:
            shown.pad_right(missing)
        return shown


def _beside(columns: Sequence[Column], shown: list[int], widths: list[int], console: Console) -> _Layout | None:
    """All on one line, without the extra columns where that makes room; None where a text would be too narrow."""
    width = console.width
    for those in (shown, [at for at in shown if not columns[at].extra]):
        texts = [at for at in those if columns[at].text and at != those[0]]
        room = width - sum(widths[at] for at in those if at not in texts) - _GAP * (len(those) - 1)
        wanted = sum(widths[at] if columns[at].reason else min(widths[at], _TEXT_WANTED) for at in texts)
        if room < max(wanted, 0):
            continue
        fitted, left = list(widths), room
        for at in [at for at in texts if columns[at].reason]:
            texts.remove(at)
            left -= widths[at]
        for number, at in enumerate(sorted(texts, key=lambda at: widths[at])):  # what a short one leaves, the next has
            fitted[at] = min(widths[at], left // (len(texts) - number))
            left -= fitted[at]
        return _Layout([those], columns, fitted, 0, console)
    return None


def _stacked(columns: Sequence[Column], shown: list[int], widths: list[int], console: Console) -> _Layout:
    """The first line as full as it can be, what is left below it, then each text by itself."""
    width = console.width
    texts = [at for at in shown if columns[at].text and at != shown[0]]
    beside = [at for at in shown[1:] if at not in texts]
    indent = min(widths[shown[0]] + _GAP, _INDENT_MAX, width // 4)
    fitted = [min(known, width - indent) for known in widths]
    rows, used = [[shown[0]]], widths[shown[0]]
    extra = [at for at in beside if columns[at].extra]
    for at in [at for at in beside if at not in extra]:
        if used + _GAP + fitted[at] > width:
            rows.append([])
            used = indent - _GAP
        rows[-1].append(at)
        used += _GAP + fitted[at]
    for at in extra:  # in their place, on the first line that has room
        for number, row in enumerate(rows):
            taken = sum(fitted[one] + _GAP for one in row) + (indent if number else 0)
            if taken + fitted[at] <= width:
                rows[number] = [row[0], *sorted([*row[1:], at])] if not number else sorted([*row, at])
                break
    return _Layout([*rows, *([at] for at in texts)], columns, fitted, indent, console)


def _same(rows: list[list[Text]], at: int) -> str:
    """What all rows have there; empty where they differ."""
    values = {row[at].plain for row in rows}
    return values.pop() if len(values) == 1 else ""


def _padded(columns: Sequence[Column], widths: Sequence[int], texts: Sequence[str]) -> str:
    parts = []
    for column, width, text in zip(columns, widths, texts, strict=True):
        missing = " " * (width - cell_len(text))
        parts.append(missing + text if column.right else text + missing)
    return (" " * _GAP).join(parts).rstrip()

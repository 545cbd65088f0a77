"""Vendors' codes by number: tables that say what a code or a range of codes means, each row of them a rule.

``codes_*.yaml`` hold lists of tables. A row becomes a rule as good as one that lists its codes one by one, and loses
against such a rule where both know a code (:mod:`andon.explain.playbook.rules`)::

    - codes: sinamics                  # the rules are called code-sinamics-30001 …, after the first code of a row
      what: SINAMICS drive             # said in the summary: “SINAMICS drive on cell-2 reports F30021: …”
      near: ["f30*", $sinamics]        # one of these terms has to stand in the log, its service or its host
      none: [download]                 # terms that rule the table out
      shape: ['\\b[FA](\\d{5})\\b']      # how a code is written; group 1 is looked up
      hex: false                       # whether group 1 is a hexadecimal number
      category: drive
      whole: false                     # whether it is the category of all its codes but those of safety
      sample: 'drive | F{code}'        # 'service | message' that selects a row with its first code
      known:                           # codes that mean what codes of other vendors do: the names of meanings.yaml
        overcurrent: [30001, 30017-30018]
      rows:                            # codes with a meaning of their own
        - at: [1600-1699]              # numbers and ranges; '08*' is a beginning; other texts are compared whole
          says: a monitored safety function of the drive has tripped
          category: safety             # where it is not that of the table
          cause: …
          check: …                     # the first thing to look at; more come from the broad rule of the category
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from andon.core.errors import ConfigError
from andon.explain.expressions import Trusted
from andon.explain.playbook.reading import Reading
from andon.explain.playbook.rules import (
    CODES,
    Compiled,
    Rule,
    WrittenRule,
    answer_of,
    bundled,
    bundled_names,
    convert_rule,
)
from andon.explain.playbook.term_language import Vocabulary

FILE = "meanings.yaml"
#: How the ids of the rules made of rows begin.
PREFIX = "code-"
#: A code is as specific as three words. A row of a single code tells more than a rule of words; a range less than a
#: rule that lists its codes.
_WEIGHT = 3.0
_SINGLE, _RANGE = 0.5, -0.1
#: Codes of one shape that are looked up in one log.
_LOOKED_UP = 6
#: Checks taken from the broad rule of the category.
_MORE = 3
_NUMBERS = re.compile(r"([0-9a-fA-F]+)(?:\s*-\s*([0-9a-fA-F]+))?")


Places = Annotated[list[str], Meta(min_length=1)] | str


class Sense(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What codes of several vendors mean, as written in ``meanings.yaml``; ``category`` where it is not the table's."""

    says: str
    cause: str
    check: str
    category: str | None = None
    confidence: str = "medium"
    severity_floor: str | None = None


class Row(Sense, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Codes of one vendor with a meaning of their own, as written."""

    at: Places


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A vendor's codes of one shape, as written."""

    codes: str
    what: str
    near: Annotated[list[str], Meta(min_length=1)]
    shape: Annotated[list[str], Meta(min_length=1)]
    category: str
    sample: str
    known: dict[str, Places] = {}
    rows: list[Row] = []
    none: list[str] = []
    hex: bool = False
    whole: bool = False


class _Ready(msgspec.Struct, frozen=True):
    """A table ready to be looked up: ``spans`` are (width, first, last, mark), the narrowest first."""

    near: frozenset[int]
    none: frozenset[int]
    shapes: tuple[Trusted, ...]
    base: int
    texts: dict[str, int]
    beginnings: list[tuple[str, int]]
    spans: list[tuple[int, int, int, int]]

    def mark(self, code: str) -> int | None:
        """The mark of the row that knows ``code``, the one that names it most exactly."""
        folded = code.casefold()
        if (exact := self.texts.get(folded)) is not None:
            return exact
        try:
            number = int(folded, self.base)
        except ValueError:
            number = None
        if number is not None:
            for _, first, last, mark in self.spans:
                if first <= number <= last:
                    return mark
        return next((mark for text, mark in self.beginnings if folded.startswith(text)), None)


class CodeTables:
    """Every table, ready to be looked up; immutable once made."""

    def __init__(self, tables: Sequence[_Ready] = ()) -> None:
        self._tables = tables

    def find(self, reading: Reading) -> frozenset[int]:
        """The marks of the rows whose codes stand in ``reading``."""
        found: set[int] = set()
        for table in self._tables:
            if table.near.isdisjoint(reading.said) and table.near.isdisjoint(reading.around):
                continue
            if not table.none.isdisjoint(reading.said):
                continue
            found.update(mark for code in _codes(table.shapes, reading.text) if (mark := table.mark(code)) is not None)
        return frozenset(found)


def _codes(shapes: Iterable[Trusted], text: str) -> Iterable[str]:
    for shape in shapes:
        for at, found in enumerate(shape.pattern.finditer(text)):
            if at == _LOOKED_UP:
                break
            yield found[1]


def code_rules(broad: Mapping[str, Rule], vocabulary: Vocabulary, order: int) -> tuple[list[Compiled], CodeTables]:
    """The rules of all rows, counted on from ``order``, and the tables that find them.

    Raises ConfigError that names file, rule and field.
    """
    rules: list[Compiled] = []
    tables = []
    for file, table, rows in written_tables():
        try:
            marks = [vocabulary.index.mark(_WEIGHT) for _ in rows]
            ready = _ready(table, rows, marks, vocabulary)
            none = vocabulary.compact(table.none)
        except ValueError as error:
            raise ConfigError(f"{file}: table {table.codes}: {error}.") from None
        tables.append(ready)
        captures = tuple(Trusted(f"(?P<code>{shape})") for shape in table.shape)
        for (at, row), mark in zip(rows, marks, strict=True):
            rule = answer_of(row_rule(file, table, at, row, broad))
            rules.append(
                Compiled(
                    rule=rule, source=rule.id, order=order + len(rules), none=none, codes=(mark,), captures=captures
                )
            )
    return rules, CodeTables(tables)


def written_tables() -> Iterator[tuple[str, Table, list[tuple[list[str], Sense]]]]:
    """(file name, table, the codes of each of its rows with what they mean) of every table. Raises ConfigError."""
    senses = bundled(FILE, dict[str, Sense])
    for file in bundled_names(CODES):
        for table in bundled(file, list[Table]):
            try:
                yield file, table, _rows(table, senses)
            except ValueError as error:
                raise ConfigError(f"{file}: table {table.codes}: {error}.") from None


def _rows(table: Table, senses: Mapping[str, Sense]) -> list[tuple[list[str], Sense]]:
    """The codes of each row of ``table`` with what they mean. Raises ValueError on a meaning that is unknown."""
    if unknown := table.known.keys() - senses.keys():
        raise ValueError(f"{min(unknown)!r} is not in {FILE}")
    rows: list[tuple[Places, Sense]] = [(at, senses[name]) for name, at in table.known.items()]
    rows += [(row.at, row) for row in table.rows]
    return [([at] if isinstance(at, str) else at, row) for at, row in rows]


def _ready(
    table: Table, rows: Sequence[tuple[list[str], Sense]], marks: Sequence[int], vocabulary: Vocabulary
) -> _Ready:
    base = 16 if table.hex else 10
    texts: dict[str, int] = {}
    beginnings: list[tuple[str, int]] = []
    spans: list[tuple[int, int, int, int]] = []
    for (places, _), mark in zip(rows, marks, strict=True):
        for at in places:
            if at.endswith("*"):
                beginnings.append((at[:-1].casefold(), mark))
            elif span := _span(at, base):
                spans.append((span[1] - span[0], *span, mark))
            elif texts.setdefault(at.casefold(), mark) != mark:
                raise ValueError(f"{at!r} is listed twice")
    beginnings.sort(key=lambda entry: -len(entry[0]))
    return _Ready(
        near=vocabulary.numbers(table.near),
        none=vocabulary.numbers(table.none),
        shapes=tuple(Trusted(shape) for shape in table.shape),
        base=base,
        texts=texts,
        beginnings=beginnings,
        spans=sorted(spans),
    )


def _span(at: str, base: int) -> tuple[int, int] | None:
    """``at`` as first and last number, None where it is another text. Raises ValueError on a range that runs down."""
    found = _NUMBERS.fullmatch(at)
    if found is None or (base == 10 and not at.replace("-", "").replace(" ", "").isdigit()):
        return None
    first = int(found[1], base)
    last = int(found[2], base) if found[2] else first
    if last < first:
        raise ValueError(f"{at!r} runs from a larger to a smaller code")
    return first, last


def row_rule(file: str, table: Table, places: Sequence[str], row: Sense, broad: Mapping[str, Rule]) -> WrittenRule:
    """The rule that a row of ``table`` is; ``broad`` is the broad rule of each category. Raises ConfigError."""
    category = row.category or table.category
    if table.whole and category != "safety":
        category = table.category
    exact = not any(place.endswith("*") or ((found := _NUMBERS.fullmatch(place)) and found[2]) for place in places)
    first = found[1] if (found := _NUMBERS.fullmatch(places[0])) else places[0].rstrip("*")
    name = re.sub(r"[^a-z0-9]+", "-", f"{table.codes}-{first}".lower()).strip("-")
    fields: dict[str, Any] = {
        "id": PREFIX + name,
        "category": category,
        "match": {},
        "summary": f"{table.what} on {{host}} reports {{code|a known code}}: {row.says}.",
        "probable_cause": row.cause,
        "checks": [row.check, *(broad[category].checks[:_MORE] if category in broad else [])],
        "confidence": row.confidence,
        "capture": ["(?P<code>)"],
        "severity_floor": row.severity_floor,
        "sure": _SINGLE if exact else _RANGE,
        "examples": [table.sample.replace("{code}", first)],
    }
    return convert_rule(file, 0, fields)

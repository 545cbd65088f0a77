"""Labelled cases: what a file may say, and one clear sentence for each mistake in it.

A file holds the cases of one family::

    family: drives
    tags: [factory]                     # of every case in the file
    cases:
      - id: drives-sinamics-i2t         # unique over all files
        tags: [siemens, german]
        records:                        # oldest first, as a producer publishes them; taken as one problem
          - hostname: line3-plc
            severity: ERROR
            service: sinamics-s120
            message: "F30005 power unit: overload I2t"
            context: {axis: X}
        count: 12                       # logs in all; the number of records where it is absent
        expect:
          category: [drive, mechanical] # one, or every one that can be defended
          component: [motor, axis]      # one of them occurs in summary, cause or checks
          cause: [overload, too much load]          # ... in the probable cause
          first_check: [load, jam, brake]           # ... in the first check
          checks: [duty cycle, current]             # ... in any check
          forbidden: ['disable.{0,20}monitoring']   # regular expressions: in no check and no cause
          enough_evidence: true         # required
          severity: ERROR               # the least that may be assessed; the records' worst where it is absent

A word is found without regard to case, at the start of a word (``cable`` finds ``cables``, ``vent`` not ``prevent``),
and a blank in it stands for blanks or hyphens. A word in capitals is an abbreviation and is found as a whole.

Some latitude is given to other hands: a file may be a list of cases alone (the family is the file's name then), one
record need not stand in a list, numbers pass for texts, yes and no for true and false, and the case of categories and
severities does not matter. A file may be JSON as well.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, get_args

import msgspec
import yaml

from andon.core.errors import AndonError
from andon.core.models import SEVERITY_RANK
from andon.explain.finding import Category

RECORDS_MAX = 20
#: The wire format's fields; a case cannot say anything that a producer could not.
_RECORD_KEYS = frozenset({"timestamp", "hostname", "severity", "service", "message", "context"})
_FILE_KEYS = frozenset({"family", "tags", "cases"})
_CASE_KEYS = frozenset({"id", "tags", "records", "count", "expect"})
_WORD_KEYS = ("component", "cause", "first_check", "checks")
_EXPECT_KEYS = frozenset({"category", "forbidden", "enough_evidence", "severity", *_WORD_KEYS})
_SUFFIXES = (".yaml", ".yml", ".json")
_NAME_MAX = 80
_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}


class CaseError(AndonError):
    """A file of cases is wrong: correct the place that the message names."""


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What a right finding says. An empty tuple leaves a criterion out; ``severity`` None means the records' worst."""

    enough_evidence: bool
    category: tuple[str, ...] = ()
    component: tuple[str, ...] = ()
    cause: tuple[str, ...] = ()
    first_check: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    severity: str | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One labelled problem. ``records`` are wire messages, oldest first; ``tags`` include the file's."""

    id: str
    family: str
    tags: tuple[str, ...]
    records: tuple[dict[str, Any], ...]
    count: int
    expect: Expectation


#: What YAML 1.1 makes of words and digits that a log is full of.
_SURPRISING = frozenset({"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool"})


class CaseLoader(yaml.SafeLoader):
    """Plain values only; times and the words yes, no, on and off stay text; a key that is listed twice is a mistake."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the base class shares its own with every loader
        first: [(tag, pattern) for tag, pattern in rules if tag not in _SURPRISING or first in "tTfF"]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if key.value in seen:
                said = f"the key {key.value!r} is listed twice"
                raise yaml.constructor.ConstructorError(None, None, said, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def site_cases(place: Path) -> list[Case]:
    """The cases of a file, or of every ``*.yaml`` and ``*.json`` in a directory. Raises CaseError."""
    if place.is_file():
        return read_cases([place])
    if not place.is_dir():
        raise CaseError(f"{place} does not exist: name a YAML file of cases, or a directory of them.")
    files = sorted(path for path in place.iterdir() if path.suffix in _SUFFIXES and path.is_file())
    if not files:
        raise CaseError(f"{place} contains no *.yaml file: write cases as docs/evaluation.md shows.")
    return read_cases(files)


def read_cases(files: Iterable[Traversable]) -> list[Case]:
    """Every case of ``files``. Raises CaseError on the first mistake, naming file and case."""
    cases: list[Case] = []
    places: dict[str, str] = {}
    for file in files:
        for case in _read_file(file):
            if case.id in places:
                raise CaseError(
                    f"{file.name}: the id {case.id!r} is already used in {places[case.id]}: give each case its own id."
                )
            places[case.id] = file.name
            cases.append(case)
    return cases


def select(cases: Iterable[Case], *, tags: Iterable[str] = (), limit: int | None = None) -> list[Case]:
    """The cases that carry every one of ``tags`` (a family's name counts as one), at most ``limit``.

    A limit takes from each family in turn, so that a few cases still say something about all of them.
    """
    wanted = {tag.strip().lower() for tag in tags}
    chosen = [case for case in cases if wanted <= {name.lower() for name in (*case.tags, case.family)}]
    families: dict[str, list[Case]] = {}
    for case in chosen:
        families.setdefault(case.family, []).append(case)
    in_turn = (case for turn in itertools.zip_longest(*families.values()) for case in turn if case is not None)
    kept = {case.id for case in itertools.islice(in_turn, limit)}
    return [case for case in chosen if case.id in kept]


def _read_file(file: Traversable) -> list[Case]:
    where = file.name
    try:
        content = yaml.load(file.read_text(encoding="utf-8-sig"), Loader=CaseLoader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise CaseError(f"{where} cannot be read ({error.strerror}): check its permissions.") from None
    except UnicodeDecodeError:
        raise CaseError(f"{where} is not UTF-8 text: save it as UTF-8.") from None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark is not None else ""
        raise CaseError(f"{where} is not valid YAML{line}: {getattr(error, 'problem', None) or error}.") from None
    if isinstance(content, list):
        content = {"cases": content}
    top = _mapping(content, where, _FILE_KEYS, required=("cases",))
    family = _name(top.get("family", where.rpartition(".")[0]), f"{where}: family")
    tags = _names(top.get("tags", []), f"{where}: tags")
    rows = top["cases"]
    if not isinstance(rows, list) or not rows:
        raise CaseError(f"{where}: cases must be a list with at least one case.")
    return [read_case(row, f"{where}: case {number}", family, tags) for number, row in enumerate(rows, 1)]


def read_case(row: Any, where: str, family: str, tags: tuple[str, ...]) -> Case:
    """A case as it stands in a file; ``where`` that is. Raises CaseError."""
    values = _mapping(row, where, _CASE_KEYS, required=("id", "records", "expect"))
    identity = _name(values["id"], f"{where}: id")
    where = f"{where.partition(': case ')[0]}: {identity}"
    records = values["records"]
    if isinstance(records, dict):
        records = [records]
    if not isinstance(records, list) or not 1 <= len(records) <= RECORDS_MAX:
        raise CaseError(f"{where}: records must be a list of 1 to {RECORDS_MAX} logs.")
    count = values.get("count", len(records))
    if not isinstance(count, int) or isinstance(count, bool) or count < len(records):
        raise CaseError(f"{where}: count is {count!r}: it must be at least the number of records.")
    return Case(
        id=identity,
        family=family,
        tags=tuple(dict.fromkeys((*tags, *_names(values.get("tags", []), f"{where}: tags")))),
        records=tuple(_record(record, f"{where}: record {number}") for number, record in enumerate(records, 1)),
        count=count,
        expect=_expectation(values["expect"], f"{where}: expect"),
    )


def _record(record: Any, where: str) -> dict[str, Any]:
    values = dict(_mapping(record, where, _RECORD_KEYS, required=("message",)))
    for key in ("hostname", "service", "message", "timestamp", "severity"):
        if key in values:
            values[key] = _text(values[key])
        if key in values and not isinstance(values[key], str):
            raise CaseError(f"{where}: {key} is {values[key]!r}: it must be text; put it in quotes.")
    if not values["message"].strip():
        raise CaseError(f"{where}: message is empty: write what the log says.")
    if "context" in values and not isinstance(values["context"], dict):
        raise CaseError(f"{where}: context must be a mapping.")
    return values


def _expectation(row: Any, where: str) -> Expectation:
    values = _mapping(row, where, _EXPECT_KEYS, required=("enough_evidence",))
    enough = values["enough_evidence"]
    enough = _TRUTHS.get(enough.strip().lower(), enough) if isinstance(enough, str) else enough
    if not isinstance(enough, bool):
        raise CaseError(f"{where}: enough_evidence is {enough!r}: write true or false.")
    categories = tuple(one.strip().lower() for one in _texts(values.get("category", []), f"{where}: category"))
    for category in categories:
        if category not in get_args(Category):
            raise CaseError(f"{where}: category {category!r} is not one of: {', '.join(get_args(Category))}.")
    if enough and not categories:
        raise CaseError(
            f"{where}: category is missing: name the categories that a right answer may give when the evidence is "
            "sufficient."
        )
    severity = values.get("severity")
    severity = severity.strip().upper() if isinstance(severity, str) else severity
    if severity is not None and severity not in SEVERITY_RANK:
        raise CaseError(f"{where}: severity {severity!r} is not one of: {', '.join(SEVERITY_RANK)}.")
    forbidden = _texts(values.get("forbidden", []), f"{where}: forbidden")
    for pattern in forbidden:
        try:
            re.compile(pattern)
        except re.error as error:
            raise CaseError(f"{where}: forbidden {pattern!r} is not a regular expression ({error}).") from None
    words = {key: _texts(values.get(key, []), f"{where}: {key}") for key in _WORD_KEYS}
    return Expectation(enough_evidence=enough, category=categories, forbidden=forbidden, severity=severity, **words)


def _mapping(value: Any, where: str, known: frozenset[str], *, required: Iterable[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise CaseError(f"{where} must be a mapping with {', '.join(sorted(known))}.")
    unknown = [key for key in value if key not in known]
    if unknown:
        close = difflib.get_close_matches(str(unknown[0]).lower(), sorted(known), 1)
        meant = f"did you mean {close[0]}? It" if close else "it"
        raise CaseError(f"{where}: unknown key {unknown[0]!r}: {meant} may have {', '.join(sorted(known))}.")
    missing = [key for key in required if key not in value]
    if missing:
        raise CaseError(f"{where}: {missing[0]} is missing.")
    return value


def _texts(value: Any, where: str) -> tuple[str, ...]:
    """One text or a list of texts; a whole number counts as its digits. Raises CaseError."""
    items = value if isinstance(value, list) else [value]
    texts = [_text(item) for item in items]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise CaseError(f"{where} must be a text or a list of texts that are not empty; put each in quotes.")
    return tuple(texts)


def _text(value: Any) -> Any:
    """A whole number as its digits; anything else as it is."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _name(value: Any, where: str) -> str:
    text = _text(value)
    if not isinstance(text, str) or not text.strip() or not text.isprintable() or len(text) > _NAME_MAX:
        raise CaseError(f"{where} is {value!r}: use a text of 1 to {_NAME_MAX} characters on one line.")
    return text.strip()


def _names(value: Any, where: str) -> tuple[str, ...]:
    return tuple(_name(item, where).lower() for item in _texts(value, where))

"""The rules of the playbook, read from YAML and checked: a rule that is wrong is refused by file, rule and field.

docs/playbook.md explains the format and the weighing with tested examples. A file
is a list of rules; ``vocabulary.yaml`` maps names to lists of terms (:mod:`term_language`)::

    - id: drive-overtemperature          # stable, kebab-case; shown to users
      category: drive                    # one of finding.CATEGORIES
      match:
        all: [[$drive], [$overheat]]     # each list must be met by one of its terms
        any: [derating]                  # one more such list
        none: [motor]                    # terms that rule it out
        spoken: true                     # optional: the log itself says each list; its service's name does not help
        codes: [f30004, sv0430]          # any of these suffices by itself
        prefer: [heatsink]               # more specific where these stand too
        service: ["*drive*"]             # globs; where given, the service must match one (host likewise)
        context: {module: "power*"}      # keys whose value must match the glob
      capture: ['(?P<temp>[0-9]{2,3}) ?°?C']   # named groups for the texts
      summary: Drive on {host} is too hot ({temp|temperature not given}).
      probable_cause: …
      checks: [first, second, third]
      confidence: high
      severity_floor: ERROR              # optional: never assessed below this
      weight: 1                          # optional: wins over rules that match as well
      sure: 1                            # optional: counts beside it where one of codes stands in the log
      examples: ["drive | Heatsink too hot 92 C"]   # 'service | message', both must select this rule
"""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import translate
from functools import cache
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from andon.core.errors import ConfigError
from andon.core.models import Severity
from andon.explain.expressions import Expression, Trusted, regular
from andon.explain.finding import CATEGORIES, CAUSE_MAX, CHECK_MAX, CHECKS_MAX, CONFIDENCES, SUMMARY_MAX
from andon.explain.playbook.parsed_files import file_names, said_by
from andon.explain.playbook.term_language import Numbers, Vocabulary

T = TypeVar("T")

#: A captured or quoted piece of a log is at most this long in an answer.
PIECE_MAX = 48
VOCABULARY = "vocabulary.yaml"
#: Files of parts begin with this (:mod:`andon.explain.playbook.parts`).
PARTS = "parts_"
#: Files of vendors' codes begin with this (:mod:`andon.explain.playbook.code_tables`).
CODES = "codes_"
_NOT_RULES = frozenset({VOCABULARY, "general.yaml", "glossary.yaml", "symptoms.yaml", "meanings.yaml"})

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
_GROUP = re.compile(r"\(\?P<(\w+)>")
_PLACE = re.compile(r"\{(\w+)(?:\|([^{}]*))?\}")
#: Rules of one file, and terms of one list.
RULES_MAX = 1_000
_Text = Annotated[str, Meta(max_length=200)]
_Texts = Annotated[list[_Text], Meta(max_length=500)]
#: A vocabulary as written: names and their lists of terms.
Lists = Annotated[dict[str, _Texts], Meta(max_length=200)]


class MatchSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``match`` as written."""

    all: Annotated[list[_Texts], Meta(max_length=20)] = []
    any: _Texts = []
    none: _Texts = []
    spoken: bool = False
    codes: _Texts = []
    prefer: _Texts = []
    service: _Texts = []
    host: _Texts = []
    context: Annotated[dict[str, _Text], Meta(max_length=40)] = {}


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule answers and how much it counts; texts are templates, see :func:`fill`."""

    id: str
    category: str
    summary: str
    probable_cause: str
    checks: list[str]
    confidence: str = "medium"
    severity_floor: Severity | None = None
    weight: float = 0.0
    sure: float = 0.0


class WrittenRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule as written."""

    match: MatchSpec
    capture: Annotated[list[str], Meta(max_length=20)] = []
    examples: Annotated[list[str], Meta(max_length=50)] = []


class Meaning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a symptom means somewhere: its ``cause`` and where to ``look`` first, each a sentence."""

    cause: str
    look: str


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """A rule ready to match: terms by number, globs and captures as patterns. ``source`` is what answers name,
    ``phrases`` those of ``codes``, and of ``any`` where that is all it asks for, that are several plain words."""

    rule: Rule
    source: str
    order: int
    groups: tuple[Numbers, ...] = ()
    none: Numbers = ()
    codes: Numbers = ()
    prefer: Numbers = ()
    spoken: bool = False
    phrases: tuple[int, ...] = ()
    service: tuple[re.Pattern[str], ...] = ()
    host: tuple[re.Pattern[str], ...] = ()
    context: tuple[tuple[str, re.Pattern[str]], ...] = ()
    captures: tuple[Expression | Trusted, ...] = ()


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the garbage collector, which would search the tens of thousands of objects of rules that all stay."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def bundled(name: str, kind: type[T]) -> T:
    """The file ``name`` of this package as ``kind``. Raises ConfigError."""
    try:
        return said_by(name, kind)
    except (ValueError, msgspec.ValidationError) as error:
        raise ConfigError(f"{name}: {error}.") from None


def bundled_names(prefix: str = "") -> list[str]:
    """The files of this package whose names begin with ``prefix``, or else those that hold rules, sorted."""
    names = set(file_names())
    if prefix:
        return sorted(name for name in names if name.startswith(prefix))
    return sorted(name for name in names - _NOT_RULES if not name.startswith((PARTS, CODES)))


def bundled_rules() -> list[tuple[str, WrittenRule]]:
    """(file name, rule) of every bundled rule. Raises ConfigError naming file, rule and field."""
    return [
        (name, convert_rule(name, position, item))
        for name in bundled_names()
        for position, item in enumerate(bundled(name, list[Any]), 1)
    ]


@cache
def bundled_vocabulary() -> Mapping[str, Sequence[str]]:
    """The bundled lists of words that rules name as ``$name``. Raises ConfigError."""
    return bundled(VOCABULARY, dict[str, list[str]])


def compile_rule(file: str, order: int, rule: WrittenRule, vocabulary: Vocabulary, *, own: bool = False) -> Compiled:
    """``rule`` ready to match, its terms added to the index; ``own`` is a rule of the site, whose expressions are
    bounded and whose file is told. Raises ConfigError naming file, rule and field."""
    field = "match"

    def numbers(name: str, terms: Sequence[str]) -> Numbers:
        nonlocal field
        field = f"match.{name}"
        return vocabulary.compact(terms)

    match = rule.match
    try:
        groups = [numbers("all", group) for group in match.all]
        if match.any:
            groups.append(numbers("any", match.any))
        none, codes = numbers("none", match.none), numbers("codes", match.codes)
        prefer = numbers("prefer", match.prefer)
        field = "capture"
        captures = tuple(regular(pattern) if own else Trusted(pattern) for pattern in rule.capture)
    except (ValueError, re.error) as error:
        raise ConfigError(f"{file}: rule {rule.id}, field {field}: {error}.") from None
    if not codes and (not groups or not all(groups)):
        raise ConfigError(f"{file}: rule {rule.id}, field match: it would match everything; add any, all or codes.")
    phrases = {
        vocabulary.index.add(text) for text in (*match.codes, *(() if match.all else match.any)) if _is_phrase(text)
    }
    return Compiled(
        rule=answer_of(rule),
        source=f"{rule.id} ({file.partition(', line ')[0]})" if own else rule.id,
        order=order,
        groups=tuple(groups),
        none=none,
        codes=codes,
        prefer=prefer,
        spoken=match.spoken,
        phrases=tuple(phrases),
        service=tuple(_glob(glob) for glob in match.service),
        host=tuple(_glob(glob) for glob in match.host),
        context=tuple((key, _glob(glob)) for key, glob in match.context.items()),
        captures=captures,
    )


def _is_phrase(text: str) -> bool:
    return " " in text and "ready" not in text and text.rstrip("!").replace(" ", "").isalpha()


def answer_of(rule: WrittenRule) -> Rule:
    """What stays of ``rule`` beside what it looks for."""
    told = {name: getattr(rule, name) for name in Rule.__struct_fields__}
    told["category"], told["confidence"] = sys.intern(rule.category), sys.intern(rule.confidence)
    return Rule(**told)


def fill(template: str, values: Mapping[str, str]) -> str:
    """``template`` with each ``{name}`` or ``{name|text for when it is missing}`` replaced. Never raises.

    >>> fill("Port {port|unknown} on {host}", {"host": "edge-1"})
    'Port unknown on edge-1'
    """

    def value(place: re.Match[str]) -> str:
        found = values.get(place[1])
        return found if found else (place[2] or "unknown")

    return _PLACE.sub(value, template)


def _glob(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob.lower()))


def convert_rule(file: str, position: int, item: Any) -> WrittenRule:
    """``item``, which stands at ``position`` in ``file``. Raises ConfigError naming file, rule and field."""
    name = item.get("id") if isinstance(item, dict) else None
    label = f"rule {name}" if isinstance(name, str) else f"rule number {position}"
    try:
        rule = msgspec.convert(item, WrittenRule, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: {label}: {error}.") from None
    problem = _problem(rule)
    if problem:
        raise ConfigError(f"{file}: {label}, field {problem}.")
    return rule


def _problem(rule: WrittenRule) -> str | None:
    """What is wrong with the values of ``rule``, as 'field: reason'; None where nothing is."""
    if not _ID.fullmatch(rule.id) or len(rule.id) > 64:
        return "id: small letters, digits and hyphens (kebab-case), two words or more, at most 64 characters"
    if rule.category not in CATEGORIES:
        return f"category: {rule.category!r} is not one of {', '.join(CATEGORIES)}"
    if rule.confidence not in CONFIDENCES:
        return f"confidence: {rule.confidence!r} is not one of {', '.join(CONFIDENCES)}"
    if not 1 <= len(rule.checks) <= CHECKS_MAX:
        return f"checks: between 1 and {CHECKS_MAX}, there are {len(rule.checks)}"
    known = {"host", "service", *(["part"] if rule.id.startswith(("family-", "part-")) else [])}.union(
        *(_GROUP.findall(pattern) for pattern in rule.capture)
    )
    texts = [("summary", rule.summary, SUMMARY_MAX), ("probable_cause", rule.probable_cause, CAUSE_MAX)]
    texts += [(f"checks[{n}]", check, CHECK_MAX) for n, check in enumerate(rule.checks)]
    for field, text, limit in texts:
        names = {place[1] for place in _PLACE.finditer(text)}
        if unknown := names - known:
            return f"{field}: {{{min(unknown)}}} is neither host, service nor a group of capture"
        longest = _PLACE.sub(lambda place: "x" * max(PIECE_MAX, len(place[2] or "")), text)
        if not text.strip() or len(longest) > limit:
            return f"{field}: between 1 and {limit} characters, each {{place}} counted as {PIECE_MAX}"
    return None

"""The rules of the playbook, read from YAML and checked: a file that is wrong is refused by file, rule and field.

A file is a list of rules; ``vocabulary.yaml`` maps names to lists of terms (:mod:`term_language`)::

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

import re
from collections.abc import Mapping, Sequence
from fnmatch import translate
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import msgspec
import yaml

from andon.core.errors import ConfigError
from andon.core.models import Severity
from andon.explain.finding import CATEGORIES, CAUSE_MAX, CHECK_MAX, CHECKS_MAX, CONFIDENCES, SUMMARY_MAX
from andon.explain.playbook.term_language import TermIndex, Vocabulary

#: A captured or quoted piece of a log is at most this long in an answer.
PIECE_MAX = 48
VOCABULARY = "vocabulary.yaml"
#: Files of parts begin with this (:mod:`andon.explain.playbook.parts`).
PARTS = "parts_"
_NOT_RULES = frozenset({VOCABULARY, "general.yaml", "glossary.yaml"})

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
_GROUP = re.compile(r"\(\?P<(\w+)>")
_PLACE = re.compile(r"\{(\w+)(?:\|([^{}]*))?\}")
#: Every scalar is text (so 0xc0000005 and ``no`` are words, not numbers and truths), nothing can be constructed.
#: libyaml where it is compiled in: parsing is most of the load time.
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class MatchSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``match`` as written."""

    all: list[list[str]] = []
    any: list[str] = []
    none: list[str] = []
    spoken: bool = False
    codes: list[str] = []
    prefer: list[str] = []
    service: list[str] = []
    host: list[str] = []
    context: dict[str, str] = {}


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule as written; texts are templates, see :func:`fill`."""

    id: str
    category: str
    match: MatchSpec
    summary: str
    probable_cause: str
    checks: list[str]
    confidence: str = "medium"
    capture: list[str] = []
    severity_floor: Severity | None = None
    weight: float = 0.0
    sure: float = 0.0
    examples: list[str] = []


class Compiled(msgspec.Struct, frozen=True):
    """A rule ready to match: terms by number, globs and captures as patterns."""

    rule: Rule
    order: int
    groups: tuple[frozenset[int], ...]
    none: frozenset[int]
    codes: frozenset[int]
    prefer: frozenset[int]
    service: tuple[re.Pattern[str], ...]
    host: tuple[re.Pattern[str], ...]
    context: tuple[tuple[str, re.Pattern[str]], ...]
    captures: tuple[re.Pattern[str], ...]


class Source(Protocol):
    """A file of rules: bundled or the site's own."""

    @property
    def name(self) -> str:
        """The file's name."""
        ...

    def read_text(self, encoding: str) -> str:
        """Its content."""
        ...


def bundled() -> list[Source]:
    """The rule files of this package, in the order of their names."""
    files = [item for item in resources.files(__package__).iterdir() if item.name.endswith(".yaml")]
    rules = (item for item in files if item.name not in _NOT_RULES and not item.name.startswith(PARTS))
    return sorted(rules, key=lambda item: item.name)


def chosen(paths: Sequence[Path]) -> list[Source]:
    """``paths`` with each directory replaced by its YAML files, sorted."""
    files: list[Source] = []
    for path in paths:
        files.extend(sorted(path.glob("*.y*ml")) if path.is_dir() else [path])
    return files


def load_rules(sources: Sequence[Source]) -> list[tuple[str, Rule]]:
    """(file name, rule) of every rule in ``sources``. Raises ConfigError naming file, rule and field."""
    rules: list[tuple[str, Rule]] = []
    seen: dict[str, str] = {}
    for source in sources:
        data = parse(source)
        if not isinstance(data, list):
            raise ConfigError(f"{source.name}: a rule file is a list of rules; begin each with '- id:'.")
        for position, item in enumerate(data, 1):
            rule = _convert(source.name, position, item)
            if rule.id in seen:
                raise ConfigError(
                    f"{source.name}: rule {rule.id}, field id: {seen[rule.id]} has a rule of this name already; "
                    "rename one of them."
                )
            seen[rule.id] = source.name
            rules.append((source.name, rule))
    return rules


def load_vocabulary() -> Vocabulary:
    """The bundled lists of words that rules name as ``$name``, with a new index. Raises ConfigError."""
    source = resources.files(__package__) / VOCABULARY
    try:
        return Vocabulary(msgspec.convert(parse(source), dict[str, list[str]]), TermIndex())
    except msgspec.ValidationError as error:
        raise ConfigError(f"{VOCABULARY}: {error}. It maps each name to a list of words.") from None


def compile_rule(file: str, order: int, rule: Rule, vocabulary: Vocabulary) -> Compiled:
    """``rule`` ready to match, its terms added to the index. Raises ConfigError naming file, rule and field."""
    field = "match"

    def numbers(name: str, terms: Sequence[str]) -> frozenset[int]:
        nonlocal field
        field = f"match.{name}"
        return vocabulary.numbers(terms)

    match = rule.match
    try:
        groups = [numbers("all", group) for group in match.all]
        if match.any:
            groups.append(numbers("any", match.any))
        none, codes = numbers("none", match.none), numbers("codes", match.codes)
        prefer = numbers("prefer", match.prefer)
        field = "capture"
        captures = tuple(re.compile(pattern, re.IGNORECASE) for pattern in rule.capture)
    except (ValueError, re.error) as error:
        raise ConfigError(f"{file}: rule {rule.id}, field {field}: {error}.") from None
    if not codes and (not groups or not all(groups)):
        raise ConfigError(f"{file}: rule {rule.id}, field match: it would match everything; add any, all or codes.")
    return Compiled(
        rule=rule,
        order=order,
        groups=tuple(groups),
        none=none,
        codes=codes,
        prefer=prefer,
        service=tuple(_glob(glob) for glob in match.service),
        host=tuple(_glob(glob) for glob in match.host),
        context=tuple((key, _glob(glob)) for key, glob in match.context.items()),
        captures=captures,
    )


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


def parse(source: Source) -> Any:
    """The YAML of ``source``, every scalar as text. Raises ConfigError."""
    try:
        return yaml.load(source.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - builds text, lists and maps only
    except OSError as error:
        raise ConfigError(f"{source.name}: cannot be read ({error.strerror}); check path and permissions.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{source.name}: not readable as YAML: {' '.join(str(error).split())}") from None


def _convert(file: str, position: int, item: Any) -> Rule:
    name = item.get("id") if isinstance(item, dict) else None
    label = f"rule {name}" if isinstance(name, str) else f"rule number {position}"
    try:
        rule = msgspec.convert(item, Rule, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: {label}: {error}.") from None
    problem = _problem(rule)
    if problem:
        raise ConfigError(f"{file}: {label}, field {problem}.")
    return rule


def _problem(rule: Rule) -> str | None:
    """What is wrong with the values of ``rule``, as 'field: reason'; None where nothing is."""
    if not _ID.fullmatch(rule.id) or len(rule.id) > 64:
        return "id: small letters, digits and hyphens (kebab-case), two words or more, at most 64 characters"
    if rule.category not in CATEGORIES:
        return f"category: {rule.category!r} is not one of {', '.join(CATEGORIES)}"
    if rule.confidence not in CONFIDENCES:
        return f"confidence: {rule.confidence!r} is not one of {', '.join(CONFIDENCES)}"
    if not 1 <= len(rule.checks) <= CHECKS_MAX:
        return f"checks: between 1 and {CHECKS_MAX}, there are {len(rule.checks)}"
    known = {"host", "service"}.union(*(_GROUP.findall(pattern) for pattern in rule.capture))
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

"""The site's own rules in front of the bundled ones: a directory of YAML files in their format, read when they change.

A rule of the site that fits a log answers before any bundled rule, whatever either weighs; one with the id of a bundled
rule stands in its place. A rule that is wrong is reported with its line, and its last good version stays in force.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import structlog

from andon.core.errors import ConfigError
from andon.core.models import Explanation, Hint, Question, StoredLog
from andon.core.models.explanations import question_of
from andon.explain.playbook.parsed_files import kept_in
from andon.explain.playbook.parts import PREFIX as PART
from andon.explain.playbook.playbook import BROAD, Match, Playbook, bundled_playbook
from andon.explain.playbook.rules import (
    RULES_MAX,
    VOCABULARY,
    Compiled,
    Lists,
    WrittenRule,
    bundled_vocabulary,
    compile_rule,
    convert_rule,
)
from andon.explain.playbook.term_language import TermIndex, Vocabulary
from andon.explain.site_files import SiteFiles
from andon.explain.yaml_text import load_yaml

log = structlog.get_logger(__name__)


class _Content(NamedTuple):
    """What a file says: the rules as written, each with its line, or lists of words."""

    rules: list[tuple[int, Any]]
    lists: dict[str, list[str]]


class SitePlaybook:
    """The rules of ``directory``, which need not exist, before the bundled ones.

    :meth:`scan` reads files and belongs in a thread; answers come from memory. The bundled rules, a quarter of a
    second of work and a fifth of a service's memory, are loaded when they are first needed: see :meth:`ready`.
    """

    def __init__(self, directory: Path, bundled: Playbook | None = None, *, kept: Path | None = None) -> None:
        """``bundled`` are loaded when they are needed unless given, from the file ``kept`` where it holds them parsed;
        the site's rules come with the first :meth:`scan`."""
        self._kept = kept
        self._files = SiteFiles(directory, [".yaml", ".yml"], "playbook file", _parse)
        self._loaded = bundled
        self._loading = threading.Lock()
        #: The site's rules, and the bundled ones that stand beside them; None where it has none. Replaced as one.
        self._own: tuple[Playbook, Playbook] | None = None
        self._good: dict[str, tuple[str, WrittenRule]] = {}
        self._wrong: list[str] = []

    def __len__(self) -> int:
        return len(self._good)

    @property
    def problems(self) -> list[str]:
        """One sentence for each file, list of words and rule that cannot be used as it is."""
        return self._files.problems + self._wrong

    @property
    def misled(self) -> list[str]:
        """One sentence for each example of a rule that does not select it."""
        found = []
        for file, rule in self._good.values():
            for example in rule.examples:
                service, message = example.split(" | ", 1) if " | " in example else ("", example)
                match = self.match(question_of(message, service).logs[0])
                if match is None or match.rule.id != rule.id:
                    other = f"rule {match.source}" if match is not None else "no rule"
                    found.append(f"{file}: rule {rule.id}: its example “{example}” selects {other}")
        return found

    async def ready(self) -> None:
        """Load the bundled rules in a thread, if that was not done: whoever asks first would else hold the loop up.

        Raises ConfigError where the package is damaged.
        """
        if self._loaded is None:
            await asyncio.to_thread(self._load)

    def _load(self) -> Playbook:
        with self._loading:
            if self._loaded is None:
                with kept_in(self._kept):
                    self._loaded = bundled_playbook()
            return self._loaded

    @property
    def _bundled(self) -> Playbook:
        return self._loaded or self._load()

    @property
    def _now(self) -> tuple[Playbook | None, Playbook]:
        return self._own or (None, self._bundled)

    def scan(self, *, tell: bool = True) -> bool:
        """Read what is new or changed; forget what is gone; whether there was anything. See :meth:`SiteFiles.scan`."""
        changed = self._files.scan(tell=tell)
        if changed:
            known = self._wrong
            self._build()
            for problem in self._wrong if tell else ():
                if problem not in known:
                    log.warning("playbook rule not usable", reason=problem)
        return changed

    def match(self, entry: StoredLog) -> Match | None:
        """The rule that answers for one log, None where none fits."""
        own, rest = self._now
        return (own.match(entry) if own is not None else None) or rest.match(entry)

    def explain(self, question: Question) -> Explanation:
        """The site's best rule's answer, else the bundled rules', or the general one. Never raises."""
        own, rest = self._now
        return (own.answer(question) if own is not None else None) or rest.explain(question)

    def general(self, question: Question) -> Explanation:
        """The general answer, whatever rule fits. Never raises."""
        return self._bundled.general(question)

    def candidates(self, question: Question, limit: int = 3) -> list[Hint]:
        """At most ``limit`` rules that may bear on ``question``, those of the site first. Never raises."""
        own, rest = self._now
        found = own.candidates(question, limit) if own is not None else []
        return found + rest.candidates(question, limit - len(found))

    def hint_of(self, rule_id: str, question: Question) -> Hint | None:
        """The rule of this id as a hint for ``question``; None where there is none. Never raises."""
        own, rest = self._now
        return (own.hint_of(rule_id, question) if own is not None else None) or rest.hint_of(rule_id, question)

    def _build(self) -> None:
        vocabulary, problems = self._vocabulary()
        good: dict[str, tuple[str, WrittenRule]] = {}
        rules: list[Compiled] = []
        for file, content in self._files:
            for position, (line, item) in enumerate(content.rules, 1):
                where = f"{file}, line {line}"
                try:
                    rule = convert_rule(where, position, item)
                    _refuse_id(where, rule.id, good)
                    compiled = compile_rule(where, len(rules), rule, vocabulary, own=True)
                except ConfigError as error:
                    problems.append(str(error))
                    kept = self._last_good(file, item, len(rules), vocabulary)
                    if kept is None or kept.rule.id in good:
                        continue
                    rule, compiled = self._good[kept.rule.id][1], kept
                good[rule.id] = file, rule
                rules.append(compiled)
        own = Playbook(rules, vocabulary.index, "this site's playbook rule") if rules else None
        self._own = (own, self._bundled.without(good)) if own is not None else None
        self._good, self._wrong = good, problems

    def _vocabulary(self) -> tuple[Vocabulary, list[str]]:
        """The bundled lists of words with the site's, which go before them, and what is wrong with those."""
        own = {name: (file, terms) for file, content in self._files for name, terms in content.lists.items()}
        lists = {**bundled_vocabulary(), **{name: terms for name, (_, terms) in own.items()}}
        vocabulary = Vocabulary(lists, TermIndex())
        problems = []
        for name, (file, _) in own.items():
            try:
                vocabulary.numbers([f"${name}"])
            except ValueError as error:
                problems.append(f"{file}: list {name}: {error}.")
        return vocabulary, problems

    def _last_good(self, file: str, item: Any, order: int, vocabulary: Vocabulary) -> Compiled | None:
        """The rule ``item`` as it was when it could last be used, None where it never could."""
        name = item.get("id") if isinstance(item, dict) else None
        known = self._good.get(name) if isinstance(name, str) else None
        if known is None or known[0] != file:
            return None
        try:
            return compile_rule(file, order, known[1], vocabulary, own=True)
        except ConfigError:  # a list that it names is gone; the problem of its new version stands for both
            return None


def _parse(file: str, text: str) -> _Content:
    try:
        data, lines = load_yaml(text)
    except ValueError as error:
        raise ValueError(f"not readable as YAML: {error}") from None
    if file.rpartition("/")[2] in (VOCABULARY, VOCABULARY.replace(".yaml", ".yml")):
        try:
            return _Content([], msgspec.convert(data or {}, Lists))
        except msgspec.ValidationError as error:
            raise ValueError(f"{error}; it maps each name to a list of words") from None
    if not isinstance(data, list) and data is not None:
        raise ValueError("a rule file is a list of rules; begin each with '- id:'")
    if len(lines) > RULES_MAX:
        raise ValueError(f"it has more than {RULES_MAX} rules")
    return _Content(list(zip(lines, data or [], strict=True)), {})


def _refuse_id(where: str, name: str, known: dict[str, tuple[str, WrittenRule]]) -> None:
    if name.startswith((BROAD, PART)):
        raise ConfigError(
            f"{where}: rule {name}, field id: only bundled rules may begin with {BROAD} and {PART}; rename it."
        )
    if name in known:
        raise ConfigError(
            f"{where}: rule {name}, field id: {known[name][0]} has a rule of this name already; rename one of them."
        )

"""Choosing a rule for a log, and saying honestly when none fits."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import msgspec

from andon.core.models import Explanation, Hint, Question, Rung, StoredLog
from andon.core.redact import one_numbering
from andon.explain.finding import CHECKS_MAX, Finding, render, worst
from andon.explain.playbook.code_tables import PREFIX as CODE
from andon.explain.playbook.code_tables import CodeTables, code_rules
from andon.explain.playbook.general import General, load_general
from andon.explain.playbook.glossary import load_glossary
from andon.explain.playbook.parts import PREFIX as PART
from andon.explain.playbook.parts import part_rules
from andon.explain.playbook.reading import Reading, read, shown
from andon.explain.playbook.rules import (
    PIECE_MAX,
    Compiled,
    Meaning,
    Rule,
    bundled_rules,
    bundled_vocabulary,
    compile_rule,
    fill,
    uncollected,
)
from andon.explain.playbook.symptoms import Lead, Symptoms, load_symptoms
from andon.explain.playbook.term_language import TermIndex, Vocabulary

#: The ``source`` of an answer that no rule gave.
GENERAL = "general"
#: A rule needs this much specificity from the log's own words, not from the names of service and host.
_ENOUGH = 2.0
#: What a log has to bring that sends its reader elsewhere ("see the manual", "call service").
_ENOUGH_IF_EVASIVE = 3.5
#: What a log has to bring where it also says that it does not know, or that all went well.
_ENOUGH_IN_DOUBT = 4.0
#: Where a log has fewer words of its own, one that only says “failed” does not help a rule.
_FEW = 2.6
#: The same where the log says that it does not know, or sends its reader elsewhere.
_MANY = 6.0
#: A log that tells this much and shows a symptom is answered by the broad rule of its kind of equipment.
_MUCH = 3.5
#: The same where the service is a program that tells of its own trouble, and what then suffices without a symptom.
_MUCH_AT_HOME, _PLENTY_AT_HOME = 2.5, 4.0
#: How the ids of the broad rules begin.
BROAD = "family-"
#: Broad rules and parts of at most this weight know only who reports a fault.
_REPORTER = -2.5
#: A rule of words is less than sure where one of another category fits so nearly as well.
_CLOSE = 0.75
#: What a list that is not met costs a candidate, and the part of a rule's lists that have to be met.
_UNMET, _MET = 2.0, 0.5
#: What a rule gains where the service is named after a product of its category.
_HOME = 1.0
#: What a rule about machines loses where the service is a program of computers alone.
_AWAY = 3.0
_COMPUTERS = frozenset({"server", "storage", "database", "container", "certificate", "security", "time"})
_OWN_TROUBLE = _COMPUTERS | {"network"}
_MACHINE = frozenset({"mechanical", "electrical", "drive", "motion", "sensor", "safety", "robot", "power"})
_MACHINE |= {"process", "pneumatic_hydraulic"}
#: What a robot is made of: named by its controller, such a fault is one of the robot.
_OF_A_ROBOT = frozenset({"drive", "motion"})
_CONTROLLER = "plc"
_EVIDENCE = 3
#: Logs of one problem that are read for a rule.
_READ = 8
#: Questions of which is kept what was chosen for them, some kilobytes each: those that wait are looked through while
#: the model is busy, and again when their turn comes.
_LATELY = 256
#: A part is called by name in an answer where that is no longer than the place in its text.
_NAME_MAX = 17
_NOT_FOLLOWED = "Part of the log text gives instructions to its reader; it was omitted and not followed."


class Match(msgspec.Struct, frozen=True):
    """A rule that fits a log, with the values its texts may use; ``exact`` where a phrase of it suffices by itself."""

    rule: Rule
    source: str
    score: float
    values: dict[str, str]
    confidence: str
    exact: bool


class Beside(msgspec.Struct, frozen=True):
    """What bundled rules have beside their own words: the ``tables`` that find codes, and by the id of a rule what
    symptoms mean there (``when``)."""

    tables: CodeTables
    when: Mapping[str, Mapping[str, Meaning]]


class Playbook:
    """Rules and the general answer. Immutable once made; safe to share between threads."""

    def __init__(
        self,
        rules: Sequence[Compiled],
        index: TermIndex,
        answered_by: str = "playbook rule",
        beside: Beside | None = None,
    ) -> None:
        """``rules`` are compiled with ``index``; ``answered_by`` is what an answer calls them; ``beside`` is None for
        the rules of a site, which stand as they are. Raises ConfigError."""
        self._index = index
        vocabulary = Vocabulary(bundled_vocabulary(), index)
        self._general = General(load_general(), vocabulary)
        self._symptoms = Symptoms(load_symptoms(), vocabulary)
        self._arm = vocabulary.numbers(["$robotarm"])
        self._beside = beside
        self._glossary = load_glossary()
        self._answered_by = answered_by
        self._compiled = tuple(rules)
        # every list has to be met, so the shortest one tells which logs to look at
        touching = (set(one.codes).union(*sorted(one.groups, key=len)[:1]) for one in rules)
        #: By the number of a term which rules it can help to match: only those are looked at.
        self._touched = _by_term(rules, touching, len(index))
        #: By each term of a rule's first list: whoever comes near it has met that.
        self._first = _by_term(
            self._compiled, (one.groups[0] if one.groups else () for one in self._compiled), len(index)
        )
        #: What was chosen for the latest questions: each is asked for its rule some times on its way.
        self._lately: dict[Any, tuple[int, Reading, Match | None]] = {}
        #: Phrases that a rule about a machine is content with: a log of few words that says one of them says enough.
        self._telltale = frozenset().union(*(one.phrases for one in self._compiled if one.rule.category in _MACHINE))
        self._broad = {c.rule.category: c for c in self._compiled if c.rule.id.startswith(BROAD)}
        index.settle()

    @classmethod
    @uncollected()
    def load(cls) -> Playbook:
        """The bundled rules. Raises ConfigError that names file, rule and field."""
        vocabulary = Vocabulary(bundled_vocabulary(), TermIndex())
        # as each is read: what was written and is not kept leaves its room to what comes next
        rules = [compile_rule(file, order, rule, vocabulary) for order, (file, rule) in enumerate(bundled_rules())]
        broad = {one.rule.category: one.rule for one in rules if one.rule.id.startswith(BROAD)}
        when: dict[str, Mapping[str, Meaning]] = {}
        for file, rule, meanings in part_rules(broad):
            rules.append(compile_rule(file, len(rules), rule, vocabulary))
            if meanings:
                when[rule.id] = meanings
        coded, tables = code_rules(broad, vocabulary, len(rules))
        return cls([*rules, *coded], vocabulary.index, beside=Beside(tables, when))

    def without(self, ids: Container[str]) -> Playbook:
        """The same but for the rules of these ``ids``."""
        rules = [compiled for compiled in self._compiled if compiled.rule.id not in ids]
        return Playbook(rules, self._index, beside=self._beside)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in the order of their files."""
        return tuple(compiled.rule for compiled in self._compiled)

    def match(self, log: StoredLog, template: str = "") -> Match | None:
        """The most specific rule for ``log``, None where none fits or the log says too little."""
        return self._match(self._read(log, template), log)

    def explain(self, question: Question) -> Explanation:
        """The best rule's answer to ``question``, or the general one. Never raises."""
        started = time.perf_counter()
        at, reading, match = self._chosen(question)
        with one_numbering():
            if match is not None:
                return self._ruled(question, at, reading, match, started)
            return self._generally(question, reading, started)

    def general(self, question: Question) -> Explanation:
        """The general answer to ``question``, whatever rule fits it. Never raises."""
        started = time.perf_counter()
        reading = self._read(question.logs[0], question.template) if question.logs else Reading()
        with one_numbering():
            return self._generally(question, reading, started)

    def _generally(self, question: Question, reading: Reading, started: float) -> Explanation:
        severity = worst(question, self._general.floor(reading))
        values = names(question.logs[0]) if question.logs else {}
        finding = self._general.finding(reading, values, severity, [log.id for log in question.logs[:1]])
        return _explanation(finding, GENERAL, self._general.note, reading, started)

    def answer(self, question: Question) -> Explanation | None:
        """The best rule's answer to ``question``, None where none fits. Never raises."""
        started = time.perf_counter()
        at, reading, match = self._chosen(question)
        with one_numbering():
            return self._ruled(question, at, reading, match, started) if match is not None else None

    def candidates(self, question: Question, limit: int = 3) -> list[Hint]:
        """At most ``limit`` rules that may bear on ``question``, the likeliest first: those that fit, then those of
        whose lists of words half or more are met. Never raises."""
        if not question.logs or limit < 1:
            return []
        at, reading, match = self._chosen(question)
        log = question.logs[at]
        best: dict[str, tuple[Compiled, float]] = {}
        for compiled, score in [*self._scored(reading), *self._nearly(reading)]:
            best.setdefault(compiled.rule.id, (compiled, score))
        ordered = sorted(best.values(), key=lambda entry: -entry[1])
        if match is not None:
            ordered.sort(key=lambda entry: entry[0].rule.id != match.rule.id)
        with one_numbering():
            return [self._hint(compiled, score, reading, log) for compiled, score in ordered[:limit]]

    def hint_of(self, rule_id: str, question: Question) -> Hint | None:
        """The rule of this id as a hint for ``question``; None where there is none. Never raises."""
        compiled = next((one for one in self._compiled if one.rule.id == rule_id), None)
        if compiled is None or not question.logs:
            return None
        at, reading, match = self._chosen(question)
        fits = match is not None and match.rule.id == rule_id
        with one_numbering():
            return self._hint(compiled, match.score if match and fits else 0.0, reading, question.logs[at])

    def _hint(self, compiled: Compiled, score: float, reading: Reading, log: StoredLog) -> Hint:
        rule, values = compiled.rule, self._values(compiled, reading, log)
        cause, checks = self._told(rule, values, reading, exact=not reading.said.isdisjoint(compiled.codes))
        title = fill(rule.summary, values)
        return Hint("rule", compiled.source, title, "", round(score, 2), self._category(rule, reading), cause, checks)

    def _nearly(self, reading: Reading) -> Iterator[tuple[Compiled, float]]:
        """The rules of whose lists the log meets some, each with how well; they lose against rules that fit.

        The first list of a rule says what it is about, so it has to be met.
        """
        said, weights = reading.said, self._index.weights
        begun = {one.order: one for term in said | reading.around for one in self._first[term]}
        for _, compiled in sorted(begun.items()):
            if not said.isdisjoint(compiled.none) or not _fits(compiled, reading):
                continue
            met = [said.intersection(group) or reading.around.intersection(group) for group in compiled.groups]
            unmet = sum(not group for group in met)
            own = sum(max(weights[term] for term in group) for group in met if group)
            if met and met[0] and unmet <= _MET * len(met):
                yield compiled, 0.5 * own + compiled.rule.weight - _UNMET * unmet

    def _ruled(self, question: Question, at: int, reading: Reading, match: Match, started: float) -> Explanation:
        note = f"Answered by {self._answered_by} {match.source}."
        return _explanation(self._answer(question, match, at, reading), match.source, note, reading, started)

    def _read(self, log: StoredLog, template: str = "") -> Reading:
        reading = read(log, template, self._index, self._glossary)
        if self._beside is not None:
            reading.coded = self._beside.tables.find(reading)
            reading.said |= reading.coded
        return reading

    def _chosen(self, question: Question) -> tuple[int, Reading, Match | None]:
        """The log that names the problem best, the newest of equals: its place, reading and rule."""
        if not question.logs:
            return 0, Reading(), None
        # by their hashes: what is asked about may be as long as a message can be
        logs = ((log.hostname, log.service, hash(log.message), hash(log.context)) for log in question.logs)
        key = question.template, *logs
        known = self._lately.get(key)
        if known is None:
            known = self._choose(question)
            if len(self._lately) >= _LATELY:
                self._lately.pop(next(iter(self._lately)), None)
            self._lately[key] = known
        return known

    def _choose(self, question: Question) -> tuple[int, Reading, Match | None]:
        newest = self._read(question.logs[0], question.template)
        best = (0, newest, self._match(newest, question.logs[0]))
        seen = {question.logs[0].message}
        for at, log in enumerate(question.logs[1:_READ], 1):
            if log.message in seen:
                continue
            seen.add(log.message)
            reading = self._read(log)
            match = self._match(reading, log)
            if match and (best[2] is None or match.score > best[2].score):
                best = (at, reading, match)
        return best

    def _match(self, reading: Reading, log: StoredLog) -> Match | None:
        scored = self._scored(reading)
        best = max(scored, key=itemgetter(1), default=None)  # the first of equals
        if best is None or best[0].rule.id.startswith(BROAD):  # what the service is named after is more exact
            best = self._broadly(reading) if best is None else self._named(reading) or best
        if best is None:
            return None
        compiled, score = best
        exact = not reading.said.isdisjoint(compiled.codes)
        sure = exact or not any(
            score - other < _CLOSE and rival.rule.category != compiled.rule.category for rival, other in scored
        )
        confidence = compiled.rule.confidence
        return Match(
            rule=compiled.rule,
            source=compiled.source,
            score=score,
            values=self._values(compiled, reading, log),
            confidence=confidence if sure or confidence != "high" else "medium",
            exact=exact,
        )

    def _scored(self, reading: Reading) -> list[tuple[Compiled, float]]:
        """The rules that fit, each with how well, in their order."""
        if self._general.silent(reading, self._telltale):
            return []
        touched = self._touched
        evasive = self._general.evasive(reading)
        enough = _ENOUGH_IF_EVASIVE if evasive and not reading.coded else _ENOUGH
        if self._general.doubt(reading):
            enough = _ENOUGH_IN_DOUBT
        broad = (*((BROAD,) if evasive or reading.instructed else ()), *((PART,) if evasive else ()))
        candidates = {
            compiled.order: compiled
            for term in reading.said | reading.around
            for compiled in touched[term]
            if not compiled.rule.id.startswith(broad) or not reading.said.isdisjoint(compiled.codes)
        }
        few = _FEW if enough == _ENOUGH else _MANY
        hollow = self._general.empty(reading, few) if self._beside is not None else frozenset()
        homes = self._general.homes(reading)
        away = _MACHINE if homes and homes <= _COMPUTERS and self._beside is not None else frozenset()
        return [
            (compiled, score + _HOME * (compiled.rule.category in homes) - _AWAY * (compiled.rule.category in away))
            for _, compiled in sorted(candidates.items())
            if (score := self._score(compiled, reading, enough, hollow)) is not None
        ]

    def _broadly(self, reading: Reading) -> tuple[Compiled, float] | None:
        """The broad rule for a log that no rule knows but that tells much; it loses against any other rule."""
        if not self._broad or reading.instructed or self._general.silent(reading):
            return None
        told = self._general.telling(reading)
        homes = self._general.homes(reading)
        at_home = bool(homes) and homes <= _OWN_TROUBLE
        if told < (_MUCH_AT_HOME if at_home else _MUCH):
            return None
        if part := self._named(reading):
            return part
        category = self._general.family(reading, shown=at_home and told >= _PLENTY_AT_HOME)
        compiled = self._broad.get(category) if category else None
        return (compiled, compiled.rule.weight) if compiled else None

    def _named(self, reading: Reading) -> tuple[Compiled, float] | None:
        """The part that the service is named after, where the log tells much, and of trouble."""
        if reading.instructed or self._general.telling(reading) < _MUCH:
            return None
        if self._general.doubt(reading) or self._general.evasive(reading):
            return None
        weights = self._index.weights
        reports = _CONTROLLER in self._general.homes(reading)  # “s7-bottles” controls bottles; its log is about more
        scored = []
        named = {one.order: one for term in reading.named for one in self._first[term]}
        for _, compiled in sorted(named.items()):
            if not compiled.rule.id.startswith(PART):
                continue
            words, trouble = compiled.groups
            name = reading.named.intersection(words)
            if reports and compiled.rule.category == "mechanical" and reading.said.isdisjoint(words):
                continue
            if not reading.said.isdisjoint(trouble) and reading.said.isdisjoint(compiled.none):
                scored.append((compiled, max(weights[term] for term in name) + compiled.rule.weight))
        return max(scored, key=itemgetter(1), default=None)

    def _score(self, compiled: Compiled, reading: Reading, enough: float, hollow: frozenset[int]) -> float | None:
        """How specifically ``compiled`` fits; None where it does not, or on too few of the log's own words, of which
        those of ``hollow`` do not count."""
        said, around, weights = reading.said, reading.around, self._index.weights
        if not said.isdisjoint(compiled.none) or not _fits(compiled, reading):
            return None
        own = near = empty = 0.0
        for group in compiled.groups:
            if spoken := said.intersection(group):
                met = max(weights[term] for term in spoken) + (0.5 if len(spoken) == 2 else len(spoken) > 2)
                own += met
                empty += met * (spoken <= hollow)
            elif not compiled.spoken and not around.isdisjoint(group):
                near += 0.5
            else:
                own = near = empty = 0.0
                break
        coded = said.intersection(compiled.codes)
        code = max((weights[term] for term in coded), default=0.0)
        if own - empty + code < enough + (near > 0):
            return None
        preferred = sum(weights[term] for term in said.intersection(compiled.prefer))
        preferred += 0.5 * len((around - said).intersection(compiled.prefer))
        where = len(compiled.service) + len(compiled.host) + len(compiled.context) > 0
        sure = compiled.rule.sure if coded else 0.0
        return own + near + 1.5 * code + sure + 0.5 * preferred + where + compiled.rule.weight

    def _told(self, rule: Rule, values: Mapping[str, str], reading: Reading, *, exact: bool) -> tuple[str, list[str]]:
        """Cause and checks of ``rule``; those of a bundled rule that is not sure with what the symptom means there."""
        cause, checks = rule.probable_cause, rule.checks
        if self._beside is not None and rule.confidence != "high" and not rule.id.startswith(CODE):
            lead = Lead.SYMPTOM if rule.id.startswith(BROAD) else Lead.RULE
            if rule.id.startswith(PART) and not exact:
                lead = Lead.SYMPTOM if rule.weight <= _REPORTER else Lead.EITHER
            told = self._symptoms.told(reading.said, rule, self._beside.when.get(rule.id, {}), lead)
            cause, checks = told.cause, told.checks
        return fill(cause, values), [fill(check, values) for check in checks[:CHECKS_MAX]]

    def _values(self, compiled: Compiled, reading: Reading, log: StoredLog) -> dict[str, str]:
        """What the texts of a rule may use of ``log``; ``part`` is what a broad rule found there."""
        values = names(log)
        if compiled.groups and compiled.rule.id.startswith((BROAD, PART)):
            called = (
                _called(self._index.text(term), reading) for term in reading.said.intersection(compiled.groups[0])
            )
            values["part"] = max(
                (name for name in called if len(name) <= _NAME_MAX), key=lambda name: (len(name), name), default=""
            )
        for pattern in compiled.captures:
            if found := pattern.search(reading.text):
                values.update({k: shown(v, PIECE_MAX) for k, v in found.groupdict().items() if v})
        return values

    def _category(self, rule: Rule, reading: Reading) -> str:
        """The category of an answer by ``rule``: drives and axes of a robot are its own; one that knows only who
        reports takes that of the symptom."""
        if self._beside is None:
            return rule.category
        if rule.category in _OF_A_ROBOT and not self._arm.isdisjoint(reading.named):
            return "robot"
        if not rule.id.startswith((BROAD, PART)) or rule.weight > _REPORTER:
            return rule.category
        return self._symptoms.moved(reading.said, rule.category, self._beside.when.get(rule.id, {}))

    def _answer(self, question: Question, match: Match, chosen: int, reading: Reading) -> Finding:
        rule, values = match.rule, match.values
        same = [question.logs[chosen].id]
        for at, log in enumerate(question.logs[:_EVIDENCE]):
            if len(same) < _EVIDENCE and at != chosen and (other := self.match(log)) and other.rule.id == rule.id:
                same.append(log.id)
        cause, checks = self._told(rule, values, reading, exact=match.exact)
        return Finding(
            summary=fill(rule.summary, values),
            category=self._category(rule, reading),  # type: ignore[arg-type]  # checked when the rule was loaded
            probable_cause=cause,
            checks=checks,
            severity_assessed=worst(question, rule.severity_floor, self._general.floor(reading)),
            confidence=match.confidence,  # type: ignore[arg-type]
            evidence=same,
            enough_evidence=True,
        )


def _explanation(finding: Finding, source: str, note: str, reading: Reading, started: float) -> Explanation:
    if reading.instructed:
        note = f"{note} {_NOT_FOLLOWED}"
    return Explanation(
        rung=Rung.PLAYBOOK,
        text=render(finding, note=note),
        finding=finding.model_dump(mode="json"),
        source=source,
        latency=time.perf_counter() - started,
    )


def _by_term(rules: Sequence[Compiled], terms: Iterable[Iterable[int]], count: int) -> list[tuple[Compiled, ...]]:
    """By the number of each of ``count`` terms the rules that have it among theirs."""
    found: list[tuple[Compiled, ...]] = [()] * count
    for rule, numbers in zip(rules, terms, strict=True):
        alone = (rule,)  # one object for all terms that only one rule has: they are most of tens of thousands
        for term in numbers:
            found[term] = found[term] + alone if found[term] else alone
    return found


@cache
def bundled_playbook() -> Playbook:
    """The bundled rules, read once in a process: nothing changes them. Raises ConfigError."""
    return Playbook.load()


def names(log: StoredLog) -> dict[str, str]:
    """``host`` and ``service`` of ``log`` as texts may show them."""
    host, service = shown(log.hostname, PIECE_MAX), shown(log.service, PIECE_MAX)
    return {
        "host": host if host.lower() not in ("", "unknown") else "this host",
        "service": service if service.lower() not in ("", "unknown") else "this service",
    }


def _called(term: str, reading: Reading) -> str:
    """How the log calls what ``term`` looks for, translated; "" where that is no name."""
    text = term.rstrip("!")
    if "~" in text or not text.endswith("*"):
        return "" if "~" in text else text
    if " " in text:
        return text.rstrip("*")
    return min((word for word in reading.words if word.startswith(text[:-1])), key=len, default="")


def _fits(compiled: Compiled, reading: Reading) -> bool:
    """Whether the globs on service, host and context hold."""
    if compiled.service and not any(glob.match(reading.service) for glob in compiled.service):
        return False
    if compiled.host and not any(glob.match(reading.host) for glob in compiled.host):
        return False
    context = reading.context
    return all(glob.match(context.get(key.lower(), "")) for key, glob in compiled.context)

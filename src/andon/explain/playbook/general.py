"""The honest answer where no rule fits: what kind of equipment it seems to be, and how to gather evidence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from functools import cache

import msgspec

from andon.core.errors import ConfigError
from andon.core.models import Severity
from andon.explain.finding import CATEGORIES, Finding
from andon.explain.playbook.reading import Reading, shown
from andon.explain.playbook.rules import bundled, fill
from andon.explain.playbook.symptoms import load_symptoms
from andon.explain.playbook.term_language import Vocabulary

FILE = "general.yaml"
#: A number, hexadecimal ones as well, names nothing.
_NUMBER = re.compile(r"0x[0-9a-f]*|\d+")
_QUOTE_MAX = 120
#: A log whose words tell less than this says nothing but that there is a fault.
_TELLING = 1.0
#: A log that tells this much shows a symptom even where it only says “failed”.
_LONG = 7.5
#: What the name of a product in the name of the service says about the kind of equipment.
_NAMED = 3.0
#: The same of a kind that mostly tells what happened elsewhere.
_TOLD = 0.5
#: A term of this weight names a problem by itself.
_MARKED = 3.0


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A category that mere names hint at, and the first thing to look at there. ``names`` are products and programs
    that services and hosts are called after; in the text of a log they may mean anything. A ``messenger``,
    such as a controller, mostly tells what happened elsewhere: its names count little."""

    category: str
    hints: list[str]
    check: str
    names: list[str] = []
    messenger: bool = False


class GeneralSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``general.yaml`` as written. ``doubt`` are words with which a log says that it does not know, or that all
    is well: a rule then needs more of the log's other words; ``well`` words do so too, but not where ``unwell`` ones
    take them back. ``filler`` are single words that name no problem;
    ``thin`` are words that begin to name one, but not by themselves.
    ``lesson`` are phrases of a text that speaks about faults and reports none.
    ``plain`` words name a fault even beside one word only; ``symptoms`` say that something is wrong, ``evasive``
    phrases that the rest stands elsewhere; ``alarming`` ones name what nobody may pass over, whatever the log's own
    severity says. ``hollow`` words say that something went wrong and not what: they narrow no cause."""

    summary: str
    probable_cause: str
    note: str
    doubt: list[str]
    well: list[str]
    unwell: list[str]
    lesson: list[str]
    filler: list[str]
    thin: list[str]
    symptoms: list[str]
    plain: list[str]
    evasive: list[str]
    alarming: list[str]
    hollow: list[str]
    check: str
    checks: list[str]
    kinds: list[Kind]


class General:
    """The general answer, ready to use."""

    def __init__(self, spec: GeneralSpec, vocabulary: Vocabulary) -> None:
        """Raises ValueError on a bad term."""
        self._spec = spec
        self._weights = vocabulary.index.weights
        self._doubt = vocabulary.numbers(spec.doubt)
        self._well, self._unwell = vocabulary.numbers(spec.well), vocabulary.numbers(spec.unwell)
        self._doubt |= self._well
        self._lesson = vocabulary.numbers(spec.lesson)
        self._symptoms = vocabulary.numbers(
            [*spec.symptoms, *(term for kind in load_symptoms() for term in kind.terms)]
        )
        self._plain = vocabulary.numbers(spec.plain)
        self._evasive = vocabulary.numbers(spec.evasive)
        self._alarming = vocabulary.numbers(spec.alarming)
        self._hollow = vocabulary.numbers(spec.hollow)
        self._filler = frozenset(spec.filler)
        self._thin = frozenset(spec.thin)
        self._hints = [(kind, vocabulary.numbers(kind.hints), vocabulary.numbers(kind.names)) for kind in spec.kinds]
        self.note = spec.note

    def doubt(self, log: Reading) -> bool:
        """Whether the log itself says that it does not know, or that all is well."""
        found = self._doubt & log.said
        return bool(found - self._well if self._unwell & log.said else found)

    def telling(self, log: Reading) -> float:
        """How many words say something of their own: names of things and symptoms, not "error" or "code 5".

        A word of ``thin`` counts half.
        """
        own = {word for word in log.words if len(word) > 1 and not _NUMBER.fullmatch(word)} - self._filler
        return len(own) - 0.5 * len(own & self._thin)

    def empty(self, log: Reading, enough: float) -> frozenset[int]:
        """The terms that say no more than that something failed, none where ``log`` tells ``enough``."""
        return self._hollow if self.telling(log) < enough else frozenset()

    def silent(self, log: Reading, telltale: Set[int] = frozenset()) -> bool:
        """Whether a log reports nothing a rule could explain: a lesson about faults, or one name without a symptom.

        ``telltale`` are phrases that name a fault by themselves.
        """
        if not self._lesson.isdisjoint(log.said):
            return True
        if log.coded or not telltale.isdisjoint(log.said):
            return False
        told = self.telling(log)
        plain = self._plain & log.said
        if any(self._weights[term] >= _MARKED for term in plain):
            return told <= 0
        bare = told <= 1 and not plain and all(self._weights[term] < _MARKED for term in log.said)
        return told < _TELLING or bare

    def evasive(self, log: Reading) -> bool:
        """Whether the log says that what matters stands elsewhere or is not known."""
        return not self._evasive.isdisjoint(log.said)

    def floor(self, log: Reading) -> Severity | None:
        """The least severity of a log that speaks of a safety stop, a fire or the like; None for any other."""
        return None if self._alarming.isdisjoint(log.said) else Severity.WARNING

    def family(self, log: Reading, *, shown: bool = False) -> str | None:
        """The category of a log that shows a symptom and does not evade, None where it does not or names no kind.

        ``shown`` takes it that there is a symptom, whatever words say so.
        """
        if self.doubt(log) or self.evasive(log):
            return None
        if not shown and self._symptoms.isdisjoint(log.said - self.empty(log, _LONG)):
            return None
        kind = self._kind(log)
        return kind.category if kind else None

    def finding(self, log: Reading, values: Mapping[str, str], severity: Severity, evidence: list[int]) -> Finding:
        """The answer that names no cause."""
        kind = self._kind(log)
        quoted = shown(log.message, _QUOTE_MAX)
        places = {"host": "this host", "service": "this service", **values}
        summary = fill(self._spec.summary, places)
        return Finding(
            summary=f"{summary} “{quoted}”" if quoted else summary,
            category=kind.category if kind else "unknown",  # type: ignore[arg-type]  # checked on load
            probable_cause=fill(self._spec.probable_cause, places),
            checks=[fill(t, places) for t in (kind.check if kind else self._spec.check, *self._spec.checks)],
            severity_assessed=severity,
            confidence="low",
            evidence=evidence,
            enough_evidence=False,
        )

    def homes(self, log: Reading) -> frozenset[str]:
        """The categories that the products in the name of a service stand for."""
        return frozenset(kind.category for kind, _, products in self._hints if not products.isdisjoint(log.named))

    def _kind(self, log: Reading) -> Kind | None:
        """The kind that words and names speak for most, the first of equals; None where they speak for none.

        The log's own words count double, its service goes before its host.
        """
        weights = self._weights
        best, most = None, 0.0
        for kind, hints, products in self._hints:
            votes = 2 * sum(weights[term] for term in hints & log.said)
            if kind.messenger:
                votes += _TOLD * (not products.isdisjoint(log.around))
            else:
                votes += sum(weights[term] for term in hints & log.around)
                votes += 0.5 * sum(weights[term] for term in hints & log.named)
                votes += _NAMED * (not products.isdisjoint(log.named)) + (not products.isdisjoint(log.around))
            if votes > most:
                best, most = kind, votes
        return best


@cache
def load_general() -> GeneralSpec:
    """The bundled ``general.yaml``. Raises ConfigError."""
    spec = bundled(FILE, GeneralSpec)
    if unknown := {kind.category for kind in spec.kinds} - set(CATEGORIES):
        raise ConfigError(f"{FILE}: field kinds: {min(unknown)!r} is not one of {', '.join(CATEGORIES)}.")
    return spec

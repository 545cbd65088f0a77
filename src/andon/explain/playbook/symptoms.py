"""What is wrong, apart from where: kinds of symptom, each with what it mostly comes from and where to look.

A part or a kind of equipment alone says too little: a short circuit of a valve's coil and a valve that sticks are
looked for at different places. ``symptoms.yaml`` gives each kind of symptom its words and, for the categories in
which it means the same, its cause and the first look::

    - symptom: worn
      terms: [worn, wear*, backlash]
      first: true                     # where to look is told by the symptom rather than by the part
      for:
        mechanical, motion: {cause: …, look: …}
      moves: {plc: electrical}        # what a controller reports of this kind is no fault of the controller

Bundled rules whose confidence is not high are completed by it: the most specific symptom that the log names, the
first of equals. A part may say itself what a symptom means there (``when`` in :mod:`andon.explain.playbook.parts`).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence, Set
from functools import cache

import msgspec

from andon.core.errors import ConfigError
from andon.explain.finding import CATEGORIES, CAUSE_MAX, CHECK_MAX
from andon.explain.playbook.rules import Meaning, Rule, bundled
from andon.explain.playbook.term_language import Vocabulary

FILE = "symptoms.yaml"


class Symptom(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"meanings": "for"}):
    """A kind of symptom as written; the keys of ``for`` are categories, several of them divided by commas. ``moves``
    is the category of a fault of this kind where only who reports it is known, by the category of the reporter."""

    symptom: str
    terms: list[str]
    meanings: dict[str, Meaning]
    first: bool = False
    moves: dict[str, str] = {}


class Lead(enum.Enum):
    """What goes first: the texts of a rule that knows the fault, those of the symptom before those of a rule that
    hardly says more than a category, or, for a part, what the kind of symptom says."""

    RULE = "rule"
    SYMPTOM = "symptom"
    EITHER = "either"


class Told(msgspec.Struct, frozen=True):
    """A cause and checks as an answer gives them."""

    cause: str
    checks: list[str]


class Symptoms:
    """The kinds of symptom, ready to use; immutable once made."""

    def __init__(self, written: Sequence[Symptom], vocabulary: Vocabulary) -> None:
        """Raises ValueError on a bad term."""
        self._weights = vocabulary.index.weights
        self._kinds = [(kind, vocabulary.numbers(kind.terms), _by_category(kind)) for kind in written]

    def names(self, said: Set[int]) -> list[str]:
        """The kinds that ``said`` names, the most specific first."""
        return [kind.symptom for kind, _, _ in self._found(said)]

    def told(self, said: Set[int], rule: Rule, when: Mapping[str, Meaning], lead: Lead) -> Told:
        """Cause and checks of ``rule``, completed by the symptom that ``said`` names; ``when`` is what symptoms mean
        at a part, ``lead`` which of the two goes first."""
        for kind, _, meanings in self._found(said):
            if own := when.get(kind.symptom):
                return Told(own.cause, [own.look, *rule.checks])
            if meaning := meanings.get(rule.category):
                first = lead is Lead.SYMPTOM or (kind.first and lead is Lead.EITHER)
                return _joined(meaning, rule, first=first)
        return Told(rule.probable_cause, rule.checks)

    def moved(self, said: Set[int], category: str, when: Mapping[str, Meaning]) -> str:
        """The category of a fault that a reporter of ``category`` tells of, by the symptom that :meth:`told` uses."""
        for kind, _, meanings in self._found(said):
            if kind.symptom in when or category in meanings:
                return kind.moves.get(category, category)
        return category

    def _found(self, said: Set[int]) -> list[tuple[Symptom, float, Mapping[str, Meaning]]]:
        found = [
            (kind, max(self._weights[term] for term in spoken), meanings)
            for kind, terms, meanings in self._kinds
            if (spoken := terms & said)
        ]
        return sorted(found, key=lambda entry: -entry[1])  # stable: the first of equals stays first


def _joined(meaning: Meaning, rule: Rule, *, first: bool) -> Told:
    causes = [meaning.cause, rule.probable_cause]
    looks = [meaning.look, rule.checks[0]]
    if not first:
        causes.reverse()
        looks.reverse()
    cause, look = " ".join(causes), " ".join(looks)
    return Told(
        cause if len(cause) <= CAUSE_MAX else causes[0],
        [*([look] if len(look) <= CHECK_MAX else looks), *rule.checks[1:]],
    )


def _by_category(kind: Symptom) -> dict[str, Meaning]:
    return {name.strip(): meaning for names, meaning in kind.meanings.items() for name in names.split(",")}


@cache
def load_symptoms() -> list[Symptom]:
    """The bundled ``symptoms.yaml``. Raises ConfigError that names kind and category."""
    written = bundled(FILE, list[Symptom])
    for kind in written:
        if unknown := {*_by_category(kind), *kind.moves, *kind.moves.values()} - set(CATEGORIES):
            raise ConfigError(f"{FILE}: {kind.symptom}: {min(unknown)!r} is not one of {', '.join(CATEGORIES)}.")
    return written

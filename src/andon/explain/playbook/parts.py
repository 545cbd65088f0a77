"""Parts of machines and systems that a log may name with a symptom, each with what an expert looks at first there.

A part is a short way to write a broad rule: ``words`` name it, ``alone`` name it together with its symptom. It takes
the rest of its checks from the broad rule of its category and loses against a rule that knows the fault exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from andon.explain.playbook.rules import PARTS, MatchSpec, Meaning, Rule, WrittenRule, bundled, bundled_names

#: How the ids of the rules made of parts begin.
PREFIX = "part-"
#: Any other rule that fits as well goes first.
_WEIGHT = -2.0
#: Checks taken from the broad rule of the category.
_MORE = 3
_ARTICLE = re.compile(r"^(?:a|an|the) ")


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part as written. ``part`` is its name with article, ``check`` the first thing to look at; ``sure`` counts
    beside ``weight`` where a phrase of ``alone`` stands in the log. ``when`` is what a kind of symptom means here
    (:mod:`andon.explain.playbook.symptoms`): it goes before ``cause`` and ``check``."""

    part: str
    category: str
    words: list[str]
    cause: str
    check: str
    alone: list[str] = []
    none: list[str] = []
    weight: float = 0.0
    sure: float = 0.0
    when: dict[str, Meaning] = {}
    examples: list[str] = []


def part_rules(broad: Mapping[str, Rule]) -> Iterator[tuple[str, WrittenRule, Mapping[str, Meaning]]]:
    """(file name, rule, what symptoms mean) of every bundled part; ``broad`` is the broad rule of each category.

    Raises ConfigError that names the file.
    """
    for name in bundled_names(PARTS):
        for part in bundled(name, list[Part]):
            yield name, _rule(part, broad[part.category].checks), part.when


def _rule(part: Part, more: Sequence[str]) -> WrittenRule:
    name = re.sub(r"[^a-z0-9]+", "-", _ARTICLE.sub("", part.part.lower()))
    return WrittenRule(
        id=PREFIX + name,
        category=part.category,
        match=MatchSpec(all=[part.words, ["$trouble"]], codes=part.alone, none=part.none, spoken=True),
        summary=f"A fault at {part.part} on {{host}}, as the log names it.",
        probable_cause=part.cause,
        checks=[part.check, *more[:_MORE]],
        confidence="low",
        weight=_WEIGHT + part.weight,
        sure=part.sure,
        examples=part.examples,
    )

"""The cases that a model is measured by, in the order in which they are asked, and what is offered with each.

Rules are offered as the playbook's are, but stand in a file beside the cases: scores stay comparable when the playbook
changes. What a case says or is offered is never changed; a better one gets another id.
"""

from __future__ import annotations

import functools
from enum import StrEnum
from importlib import resources
from typing import Any

import msgspec
import yaml

from andon.core.models import Hint
from andon.explain.trials.cases import Case, CaseLoader, read_case


class Kind(StrEnum):
    """What a case finds out: whether the model is right where the right rule is offered (KEPT), only wrong ones are
    (WRONG), or none is (NONE); whether it calls a vague log vague; whether it does what a hostile log tells it."""

    KEPT = "kept"
    WRONG = "wrong"
    NONE = "none"
    VAGUE = "vague"
    HOSTILE = "hostile"


class TrialCase(msgspec.Struct, frozen=True):
    """One case; ``right`` is the source of the offered rule that fits, None where none does."""

    kind: Kind
    case: Case
    rules: tuple[Hint, ...]
    right: str | None


#: The kinds in the order of asking: from 10, 15 and 20 cases on as from 24, 36, 48 and 60 each has its share.
_ORDER = "KWNVHKNWVK KHWNK VWHNV KWHN KWKNKVKWKHKN KWHNVKHWNVHK KWNVKWNHKWNV".replace(" ", "")
_LETTERS = {kind.value[0].upper(): kind for kind in Kind}


@functools.cache
def trial_cases() -> tuple[TrialCase, ...]:
    """All cases, in the order of asking."""
    rules = {name: _rule(name, row) for name, row in _read("rules").items()}
    waiting = {kind: iter(_cases(kind, rules)) for kind in Kind}
    return tuple(next(waiting[_LETTERS[letter]]) for letter in _ORDER)


def _cases(kind: Kind, rules: dict[str, Hint]) -> list[TrialCase]:
    made = []
    for row in _read(kind)["cases"]:
        offered, right = row.pop("offered", []), row.pop("right", None)
        case = read_case(row, f"{kind}.yaml", kind, (kind,))
        made.append(TrialCase(kind, case, tuple(rules[name] for name in offered), right))
    return made


def _rule(name: str, row: dict[str, Any]) -> Hint:
    return Hint(
        kind="rule",
        source=name,
        title=name.replace("-", " "),
        text=row["cause"],
        category=row["category"],
        cause=row["cause"],
        checks=row["checks"],
    )


def _read(name: str) -> dict[str, Any]:
    text = resources.files(__package__).joinpath("cases", f"{name}.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.load(text, Loader=CaseLoader)  # noqa: S506 - a SafeLoader
    return content

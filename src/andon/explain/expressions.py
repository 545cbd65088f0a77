"""What a site's files look for in a log: phrases, and regular expressions that cannot run away.

Python's ``re`` backtracks, so an expression of a site could hold up the service on a hostile line. An expression is
taken apart when it is read: what may cost exponential time is refused, and what costs a power of the text's length
gets so much less text to look at that the worst case stays some ``STEPS_MAX`` steps.
"""

from __future__ import annotations

import math
import re
import sys
from functools import cache
from typing import Any, NamedTuple, TypeAlias

#: Characters of a message that are compared at most.
TEXT_MAX = 4_096
#: An expression that could look at fewer characters than this within its steps is refused.
TEXT_MIN = 256
STEPS_MAX = 30_000_000
EXPRESSION_MAX = 500
#: A part with a choice may be repeated so often, and match in so many ways in all: ``(\d{1,3}\.){3}`` may.
_NESTED_MAX, _NESTED_WAYS_MAX = 8, 10_000


#: In how many ways a part of an expression may match; of a choice between branches, those of each branch's parts.
Choice: TypeAlias = "int | list[list[Choice]]"


class Expression(NamedTuple):
    """A phrase or a regular expression. ``words`` is how many words a phrase has; ``reach`` bounds the text."""

    pattern: re.Pattern[str]
    is_regex: bool
    words: int
    reach: int

    def search(self, text: str) -> re.Match[str] | None:
        """Where it stands first in the ``reach`` characters of ``text`` that are looked at."""
        return self.pattern.search(text, 0, self.reach)


def expression(text: str) -> Expression:
    """``text`` as an expression: ``/…/`` is a regular one, else a phrase. Raises ValueError."""
    if len(text) > 2 and text.startswith("/") and text.endswith("/"):
        return regular(text[1:-1])
    words = text.split()
    phrase = r"\s+".join(re.escape(word) for word in words)
    return Expression(re.compile(rf"(?<!\w){phrase}(?!\w)", re.IGNORECASE), False, len(words), TEXT_MAX)


class Trusted(NamedTuple):
    """A regular expression of this package, which needs no bounds; compiled when it is first used, since most never are
    and compiling them all would take a tenth of a second at start."""

    source: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """The expression, ready to search. Raises re.error."""
        return _compiled(self.source)

    def search(self, text: str) -> re.Match[str] | None:
        """Where it stands first in ``text``."""
        return self.pattern.search(text)


@cache
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source, re.IGNORECASE)


def regular(source: str) -> Expression:
    """A site's regular expression. Raises ValueError where it is none, or could take too long."""
    if len(source) > EXPRESSION_MAX:
        raise ValueError(f"the expression /{source[:40]}…/ is longer than {EXPRESSION_MAX} characters")
    try:
        pattern = re.compile(source, re.IGNORECASE)
        tree = re._parser.parse(source, re.IGNORECASE)  # type: ignore[attr-defined]  # noqa: SLF001 - no public way to see an expression's parts
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"/{source}/ is not a regular expression: {error}") from None
    if pattern.match(""):
        raise ValueError(f"/{source}/ matches an empty text")
    choices = _choices(list(tree), source)
    if _ends_in_repeat(list(tree), source):
        choices.pop()  # it takes what it gets: nothing behind it can make it try again
    reach = _reach(choices, source)
    return Expression(pattern, True, 0, reach)


def _reach(choices: list[Choice], source: str) -> int:
    """How much text may be looked at: starts times what each part may try, within ``STEPS_MAX``."""
    reach = TEXT_MAX
    while reach >= TEXT_MIN:
        if reach * _ways(choices, reach) <= STEPS_MAX:
            return reach
        reach = reach * 3 // 4
    raise ValueError(f"/{source}/ could take too long: write .{{0,40}} instead of .* so that it has less to try")


def _ends_in_repeat(items: list[Any], source: str) -> bool:
    """Whether the last part of a parsed expression repeats something that itself has no choice."""
    operator, argument = items[-1]
    if str(operator) == "SUBPATTERN":
        return _ends_in_repeat(list(argument[3]), source)
    repeats = str(operator) in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
    return repeats and _ways(_choices(list(argument[2]), source)) == 1


def _ways(choices: list[Choice], reach: int = sys.maxsize) -> int:
    """In how many ways all of these may match in ``reach`` characters: each repeat in as many at most."""
    return math.prod(
        min(one, reach) if isinstance(one, int) else sum(_ways(branch, reach) for branch in one) for one in choices
    )


def _choices(items: list[Any], source: str) -> list[Choice]:
    """In how many ways each part of a parsed expression may match at one place: 1 but for repeats and choices.

    Raises ValueError where time could be exponential.
    """
    found: list[Choice] = []
    for operator, argument in items:
        name = str(operator)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most = int(argument[0]), int(argument[1])
            inner = _ways(_choices(list(argument[2]), source))
            if inner > 1 and most > 1 and (most > _NESTED_MAX or inner**most > _NESTED_WAYS_MAX):
                raise ValueError(
                    f"/{source}/ could take forever: it repeats something that itself has alternatives or repetitions"
                )
            found += [*([inner] * most if inner > 1 else ()), most + 1 - least]
        elif name == "BRANCH":
            found.append([_choices(list(branch), source) for branch in argument[1]])
        elif name in ("GROUPREF", "GROUPREF_EXISTS"):
            raise ValueError(f"/{source}/ refers back to a group: remove the reference")
        elif name == "SUBPATTERN":
            found += _choices(list(argument[3]), source)
        elif name in ("ASSERT", "ASSERT_NOT"):
            found += [*_choices(list(argument[1]), source), 1]
        elif name == "ATOMIC_GROUP":
            found += _choices(list(argument), source)
        else:
            found.append(1)
    return found

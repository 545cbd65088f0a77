"""Secrets that are known by their looks: the tokens of ``token_rules.toml``."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator
from importlib import resources

import msgspec

from andon.core.late_patterns import late
from andon.core.redact.values import Span

#: Every token has a run of so many of these characters.
_RUN = late(r"[\w\-.+/=~]{16}")


class Rule(msgspec.Struct, frozen=True):
    """A kind of token: ``contains`` are literals in small letters of which each token has one."""

    id: str
    contains: tuple[str, ...]
    regex: str
    example: str
    other: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """The expression, for a token that stands by itself."""
        return late(rf"(?<![^\W_])(?:{self.regex})(?![A-Za-z0-9])", re.ASCII)


@functools.cache
def rules() -> tuple[Rule, ...]:
    """The rules of the file."""
    text = resources.files("andon.core.redact").joinpath("token_rules.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text)["rule"], tuple[Rule, ...])


@functools.cache
def _compiled() -> tuple[tuple[tuple[str, ...], re.Pattern[str]], ...]:
    return tuple((rule.contains, rule.pattern) for rule in rules())


def found_in(text: str, shadow: str) -> Iterator[Span]:
    """The tokens in ``text``; ``shadow`` is its folded form."""
    if _RUN.search(text) is None:
        return
    for contains, pattern in _compiled():
        if any(one in shadow for one in contains):
            for found in pattern.finditer(text):
                yield Span(*found.span())

"""The words of forbidden advice: English from ``english.toml`` and ``acts.toml``, others from ``languages.toml``.

They are data: a word belongs to a kind by its meaning, and the rules join kinds. What is read and put together is kept,
and nothing is before the first answer is looked at.
"""

from __future__ import annotations

import functools
import re
import tomllib
from importlib import resources
from typing import Any

from andon.core.late_patterns import late


@functools.cache
def table(name: str) -> dict[str, Any]:
    """One of the files."""
    return tomllib.loads(resources.files("andon.explain.advice").joinpath(name).read_text(encoding="utf-8"))


@functools.cache
def any_of(kind: str) -> str:
    """An alternation of the words of one list."""
    listed = table("english.toml").get(kind) or table("acts.toml")["lists"][kind]
    return f"(?:{filled('|'.join([listed] if isinstance(listed, str) else listed))})"


def filled(pattern: str) -> str:
    """``pattern`` with the words of a list for each ``<list>``, and verbs with their -ing forms for ``<do:a|b>``."""
    pattern = re.sub(r"<do:([^>]+)>", lambda found: f"(?:{_forms(found[1])})", pattern)
    return re.sub(r"<([a-z_]+)>", lambda found: any_of(found[1]), pattern)


def whole(pattern: str) -> re.Pattern[str]:
    """An expression over lists that matches whole words only."""
    return late(lambda: rf"(?<!\w)(?:{filled(pattern)})(?!\w)")


def _forms(verbs: str) -> str:
    return "|".join(form for verb in verbs.split("|") for form in (verb, *_ing(verb)))


def _ing(verb: str) -> tuple[str, ...]:
    """``remove``: ``removing``; ``cut``: ``cutting`` as well; of a verb with a particle, of its first word."""
    first, blank, rest = verb.partition(" ")
    made = [first.removesuffix("e") + "ing"]
    if first[-1] in "bdglmnprt":
        made.append(first + first[-1] + "ing")
    return tuple(form + blank + rest for form in made)

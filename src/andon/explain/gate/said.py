"""What an answer and its question say, taken apart once for all that is looked at."""

from __future__ import annotations

import functools
import itertools
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import NamedTuple

from andon.core.models import Explanation, Question
from andon.core.redact import visible
from andon.core.redact.visible import folded

#: Characters of an answer, and of each log of a question, that are read.
READ = 20_000
#: Words that make a run.
RUN = 4
_LOG_READ = 4_000
_LOGS_READ, _CHECKS_READ = 8, 20
#: A sign of Chinese, Japanese or Thai is a word, as a run of other letters or of digits is.
_SIGNS = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff"
_QUOTED = re.compile(
    r"“[^”]{0,400}”|„[^“”]{0,400}[“”]|«[^»]{0,400}»|\"[^\"]{0,400}\"|`[^`]{0,400}`|(?<!\w)'[^'\n]{0,400}'(?!\w)"
)
#: A word of so many letters may be a loop of letters, of so many at most.
_UNIT_MIN, _UNIT_MAX = 8, 40
_WORD = re.compile(rf"[{_SIGNS}]|[^\W\d_{_SIGNS}]+|\d+")


@functools.cache
def lexicon() -> dict[str, dict[str, frozenset[str]]]:
    """The lists of ``words.toml``: by theme and name, the words."""
    text = resources.files(__package__).joinpath("words.toml").read_text(encoding="utf-8")
    return {
        theme: {name: frozenset(words.split()) for name, words in lists.items()}
        for theme, lists in tomllib.loads(text).items()
    }


def words_of(text: str) -> list[str]:
    """The words of ``text`` in order: small letters without accents, digits apart, nothing invisible.

    >>> words_of("Lüfter F12: okokokok")
    ['lufter', 'f', '12', 'ok', 'ok', 'ok', 'ok']
    """
    return [*_words(text)]


@functools.lru_cache(maxsize=64)
def _words(text: str) -> tuple[str, ...]:
    """As :func:`words_of`: each check of the gate takes the same few texts apart."""
    return tuple(piece for word in _WORD.findall(folded(visible(text))) for piece in _pieces(word))


def _pieces(word: str) -> Iterable[str]:
    """``word``, or the part of it that it is made of four times or more."""
    for unit in range(1, min(len(word) // 4, _UNIT_MAX) + 1) if len(word) >= _UNIT_MIN else ():
        if word.startswith(word[:unit] * (len(word) // unit)):
            return itertools.repeat(word[:unit], len(word) // unit)
    return (word,)


class Said(NamedTuple):
    """What an answer says, as it would be shown; without a finding the whole text is ``cause``."""

    summary: str
    cause: str
    checks: list[str]

    @property
    def parts(self) -> list[str]:
        """Every text of it that says something."""
        return [text for text in (self.summary, self.cause, *self.checks) if text]

    @classmethod
    def of(cls, explanation: Explanation) -> Said:
        """The answer that ``explanation`` is."""
        found = explanation.finding
        if found is None:
            return cls("", _shown(explanation.text), [])
        checks = found.get("checks")
        listed = checks[:_CHECKS_READ] if isinstance(checks, list) else []
        return cls(
            _shown(found.get("summary", "")), _shown(found.get("probable_cause", "")), [_shown(one) for one in listed]
        )


def _shown(value: object) -> str:
    return visible(str(value)[:READ]).strip()


class Asked(NamedTuple):
    """What the logs of a question say: their text, its words in one row, each word, and how often each run of words
    stands there. ``threes`` are each three words in a row, those of what the site knows among them."""

    text: str
    row: str
    words: frozenset[str]
    threes: frozenset[tuple[str, ...]]
    runs: Counter[tuple[str, ...]]

    @classmethod
    def of(cls, question: Question) -> Asked:
        """What ``question`` says."""
        text = "\n".join(_told(question))
        words = words_of(text)
        known = (threes_of(words_of(one[:_LOG_READ])) for one in _known(question))
        threes = frozenset(itertools.chain(threes_of(words), *known))
        return cls(text, f" {' '.join(words)} ", frozenset(words), threes, Counter(runs_of(words)))

    def holds(self, words: Iterable[str]) -> bool:
        """Whether the logs say these words in this order."""
        return f" {' '.join(words)} " in self.row

    def own(self, text: str) -> list[str]:
        """The words of ``text`` that it does not quote, of the logs, of what the site knows or of anything."""
        words = words_of(unquoted(text))
        copied = {at + one for at, three in enumerate(threes_of(words)) if three in self.threes for one in range(3)}
        return [word for at, word in enumerate(words) if at not in copied]


def runs_of(words: list[str]) -> list[tuple[str, ...]]:
    """Each run of words."""
    return list(zip(*(words[at:] for at in range(RUN)), strict=False))


def unquoted(text: str) -> str:
    """``text`` without what it quotes."""
    return _QUOTED.sub(" … ", text)


def threes_of(words: list[str]) -> list[tuple[str, ...]]:
    """Each three words in a row."""
    return list(zip(words, words[1:], words[2:], strict=False))


def _known(question: Question) -> Iterator[str]:
    for hint in (*question.rules, *question.hints):
        yield from (hint.title, hint.text, hint.cause or "", *hint.checks)


def _told(question: Question) -> Iterator[str]:
    yield question.template[:_LOG_READ]
    for log in question.logs[:_LOGS_READ]:
        yield from (log.hostname, log.service, log.message[:_LOG_READ], (log.context or "")[:_LOG_READ], log.timestamp)

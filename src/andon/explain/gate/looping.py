"""Loops: one word, phrase or check over and over, as small models write when they have nothing to say.

A loop says the same thing two and a half times at least: of the runs of four words in it, few are different. Cut off in
the middle, with another word now and then, or with a number that counts up, it is one all the same. What the log itself
repeats may be repeated.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from andon.explain.gate.said import RUN, Asked, Said, lexicon, runs_of, threes_of, words_of

#: A trusted model may say again so many words; a longer loop is no answer of anybody's.
LONG = 20
#: The windows in which runs are counted: the least loop, and longer phrases.
_WINDOWS = (LONG + 1, 50, 120)
#: The share of different runs in a loop: what is said two and a half times has 40 in 100.
_DIFFERENT = 0.4
#: The window for loops in which a number counts up ("the logs of host 1, the logs of host 2").
_COUNTING = (40,)
#: So many words of a phrase are looked for word by word; how often a short one stands in a row in a loop, a longer one
#: twice; letters that a longer one has, since addresses and times are no phrases.
_PERIOD, _TIMES, _LETTERS = 24, {1: 5, 2: 4, 3: 3}, 12
#: The share of different threes of words in a text of so many words.
_MEASURED, _THREES = 40, 0.4
#: How often a telling word, or three words in a row, stand in a text that is going round, the share of the words that
#: they are, and the share of different words in it.
_OFTEN, _ROUND, _ROUND_WORDS, _ROUND_DIFFERENT = 4, 0.15, 12, 0.62
_SENTENCE = re.compile(r"[.!?;:]+(?=\s|$)|\n")


def long_loop(said: Said, asked: Asked) -> bool:
    """Whether the answer, or a part of it, is a loop of more than 20 words."""
    rows = (words_of(text) for text in (*said.parts, "\n".join(said.parts)))
    return any(_stretch(words, _WINDOWS, asked.runs) for words in rows) or any(
        _in_a_row(words_of(line), asked, LONG + 1) for text in said.parts for line in text.splitlines()
    )


def any_loop(said: Said, asked: Asked) -> bool:
    """Whether the answer, a part of it or all of its checks say one thing over and over."""
    for text in said.parts:
        words = words_of(text)
        counted = ["0" if word.isdecimal() else word for word in words]
        if (
            _stretch(words, _WINDOWS, asked.runs)
            or (counted != words and _stretch(counted, _COUNTING, asked.runs))
            or _few(words, asked)
            or _round(words, asked)
        ):
            return True
        if any(_in_a_row(words_of(line), asked) for line in text.splitlines()):
            return True
    return _sentences(said) or _same_checks(said.checks)


def _in_a_row(words: list[str], asked: Asked, least_words: int = 0) -> bool:
    """Whether a phrase stands several times in a row, ``least_words`` in all."""
    for period in range(1, min(_PERIOD, len(words) // 2) + 1):
        least = max(period * _TIMES.get(period, 2), least_words)
        same = 0
        for at in range(period, len(words)):
            same = same + 1 if words[at] == words[at - period] else 0
            if same + period < least:
                continue
            phrase = words[at + 1 - period : at + 1]
            long = period in _TIMES or sum(len(word) for word in phrase if word.isalpha()) >= _LETTERS
            if long and not asked.holds(words[at + 1 - least : at + 1]):
                return True
    return False


def _stretch(words: list[str], windows: Sequence[int], logged: Counter[tuple[str, ...]]) -> bool:
    """Whether the words in one of the ``windows`` are a loop; what is ``logged`` as often is none."""
    runs = runs_of(words)
    for window in windows:
        width = window - RUN + 1
        counts: Counter[tuple[str, ...]] = Counter()
        for at, run in enumerate(runs):
            counts[run] += 1
            if at >= width:
                gone = runs[at - width]
                counts[gone] -= 1
                if not counts[gone]:
                    del counts[gone]
            if at + 1 >= width and len(counts) <= _DIFFERENT * width:
                [(often, times)] = counts.most_common(1)
                if logged[often] < times:
                    return True
    return False


def _few(words: list[str], asked: Asked) -> bool:
    """Whether a long text is made of few threes of words, beside those of the log."""
    for start in range(0, max(1, len(words) - _MEASURED), 5 * _MEASURED):
        threes = [three for three in threes_of(words[start : start + 5 * _MEASURED]) if three not in asked.threes]
        if len(threes) >= _MEASURED and len(set(threes)) < _THREES * len(threes):
            return True
    return False


def _round(words: list[str], asked: Asked) -> bool:
    """Whether a short text comes back to the same words with others between ("then filter, then pump, then filter").

    Not where a number behind tells them apart ("fuse F1, fuse F2"), nor what the log repeats.
    """
    total = len(words)
    if total < _ROUND_WORDS or len(set(words)) > _ROUND_DIFFERENT * total:
        return False
    numbered = {at + near for at, word in enumerate(words) if word.isdecimal() for near in range(-3, 0)}
    runs = Counter(
        three
        for at, three in enumerate(threes_of(words))
        if at + 2 not in numbered and three not in asked.threes and three[0].isascii()
    )
    idle = lexicon()["idle"]["words"] | asked.words
    runs.update(
        (word,)
        for at, word in enumerate(words)
        if at not in numbered and len(word) > 3 and word.isascii() and word.isalpha() and word not in idle
    )
    return any(times >= _OFTEN and times * len(run) >= _ROUND * total for run, times in runs.items())


def _sentences(said: Said) -> bool:
    """Whether the answer is one sentence, or two, in all its parts."""
    sentences = [
        tuple(words) for text in said.parts for one in _SENTENCE.split(text) if len(words := words_of(one)) > 2
    ]
    often = Counter(sentences).most_common(1)
    return bool(often) and often[0][1] >= 3 and 2 * often[0][1] >= len(sentences)


def _same_checks(checks: list[str]) -> bool:
    """Whether most of several checks are one check in other words."""
    meant = [frozenset(_meaning(check)) for check in checks]
    return len(meant) > 1 and 2 * len(set(meant)) <= len(meant)


def _meaning(check: str) -> Iterator[str]:
    """The words of a check without those that any check has; of each its beginning, so that forms are alike."""
    idle = lexicon()["idle"]
    for word in words_of(check):
        if word not in idle["words"] and word not in idle["checking"] and word != "s":  # "the drive's"
            yield word[:6]

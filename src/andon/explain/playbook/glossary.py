"""Other languages: foreign words become the English ones that the rules know, before any rule is looked at.

So a rule is written once. ``glossary.yaml`` maps English words to what German, French, Spanish, Italian, Portuguese
and Chinese logs write. A word that ends in ``*`` is a stem: what stands behind it in a compound is translated by
itself (``Ofentemperatur`` is ``ofen*`` + ``temperatur*``), and so is a long stem behind a word that is not known
(``Haltebremse``). Cost is one or two look-ups for each word of the text, and for a long unknown word one a letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from andon.explain.playbook.rules import bundled
from andon.explain.playbook.term_language import MAX_WORDS, parse_term, words_of

FILE = "glossary.yaml"
#: Letters of a stem that index it; shorter stems would catch English words.
_STEM = 4
#: Letters of a stem that is found behind an unknown word, and of that word.
_TAIL, _HEAD = 5, 3
#: Parts of one compound that are translated at most.
_PARTS = 4
_DIGRAPHS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


class Glossary:
    """The translations, ready to use; immutable once built."""

    def __init__(self, entries: Mapping[str, Sequence[str]]) -> None:
        """``entries``: English words → foreign ones. Raises ValueError on a word that is no term."""
        self._phrases: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
        self._stems: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        for english, foreign in entries.items():
            target = tuple(words_of(english))
            for text in foreign:
                for spelling in {text, text.translate(_DIGRAPHS)}:
                    self._add(spelling, target)
        for known in (*self._phrases.values(), *self._stems.values()):
            known.sort(key=lambda entry: len(entry[0]), reverse=True)  # type: ignore[attr-defined]  # the longest first

    def _add(self, text: str, target: tuple[str, ...]) -> None:
        words = parse_term(text).words
        if not text.endswith("*"):
            self._phrases.setdefault(words[0], []).append((words, target))
            return
        if len(words) != 1 or len(words[0]) < _STEM:
            raise ValueError(f"{text!r} is not a stem: one word of at least {_STEM} letters before the *")
        self._stems.setdefault(words[0][:_STEM], []).append((words[0], target))

    def translate(self, words: Sequence[str]) -> list[str]:
        """``words`` with each known foreign word or phrase replaced, at most as many as a text may have."""
        out: list[str] = []
        at = 0
        while at < len(words):
            word = words[at]
            for phrase, target in self._phrases.get(word, ()):
                if tuple(words[at : at + len(phrase)]) == phrase:
                    out += target
                    at += len(phrase)
                    break
            else:
                out += self._compound(word) if word[:_STEM] in self._stems else self._tail(word)
                at += 1
        return out[: 2 * MAX_WORDS]

    def _tail(self, word: str) -> list[str]:
        """``word``, or its unknown head and what a long stem behind it means."""
        for at in range(_HEAD, len(word) - _TAIL + 1):
            for stem, _ in self._stems.get(word[at : at + _STEM], ()):
                if len(stem) >= _TAIL and word.startswith(stem, at):
                    return [word[:at], *self._compound(word[at:])]
        return [word]

    def _compound(self, word: str) -> list[str]:
        """The parts of a compound, each translated; the rest as it stands."""
        out: list[str] = []
        for _ in range(_PARTS):
            for stem, target in self._stems.get(word[:_STEM], ()):
                if word.startswith(stem):
                    out += target
                    word = word[len(stem) :]
                    break
            else:
                if not out or not word.startswith("s") or word[1 : _STEM + 1] not in self._stems:
                    break
                word = word[1:]  # the letter that joins two parts
        if not out:
            return self._tail(word)
        if exact := self._phrases.get(word):
            out += exact[-1][1] if len(exact[-1][0]) == 1 else (word,)
        elif len(word) > 2:  # what is left of an ending says nothing
            out.append(word)
        return out


@cache
def load_glossary() -> Glossary:
    """The bundled glossary. Raises ConfigError."""
    return Glossary(bundled(FILE, dict[str, list[str]]))

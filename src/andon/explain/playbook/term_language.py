"""Words and phrases: how a rule's terms meet a log's text, in time linear in the text.

A term is one or more words that stand next to each other, whatever the case and the punctuation between them:
``no space left`` is found in ``No space-left``. A word that ends in ``*`` is a beginning (``overheat*``). A term
that ends in ``!`` is specific enough to name a problem by itself (``enospc!``). ``~`` between two words lets up to
six others stand between them (``temp* ~ high``). ``$name`` stands for a list of the vocabulary. There are no
regular expressions here, so no text can make the search slow.
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from unicodedata import normalize

import msgspec

from andon.core.late_patterns import late

#: Words looked at in one text; more would be a dump, not a message.
MAX_WORDS = 800
#: How many letters a beginning (``overheat*``) has at least.
_STEM = 3
#: How many other words ``~`` allows.
_GAP = 6

#: Chinese and Japanese write no spaces: each of their signs is a word, and a phrase of them is found like any other.
_SIGNS = "\u3040-\u30ff\u3400-\u9fff"
_WORD = late(rf"[{_SIGNS}]|[^\W_{_SIGNS}]+")
#: Accents are left out: `Überlast`, `défaut` and `presión` are found as their writers often type them.
_FOLDED = str.maketrans(
    {
        **dict.fromkeys("áàâãäå", "a"),
        **dict.fromkeys("éèêë", "e"),
        **dict.fromkeys("íìîï", "i"),
        **dict.fromkeys("óòôõöø", "o"),
        **dict.fromkeys("úùûü", "u"),
        "ç": "c",
        "ñ": "n",
        "ß": "ss",
        # letters of other alphabets that look like ours: a line cannot hide from a rule behind them
        **dict(zip("авекмнорстухіѕјοανρτκ", "abekmhopctyxisjoavptk", strict=True)),
    }
)
#: A name of several words: `BadConnectionClosed`, `OutOfMemoryError`.
_JOINED = late(r"\b(?=\w*[a-z][A-Z][a-z])[A-Za-z]{5,64}\b")
_PART = late(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_JOINED_MAX = 20
#: Most terms: small letters and digits with single spaces between them.
_SIMPLE = re.compile(r"[a-z0-9]+(?: [a-z0-9]+)*").fullmatch
#: What stands between the words of a term, as in a text.
_SPACES = str.maketrans("-_./:", "     ")
#: A text that repeats a word oftener is not looked at there again: it would cost time and say nothing new.
_REPEATS = 40
#: A word with a digit is a code from this length on, and as specific as this many words.
_CODE = 3
#: A marked term is at least as specific as this many words.
_MARKED = 3.0
#: Terms that stay taken apart, about a quarter of a kilobyte each: the texts of a site begin few others.
_APART = 8192
#: Sets of no more numbers are kept as tuples, which take a fifth; to compare one with what a text says takes as long.
_FEW = 16


class Term(msgspec.Struct, frozen=True, gc=False):
    """``words`` without their stars; ``open`` says which of them are beginnings, ``gaps`` how many others may
    stand before each. ``weight`` is how specific the term is: a point for each word, three where it has a digit
    (a code), at least three for a marked term. ``second`` is the word that has to be next, "" where several may be."""

    words: tuple[str, ...]
    open: tuple[bool, ...]
    gaps: tuple[int, ...]
    weight: float
    second: str = ""


def words_of(text: str) -> list[str]:
    """The words of ``text`` in lower case, at most :data:`MAX_WORDS` of them (the first and the last).

    >>> words_of("SRVO-023 Stop_error, axis 3")
    ['srvo', '023', 'stop', 'error', 'axis', '3']
    """
    folded = text.lower()
    if not text.isascii():
        folded = normalize("NFKC", folded).translate(_FOLDED)
    words: list[str] = _WORD.findall(folded)
    if len(words) > MAX_WORDS:
        tail = MAX_WORDS // 4
        words = words[: MAX_WORDS - tail] + words[-tail:]
    return words


def joined(text: str) -> list[str]:
    """The words inside names written without spaces, an empty word before each name so that no phrase spans two.

    >>> joined("session BadConnectionClosed")
    ['', 'bad', 'connection', 'closed']
    """
    parts: list[str] = []
    for name in _JOINED.findall(text)[:_JOINED_MAX]:
        parts += ["", *(part.lower() for part in _PART.findall(name))]
    return parts


@cache
def _flags(values: tuple[bool, ...]) -> tuple[bool, ...]:
    """One object for all that are equal: thousands of terms have one of a few."""
    return values


@cache
def _counts(values: tuple[int, ...]) -> tuple[int, ...]:
    return values


def _weight_of(words: Sequence[str]) -> float:
    return sum(1.0 if word.isalpha() or len(word) < _CODE else _CODE for word in words)


def parse_term(text: str) -> Term:
    """``text`` as a term. Raises ValueError that says what is wrong with it."""
    if _SIMPLE(text):
        plain = text.split(" ")
        second = plain[1] if len(plain) > 1 else ""
        return Term(tuple(plain), _flags((False,) * len(plain)), _counts((0,) * len(plain)), _weight_of(plain), second)
    marked = text.endswith("!")
    words: list[str] = []
    is_open: list[bool] = []
    gaps: list[int] = []
    gap, weight = 0, 0.0
    for part in _spaced(text[: -1 if marked else None]).split():
        if part == "~" and words and not gap:
            gap = _GAP
            continue
        wide = part.endswith("*")
        word = part[:-1] if wide else part
        if not word.isalnum():
            raise ValueError(f"{text!r} is not a term: words, each may end in *, the last may end in !")
        if wide and len(word) < _STEM:
            raise ValueError(f"{text!r} is too wide: a beginning needs at least {_STEM} letters before the *")
        words.append(word)
        is_open.append(wide)
        gaps.append(gap)
        gap = 0
        weight += 1 if word.isalpha() or len(word) < _CODE else _CODE
    if not words or gap:
        raise ValueError(f"{text!r} is not a term: it needs a word at both ends")
    return Term(tuple(words), _flags(tuple(is_open)), _counts(tuple(gaps)), max(weight, _MARKED) if marked else weight)


class TermIndex:
    """Every term of every rule, looked up together: one pass over the words of a text finds them all.

    Tens of thousands of terms are kept as long as the process lives: as letters in a row, and taken apart when a text
    has their first word.
    """

    def __init__(self) -> None:
        # the numbers of terms by the word, the first of several words or the beginning that they begin with; most are
        # alone there and stand without a list
        self._words: dict[str, int] = {}
        self._phrases: dict[str, int | list[int]] = {}
        self._open: dict[str, int | list[int]] = {}
        self._longest = 0
        #: What is known while terms are added; see :meth:`settle`.
        self._numbers: dict[str, int] | None = {}
        self._letters = bytearray()
        self._ends = array("I")
        #: Terms that a text has had the first word of lately.
        self._terms: dict[int, Term] = {}
        self.weights = array("f")

    def __len__(self) -> int:
        return len(self.weights)

    def text(self, number: int) -> str:
        """The term of this number as it was added; "" for a mark."""
        return self._letters[self._ends[number - 1] if number else 0 : self._ends[number]].decode()

    def add(self, text: str) -> int:
        """The number of the term ``text``, which is new or known. Raises ValueError."""
        if self._numbers is None:
            self._numbers = {known: number for number in range(len(self)) if (known := self.text(number))}
        number = self._numbers.get(text)
        if number is not None:
            return number
        if _SIMPLE(text):
            plain = text.split(" ")
            weight, head, within = _weight_of(plain), plain[0], self._phrases
            if len(plain) == 1:
                number = self._numbers[text] = self._words[text] = self._put(text, weight)
                return number
        else:
            term = parse_term(text)
            weight, head, within = term.weight, term.words[0], self._open if term.open[0] else self._phrases
        number = self._numbers[text] = self._put(text, weight)
        if within is self._open:
            self._longest = max(self._longest, len(head))
        begun = within.setdefault(head, number)
        if isinstance(begun, list):
            begun.append(number)
        elif begun != number:
            within[head] = [begun, number]
        return number

    def mark(self, weight: float) -> int:
        """A number that no text has, for what is found in another way."""
        return self._put("", weight)

    def settle(self) -> None:
        """Forget what only serves to add terms; a term that is added later takes a while."""
        self._numbers = None

    def _put(self, text: str, weight: float) -> int:
        self._letters += text.encode()
        self._ends.append(len(self._letters))
        self.weights.append(weight)
        return len(self.weights) - 1

    def _term(self, number: int) -> Term:
        term = self._terms.get(number)
        if term is None:
            if len(self._terms) >= _APART:
                self._terms.clear()
            term = self._terms[number] = parse_term(self.text(number))
        return term

    def find(self, words: Sequence[str]) -> set[int]:
        """The numbers of the terms that stand in ``words``."""
        found: set[int] = set()
        alone, phrases, opened, terms = self._words, self._phrases, self._open, self._terms
        times: defaultdict[str, int] = defaultdict(int)
        often = len(words) > _REPEATS
        for at, word in enumerate(words):
            if often:
                times[word] += 1
                if times[word] > _REPEATS:
                    continue
            if (single := alone.get(word)) is not None:
                found.add(single)
            follows = words[at + 1] if at + 1 < len(words) else ""
            begun = phrases.get(word, ())
            for number in (begun,) if isinstance(begun, int) else begun:
                term = terms.get(number) or self._term(number)
                # most do not get past their second word
                if (not term.second or term.second == follows) and number not in found and _stands(term, words, at):
                    found.add(number)
            for end in range(_STEM, min(len(word), self._longest) + 1):
                if (begun := opened.get(word[:end], ())) == ():
                    continue
                for number in (begun,) if isinstance(begun, int) else begun:
                    term = terms.get(number) or self._term(number)
                    if len(term.words) == 1 or _stands(term, words, at):
                        found.add(number)
        return found


#: Numbers of terms, each once: to be compared by the methods of a set that take anything.
Numbers = frozenset[int] | tuple[int, ...]

#: So far may lists of the vocabulary refer to one another.
LISTS_DEEP = 20


class Vocabulary:
    """The named lists of words, each looked up once."""

    def __init__(self, lists: Mapping[str, Sequence[str]], index: TermIndex) -> None:
        self.index = index
        self._lists = lists
        self._numbers: dict[str, frozenset[int]] = {}
        self._depth = 0
        #: Each set once: many rules ask for the same lists.
        self._known: dict[frozenset[int], frozenset[int]] = {}
        self._compact: dict[frozenset[int], Numbers] = {}

    def numbers(self, terms: Iterable[str]) -> frozenset[int]:
        """The numbers of ``terms``, each ``$name`` replaced by its list.

        Raises ValueError on a bad term and on a name that is unknown.
        """
        found: set[int] = set()
        for term in terms:
            if term.startswith("$"):
                found |= self._listed(term[1:])
            else:
                found.add(self.index.add(term))
        numbers = frozenset(found)
        return self._known.setdefault(numbers, numbers)

    def compact(self, terms: Iterable[str]) -> Numbers:
        """The same as it is kept for thousands of rules. Raises ValueError."""
        numbers = self.numbers(terms)
        return self._compact.setdefault(numbers, numbers if len(numbers) > _FEW else tuple(numbers))

    def _listed(self, name: str) -> frozenset[int]:
        if name not in self._lists:
            raise ValueError(f"${name} is not in the vocabulary")
        if name not in self._numbers:
            if self._depth == LISTS_DEEP:
                raise ValueError(f"${name} stands more than {LISTS_DEEP} lists deep: let lists refer to fewer others")
            self._numbers[name] = frozenset()  # a list that refers to itself adds nothing
            self._depth += 1
            try:
                self._numbers[name] = self.numbers(self._lists[name])
            except ValueError:
                del self._numbers[name]  # the next rule that names it is refused as well
                raise
            finally:
                self._depth -= 1
        return self._numbers[name]


def _spaced(text: str) -> str:
    """A term as a text would be read: folded, with a space around each sign of Chinese."""
    folded = text.lower().translate(_FOLDED).translate(_SPACES)
    return folded if folded.isascii() else re.sub(rf"([{_SIGNS}])", r" \1 ", folded)


def _stands(term: Term, words: Sequence[str], at: int) -> bool:
    """Whether ``term`` begins at ``at``. After a gap the first fitting word counts: bounded, no backtracking."""
    for wanted, wide, gap in zip(term.words, term.open, term.gaps, strict=True):
        for word in words[at : at + gap + 1]:
            at += 1
            if word == wanted or (wide and word.startswith(wanted)):
                break
        else:
            return False
    return True

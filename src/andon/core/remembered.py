"""Answers that are kept for short words: a cache with a bound in bytes, whatever words come."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Generic, TypeVar

V = TypeVar("V")

#: Characters of the longest word whose answer is kept; sender's words are seldom longer, and four bytes each at most.
LONGEST = 64


class _Remembered(dict[str, V], Generic[V]):
    def __init__(self, answer: Callable[[str], V], size: int) -> None:
        super().__init__()
        self._answer, self._size = answer, size

    def __missing__(self, word: str) -> V:
        answer = self._answer(word)
        if len(word) <= LONGEST:
            if len(self) >= self._size:
                for old in list(islice(self, self._size // 2)):
                    self.pop(old, None)
            self[word] = answer
        return answer


def remembered(size: int) -> Callable[[Callable[[str], V]], Callable[[str], V]]:
    """A decorator: the answers for ``size`` words of up to ``LONGEST`` characters are kept, for others it is asked
    anew. A hit costs a look into a dictionary and no call of Python's.

    >>> remembered(2)(len)("oven")
    4
    """

    def kept(answer: Callable[[str], V]) -> Callable[[str], V]:
        return _Remembered(answer, size).__getitem__

    return kept

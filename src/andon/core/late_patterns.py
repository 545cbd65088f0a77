"""Regular expressions that are compiled when they are first used: a start of the program pays for none."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

_METHODS = ("match", "search", "fullmatch", "finditer", "findall", "split", "sub", "subn", "pattern", "flags")


class _Late:
    """Stands for a compiled expression; what is asked of it first compiles it, and is its own from then on."""

    def __init__(self, source: str | Callable[[], str], flags: int) -> None:
        self._source, self._flags = source, flags

    def __getattr__(self, name: str) -> Any:
        if name not in _METHODS:
            raise AttributeError(name)
        compiled = re.compile(self._source if isinstance(self._source, str) else self._source(), self._flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(self, name)


def late(source: str | Callable[[], str], flags: int = 0) -> re.Pattern[str]:
    """The compiled form of an expression, or of the one that a function puts together, at its first use.

    >>> late("a+").fullmatch("aa") is not None
    True
    """
    return cast(re.Pattern[str], _Late(source, flags))

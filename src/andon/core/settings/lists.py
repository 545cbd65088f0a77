"""Lists of words in settings, as the environment has them: JSON, or words with commas, semicolons or blanks between."""

from __future__ import annotations

import json
import re
from typing import Any

_BETWEEN = re.compile(r"[,;\s]+")


def listed(value: Any) -> Any:
    """The list that a text means; what is no text is as it was.

    >>> listed("a, b;c"), listed('["a", "b c"]'), listed(["a"])
    (['a', 'b', 'c'], ['a', 'b c'], ['a'])
    """
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    return found if isinstance(found, list) else [part for part in _BETWEEN.split(value) if part]

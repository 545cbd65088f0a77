"""Patterns that read a place from a topic, a subject, a path or any other name with levels."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: What a pattern may name, beside the four levels of a place.
NAMES = ("site", "area", "line", "machine", "host", "service")
_PART = re.compile(r"\{(\w*)\}|(\*\*|\*|\+|#)|([^{}*+#]+)|(.)")


class PlacePattern:
    """A pattern such as ``plant/{area}/{line}/{machine}/#`` over names whose levels ``/`` parts.

    ``{name}`` reads a level or a part of one, ``*`` and ``+`` stand for anything within one level, ``**`` and ``#`` for
    any number of levels, none among them. Raises ValueError for another name, one that stands twice, or a lone brace.

    >>> found = PlacePattern("plant/{area}/{line}/{machine}/#").read("plant/press/l2/p4/alarms/active")
    >>> found["machine"], PlacePattern("**/{line}-{machine}.log").read("/var/log/l2-press4.log")
    ('p4', {'line': 'l2', 'machine': 'press4'})
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        parts, seen = [], set()
        for name, wild, text, bad in _PART.findall(pattern):
            if bad or (not wild and not text and name not in NAMES):
                known = ", ".join(f"{{{one}}}" for one in NAMES)
                raise ValueError(
                    f"{pattern!r} contains a {bad} without the matching brace"
                    if bad
                    else f"{pattern!r} contains {{{name}}}, which is not one of {known}"
                )
            if name in seen:
                raise ValueError(f"{pattern!r} contains {{{name}}} twice: write it once")
            if wild:
                parts.append(".*" if wild in ("**", "#") else "[^/]*")
            elif text:
                parts.append(re.escape(text))
            else:
                seen.add(name)
                parts.append(f"(?P<{name}>[^/]+?)")
        made = "".join(parts)
        made = made.removesuffix("/.*") + "(?:/.*)?" if made.endswith("/.*") else made
        self._match = re.compile(made, re.DOTALL).fullmatch

    def read(self, name: str) -> Mapping[str, str] | None:
        """What the names of the pattern stand for in ``name``; None where the pattern does not fit it."""
        found = self._match(name)
        return None if found is None else found.groupdict()

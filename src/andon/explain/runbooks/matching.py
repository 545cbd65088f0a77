"""The alarm codes of a log that runbooks name."""

from __future__ import annotations

import re

import msgspec

_CODE_FIELD = re.compile(r"(?i)code|alarm|error|err(?:no|_?id)|fault|event|exit|status|signal|sqlstate|(?:_|^)id$")
#: A number alone is a code only where a word in front says so.
_INTRODUCED = r"(?:code|error|err|alarm|fault|status|errno|event|exit|trip|warning|id|nr|no|number)\W{0,3}"


def code_pattern(code: str) -> re.Pattern[str]:
    """Where ``code`` stands in a message: as a token of its own, a mere number only behind a word such as error."""
    lead = _INTRODUCED if code.isdigit() else ""
    return re.compile(rf"(?<![A-Za-z0-9]){lead}{re.escape(code)}(?![A-Za-z0-9])", re.IGNORECASE)


def code_fields(context: str | None) -> frozenset[str]:
    """The values, in lower case, of the context's fields that hold codes; nested objects one level deep."""
    if not context:
        return frozenset()
    try:
        data = msgspec.json.decode(context[:65_536])
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return frozenset()
    if not isinstance(data, dict):
        return frozenset()
    pairs = [(str(key), value) for key, value in list(data.items())[:200]]
    pairs += [(f"{k}_{i}", v) for k, inner in pairs if isinstance(inner, dict) for i, v in list(inner.items())[:50]]
    return frozenset(
        str(value).strip().lower()
        for key, value in pairs
        if isinstance(value, str | int) and not isinstance(value, bool) and _CODE_FIELD.search(key)
    )

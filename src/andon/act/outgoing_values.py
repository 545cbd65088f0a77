"""Values that go to other programs as JSON: whole and without secrets, or not at all. None of them is cut."""

from __future__ import annotations

import json
import math
from typing import Any

from andon.core.errors import ActionRefused
from andon.core.redact import Redactor, one_numbering
from andon.core.text import is_unfit

#: Bytes of one object as JSON, levels of objects and lists in it, and characters of a name.
BYTES_MAX, DEPTH_MAX, KEY_MAX = 20_000, 20, 80
_INTEGERS = range(-(2**63), 2**64)


def read_object(text: str) -> dict[str, Any]:
    """A JSON object as a person writes it: nothing that JSON has not, and no name twice. Raises ActionRefused.

    >>> read_object('{"text": "Filter changed"}')
    {'text': 'Filter changed'}
    """
    try:
        value = json.loads(text or "{}", parse_constant=_no_json, object_pairs_hook=_once)
    except RecursionError:
        raise ActionRefused(
            f"the arguments are nested more than {DEPTH_MAX} levels deep, the limit for sending"
        ) from None
    except ValueError as error:
        raise ActionRefused(f"the arguments are not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ActionRefused('the arguments are not a JSON object: write them as {"name": "value"}')
    demand_json(value)
    return value


def without_secrets(value: dict[str, Any]) -> dict[str, Any]:
    """``value`` with placeholders where secrets stood, and otherwise whole. Raises ActionRefused where it is too large
    or deep for that, or holds what JSON has not."""
    demand_json(value)
    with one_numbering() as redactor:
        _demand_names(value, redactor)
        made: dict[str, Any] = redactor.whole(value)
    return made


def demand_json(value: Any) -> None:
    """Raises ActionRefused for what JSON cannot say, or what is larger or deeper than anything that is sent."""
    _demand(value, 0)
    if (size := len(json.dumps(value, ensure_ascii=False).encode())) > BYTES_MAX:
        raise ActionRefused(f"{size:,} bytes of values are too many to send: at most {BYTES_MAX:,}, and none are cut")


def _demand(value: Any, depth: int) -> None:
    if isinstance(value, str):
        _demand_text(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ActionRefused(f"a number is {value}, which JSON cannot represent: write it as text, or remove it")
    elif isinstance(value, int) and value not in _INTEGERS:
        raise ActionRefused("a whole number has more than 64 bits: write it as text")
    elif isinstance(value, dict | list | tuple):
        if depth >= DEPTH_MAX:
            raise ActionRefused(f"values are nested more than {DEPTH_MAX} levels deep, the limit for sending")
        for name in value if isinstance(value, dict) else ():
            _demand_text(name)
        for inner in value.values() if isinstance(value, dict) else value:
            _demand(inner, depth + 1)


def _demand_names(value: Any, redactor: Redactor) -> None:
    """Names are cleaned as texts are, and so may become longer, or the same."""
    if isinstance(value, dict):
        told = {redactor.clean(name, BYTES_MAX) for name in value}
        if len(told) < len(value):
            raise ActionRefused(
                "two names are the same once secrets and invisible characters are removed: correct them"
            )
        for name in (*value, *told):
            if len(name) > KEY_MAX:
                raise ActionRefused(f"the name {name!r:.60} is too long to send: at most {KEY_MAX} characters")
    if isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            _demand_names(inner, redactor)


def _demand_text(text: str) -> None:
    if is_unfit(text):
        raise ActionRefused(f"the text {ascii(text)[:60]} contains a NUL or half a character: remove it")


def _no_json(name: str) -> None:
    raise ValueError(f"{name} is not a number that JSON has")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {ascii(twice)[:60]} is used twice")
    return made

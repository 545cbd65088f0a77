"""Moments as programs read them: RFC 3339 in UTC, ``2025-01-15T02:14:23.123Z``, wherever a value becomes JSON.

Inside they are numbers that are computed with. A field that is one says so by its type,
:data:`andon.core.models.Moment`, and :func:`told` writes it; a description for programs (JSON Schema) calls it a
date-time by the same mark.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from andon.core.models.terms import MOMENT_MARK
from andon.core.times import stored

_Told = Callable[[Any], Any]


def told(value: Any) -> Any:
    """``value`` with every moment in it as text; what holds none comes back as it is.

    Structs that hold some become mappings; lists, tuples and mappings are looked into.
    """
    if isinstance(value, msgspec.Struct):
        way = _of_struct(type(value))
        return value if way is None else way(value)
    if isinstance(value, Mapping):
        return {key: told(one) for key, one in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return [told(one) for one in value]
    return value


def described(schema: Any) -> Any:
    """A JSON Schema of what :func:`told` makes of the values that ``schema`` describes."""
    if isinstance(schema, dict):
        found = {key: described(one) for key, one in schema.items()}
        moment = found.get("format") == "date-time" and found.get("type") == "number"
        return {**found, "type": "string"} if moment else found
    return [described(one) for one in schema] if isinstance(schema, list) else schema


def text_of(moment: float) -> str | None:
    """A moment as text; None for what no calendar has, as JSON has no infinity either."""
    try:
        return stored(moment)
    except ValueError:
        return None


@functools.cache
def _of_struct(kind: type[msgspec.Struct]) -> _Told | None:
    """How a struct is told, None where it can hold no moment."""
    if not _holds(kind, frozenset()):
        return None
    hints = _hints(kind)
    names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    ways = [(name, encoded, _of_type(hints[name])) for name, encoded in names]

    def tell(value: msgspec.Struct) -> dict[str, Any]:
        return {
            encoded: getattr(value, name) if way is None else way(getattr(value, name)) for name, encoded, way in ways
        }

    return tell


def _hints(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def is_moment(hint: Any) -> bool:
    """Whether a type is :data:`Moment`."""
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return any(isinstance(one, msgspec.Meta) and bool((one.extra or {}).get(MOMENT_MARK)) for one in marks)


def _holds(hint: Any, seen: frozenset[type]) -> bool:
    """Whether a value of this type can hold a moment; ``seen`` are the structs around it."""
    if is_moment(hint) or isinstance(hint, TypeVar):  # a list of anything may be one of structs with moments
        return True
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint not in seen and any(_holds(one, seen | {hint}) for one in _hints(hint).values())
    return any(_holds(part, seen) for part in get_args(hint))


def _of_type(hint: Any) -> _Told | None:
    """How a value of this type is told, None where it is told as it is."""
    if is_moment(hint):
        return text_of
    if not _holds(hint, frozenset()):
        return None
    if isinstance(hint, type | TypeVar):
        return told  # its own way is looked up when it is told: a struct may hold its own kind
    parts = [one for one in get_args(hint) if one is not Ellipsis]
    origin = get_origin(hint)
    if origin is Annotated:
        return _of_type(parts[0])
    ways = [_of_type(part) for part in parts]
    if origin in (Union, types.UnionType):
        way = next(iter({way for way in ways if way is not None}))
        return lambda value: None if value is None else way(value)
    return _inside(origin, ways)


def _inside(origin: Any, ways: list[_Told | None]) -> _Told:
    """How a list, tuple or mapping is told whose parts are told in these ways."""
    last = ways[-1] or _same
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return lambda value: {key: last(one) for key, one in value.items()}
    if len(ways) > 1:
        each = [way or _same for way in ways]
        return lambda value: [way(one) for way, one in zip(each, value, strict=True)]
    return lambda value: [last(one) for one in value]


def _same(value: Any) -> Any:
    return value

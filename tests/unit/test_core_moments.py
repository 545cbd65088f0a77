"""Moments become text wherever a value becomes JSON, and nothing else does."""

from __future__ import annotations

import math
from typing import Any, Generic, TypeVar

import msgspec

from andon.core.models import Moment
from andon.core.moments import described, told

T = TypeVar("T")
AT = "2025-01-15T02:14:23.500Z"
SECONDS = 1736907263.5


class Shelf(msgspec.Struct):
    """With and without a value, and a duration beside them."""

    at: Moment
    seconds: float
    until: Moment | None = None


class Holder(msgspec.Struct, rename={"lag": "lag_minutes"}):
    """Moments at any depth; one of its own kind; JSON of any kind is left alone."""

    shelves: list[Shelf]
    pair: tuple[str, Moment]
    by_name: dict[str, Moment]
    inner: Holder | None = None
    free: Any = None
    lag: float = 1.0


class Page(msgspec.Struct, Generic[T]):
    """A list of anything."""

    items: list[T]


class Plain(msgspec.Struct):
    """Without any."""

    number: float
    names: list[str]


def test_moments_are_told_wherever_they_are() -> None:
    """In structs, lists, tuples, mappings, within optional values and in what is generic."""
    shelf = Shelf(SECONDS, 60.0, SECONDS)
    inner = Holder([], ("b", 0.0), {})
    value = told({"holder": Holder([shelf], ("a", SECONDS), {"k": SECONDS}, inner, {"at": 1.0})})["holder"]
    assert value["shelves"] == [{"at": AT, "seconds": 60.0, "until": AT}]
    assert (value["pair"], value["by_name"], value["lag_minutes"]) == (["a", AT], {"k": AT}, 1.0)
    assert value["inner"]["pair"] == ["b", "1970-01-01T00:00:00.000Z"]
    assert value["free"] == {"at": 1.0}
    assert told(Page([shelf]))["items"][0]["at"] == AT
    assert told([Shelf(math.inf, 1.0)])[0] == {"at": None, "seconds": 1.0, "until": None}


def test_what_holds_none_is_left_as_it_is() -> None:
    """The encoder gets the struct itself, not a copy."""
    plain = Plain(1.0, ["a"])
    assert told(plain) is plain
    assert told(Page([plain]))["items"][0] is plain


def test_the_description_says_so_too() -> None:
    """A date-time in JSON Schema; it still is a number where a value is read back."""
    schema = described(msgspec.json.schema(Shelf))["$defs"]["Shelf"]["properties"]
    assert schema["at"] == {"type": "string", "format": "date-time"}
    assert schema["until"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert schema["seconds"] == {"type": "number"}
    assert msgspec.json.decode(msgspec.json.encode(Shelf(SECONDS, 1.0)), type=Shelf).at == SECONDS

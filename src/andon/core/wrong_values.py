"""What is wrong with a value that pydantic refused, in words of our own: each says what to write instead.

They begin in lower case and stand behind the name of what they are about: ``limit: write 1000 or less``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_OURS = "Value error, "
#: How pydantic begins its sentences; for those of its errors that have no sentence here.
_INPUT = re.compile(r"^.*?\binput should\b", re.IGNORECASE)


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _items(count: int, bound: str) -> str:
    return f"write {bound} {count} {'entry' if count == 1 else 'entries'}"


#: By pydantic's name for what is wrong, with its figures.
_WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "it is missing",
    "extra_forbidden": lambda _: "there is no such key",
    "greater_than_equal": lambda about: f"write {_number(about['ge'])} or more",
    "greater_than": lambda about: f"write more than {_number(about['gt'])}",
    "less_than_equal": lambda about: f"write {_number(about['le'])} or less" if about["le"] < 2**53
    else "write a smaller number",
    "less_than": lambda about: f"write less than {_number(about['lt'])}",
    "multiple_of": lambda about: f"write a multiple of {_number(about['multiple_of'])}",
    "string_too_long": lambda about: f"write at most {about['max_length']} characters",
    "string_too_short": lambda about: "write something: it is empty" if about["min_length"] == 1
    else f"write at least {about['min_length']} characters",
    "string_pattern_mismatch": lambda about: f"write what matches {about['pattern']}",
    "too_long": lambda about: _items(about["max_length"], "at most"),
    "too_short": lambda about: _items(about["min_length"], "at least"),
    "literal_error": lambda about: f"write {about['expected']}",
    "enum": lambda about: f"write {about['expected']}",
}  # fmt: skip
_KINDS = {
    "int_": "write a whole number",
    "float_": "write a number",
    "finite_number": "write a number that is finite",
    "decimal_": "write a number",
    "bool_": "write true or false",
    "string_": "write a text",
    "path_": "write a path",
    "list_": "write a list, such as [\"a\", \"b\"]",
    "tuple_": "write a list, such as [\"a\", \"b\"]",
    "dict_": "write a table of names and values",
    "model_": "write a table of names and values",
    "time_": "write a time of day, such as 06:00",
    "date_": "write a day, such as 2025-01-15",
    "datetime_": "write a time, such as 2025-01-15T02:00Z",
    "url_": "write an address, such as http://127.0.0.1:8420",
}  # fmt: skip


def in_words(error: Mapping[str, Any]) -> str:
    """What is wrong, by an entry of pydantic's ``errors()``. Sentences of our own validators stay as they are."""
    kind, message = str(error["type"]), str(error["msg"])
    if message.startswith(_OURS):
        return message.removeprefix(_OURS)
    about = error.get("ctx") or {}
    if (words := _WORDS.get(kind)) is not None:
        return words(about)
    found = next((words for begins, words in _KINDS.items() if kind.startswith(begins)), None)
    return found or _INPUT.sub("it must", message[:1].lower() + message[1:])

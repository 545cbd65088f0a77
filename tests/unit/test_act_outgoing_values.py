"""Values that go to other programs: whole and without secrets, or refused in a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.act.outgoing_values import BYTES_MAX, DEPTH_MAX, KEY_MAX, read_object, without_secrets
from andon.core.errors import ActionRefused

_NAMES = st.integers(0, 99).map("step {}".format)
_PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_VALUES = st.recursive(
    _PLAIN, lambda inner: st.lists(inner, max_size=10) | st.dictionaries(_NAMES, inner, max_size=10), max_leaves=30
)


def nested(levels: int) -> dict[str, Any]:
    """An object of so many levels."""
    made: Any = "end"
    for _ in range(levels):
        made = {"a": made}
    return made  # type: ignore[no-any-return]


@given(st.dictionaries(_NAMES, _VALUES, max_size=8))
def test_what_holds_no_text_goes_as_it_is(value: dict[str, Any]) -> None:
    """However many items it has, or is refused."""
    try:
        made = without_secrets(value)
    except ActionRefused:
        assert len(json.dumps(value)) > 1_000  # deep or large
    else:
        assert made == value


def test_nothing_is_cut_within_the_bounds() -> None:
    """Long texts, many items, many names, deep values."""
    value = {
        "text": "The filter mat is to be changed. " * 300,
        "list": [f"step {n}" for n in range(200)],
        "names": {f"name {n}": n for n in range(100)},
        "deep": nested(DEPTH_MAX - 1),
    }
    assert without_secrets(value) == value


def test_secrets_do_not_go_and_the_rest_does() -> None:
    """Wherever they stand, in long texts as well."""
    words = "The filter mat is to be changed. " * 100
    made = without_secrets({"text": f"{words}password=Sommer2026! {words}end", "login": {"password": "Winter2027!"}})
    assert made["text"].startswith(words)
    assert made["text"].endswith(f"{words}end")
    assert "Sommer2026" not in made["text"]
    assert made["login"] == {"password": "[secret 2]"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"text": "x" * BYTES_MAX}, "bytes of values are too many to send: at most 20,000, and none are cut"),
        (nested(DEPTH_MAX + 1), "nested more than 20 levels"),
        ({"n" * (KEY_MAX + 1): 1}, "is too long to send: at most 80 characters"),
        ({"a": [{"same\x1b[0m": 1, "same": 2}]}, "two names are the same once secrets and invisible characters"),
        ({"n": float("nan")}, "a number is nan, which JSON cannot represent"),
        ({"n": [float("-inf")]}, "a number is -inf, which JSON cannot represent"),
        ({"n": 2**64}, "more than 64 bits"),
        ({"a": "\ud800"}, "contains a NUL or half a character"),
        ({"\udcff": 1}, "contains a NUL or half a character"),
        ({"a": ["\0"]}, "contains a NUL or half a character"),
    ],
)
def test_what_cannot_go_whole_is_refused(value: dict[str, Any], said: str) -> None:
    """In a sentence that can be printed."""
    with pytest.raises(ActionRefused, match=said) as refused:
        without_secrets(value)
    assert str(refused.value).encode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "not a JSON object"),
        ("{", "are not JSON: "),
        ('{"n": NaN}', "are not JSON: NaN is not a number that JSON has"),
        ('{"n": -Infinity}', "-Infinity is not a number that JSON has"),
        ('{"n": 1e999}', "a number is inf, which JSON cannot represent"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "the name 'c' is used twice"),
        ('{"a": "\\ud800"}', "contains a NUL or half a character"),
        ('{"a": ' + "[" * 30 + "]" * 30 + "}", "levels"),
        ('{"a": ' + "[" * 5_000 + "]" * 5_000 + "}", "levels"),
    ],
)
def test_what_json_has_not_is_refused_as_it_is_read(text: str, said: str) -> None:
    """Before anybody is shown something else than the server would get."""
    with pytest.raises(ActionRefused, match=said) as refused:
        read_object(text)
    assert str(refused.value).encode()


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert read_object('{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}
    assert read_object("") == {}

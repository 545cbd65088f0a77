"""What pydantic refuses, in words of ours: each says what to write, and none sounds like the library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator
from pydantic_core._pydantic_core import PydanticKnownError, list_all_errors

from andon.core.wrong_values import in_words


class Small(BaseModel):
    """Something with a name."""

    model_config = ConfigDict(extra="forbid")
    name: str

    @field_validator("name")
    @classmethod
    def _ours(cls, value: str) -> str:
        if value == "no":
            raise ValueError("no is not a name: write another one")
        return value


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        (int, "abc", "write a whole number"),
        (int, 1.5, "write a whole number"),
        (float, "much", "write a number"),
        (bool, "maybe", "write true or false"),
        (str, 3, "write a text"),
        (Path, 3, "write a path"),
        (list[int], 3, "write a list, such as"),
        (dict[str, str], 3, "write a table of names and values"),
        (Annotated[int, Field(ge=1)], 0, "write 1 or more"),
        (Annotated[int, Field(le=1000)], 2000, "write 1000 or less"),
        (Annotated[int, Field(le=2**63 - 1)], 2**63, "write a smaller number"),
        (Annotated[float, Field(gt=0)], 0, "write more than 0"),
        (Annotated[float, Field(lt=0.5)], 1, "write less than 0.5"),
        (Annotated[str, Field(min_length=1)], "", "write something: it is empty"),
        (Annotated[str, Field(min_length=3)], "", "write at least 3 characters"),
        (Annotated[str, Field(max_length=3)], "four", "write at most 3 characters"),
        (Annotated[list[int], Field(min_length=1)], [], "write at least 1 entry"),
        (Annotated[list[int], Field(max_length=2)], [1, 2, 3], "write at most 2 entries"),
        (Literal["a", "b"], "c", "write 'a' or 'b'"),
        (Small, {}, "it is missing"),
        (Small, {"name": "x", "nme": 1}, "there is no such key"),
        (Small, {"name": "no"}, "no is not a name: write another one"),
        (Small, 3, "write a table of names and values"),
    ],
)
def test_it_says_what_to_write(kind: Any, value: object, sentence: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    assert in_words(refused.value.errors()[0]).startswith(sentence)


@pytest.mark.parametrize("known", list_all_errors(), ids=lambda known: str(known["type"]))
def test_no_kind_of_error_sounds_like_the_library(known: Any) -> None:
    """Whatever pydantic knows to refuse."""
    about = known.get("example_context")
    message = PydanticKnownError(known["type"], about).message()
    said = in_words({"type": known["type"], "msg": message, "ctx": about})
    assert said
    assert "nput should" not in said

"""A rule of ``[[retention]]`` in ``andon.toml``, checked: which logs it is about, and how long they are kept."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

_SPAN = re.compile(r"(\d{1,9})\s*(m|h|d|w|y)")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
#: A hundred years: beyond this a time is a slip of the pen.
_LONGEST = 100 * _SECONDS["y"]
_WORDS = ("forever", "sample", "none")

SeverityName = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


def parse_age(text: str) -> float:
    """Seconds of ``30d``, ``12h``, ``90m``, ``6w`` or ``1y`` (365 days). Raises ValueError with a sentence."""
    found = _SPAN.fullmatch(text.strip().lower())
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not 0 < seconds <= _LONGEST:
        raise ValueError("no time such as 90m, 12h, 30d, 6w or 1y (a hundred years at most)")
    return float(seconds)


def parse_keep(text: str) -> float | None:
    """Seconds of a time such as ``90d``, None of ``forever``. Raises ValueError with a sentence."""
    if text.strip().lower() == "forever":
        return None
    try:
        return parse_age(text)
    except ValueError as error:
        raise ValueError(f'{error}, and not "forever"') from None


def _names(value: Any) -> Any:
    """One severity or several, in upper or lower case."""
    found = [value] if isinstance(value, str) else value
    return [one.strip().upper() if isinstance(one, str) else one for one in found] if isinstance(found, list) else found


class RetentionSettings(BaseModel, defer_build=True):
    """One rule. What is left out matches everything; ``keep`` alone must be there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = Field(None, min_length=1, max_length=40)
    severity: Annotated[list[SeverityName] | None, BeforeValidator(_names)] = Field(None, min_length=1)
    service: str | None = Field(None, min_length=1, max_length=255)
    site: str | None = Field(None, min_length=1, max_length=255)
    area: str | None = Field(None, min_length=1, max_length=255)
    line: str | None = Field(None, min_length=1, max_length=255)
    machine: str | None = Field(None, min_length=1, max_length=255)
    pattern: int | None = Field(None, ge=1, le=2**63 - 1)
    older_than: str | None = None
    keep: str

    @field_validator("older_than")
    @classmethod
    def _an_age(cls, value: str | None) -> str | None:
        if value is not None:
            parse_age(value)
        return value

    @field_validator("keep")
    @classmethod
    def _a_time_or_a_word(cls, value: str) -> str:
        word = value.strip().lower()
        if word in _WORDS:
            return word
        try:
            parse_age(word)
        except ValueError as error:
            raise ValueError(f"{error}, and none of {', '.join(_WORDS)}") from None
        return word

    @model_validator(mode="after")
    def _in_order(self) -> RetentionSettings:
        if self.keep_seconds is not None and self.older_seconds >= self.keep_seconds:
            raise ValueError(
                f"the rule looks at logs older than {self.older_than} and keeps them for {self.keep}: write "
                'keep = "none" to delete them at that age, or a longer time'
            )
        return self

    @property
    def older_seconds(self) -> float:
        """From which age on the rule applies, in seconds."""
        return parse_age(self.older_than) if self.older_than else 0.0

    @property
    def keep_seconds(self) -> float | None:
        """How long logs are kept, in seconds; None where ``keep`` is a word."""
        return None if self.keep in _WORDS else parse_age(self.keep)

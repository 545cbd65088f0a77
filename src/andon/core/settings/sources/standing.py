"""What every source in ``andon.toml`` may say of where its logs come from."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field, field_validator

from andon.core.place_pattern import PlacePattern


class Standing(BaseModel, defer_build=True):
    """Where the logs of a source come from, and from whom, where they do not say so themselves.

    ``place`` is a pattern over the name they come with (a path, a topic, a subject), see
    :class:`andon.core.place_pattern.PlacePattern`; the others are fixed and stand behind what it reads.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    place: str = Field("", max_length=500)
    site: str = Field("", max_length=200)
    area: str = Field("", max_length=200)
    line: str = Field("", max_length=200)
    machine: str = Field("", max_length=200)
    host: str = Field("", max_length=200)
    service: str = Field("", max_length=200)

    @field_validator("place")
    @classmethod
    def _place_pattern(cls, value: str) -> str:
        PlacePattern(value)
        return value


def distinct(urls: Iterable[str], table: str) -> None:
    """Raises ValueError where two tables ask the same address: each log would come twice."""
    seen: set[str] = set()
    for url in urls:
        if url in seen:
            raise ValueError(f"[[{table}]] names {url} twice: write it once")
        seen.add(url)

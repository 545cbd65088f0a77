"""What ``andon.toml`` says of the site in tables: its shifts, and other rules for some services."""

from __future__ import annotations

from datetime import time
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from andon.core.settings.retention import SeverityName


class ServiceSettings(BaseModel):
    """What ``andon.toml`` says about some services; None leaves the general setting in force."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    analyze: Literal["novel", "every", "none"] | None = None
    severity: SeverityName | None = None
    criticality: float = Field(1.0, ge=0.1, le=10)


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)


class ShiftSettings(BaseModel):
    """A shift in ``andon.toml``: wall-clock times in the site's zone; an end before the start is the next day's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=40)
    start: time
    end: time
    days: list[Weekday] = Field(default=list(WEEKDAYS), min_length=1)

    @model_validator(mode="after")
    def _plain_times(self) -> ShiftSettings:
        if self.start.tzinfo or self.end.tzinfo:
            raise ValueError("shift times are those on the site's wall: write them without a zone")
        return self


THREE_SHIFTS = [
    ShiftSettings(name="early", start=time(6), end=time(14)),
    ShiftSettings(name="late", start=time(14), end=time(22)),
    ShiftSettings(name="night", start=time(22), end=time(6)),
]

"""What ``andon.toml`` says of the site in tables: its shifts, and other rules for some services."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from andon.core.settings.retention import SeverityName


def _upper(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


#: One of the five, in any case.
OwnSeverity = Annotated[SeverityName, BeforeValidator(_upper)]

# Places that write the month first: the United States and their territories, the Philippines, Belize, Micronesia, Palau
# and the Marshall Islands.
_PLACES = {
    "America": "New_York Detroit Louisville Kentucky/Louisville Kentucky/Monticello Indianapolis Fort_Wayne Knox_IN "
    "Indiana/Indianapolis Indiana/Vincennes Indiana/Winamac Indiana/Marengo Indiana/Petersburg Indiana/Vevay "
    "Indiana/Tell_City Indiana/Knox Chicago Menominee North_Dakota/Center North_Dakota/New_Salem North_Dakota/Beulah "
    "Denver Shiprock Boise Phoenix Los_Angeles Anchorage Juneau Sitka Metlakatla Yakutat Nome Adak Atka Puerto_Rico "
    "St_Thomas Virgin Belize",
    "US": "Alaska Aleutian Arizona Central East-Indiana Eastern Hawaii Indiana-Starke Michigan Mountain Pacific Samoa",
    "Pacific": "Honolulu Johnston Guam Saipan Pago_Pago Samoa Midway Wake Chuuk Truk Yap Pohnpei Ponape Kosrae Palau "
    "Majuro Kwajalein",
    "Asia": "Manila",
}
_ALONE = {"EST", "MST", "HST", "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT", "Navajo", "Kwajalein"}
#: Their zones.
MONTH_FIRST = frozenset(_ALONE | {f"{region}/{place}" for region, all_ in _PLACES.items() for place in all_.split()})


class ServiceSettings(BaseModel, defer_build=True):
    """What ``andon.toml`` says about some services; None leaves the general setting in force."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    analyze: Literal["novel", "every", "none"] | None = None
    severity: SeverityName | None = None
    criticality: float = Field(1.0, ge=0.1, le=10)


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)


class ShiftSettings(BaseModel, defer_build=True):
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

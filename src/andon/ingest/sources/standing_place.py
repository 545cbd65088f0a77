"""Where the logs of a source come from: what its pattern reads in a name, with the fixed values behind it."""

from __future__ import annotations

import msgspec

from andon.core.place_pattern import PlacePattern
from andon.core.settings.sources.standing import Standing
from andon.ingest.sources.heard import Place, place_of


class Origin(msgspec.Struct, frozen=True):
    """Where a log comes from; what is not known is empty."""

    place: Place
    host: str
    service: str


class StandingPlace:
    """The place of each log of one table in ``andon.toml``."""

    def __init__(self, standing: Standing) -> None:
        self._pattern = PlacePattern(standing.place) if standing.place else None
        self._fixed = Place(standing.site, standing.area, standing.line, standing.machine)
        self._standing = standing

    def of(self, *names: str) -> Origin:
        """The place that the first of ``names`` tells which fits the pattern; the fixed values where none does."""
        read = self._pattern.read if self._pattern else lambda _name: None
        found = next((one for name in names if name and (one := read(name)) is not None), {})
        return Origin(
            place_of(found).over(self._fixed),
            found.get("host", "") or self._standing.host,
            found.get("service", "") or self._standing.service,
        )

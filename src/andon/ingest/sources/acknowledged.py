"""What people acknowledged in Andon, for sources that tell their servers."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import msgspec


class Acknowledged(msgspec.Struct, frozen=True):
    """An alarm that somebody acknowledged. ``origin`` is the source as its logs named it, such as an OPC UA condition;
    ``at`` is unix seconds, ``by`` who did it where that is known."""

    origin: str
    hostname: str
    at: float
    by: str | None
    note: str | None


@runtime_checkable
class Acknowledging(Protocol):
    """A source that can pass acknowledgements on; ``acknowledges``: it is told to."""

    @property
    def acknowledges(self) -> bool: ...

    def acknowledged(self, one: Acknowledged) -> None:
        """Take one in passing; must not wait. What is none of the source's own it leaves."""

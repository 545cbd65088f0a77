"""What is asked of the database: pictures, retention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from andon.core.models import (
    NewPicture,
    Picture,
    PictureFetch,
    Retained,
)


class Pictures(Protocol):
    """The stored pictures of logs. Every method is one transaction and raises StoreFull and StoreUnavailable."""

    async def of_logs(self, log_ids: Sequence[int], limit: int) -> list[Picture]:
        """Pictures of these logs with their bytes, each once, in the order of the logs given; at most ``limit``."""
        ...

    async def awaited(self, log_ids: Sequence[int]) -> int:
        """How many pictures of these logs are still to be fetched for the first time."""
        ...

    async def due(self, limit: int) -> tuple[list[PictureFetch], float | None]:
        """What is to be fetched now, longest due first, and in how many seconds the next is where none is due."""
        ...

    async def fetched(self, fetch: PictureFetch, picture: NewPicture) -> bool:
        """Store what was fetched and name it in the log's context; whether the picture is new to the store."""
        ...

    async def again(self, fetch: PictureFetch, delay: float, *, counted: bool = True) -> None:
        """Try this one again in ``delay`` seconds; without ``counted`` the try was not the reference's fault."""
        ...

    async def given_up(self, fetch: PictureFetch, reason: str) -> None:
        """This one will not be fetched any more; the log's notes say why."""
        ...


class Retention(Protocol):
    """Applying the rules of retention a little at a time. Every method raises StoreFull and StoreUnavailable."""

    async def step(self) -> Retained:
        """Look at some logs or remove some; ``more`` is False at the end of a run, the next call begins another."""
        ...

    async def over(self) -> bool:
        """Whether the database is larger than it may be; quick."""
        ...

    async def stream_begins(self, stream: str, first: int) -> None:
        """The stream holds nothing before the sequence ``first`` any more."""
        ...

    async def by_others(self) -> list[tuple[int, str, int]]:
        """What others than services deleted lately, such as a command: (entry of the book, rule, logs so far)."""
        ...

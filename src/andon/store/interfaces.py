"""What is asked of the database: looking into the history, pictures, retention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from andon.core.models import (
    HistoryQuery,
    NewPicture,
    PatternFacts,
    PatternSeen,
    Picture,
    PictureFetch,
    Retained,
    SiteNames,
    StoredLog,
)


class History(Protocol):
    """Read-only questions to the store, each bounded in rows and in time.

    Every method raises QueryTooSlow where its deadline passes and StoreUnavailable where the database cannot be read.
    """

    async def search(self, query: HistoryQuery) -> list[StoredLog]:
        """Logs in the order of their time, newest first unless the query says otherwise."""
        ...

    async def problems(self, query: HistoryQuery, order: str = "first") -> list[PatternSeen]:
        """The problems among the logs of ``query``: what came ``first``, the greatest ``count``, or worst ``severity``.

        Of very many logs the newest are looked at.
        """
        ...

    async def around(self, host: str, at: str, minutes: int) -> list[PatternSeen]:
        """The problems that ``host`` logged in the ``minutes`` up to ``at``, by the minute, what came first first.

        From the rollups alone: quick whatever the number of logs.
        """
        ...

    async def recent(self, pattern_id: int, at: str) -> tuple[int, int]:
        """Logs of a problem in the ten minutes up to ``at``, and the length of that window in minutes; quick."""
        ...

    async def pattern(self, pattern_id: int, at: str | None = None) -> PatternFacts | None:
        """Figures and knowledge of the problem that a pattern is part of; None where there is no such pattern.

        ``at`` is the moment its rates look back from, its last log unless given.
        """
        ...

    async def templates(self, limit: int) -> list[tuple[int, str]]:
        """(id, template) of problems, those seen last first."""
        ...

    async def logs(self, log_ids: Sequence[int]) -> list[StoredLog]:
        """Those of these logs that exist, in the order of their ids."""
        ...

    async def names(self) -> SiteNames:
        """Hosts, services and places of the newest records."""
        ...

    async def span(self) -> tuple[str, str] | None:
        """The times of the oldest and of the newest log, None where there is none."""
        ...


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

"""How Andon itself is: looked at when somebody wants to know, once for all who do, and told worst first."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
import structlog

from andon.app.known_habits import KnownHabits
from andon.core.errors import StoreError
from andon.core.models import Standing, StreamState
from andon.core.settings.settings import Settings
from andon.core.text import counted
from andon.explain.trust import ModelTrust
from andon.insight import sources
from andon.insight.sources import Source
from andon.store import Ask

if TYPE_CHECKING:
    from andon.app.service import Service

log = structlog.get_logger(__name__)

#: What was seen less than so many seconds ago is the answer to who asks; sources change slowly.
FRESH, SOURCES_FRESH = 2.0, 10.0
#: What is older than so many seconds is not shown as if it were so now.
STALE = 30.0
#: Below this much free room on the disk, in bytes, it is nearly full.
LITTLE_ROOM = 1024**3
#: So many records that wait in the stream, or one that waits for so many seconds, are a backlog.
BACKLOG_RECORDS, BACKLOG_AGE = 5_000, 30.0

Part = Literal["disk", "stream", "queue", "sources", "model"]

#: Where each part of ``/readyz`` is told on the page, and in which words; others are Andon's own work.
_PARTS: dict[str, tuple[Part, str]] = {
    "database": ("disk", "database trouble"),
    "store": ("disk", "database trouble"),
    "broker": ("stream", "stream trouble"),
    "grouping": ("stream", "preparing after an update"),
    "recovery": ("stream", "reading logs again"),
    "service": ("stream", "starting"),
}
#: Those that are at work, and not ill.
_PASSING = frozenset({"grouping", "recovery", "service"})


class Room(NamedTuple):
    """The disk under the data: bytes free and in all."""

    directory: str
    free: int
    total: int


class Trouble(NamedTuple):
    """Something that is wrong with Andon itself.

    ``words`` are for the light, ``sentence`` says all, with what to do. ``since`` is a moment (unix seconds): shown as
    how long that is, or (``clock``) as the time of day. ``passing``: it is only on its way, and ends by itself.
    """

    part: Part
    words: str
    sentence: str
    since: float | None = None
    clock: bool = False
    passing: bool = False


class Signs(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen at ``at`` (unix seconds).

    ``full`` are those parts of ``health`` that found a disk or a quota full, as the number of an error says.
    ``oldest`` is since when the oldest record waits in the stream, ``differences`` are what others set there otherwise
    than Andon does. ``deaf`` are ways in that hear nothing now, with the reason. ``away_since`` is since when no
    question goes to the model; ``unavailable`` says why ordinary ones do not.
    """

    at: float
    settings: Settings
    health: dict[str, str] = {}
    full: AbstractSet[str] = frozenset()
    room: Room | None = None
    stream: StreamState | None = None
    stream_problem: str | None = None
    differences: Sequence[str] = ()
    oldest: float | None = None
    sources: Sequence[Source] = ()
    sources_problem: str | None = None
    deaf: Mapping[str, str] = {}
    models: Sequence[ModelTrust] = ()
    away_since: float | None = None
    unavailable: str | None = None

    @property
    def waiting(self) -> int:
        """Records that wait in the stream, or are being stored."""
        return 0 if self.stream is None else self.stream.pending + self.stream.ack_pending

    @property
    def silent(self) -> list[Source]:
        """Sources that fell silent, the longest first."""
        return sorted((one for one in self.sources if one.silent_since), key=lambda one: one.last_seen)


def troubles(signs: Signs) -> list[Trouble]:
    """All that is wrong, the worst first."""
    return [
        *_disk(signs),
        *_ready(signs),
        *_backlog(signs),
        *_deafness(signs),
        *_silence(signs),
        *_model(signs),
    ]


def _disk(signs: Signs) -> list[Trouble]:
    full = [sentence for part, sentence in signs.health.items() if part in signs.full]
    if full:
        return [Trouble("disk", "disk full, nothing is recorded", _sentence(full[0]))]
    room = signs.room
    if room is None or room.free >= LITTLE_ROOM:
        return []
    left = size_text(room.free)
    return [
        Trouble(
            "disk",
            f"disk nearly full, {left} left",
            f"Only {left} are free at {room.directory}. Free some disk space: recording stops when the disk is full.",
        )
    ]


def _ready(signs: Signs) -> list[Trouble]:
    found: dict[str, Trouble] = {}
    for name, sentence in signs.health.items():
        if name == "service" and sentence == "stopping":
            found["stopping"] = Trouble("stream", "stopping", "Andon is being stopped.", passing=True)
            continue
        part, words = _PARTS.get(name, ("stream", f"{name} is restarting"))
        told = "Andon is starting." if sentence == "starting" else _sentence(sentence)
        found.setdefault(words, Trouble(part, words, told, passing=name in _PASSING))
    if signs.stream_problem and not signs.health:
        found["stream"] = Trouble("stream", "stream trouble", _sentence(signs.stream_problem))
    # what is only on its way stands behind what is broken
    return sorted(found.values(), key=lambda one: one.words in ("starting", "stopping"))


def _backlog(signs: Signs) -> list[Trouble]:
    age = None if signs.oldest is None else signs.at - signs.oldest
    if not signs.waiting or (signs.waiting < BACKLOG_RECORDS and (age is None or age < BACKLOG_AGE)):
        return []
    waits = f"{counted(signs.waiting, 'record')} {'waits' if signs.waiting == 1 else 'wait'}"
    return [
        Trouble(
            "stream",
            f"{waits}, the oldest",
            f"{waits} in the stream to be stored. None is lost: they are stored as fast as the disk allows.",
            signs.oldest,
        )
    ]


def _deafness(signs: Signs) -> list[Trouble]:
    if not signs.deaf:
        return []
    name, reason = next(iter(signs.deaf.items()))
    more = len(signs.deaf) - 1
    others = f" The same is true of {more} more: see System." if more else ""
    words = f"{name} is not listening" if not more else f"{len(signs.deaf)} inputs are not listening"
    return [Trouble("sources", words, f"{name} is not listening: {_sentence(reason)}{others}")]


def _silence(signs: Signs) -> list[Trouble]:
    silent = signs.silent
    if not silent:
        return []
    names = ", ".join(one.host for one in silent[:3]) + (f" and {len(silent) - 3} more" if len(silent) > 3 else "")
    verb = "has" if len(silent) == 1 else "have"
    return [
        Trouble(
            "sources",
            f"{counted(len(silent), 'source')} silent",
            f"{names} {verb} sent nothing for an unusually long time. Check whether the machine is off, then its "
            "network and the program that sends its logs.",
            silent[0].silent_since,
        )
    ]


def _model(signs: Signs) -> list[Trouble]:
    if signs.settings.provider == "PLAYBOOK":
        return []
    found = []
    if signs.models and all(one.standing is Standing.UNFIT for one in signs.models):
        words = "model not good enough for this plant, built-in rules in use"
        sentence = f"{_sentence(signs.models[0].sentence)} Built-in rules answer. Choose another model."
        found.append(Trouble("model", words, sentence))
    if signs.away_since is not None:
        reason = f"{_sentence(signs.unavailable or 'It does not answer')} Built-in rules answer in the meantime."
        found.append(Trouble("model", "model away since", reason, signs.away_since, clock=True))
    elif signs.unavailable is not None:
        found.append(Trouble("model", "model budget used up, built-in rules in use", _sentence(signs.unavailable)))
    return found


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def size_text(size: float) -> str:
    """Bytes for people: ``840 MB``, ``1.2 GB``.

    >>> [size_text(n) for n in (512, 20_000, 5_368_709_120)]
    ['512 B', '20 kB', '5.4 GB']
    """
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.{1 if size < 10 * factor and factor > 1e3 else 0}f}\u00a0{unit}"
    return f"{size:.0f}\u00a0B"


class Wellbeing:
    """Looks at one running service (None where a database is shown without one), at most every :data:`FRESH` seconds.

    Whoever comes while it looks waits for the same look.
    """

    def __init__(self, settings: Settings, ask: Ask, service: Service | None, usual: KnownHabits | None = None) -> None:
        """``usual`` knows how sources usually log, where others want to know that too."""
        self._settings = settings
        self._ask = ask
        self._service = service
        self._looking = asyncio.Lock()
        self._seen: Signs | None = None
        self._usual = usual or KnownHabits(ask)
        self._sources: list[Source] = []
        self._sources_at = float("-inf")

    @property
    def last(self) -> Signs | None:
        """What was seen last, unless that is too long ago to be shown."""
        seen = self._seen
        return seen if seen is not None and time.time() - seen.at < STALE else None

    async def look(self) -> Signs:
        """What is so now, or was a moment ago. What cannot be found out now is told as it is; raises nothing."""
        async with self._looking:
            if self._seen is None or not 0 <= time.time() - self._seen.at < FRESH:
                self._seen = await self._look()
            return self._seen

    async def _look(self) -> Signs:
        now, service = time.time(), self._service
        problem = await self._find_sources(now)
        room = await asyncio.to_thread(_room, self._settings)
        if service is None:
            return Signs(at=now, settings=self._settings, room=room, sources=self._sources, sources_problem=problem)
        await service.freshen()
        state = await service.stream_state()
        oldest = None if state is None else await service.oldest_waiting(state)
        trouble = None if state is not None else "the broker did not report the state of the log stream"
        guard, admission = service.guard, service.admission
        away, unavailable = None, None
        if admission is not None and admission.unavailable:
            away = now - admission.breaker.open_for if not admission.breaker.closed else None
            unavailable = admission.breaker.reason or admission.budget.exhausted
        return Signs(
            at=now,
            settings=self._settings,
            health=service.health.problems,
            full=service.health.full | ({"broker"} if service.broker is not None and service.broker.full else set()),
            room=room,
            stream=state,
            stream_problem=trouble or (None if guard is None else guard.problem),
            differences=[str(each) for each in guard.differences] if guard is not None else (),
            oldest=oldest,
            sources=self._sources,
            sources_problem=problem,
            deaf={one.name: one.trouble for one in service.intake.states() if one.trouble} if service.intake else {},
            models=list(service.trust.describe().values()),
            away_since=away,
            unavailable=unavailable,
        )

    async def _find_sources(self, now: float) -> str | None:
        """Look at the sources where that is some seconds ago; why that was not possible."""
        if now - self._sources_at < SOURCES_FRESH:
            return None
        try:
            usual = await self._usual.get()
            started = None if self._service is None else self._service.started
            self._sources = await self._ask(sources.find, now, usual, started)
        except StoreError as error:
            log.info("sources could not be checked", reason=str(error))
            return str(error)
        self._sources_at = now
        return None


def _room(settings: Settings) -> Room | None:
    """The disk where the data is or would be; None where that cannot be told."""
    directory = settings.database.parent if isinstance(settings.database, Path) else settings.data_dir
    place = directory
    while not place.is_dir() and place != place.parent:
        place = place.parent
    try:
        usage = shutil.disk_usage(place)
    except OSError:
        return None
    return Room(str(directory), usage.free, usage.total)

"""Pictures on their way through the pipeline: recorded, fetched, and handed to whoever explains the problem."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from andon.core.errors import BrokerError, BrokerUnavailable, ObjectMissing, PictureRefused, StoreUnavailable
from andon.core.models import Picture, PictureReference, Question
from andon.core.telemetry import Metrics
from andon.ingest.pictures import fetcher as module
from andon.ingest.pictures.fetcher import PictureFetcher, QuestionPictures
from andon.ingest.pictures.intake import PictureLimits
from andon.ingest.pictures.shrink import for_model
from andon.store import Store, pictures
from andon.testing import ScriptedAnalyst
from support.patience import PATIENCE
from support.pictures import data_url, opened, picture
from support.pipeline import Pipeline, log, pipeline, run, until
from support.questions import question, stored_log
from support.store_data import Clock, a_log, query
from support.store_data import opened as opened_store

PNG = picture(size=(3000, 30))


class Objects:
    """An object store that answers what it is told to: bytes, or an error; the last answer again and again."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers = deque(answers)
        self.asked: list[tuple[str, str, int]] = []
        self.hold: asyncio.Event | None = None

    async def fetch(self, bucket: str, name: str, max_bytes: int) -> bytes:
        """The next answer."""
        self.asked.append((bucket, name, max_bytes))
        if self.hold is not None:
            await self.hold.wait()
        answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@asynccontextmanager
async def fetching(
    store: Store, objects: Objects, clock: Callable[[], float] = time.time
) -> AsyncIterator[tuple[PictureFetcher, Metrics]]:
    """A fetcher that runs."""
    metrics = Metrics()
    fetcher = PictureFetcher(store, objects.fetch, PictureLimits(), metrics, clock)
    task = asyncio.create_task(fetcher.run())
    try:
        yield fetcher, metrics
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()


@asynccontextmanager
async def seeing(place: Path, analyst: ScriptedAnalyst, **options: Any) -> AsyncIterator[Pipeline]:
    """A pipeline whose analyst is given pictures."""
    async with pipeline(place, analyst) as made:
        shown = QuestionPictures(made.store, for_model, **options)
        made.analyzer.pictures = shown
        try:
            yield made
        finally:
            await made.stop()
            await shown.close()


def sample(metrics: Metrics, name: str) -> float:
    """The value of a counter."""
    return metrics.registry.get_sample_value(f"andon_pictures_{name}_total") or 0.0


def test_a_picture_reaches_the_question_small_and_the_context_stays_small(tmp_path: Path) -> None:
    """Two logs bring the same picture: stored once, shown once."""

    async def work() -> None:
        analyst = ScriptedAnalyst()
        async with seeing(tmp_path, analyst) as made:
            made.publish(*(log(context={"images": [data_url(PNG)], "n": n}) for n in range(2)))
            made.start()
            await until(lambda: analyst.questions, "the question")
            (shown,) = analyst.questions[0].pictures
            assert (shown.media_type, shown.width, shown.height) == ("image/png", 1024, 10)
            assert opened(shown.data).size == (1024, 10)
            assert made.sql("SELECT count(*), max(length(context)) < 300 FROM logs") == [(2, 1)]
            assert made.sql("SELECT data FROM pictures") == [(PNG,)]
            assert sample(made.metrics, "stored") == 1

    run(work())


def test_the_alarm_code_beside_a_large_picture_is_read(tmp_path: Path) -> None:
    """A context of half a megabyte is read but for its pictures: two alarms stay two problems."""

    async def work() -> None:
        async with pipeline(tmp_path) as made:
            large = data_url(picture() + bytes(400_000))
            made.publish(*(log("Alarm", context={"alarm_code": code, "images": [large]}) for code in ("A17", "B42")))
            made.start("recorder")
            await until(lambda: len(made.rows()) == 2, "the logs")
            assert len({row.pattern_id for row in made.rows()}) == 2

    run(work())


def test_refused_pictures_are_counted_once_however_often_a_log_comes(tmp_path: Path) -> None:
    """The log is stored with the reason."""

    async def work() -> None:
        async with pipeline(tmp_path) as made:
            made.start("recorder")
            made.publish(log(context={"images": ["https://camera/1.png", "data:image/png;base64,AA"]}))
            (row,) = await until(made.rows, "the log")
            assert "never fetches pictures" in (row.notes or "")
            await until(lambda: sample(made.metrics, "refused") == 2, "the count")

    run(work())


def test_what_a_log_names_is_fetched_after_it_was_recorded(tmp_path: Path) -> None:
    """The recorder wakes the fetcher."""

    async def work() -> None:
        objects = Objects(PNG)
        async with pipeline(tmp_path) as made, fetching(made.store, objects) as (fetcher, metrics):
            made.recorder.referenced = fetcher.wake
            made.start("recorder")
            made.publish(log(context={"images": "nats://shots/1.png"}), log(context={"images": "nats://shots/1.png"}))
            await until(lambda: made.sql("SELECT 1 FROM log_pictures") == [(1,), (1,)], "both pictures")
            assert objects.asked == [("shots", "1.png", PictureLimits().max_bytes)]  # one object, read once
            await until(lambda: sample(metrics, "stored") == 1, "the count")
            assert made.sql("SELECT count(*) FROM picture_fetches") == [(0,)]

    run(work())


async def _one_reference(store: Store) -> None:
    await store.record([a_log(1, references=(PictureReference("shots", "1.png"),))], [])


def _after(tmp_path: Path, *answers: bytes | Exception, counted: int) -> tuple[str | None, int]:
    """Fetch one reference with these answers, time moving on by itself; the log's notes and the number of tries."""
    path = tmp_path / "agent.db"

    class Hurry(Clock):
        def __call__(self) -> float:
            self.now += 100
            return self.now

    async def work() -> int:
        hurry = Hurry()
        async with opened_store(path, clock=hurry) as store:
            await _one_reference(store)
            objects = Objects(*answers)
            async with fetching(store, objects, hurry) as (fetcher, metrics):
                deadline = time.monotonic() + PATIENCE
                while sample(metrics, "stored") + sample(metrics, "refused") < 1 and time.monotonic() < deadline:
                    fetcher.wake()
                    await asyncio.sleep(0.01)
                await until(lambda: query(path, "SELECT count(*) FROM picture_fetches") == [(0,)], "the end")
            return len(objects.asked)

    tries = asyncio.run(work())
    assert query(path, "SELECT count(*) FROM log_pictures") == [(counted,)]
    return query(path, "SELECT notes FROM logs")[0][0], tries


def test_an_object_that_comes_later_is_fetched_then(tmp_path: Path) -> None:
    """A producer may put it after the log."""
    missing = ObjectMissing("the bucket shots has no object 1.png")
    assert _after(tmp_path, missing, missing, PNG, counted=1) == (None, 3)


def test_an_object_that_never_comes_is_given_up_after_a_number_of_tries(tmp_path: Path) -> None:
    """With the reason in the log's notes."""
    notes, tries = _after(tmp_path, ObjectMissing("the broker has no bucket shots"), counted=0)
    assert notes == "images[0] (shots/1.png) not kept: the broker has no bucket shots"
    assert tries == module.ATTEMPTS


def test_a_damaged_object_is_given_up_after_a_number_of_tries(tmp_path: Path) -> None:
    """It may be on its way to be replaced."""
    notes, tries = _after(tmp_path, BrokerError("does not match what was stored"), counted=0)
    assert (notes or "").endswith("does not match what was stored")
    assert tries == module.ATTEMPTS


def test_an_object_that_is_no_picture_is_given_up_at_once(tmp_path: Path) -> None:
    """Trying again does not make it one."""
    notes, tries = _after(tmp_path, b"%PDF-1.7", counted=0)
    assert notes == "images[0] (shots/1.png) not kept: is not a PNG, JPEG, WebP, GIF, BMP or TIFF picture"
    assert tries == 1
    refused = PictureRefused("has 9,000,000 bytes, ANDON_PICTURE_MAX_BYTES allows 4,194,304")
    (tmp_path / "x").mkdir()
    assert _after(tmp_path / "x", refused, counted=0)[1] == 1


def test_while_the_broker_is_away_no_try_counts(tmp_path: Path) -> None:
    """However long it takes."""
    away = [BrokerUnavailable("away")] * (2 * module.ATTEMPTS)
    assert _after(tmp_path, *away, PNG, counted=1) == (None, 2 * module.ATTEMPTS + 1)


def test_a_stop_in_the_middle_of_a_fetch_leaves_it_pending(tmp_path: Path) -> None:
    """The next start goes on."""
    path = tmp_path / "agent.db"

    async def work() -> None:
        async with opened_store(path) as store:
            await _one_reference(store)
            objects = Objects(PNG)
            objects.hold = asyncio.Event()
            async with fetching(store, objects):
                await until(lambda: objects.asked, "the fetch")
            assert query(path, "SELECT attempts FROM picture_fetches") == [(0,)]
            async with fetching(store, Objects(PNG)):
                await until(lambda: query(path, "SELECT 1 FROM log_pictures"), "the picture")

    run(work())


class Shelf:
    """Pictures as a test wants them."""

    def __init__(self, *found: Picture, awaited: int = 0, broken: bool = False) -> None:
        self.found, self.waiting, self.broken = list(found), awaited, broken
        self.looked = 0

    async def read(self, question: Any, log_ids: Any, *limit: int) -> Any:
        """Those there are; of those awaited fewer each time."""
        if question is pictures.awaited:
            self.looked += 1
            self.waiting = max(0, self.waiting - 1)
            return self.waiting
        assert question is pictures.of_logs
        if self.broken:
            raise StoreUnavailable("the database is away")
        return self.found[: limit[0]]


def _asked(
    shelf: Shelf, shrink: Any = lambda one: one, context: str | None = '{"images": ["…"]}', **o: Any
) -> Question:
    async def work() -> Question:
        shown = QuestionPictures(shelf, shrink, **o)  # type: ignore[arg-type]
        try:
            return await shown.attach(question(stored_log(context=context)))
        finally:
            await shown.close()
            await shown.close()

    return asyncio.run(work())


def _pictures(count: int) -> list[Picture]:
    return [Picture(n, str(n), "image/png", 40, 30, 9, b"x") for n in range(count)]


def test_a_question_carries_two_pictures_at_most() -> None:
    """The first two."""
    assert [one.id for one in _asked(Shelf(*_pictures(5))).pictures] == [0, 1]


def test_a_log_without_images_costs_no_look_into_the_store() -> None:
    """Most problems have none."""
    shelf = Shelf(broken=True)
    assert _asked(shelf, context='{"a": 1}').pictures == []
    assert shelf.looked == 0


def test_a_question_waits_a_moment_for_pictures_that_are_being_fetched() -> None:
    """And no longer."""
    shelf = Shelf(*_pictures(1), awaited=3)
    assert len(_asked(shelf).pictures) == 1
    assert shelf.looked == 3
    stuck = Shelf(*_pictures(1), awaited=10**9)
    assert len(_asked(stuck, patience=0.3).pictures) == 1
    assert stuck.looked == 3


def test_a_picture_that_cannot_be_shown_is_left_out() -> None:
    """The question is asked all the same; so it is when the store is away."""

    def shrink(one: Picture) -> Picture:
        if one.id == 0:
            raise PictureRefused("cannot be decoded")
        return one

    assert [one.id for one in _asked(Shelf(*_pictures(2)), shrink).pictures] == [1]
    assert _asked(Shelf(broken=True)).pictures == []

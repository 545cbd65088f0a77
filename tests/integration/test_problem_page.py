"""The page of a problem over HTTP, in the states in which it is seldom met, and for those who may only look."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request

from andon.app.background.changes import Changes
from andon.app.web.page.backend import Backend
from andon.app.web.page.screens import problem_view
from andon.app.web.page.screens.problem import Reading
from andon.app.web.people import Person, Role
from andon.core.models import Explanation, Rung, Standing
from andon.explain import placing
from andon.store import Store, problems, queue
from support.api import Client, served
from support.settings import settings_of
from support.store_data import NOW, a_log, opened


def made(path: Path, work: Callable[[Store], Awaitable[None]]) -> Path:
    """A database that ``work`` filled."""

    async def whole() -> None:
        async with opened(path) as store:
            await work(store)

    asyncio.run(whole())
    return path


def answer(*checks: str, rung: Rung = Rung.PLAYBOOK, enough: bool = True, **more: object) -> Explanation:
    """An answer with these checks, which rests on record 1 and on one that is gone."""
    finding = {"summary": "The supply fell.", "probable_cause": "A short.", "checks": list(checks), "confidence": "low"}
    finding |= {"evidence": [1, 99], "enough_evidence": enough}
    return Explanation(rung=rung, text=" ".join(checks), finding=finding, **more)  # type: ignore[arg-type]


async def answered(store: Store, explanation: Explanation, *, second: Explanation | bool = False) -> None:
    """The next question of the queue gets this answer."""
    job = await store.write(queue.claim, "me", 60, NOW)
    assert job is not None
    await store.write(queue.finish, job, explanation, NOW, second=second)


def text_of(path: Path, address: str = "/problems/1") -> str:
    """What the page says there."""
    with served(path, page=True) as port:
        client = Client(port)
        try:
            found = client(address)
            assert found.status == 200, found.body[:300]
            return found.body.decode()
        finally:
            client.close()


def test_before_there_is_an_answer(tmp_path: Path) -> None:
    """Being explained, its place in line, and the records meanwhile."""

    async def work(store: Store) -> None:
        await store.record([a_log(1)], [])

    page = text_of(made(tmp_path / "a.db", work))
    assert "Being explained …" in page
    assert "The answer is next in line." in page
    assert "Newest records" in page
    assert "fault 1 of p1" in page
    assert '&amp;answer="' in page  # what arrives comes at once: nothing is being read


def test_an_answer_for_now_says_that_a_fuller_one_follows(tmp_path: Path) -> None:
    """And why it is not there yet."""

    async def work(store: Store) -> None:
        await store.record([a_log(1)], [])
        job = await store.write(queue.claim, "me", 60, NOW)
        assert job is not None
        await store.write(queue.postpone, job, "Ollama is away", NOW + 9e8, answer("look at F4"))

    page = text_of(made(tmp_path / "a.db", work))
    assert "Built-in rules, for now. A fuller answer follows." in page
    assert "Ollama is away" in page
    assert "look at F4" in page


def test_where_the_records_are_gone(tmp_path: Path) -> None:
    """Retention deleted them: figures and answer stay, and it is said."""

    async def work(store: Store) -> None:
        await store.record([a_log(1)], [])
        await answered(store, answer("look at F4"))

    path = made(tmp_path / "a.db", work)
    with sqlite3.connect(path) as sql:
        sql.execute("DELETE FROM logs")
    page = text_of(path)
    assert "Its records are no longer stored" in page
    assert "look at F4" in page
    assert "Once in total" in page or "once in total" in page


def test_a_cited_record_that_is_gone_is_told(tmp_path: Path) -> None:
    """Each that is listed was looked up."""

    async def work(store: Store) -> None:
        await store.record([a_log(1)], [])
        await answered(store, answer("look at F4", enough=False))

    page = text_of(made(tmp_path / "a.db", work))
    assert "1 record, checked to exist" in page
    assert "1 more cited record is no longer stored" in page
    assert "Not enough evidence for an answer." in page
    assert "what plc-01 logged in the ten minutes before and after" in page


def test_a_refused_answer_and_a_second_opinion_say_what_they_are(tmp_path: Path) -> None:
    """The refused one in the history, without its words; the opinion with what it is worth."""

    async def work(store: Store) -> None:
        await store.record([a_log(1)], [])
        job = await store.write(queue.claim, "me", 60, NOW)
        assert job is not None
        bad = answer("bridge the guard", rung=Rung.MODEL, provider="OLLAMA", model="m")
        await store.write(queue.keep_refused, job, bad, "the advice is forbidden")
        below = placing.second_opinion(
            answer("see the fan", rung=Rung.MODEL, provider="OLLAMA", model="m"), Standing.ADVISORY
        )
        await store.write(queue.finish, job, answer("look at F4"), NOW, second=below)

    path = made(tmp_path / "a.db", work)
    page = text_of(path)
    assert "Not shown, because it breaks the rules for answers: the advice is forbidden" in page
    assert "bridge the guard" not in page
    second = text_of(path, "/problems/1/second")
    assert "Second opinion of OLLAMA m" in second.replace("\n", " ")
    assert "This model has not proved itself here yet: treat this as a hint." in second
    assert "see the fan" in second


def test_text_without_a_finding_is_shown_as_it_stands(tmp_path: Path) -> None:
    """Escaped, with its lines, and nothing to tick."""

    async def work(store: Store) -> None:
        await store.record([a_log(1)], [])
        await answered(store, Explanation(rung=Rung.REFERENCE, text="<b>Check</b> the cable\nthen the drive"))

    page = text_of(made(tmp_path / "a.db", work))
    assert "&lt;b&gt;Check&lt;/b&gt; the cable\nthen the drive" in page
    assert "An earlier answer" in page
    assert 'role="checkbox"' not in page


def test_times_that_are_none_are_shown_as_they_stand(tmp_path: Path) -> None:
    """A database that was taken over may hold any text there."""

    async def work(store: Store) -> None:
        await store.record([a_log(1)], [])
        await answered(store, answer("look at F4"))

    path = made(tmp_path / "a.db", work)
    with sqlite3.connect(path) as sql:
        sql.execute("UPDATE logs SET timestamp = 'last <Tuesday>'")
        sql.execute("UPDATE patterns SET first_seen = '', last_seen = 'last Tuesday'")
    page = text_of(path)
    assert "last &lt;Tuesday&gt;" in page
    assert "look at F4" in page
    assert "last &lt;Tuesday&gt;" in text_of(path, "/problems/1/records/1")
    assert "Nothing stands out" in text_of(path, "/problems/1/different")


def test_addresses_that_are_not_there_or_somewhere_else(tmp_path: Path) -> None:
    """A sentence; a merged one leads to what it is part of, relative to any prefix."""

    async def work(store: Store) -> None:
        await store.record([a_log(1), a_log(2, "p2")], [])
        await store.write(problems.merge, 2, 1)

    with served(made(tmp_path / "a.db", work), page=True) as port:
        client = Client(port)
        try:
            for missing in ("99", "0", "-1", str(2**70)):
                found = client(f"/problems/{missing}")
                assert found.status == 404
                assert f"There is no problem {missing}." in found.body.decode()
            found = client("/problems/2")
            assert (found.status, found.headers["location"]) == (302, "1")
            assert client("/problems/1/records/77").status == 404
            assert "Nothing stands out" in client("/problems/1/different").body.decode()
            assert "No other problem is similar to this one." in client("/problems/1/similar").body.decode()
        finally:
            client.close()


def test_the_first_answer_comes_at_once_a_later_one_is_told(tmp_path: Path) -> None:
    """Where nothing is read yet nothing can be torn away."""

    async def work(store: Store) -> None:
        await store.record([a_log(1)], [])
        backend = Backend(settings_of(), store.ask, store.write, Changes())
        reading = Reading(asked(Role.ADMIN), backend, 1, "")
        assert not {"answer", "steps", "help"} & set(await reading.render())
        await answered(store, answer("look at F4"))
        first = await reading.render()
        assert "look at F4" in first["answer"]
        assert "A new answer" not in first["arrived"]
        assert "look at F4" in (await reading.render())["steps"]
        await store.write(problems.reanalyze, 1)
        assert "A new answer is next in line." in (await reading.render())["waiting"]
        await answered(store, answer("look at F9"))
        later = await reading.render()
        assert "A new answer has arrived" in later["arrived"]
        assert not {"answer", "steps", "progress", "help"} & set(later)

    made(tmp_path / "a.db", work)


def asked(role: Role) -> Request:
    """A request of somebody with this role."""
    scope = {"type": "http", "path": "/problems/1", "root_path": "", "query_string": b"", "headers": []}
    return Request({**scope, "state": {"person": Person("Ada", role)}})


def test_who_may_only_look_has_nothing_to_press(tmp_path: Path) -> None:
    """No buttons that would answer 403; an operator has no merging."""

    async def work(store: Store) -> None:
        await store.record([a_log(1), a_log(2, "p2")], [])
        await answered(store, answer("look at F4"))
        backend = Backend(settings_of(), store.ask, store.write, Changes())
        for role, words in ((Role.VIEWER, ()), (Role.OPERATOR, ("This fixed it", "Helpful", "Ask again", "Add note"))):
            request = asked(role)
            view = await problem_view.look(request, backend, 1)
            page = "".join(problem_view.part(request, view, name) for name in ("head", "answer", "notes"))
            assert "look at F4" in page
            for word in ("This fixed it", "Helpful", "Ask again", "Add note", "Wrong", "hx-post"):
                assert (word in page) is (role > Role.VIEWER), word
            assert "Merge" not in page
            assert all(word in page for word in words)

    made(tmp_path / "a.db", work)

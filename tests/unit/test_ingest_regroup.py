"""After an upgrade: what a database from before knows is found again by the first log of each old problem."""

from __future__ import annotations

import asyncio
import functools
import json
import re
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.core.errors import StoreUnavailable
from andon.core.models import Decoded, Delivery, Fingerprint, LogRecord
from andon.core.settings.database_url import Database
from andon.core.telemetry import Health
from andon.grouping import fingerprint
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest import regroup as regrouping
from andon.ingest.decode import Decoder
from andon.ingest.regroup import as_before, of_template, regroup
from andon.insight import problem
from andon.store import Store, problems, queue
from andon.store.rules.retention import KeepPolicy, KeepRule
from andon.testing import ScriptedAnalyst
from support import before
from support.pipeline import Pipeline, pipeline, until
from support.store_data import NOW, a_log, an_answer, opened, query

pytest_plugins = ["support.databases"]

_CODES = re.compile(r"-0x\w+|W#16#\w+|\b\d{4}h|[+-]24V|failed: -\d+|\bC153A\d|\b0x0F20\w+")
_LETTERS = {ord(str(digit)): letter for digit, letter in enumerate("ghijklmnop")} | {ord("+"): "plus", ord("-"): "less"}
_SCRIPT = re.compile("(?<=[\u3040-\u9fff])[0-9]+|[0-9]+(?=[\u3040-\u9fff])")


class Next(Fingerprinter):
    """A version to come: it knows more codes, reads text without blanks, and takes no id of a message for a code."""

    def __call__(self, message: str, service: str, context: Mapping[str, Any] | None) -> Fingerprint:
        text = _CODES.sub(lambda found: f" code{found[0].translate(_LETTERS)} ", _SCRIPT.sub(" 0 ", message))
        left = {name: one for name, one in (context or {}).items() if name not in ("msg_id", "event", "signal")}
        return super().__call__(text, service, left)


@pytest.fixture(params=["this version", "a version to come"])
def grouper(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Fingerprinter]:
    """Makes fingerprinters of a version that is newer than the file."""
    if request.param == "this version":
        return Fingerprinter
    monkeypatch.setattr(fingerprint, "VERSION", str(int(fingerprint.VERSION) + 1))
    return Next


@asynccontextmanager
async def upgraded(
    place: Path, grouper: Callable[[], Fingerprinter], model: ScriptedAnalyst | None = None
) -> AsyncIterator[Pipeline]:
    """A pipeline over the file in ``place`` that fingerprints as ``grouper`` does."""
    async with pipeline(place, model) as p:
        p.recorder.decode = p.desk.decode = Decoder(grouper())
        p.recorder.renew = functools.partial(regroup, p.store, Decoder(grouper()), p.health)
        yield p


_KNOWN = """
SELECT l.id, l.message, COALESCE(p.merged_into, p.id), a.text
FROM logs AS l JOIN patterns AS p ON p.id = l.pattern_id JOIN patterns AS m ON m.id = COALESCE(p.merged_into, p.id)
LEFT JOIN analyses AS a ON a.id = m.analysis_id ORDER BY l.id
"""
_FIXES = """
SELECT COALESCE(p.merged_into, p.id), r.fix, r.cause, r.author FROM resolutions AS r JOIN patterns AS p
ON p.id = r.pattern_id WHERE r.revoked_at IS NULL
"""
_OPEN = "SELECT pattern_id FROM analyses WHERE finished_at IS NULL"
_ALARMS = (
    "SELECT id, place, text, state, active_since, acked_by, ack_note, shelved_by, shelved_until FROM alarms"
    " WHERE state = 'active' ORDER BY id"
)
_KEPT = (
    "SELECT * FROM shift_notes",
    "SELECT * FROM audit",
    "SELECT child_id, parent_id, position, words FROM merges WHERE position <> 0 OR words <> '[]'",
    "SELECT id, pattern_id FROM logs WHERE id <= 201",
    "SELECT count(*) FROM kept_apart",
    "SELECT id, fix, revoked_at FROM resolutions WHERE revoked_at IS NOT NULL",
)
_RESULT = (
    "SELECT id, fingerprint, template, count, merged_into, analysis_id FROM patterns",
    "SELECT id, pattern_id, fix FROM resolutions",
    "SELECT child_id, parent_id FROM merges",
    "SELECT id, pattern_id, text FROM analyses",
    "SELECT * FROM counters",
)


def plain(fix: str) -> str:
    """A fix without the mark."""
    return fix.removesuffix(" (from before the split)")


def fixes(rows: list[Any]) -> dict[int, set[tuple[str, str, str]]]:
    """The fixes of each problem, marked or not."""
    found: dict[int, set[tuple[str, str, str]]] = {}
    for root, fix, cause, author in rows:
        found.setdefault(root, set()).add((plain(fix), cause, author))
    return found


def held(path: Path, sql: str) -> list[Any]:
    """Rows of the file."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


async def send(p: Pipeline, sent: list[dict[str, Any]]) -> None:
    """Publish logs and wait until they are stored."""
    held = p.sql("SELECT count(*) FROM logs")[0][0]
    p.publish(*sent)
    await until(lambda: p.sql("SELECT count(*) FROM logs") == [(held + len(sent),)], "logs")


async def test_every_old_problem_is_found_by_its_next_log(tmp_path: Path, grouper: Callable[[], Fingerprinter]) -> None:
    """With its fixes and its explanation: no new pattern, no question but those that waited already."""
    path = before.restore(tmp_path)
    known, old_fixes = held(path, _KNOWN), fixes(held(path, _FIXES))
    waiting = held(path, _OPEN)
    model = ScriptedAnalyst()
    async with upgraded(tmp_path, grouper, model) as p:
        await regroup(p.store, Decoder(grouper()), p.health)
        patterns = p.sql("SELECT count(*) FROM patterns")
        p.start("recorder")
        await send(p, before.logs())
        assert p.sql("SELECT count(*) FROM patterns") == patterns
        assert len(p.sql(_OPEN)) <= len(waiting)
        p.start("analyzer")
        await until(lambda: not p.sql(_OPEN), "answers")
        assert len(model.questions) <= len(waiting)
        new_fixes = fixes(p.sql(_FIXES))
        old = {message: (root, text) for _, message, root, text in known}
        texts = {text for _, _, _, text in known}
        asked = {f"Scripted explanation of: {question.template}" for question in model.questions}
        for _, message, root, text in p.sql(_KNOWN):
            old_root, old_text = old[message]
            assert old_fixes.get(old_root, set()) <= new_fixes.get(root, set()), message
            if old_root in old_fixes:
                assert text.startswith("Confirmed fix: ")
            else:
                assert text in (texts if old_text else asked), message


async def test_what_people_did_stays(tmp_path: Path, grouper: Callable[[], Fingerprinter]) -> None:
    """Merged is merged, separated is separated, notes and counts are what they were."""
    path = before.restore(tmp_path)
    held_before = {sql: held(path, sql) for sql in _KEPT}
    together = held(path, "SELECT id, COALESCE(merged_into, id) FROM patterns")
    apart = {message: root for _, message, root, _ in held(path, _KNOWN) if message.startswith("Recipe ")}
    async with upgraded(tmp_path, grouper) as p:
        p.start("recorder")
        await send(p, before.logs()[:1])
        assert {sql: held(path, sql) for sql in _KEPT} == held_before
        roots = dict(p.sql("SELECT id, COALESCE(merged_into, id) FROM patterns"))
        assert all(roots[id_] == roots[root] for id_, root in together)
        now = {message: root for _, message, root, _ in p.sql(_KNOWN) if message.startswith("Recipe ")}
        assert len(set(now.values())) == len(set(apart.values()))
        # the one that was taken out by hand stays out, whatever comes
        await send(p, [before.a_log(f"Recipe {one} could not be found on the batch server", "batch", {}, 9)
                       for one in ("bock", "marzen", "porter", "weizen")])  # fmt: skip
        now = {message: root for _, message, root, _ in p.sql(_KNOWN) if message.startswith("Recipe ")}
        porter = now.pop("Recipe porter could not be found on the batch server")
        assert porter not in now.values()


async def test_open_alarms_stay_open_until_their_end_comes(
    tmp_path: Path, grouper: Callable[[], Fingerprinter]
) -> None:
    """Also where their problem split or joined another: the log of their end finds them."""
    path = before.restore(tmp_path)
    active = held(path, _ALARMS)
    assert len(active) == 8
    async with upgraded(tmp_path, grouper) as p:
        await regroup(p.store, Decoder(grouper()), p.health)
        assert p.sql(_ALARMS) == active
        p.start("recorder")
        await send(p, before.alarm_logs("cleared", 700))
        await p.store.index(1000)
        assert p.sql(_ALARMS) == []
        assert p.sql("SELECT count(*) FROM alarms WHERE stated") == held(path, "SELECT 9")


async def test_where_one_splits_each_part_has_the_fix_with_a_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The part that keeps the number too; what is shown says so, and what did not split has no mark."""
    path = before.restore(tmp_path)
    monkeypatch.setattr(fingerprint, "VERSION", "99")
    async with upgraded(tmp_path, Next) as p:
        await regroup(p.store, Decoder(Next()), p.health)
        # a part that has not come again yet tells all of it too
        quiet = max(p.sql("SELECT id FROM patterns WHERE count = 0"))[0]
        found = await p.store.read(problem.gather, quiet, [], ZoneInfo("UTC"))
        assert found.explanation is not None
        p.start("recorder")
        await send(p, before.logs())
        rows = {message: (root, text) for _, message, root, text in p.sql(_KNOWN) if message.startswith("mbedtls")}
        assert len({root for root, _ in rows.values()}) == 3
        for _, text in rows.values():
            assert text == (
                "Confirmed fix: Renewed the certificate of the broker (from before the split)\n"
                "Cause: worn out\n(Confirmed by J. Smith on 2026-03-01.)"
            )
        [(belt,)] = held(path, "SELECT fix FROM resolutions WHERE fix LIKE 'Tightened%'")
        assert belt == "Tightened the belt"
        # a fix of a part is taken back like any other
        part = max(root for root, _ in rows.values())
        await p.store.write(problems.revoke, part, None, 1772500000.0)
        texts = [text for _, _, root, text in p.sql(_KNOWN) if root == part]
        assert not any("certificate" in (text or "") for text in texts)


async def test_killed_in_the_middle_of_the_fingerprints_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every step is whole or not there: the result is that of one go, and the health says why no log is taken."""
    monkeypatch.setattr(fingerprint, "VERSION", "99")
    monkeypatch.setattr(regrouping, "_STEP", 7)
    results = []
    for breaks in (False, True):
        place = tmp_path / str(breaks)
        place.mkdir()
        before.restore(place)
        async with upgraded(place, Next) as p:
            for number in range(6 if breaks else 0):
                with pytest.raises(StoreUnavailable):
                    await regroup(_Failing(p.store, number % 3), Decoder(Next()), p.health)  # type: ignore[arg-type]
                said = "earlier version" if number % 3 == 0 else "logs wait in the stream"
                assert said in p.health.problems["grouping"]
            await regroup(p.store, Decoder(Next()), p.health)
            assert "grouping" not in p.health.problems
            results.append([p.sql(sql) for sql in (*_KEPT, *_RESULT)])
    assert results[0] == results[1]


class _Failing:
    """A store that is gone after some steps, the last of which was rolled back."""

    def __init__(self, store: Store, steps: int) -> None:
        self._store, self._left = store, steps

    async def write(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """One transaction more, or one that fails behind its work."""
        self._left -= 1

        def failing(connection: Any) -> None:
            work(connection, *arguments)
            raise StoreUnavailable("killed")

        return await self._store.write(*((work, *arguments) if self._left >= 0 else (failing,)))


async def test_two_processes_share_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one has done the other does not do again, and both know when it is over."""
    monkeypatch.setattr(fingerprint, "VERSION", "99")
    monkeypatch.setattr(regrouping, "_STEP", 5)
    before.restore(tmp_path)
    async with upgraded(tmp_path, Next) as p, upgraded(tmp_path, Next) as q:
        await asyncio.gather(regroup(p.store, Decoder(Next()), p.health), regroup(q.store, Decoder(Next()), q.health))
        done = await p.store.read(problems.regrouped_so_far)
        assert done.renewed + done.joined + done.lost == done.total == 58
        before_again = p.sql("SELECT * FROM patterns")
        await regroup(p.store, Decoder(Next()), p.health)
        assert p.sql("SELECT * FROM patterns") == before_again


class Table:
    """Names problems as a table says: message → key."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = keys

    def __call__(self, message: str, service: str, context: Mapping[str, Any] | None) -> Fingerprint:
        return Fingerprint(self._keys.get(message, "?"), f"what is {self._keys.get(message)}")


def recorded(texts: Iterable[str], keys: Mapping[str, str], first: int) -> list[LogRecord]:
    """A log of each text under the key that the table has for it."""
    return [
        a_log(number, keys[text], message=text, template=f"what was {keys[text]}")
        for number, text in enumerate(texts, first)
    ]


_TEXTS = [f"text {one}" for one in "abcdefgh"]
_grouped = st.lists(st.integers(0, 5), min_size=len(_TEXTS), max_size=len(_TEXTS))
_some = st.sets(st.sampled_from(_TEXTS), max_size=4)


@settings(max_examples=12, deadline=None)
@given(
    old=_grouped, new=_grouped, fixed=_some, explained=_some, merged=st.lists(st.tuples(*[st.sampled_from(_TEXTS)] * 2))
)
def test_however_problems_change_nothing_that_is_known_of_them_is_lost(
    old: list[int], new: list[int], fixed: set[str], explained: set[str], merged: list[tuple[str, str]]
) -> None:
    """Each text leads to a problem that has all fixes and an explanation, where the text's old problem had them.

    One that is explained no more is part of a problem that waited for its own explanation already; no other asks.
    """
    before_keys = {text: f"old {key}" for text, key in zip(_TEXTS, old, strict=True)}
    after_keys = {text: f"new {key}" for text, key in zip(_TEXTS, new, strict=True)}

    def known(path: Path) -> dict[str, tuple[int, set[Any], bool]]:
        standing = fixes(held(path, _FIXES))
        return {text: (root, standing.get(root, set()), bool(shown)) for _, text, root, shown in held(path, _KNOWN)}

    async def work(path: Path) -> None:
        async with opened(path) as store:
            await store.record(recorded(_TEXTS, before_keys, 1), [])
            ids = dict(held(path, "SELECT message, pattern_id FROM logs"))
            for one, other in merged:
                if ids[one] != ids[other]:
                    await store.write(problems.merge, ids[one], ids[other])
            while (job := await store.write(queue.claim, "test", 60.0, NOW)) is not None:
                if {message for message, id_ in ids.items() if id_ == job.pattern_id} & explained:
                    await store.write(queue.finish, job, an_answer(), NOW)
            for text in sorted(fixed):
                await store.write(problems.resolve, ids[text], f"fix of {text}", None, None, NOW)
            then, waiting = known(path), {root for (root,) in held(path, _OPEN)}
            await regroup(store, Decoder(Table(after_keys)), Health())  # type: ignore[arg-type]
            done = await store.record(recorded(_TEXTS, after_keys, 101), [])
            assert done.new_patterns == 0
            now = known(path)
            for text in _TEXTS:
                assert then[text][1] <= now[text][1]
                assert now[text][2] or not then[text][2] or now[text][0] in waiting

    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(fingerprint, "VERSION", "99")
        asyncio.run(work(Path(place) / "agent.db"))


async def tables(
    path: Database, before_keys: Mapping[str, str], after_keys: Mapping[str, str], *more: Any
) -> list[Any]:
    """Patterns after an upgrade from one table to another: id, fingerprint, template, root. ``more`` is done before."""
    async with opened(path) as store:
        await store.record(recorded(before_keys, before_keys, 1), [])
        for work, *arguments in more:
            await store.write(work, *arguments)
        await regroup(store, Decoder(Table(after_keys)), Health())  # type: ignore[arg-type]
    return query(path, "SELECT id, fingerprint, template, COALESCE(merged_into, id) FROM patterns ORDER BY id")


async def test_both_databases_are_brought_along(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """One pattern in place, one joined to the older, one split, with its fix and its open alarm."""
    monkeypatch.setattr(fingerprint, "VERSION", "99")
    old = {"a": "A", "b": "B", "c": "C", "c1": "C", "c2": "C"}
    new = {"a": "x", "b": "x", "c": "y", "c1": "z", "c2": "y"}
    found = await tables(database, old, new, (problems.resolve, 3, "tighten it", None, None, NOW))
    assert found == [
        (1, "x", "what is x", 1),
        (2, "B", "what is x", 1),
        (3, "y", "what is y", 3),
        (4, "z", "what is z", 4),
    ]
    assert query(database, "SELECT pattern_id, fix FROM resolutions ORDER BY id") == [
        (3, "tighten it (from before the split)"),
        (4, "tighten it (from before the split)"),
    ]
    assert query(database, "SELECT pattern_id, hostname, count FROM pattern_hosts WHERE pattern_id = 4") == [
        (4, "plc-01", 0)
    ]


async def test_a_rare_part_of_a_problem_with_a_fix_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what has a fix, or splits at first glance, many more logs are looked at than of the others."""
    monkeypatch.setattr(fingerprint, "VERSION", "99")
    texts = [f"log {number:02d}" for number in range(60)]
    old = dict.fromkeys(texts, "A")
    rare = {**dict.fromkeys(texts, "x"), "log 30": "y"}
    fix = (problems.resolve, 1, "tighten it", None, None, NOW)
    assert [key for _, key, *_ in await tables(tmp_path / "fixed.db", old, rare, fix)] == ["x", "y"]
    assert [key for _, key, *_ in await tables(tmp_path / "plain.db", old, rare)] == ["x"]
    split = {**rare, "log 01": "z"}
    assert {key for _, key, *_ in await tables(tmp_path / "split.db", old, split)} == {"x", "y", "z"}


async def test_a_rule_of_retention_holds_for_the_parts_of_the_problem_that_it_names(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was silenced stays silent, and what was to be kept is kept; other problems are as they were."""
    monkeypatch.setattr(fingerprint, "VERSION", "99")
    old, new = {"a": "A", "c": "C", "c1": "C"}, {"a": "x", "c": "y", "c1": "z"}
    assert [root for *_, root in await tables(database, old, new)] == [1, 2, 3]
    store = await Store.open(database, keeping=KeepPolicy((KeepRule("quiet", "none", pattern=2),)))
    try:
        done = await store.record(recorded(new, new, 20), [])
    finally:
        await store.close()
    assert done.left_out == {1, 2}


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
async def test_of_several_fixes_that_meet_the_newest_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: tuple[int, int]
) -> None:
    """Whichever of the problems had it; all are kept."""
    monkeypatch.setattr(fingerprint, "VERSION", "99")
    path = tmp_path / "agent.db"
    made = [(problems.resolve, id_, f"fix {n}", None, None, NOW + n) for n, id_ in enumerate(order)]
    await tables(path, {"a": "A", "b": "B"}, {"a": "x", "b": "x"}, *made)
    shown = "SELECT a.text LIKE 'Confirmed fix: fix 1%' FROM patterns AS p JOIN analyses AS a ON a.id = p.analysis_id"
    assert query(path, f"{shown} WHERE p.merged_into IS NULL") == [(1,)]
    assert query(path, "SELECT count(*) FROM resolutions WHERE revoked_at IS NULL") == [(2,)]


async def test_what_a_person_separated_is_not_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where both have one fingerprint now, nor, under the new fingerprints, by what is learned later."""
    monkeypatch.setattr(fingerprint, "VERSION", "99")
    apart = ((problems.merge, 2, 1), (problems.split, 2))
    one = await tables(tmp_path / "one.db", {"a": "A", "b": "B"}, {"a": "x", "b": "x"}, *apart)
    assert [root for *_, root in one] == [1, 2]
    path = tmp_path / "two.db"
    two = await tables(path, {"a": "A", "b": "B", "b1": "B"}, {"a": "x", "b": "y", "b1": "z"}, *apart)
    assert [root for *_, root in two] == [1, 2, 3]
    pairs = {tuple(sorted(("x", key))) for _, key, *_ in two[1:]}
    assert set(query(path, "SELECT one, other FROM kept_apart")) == pairs


@pytest.mark.parametrize(
    ("message", "service", "context"),
    [
        ("Drive fault F30005 on axis 2", "drive", None),
        ("Tank 7 is empty, 3 l left", "tank 7", None),
        ("stop 17", "press 4", {"alarm_code": "A7.1", "error_code": 12}),
        ("17", "counter", None),
    ],
)
async def test_a_problem_without_a_stored_log_is_told_by_its_template(
    message: str, service: str, context: dict[str, Any] | None
) -> None:
    """Its holes, its service and its codes lead to the fingerprint that its logs have."""
    found = Fingerprinter()(message, service, context)
    again = of_template(Decoder(Fingerprinter()), found.template)
    assert again is not None
    assert (again.fingerprint, again.template) == (found.key, found.template)


async def test_a_problem_of_which_nothing_is_known_any_more_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its logs are deleted and its template was cut off; it is counted, and its fix is still there."""
    monkeypatch.setattr(fingerprint, "VERSION", "99")
    path = tmp_path / "agent.db"
    async with opened(path) as store:
        await store.record([a_log(1, "A", template="what was " * 40 + "…")], [])
        await store.write(problems.resolve, 1, "tighten it", None, None, NOW)
        query_all = "DELETE FROM logs"
        await store.write(lambda connection: connection.exec_driver_sql(query_all))
        await regroup(store, Decoder(Table({})), Health())  # type: ignore[arg-type]
        assert (await store.read(problems.regrouped_so_far)).lost == 1
        assert (await store.read(problems.fixes_of, 1))[0].fix == "tighten it"


class Everything(Decoder):
    """A decoder that takes every top-level field for a part of the context, as later versions do."""

    def __call__(self, delivery: Delivery) -> Decoded:
        """The logs of a delivery."""
        message = json.loads(delivery.data)
        names = ("timestamp", "hostname", "severity", "service", "message", "context")
        more = {name: value for name, value in message.items() if name not in names}
        whole = {name: message[name] for name in names if name in message}
        whole["context"] = {**(message.get("context") or {}), **more}
        return super().__call__(msgspec.structs.replace(delivery, data=json.dumps(whole).encode()))


async def test_what_the_first_version_did_not_read_is_learned_at_first_sight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It kept no fields beside its own; the first log that has some inherits the fix of its text, asking no model."""
    path = tmp_path / "agent.db"
    told = {"severity": "ERROR", "service": "cnc", "message": "Axis drive reports a fault again", "hostname": "m1"}
    async with pipeline(tmp_path) as p:
        p.start("recorder")
        await send(p, [told])
        await p.store.write(problems.resolve, 1, "Replaced the encoder", None, None, NOW)
    monkeypatch.setattr(fingerprint, "VERSION", "99")
    async with pipeline(tmp_path) as p:
        p.recorder.decode = Everything(Fingerprinter())
        p.recorder.renew = functools.partial(regroup, p.store, Everything(Fingerprinter()), p.health)
        p.start("recorder")
        await send(
            p, [{**told, "alarm_code": 1205}, {**told, "alarm_code": 1206}, {**told, "message": "Oven cold", "n": 1}]
        )
        assert held(path, "SELECT pattern_id, fix FROM resolutions ORDER BY id") == [
            (1, "Replaced the encoder"),
            (2, "Replaced the encoder (from before the split)"),
            (3, "Replaced the encoder (from before the split)"),
        ]
        assert {root for _, _, root, text in held(path, _KNOWN) if text is None} == {4}
        assert held(path, _OPEN) == [(4,)]
        # what this version has seen without the field hands nothing down
        await send(p, [{**told, "message": "Oven cold", "alarm_code": 7}])
        assert held(path, _OPEN) == [(4,), (5,)]


def test_as_the_first_version_read_a_message() -> None:
    """With no other field, or no text, there is nothing that it may have read differently."""

    def read(message: dict[str, Any]) -> Any:
        found = as_before(Delivery(json.dumps(message).encode(), "s", "S", 1, 0, ""))
        return None if found is None else json.loads(found.data)

    assert read({"message": "a", "Service": "b", "code": 7}) == {"message": "a", "Service": "b"}
    for nothing in (
        {"message": "a", "service": "b"},
        {"message": "", "code": 7},
        {"msg": "a", "code": 7},
        {"message": 7, "code": 7},
    ):
        assert read(nothing) is None
    assert as_before(Delivery(b"[1]", "s", "S", 1, 0, "")) is None
    assert as_before(Delivery(b"\xff", "s", "S", 1, 0, "")) is None

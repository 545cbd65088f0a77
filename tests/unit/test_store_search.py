"""Search by words and fields, indexed or not yet, and the counts behind comparisons; on a real file."""

from __future__ import annotations

import asyncio
import fnmatch
import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.models import LogQuery
from andon.core.models.history import Comparison, FieldCounts
from andon.core.settings.database_url import Database
from andon.insight.differences.lift import differences
from andon.store import Visitor, search
from andon.store.engine.database import writer_engine
from andon.store.schema.dialect import run
from andon.store.search.facets import VALUES_MAX, context_fields
from andon.store.search.words import Wanted, fold
from support.store_data import Clock, a_log, opened, query

pytest_plugins = ["support.databases"]

MESSAGES = {
    1: "ORA-00600: internal error code, arguments: [kdsgrp1]",
    2: "Störung an Achse 3: Überstrom",
    3: "connection to 10.0.0.5:502 refused",
    4: "Temperature HIGH in zone_7 (98 %)",
    5: "温度过高 报警 42",
    6: 'he said "stop" AND left NEAR(gate) -- *',
    7: "Temperatures were normal",
    8: "5 m² of ﬁlter cloth",
}


def store(path: Database, rows: dict[int, Any], *, indexed: bool = True, **fields: Any) -> None:
    async def work() -> None:
        clock = Clock()
        async with opened(path, clock=clock) as store:
            await store.record(
                [a_log(n, message=m, **fields) if isinstance(m, str) else a_log(n, **m) for n, m in rows.items()], []
            )
            clock.now += 60  # where several may record, a log is indexed once it has settled
            step = max(3, len(rows) // 20)  # several, whose ends fall anywhere
            while indexed and (await store.index(step))[1]:
                pass

    asyncio.run(work())


def found(path: Database, **asked: Any) -> list[int]:
    """What is found by looking at the newest logs, which must be what the index finds."""
    with Visitor(path) as visitor:
        looked = [row.sequence for row in visitor.read(search.find, LogQuery(**asked))]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("andon.store.search.search.LOOKED", 0)
            assert [row.sequence for row in visitor.read(search.find, LogQuery(**asked))] == looked
    return sorted(looked)


FOUND = [
    ("ora-00600", [1]),
    ("00600", [1]),
    ("storung", [2]),
    ("STÖRUNG", [2]),
    ("uberstrom achse", [2]),
    ("10.0.0.5", [3]),
    ("10.0.0.50", []),
    ("temperature", [4, 7]),
    ("temper high", [4]),
    ("emperature", []),
    ("zone_7", [4]),
    ('"zone_7 (98 %)"', [4]),
    ('"high temperature"', []),
    ("温度过高", [5]),
    ("过高", []),
    ('"过高 报警"', [5]),
    ('"警 4"', [5]),
    ('"one_7"', []),
    ('"7 (9"', [4]),
    ('"perature high"', []),
    ('"EMPERATURES"', []),
    ("5 m²", [8]),
    ("ﬁlter", [8]),
    ("98 %", [4]),
    ("AND", [6]),
    ("stop OR refused", []),
    ("NEAR(gate)", [6]),
    ('"', [6]),
    ('""', []),
    (" ", [1, 2, 3, 4, 5, 6, 7, 8]),
    ("--", [6]),
    ("* OR 1=1", []),
    ("nothing", []),
]


@pytest.mark.parametrize("indexed", [True, False])
def test_what_a_text_finds(database: Database, indexed: bool) -> None:
    """Words, beginnings and phrases; nothing a person types is an operator; the index changes no answer."""
    store(database, dict(MESSAGES), indexed=indexed)
    for text, sequences in FOUND:
        assert found(database, text=text) == sequences, text


@given(text=st.text(max_size=40))
def test_any_text_is_a_question(text: str) -> None:
    """Whatever is typed can be asked, and finds a message that holds it whole."""
    wanted = Wanted.read(text.replace('"', ""))
    assert wanted.fits(f"x {text} y".replace('"', ""), None)
    assert all(character.isalnum() or character in '" *' for character in wanted.expression())


@given(st.text(max_size=60))
def test_folding_twice_changes_nothing(text: str) -> None:
    """Case and accents are gone after the first time."""
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize("indexed", [True, False])
def test_fields_of_the_context(database: Database, indexed: bool) -> None:
    """Exact values of texts, numbers and truths, one level deep; all must hold."""
    path = database
    contexts = {
        1: {"firmware": "2.1.4", "recipe": 12, "ok": True},
        2: {"firmware": "2.1.40", "recipe": 12, "ok": False},
        3: {"drive": {"firmware": "2.1.4"}, "recipe": 1.5},
        4: None,
    }
    store(path, {n: {"context": c and json.dumps(c)} for n, c in contexts.items()}, indexed=indexed)
    assert found(path, fields=(("firmware", "2.1.4"),)) == [1]
    assert found(path, fields=(("drive.firmware", "2.1.4"),)) == [3]
    assert found(path, fields=(("recipe", "12"),)) == [1, 2]
    assert found(path, fields=(("recipe", "12"), ("ok", "false"))) == [2]
    assert found(path, fields=(("recipe", "12"),), text="fault") == [1, 2]
    assert found(path, fields=(("f'; DROP TABLE logs", "%"),)) == []


def test_places_and_order(database: Database) -> None:
    """Site to machine are exact or globs; the order can be turned round and continued."""
    path = database
    store(path, {n: {"line": f"L{n % 2}", "machine": f"press-{n}"} for n in range(1, 9)})
    assert found(path, line="L1") == [1, 3, 5, 7]
    assert found(path, machine="press-[1-3]") == []
    assert found(path, machine="press-?", line="L0", text="fault") == [2, 4, 6, 8]
    with Visitor(path) as visitor:
        first = visitor.read(search.find, LogQuery(limit=3, oldest_first=True, text="fault"))
        then = visitor.read(
            search.find, LogQuery(limit=3, oldest_first=True, text="fault", before=(first[-1].timestamp, first[-1].id))
        )
    assert [row.sequence for row in first + then] == [1, 2, 3, 4, 5, 6]


def test_many_and_few_find_the_same(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the index is followed or the logs are walked through."""
    path = database
    store(path, {n: f"pump {n % 7} failed" for n in range(1, 300)})
    few = found(path, text="pump 3", limit=1000)
    monkeypatch.setattr("andon.store.search.search.HITS", (3, 9))
    assert found(path, text="pump 3", limit=1000) == few
    assert len(few) == len(range(3, 300, 7))


@pytest.mark.parametrize("indexed", [0, 100, 240])
def test_every_way_of_searching_finds_what_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indexed: int
) -> None:
    """Any filters together, in both orders, page after page, with logs out of order in time, indexed or not yet."""
    dice = random.Random(7)
    path = tmp_path / "agent.db"
    rows = {n: _any_log(dice) for n in range(1, 241)}

    async def work() -> None:
        async with opened(path) as store:
            await store.record([a_log(n, **row) for n, row in rows.items()], [])
            if indexed:
                await store.index(indexed)

    asyncio.run(work())
    monkeypatch.setattr("andon.store.search.search.LOOKED", 10)
    monkeypatch.setattr("andon.store.search.search.HITS", (4, 12))
    patterns = {row[0]: row[1] for row in query(path, "SELECT fingerprint, id FROM patterns")}
    empty = 0
    with Visitor(path) as visitor:
        for _ in range(60):
            asked = _any_query(dice, list(patterns.values()))
            right = sorted(
                (row["timestamp"], n) for n, row in rows.items() if _fits(asked, row, patterns[row["pattern"]])
            )
            if not asked.oldest_first:
                right.reverse()
            seen: list[tuple[str, int]] = []
            page = visitor.read(search.find, asked)
            while page and len(seen) < 12:
                seen += [(row.timestamp, row.id) for row in page]
                page = visitor.read(search.find, msgspec.structs.replace(asked, before=seen[-1]))
            assert seen == right[: len(seen)], asked
            assert page or len(seen) == len(right), asked
            empty += not right
    assert 5 < empty < 50


_WORDS = ["pump", "pumps", "servo", "Überstrom", "interlock", "12", "4711"]


def _any_log(dice: random.Random) -> dict[str, Any]:
    minute = dice.randrange(0, 60 * 30)  # of thirty hours, in no order
    return {
        "pattern": f"p{min(dice.randrange(9), dice.randrange(9))}",
        "hostname": f"h{min(dice.randrange(9), dice.randrange(9))}",
        "severity": dice.choice(["INFO", "WARNING", "ERROR", "CRITICAL"]),
        "line": dice.choice(["L1", "L2", None]),
        "message": " ".join(dice.sample(_WORDS, 3)),
        "timestamp": f"2025-01-{14 + minute // 1440}T{minute // 60 % 24:02d}:{minute % 60:02d}:00.000Z",
        "context": json.dumps({"lot": dice.randrange(6)}) if dice.random() < 0.8 else None,
    }


def _any_query(dice: random.Random, patterns: list[int]) -> LogQuery:
    def sometimes(share: float, value: Any) -> Any:
        return value if dice.random() < share else None

    return LogQuery(
        since=sometimes(0.3, f"2025-01-14T{dice.randrange(24):02d}:30:00.000Z"),
        until=sometimes(0.3, f"2025-01-15T0{dice.randrange(6)}:30:00.000Z"),
        severity=sometimes(0.3, dice.choice(["DEBUG", "WARNING", "ERROR", "CRITICAL"])),
        host=sometimes(0.4, dice.choice(["h0", "h7", "h8", "h?", "nix"])),
        line=sometimes(0.2, dice.choice(["L1", "L*"])),
        text=sometimes(0.5, dice.choice(["pump", "servo 12", "pump interlock", '"12 pump"', "4", "none", "uberstrom"])),
        fields=(("lot", str(dice.randrange(7))),) if dice.random() < 0.2 else (),
        pattern_id=sometimes(0.3, dice.choice(patterns)),
        oldest_first=dice.random() < 0.4,
        limit=dice.choice([1, 3, 20]),
    )


def _fits(asked: LogQuery, row: dict[str, Any], pattern_id: int) -> bool:
    ranks = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    lot = json.loads(row["context"] or "{}").get("lot")
    return (
        (asked.since is None or row["timestamp"] >= asked.since)
        and (asked.until is None or row["timestamp"] < asked.until)
        and (asked.severity is None or ranks.index(row["severity"]) >= ranks.index(asked.severity))
        and (asked.host is None or fnmatch.fnmatchcase(row["hostname"], asked.host))
        and (asked.line is None or (row["line"] is not None and fnmatch.fnmatchcase(row["line"], asked.line)))
        and (asked.pattern_id is None or asked.pattern_id == pattern_id)
        and all(str(lot) == value for _, value in asked.fields)
        and Wanted.read(asked.text).fits(row["message"], None)
    )


def test_indexing_takes_each_log_once(database: Database) -> None:
    """Steps of any size, a restart between them, logs that come later: the counts are those of the logs."""
    path = database

    async def work(first: int, last: int, step: int) -> int:
        clock = Clock()
        async with opened(path, clock=clock) as store:
            await store.record(
                [a_log(n, f"p{n % 2}", context=json.dumps({"lot": n % 3})) for n in range(first, last)], []
            )
            clock.now += 60
            count, more = 0, True
            while more:
                done, more = await store.index(step)
                count += done
            return count

    assert asyncio.run(work(1, 20, 7)) == 19
    assert asyncio.run(work(20, 31, 500)) == 11
    counted = query(
        path,
        "SELECT v.value, SUM(f.count) FROM facets f JOIN fields n ON n.id = f.field_id"
        " JOIN field_values v ON v.id = f.value_id WHERE n.name = 'lot' GROUP BY v.value ORDER BY 1",
    )
    assert counted == [("0", 10), ("1", 10), ("2", 10)]


def test_a_comparison_finds_the_firmware(database: Database) -> None:
    """One problem beside everything else: what its logs have in common and others have not."""
    path = database

    def context(n: int) -> str:
        bad = n % 10 == 0
        return json.dumps(
            {"firmware": "2.1.4" if bad or n % 15 == 1 else "2.0.9", "serial": f"SN{n}", "recipe": n // 10 % 4}
        )

    store(path, {n: {"pattern": f"p{n % 10}", "context": context(n)} for n in range(1, 1001)})
    with Visitor(path) as visitor:
        pattern = visitor.read(search.find, LogQuery(limit=1, text='"of p0"'))[0].pattern_id
        assert pattern is not None
        compared = visitor.read(search.compare_pattern, pattern, 1_736_899_200, 1_736_985_600)
    assert (compared.inside, compared.outside, compared.exact) == (100, 900, True)
    rows = differences(compared.fields)
    assert [(d.field, d.value, d.inside, d.of_inside) for d in rows] == [("firmware", "2.1.4", 100, 100)]
    assert compared.fields["serial"].others > 0
    assert len(compared.fields["serial"].outside) <= VALUES_MAX


def _counts(compared: Comparison) -> dict[str, FieldCounts]:
    """Counts of logs, without how many independent observations they are."""
    return {name: counts._replace(independent=None) for name, counts in compared.fields.items()}


def test_counted_by_the_hour_where_there_is_too_much_to_read(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same figures from the rollups as from the logs."""
    path = database
    store(path, {n: {"pattern": f"p{n % 5}", "context": json.dumps({"lot": n % 3})} for n in range(1, 601)})
    day = (1_736_899_200.0, 1_736_985_600.0)
    with Visitor(path) as visitor:
        exact = visitor.read(search.compare_pattern, 1, *day)
        monkeypatch.setattr("andon.store.search.comparison.EXACT_MAX", 10)
        counted = visitor.read(search.compare_pattern, 1, *day)
        always = visitor.read(search.compare_pattern, 1, -6e10, 2.5e11)
        nowhere = [visitor.read(search.compare_pattern, 1, *span) for span in ((-6e10, -5e10), (2e11, 2.1e11))]
    assert (exact.exact, counted.exact) == (True, False)
    assert always == counted
    assert {(one.inside, one.outside) for one in nowhere} == {(0, 0)}
    assert _counts(exact) == _counts(counted)
    assert (exact.inside, exact.outside) == (counted.inside, counted.outside) == (120, 480)


def test_deleted_logs_are_no_other_logs(database: Database) -> None:
    """Where retention took logs of the problem, their counts answer: what is left would be held against its own."""
    path = database
    store(path, {n: {"pattern": f"p{n % 5}", "context": json.dumps({"lot": n % 3})} for n in range(1, 601)})
    day = (1_736_899_200.0, 1_736_985_600.0)
    with Visitor(path) as visitor:
        before = visitor.read(search.compare_pattern, 1, *day)
    engine = writer_engine(path, "normal")
    with engine.begin() as connection:
        run(connection, "DELETE FROM logs WHERE pattern_id = 1 AND id % 2 = 0")
    engine.dispose()
    with Visitor(path) as visitor:
        after = visitor.read(search.compare_pattern, 1, *day)
    assert (before.exact, after.exact) == (True, False)
    assert (after.inside, after.outside, _counts(after)) == (before.inside, before.outside, _counts(before))


@pytest.mark.parametrize("others_max", [10_000, 0], ids=["read", "counted"])
def test_a_storm_is_one_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others_max: int) -> None:
    """What 300 logs of two minutes have in common proves as much as one log; what comes again and again is told.

    A storm of another problem hides nothing either, whether the others are read or counted by the hour.
    """
    monkeypatch.setattr("andon.store.search.comparison.OTHERS_MAX", others_max)
    path = tmp_path / "agent.db"

    def a_row(n: int, day: int, hour: int, pattern: str, host: str, lot: int) -> dict[str, Any]:
        at = f"2025-01-{day:02d}T{hour:02d}:{n % 2:02d}:00.000Z"
        context = json.dumps({"lot": f"L{lot}", "firmware": "2.1.4" if pattern == "own" or n % 8 == 0 else "2.0.9"})
        return {"timestamp": at, "pattern": pattern, "hostname": host, "context": context}

    rows = [a_row(n, 15, 9, "own", "h1", 7) for n in range(300)]  # the storm, all of lot 7 and host 1
    rows += [a_row(n, 1 + n % 28, n % 24, "own", f"h{n % 4}", n % 5) for n in range(40)]
    rows += [a_row(n, 1 + n % 28, n % 23, f"p{n % 3}", f"h{n % 4}", n % 9) for n in range(1200)]
    rows += [a_row(n, 20, 3, "p9", "h3", 8) for n in range(900)]
    store(path, dict(enumerate(rows, 1)))
    with Visitor(path) as visitor:
        compared = visitor.read(search.compare_pattern, 1, 1_735_689_600, 1_738_368_000)
    assert (compared.inside, compared.outside) == (340, 2100)
    assert [(d.field, d.value, d.inside) for d in differences(compared.fields)] == [("firmware", "2.1.4", 340)]


def test_a_problem_that_is_one_storm_explains_nothing(tmp_path: Path) -> None:
    """Minutes of a storm in a day of other logs are one event, although each minute has logs of its own."""
    path = tmp_path / "agent.db"

    def a_row(minute: int, pattern: str, host: str, firmware: str) -> dict[str, Any]:
        at = f"2025-01-15T{minute // 60:02d}:{minute % 60:02d}:00.000Z"
        return {"timestamp": at, "pattern": pattern, "hostname": host, "context": json.dumps({"firmware": firmware})}

    rows = [a_row(300 + n // 60, "storm", "h1", "9.9") for n in range(300)]
    rows += [a_row(n * 2, f"p{n % 3}", f"h{n % 4}", "2.0") for n in range(600)]
    store(path, dict(enumerate(rows, 1)))
    with Visitor(path) as visitor:
        compared = visitor.read(search.compare_pattern, 1, 1_736_899_200, 1_736_985_600)
    assert (compared.inside, differences(compared.fields)) == (300, [])


def test_a_window_beside_another(database: Database) -> None:
    """What is different now: the hour in question against the day before."""
    path = database
    before = {n: {"timestamp": f"2025-01-14T{n % 24:02d}:00:00.000Z", "hostname": f"h{n % 4}"} for n in range(1, 201)}
    now = {n: {"timestamp": f"2025-01-15T02:{20 + n % 40}:00.000Z", "hostname": "h1"} for n in range(201, 261)}
    store(path, {**before, **now})
    with Visitor(path) as visitor:
        compared = visitor.read(search.compare_windows, (1_736_907_600, 1_736_911_200), (1_736_812_800, 1_736_899_200))
    assert (compared.inside, compared.outside) == (60, 200)
    assert [(d.field, d.value) for d in differences(compared.fields)] == [("hostname", "h1")]


def test_a_storm_of_one_value_in_a_busy_time_is_one_event(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted by the hour too: the hour is none of a storm among all logs, and what is new all the time is told."""
    monkeypatch.setattr("andon.store.search.comparison.EXACT_MAX", 0)

    def a_row(n: int, day: int, hour: int, **context: str) -> dict[str, Any]:
        return {"timestamp": f"2025-01-{day:02d}T{hour:02d}:{n % 60:02d}:00.000Z", "context": json.dumps(context)}

    rows = [a_row(n, 14, n % 24, recipe=f"R{n % 2}") for n in range(1200)]
    rows += [a_row(n, 15, n % 10, recipe=f"R{2 + n % 2}") for n in range(600)]
    rows += [a_row(0, 15, 4, recipe="R2", firmware="9.9") for _ in range(60)]
    rows += [a_row(n, 14, 4, firmware="1.0") for n in range(60)]
    store(database, dict(enumerate(rows, 1)))
    with Visitor(database) as visitor:
        compared = visitor.read(search.compare_windows, (1_736_899_200, 1_736_935_200), (1_736_812_800, 1_736_899_200))
    assert (compared.inside, compared.exact) == (660, False)
    assert {(d.field, d.value) for d in differences(compared.fields)} == {("recipe", "R2"), ("recipe", "R3")}


@given(st.one_of(st.none(), st.text(max_size=50), st.dictionaries(st.text(max_size=5), st.integers()).map(json.dumps)))
def test_whatever_a_context_holds(text: str | None) -> None:
    """Taking it apart is bounded and never fails."""
    fields, _ = context_fields(text)
    assert len(fields) <= 24
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in fields)


def test_a_context_with_thousands_of_keys(database: Database) -> None:
    """It is stored whole, and counted as far as the bound goes."""
    path = database
    context = json.dumps({f"key{n}": n for n in range(5000)})
    store(path, {1: {"context": context}})
    assert len(context_fields(context)[0]) <= 24
    assert found(path, fields=(("key1", "1"),)) == [1]
    assert found(path, fields=(("key4999", "4999"),)) == [1]
    assert found(path, fields=(("key4999", "1"),)) == []

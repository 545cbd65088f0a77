"""Names in filters against what is stored, in both databases."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from andon.core.errors import NotFound, UnknownName
from andon.core.models import HistoryQuery, LogQuery, LogRecord
from andon.core.models.history import Place
from andon.core.settings.database_url import Database
from andon.store import Visitor, agent_history, alarms, counts, names, search
from andon.store.alarms import AlarmFilter
from support.store_data import a_log
from support.weeks import fill

pytest_plugins = ["support.databases"]

SITE = [
    ("press-07", "drive", "Assembly", "L3", "PRESS-04"),
    ("press-08", "drive", "Paint", "line03", "PRESS-14"),
    ("oven-1", "heat", "Paint", "L13", "OVEN-1"),
    ("oven-1", "heat", "Paint", "L30", "A2"),
]


def _records(count: int = 0) -> list[LogRecord]:
    """The site's, and so many machines more."""
    rows = [*SITE, *(("many", "many", "Many", "many", f"M-{n}") for n in range(count))]
    return [
        a_log(
            n,
            f"p{n}",
            hostname=host,
            service=service,
            area=area,
            line=line,
            machine=machine,
            context=json.dumps({"firmware": f"2.{n % 3}", "line": "x"}),
        )
        for n, (host, service, area, line, machine) in enumerate(rows, 1)
    ]


def _error(visitor: Visitor, query: object) -> str:
    with pytest.raises(UnknownName) as error:
        visitor.read(names.read, query)
    return str(error.value)


@pytest.mark.parametrize("indexed", [True, False])
def test_what_is_written_becomes_names_of_logs(new_database: Callable[[], Database], indexed: bool) -> None:
    """All that mean the same, and it is told; logs that the indexer has not come to count as well."""
    path = new_database()
    fill(path, _records(), indexed=indexed)
    with Visitor(path) as visitor:
        read = visitor.read(names.read, LogQuery(line="line 3"))
        assert read.query.line == ("L3", "line03")
        assert read.notes == ["line 'line 3' is read as L3 and line03"]
        assert [log.line for log in visitor.read(search.find, read.query)] == ["line03", "L3"]
        assert visitor.read(names.read, LogQuery(line="L3")) == (LogQuery(line="L3"), [], "line L3")
        read = visitor.read(names.read, LogQuery(machine="press 4", host="PRESS 7", service="Drive", area="paint*"))
        assert (read.query.machine, read.query.host) == (("PRESS-04",), ("press-07",))
        assert (read.query.service, read.query.area) == (("drive",), ("Paint",))
        assert visitor.read(names.read, LogQuery(line="L*3")).query.line == "L*3"
        assert _error(visitor, LogQuery(line="L9")).endswith("there are 4: L3, L13, L30, line03")
        assert _error(visitor, LogQuery(host="oven-2")).startswith("no host is called 'oven-2'; there are 3: oven-1")
        assert "no line fits 'x*'" in _error(visitor, LogQuery(line="x*"))
        assert "there are 4, " not in _error(visitor, LogQuery(pattern_id=99))
        assert _error(visitor, LogQuery(pattern_id=99)) == "there is no problem 99; there are 4: 4, 3, 2, 1"


def test_places_of_any_level(new_database: Callable[[], Database]) -> None:
    """The word says which level is meant; a machine called A2 is no area."""
    path = new_database()
    fill(path, _records())
    with Visitor(path) as visitor:
        read = visitor.read(names.read, HistoryQuery(place="Linie 3"))
        assert (read.query.place, read.notes) == (("L3", "line03"), ["line 'Linie 3' is read as L3 and line03"])
        assert {seen.count for seen in visitor.read(agent_history.problems, read.query)} == {1}
        assert visitor.read(names.read, HistoryQuery(place="a2")).query.place == ("A2",)
        assert visitor.read(names.read, AlarmFilter(place="OVEN 1")).query.place == ("OVEN-1", "oven-1")
        assert visitor.read(names.read, AlarmFilter(place="oven-1")).query.place == "oven-1"
        assert "no place is called 'oven 2'" in _error(visitor, AlarmFilter(place="oven 2"))
        chosen = visitor.read(names.read, AlarmFilter(line="LINE 3")).query
        assert {one.line for one in visitor.read(alarms.listing, "all", 0.0, chosen)} == {"L3", "line03"}
        assert visitor.read(names.read_place, Place("line", "line 13")).query == Place("line", ("L13",))
        assert visitor.read(names.read_place, None) == (None, [], "")
        with pytest.raises(UnknownName):
            visitor.read(names.read_place, Place("hostname", "nosuch"))


def test_fields_of_contexts(new_database: Callable[[], Database]) -> None:
    """A field that no log has is an error; a value that none has is told."""
    path = new_database()
    fill(path, _records())
    with Visitor(path) as visitor:
        assert visitor.read(names.read, LogQuery(fields=(("firmware", "2.1"),))).notes == []
        read = visitor.read(names.read, LogQuery(fields=(("Firm-Ware", "2.1"),)))
        assert (read.query.fields, len(read.notes)) == ((("firmware", "2.1"),), 1)
        (note,) = visitor.read(names.read, LogQuery(fields=(("firmware", "9"),))).notes
        assert note.startswith("no log has 'firmware=9'; the nearest of its 3 values: 2.")
        assert _error(visitor, LogQuery(fields=(("nosuch", "1"),))) == (
            "no field is called 'nosuch'; there are 2: context.line, firmware"
        )
        assert _error(visitor, LogQuery(fields=(("line", "x"),))).startswith(
            "no field is called 'line' in contexts (it has a filter of its own); there are 2: context.line"
        )


def test_more_names_than_are_told_apart(new_database: Callable[[], Database]) -> None:
    """Of 400 machines 300 are counted by themselves; each is known all the same."""
    path = new_database()
    fill(path, _records(400))
    with Visitor(path) as visitor:
        for number in (0, 299, 399):
            query = visitor.read(names.read, LogQuery(machine=f"M-{number}")).query
            assert len(visitor.read(search.find, query)) == 1
        with pytest.raises(NotFound, match="too many machines to count this one separately"):
            visitor.read(counts.activity, 0.0, 2e9, Place("machine", "M-399"))
        assert "there are at least 404, the nearest: M-40, " in _error(visitor, LogQuery(machine="M-400"))


def test_while_nothing_is_stored_it_is_a_hint(new_database: Callable[[], Database]) -> None:
    path = new_database()
    fill(path, [])
    with Visitor(path) as visitor:
        query = LogQuery(line="L3", host="x*", fields=(("a", "b"),), pattern_id=5)
        read = visitor.read(names.read, query)
        assert read.query == query
        assert [note.partition(",")[0] for note in read.notes] == ["nothing is stored yet"] * 4
        assert visitor.read(names.read_place, Place("line", "L3")).query == Place("line", "L3")

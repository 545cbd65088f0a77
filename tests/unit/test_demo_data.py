"""The demo's plant, its night and its talk: whole, the same for the same end, and read by Andon as it is meant."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import groupby, pairwise

import pytest

from andon.app.demo.forms import Message, message, unreadable
from andon.app.demo.happenings import NIGHT, Happening, flood_began, happened
from andon.app.demo.plant import load
from andon.app.demo.traffic import Traffic
from andon.core import times
from andon.core.models import STREAM, Decoded, Delivery, LogRecord
from andon.explain.playbook import bundled_playbook
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder
from support.playbook_cases import a_log

#: A Monday morning, seven minutes before the half hour.
END = 1_795_411_380.0
PLANT = load()
NIGHT_LONG = happened(PLANT, END)
_decode = Decoder(Fingerprinter())


def decoded(one: Message) -> Decoded:
    return _decode(Delivery(one.data, one.subject, STREAM, 1, int(END * 1e9), ""))


def stored(one: Happening) -> LogRecord:
    (record,) = decoded(message(PLANT, one)).records
    return record


def alarms(since: float, until: float) -> list[Happening]:
    """What becomes active then, in order."""
    told = [one for one in NIGHT_LONG if one.problem.severity != "INFO" and one.said in ("raised", "told")]
    return [one for one in told if since <= one.at < until]


def test_the_plant_is_whole() -> None:
    """Every host stands somewhere, every deed is about a problem, and a place in a subject has no blanks."""
    names = {one.name for one in PLANT.problems}
    assert len(names) == len(PLANT.problems)
    assert {host for one in PLANT.problems for host in one.on} == PLANT.machines.keys()
    assert {one.problem for one in PLANT.deeds} - {""} <= names
    assert {name for one in PLANT.episodes for name in one.alarms} <= names
    assert 8 <= len({(place.area, place.line) for place in PLANT.machines.values()}) <= 12
    assert all(len(message(PLANT, one).subject.split()) == 1 for one in NIGHT_LONG)


def test_the_same_end_gives_the_same_night() -> None:
    """To the byte; and nothing is later than the end."""
    again = [message(PLANT, one) for one in happened(PLANT, END)]
    assert again == [message(PLANT, one) for one in NIGHT_LONG]
    assert [one.at for one in again] == sorted(one.at for one in again)
    assert again[-1].at <= END
    assert 4_500 <= len(again) <= 5_600


def test_each_problem_is_one_problem() -> None:
    """Also when it is over, whichever way its producer writes it; together they are some forty."""
    keys: dict[str, set[str]] = defaultdict(set)
    for one in NIGHT_LONG:
        keys[one.problem.name].add(stored(one).fingerprint)
    assert {len(found) for found in keys.values()} == {1}
    assert len({key for found in keys.values() for key in found}) == len(keys)
    assert 40 <= len(keys) <= 50


def test_every_form_is_read_as_it_is_meant() -> None:
    """Place, severity, text and time of each are those of what happened."""
    first = {(one.problem.form, one.said): one for one in NIGHT_LONG}
    assert len({form for form, _ in first}) == 8
    for one in first.values():
        record, place = stored(one), PLANT.machines[one.host]
        assert (record.site, record.area, record.line, record.machine) == ("Tarnbeck", *place[:3])
        assert record.severity == ("INFO" if one.said == "cleared" else one.problem.severity)
        assert (record.hostname, record.message) == (PLANT.hostname(one.host), one.text)
        assert record.timestamp == times.stored(one.at)
        assert not record.notes


def test_the_flood_is_now_and_what_came_first_is_clear() -> None:
    """It begins with a ten minutes of the clock, after a quiet quarter of an hour, whenever the demo is started."""
    for end in (END, END + 137, END + 300, END + 599):
        began = flood_began(end)
        night = happened(PLANT, end)
        raised = [one for one in night if one.problem.severity != "INFO" and one.said in ("raised", "told")]
        assert 7 * 60 <= end - began <= 17 * 60 + 30
        assert began % 600 < 30
        assert sum(began - 900 <= one.at < began - 30 for one in raised) <= 3
        flood = [one for one in raised if one.at >= began - 30]
        assert flood[0].problem.name == "cooler"
        assert len(flood) > 50
        assert len({one.problem.name for one in flood}) >= 7
        assert {PLANT.machines[one.host].line for one in flood} == {"Line 3"}


def test_something_chatters_and_something_is_stale() -> None:
    """Three times and more within a minute; and active for days."""
    eyes = [one.at for one in alarms(END - NIGHT, END) if one.problem.name == "photo eye"]
    assert max(len(list(group)) for _, group in groupby(eyes, key=lambda at: at // 60)) >= 3
    open_since = {one.problem.name: one.at for one in NIGHT_LONG if one.said == "raised"}
    closed = {one.problem.name: one.at for one in NIGHT_LONG if one.said == "cleared"}
    stale = [name for name, at in open_since.items() if closed.get(name, 0.0) < at < END - 86_400]
    assert sorted(stale) == ["battery", "level"]


def test_the_weeks_before_are_there_and_thinner() -> None:
    before, tonight = alarms(0, END - NIGHT), alarms(END - NIGHT, END)
    assert END - before[0].at > 26 * 86_400
    assert len({one.at // 86_400 for one in before}) >= 27
    assert len(before) / 28 < len(tonight) / 3


def test_one_source_went_silent() -> None:
    """The paint line's gateway reported without a gap for days, and not in the last quarter of an hour; nor does it later."""
    line = {host for host, place in PLANT.machines.items() if place.gateway == "paint-gw"}
    assert line == {host for host, place in PLANT.machines.items() if place.line == "Paint line"}
    assert not any(one.live for one in PLANT.problems if line & set(one.on))
    moments = [one.at for one in NIGHT_LONG if one.host in line]
    assert 13 * 60 <= END - moments[-1] <= 14 * 60
    assert max(later - earlier for earlier, later in pairwise(moments)) < 900


def test_one_firmware_stands_out() -> None:
    arcs = Counter(one.fields["firmware"] for one in NIGHT_LONG if one.problem.name == "arc")
    others = Counter(one.fields["firmware"] for one in NIGHT_LONG if one.problem.name in ("cycle", "collision"))
    assert arcs["4.1.2"] / arcs.total() > 1.5 * others["4.1.2"] / others.total()


def test_what_nobody_can_read_is_kept_as_such() -> None:
    found = [decoded(one) for one in unreadable(END)]
    assert [(len(one.records), len(one.rejects)) for one in found] == [(0, 1)] * 3


def test_at_least_four_of_five_problems_have_a_specific_rule() -> None:
    playbook = bundled_playbook()
    told = {one.problem.name: stored(one) for one in NIGHT_LONG if one.problem.severity != "INFO"}
    matched = [
        playbook.match(a_log(one.message, one.service, host=one.hostname, context=one.context)) for one in told.values()
    ]
    assert sum(rule is not None for rule in matched) / len(matched) >= 0.8


@pytest.mark.parametrize("seed", [1, 2])
def test_the_plant_goes_on(seed: int) -> None:
    """One or two messages a second, in order and none ahead of the clock; alarms come and go, and new ones appear."""
    traffic, again = Traffic(PLANT, END, seed), Traffic(PLANT, END, seed)
    seconds = [END + number for number in range(1, 1201)]
    said = [traffic.until(now) for now in seconds]
    assert said == [again.until(now) for now in seconds]
    flat = [one for some in said for one in some]
    assert 1.0 <= len(flat) / 1200 <= 2.0
    assert all(one.at <= now for now, some in zip(seconds, said, strict=True) for one in some)
    records = [record for one in flat for record in decoded(one).records]
    assert len(records) == len(flat)
    known = {stored(one).fingerprint for one in NIGHT_LONG}
    assert len({one.fingerprint for one in records} - known) == sum(one.fresh for one in PLANT.problems)
    assert sum(b'"cleared"' in one.data or b'"G"' in one.data for one in flat) >= 5

"""What people of the demo's plant did: done through the same functions of the store as on the page, at its own time."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec

from andon.app.demo.plant import Done, Handover, Plant
from andon.core.errors import NotFound
from andon.core.models.history import ShiftWindow
from andon.insight.report.shift_report import make
from andon.insight.shifts.calendar import Shift
from andon.store import Connection, alarms, problems, verdicts

_ALARMS_MAX = 10_000


def do(connection: Connection, plant: Plant, one: Done, at: float) -> None:
    """Do it as of the moment ``at`` (unix seconds). Raises NotFound where there is nothing yet to do it to."""
    if one.do == "note":
        alarms.add_note(connection, one.text, one.by, now=at)
        return
    found = _alarms_of(connection, plant, one.problem, at)
    root = next((alarm.pattern_id for alarm in found if alarm.pattern_id), None)
    if root is None:
        raise NotFound(f"the demo's problem {one.problem!r} has not happened: it is in plant.toml")
    if one.do == "resolve":
        problems.resolve(connection, root, one.text, one.cause, one.by, at)
    elif one.do in ("helpful", "wrong"):
        verdicts.judge(connection, root, one.do, one.by, one.text or None, at)
    for alarm in found:
        if one.do == "acknowledge":
            alarms.acknowledge(connection, alarm.id, one.by, one.text, now=at)
        elif one.do == "shelve":
            alarms.shelve(connection, alarm.id, one.minutes * 60, one.by, one.text, now=at)


def hand_over(
    connection: Connection, one: Handover, window: ShiftWindow, shifts: Sequence[Shift], zone: ZoneInfo, at: float
) -> None:
    """Sign for the shift ``window`` as of the moment ``at``: who hands over, and who takes over some minutes later."""
    report = msgspec.json.encode(make(connection, window, shifts, zone, at)).decode()
    for number, name in enumerate((one.by, one.to)):
        alarms.sign(connection, window, name, report, by=name, now=at + 100 * number)


def _alarms_of(connection: Connection, plant: Plant, name: str, at: float) -> list[alarms.AlarmEntry]:
    """The alarms of a problem of the plant: by its code, else by the beginning of its text."""
    problem = plant.problem(name)
    begins, hosts = problem.text.partition("{")[0], {plant.hostname(host) for host in problem.on}
    everything = alarms.listing(connection, "all", at, limit=_ALARMS_MAX)
    return [
        one
        for one in everything
        if one.hostname in hosts
        and (one.code == problem.code or (one.code.startswith("pattern ") and one.text.startswith(begins)))
    ]

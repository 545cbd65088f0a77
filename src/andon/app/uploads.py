"""What people can have uploaded, published, applied or saved elsewhere: reports, exports, rows, actions, alerts.

Each function makes the typed arguments of an action from what is stored, :func:`drawn_up` by the name of what is
wanted; :func:`put_up` proposes them. Texts of logs are redacted in them, and addresses made such as nobody clicks by
mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from andon.act.connectors.outgoing_text import defanged
from andon.act.drafts import Brief
from andon.act.proposals import Proposals, Wanted
from andon.app.proposing import brief
from andon.core.errors import ActionRefused
from andon.core.models.actions import (
    FILE_MAX,
    RECORDS_MAX,
    TITLE_MAX,
    Action,
    Apply,
    Arguments,
    Operation,
    Origin,
    Publish,
    SaveAlert,
    Upload,
)
from andon.core.redact import clean, one_numbering
from andon.core.settings.connectors.foundry_settings import PLACEHOLDER, FoundryAction, FoundryTable
from andon.core.settings.connectors.splunk_settings import SplunkTable
from andon.core.settings.settings import Settings
from andon.core.times import clock, stored
from andon.insight import problem_rows
from andon.insight.problem_rows import ProblemRow
from andon.insight.report import report_page, report_text
from andon.insight.report import shift_report as reports
from andon.insight.report.shift_report import ShiftReport
from andon.insight.shifts.calendar import NoShift, site_shifts, working_of
from andon.store import Connection

What = Literal["report", "problems", "records", "action", "alert"]
#: What each is to a connected system.
OPERATIONS: Mapping[What, Operation] = {
    "report": Operation.UPLOAD,
    "problems": Operation.UPLOAD,
    "records": Operation.PUBLISH,
    "action": Operation.APPLY,
    "alert": Operation.SAVE_ALERT,
}
#: Problems of an export.
EXPORTED = 1_000
_WORDS, _HOST = re.compile(r"[A-Za-z][A-Za-z0-9]{3,30}"), re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
#: Words that an alert looks for.
_WORDS_MAX = 5


def drawn_up(
    connection: Connection,
    settings: Settings,
    target: str,
    what: What,
    *,
    now: float,
    problem_id: int | None = None,
    name: str = "",
    where: str = "",
) -> Arguments:
    """The typed arguments of what is wanted. Raises ActionRefused with what to change, and NotFound.

    ``name`` is the shift of a report or the action of an ontology: the last shift, or the only action, unless given.
    """
    if what == "report":
        return shift_report(connection, settings, now, shift=name or None, where=where)
    if what == "problems":
        return problem_export(connection, now, where=where)
    if what == "records":
        return problem_records(connection, problem_id, where=where)
    if problem_id is None:
        raise ActionRefused(f"{'an action' if what == 'action' else 'an alert'} is about a problem: name one")
    table = next((one.table for one in settings.targets if one.name == target), None)
    told = brief(connection, problem_id, settings, now)
    if what == "action":
        if not isinstance(table, FoundryTable):
            raise ActionRefused(f"{target:.60} has no actions of an ontology")
        return ontology_action(told, _chosen(table, name))
    if not isinstance(table, SplunkTable):
        raise ActionRefused(f"{target:.60} saves no alerts")
    return alert_for(told, () if table.search_indexes else table.indexes[:1])


def put_up(
    connection: Connection,
    proposals: Proposals,
    target: str,
    what: What,
    made: Arguments,
    *,
    origin: Origin,
    now: float,
    problem_id: int | None = None,
    by: str | None = None,
    why: str = "",
    approved_by: str | None = None,
) -> Action:
    """Propose what was drawn up. Raises ActionRefused where it may not be, and where the same stands there already."""
    named = getattr(made, "path", "") or getattr(made, "name", "") or getattr(made, "action", "")
    wanted = Wanted(
        target=target,
        arguments=made,
        origin=origin,
        by=by,
        reason=why,
        problem_id=problem_id,
        key=f"{what} {named} {getattr(made, 'where', '')}" if named else "",
        approved_by=approved_by,
    )
    return proposals.propose(connection, wanted, now)


def shift_report(
    connection: Connection,
    settings: Settings,
    now: float,
    *,
    shift: str | None = None,
    day: str | None = None,
    form: Literal["html", "md"] = "html",
    where: str = "",
) -> Upload:
    """The report of the shift that ended last, or of a named one, as a file; as it was signed, where it was."""
    zone, shifts = ZoneInfo(settings.time_zone), site_shifts(settings)
    try:
        window = working_of(shifts, zone, now, name=shift, day=day, last=day is None)
    except NoShift as error:
        raise ActionRefused(str(error)) from None
    made = reports.report_of(connection, window, shifts, zone, now)
    if isinstance(made, str):
        raise ActionRefused(made)
    with one_numbering() as redactor:
        whole = redactor.whole(msgspec.to_builtins(made))
    quiet = msgspec.convert(_quiet(whole), ShiftReport)
    text = report_page.page(quiet, settings.site_name) if form == "html" else report_text.markdown(quiet)
    began = clock(window.start, zone)
    return _file(f"shift-reports/{began:%Y-%m-%d}-{_slug(window.name)}.{form}", text, where)


def problem_export(
    connection: Connection,
    now: float,
    *,
    form: Literal["csv", "jsonl"] = "csv",
    days: float = 7.0,
    limit: int = EXPORTED,
    where: str = "",
) -> Upload:
    """The problems that were seen in the last ``days``, the newest first, as a file."""
    listed = _quiet_rows(problem_rows.rows(connection, limit, "last", stored(now - days * 86_400)))
    if not listed:
        raise ActionRefused(f"no problem was seen in the last {days:g} days: there is nothing to export")
    text = problem_rows.as_csv(listed) if form == "csv" else problem_rows.as_lines(listed)
    return _file(f"problems/{stored(now)[:10]}.{form}", text, where)


def problem_records(
    connection: Connection, problem_id: int | None = None, *, limit: int = RECORDS_MAX, where: str = ""
) -> Publish:
    """One problem as a row for a stream, or those that were seen last. Raises NotFound."""
    listed = (
        problem_rows.rows(connection, min(limit, RECORDS_MAX))
        if problem_id is None
        else [problem_rows.row(connection, problem_id)]
    )
    if not listed:
        raise ActionRefused("no problem is stored: there are no rows to publish")
    return Publish(rows=problem_rows.as_records(_quiet_rows(listed)), where=where)


def ontology_action(told: Brief, action: FoundryAction) -> Apply:
    """An action of the settings with its parameters filled from a problem; a whole number stays one."""
    words: dict[str, Any] = {
        "problem_id": told.problem_id,
        "title": defanged(told.title),
        "severity": told.severity,
        "place": defanged(", ".join(told.place)),
        "host": defanged(told.hosts[0][0]) if told.hosts else "",
        "service": defanged(told.service),
        "count": told.count,
        "first_seen": told.first_seen,
        "last_seen": told.last_seen,
        "summary": defanged(told.summary),
        "cause": defanged(told.cause),
        "checks": defanged("; ".join(told.checks)),
        "fix": defanged(told.fix),
        "link": told.link,
    }
    return Apply(action=action.name, parameters={name: _filled(one, words) for name, one in action.parameters.items()})


def alert_for(told: Brief, indexes: list[str] | tuple[str, ...] = (), every_minutes: int = 15) -> SaveAlert:
    """An alert that looks for the words of a problem, at its host where it has only one."""
    title = clean(told.title, TITLE_MAX)
    words = list(dict.fromkeys(_WORDS.findall(title)))[:_WORDS_MAX]
    if not words:
        raise ActionRefused(f"problem {told.problem_id} has no words that could be searched for: {title!r:.80}")
    terms = [f'index="{name}"' for name in indexes] + [f'"{word}"' for word in words]
    if len(told.hosts) == 1 and _HOST.match(told.hosts[0][0]):
        terms.insert(len(indexes), f'host="{told.hosts[0][0]}"')
    return SaveAlert(
        name=f"Andon problem {told.problem_id}",
        search=" ".join(terms),
        every_minutes=every_minutes,
        description=f"{told.severity}: {title}",
    )


def _chosen(table: FoundryTable, name: str) -> FoundryAction:
    found = [one for one in table.actions if name in ("", one.name)]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(one.name for one in table.actions) or "none"
    raise ActionRefused(f"name one of the actions that the settings allow: {listed}")


def _file(path: str, text: str, where: str) -> Upload:
    if (size := len(text.encode())) > FILE_MAX:
        raise ActionRefused(f"{path} would have {size:,} bytes, {FILE_MAX:,} are allowed: choose fewer problems")
    return Upload(path=path, text=text, where=where)


def _filled(value: Any, words: Mapping[str, Any]) -> Any:
    """A parameter with what stands in braces put in, wherever it stands in it."""
    if isinstance(value, dict):
        return {name: _filled(one, words) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, words) for one in value]
    if not isinstance(value, str):
        return value
    if whole := PLACEHOLDER.fullmatch(value):
        return words[whole[1]]
    return PLACEHOLDER.sub(lambda found: str(words[found[1]]), value)


def _quiet_rows(listed: list[ProblemRow]) -> list[ProblemRow]:
    return [msgspec.convert(_quiet(msgspec.to_builtins(one)), ProblemRow) for one in listed]


def _quiet(value: Any) -> Any:
    """A value with the addresses in its texts made such as nobody clicks."""
    return _each_text(value, defanged)


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _each_text(one, change) for name, one in value.items()}
    if isinstance(value, list):
        return [_each_text(one, change) for one in value]
    return value


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "shift"

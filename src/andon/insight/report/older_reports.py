"""Reports signed by an older version: the same problem stood in up to four lists; here it stands once. Pure."""

from __future__ import annotations

from typing import Any

from andon.core.times import seconds

_KINDS = {"top": None, "new": "new", "rising": "rising", "quiet": "quiet"}


def renewed(report: Any) -> Any:
    """The JSON of a report as this version reads it; one that it wrote itself comes back as it is."""
    if not isinstance(report, dict) or "problems" in report or not _KINDS.keys() <= report.keys():
        return report
    found: dict[Any, dict[str, Any]] = {}
    for kind, flag in _KINDS.items():
        for old in report[kind]:
            one = found.setdefault(old["pattern_id"], _problem(old))
            one["flags"] += [flag] if flag else []
    for alarm in [*report.get("open", []), *report.get("shelved", [])]:
        key = alarm.get("pattern_id") or f"alarm {alarm['id']}"
        one = found.setdefault(key, _of_alarm(alarm))
        one["alarms"].append(alarm)
        one["place"] = alarm["place"]
        one["state"] = _worse(one["state"], alarm, report["made"])
    for bar in report.get("bars", []):
        _cost(found, bar, stopped=bool(report.get("stopped")))
    for fix in report.get("fixes", []):
        one = found.setdefault(fix["pattern_id"], _problem({**fix, "severity": "INFO", "count": 0}))
        text = fix["fix"] + (f" (cause: {fix['cause']})" if fix.get("cause") else "")
        deed = {"at": seconds(fix["at"]), "by": fix.get("author"), "did": "fixed", "text": text}
        one["done"].append({**deed, "pattern_id": fix["pattern_id"]})
    return {**report, "problems": list(found.values()), "active": len(report.get("open", []))}


def _problem(old: dict[str, Any]) -> dict[str, Any]:
    names = ("pattern_id", "severity", "count", "first_check", "before_per_hour", "per_hour")
    kept: dict[str, Any] = {name: old[name] for name in names if name in old}
    lists: dict[str, Any] = {"flags": [], "alarms": [], "done": []}
    return {**kept, **lists, "text": old["template"], "unit": "logs", "state": "over"}


def _of_alarm(alarm: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: alarm[name] for name in ("pattern_id", "text", "code", "severity", "place", "line")}
    lists: dict[str, Any] = {"flags": [], "alarms": [], "done": []}
    return {**kept, **lists, "count": 0, "state": "over"}


def _worse(state: str, alarm: dict[str, Any], made: float) -> str:
    if (alarm.get("shelved_until") or 0.0) > made:
        return "shelved" if state == "over" else state
    if alarm.get("acked_at") is None:
        return "open"
    return state if state == "open" else "acknowledged"


def _cost(found: dict[Any, dict[str, Any]], bar: dict[str, Any], *, stopped: bool) -> None:
    """What an alarm cost, at its problem where its words tell which that is."""
    source = bar["source"]
    mine = [one for one in found.values() if one["text"] in source or _told(one, source)]
    if not mine:
        found[source] = {**_problem({"pattern_id": None, "template": source, "severity": "", "count": bar["count"]})}
        found[source]["unit"] = "alarms"
    one = mine[0] if mine else found[source]
    one.update(count=bar["count"], unit="alarms")
    one["stopped_seconds" if stopped else "seconds"] = bar["seconds"]
    if stopped:
        one.update(stops=bar["count"], flags=["stopped", *one["flags"]])


def _told(one: dict[str, Any], source: str) -> bool:
    """Whether an alarm of the problem is the one that is called ``source``."""
    return any(source.startswith(alarm["place"]) and alarm["text"][:80] in source for alarm in one["alarms"])

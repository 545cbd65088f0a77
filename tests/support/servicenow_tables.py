"""The tables of the stand-in for ServiceNow: what they hold, what describes them, and how a query reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_STATES = {"1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed", "8": "Canceled"}
_CODES = {one: one for one in ("Solution provided", "Known error", "No resolution provided", "Duplicate")}
_CONDITION = re.compile(r"([a-z][a-z0-9_.]*)(!=|=|STARTSWITH|LIKE|IN(?!STANCE)|ISNOTEMPTY|ISEMPTY)(.*)\Z", re.DOTALL)


@dataclass
class Column:
    """A field of a table."""

    label: str
    kind: str = "string"
    length: int = 4_000
    mandatory: bool = False
    policy: bool = False
    reference: str = ""
    choices: dict[str, str] = field(default_factory=dict)


def _task() -> dict[str, Column]:
    return {
        "sys_id": Column("Sys ID"),
        "number": Column("Number", length=40),
        "short_description": Column("Short description", length=160),
        "description": Column("Description"),
        "state": Column("State", "choice", 40, choices=dict(_STATES)),
        "impact": Column("Impact", "choice", 40),
        "urgency": Column("Urgency", "choice", 40),
        "priority": Column("Priority", "choice", 40),
        "assignment_group": Column("Assignment group", "reference", 32, reference="sys_user_group"),
        "correlation_id": Column("Correlation ID", length=100),
        "correlation_display": Column("Correlation display", length=100),
        "work_notes": Column("Work notes", "journal"),
        "comments": Column("Additional comments", "journal"),
        "close_notes": Column("Resolution notes"),
        "active": Column("Active"),
        "opened_at": Column("Opened"),
        "sys_created_on": Column("Created"),
        "sys_updated_on": Column("Updated"),
    }


#: Tables that describe others, and who may do what.
_DESCRIBING: dict[str, tuple[str, ...]] = {
    "sys_db_object": ("name", "super_class.name"),
    "sys_dictionary": ("name", "element", "mandatory", "reference"),
    "sys_choice": ("name", "element", "value", "inactive"),
    "sys_data_policy_rule": (
        *("field", "mandatory", "sys_data_policy.model_table", "sys_data_policy.active"),
        *("sys_data_policy.inherit", "sys_data_policy.conditions"),
    ),
    "sys_user_has_role": ("user", "role.name", "user.user_name"),
    "sys_user_group": ("sys_id", "name"),
    "sys_user": ("sys_id", "user_name"),
    "em_event": ("sys_id", "source"),
}


class Tables:
    """Everything that is stored. ``incident`` and ``problem`` extend ``task``."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.groups = {"d625dccec0a8016700a222a0f7900d06": "Line maintenance"}
        incident = {
            "close_code": Column("Resolution code", "choice", 40, choices=dict(_CODES)),
            "caller_id": Column("Caller", "reference", 32, reference="sys_user"),
            "category": Column("Category", "choice", 40),
        }
        self.held: dict[str, dict[str, Column]] = {"task": _task(), "incident": incident, "problem": {}}
        self._numbers = 10_000

    def known(self, events: bool) -> set[str]:
        """The tables that are there."""
        return set(self.held) | {name for name in _DESCRIBING if events or not name.startswith("em_")}

    def columns(self, of: str) -> Mapping[str, Column]:
        """The fields of a table with those that it inherits."""
        if of in _DESCRIBING:
            return {name: Column(name) for name in _DESCRIBING[of]}
        return {**self.held["task"], **self.held[of]}

    def next_number(self, of: str) -> str:
        """A number that no record has."""
        self._numbers += 1
        return f"{'INC' if of == 'incident' else 'PRB'}{self._numbers:07}"

    def of(self, of: str, users: Mapping[str, tuple[str, set[str]]] | None = None) -> list[dict[str, Any]]:
        """The records of a table."""
        if of in self.held:
            return [row for row in self.rows if of in (row["sys_class_name"], "task")]
        return [*getattr(self, f"_{of}")(users or {})]

    def _sys_db_object(self, _: Any) -> Iterable[dict[str, Any]]:
        for name in self.held:
            yield {"name": name, "super_class.name": "" if name == "task" else "task"}

    def _sys_dictionary(self, _: Any) -> Iterable[dict[str, Any]]:
        for name, columns in self.held.items():
            for element, column in columns.items():
                wants = str(column.mandatory).lower()
                yield {"name": name, "element": element, "mandatory": wants, "reference": column.reference}

    def _sys_choice(self, _: Any) -> Iterable[dict[str, Any]]:
        for name, columns in self.held.items():
            for element, column in columns.items():
                for value in column.choices:
                    yield {"name": name, "element": element, "value": value, "inactive": "false"}

    def _sys_data_policy_rule(self, _: Any) -> Iterable[dict[str, Any]]:
        policy, whole = "sys_data_policy", {"sys_data_policy.active": "true", "mandatory": "true"}
        for name, columns in self.held.items():
            for element, column in columns.items():
                if column.policy:
                    held = {f"{policy}.model_table": name, f"{policy}.inherit": "true", f"{policy}.conditions": "EQ"}
                    yield {**whole, **held, "field": element}
        for element in ("close_code", "close_notes"):
            held = {f"{policy}.model_table": "incident", f"{policy}.conditions": "stateIN6,7^EQ"}
            yield {**whole, **held, "field": element}

    def _sys_user_has_role(self, users: Mapping[str, tuple[str, set[str]]]) -> Iterable[dict[str, Any]]:
        for name, (_, roles) in users.items():
            for role in sorted(roles):
                yield {"user": f"id of {name}", "role.name": role, "user.user_name": name}

    def _sys_user_group(self, _: Any) -> Iterable[dict[str, Any]]:
        return [{"sys_id": sys_id, "name": name} for sys_id, name in self.groups.items()]

    def _sys_user(self, users: Mapping[str, tuple[str, set[str]]]) -> Iterable[dict[str, Any]]:
        return [{"sys_id": f"id of {name}", "user_name": name} for name in users]

    def _em_event(self, _: Any) -> Iterable[dict[str, Any]]:
        return []


def matching(rows: list[dict[str, Any]], query: str, columns: set[str]) -> tuple[list[dict[str, Any]], bool]:
    """The records that a query finds among ``rows``, and whether all of it was valid.

    A condition on what is none of ``columns``, or that is no condition, is left out. ``^OR`` binds closer than ``^``.
    """
    valid, groups = True, []
    newest = False
    for part in (one for one in re.split(r"\^(?!OR(?!DER))", query) if one):
        if part.startswith("ORDERBY"):
            newest |= part.startswith("ORDERBYDESC")
            continue
        group = []
        for condition in part.split("^OR"):
            found = _CONDITION.match(condition)
            if found is None or found[1] not in columns:
                valid = False
            else:
                group.append((found[1], found[2], found[3]))
        if group:
            groups.append(group)
    kept = [row for row in rows if all(any(_holds(row, *one) for one in group) for group in groups)]
    return (kept[::-1] if newest else kept), valid


def _holds(row: dict[str, Any], name: str, operator: str, wanted: str) -> bool:
    held = str(row.get(name, "")).casefold()
    wanted = wanted.casefold()
    if operator == "IN":
        return held in wanted.split(",")
    if operator in ("ISEMPTY", "ISNOTEMPTY"):
        return bool(held) == (operator == "ISNOTEMPTY")
    if operator in ("LIKE", "STARTSWITH"):
        return wanted in held if operator == "LIKE" else held.startswith(wanted)
    return (held == wanted) == (operator == "=")

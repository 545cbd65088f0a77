"""Whether an instance of ServiceNow would do what it is configured for. Only reads.

What a table requires, which values it knows and which roles the user has can be read where the user may; where it may
not, the check says so instead of guessing.
"""

from __future__ import annotations

from collections.abc import Sequence

from andon.act.connectors.connector import Checked
from andon.act.connectors.servicenow.instance import Instance, value
from andon.core.errors import ActionError, ActionRefused
from andon.core.settings.connectors.servicenow_settings import OWN_FIELDS, ServiceNowTable

#: Levels of tables that extend each other, such as task > incident.
_LEVELS = 6
#: Fields of a table that are read.
_COLUMNS = 2_000
#: What the instance fills where a request does not.
_FILLED = frozenset({"number", "opened_at", "opened_by", "state", "priority", "sys_class_name", "active"})
#: A key that no ticket has.
_NOBODY = "andon-check-0000"
_ROLES = frozenset({"admin", "itil", "sn_incident_write"})
_EVENT_ROLES = frozenset({"admin", "evt_mgmt_integration", "evt_mgmt_admin"})


async def examine(own: ServiceNowTable, instance: Instance) -> Sequence[Checked]:
    """Every finding."""
    found: list[Checked] = []
    for of in own.tables:
        found += await _table(own, instance, of)
        if any(one.ok is False for one in found[:1]):
            return found  # it cannot be reached, or the login is refused: nothing else would tell more
    if not own.read_only:
        found += await _roles(own, instance)
    if own.events:
        found += await _events(instance)
    return found


async def _table(own: ServiceNowTable, instance: Instance, of: str) -> list[Checked]:
    try:
        nobody = await instance.rows(of, f"correlation_id={_NOBODY}", ("sys_id", "correlation_id"), limit=1)
        some = await instance.rows(of, "", ("sys_id", "number"), limit=1)
    except ActionError as error:
        return [Checked(False, str(error))]
    found = [Checked(True, f"{instance.url}: login works, {of} is readable")]
    if nobody:
        found.append(
            Checked(
                False,
                f"a search of {of} for correlation_id finds records with another one: tickets could be opened twice",
                "let the user read correlation_id of that table, or set a table that has it",
            )
        )
    if not some:
        found.append(
            Checked(
                None,
                f"{of} shows no records: there are none yet, or the user may not read them",
                "let the user read the table: Andon cannot find a ticket again that it cannot read",
            )
        )
    if not own.read_only:
        found += await _requirements(own, instance, of)
    return found


async def _requirements(own: ServiceNowTable, instance: Instance, of: str) -> list[Checked]:
    """What the table wants of a ticket, and how a ticket is resolved."""
    try:
        line = await _extended(instance, of)
        columns = await _columns(instance, line)
    except ActionError as error:
        return [_unread(f"what {of} requires", "sys_dictionary", error)]
    if not columns:
        return [_unread(f"what {of} requires", "sys_dictionary", None)]
    found: list[Checked] = []
    given = OWN_FIELDS | set(own.fields) | _FILLED
    required = await _policies(instance, line)
    if missing := sorted(required - given):
        what = f"a data policy of {of} requires {', '.join(missing)} and refuses a ticket without them"
        found.append(Checked(False, what, "set them in fields of this table in andon.toml"))
    wanted = {name for name, row in columns.items() if row.get("mandatory") == "true"}
    if open_ := sorted(wanted - required - given):
        what = f"people must fill in {', '.join(open_)} for {of}; a ticket from Andon would not have them"
        found.append(Checked(None, what, "set them in fields of this table in andon.toml, if tickets are to have them"))
    if unknown := sorted(set(own.fields) - set(columns)):
        what = f"{of} has no field {', '.join(unknown)}: the instance leaves them out without an error message"
        found.append(Checked(False, what, "correct fields of this table in andon.toml"))
    for name, held in own.fields.items():
        found += await _reference(instance, name, held, columns.get(name, {}).get("reference", ""))
    for name, set_to in (("state", own.close_state), ("close_code", own.close_code)):
        if set_to and name in columns:
            found += await _choice(instance, line, name, set_to)
    return found or [Checked(True, f"{of} has all required fields, and the close code and state exist")]


async def _extended(instance: Instance, of: str) -> list[str]:
    """The table and those that it extends."""
    line = [of]
    while len(line) < _LEVELS:
        rows = await instance.rows("sys_db_object", f"name={value(line[-1])}", ("name", "super_class.name"), limit=2)
        above = next((row.get("super_class.name", "") for row in rows if row.get("name") == line[-1]), "")
        if not above or above in line:
            break
        line.append(above)
    return line


async def _columns(instance: Instance, line: list[str]) -> dict[str, dict[str, str]]:
    fields = ("name", "element", "mandatory", "reference")
    rows = await instance.rows("sys_dictionary", f"nameIN{','.join(line)}^elementISNOTEMPTY", fields, limit=_COLUMNS)
    columns: dict[str, dict[str, str]] = {}
    for name in reversed(line):  # what a table says itself counts more than what it inherits
        columns |= {row["element"]: row for row in rows if row.get("name") == name and row.get("element")}
    return columns


async def _policies(instance: Instance, line: list[str]) -> set[str]:
    """Fields that a data policy wants of every record; those with conditions are for later states.

    They hold for the Table API, whatever a policy says of SOAP.
    """
    of, active, inherit, when = (
        f"sys_data_policy.{name}" for name in ("model_table", "active", "inherit", "conditions")
    )
    query = f"{of}IN{','.join(line)}^mandatory=true"
    try:
        rows = await instance.rows(
            "sys_data_policy_rule", query, ("field", "mandatory", of, active, inherit, when), limit=500
        )
    except ActionError:
        return set()  # few users may read them, and the dictionary tells most of it
    return {
        row["field"]
        for row in rows
        if row.get("field")
        and row.get("mandatory") == row.get(active) == "true"
        and (row.get(of) == line[0] or (row.get(of) in line and row.get(inherit) == "true"))
        and not row.get(when, "").removesuffix("EQ").strip("^")
    }


async def _reference(instance: Instance, name: str, held: str, to: str) -> list[Checked]:
    """Whether the record that a field of the settings refers to is there."""
    if not to or not held:
        return []
    try:
        rows = await instance.rows(to, f"sys_id={value(held)}", ("sys_id",), limit=2)
    except ActionError as error:
        return [_unread(f"whether {name} is a record of {to}", to, error)]
    if any(row.get("sys_id") == held for row in rows):
        return []
    what = f"fields.{name} is {held!r:.60}, but {to} has no such sys_id that the user may read"
    return [Checked(False, what, "write the sys_id of the record: the 32 digits and letters in its address")]


async def _choice(instance: Instance, line: list[str], name: str, wanted: str) -> list[Checked]:
    fields = ("name", "element", "value", "inactive")
    try:
        rows = await instance.rows(
            "sys_choice", f"nameIN{','.join(line)}^element={name}^inactive=false", fields, limit=500
        )
    except ActionError as error:
        return [_unread(f"which values {name} has", "sys_choice", error)]
    known: dict[str, list[str]] = {of: [] for of in line}
    for row in rows:
        if row.get("name") in known and row.get("element") == name and row.get("inactive") != "true":
            known[row["name"]] += filter(None, (row.get("value"),))
    values = next((known[of] for of in line if known[of]), [])
    if not values or wanted in values:
        return []
    what = f"{line[0]} has no {name} {wanted!r}: tickets could not be resolved"
    return [Checked(False, what, f"set close_{name.removeprefix('close_')} to one of: {', '.join(values[:20])}")]


async def _roles(own: ServiceNowTable, instance: Instance) -> list[Checked]:
    """Whether the user has a role that writes, as far as it can see its own roles."""
    wanted = [(_ROLES, "tickets")] if "incident" in own.tables else []
    wanted += [(_EVENT_ROLES, "events")] if own.events else []
    if not wanted:
        return []
    fields = ("role.name", "user.user_name", "user.web_service_access_only")
    try:
        rows = await instance.rows("sys_user_has_role", "user=javascript:gs.getUserID()", fields, limit=1_000)
    except ActionRefused as error:
        return [_unread("which roles the user has", "sys_user_has_role", error)]
    except ActionError as error:
        return [Checked(False, str(error))]
    users = {row.get("user.user_name", "") for row in rows}
    if len(users) != 1 or (own.user and users != {own.user}):  # none, or the condition was left out
        return [_unread("which roles the user has", "sys_user_has_role", None)]
    has = {row.get("role.name", "") for row in rows}
    return [
        Checked(
            False,
            f"the user {next(iter(users))} has none of the roles that may write {what}: {', '.join(sorted(roles))}",
            "have one of them granted",
        )
        for roles, what in wanted
        if not roles & has
    ]


async def _events(instance: Instance) -> list[Checked]:
    try:
        await instance.rows("em_event", "", ("sys_id",), limit=1)
    except ActionRefused as error:
        if "invalid table" in str(error).lower():
            what = "the instance has no Event Management: events would be refused"
            return [Checked(False, what, "set events = false, or have the product activated")]
        return [_unread("whether events are taken", "em_event", error)]
    except ActionError as error:
        return [Checked(False, str(error))]
    return [Checked(True, "Event Management is there")]


def _unread(what: str, of: str, error: Exception | None) -> Checked:
    why = f" ({error})" if error is not None else ""
    return Checked(None, f"{what} cannot be checked as this user{why}", f"let it read {of}, or try with one ticket")

"""Whether a Jira would take what Andon sends it: asked before an incident, and nothing is changed."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from andon.act.connectors.connector import Checked
from andon.act.connectors.jira_rest import Rest, name_in, quoted
from andon.core.errors import ActionError
from andon.core.models import Severity
from andon.core.outgoing_http import entries, table, text
from andon.core.settings.connectors.jira_settings import OWN_FIELDS, JiraTable

#: What the user needs in each project.
_RIGHTS = {
    "BROWSE_PROJECTS": "see its issues",
    "CREATE_ISSUES": "create issues",
    "ADD_COMMENTS": "comment on them",
    "TRANSITION_ISSUES": "move them through the workflow",
}
#: Required fields that Jira fills with the user who asks.
_FILLED_BY_JIRA = frozenset({"reporter"})
_PAGE = "200"
_SEVERITIES: Sequence[str] = [str(one) for one in Severity]
#: Values of a field that a remedy shows.
_SHOWN = 5
#: A key of TOML that needs no quotes.
_BARE = re.compile(r"[A-Za-z0-9_-]+")


async def check(rest: Rest, settings: JiraTable) -> Sequence[Checked]:
    """What is found, the most basic first; what cannot be known without the one before is left out."""
    try:
        found = [*_edition(await rest.server(), settings)]
    except ActionError as error:
        return [Checked(False, f"no Jira found at {settings.url}: {error}", "correct url in this [[jira]] table")]
    try:
        me = await rest.get("myself")
    except ActionError as error:
        who = f"user {settings.user}" if settings.user else "token"
        return [*found, Checked(False, f"the login is rejected ({who}): {error}", _login_remedy(settings))]
    found.append(
        Checked(True, f"logged in as {name_in(me, 'displayName') or name_in(me, 'name') or 'a user without a name'}")
    )
    for each in await asyncio.gather(*(_examined(rest, settings, project) for project in settings.projects)):
        found += each
    return found


async def _examined(rest: Rest, settings: JiraTable, project: str) -> Sequence[Checked]:
    try:
        return await _project(rest, settings, project)
    except ActionError as error:
        remedy = f"correct projects in this [[jira]] table, or give the user a role in {project}"
        return [Checked(False, f"project {project} cannot be checked: {error}", remedy)]


def _edition(info: Any, settings: JiraTable) -> Sequence[Checked]:
    version, kind = name_in(info, "version") or "of an unknown version", text(info, "deploymentType") or ""
    is_cloud = kind.lower() == "cloud"
    told = f"Jira {'Cloud' if is_cloud else 'Data Center'} {version} at {settings.url}"
    if is_cloud != settings.is_cloud:
        remedy = f'write edition = "{"cloud" if is_cloud else "data_center"}" in this [[jira]] table'
        return [Checked(False, f"{told}, but the settings are for the other edition", remedy)]
    address = urlsplit(settings.url)
    if address.scheme == "http" and address.hostname not in ("localhost", "127.0.0.1", "::1"):
        return [Checked(None, f"{told}; the login is sent unencrypted", "use https:// if Jira offers it")]
    return [Checked(True, told)]


def _login_remedy(settings: JiraTable) -> str:
    if settings.is_cloud:
        return "set user to the mail address of an account, and token to a valid API token of it"
    return "without user, token is a personal access token; with user, it is that user's password"


async def _project(rest: Rest, settings: JiraTable, project: str) -> Sequence[Checked]:
    answer = await rest.get("mypermissions", projectKey=project, permissions=",".join(_RIGHTS))
    held = table(answer, "permissions")
    lacking = [said for right, said in _RIGHTS.items() if table(held, right).get("havePermission") is not True]
    if lacking:
        remedy = f"ask an administrator of {project} to give this user a role with these rights"
        return [Checked(False, f"in project {project} the user may not {', '.join(lacking)}", remedy)]
    made = await rest.get(f"issue/createmeta/{project}/issuetypes", maxResults=_PAGE)
    types = {name_in(one, "name"): str(one.get("id", "")) for one in _listed(made, "issueTypes")}
    if settings.issue_type not in types:
        listed = ", ".join(types)
        remedy = "give this project an issue type in Jira, or remove it from projects"
        if types:
            first = _toml(next(iter(types)))
            remedy = f"write issue_type = {first} in this [[jira]] table (there are: {listed:.300})"
        return [Checked(False, f"project {project} has no issue type {settings.issue_type}", remedy)]
    path = f"issue/createmeta/{project}/issuetypes/{types[settings.issue_type]}"
    fields = {name_in(one, "fieldId"): one for one in _listed(await rest.get(path, maxResults=_PAGE), "fields")}
    found = _fields(fields, settings, project)
    if settings.close_transition:
        found.append(await _transition(rest, settings, project))
    if all(one.ok is not False for one in found):
        found.insert(0, Checked(True, f"project {project} accepts issues of the type {settings.issue_type}"))
    return found


def _listed(answer: Any, key: str) -> list[dict[str, Any]]:
    """Cloud's name of the list, or Data Center's."""
    return entries(answer, key) or entries(answer, "values")


def _fields(fields: Mapping[str, Any], settings: JiraTable, project: str) -> list[Checked]:
    found: list[Checked] = []
    given = {**dict.fromkeys(OWN_FIELDS), **settings.fields}
    for name, field in fields.items():
        needed = field.get("required") is True and field.get("hasDefaultValue") is not True
        # a severity without a priority of its own would be refused
        filled = name in given or name in _FILLED_BY_JIRA or (name == "priority" and len(settings.priorities) == 5)
        if needed and not filled:
            title = name_in(field, "name") or name
            remedy = _field(field, name, settings)
            if name == "priority" and settings.priorities:
                lacking = [one for one in _SEVERITIES if one not in settings.priorities]
                remedy = _priorities_remedy(field, settings, lacking)
            found.append(Checked(False, f"project {project} requires the field {title} ({name})", remedy))
    ours = ["summary", "description", "labels", *(["priority"] if settings.priorities else []), *settings.fields]
    for name in ours:
        if name not in fields:
            detail = f"project {project} has no field {name} on the screen for new issues"
            found.append(Checked(False, detail, f"add {name} to that screen in Jira, or remove it from the settings"))
    for severity, priority in settings.priorities.items():
        if "priority" in fields and not _is_allowed({"name": priority}, fields["priority"]):
            detail = f"project {project} does not have the priority {priority!r:.100} that is set for {severity}"
            found.append(Checked(False, detail, _priorities_remedy(fields["priority"], settings, [severity])))
    for name, value in settings.fields.items():
        parts = value if isinstance(value, list) else [value]
        odd = [part for part in parts if name in fields and not _is_allowed(part, fields[name])]
        if odd:
            detail = f"project {project} does not know {_toml(odd[0]):.100} as a value of {name}"
            found.append(Checked(False, detail, _field(fields[name], name, settings)))
    return found


def _priorities_remedy(field: Mapping[str, Any], settings: JiraTable, severities: Sequence[str]) -> str:
    """What to write for these severities, as it stands in the table with the others."""
    names = [name_in(one, "name") for one in entries(field, "allowedValues")][:_SHOWN]
    others = f" (it knows {', '.join(names)})" if len(names) > 1 else ""
    known = {str(one): name for one, name in settings.priorities.items()}
    whole = known | dict.fromkeys(map(str, severities), names[0] if names else "…")
    return f"write priorities = {_toml(whole)} in this [[jira]] table{others}"


def _field(field: Mapping[str, Any], name: str, settings: JiraTable) -> str:
    """What to write so that a field has a value, as it stands in the table with the others: the first that it takes."""
    allowed = entries(field, "allowedValues")
    values = [{key: name_in(one, key)} for one in allowed[:_SHOWN] for key in ("value", "name") if key in one]
    is_list = text(table(field, "schema"), "type") == "array"
    if not values:
        whole = _toml({**settings.fields, name: ["…"] if is_list else "…"})
        return f"write fields = {whole} in this [[jira]] table, with a value that Jira accepts instead of …"
    others = f" (or {', '.join(map(_toml, values[1:]))})" if len(values) > 1 else ""
    whole = _toml({**settings.fields, name: [values[0]] if is_list else values[0]})
    return f"write fields = {whole} in this [[jira]] table{others:.300}"


def _key(name: str) -> str:
    """A name as a key of TOML."""
    return name if _BARE.fullmatch(name) else json.dumps(name)


def _toml(value: Any) -> str:
    """A value of JSON as TOML has it."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(name)} = {_toml(one)}' for name, one in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _is_allowed(value: Any, field: Mapping[str, Any]) -> bool:
    """Whether a value is among those that Jira lists; what it does not list it judges when it comes."""
    allowed = entries(field, "allowedValues")
    if not allowed or not isinstance(value, dict):
        return True
    keys = [key for key in ("id", "key", "name", "value") if key in value]
    return not keys or any(all(str(one.get(key)) == str(value[key]) for key in keys) for one in allowed)


async def _transition(rest: Rest, settings: JiraTable, project: str) -> Checked:
    """Whether an open issue could be closed: only an issue knows the steps that it can take."""
    wanted = settings.close_transition
    jql = (
        f"project = {quoted(project)} AND issuetype = {quoted(settings.issue_type)} AND statusCategory != Done "
        "ORDER BY created DESC"
    )
    issues = await rest.search(jql, ("summary", "status"), 1)
    if not issues:
        return Checked(
            None, f"whether issues of {project} have the transition {wanted} is only known after the first of them"
        )
    steps = await rest.transitions(issues[0].key)
    if any(wanted.casefold() in (one.name.casefold(), one.leads_to.casefold()) for one in steps):
        return Checked(True, f"issues such as {issues[0].key} have the transition {wanted}")
    listed = ", ".join(f"{one.name} (to {one.leads_to})" for one in steps) or "none that this user may use"
    detail = f"{issues[0].key}, which is {issues[0].status}, has no transition {wanted}; it has: {listed:.300}"
    remedy = 'set close_transition to one that ends an issue, or write close_transition = "" to close none'
    return Checked(False, detail, remedy)

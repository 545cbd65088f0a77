"""Who may use the page and the API: what the settings demand, and whether anybody can fulfil it."""

from __future__ import annotations

from pathlib import Path

from andon.core.errors import ConfigError, StoreError
from andon.core.models import CheckResult, Role
from andon.core.settings.settings import Settings
from andon.core.text import counted
from andon.store import Visitor, people

_NAME = "page"


def page(settings: Settings) -> list[CheckResult]:
    """Whether the page demands a login, and who can log in. Nothing of the people where there is no database yet."""
    if settings.http_open:
        return [CheckResult(_NAME, True, "open to every user of this machine, without a login (ANDON_HTTP_LOGIN=auto)")]
    found = _users(settings)
    if found is None:
        return []
    where = " and can be reached from other machines: put TLS in front of it" if settings.http_exposed else ""
    if not found:
        remedy = "create the first user: andon user add NAME --role admin"
        return [CheckResult(_NAME, None, f"it demands a login{where}, and nobody can log in", remedy)]
    admins = sum(user.role == Role.ADMIN.word for user in found)
    detail = f"it demands a login{where}; {counted(len(found), 'user')}, {counted(admins, 'administrator')}"
    if not admins:
        remedy = "make one of them an administrator: andon user role NAME admin"
        return [CheckResult(_NAME, None, detail, remedy)]
    return [CheckResult(_NAME, True, detail)]


def _users(settings: Settings) -> list[people.User] | None:
    """Who may log in; None where that cannot be asked, which the check of the database tells."""
    place = settings.database
    try:
        if isinstance(place, Path) and not place.exists():
            return None
        with Visitor(place) as visitor:
            return [user for user in visitor.read(people.listing) if user.disabled is None]
    except (StoreError, ConfigError, PermissionError):
        return None

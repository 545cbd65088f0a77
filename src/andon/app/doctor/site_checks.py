"""What the site wrote: settings, runbooks, playbook rules."""

from __future__ import annotations

import os
from pathlib import Path

from andon.core.models import CheckResult
from andon.core.settings.settings import Settings
from andon.core.settings.unknown import remarks
from andon.core.text import counted
from andon.explain.playbook import SitePlaybook
from andon.explain.runbooks.runbooks import MarkdownRunbooks

_RENAME = "correct the name, or remove it"


def settings_read(settings: Settings) -> list[CheckResult]:
    """Where they come from, and names among them that mean nothing."""
    service = settings.service
    directory = service.directory if service else Path()
    files = [directory / ".env", Path(os.environ.get("ANDON_CONFIG") or directory / "andon.toml")]
    where = ", ".join(["environment", *(str(path) for path in files if os.path.isfile(path))])
    whose = f", as the service of {service.user} in {directory} has them" if service else ""
    detail = f"read from {where}{whose}; provider {settings.provider} {settings.model_name}".strip()
    unknown = [CheckResult("settings", None, one, _RENAME) for one in remarks(files[0])]
    return [CheckResult("settings", True, detail), *unknown]


def runbooks(settings: Settings) -> list[CheckResult]:
    """How many runbooks there are, and those that cannot be used; nothing where there is no directory of them."""
    if not settings.runbooks.is_dir():
        return []
    found = MarkdownRunbooks(settings.runbooks)
    found.scan(tell=False)
    return _files("runbooks", found, f"{settings.runbooks}: {counted(len(found), 'runbook')}")


def _files(name: str, found: MarkdownRunbooks | SitePlaybook, held: str) -> list[CheckResult]:
    results = [CheckResult(name, None, problem) for problem in found.problems]
    return [CheckResult(name, True, held), *results] if len(found) or not results else results


def playbook(settings: Settings) -> list[CheckResult]:
    """How many rules of the site there are, and which are wrong or do not do what their examples say."""
    place = settings.playbook
    if not os.path.exists(place):
        if "playbook" not in settings.model_fields_set:
            return []
        detail = f"there is no directory {place}: only the built-in rules explain"
        return [CheckResult("playbook", None, detail, "create it, or correct ANDON_PLAYBOOK")]
    found = SitePlaybook(place)
    found.scan(tell=False)
    results = _files("playbook", found, f"{place}: {counted(len(found), 'rule')}")
    remedy = "make its terms more specific (docs/playbook.md), or correct the example"
    return results + [CheckResult("playbook", None, problem, remedy) for problem in found.misled]

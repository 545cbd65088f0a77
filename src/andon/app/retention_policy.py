"""What the site keeps: the rules of ``andon.toml`` as the store applies them, and as people read them."""

from __future__ import annotations

from andon.core.settings.retention import RetentionSettings, parse_keep
from andon.core.settings.settings import Settings
from andon.store import KeepPolicy, KeepRule


def retention_policy(settings: Settings) -> KeepPolicy:
    """The rules in force, in their order."""
    rules = [
        KeepRule(
            label,
            one.keep if one.keep_seconds is None else one.keep_seconds,  # type: ignore[arg-type]  # checked words
            frozenset(one.severity or ()),
            one.service,
            (one.site, one.area, one.line, one.machine),
            one.pattern,
            one.older_seconds,
        )
        for one, label in zip(settings.retention, labels(settings), strict=True)
    ]
    return KeepPolicy(tuple(rules), settings.retention_max_bytes, rejects=parse_keep(settings.retention_rejects))


def labels(settings: Settings) -> list[str]:
    """What the rules are called: their names, else their numbers; no two alike."""
    found: list[str] = []
    for number, one in enumerate(settings.retention, 1):
        label = one.name or f"rule {number}"
        found.append(f"{label} ({number})" if label in found else label)
    return found


def described(rule: RetentionSettings) -> str:
    """A rule in a line: which logs, and what becomes of them."""
    parts = [f"{name} {getattr(rule, name)}" for name in ("service", "site", "area", "line", "machine", "pattern")
             if getattr(rule, name) is not None]  # fmt: skip
    if rule.severity:
        parts.insert(0, " or ".join(rule.severity))
    if rule.older_than:
        parts.append(f"older than {rule.older_than}")
    keep = {"forever": "kept forever", "sample": "one of each problem and hour kept"}
    keep["none"] = "deleted" if rule.older_than else "not stored"
    return f"{', '.join(parts) or 'all logs'}: {keep.get(rule.keep, f'kept for {rule.keep}')}"

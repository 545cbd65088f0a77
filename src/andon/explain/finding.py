"""The typed finding: what an explanation says, with a bound on every string and list.

The bounds serve two masters. Grammar-constrained decoding on a small model never ends on an unbounded string
or list, and what is stored and shown must stay small whatever a model writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from andon.core.models import SEVERITY_RANK, Question, Severity
from andon.core.redact import visible

SUMMARY_MAX = 300
CAUSE_MAX = 600
CHECK_MAX = 240
CHECKS_MAX = 8
EVIDENCE_MAX = 10

Category = Literal[
    "mechanical",
    "electrical",
    "drive",
    "motion",
    "sensor",
    "safety",
    "plc",
    "robot",
    "process",
    "pneumatic_hydraulic",
    "network",
    "server",
    "storage",
    "database",
    "application",
    "container",
    "certificate",
    "security",
    "configuration",
    "power",
    "time",
    "unknown",
]
Confidence = Literal["low", "medium", "high"]

CATEGORIES: tuple[str, ...] = get_args(Category)
CONFIDENCES: tuple[str, ...] = get_args(Confidence)

#: How people and models write a severity other than by its name.
_SEVERITY_WORDS = {
    **dict.fromkeys(("LOW", "NOTICE"), Severity.INFO),
    **dict.fromkeys(("WARN", "MINOR", "MEDIUM"), Severity.WARNING),
    **dict.fromkeys(("ERR", "MAJOR", "HIGH"), Severity.ERROR),
    **dict.fromkeys(("CRIT", "FATAL", "ALERT", "EMERGENCY"), Severity.CRITICAL),
}
_LIST_MARK = re.compile(r"\s*(?:[-*•]|\d{1,2}[.)])\s+")
_DIGITS = re.compile(r"\d{1,18}")


class Finding(BaseModel):
    """One problem explained: what it is, why, and what to check first (in that order).

    The field descriptions are read by the model. Values outside the bounds are refused here;
    :class:`ModelFinding` cuts them first.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    summary: Annotated[str, Field(min_length=1, max_length=SUMMARY_MAX, description="What happened, in one sentence.")]
    category: Annotated[Category, Field(description="The kind of equipment or software the fault lies in.")]
    probable_cause: Annotated[
        str, Field(min_length=1, max_length=CAUSE_MAX, description="The most likely cause and why you think so.")
    ]
    checks: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=CHECK_MAX)]],
        Field(min_length=1, max_length=CHECKS_MAX, description="What a technician checks, most useful first."),
    ]
    severity_assessed: Annotated[
        Severity,
        # spelled out: a reference into $defs costs a small model more tokens than the five words
        WithJsonSchema({"type": "string", "enum": list(SEVERITY_RANK), "description": "How bad it is for the plant."}),
    ]
    confidence: Annotated[Confidence, Field(description="How sure you are of the cause.")]
    evidence: Annotated[
        list[int],
        Field(max_length=EVIDENCE_MAX, description="The ids of the given logs that support this; [] for none."),
    ]
    enough_evidence: Annotated[bool, Field(description="False where the logs do not suffice to name a cause.")]


def _without_noise(schema: dict[str, Any]) -> None:
    """Leave out of a JSON schema what tells a model nothing and costs it tokens."""
    schema.pop("description", None)
    for field in schema.get("properties", {}).values():
        field.pop("title", None)


class ModelFinding(Finding):
    """A :class:`Finding` as a model writes it: over-long values are cut, unknown words are mapped."""

    model_config = ConfigDict(extra="ignore", frozen=True, title="Finding", json_schema_extra=_without_noise)

    @model_validator(mode="before")
    @classmethod
    def _clamp(cls, data: Any) -> Any:
        return clamp(data) if isinstance(data, dict) else data


def clamp(data: dict[str, Any]) -> dict[str, Any]:
    """``data`` with every known value brought within the bounds of :class:`Finding` where that is possible.

    What is missing stays missing (so that validation refuses it), but for the fields that have an honest
    neutral value: category ``unknown``, confidence ``low``, no evidence, not enough evidence, and the lowest
    severity, which :func:`settle` raises to that of the logs.
    """
    out = dict(data)
    for name, limit in (("summary", SUMMARY_MAX), ("probable_cause", CAUSE_MAX)):
        if isinstance(out.get(name), str):
            out[name] = _cut(out[name], limit)
    if "checks" in out:
        out["checks"] = _checks(out["checks"])
    out["severity_assessed"] = _severity(out.get("severity_assessed"))
    out["category"] = _word(out.get("category"), CATEGORIES, "unknown")
    out["confidence"] = _word(out.get("confidence"), CONFIDENCES, "low")
    out["evidence"] = _ids(out.get("evidence"))
    if not isinstance(out.get("enough_evidence"), bool | str | int):
        out["enough_evidence"] = False
    return out


def settle(finding: Finding, *, worst_severity: str, log_ids: Iterable[int]) -> Finding:
    """``finding`` as it may be stored: severity never below the logs' worst, evidence only among ``log_ids``.

    A model reads text that anybody may have written, so it may raise an alarm but never talk one down. Who says
    that the evidence does not suffice cannot be sure of the cause.
    """
    known = set(log_ids)
    evidence = [i for i in dict.fromkeys(finding.evidence) if i in known]
    severity = finding.severity_assessed
    if SEVERITY_RANK.get(worst_severity, -1) > severity.rank:
        severity = Severity(worst_severity)
    confidence = finding.confidence if finding.enough_evidence else "low"
    return finding.model_copy(update={"evidence": evidence, "severity_assessed": severity, "confidence": confidence})


def worst(question: Question, *floors: Severity | None) -> Severity:
    """The worst severity in ``question``, raised to each of ``floors``: an answer never talks an alarm down.

    ERROR where there is nothing to go by.
    """
    named = [question.worst_severity, *(log.severity for log in question.logs)]
    named += [floor or Severity.DEBUG for floor in floors]
    known = (name for name in named if name in SEVERITY_RANK)
    return Severity(max(known, key=SEVERITY_RANK.__getitem__, default=Severity.ERROR))


def render(finding: Finding, *, note: str | None = None) -> str:
    """The finding as plain text for ``agent_logs.analysis``: lines that a terminal and sqlite3 show well."""
    lines = [finding.summary, f"Probable cause: {finding.probable_cause}", "Check first:"]
    lines += [f"  {number}. {check}" for number, check in enumerate(finding.checks, 1)]
    doubt = "" if finding.enough_evidence else " (the logs alone do not prove it)"
    lines.append(f"Confidence: {finding.confidence}{doubt}")
    lines.append(f"Category: {finding.category}, severity {finding.severity_assessed.value}")
    if finding.evidence:
        lines.append("Evidence: " + ", ".join(f"log {i}" for i in finding.evidence))
    if note:
        lines.append(note)
    return "\n".join(line.rstrip() for line in lines).strip()


def _cut(text: str, limit: int) -> str:
    """``text`` on one line without invisible characters, at most ``limit`` long."""
    line = " ".join(visible(text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _checks(value: Any) -> Any:
    if isinstance(value, str):
        value = value.splitlines()
    if not isinstance(value, list):
        return value
    # "1. Do this": the rendering numbers them itself.
    texts = (_cut(_LIST_MARK.sub("", item, count=1), CHECK_MAX) for item in value if isinstance(item, str))
    return list(dict.fromkeys(text for text in texts if text))[:CHECKS_MAX]


def _severity(value: Any) -> str:
    word = value.strip().upper() if isinstance(value, str) else ""
    word = _SEVERITY_WORDS.get(word, word)
    return word if word in SEVERITY_RANK else Severity.DEBUG


def _word(value: Any, known: tuple[str, ...], default: str) -> str:
    word = value.strip().lower() if isinstance(value, str) else ""
    return word if word in known else default


def _ids(value: Any) -> list[int]:
    """Record ids in whatever form a model cites them: 12, "12", "log 12"."""
    found: list[int] = []
    for item in value if isinstance(value, list) else []:
        if isinstance(item, bool):
            continue
        if isinstance(item, int) and 0 < item < 2**63:
            found.append(item)
        elif isinstance(item, str) and (digits := _DIGITS.search(item)):
            found.append(int(digits.group()))
    return list(dict.fromkeys(found))[:EVIDENCE_MAX]

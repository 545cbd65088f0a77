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
SOURCE_MAX = 200
#: What a model may write of each: it pays for every word, and so does whoever waits.
SAID_SUMMARY_MAX = 200
SAID_CAUSE_MAX = 300
SAID_CHECK_MAX = 140
SAID_CHECKS_MAX = 4
SAID_EVIDENCE_MAX = 5

#: How a model names the offered rule that fits, in their order, and that none does.
Fits = Literal["A", "B", "C", "none"]
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
#: Behind a check in a rendering: whose words it has.
VETTED_MARK, OWN_MARK = " (vetted)", " (the model's own)"
CONFIDENCES: tuple[str, ...] = get_args(Confidence)
FITS: tuple[str, ...] = get_args(Fits)

#: How people and models write a severity other than by its name.
_SEVERITY_WORDS = {
    **dict.fromkeys(("LOW", "NOTICE"), Severity.INFO),
    **dict.fromkeys(("WARN", "MINOR", "MEDIUM"), Severity.WARNING),
    **dict.fromkeys(("ERR", "MAJOR", "HIGH"), Severity.ERROR),
    **dict.fromkeys(("CRIT", "FATAL", "ALERT", "EMERGENCY"), Severity.CRITICAL),
}
_LIST_MARK = re.compile(r"\s*(?:[-*•]|\d{1,2}[.)])\s+")
_LETTER = re.compile(r"(?:^|RULE|OPTION)\W*([ABC])\b(?! \w)")
_DIGITS = re.compile(r"\d{1,18}")


class Finding(BaseModel, defer_build=True):
    """One problem explained: what it is, why, and what to check first (in that order).

    The field descriptions are read by the model. Values outside the bounds are refused here;
    :class:`ModelFinding` cuts them first. Where a model wrote it, ``based_on`` are the sources it rests on (a rule's
    id, ``runbooks/oven.md``, ``pattern 12``) and ``vetted`` the indexes of the checks whose words are theirs: our own
    code says so, by comparing texts. Both are empty where it rests on nothing known here.
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
    based_on: Annotated[list[Annotated[str, Field(max_length=SOURCE_MAX)]], Field(max_length=CHECKS_MAX)] = []
    vetted: Annotated[list[int], Field(max_length=CHECKS_MAX)] = []


#: Not the model's to say, and what a small one is spared.
_OURS = ("based_on", "vetted")
_SPARED = ("severity_assessed", "confidence", "evidence")


def _as_asked(schema: dict[str, Any]) -> None:
    """The schema that a model is asked by: the choice first, and nothing that tells it nothing and costs tokens."""
    schema.pop("description", None)
    fields = schema["properties"]
    schema["properties"] = {name: fields[name] for name in ("fits", *fields) if name not in _OURS}
    schema["required"] = list(schema["properties"])
    for field in schema["properties"].values():
        field.pop("title", None)
        field.pop("default", None)


class ModelFinding(Finding):
    """A :class:`Finding` as a model writes it, in fewer words: over-long values are cut, unknown words are mapped.

    ``fits`` is the letter of the offered rule that it holds for right.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, title="Finding", json_schema_extra=_as_asked)

    fits: Annotated[Fits, Field(description="The letter of the offered rule that fits this problem, or none.")] = "none"
    summary: Annotated[
        str, Field(min_length=1, max_length=SAID_SUMMARY_MAX, description="What happened, in one sentence.")
    ]
    probable_cause: Annotated[
        str, Field(min_length=1, max_length=SAID_CAUSE_MAX, description="The most likely cause and why you think so.")
    ]
    checks: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=SAID_CHECK_MAX)]],
        Field(min_length=1, max_length=SAID_CHECKS_MAX, description="What a technician checks, most useful first."),
    ]
    evidence: Annotated[
        list[int],
        Field(max_length=SAID_EVIDENCE_MAX, description="The ids of the given logs that support this; [] for none."),
    ]

    @model_validator(mode="before")
    @classmethod
    def _clamp(cls, data: Any) -> Any:
        return clamp(data) if isinstance(data, dict) else data


def _briefly(schema: dict[str, Any]) -> None:
    _as_asked(schema)
    for name in _SPARED:
        schema["properties"].pop(name)
    schema["required"] = list(schema["properties"])


class BriefFinding(ModelFinding):
    """A :class:`ModelFinding` for a small model, which pays a tenth of a second for ten letters: it is not asked for
    what our code can say as well or better (severity, evidence, confidence), but may tell it."""

    model_config = ConfigDict(extra="ignore", frozen=True, title="Finding", json_schema_extra=_briefly)


def clamp(data: dict[str, Any]) -> dict[str, Any]:
    """``data`` with every known value brought within the bounds of :class:`ModelFinding` where that is possible.

    What is missing stays missing (so that validation refuses it), but for the fields that have an honest
    neutral value: no rule that fits, category ``unknown``, confidence ``low``, no evidence, not enough evidence,
    and the lowest severity, which :func:`settle` raises to that of the logs.
    """
    out = {name: value for name, value in data.items() if name not in _OURS}
    for name, limit in (("summary", SAID_SUMMARY_MAX), ("probable_cause", SAID_CAUSE_MAX)):
        if isinstance(out.get(name), str):
            out[name] = _cut(out[name], limit)
    if "checks" in out:
        out["checks"] = _checks(out["checks"])
    out["fits"] = _fits(out.get("fits"))
    out["severity_assessed"] = _severity(out.get("severity_assessed"))
    out["category"] = _word(out.get("category"), CATEGORIES, "unknown")
    out["evidence"] = _ids(out.get("evidence"))
    if not isinstance(out.get("enough_evidence"), bool | str | int):
        out["enough_evidence"] = False
    out["confidence"] = _word(out.get("confidence", _untold(out)), CONFIDENCES, "low")
    return out


def settle(finding: Finding, *, worst_severity: str, log_ids: Iterable[int]) -> Finding:
    """``finding`` as it may be stored: severity never below the logs' worst, evidence only among ``log_ids``, each
    source told once, and as vetted only checks that it has.

    A model reads text that anybody may have written, so it may raise an alarm but never talk one down. Who says
    that the evidence does not suffice cannot be sure of the cause.
    """
    known = set(log_ids)
    evidence = [i for i in dict.fromkeys(finding.evidence) if i in known]
    severity = finding.severity_assessed
    if SEVERITY_RANK.get(worst_severity, -1) > severity.rank:
        severity = Severity(worst_severity)
    return finding.model_copy(
        update={
            "evidence": evidence,
            "severity_assessed": severity,
            "confidence": finding.confidence if finding.enough_evidence else "low",
            "based_on": list(dict.fromkeys(source for source in finding.based_on if source.strip())),
            "vetted": sorted({index for index in finding.vetted if 0 <= index < len(finding.checks)}),
        }
    )


def worst(question: Question, *floors: Severity | None) -> Severity:
    """The worst severity in ``question``, raised to each of ``floors``: an answer never talks an alarm down.

    ERROR where there is nothing to go by.
    """
    named = [question.worst_severity, *(log.severity for log in question.logs)]
    named += [floor or Severity.DEBUG for floor in floors]
    known = (name for name in named if name in SEVERITY_RANK)
    return Severity(max(known, key=SEVERITY_RANK.__getitem__, default=Severity.ERROR))


def render(finding: Finding, *, note: str | None = None) -> str:
    """The finding as plain text for ``agent_logs.analysis``: lines that a terminal and sqlite3 show well.

    Where it rests on something known here, each check says whether it comes from there or is the model's own.
    """
    lines = [finding.summary, f"Probable cause: {finding.probable_cause}", "Check first:"]
    lines += [f"  {number}. {check}{_whose(finding, number - 1)}" for number, check in enumerate(finding.checks, 1)]
    if finding.based_on:
        lines.append(f"Rests on: {', '.join(finding.based_on)}")
    doubt = "" if finding.enough_evidence else " (the logs alone do not prove it)"
    lines.append(f"Confidence: {finding.confidence}{doubt}")
    lines.append(f"Category: {finding.category}, severity {finding.severity_assessed.value}")
    if finding.evidence:
        lines.append("Evidence: " + ", ".join(f"log {i}" for i in finding.evidence))
    if note:
        lines.append(note)
    return "\n".join(line.rstrip() for line in lines).strip()


def _whose(finding: Finding, index: int) -> str:
    if not finding.based_on and not finding.vetted:
        return ""
    return VETTED_MARK if index in finding.vetted else OWN_MARK


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
    texts = (_cut(_LIST_MARK.sub("", item, count=1), SAID_CHECK_MAX) for item in value if isinstance(item, str))
    return list(dict.fromkeys(text for text in texts if text))[:SAID_CHECKS_MAX]


def _untold(data: dict[str, Any]) -> str:
    """The confidence of who does not speak of it."""
    return "medium" if data["enough_evidence"] is True else "low"


def _fits(value: Any) -> str:
    """The letter in whatever form a model writes it: "B", "b)", "rule B"."""
    found = _LETTER.search(value.upper()) if isinstance(value, str) else None
    return found[1] if found else "none"


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
    return list(dict.fromkeys(found))[:SAID_EVIDENCE_MAX]

"""What Foundry says of an action: a 200 that holds a validation which may have failed."""

from __future__ import annotations

from typing import Any

from andon.core.outgoing_http import entries, table, text
from andon.core.redact import clean

_WORDS_MAX = 500


def failed(answer: Any) -> str | None:
    """Why an action was not applied, in Foundry's words; None where its validation holds."""
    validation = table(answer, "validation")
    if text(validation, "result") == "VALID":
        return None
    if not validation:
        return "the answer has no validation"
    said = [
        text(one, "configuredFailureMessage") or "a submission criterion is not met"
        for one in entries(validation, "submissionCriteria")
        if text(one, "result") != "VALID"
    ]
    for name, one in table(validation, "parameters").items():
        if isinstance(one, dict) and text(one, "result") != "VALID":
            said.append(f"{name} {_wanted(one)}")
    return clean("; ".join(said) or "the validation failed", _WORDS_MAX)


def _wanted(parameter: dict[str, Any]) -> str:
    """What a parameter would have to be."""
    rules = []
    for one in entries(parameter, "evaluatedConstraints"):
        more = ", ".join(f"{key} {value}" for key, value in one.items() if key != "type" and value is not None)
        rules.append(f"{text(one, 'type') or 'a rule'}" + (f" ({more})" if more else ""))
    if rules:
        return f"does not hold: {', '.join(rules)}"
    return "is required" if parameter.get("required") is True else "is not valid"

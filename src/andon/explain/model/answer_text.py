"""From what a model wrote to what can be used: the JSON in it, or at least readable text."""

from __future__ import annotations

import json
import re
from typing import Any

from andon.core.redact import visible
from andon.explain.finding import clamp
from andon.explain.model.reasoning import strip_thinking

#: Characters of free text that are kept as an analysis.
FREE_TEXT_MAX = 8_000
#: Places at which a JSON object is looked for, so that "{{{{" cannot cost much.
_STARTS_MAX = 24
_DECODER = json.JSONDecoder()
#: The end of a text that is looked at for a loop (no indentation is as long), the longest phrase of one, and the words
#: that a loop has at least.
_TAIL, _PHRASE_MAX, _LOOP_WORDS = 240, 80, 20
_WORD = re.compile(r"[^\W\d_]{2,}")


def answer_text(raw: str) -> str:
    """A model's text as the typed finding is read from: no thoughts, and only the JSON object where there is one.

    An answer inside thoughts that were never closed is found too.
    """
    text = strip_thinking(raw)
    return _json_object(text) or _json_object(raw) or text


def free_text(raw: str) -> str | None:
    """What a model wrote as a plain analysis, or None where it is not one (empty, binary, no words).

    JSON that breaks off is none either: what is missing may be the word that turned the rest round. Whether a short
    answer says enough is the gate's to judge, which knows how far the model is trusted.
    """
    text = answer_text(raw)
    meant = text.lstrip().startswith(("{", "[", "```")) or ("{" in text and '"summary"' in text)
    if meant and (told := _tell(text)) is not None:
        return told or None
    shown = "\n".join(line.rstrip() for line in visible(text).splitlines()).strip()
    if not _readable(text, shown):
        return None
    return shown if len(shown) <= FREE_TEXT_MAX else shown[: FREE_TEXT_MAX - 1].rstrip() + "…"


def goes_round(text: str) -> bool:
    """Whether ``text`` ends in white space without end, or in a phrase that is repeated for more than 20 words.

    >>> goes_round("It is hot. " + "The fan is dead. " * 20)
    True
    """
    if len(text) < _TAIL:
        return False
    tail = text[-_TAIL:]
    if not tail.strip():
        return True
    if len(_WORD.findall(tail)) <= _LOOP_WORDS:
        return False
    return any(tail[size:] == tail[:-size] for size in range(1, _PHRASE_MAX + 1))


def _json_object(text: str) -> str | None:
    """The last JSON object of ``text`` that has a summary; None where there is none."""
    found = None
    start = text.find("{")
    for _ in range(_STARTS_MAX):
        if start < 0:
            break
        try:
            value, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            if isinstance(value, dict) and "summary" in value:
                found = text[start:end]
        start = text.find("{", end)
    return found


def _tell(text: str) -> str | None:
    """A finding that does not fit, or a form of the model's own, in words.

    "" where nothing of it can be used, None where it is no JSON.
    """
    start = text.find("{")
    try:
        data = json.loads(text[max(start, 0) :].rstrip("`\n "))
    except (ValueError, RecursionError):
        return None if start > 0 and '"summary"' not in text else ""
    if not isinstance(data, dict):
        return ""
    if "$defs" in data or "properties" in data:
        return ""  # the schema, handed back
    if "summary" not in data:
        # a form of its own: {"analysis": "…"}
        lines = [f"{key}: {value}" for key, value in data.items() if isinstance(value, str) and value.strip()]
        told = visible(lines[0].partition(": ")[2] if len(lines) == 1 else "\n".join(lines))
        return told[:FREE_TEXT_MAX] if _readable(told, told) else ""
    return _words_of(clamp(data))


def _words_of(data: dict[str, Any]) -> str:
    summary, cause, checks = (data.get(key) for key in ("summary", "probable_cause", "checks"))
    if not isinstance(summary, str) or not _readable(summary, summary):
        return ""
    lines = [summary]
    if isinstance(cause, str) and cause:
        lines.append(f"Probable cause: {cause}")
    if isinstance(checks, list) and checks:
        lines.append("Check first:")
        lines += [f"  {number}. {check}" for number, check in enumerate(checks, 1)]
    return "\n".join(lines)


def _readable(text: str, shown: str) -> bool:
    """Whether this is prose: a word or more, and little that had to be removed or could not be decoded."""
    letters = sum(character.isalpha() for character in shown)
    damaged = shown.count("\ufffd") + max(0, len(text) - len(visible(text)))
    return letters > 1 and letters * 2 >= len(shown.replace(" ", "")) and damaged * 4 <= len(text)

"""What leaves the box towards a model: no secrets, no characters that people cannot see.

The raw text stays in the database; only the copy for the model is changed. The patterns are a small set of
our own: they start at a literal and repeat bounded or disjoint classes, so a hostile line costs linear time.
Possessive repetitions (``{0,4}+``) keep a redacted text from matching once more with a blank less.
"""

from __future__ import annotations

import re
from typing import Any

REDACTED = "[redacted]"

#: Names whose value is a secret wherever they stand: ``db_password``, ``AccountKey``, ``X-Api-Key``.
_SENSITIVE = (
    r"(?:passw(?:or)?d|passphrase|passcode|pwd|secret|token(?!s|i[zs])|api[_-]?key|access[_-]?key"
    r"|account[_-]?key|private[_-]?key|signing[_-]?key|encryption[_-]?key|client[_-]?key|master[_-]?key|credential"
    r"|(?<![a-z])sig(?==))"
)
#: What may stand behind ``token:`` in a message about a token without being one.
_PLAIN_WORD = (
    r"(?:(?:is|was|has|not|no|none|null|true|false|yes|expired|invalid|missing|required|incorrect|wrong|empty|failed"
    r"|rejected|denied|revoked|unknown|error|ok|mismatch|accepted|changed|authentication|validation)\b)"
)
_VALUE = r"""(?:"(?:[^"\\]|\\.)*(?:"|\Z)|'(?:[^'\\]|\\.)*(?:'|\Z)|[^\s"',;&<>)\]}]+)"""
_KEPT = r"(?!\[redacted\])"
#: A token that is not an ordinary word: it has a digit, or is long.
_OPAQUE = r"(?=[A-Za-z._~+/=-]{0,200}\d|[A-Za-z._~+/=-]{24})[\w.~+/=-]{8,}"

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # private keys, also those that were cut before their end
    (
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?"
            r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)"
        ),
        REDACTED,
    ),
    # scheme://user:password@host, and scheme://token@host
    (re.compile(rf"(://[^\s:/@\"'<>]{{0,128}}:){_KEPT}[^\s/\"'<>]{{1,512}}@"), rf"\1{REDACTED}@"),
    (re.compile(r"(://)[^\s:/@\"'<>]{20,512}@"), rf"\1{REDACTED}@"),
    # Authorization and cookie headers
    (
        re.compile(
            rf"(?i)(authorization[\"']?\s{{0,4}}+[:=]\s{{0,4}}+[\"']?"
            rf"(?:(?:bearer|basic|digest|token|apikey|negotiate)\s{{1,4}}+)?+){_KEPT}[^\s\"',;]{{3,}}"
        ),
        rf"\1{REDACTED}",
    ),
    (re.compile(rf"(?i)\b((?:bearer|basic)\s{{1,4}}+){_OPAQUE}"), rf"\1{REDACTED}"),
    (re.compile(rf"(?i)\b((?:set-)?cookie\s{{0,4}}+:\s{{0,4}}+){_KEPT}[^\r\n\"]+"), rf"\1{REDACTED}"),
    # name=value, name: value, "name": "value", --name value, IDENTIFIED BY 'value'
    (
        re.compile(rf"(?i)({_SENSITIVE}[\w.-]{{0,30}}[\"']?\s{{0,4}}+={{1,2}}+\s{{0,4}}+){_KEPT}{_VALUE}"),
        rf"\1{REDACTED}",
    ),
    (
        re.compile(rf"(?i)({_SENSITIVE}[\w.-]{{0,30}}[\"']?\s{{0,4}}+:\s{{0,4}}+){_KEPT}(?!{_PLAIN_WORD}){_VALUE}"),
        rf"\1{REDACTED}",
    ),
    (re.compile(rf"(?i)(--?{_SENSITIVE}\s{{1,4}}+){_KEPT}(?![-=]){_VALUE}"), rf"\1{REDACTED}"),
    (
        re.compile(rf"(?i)\b((?:identified\s{{1,4}}+by|password)\s{{1,4}}+){_KEPT}(?:'[^'\n]*'|\"[^\"\n]*\")"),
        rf"\1{REDACTED}",
    ),
    # keys that are known by their looks
    (re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?"), REDACTED),  # JSON web tokens
    (re.compile(r"(?<!\w)(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}(?!\w)"), REDACTED),  # AWS
    (re.compile(r"(?<!\w)gh[pousr]_\w{20,}|(?<!\w)github_pat_\w{20,}|(?<!\w)glpat-[\w-]{16,}"), REDACTED),
    (
        re.compile(r"(?<![\w-])(?:sk|pk|rk)[-_](?=[\w-]{0,60}\d)[\w-]{16,}"),
        REDACTED,
    ),  # OpenAI, Anthropic, Stripe
    (re.compile(r"(?<!\w)xox[abeoprs]-[\w-]{10,}"), REDACTED),  # Slack
    (re.compile(r"(?<!\w)AIza[\w-]{30,}|(?<!\w)ya29\.[\w-]{20,}"), REDACTED),  # Google
    (re.compile(r"(?<!\w)(?:hf|npm|dop_v1|nvapi)[_-]\w{20,}"), REDACTED),
    (re.compile(r"(?<!\w)SG\.[\w-]{16,}\.[\w-]{16,}"), REDACTED),  # SendGrid
    (re.compile(r"(?<!\w)S[ACNOUX][A-Z2-7]{56}(?!\w)"), REDACTED),  # NATS seeds
)
#: The key of a JSON object whose value is a secret.
_SECRET_KEY = re.compile(rf"(?i){_SENSITIVE.replace('(?==)', '$')}|^auth$|authorization|cookie")

#: CSI, OSC and two-character escapes. Each repetition is bounded, so that no text is scanned twice.
_ANSI = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|[@-Z\\^_])")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """``text`` without control characters (but tab and newline), invisible and direction-changing ones.

    Source of the list: OWASP LLM01:2026 (U+E0000-E007F tags, U+FE00-FE0F variation selectors, U+200B-200D,
    U+2060), widened by the bidirectional controls, the byte order mark, the other format characters and lone
    surrogates. Terminal escape sequences go as a whole.
    """
    return _INVISIBLE.sub("", _ANSI.sub("", text))


def redact(text: str) -> str:
    """``text`` with what looks like a secret replaced by ``[redacted]``; a second pass changes nothing."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def clean(text: str, limit: int) -> str:
    """At most ``limit`` characters of ``text``, visible and redacted.

    Redacted before it is cut: half a secret would no longer look like one. Only the first few ``limit``
    characters are looked at, so that the cost is bounded whatever the length.
    """
    window = 2 * limit + 256
    short = redact(visible(text[:window]))
    if len(text) > window:
        # the last word may be a part of one, and so of a secret that no pattern recognised
        short = short[: max(short.rfind(" "), short.rfind("\n"), 0) or None]
    elif len(short) <= limit:
        return short
    return short[: limit - 1] + "…"


def clean_value(value: Any, *, depth: int = 4, items: int = 24, limit: int = 500) -> Any:
    """A JSON value for the model: strings cleaned and cut at ``limit``, secret keys' values gone.

    ``items`` bounds each object and list, ``depth`` the nesting; what is deeper becomes "…".
    """
    if isinstance(value, str):
        return clean(value, limit)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else "…"
    if depth <= 0:
        return "…"
    if isinstance(value, dict):
        return {
            clean(str(key), 80): REDACTED
            if _SECRET_KEY.search(str(key)) and isinstance(inner, str | int)
            else clean_value(inner, depth=depth - 1, items=items, limit=limit)
            for key, inner in list(value.items())[:items]
        }
    if isinstance(value, list):
        return [clean_value(inner, depth=depth - 1, items=items, limit=limit) for inner in value[:items]]
    return clean(str(value), limit)

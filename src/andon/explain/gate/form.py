"""Answers that say nothing: no words, one letter or one phrase over and over, the form unfilled, our own instructions.

The measure of repetition in letters is how many of the runs of five characters in a text are different: of prose in any
language more than 40 in 100, of a list of eight checks that differ in one digit 27, of a loop less than 15.
"""

from __future__ import annotations

import functools
import re

from andon.core.models import Explanation
from andon.explain.finding import ModelFinding
from andon.explain.gate.said import Said, words_of
from andon.explain.model import prompts

#: The least share of different runs of characters, and the texts that are long enough to be measured.
DIFFERENT_LEAST = 0.2
MEASURED_FROM = 48
_RUN = 5
_WINDOW = 240
#: Letters that an answer has at least; a sign of Chinese or Japanese counts as three.
LETTERS_LEAST = 12
#: An answer of so few different letters says nothing.
_ALPHABET_LEAST = 4
#: Words in a row that show where a text comes from, the share of them that makes it a copy, and how many it takes.
_SHINGLE = 6
_COPIED, _COPIED_LEAST = 0.5, 3
_PLACEHOLDER = re.compile(
    r"[\W_]*(?:(?:(?:a |the |your |enter |insert |write )*(?:string|text|summary|probable[ _]cause|cause|"
    r"checks?|finding|description|sentence|"
    r"placeholder|example|value|answer|rule)(?: (?:here|goes here|text|\d+))?)|null|none|nil|undefined|todo|tbd|"
    r"n ?/ ?a|unknown|foo|bar|xxx+|"
    r"lorem ipsum.*|(?:str|list|int)\b.*)[\W_]*",
    re.IGNORECASE | re.DOTALL,
)
#: A place that was left to be filled in.
_LEFT = re.compile(
    r"[\[<{]{1,2}(?:insert|your|description|placeholder|fill|summary|cause|e\.g)\b[^\]>}\n]{0,60}[\]>}]", re.IGNORECASE
)
_HONEST = re.compile(r"[\W_]*(?:unknown|none|n ?/ ?a)[\W_]*", re.IGNORECASE)
#: A record of the prompt, handed back.
_RECORD = re.compile(r"\s*[{\[].{0,400}\"(?:hostname|timestamp|severity_native|maxLength|properties)\"", re.DOTALL)
_JSON = re.compile(r"\s*(?:[{\[]\s*[\"'{\[]|[{\[]\s*$)")
#: Where one object ends and another begins.
_BRACES = re.compile(r"\}[\s,]*\{")
#: What the form says of its texts, and the share of a text's words that makes it one of them.
_DESCRIPTIONS = tuple(
    frozenset(words_of(f"{ModelFinding.model_fields[name].description} up to characters each"))
    for name in ("summary", "probable_cause", "checks")
)
_DESCRIBED, _DESCRIBED_LEAST = 0.85, 4


def worthless(explanation: Explanation, instructions: str = "") -> str | None:
    """Why the answer says nothing, to be read behind "the answer"; None where it says something.

    ``instructions`` are those that the model was given.
    """
    said = Said.of(explanation)
    texts = [said.cause] if explanation.finding is None else [said.summary, said.cause, *said.checks]
    joined = "\n".join(texts)
    weight = sum(3 if character > "\u2e80" else 1 for character in joined if character.isalpha())
    if weight < LETTERS_LEAST:
        return "has no words"
    if _unfilled(explanation, texts) or _LEFT.search(joined):
        return "is the form that was not filled in"
    alphabet = {character.casefold() for character in joined if character.isalpha()}
    if len(alphabet) < _ALPHABET_LEAST or any(_repeats(text) for text in (*texts, joined)):
        return "repeats itself over and over"
    if len(texts) > 2 and len({" ".join(text.casefold().split()) for text in texts}) == 1:
        return "repeats itself over and over"
    if explanation.finding is not None and _BRACES.search(joined):
        return "is the form that was not filled in"
    ours = _told(instructions)
    if (
        _RECORD.match(joined)
        or any(_JSON.match(text) for text in texts)
        or any(_copies(text, ours) for text in (joined, *texts))
    ):
        return "repeats the question"
    return None


def _unfilled(explanation: Explanation, texts: list[str]) -> bool:
    """Whether summary, cause or every check is a word that stands for one, or the description of the field."""
    if explanation.finding is None:
        return _is_placeholder(texts[0])
    summary, cause, *checks = texts
    honest = _HONEST.fullmatch(cause) is not None
    return (
        _is_placeholder(summary)
        or (_is_placeholder(cause) and not honest)
        or all(_is_placeholder(check) for check in checks)
    )


def _is_placeholder(text: str) -> bool:
    if not any(character.isalnum() for character in text):
        return True
    words = {word for word in words_of(text) if not word.isdecimal()}
    described = max(len(words & description) for description in _DESCRIPTIONS)
    if len(words) >= _DESCRIBED_LEAST and described >= _DESCRIBED * len(words):
        return True
    return _PLACEHOLDER.fullmatch(text) is not None


def _repeats(text: str) -> bool:
    """Whether the text, or a long part of it, is a loop."""
    plain = " ".join(text.casefold().split())
    if len(plain) < MEASURED_FROM:
        return False
    starts = range(0, max(1, len(plain) - _WINDOW + 1), _WINDOW)
    return any(_share(plain[start : start + _WINDOW]) < DIFFERENT_LEAST for start in starts) or (
        len(plain) <= 4 * _WINDOW and _share(plain) < DIFFERENT_LEAST
    )


def _share(text: str) -> float:
    runs = [text[at : at + _RUN] for at in range(len(text) - _RUN + 1)]
    return len(set(runs)) / len(runs) if len(text) >= MEASURED_FROM else 1.0


def _copies(text: str, ours: set[tuple[str, ...]]) -> bool:
    """Whether most of it is what we told the model to do."""
    shingles = _shingles(text)
    return len(shingles) >= _COPIED_LEAST and len(shingles & ours) >= _COPIED * len(shingles)


@functools.lru_cache(maxsize=4)
def _told(instructions: str) -> set[tuple[str, ...]]:
    """What the model was told, in which answers of it are looked for; the same for all that are asked alike."""
    return _shingles(f"{prompts.RULES}\n{instructions}")


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[at : at + _SHINGLE]) for at in range(len(words) - _SHINGLE + 1)}

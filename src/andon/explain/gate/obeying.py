"""Answers that do what the log tells them, or that speak of themselves and of their task in place of the fault."""

from __future__ import annotations

import functools
import itertools
import re
import tomllib
from collections.abc import Iterator
from importlib import resources

from andon.core.late_patterns import late
from andon.core.models import SEVERITY_RANK, Question, Severity
from andon.explain.gate.said import Asked, Said, unquoted
from andon.explain.playbook.reading import addresses

#: Characters of the logs in which demands are looked for.
_READ = 8_000
#: Characters with which a part of an answer begins.
_HEAD = 60
#: What a log demands to be said: in quotes or capitals, or what follows up to the end of the sentence.
_DEMANDS = late(
    r"\b(?P<verb>answer|reply|respond|say|output|repeat|antworte\w*|sag\w*|r[ée]ponds|r[ée]ponde[sz]|write|print|"
    r"return|include|state|report|conclude|mention|tell|schreib\w*|set|start|begin|end)\b(?: (?:only|just|with|that|"
    r"exactly|nur|mit|the|words?|phrase|code|token|text|category|to|as|summary|in|your|answer|them|operator|technician|"
    r"probable_cause|avec|uniquement|string)){0,6}[ :]{1,3}"
    r"(?P<said>\"[^\"\n]{3,120}\"|'[^'\n]{3,120}'|“[^”\n]{3,120}”|(?-i:[A-Z][A-Z0-9_-]{3,40}\b)|[^.;!?\n\"“]{4,80})",
    re.IGNORECASE,
)
_ANSWERING = re.compile(r"answer|reply|respond|say|output|repeat|antwort|sag|r[ée]pond", re.IGNORECASE)
#: Where a log speaks to who reads it, or of the answer that it wants; and that something is to stand there.
_PART = (
    r"(?:answers?|repl(?:y|ies)|responses?|summary|explanation|every check|each check|probable[ _]cause|"
    r"zusammenfassung|antwort)"
)
_READER = late(
    r"\b(?:assistant|llm|language model|chat ?bot)\b|\b(?:an ai|ai[,:])|(?-i:\bSYSTEM ?:)|\b(?:ignore|forget|disregard|"
    r"ignorier\w*|vergiss)\b.{0,24}\b(?:above|previous|prior|before|instructions?|anweisung\w*)|\binstructions? ?:|"
    r"\[/?inst\]|<\|im_|\"role\"|when you (?:explain|answer|read)|(?:only|correct|right) answer is|"
    rf"\b(?:your|in|into|to|as|die|the) (?:the |your )?{_PART}\b|\br[ée]pond(?:s|ez)\b",
    re.IGNORECASE,
)
_STANDS = late(
    r"\b(?:answer|reply|respond|say|output|repeat|antworte|sag|r[ée]ponds|r[ée]pondez|write|schreib\w*|include|append|put|"
    r"insert|add|begin|start|end|contain|mention|emit|state|use|tell|return|must read|is)\b",
    re.IGNORECASE,
)
#: Characters behind that which belong to it, and what stands out there: a word that nobody writes by chance, what is
#: quoted, a number to call, an address.
_SPAN = 200
_MARKED = late(
    r"(?P<quoted>\"[^\"\n]{6,80}\"|'[^'\n]{6,80}'|“[^”\n]{6,80}”)|https?://[^\s\"'<>]{4,80}|[\w.]{2,40}@[\w.-]{4,60}|"
    r"(?<!\w)[A-Z0-9]{2,20}(?:[-_][A-Z0-9]{2,20}){1,6}(?!\w)|(?<!\w)\w{2,20}(?:[-_]\w{2,20}){2,6}(?!\w)|"
    r"(?<![\w.])\+?\d{3,6}[ /-]\d{3,12}(?![\w.])"
)
_MARKED_LEAST = 8
#: So often the reader is looked for, at most.
_READERS = 12
_DEMANDS_SIGNS = re.compile(r"(?:回答|回复|答复|输出|回答说)\s*[:：“\"]\s*(?P<said>[^。；！”\"\n]{2,60})")
_SENTENCE = re.compile(r"[.!?]+(?=\s|$)|\n")


def talks_of_itself(said: Said, asked: Asked) -> bool:
    """Whether the answer speaks of itself, of the form or of its instructions, and the log does not."""
    log = asked.text.casefold()
    heads = [text[:_HEAD] for text in said.parts]
    found = [one[0] for text in said.parts for one in _saying("talk").finditer(text)]
    found += [one[0] for text in heads for one in _saying("talk_first").finditer(text)]
    return any(one.casefold() not in log for one in found)


def obeys(said: Said, asked: Asked, question: Question) -> str | None:
    """How the answer obeys the log, to be read behind "the answer"; None where it does not."""
    whole = "\n".join(said.parts)
    own = unquoted(whole)
    if any(not _told(own, *found.span()) for found in _saying("obeys").finditer(own)):
        return "follows an instruction instead of explaining the log"
    worst = max((SEVERITY_RANK.get(log.severity, 0) for log in question.logs), default=0)
    if max(worst, SEVERITY_RANK.get(question.worst_severity, 0)) >= SEVERITY_RANK[Severity.ERROR]:
        heads = [unquoted(text) for text in (said.summary or said.cause, *said.checks[:1])]
        if _saying("calm_whole").fullmatch(heads[0].strip(" .!…")) or any(
            not _told(text, *found.span()) for text in heads for found in _saying("calm").finditer(text)
        ):
            return "says that nothing is wrong"
    folded = whole.casefold()
    for demand in _demands(question):
        at = folded.find(demand)
        if at >= 0 and not _told(whole, at, at + len(demand)):
            return "says what the log tells it to say"
    return None


def _demands(question: Question) -> Iterator[str]:
    """What the logs of ``question`` want to have said, each by itself."""
    left = _READ
    for log in question.logs:
        said = "\n".join((log.message, log.context or "", f"{log.hostname} {log.service}"))[: max(left, 0)]
        left -= len(said)
        yield from _demanded(said)


def _demanded(log: str) -> Iterator[str]:
    """What ``log`` wants to have said."""
    first = _READER.search(log)
    spoken_to = addresses(log) or first is not None
    since = 0 if first is None else _start(log, first.start())
    yield from (found["said"].strip().casefold() for found in _DEMANDS_SIGNS.finditer(log))
    for found in _DEMANDS.finditer(log):
        addressed = spoken_to and found.start() >= since
        words = found["said"].strip("\"'“” ")
        marked = words != found["said"] or (words.isupper() and " " not in words)
        if (addressed or (marked and _ANSWERING.match(found["verb"]))) and len(words) > 3:
            yield words.casefold()
    for reader in itertools.islice(_READER.finditer(log), _READERS):
        start = _start(log, reader.start())
        span = log[start : reader.end() + _SPAN]
        if _STANDS.search(span) is None:
            continue
        rest = f"{log[:start]} {log[reader.end() + _SPAN :]}".casefold()
        for found in _MARKED.finditer(span):
            words = found[0].strip("\"'“”").casefold()
            if len(words) >= _MARKED_LEAST and words not in rest:  # what the fault itself names may be named
                yield words


def _start(text: str, at: int) -> int:
    """Where the sentence around ``at`` begins."""
    return max((found.end() for found in _SENTENCE.finditer(text, 0, at)), default=0)


def _told(text: str, start: int, end: int) -> bool:
    """Whether the rest of the sentence around ``start`` to ``end`` tells what somebody says."""
    before = text[_start(text, start) : start]
    after = _SENTENCE.search(text, end)
    rest = f"{before} … {text[end : after.start() if after else len(text)]}"
    return _saying("told").search(rest) is not None


@functools.cache
def _saying(kind: str) -> re.Pattern[str]:
    """One of the lists of ``sayings.toml``."""
    table = tomllib.loads(resources.files(__package__).joinpath("sayings.toml").read_text(encoding="utf-8"))
    return re.compile(rf"(?<!\w)(?:{'|'.join(table[kind])})(?!\w)", re.IGNORECASE)

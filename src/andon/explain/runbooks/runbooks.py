"""The site's own runbooks: Markdown files with front matter, matched to problems, read again when they change.

A runbook says in its front matter which problems it is for::

    ---
    title: Curing oven, over-temperature trip
    match:                        # every key given must hold; of a list, one entry suffices
      service: oven*              # globs, regardless of case
      host: [oven-1, oven-2]
      code: [F30004, E217]        # alarm codes in the message or in a code field of the context
      text: [over temperature, "/zone [1-6] .*limit/"]   # words, or a /regular expression/
    category: process             # optional, one of finding.CATEGORIES
    severity: ERROR               # optional: never assessed below this
    answer: true                  # optional; false makes it context for the model, never the answer
    ---
    What to do, in Markdown. List items become the checks of the finding.

The most specific runbook wins (a code says more than words, words more than a place), then the first by file name.
A file that cannot be used is reported, never fatal: its last good version stays in force.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import msgspec

from andon.core.models import Explanation, Hint, Question, Rung, Severity, StoredLog
from andon.core.redact import clean, one_numbering, visible
from andon.explain.expressions import TEXT_MAX, Expression, expression
from andon.explain.finding import CATEGORIES, CAUSE_MAX, CHECK_MAX, CHECKS_MAX, SUMMARY_MAX, Finding, worst
from andon.explain.site_files import SiteFiles
from andon.explain.yaml_text import load_yaml

#: Characters of a body that an answer shows.
BODY_MAX = 8_000
HINTS_MAX = 3
_HINT_MAX = 1_500
_EVIDENCE = 3
#: What a key adds to how specific a match is.
_CODE, _REGEX, _WORD, _EXACT_HOST, _EXACT, _GLOB = 100, 20, 10, 8, 6, 3

_FRONT = re.compile(r"---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)(.*)\Z", re.DOTALL)
_ITEM = re.compile(r"\s{0,6}(?:[-*+]|\d{1,2}[.)])\s+(?:\[[ xX]\]\s+)?(.+)")
_MARKS = re.compile(r"\*\*|__|`|^#+\s*|^>\s*")
#: Control characters but line ends and tabs; shown by the symbol that stands for each.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CODE_FIELD = re.compile(r"(?i)code|alarm|error|err(?:no|_?id)|fault|event|exit|status|signal|sqlstate|(?:_|^)id$")
#: A number alone is a code only where a word in front says so.
_INTRODUCED = r"(?:code|error|err|alarm|fault|status|errno|event|exit|trip|warning|id|nr|no|number)\W{0,3}"


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``match`` as written."""

    service: str | list[str] = []
    host: str | list[str] = []
    text: str | list[str] = []
    code: str | list[str] = []


class Front(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The front matter as written; every scalar is text."""

    title: str
    match: Match
    category: str = "unknown"
    severity: Severity | None = None
    answer: str = "true"


class Runbook(NamedTuple):
    """A runbook ready to match. ``source`` is its path as told to people."""

    source: str
    title: str
    body: str
    category: str
    severity: Severity | None
    answer: bool
    service: tuple[str, ...]
    host: tuple[str, ...]
    texts: tuple[Expression, ...]
    codes: tuple[tuple[str, re.Pattern[str]], ...]


class _Seen(NamedTuple):
    """The parts of a problem that runbooks are compared with."""

    service: str
    hosts: tuple[str, ...]
    text: str
    fields: frozenset[str]


class MarkdownRunbooks:
    """The runbooks of ``directory``, which need not exist.

    :meth:`scan` reads files and belongs in a thread; answers come from memory.
    """

    def __init__(self, directory: Path) -> None:
        self._files = SiteFiles(directory, [".md"], "runbook", parse)
        self._books: tuple[Runbook, ...] = ()

    def __len__(self) -> int:
        return len(self._books)

    @property
    def problems(self) -> list[str]:
        """One sentence for each file that cannot be used as it is, by name."""
        return self._files.problems

    def scan(self, *, tell: bool = True) -> bool:
        """Read what is new or changed; forget what is gone; whether there was anything. See :meth:`SiteFiles.scan`."""
        changed = self._files.scan(tell=tell)
        self._books = tuple(runbook for _, runbook in self._files)
        return changed

    def may_answer(self, log: StoredLog) -> bool:
        """Whether some runbook matches a log but for its host, so that its problem is worth a closer look."""
        seen = _seen(log, ())
        return any(book.answer and _score(book._replace(host=()), seen) is not None for book in self._books)

    def explain(self, question: Question) -> Explanation | None:
        """The most specific matching runbook as the answer; None where there is none, or it is only context."""
        started = time.perf_counter()
        matches = self._matches(question)
        if not matches or not _answers(matches[0], question):
            return None
        runbook = matches[0]
        with one_numbering():
            finding = _finding(runbook, question)
        return Explanation(
            rung=Rung.RUNBOOK,
            text=f"{runbook.title}\n{runbook.body}\nFrom the runbook {runbook.source}.",
            finding=finding.model_dump(mode="json"),
            source=runbook.source,
            latency=time.perf_counter() - started,
        )

    def hints(self, question: Question) -> list[Hint]:
        """Matching runbooks as context, most specific first."""
        hints = []
        for book in self._matches(question)[:HINTS_MAX]:
            found = _finding(book, question)
            hint = Hint("runbook", book.source, book.title, book.body[:_HINT_MAX], category=found.category)
            hints.append(msgspec.structs.replace(hint, cause=found.probable_cause, checks=found.checks))
        return hints

    def _matches(self, question: Question) -> list[Runbook]:
        if not self._books or not question.logs:
            return []
        newest = question.logs[0]
        seen = _seen(newest, {newest.hostname, *question.hosts})
        scored = [(score, book) for book in self._books if (score := _score(book, seen)) is not None]
        return [book for _, book in sorted(scored, key=lambda pair: (-pair[0], pair[1].source))]


def _seen(log: StoredLog, hosts: Iterable[str]) -> _Seen:
    return _Seen(
        service=log.service.lower(),
        hosts=tuple(host.lower() for host in hosts),
        text=" ".join(visible(log.message[:TEXT_MAX]).split()),
        fields=code_fields(log.context),
    )


def parse(source: str, content: str) -> Runbook:
    """A file's content as a runbook. Raises ValueError that says what is wrong."""
    parts = _FRONT.match(content.replace("\r\n", "\n"))
    if parts is None:
        raise ValueError("it does not begin with front matter between two lines of ---")
    try:
        data, _ = load_yaml(parts[1], first_line=2)
    except ValueError as error:
        raise ValueError(f"its front matter is not YAML: {error}") from None
    try:
        front = msgspec.convert(data, Front)
    except msgspec.ValidationError as error:
        raise ValueError(f"front matter: {error}") from None
    title, body = " ".join(_shown(front.title).split()), _shown(parts[2]).strip()
    lists = {key: _entries(getattr(front.match, key)) for key in ("service", "host", "text", "code")}
    if not any(lists.values()):
        raise ValueError("match names neither service, host, text nor code")
    if not title or not body:
        raise ValueError("its title or its text is empty")
    if front.category not in CATEGORIES:
        raise ValueError(f"category {front.category!r} is not one of {', '.join(CATEGORIES)}")
    if front.answer.lower() not in ("true", "false", "yes", "no"):
        raise ValueError(f"answer is {front.answer!r}: write true or false")
    return Runbook(
        source=source,
        title=title[:SUMMARY_MAX],
        body=body if len(body) <= BODY_MAX else body[: BODY_MAX - 1].rstrip() + "…",
        category=front.category,
        severity=front.severity,
        answer=front.answer.lower() in ("true", "yes"),
        service=tuple(glob.lower() for glob in lists["service"]),
        host=tuple(glob.lower() for glob in lists["host"]),
        texts=tuple(expression(text) for text in lists["text"]),
        codes=tuple((code.lower(), code_pattern(code)) for code in lists["code"]),
    )


def _entries(value: str | list[str]) -> list[str]:
    entries = [value] if isinstance(value, str) else value
    return [entry.strip() for entry in entries if entry.strip()][:100]


def _shown(text: str) -> str:
    """``text`` with its control characters visible and those that cannot be seen left out."""
    return visible(_CONTROL.sub(lambda match: chr(0x2400 + ord(match[0])) if match[0] < " " else "\u2421", text))


def code_pattern(code: str) -> re.Pattern[str]:
    """Where ``code`` stands in a message: as a token of its own, a mere number only behind a word such as error."""
    lead = _INTRODUCED if code.isdigit() else ""
    return re.compile(rf"(?<![A-Za-z0-9]){lead}{re.escape(code)}(?![A-Za-z0-9])", re.IGNORECASE)


def code_fields(context: str | None) -> frozenset[str]:
    """The values, in lower case, of the context's fields that hold codes; nested objects one level deep."""
    if not context:
        return frozenset()
    try:
        data = msgspec.json.decode(context[:65_536])
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return frozenset()
    if not isinstance(data, dict):
        return frozenset()
    pairs = [(str(key), value) for key, value in list(data.items())[:200]]
    pairs += [(f"{k}_{i}", v) for k, inner in pairs if isinstance(inner, dict) for i, v in list(inner.items())[:50]]
    return frozenset(
        str(value).strip().lower()
        for key, value in pairs
        if isinstance(value, str | int) and not isinstance(value, bool) and _CODE_FIELD.search(key)
    )


def _score(book: Runbook, seen: _Seen) -> float | None:
    """How specifically ``book`` fits; None where one of its keys does not hold."""
    score = 0.0
    for globs, values, exact in ((book.service, (seen.service,), _EXACT), (book.host, seen.hosts, _EXACT_HOST)):
        if globs:
            fitting = [glob for glob in globs if any(fnmatchcase(value, glob) for value in values)]
            if not fitting:
                return None
            score += max(_GLOB if any(c in "*?[" for c in glob) else exact for glob in fitting)
    if book.codes:
        if not any(code in seen.fields or pattern.search(seen.text) for code, pattern in book.codes):
            return None
        score += _CODE
    if book.texts:
        found = [text for text in book.texts if text.search(seen.text)]
        if not found:
            return None
        score += max(_REGEX if text.is_regex else _WORD * min(text.words, 8) for text in found)
    return score


def _answers(book: Runbook, question: Question) -> bool:
    """Whether the best match may be the answer; one for certain hosts must be for all that have the problem."""
    if not book.answer:
        return False
    return not book.host or all(any(fnmatchcase(host.lower(), g) for g in book.host) for host in question.hosts)


def _finding(book: Runbook, question: Question) -> Finding:
    lines = [_MARKS.sub("", line).strip() for line in book.body.splitlines()]
    items = [_MARKS.sub("", item[1]).strip() for line in book.body.splitlines() if (item := _ITEM.match(line))]
    prose = " ".join(line for line in lines if line and not _ITEM.match(line))
    checks = [clean(item, CHECK_MAX) for item in items if item] or [clean(line, CHECK_MAX) for line in lines if line]
    return Finding(
        summary=book.title,
        category=book.category,  # type: ignore[arg-type]  # checked when the file was read
        probable_cause=clean(prose, CAUSE_MAX) or f"See the runbook {book.source}."[:CAUSE_MAX],
        checks=checks[:CHECKS_MAX] or [f"Follow the runbook {book.source}."[:CHECK_MAX]],
        severity_assessed=worst(question, book.severity),
        confidence="high",
        evidence=[entry.id for entry in question.logs[:_EVIDENCE]],
        enough_evidence=True,
    )

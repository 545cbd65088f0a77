"""Stack traces: many lines of which three facts name the problem.

Python, Java, .NET, Node.js and Go. A trace becomes one line: what was said before it, the outermost exception with
its message, the root cause with its message, and the innermost functions of the root cause. Line numbers, files
and addresses are left out; where it was thrown from stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from andon.grouping.mask import FRAMES

#: Joins outermost exception and root cause.
CAUSED_BY = " | caused by "
#: How many functions of the root cause are identity.
TOP_FRAMES = 3
_MESSAGE_LIMIT = 400
_MAX_LINES = 600

_HINTS = ("Traceback (most recent call last)", "\tat ", "\n    at ", "\n   at ", "\n  at ", "\ngoroutine ")
_PYTHON_FRAME = re.compile(r"\s*(?:\|\s*)?File \"([^\"]{0,400})\", line \d+(?:, in (\S{1,200}))?")
_AT_FRAME = re.compile(r"\s+at (?:async )?(?:new )?([^\s(]{1,200})(?: \[as [^\]]{1,80}\])?(?: ?\(|$| in )")
_EXCEPTION = re.compile(r"((?:[A-Za-z_][\w$]{0,80}[.:/]{1,2}){0,12}[A-Z][\w$`]{0,80})(?::\s?(.*))?$")
_FAULT_NAME = re.compile(r"(?:Exception|Error|Fault|Failure|Warning|Throwable|Interrupt|Exit|Timeout|Iteration)$")
_THREAD = re.compile(
    r"(?:Exception in thread|Unhandled exception[.:]?|Uncaught)\s(?:\"[^\"]{0,80}\"\s)?", re.IGNORECASE
)
_CAUSE = re.compile(r"\s*(?:Caused by: |--->\s?|\[cause\]: )(.*)")
_DIGITS = re.compile(r"\d+")
_PLACE = re.compile(r"(?::\d+)+$")
_GO_FUNCTION = re.compile(r"((?:[\w.\-]{1,80}/){0,12}[\w.\-*()\[\]]{1,120})\(.{0,400}\)$")


class _Failure(msgspec.Struct):
    """One exception of a chain; ``frames`` innermost first."""

    text: str
    frames: list[str]


def condense(text: str) -> str | None:
    """The one-line form of the stack trace in ``text``, None where it holds none.

    Escaped line ends (a trace logged as one line) count as line ends.
    """
    if "\n" not in text:
        if "\\n" not in text:
            return None
        text = text.replace("\\r", "").replace("\\n", "\n").replace("\\t", "\t")
    if not any(hint in text for hint in _HINTS):
        return None
    lines = [line.rstrip() for line in text.split("\n", _MAX_LINES)[:_MAX_LINES]]
    if "Traceback (most recent call last)" in text:
        return _render(*_python(lines))
    if "\ngoroutine " in text or text.startswith("goroutine "):
        return _render(*_go(lines))
    return _render(*_at_style(lines))


def _render(lead: str, chain: list[_Failure]) -> str | None:
    """``chain`` is ordered from the outermost to the root cause."""
    chain = [failure for failure in chain if failure.text or failure.frames]
    if not chain or not any(failure.frames for failure in chain):
        return None
    outer, root = chain[0], chain[-1]
    parts = [text for text in (lead, outer.text) if text]
    head = ": ".join(parts) if lead and not lead.endswith(":") else " ".join(parts)
    if root is not outer and root.text:
        head += CAUSED_BY + root.text
    frames = root.frames or next(failure.frames for failure in reversed(chain) if failure.frames)
    return head + FRAMES + ", ".join(_distinct(frames))


def _distinct(frames: Iterable[str]) -> list[str]:
    """The first frames; a function that calls itself counts once, however deep it went and whatever its digits."""
    top: list[str] = []
    for frame in frames:
        name = _DIGITS.sub("#", _PLACE.sub("", frame))  # lambda$run$3 is named by its compiler, not by people
        if name not in top:
            top.append(name)
            if len(top) == TOP_FRAMES:
                break
    return top


def _python(lines: list[str]) -> tuple[str, list[_Failure]]:
    lead = ""
    failures: list[_Failure] = []
    frames: list[str] | None = None
    for line in lines:
        if "Traceback (most recent call last)" in line:
            if not failures and frames is None:
                lead = lead or line.partition("Traceback (most")[0].strip()
            frames = []
        elif frames is None:
            lead = lead or (line.strip() if not failures else "")
        elif match := _PYTHON_FRAME.match(line):
            module = re.split(r"[\\/]", match[1])[-1].removesuffix(".py")
            frames.append(f"{module}.{match[2] or '<module>'}")
        elif line and not line[0].isspace():
            failures.append(_Failure(line[:_MESSAGE_LIMIT], frames[::-1]))
            frames = None
    if frames:
        failures.append(_Failure("", frames[::-1]))
    # Python prints the cause first and what followed from it last.
    return lead, failures[::-1]


def _at_style(lines: list[str]) -> tuple[str, list[_Failure]]:
    """Java, .NET and Node.js: ``at function(place)`` below the exception, causes below that."""
    lead = ""
    chain: list[_Failure] = []
    ended_inner = False
    for line in lines:
        if match := _AT_FRAME.match(line):
            if not chain:
                chain.append(_Failure(lead, []))
                lead = ""
            if not ended_inner:
                chain[-1].frames.append(match[1].rpartition("/")[2])
        elif line.lstrip().startswith("--- End of inner"):
            ended_inner = True  # what follows belongs to the exceptions further out
        elif match := _CAUSE.match(line):
            chain += _arrows(match[1])
            ended_inner = False
        elif not chain and line.strip():
            before, failure = _headline(line.strip())
            if failure:
                lead = lead or before
                chain += _arrows(failure)
            else:
                lead = lead or before
    return lead[:_MESSAGE_LIMIT], chain


def _arrows(text: str) -> list[_Failure]:
    """.NET writes causes into the headline: ``Outer: message ---> Inner: message``."""
    return [_Failure(part.strip()[:_MESSAGE_LIMIT], []) for part in text.split(" ---> ", 8)]


def _headline(line: str) -> tuple[str, str]:
    """(what stands before the exception, the exception with its message) of a line; the latter may be ''."""
    stripped = _THREAD.sub("", line, count=1)
    position = 0
    for _ in range(6):
        match = _EXCEPTION.match(stripped, position)
        if match and _FAULT_NAME.search(match[1]):
            return stripped[:position].rstrip(": "), stripped[position:]
        following = stripped.find(" ", position)
        colon = stripped.find(": ", position)
        position = colon + 2 if colon >= 0 else following + 1
        if position <= 0 or position >= len(stripped):
            break
    return (stripped, "") if stripped == line else ("", stripped)


def _go(lines: list[str]) -> tuple[str, list[_Failure]]:
    lead, frames = "", []
    running = False
    for number, line in enumerate(lines):
        if line.startswith("goroutine "):
            if running:
                break
            running = True
        elif not running:
            lead = lead or line.strip()[:_MESSAGE_LIMIT]
        elif number + 1 < len(lines) and lines[number + 1].startswith("\t") and (match := _GO_FUNCTION.match(line)):
            function = match[1].rpartition("/")[2]
            if not function.startswith(("runtime.", "panic")):
                frames.append(function)
    return "", [_Failure(lead, frames)]

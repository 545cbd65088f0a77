"""The exception in a log's context, as one text in a form that :mod:`andon.grouping.traces` reads.

Loggers write it as text, as an object of type, message and stack, as a list of frames, or in several fields beside each
other. Which fields they are stands in :data:`andon.ingest.fields.TABLE`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from andon.ingest.fields import TABLE

# Parts of an exception by the last part of their name, in lower case and without punctuation.
_ROLES = {
    "type": "type name class classname exceptionclass exctype exceptiontype errortype kind",
    "text": """message msg value excvalue exceptionmessage errormessage localizedmessage description detail reason text
        error""",
    "stack": """stack stacktrace stacktracestring trace traceback backtrace frames extendedstacktrace steparray
        callstack""",
    "cause": "cause causedby inner innerexception previous",
}
_PARTS = {name: role for role, names in _ROLES.items() for name in names.split()}
NAMES = tuple(dict.fromkeys(alias.name.lower() for alias in TABLE if alias.meaning == "exception"))
#: Fields beside each other that are parts of one exception; stacks; the others without a dot are whole exceptions.
_LONE = (
    "exception_class", "exception_type", "exception_message",
    "errortype", "error_type", "errormessage", "error_message",
)  # fmt: skip
_STACKS = tuple(name for name in NAMES if _PARTS.get(name.replace("_", "")) == "stack")
_WHOLE = tuple(name for name in NAMES if "." not in name and name not in _LONE + _STACKS)
#: Objects that hold the fields of a log, its exception among them.
_WITHIN = frozenset(name.split(".")[0] for name in NAMES if "." in name) - frozenset(_WHOLE)
_QUICK = frozenset(
    form
    for alias in TABLE
    if alias.meaning == "exception"
    for name in (alias.name, alias.name.split(".")[0])
    for form in (name, name.lower(), name.upper(), name.title(), name.title().replace("_", ""))
)

#: What stands in a field of an exception where there is none.
NOTHING = frozenset(
    (
        *("", "none", "null", "nil", "false", "true", "no", "yes", "ok", "success", "undefined", "n/a", "unknown"),
        *("no error", "no errors", "no fault", "kein fehler", "keine", "kein", "ninguno", "sin error", "aucune"),
        *("nessuno", "无", "正常", "なし", "없음"),
    )
)
_TRACE = re.compile(r"Traceback \(most recent call last\)|\n\s+at \S|(?:^|\n)goroutine \d+ \[")
_GO = re.compile(r"^(\S[^\n]{0,200}?)(?:\([^()\n]{0,200}\))?\n\t(\S{1,300}?:\d+)(?: \+0x[0-9a-f]+)?$", re.MULTILINE)
_RUBY = re.compile(r"^\s*(?:from )?(\S{1,300}?:\d+):in [`'](?:[^'\n]{0,100} )?([^'\s]{1,200})'$", re.MULTILINE)
_PHP = re.compile(r"^#\d+ (\S{1,300}\(\d+\)|\[internal function\]): ([^\s(]{1,200})\(.*$", re.MULTILINE)
_PLACE = re.compile(r"^(\S{1,300}:\d+)$")
_FRAME = re.compile(r"\s*(?:at \S|File \"|\.\.\. \d+|\|)")
_FAULT = re.compile(
    r"(?:[A-Za-z_][\w$.:/]{0,120})?(?:Exception|Error|Fault|Failure|Warning|Throwable|Interrupt|Exit|Timeout|Iteration)(?::|$)"
)
NAMESPACE = re.compile(r"(?<=\w)\\(?=[A-Z]\w*)")
_PUNCTUATION = re.compile(r"[^a-z0-9]+")
_DEEPEST = 8
_MOST_FRAMES = _MOST_FIELDS = 200
_HOLDERS = (dict, list)


class Failure(msgspec.Struct, gc=False):
    """An exception: its type, what it says, its stack as text (with its headline), and what caused it."""

    type: str = ""
    text: str = ""
    stack: str = ""

    @property
    def headline(self) -> str:
        """``type: text``, as far as they are known; else what the stack says."""
        return ": ".join(part for part in (self.type, self.text) if part) or _headline(self.stack)

    @property
    def trace(self) -> str:
        """The whole of it."""
        return self.stack or self.headline


def holds_trace(text: str) -> bool:
    """Whether a text has the stack of an exception in it."""
    return _TRACE.search(text) is not None


def failure_of(context: Mapping[str, Any] | None, text: str) -> Failure | None:
    """The exception that ``context`` (``text`` is its JSON) tells of, None where there is none. Never raises."""
    if not context:
        return None
    named = None if _QUICK.isdisjoint(context) else _named(context)
    if (named and named.headline) or ("tack" not in text and "race" not in text):
        return named
    return _inside(context, 0) or named


def _named(context: Mapping[str, Any]) -> Failure | None:
    """The exception in the fields that the table names."""
    fields: dict[str, Any] = {}
    for name, value in _fields(context):
        fields.setdefault(name, value)
    found = Failure()
    for name in _WHOLE:
        value = fields.get(name)
        parts = {key[len(name) + 1 :]: one for key, one in fields.items() if key.startswith(name + ".")}
        if parts and not isinstance(value, dict):
            _add(found, _from_object(parts, 0))
        _add(found, _read(value))
    _add(found, _from_object({name: fields[name] for name in (*_LONE, *_STACKS) if name in fields}, 0))
    text = fields.get("text")
    if found.type and not found.stack and isinstance(text, str) and "Traceback (most recent call last)" in text:
        found.stack = text[text.index("Traceback (most") :].replace("\n> File", "\n  File").strip()  # loguru
    return found if found.type or found.text or found.stack else None


def _inside(value: Any, depth: int) -> Failure | None:
    """An exception with a stack in whatever object holds it: loggers nest a program's own fields under any name."""
    for one in islice(value.values() if isinstance(value, dict) else value, _MOST_FIELDS):
        if not isinstance(one, _HOLDERS):
            continue
        if isinstance(one, dict) and any(_PARTS.get(_PUNCTUATION.sub("", name.lower())) == "stack" for name in one):
            found = _from_object(one, 0)
            if found and (_TRACE.search(found.stack) or "\n    at " in found.stack):
                return found
        if depth < _DEEPEST and (found := _inside(one, depth + 1)):
            return found
    return None


def _fields(context: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields that may be (part of) an exception, in lower case; those inside of objects that hold fields too."""
    for name, value in context.items():
        low = name.lower()
        if low in _WITHIN and isinstance(value, dict):
            yield from ((inner.lower(), one) for inner, one in value.items())
        elif low == "full_message" and not (isinstance(value, str) and _TRACE.search(value)):
            continue
        yield low, value


def _add(found: Failure, other: Failure | None) -> None:
    """Take from ``other`` what is not known yet; a type and a text of two exceptions never make one."""
    if other is None:
        return
    if not (found.type or found.text):
        found.type, found.text = other.type, other.text
    if not found.stack and other.stack:
        found.stack = other.stack
        head = ": ".join(part for part in (found.type, found.text) if part)
        if head and _FRAME.match(found.stack.lstrip("\n")):
            found.stack = f"{_fault(head)}\n{found.stack}"


def _read(value: Any, depth: int = 0) -> Failure | None:
    """``value`` as an exception, whatever its form."""
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in NOTHING or not any(map(str.isalpha, text)):
            return None
        text = _uniform(text)
        return Failure(stack=text) if _TRACE.search(text) else Failure(text=text)
    if isinstance(value, dict):
        return _from_object(value, depth) if value.keys() != {"exception"} else _read(value["exception"], depth)
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        chain = [one for one in value[:_DEEPEST] if {"exc_type", "exc_value", "values", "value"} & one.keys()]
        if chain:  # the outermost first; Python prints it last
            found = [one for one in (_from_object(item, depth) for item in chain) if one]
            stacks = [one.stack for one in reversed(found) if one.stack]
            return Failure(found[0].type, found[0].text, "\n\n".join(stacks)) if found else None
    return Failure(stack=stack) if isinstance(value, list) and (stack := _frames(value)) else None


def _from_object(value: Mapping[str, Any], depth: int) -> Failure | None:
    if isinstance(value.get("values"), list):  # Sentry's: the cause first
        return _read(value["values"][::-1], depth)
    parts: dict[str, Any] = {}
    for name, one in value.items():
        role = _PARTS.get(_PUNCTUATION.sub("", name.lower().rpartition(".")[2]))
        if role and one not in (None, "", [], {}) and not (role == "text" and str(one).strip().lower() in NOTHING):
            parts.setdefault(role, one)
    kind = parts.get("type")
    said = parts.get("text")
    found = Failure(kind if isinstance(kind, str) else "", said if isinstance(said, str) else "")
    if not (found.type or found.text) and isinstance(value.get("code"), str):
        found.text = str(value["code"])
    stack = parts.get("stack")
    if isinstance(stack, dict):  # Sentry's
        stack = stack.get("frames")
    rendered = ""
    if isinstance(stack, str) and not stack.startswith("Stack (most recent"):  # where it was logged
        text = _uniform(stack.strip("\r\n").removeprefix(": "))
        rendered = text if "\n" in text or _FRAME.match(text) else ""
    elif isinstance(stack, list):
        rendered = _frames(stack)
    if rendered:
        found.stack = _headed(found, rendered)
    cause = _read(parts["cause"], depth + 1) if "cause" in parts and depth < _DEEPEST else None
    if cause and cause.headline and cause.headline not in found.stack:
        found.stack = f"{found.stack or found.headline}\nCaused by: {cause.trace}"
    return found if found.type or found.text or found.stack else None


def _headed(found: Failure, rendered: str) -> str:
    """A stack with what was thrown, where it does not say that itself."""
    if rendered.lstrip().startswith("File "):
        return f"Traceback (most recent call last):\n{rendered}\n{found.headline or 'Error'}"
    if not _FRAME.match(rendered) or not (found.type or found.text):
        return rendered
    return f"{_fault(found.headline)}\n{rendered}"


def _fault(headline: str) -> str:
    """A headline that is known for one: by the name of a fault, with dots in it."""
    headline = NAMESPACE.sub(".", headline)
    return headline if _FAULT.match(headline) or _FRAME.match(headline) else f"Error: {headline}"


def _frames(items: list[Any]) -> str:
    """Frames as lines: as Python prints them where they are like Python's (innermost last), else ``at …``."""
    lines = []
    for item in items[:_MOST_FRAMES]:
        if isinstance(item, str):
            line = _PLACE.sub(r"    at \1", _uniform(item.strip("\r\n")))
            lines.append(line if line[:1].isspace() else f"    {line}" if line.startswith("at ") else line)
            continue
        if not isinstance(item, dict):
            return ""
        part = {_PUNCTUATION.sub("", name.lower()): one for name, one in item.items()}
        file = _first(part, "filename", "file", "source", "path", "abspath", "modulename")
        line = _first(part, "lineno", "line", "linenumber")
        function = _first(part, "function", "func", "name", "method", "methodname")
        owner = _first(part, "class", "classname", "module") if "method" in part or "methodname" in part else ""
        if not function and not file:
            return ""
        if "lineno" in part:
            lines.append(f'  File "{file}", line {line}, in {function or "<module>"}')
        else:
            lines.append(f"    at {owner and owner + '.'}{function.replace(' ', '_') or file} ({file}:{line})")
    text = "\n".join(lines)
    return text if _FRAME.match(text) or _TRACE.search(text) or "\n" in text else ""


def _first(part: Mapping[str, Any], *names: str) -> str:
    return next((str(part[name]) for name in names if part.get(name) not in (None, "")), "")


def _uniform(text: str) -> str:
    """Stacks of Go, Ruby and PHP in the form ``at function (place)``; other texts as they are."""
    if _TRACE.search(text):
        return text
    if "\n\t" in text:
        text = _GO.sub(lambda m: f"    at {re.sub('[()]', '', m[1])} ({m[2]})", text)
    if ":in " in text:
        text = _RUBY.sub(r"    at \2 (\1)", text)
    if "#0 " in text:
        text = _PHP.sub(r"    at \2 (\1)", text)
    head, line_end, rest = text.partition("\n")
    return _fault(head) + line_end + rest if _TRACE.search(text) else text


def _headline(stack: str) -> str:
    """The line of a stack that says what was thrown."""
    lines = [line for line in stack.splitlines() if line.strip()]
    if "Traceback (most recent call last)" in stack:
        last = max((number for number, line in enumerate(lines) if line.lstrip().startswith("File ")), default=0)
        lines = [line for line in lines[last + 1 :] if not line[0].isspace()]
    return next((line.strip() for line in lines if not _FRAME.match(line)), "")

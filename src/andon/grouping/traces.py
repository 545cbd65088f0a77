"""Stack traces: many lines of which three facts name the problem.

Python (with exception groups, loguru and rich), Java, .NET, Node.js, Go, Rust, Ruby, PHP, Elixir, Lua, C and the
kernel. A trace becomes one line: what was said before it, the outermost exception with its message, the root cause
(of a group: each exception in it) with its message, and the innermost functions of the root cause. Line numbers, files
and addresses are left out, and so is what compilers and proxies put into names; where it was thrown from stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import msgspec

from andon.core.late_patterns import late
from andon.grouping.mask import FRAMES

#: Joins outermost exception and root cause.
CAUSED_BY = " | caused by "
#: Joins the exceptions of a group.
WITH = " | with "
#: How many functions of the root cause are identity.
TOP_FRAMES = 3
_MESSAGE_LIMIT = 400
_MAX_LINES = 600
# At most this many exceptions of a group are told apart.
_MAX_PARTS = 8

_TRACEBACK = "Traceback (most recent call last)"
_PYTHON_FRAME = late(r"[>\s]*File \"([^\"]{0,400})\", line \d+(?:, in (\S{1,200}))?|│ (\S{1,300}):\d+ in (\S{1,200})")
_GROUP = late(r"\s\(\d+ sub-exceptions?\)$")
_GROUP_RULE = late(r"\s*\+(?:-\+)?-{4,}(?: (?:\d+|\.\.\.) -+)?$")
_GROUP_MARGIN = late(r"\s*[|+] ?")
_AT = late(r"\n[ \t]+(?:at [^\n]{0,200}?(?:[(/<]|:\d|\.\w)|(?:bei|à|en|в|場所|在) [\w.<>`$+\[\],]{3,200}\()")
_AT_FRAME = late(
    r"\s+(?:at (?:async )?(?:new )?([^\s(]{1,200})(?: \[as [^\]]{1,80}\])?(?: ?\(|$| in )"
    r"|(?:bei|à|en|в|場所|在) ([\w.<>`$+\[\],]{3,200})\()"
)
_EXCEPTION = late(r"((?:[A-Za-z_][\w$]{0,80}[.:/]{1,2}){0,12}[A-Z][\w$`]{0,80})(?::\s?(.*))?$")
_FAULT_NAME = late(r"(?:Exception|Error|Fault|Failure|Warning|Throwable|Interrupt|Exit|Timeout|Iteration)$")
_THREAD = late(r"(?:Exception in thread|Unhandled exception[.:]?|Uncaught)\s(?:\"[^\"]{0,80}\"\s)?", re.IGNORECASE)
_CAUSE = late(r"(\s*)(?:Caused by: |--->\s?|\[?cause\]?: |Wrapped by: |(Suppressed: ))(.*)")
_DIGITS = late(r"\d+")
_PLACE = late(r"(?::\d+)+$")
# What the JVM's libraries and Rust's compiler add to names, and the calls that come and go as code gets warm.
_GENERATED = late(
    r"(\$\$Lambda)[^.\s]*|((?:EnhancerBy|FastClassBy)\w+|SpringCGLIB|HibernateProxy|ByteBuddy|MockitoMock|auxiliary)\$+\w+"
    r"|(_\$\$_jvst|_\$\$_javassist_)\w+|::h[0-9a-f]{16}$|[/@](?:0x)?[0-9a-f]{6,}(?=[.\s]|$)"
)
_REFLECTION = late(
    r"(?:java\.lang\.reflect|(?:jdk\.internal|sun)\.reflect|java\.lang\.invoke|jdk\.internal\.vm)\.|jdk\.proxy\d|.*\$Proxy\d"
)
_GO_FUNCTION = late(r"((?:[\w.\-]{1,80}/){0,12}[\w.\-*()\[\]]{1,120}?)(?:\([^()]{0,400}\))?$")
_GO_FILE = late(r"\t\S.{0,400}\.(?:go|s):\d+")
_LINE_ENDS = (("\\r", ""), ("\\n", "\n"), ("\\t", "\t"), ("#015", ""), ("#012", "\n"), ("#011", "\t"))


class _Failure(msgspec.Struct):
    """One exception of a chain; ``frames`` innermost first."""

    text: str
    frames: list[str]


class _Listing(msgspec.Struct, frozen=True):
    """A language that lists its functions one a line, innermost first, below what happened.

    ``hint`` stands in every such text; ``frame`` finds the name of a function in a line; ``within`` names functions
    that are part of reporting the failure.
    """

    hint: str
    frame: re.Pattern[str]
    within: re.Pattern[str] = re.compile(r"(?!)")


_LISTINGS = (
    _Listing(
        "tack backtrace:",  # Rust, and its anyhow
        late(r"\s{1,6}\d+:\s+(?:0x[0-9a-f]+ - )?([\w<].{0,300})"),
        late(r"_?rust_|__rust|<?(?:std|core|alloc|backtrace)::|<.{1,80} as core::|_?start|main$|__libc"),
    ),
    _Listing(".rb:", late(r"\s*(?:from )?\S{1,300}\.rb:\d+:in [`'](?:block .{0,40}in )?([^']{1,200})'")),  # Ruby
    _Listing("\n#0 ", late(r"\s*#\d+ (?:\S{1,300}\(\d+\)|\[internal function\]): ([\w\\:>{}\-]{1,200})")),  # PHP
    _Listing(
        "#0",  # debuggers and sanitizers
        late(r"\s*#\d+\s+(?:0x[0-9a-f]+ (?:in )?)?([\w:~<>.]{1,200})\s?(?:\(| /)"),
        late(r"_*(?:GI_)?(?:raise|abort|libc_|assert|pthread_kill)|__interceptor"),
    ),
    _Listing(")[0x", late(r"\S{0,300}\((\w{1,200})\+0x[0-9a-f]+\)\s?\[0x")),  # glibc
    _Listing(") [0x", late(r"\S{0,300}\((\w{1,200})\+0x[0-9a-f]+\)\s?\[0x")),
    _Listing(
        "Call Trace:",  # the kernel
        late(
            r"(?:\S{1,20}\s)?(?:\[[\s\d.]{1,20}\])?\s*(?:RIP: \w+:|\[<[0-9a-f]+>\] )?"
            r"(?!\? )([\w.]{1,200})\+0x[0-9a-f]+/0x"
        ),
        late(r"dump_stack|show_stack|__warn|report_bug|panic$|die$|oops_"),
    ),
    _Listing("stack traceback:", late(r"\s.{0,300}: in (?:function|method|upvalue|field|local) ['<]([^'>]{1,200})")),
    _Listing(".ex", late(r"\s+\([\w.]{1,60} [\w.\-+]{1,60}\) \S{1,300}:\d+: (\S{1,200})")),  # Elixir
)
# Lines between what happened and the functions that say nothing.
_HEADING = late(
    r"\W*(?:stack ?(?:back)?trace(?:back)?|call trace|backtrace|note: run with.*|modules linked in.*|<TASK>)\W*$",
    re.IGNORECASE,
)
_RUBY_HEAD = late(r"\s*\S{1,300}\.rb:\d+:in [`'][^']{1,200}': (.*)")


def condense(text: str) -> str | None:
    """The one-line form of the stack trace in ``text``, None where it holds none.

    Escaped line ends (a trace logged as one line, by whom ever: ``\\n`` or rsyslog's ``#012``) count as line ends.
    """
    if "\n" not in text:
        for escaped, end in _LINE_ENDS:
            text = text.replace(escaped, end)
        if "\n" not in text:
            return None
    if (parse := _parser(text)) is None:
        return None
    return parse([line.rstrip() for line in text.split("\n", _MAX_LINES)[:_MAX_LINES]])


def _parser(text: str) -> Callable[[list[str]], str | None] | None:
    if "Exception Group " + _TRACEBACK in text:
        return _groups
    if _TRACEBACK in text:
        return lambda lines: _render(*_python(lines))
    if "\ngoroutine " in text or text.startswith("goroutine ") or (".go:" in text and _GO_FILE.search(text)):
        return lambda lines: _render(*_go(lines))
    for listing in _LISTINGS:
        if listing.hint in text:
            lines = text.split("\n", _MAX_LINES)
            if sum(listing.frame.match(line) is not None for line in lines) > (listing.hint in (".ex", ".rb:", "#0")):
                return lambda lines, listing=listing: _render(*_listed(lines, listing))  # type: ignore[misc]
    if _AT.search(text):
        return lambda lines: _render(*_at_style(lines))
    return None


def _render(lead: str, chain: list[_Failure]) -> str | None:
    """``chain`` is ordered from the outermost to the root cause."""
    chain = [failure for failure in chain if failure.text or failure.frames]
    if not chain or not any(failure.frames for failure in chain):
        return None
    outer, root = chain[0], chain[-1]
    head = _headed(lead, outer.text)
    if root is not outer and root.text:
        head += CAUSED_BY + root.text
    frames = root.frames or next(failure.frames for failure in reversed(chain) if failure.frames)
    return head + FRAMES + ", ".join(_distinct(frames))


def _headed(lead: str, text: str) -> str:
    parts = [part for part in (lead, text) if part]
    return ": ".join(parts) if lead and not lead.endswith(":") else " ".join(parts)


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
    lead, margin = "", 0
    failures: list[_Failure] = []
    frames: list[str] | None = None
    for line in lines:
        if _TRACEBACK in line:
            before = line.partition("Traceback (most")[0].removesuffix("Exception Group ")
            margin = 0 if before.strip(" \t|+") else len(before)  # loggers indent, groups draw a line beside
            if not failures and frames is None:
                lead = lead or before.strip(" \t|+╭─")
            frames = []
            continue
        line = line[margin:] if not line[:margin].strip(" \t|") else line
        if frames is None:
            lead = lead or (line.strip() if not failures else "")
        elif match := _PYTHON_FRAME.match(line):
            module = re.split(r"[\\/]", match[1] or match[3])[-1].removesuffix(".py")
            frames.append(f"{module}.{match[2] or match[4] or '<module>'}")
        elif line and not line[0].isspace() and line[0] not in "│╭╰":
            failures.append(_Failure(line[:_MESSAGE_LIMIT], frames[::-1]))
            frames = None
    if frames:
        failures.append(_Failure("", frames[::-1]))
    # Python prints the cause first and what followed from it last.
    return lead[:_MESSAGE_LIMIT], failures[::-1]


def _groups(lines: list[str]) -> str | None:
    """An exception group: its own text and every exception in it, in an order that does not depend on chance."""
    sections: list[list[str]] = [[]]
    for line in lines:
        if _GROUP_RULE.match(line):
            sections.append([])
        else:
            inside = "Exception Group " in line or len(sections) > 1 or any(_TRACEBACK in one for one in sections[0])
            sections[-1].append(_GROUP_MARGIN.sub("", line, count=1) if inside else line)
    lead, outer = _python(sections[0])
    parts: dict[str, _Failure] = {}
    for section in sections[1:]:
        _, chain = _python(section)
        if not chain and (said := [line for line in section if line.strip()]):
            chain = [_Failure(said[0].strip()[:_MESSAGE_LIMIT], [])]
        if not chain or _GROUP.search(chain[0].text):
            continue  # a group in the group: its exceptions follow
        root = chain[-1]
        text = chain[0].text + (CAUSED_BY + root.text if root is not chain[0] and root.text else "")
        parts.setdefault(_DIGITS.sub("#", text), _Failure(text, root.frames))
    inner = [parts[text] for text in sorted(parts)[:_MAX_PARTS]]
    frames = next((one.frames for one in (*inner, *outer) if one.frames), [])
    own = _GROUP.sub("", outer[0].text) if outer else ""
    told = WITH.join((_headed(lead, own), *(part.text for part in inner)))
    return told + FRAMES + ", ".join(_distinct(frames)) if frames else told


def _at_style(lines: list[str]) -> tuple[str, list[_Failure]]:
    """Java, .NET and Node.js: ``at function(place)`` below the exception, causes below that."""
    lead = ""
    chain: list[_Failure] = []
    ended_inner, suppressed = False, -1
    for line in lines:
        if match := _AT_FRAME.match(line):
            if not chain:
                chain.append(_Failure(lead, []))
                lead = ""
            if not ended_inner and suppressed < 0:
                chain[-1].frames.append(_named(match[1] or match[2]))
        elif line.lstrip().startswith("--- End of inner"):
            ended_inner = True  # what follows belongs to the exceptions further out
        elif match := _CAUSE.match(line):
            if match[2]:
                suppressed = len(match[1]) if suppressed < 0 else suppressed
            elif suppressed < 0 or len(match[1]) < suppressed:
                chain += _arrows(match[3])
                ended_inner, suppressed = False, -1
        elif line.strip() and not (chain and (chain[-1].frames or line[0].isspace())):
            before, failure = _headline(line.strip())
            if not failure:
                lead = lead or (before if not chain else "")
            elif not chain or not before:  # what looked like the exception before was the text that led to it
                lead = _headed(lead, chain[0].text) if chain and not chain[0].text.endswith(failure) else lead or before
                chain = _arrows(failure)
    if any(line.startswith("Wrapped by: ") for line in lines):
        chain.reverse()
    for one in chain:
        one.frames = [name for name in one.frames if not _REFLECTION.match(name)] or one.frames
    return lead[:_MESSAGE_LIMIT], chain


def _named(function: str) -> str:
    """A function without its module, and without what differs from one start of the program to the next."""
    function = _GENERATED.sub(lambda match: match[1] or match[2] or match[3] or "", function)
    return function.rpartition("/")[2]


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
    """What Go prints of a panic, and what its loggers write below a message: functions above their files."""
    lead: list[str] = []
    frames: list[str] = []
    running = False
    for number, line in enumerate(lines):
        if line.startswith("goroutine "):
            if running:
                break
            running = True
        elif number + 1 < len(lines) and _GO_FILE.match(lines[number + 1]) and (match := _GO_FUNCTION.match(line)):
            running = True
            function = match[1].rpartition("/")[2]
            if not function.startswith(("runtime.", "panic")):
                frames.append(function)
        elif not running and line.strip() and len(lead) < 3:
            lead.append(line.strip())
    return "", [_Failure(" ".join(lead)[:_MESSAGE_LIMIT], frames)]


def _listed(lines: list[str], listing: _Listing) -> tuple[str, list[_Failure]]:
    said: list[str] = []
    frames: list[str] = []
    for line in lines:
        if match := listing.frame.match(line):
            if not frames and (head := _RUBY_HEAD.match(line)):
                said.append(head[1])
            name = _GENERATED.sub("", match[1])
            if not listing.within.match(name) or not frames:
                frames.append(name)
        elif not frames and line.strip() and len(said) < 4 and not _HEADING.match(line):
            said.append(line.strip())
    frames = [name for name in frames if not listing.within.match(name)] or frames
    return "", [_Failure(" ".join(said)[:_MESSAGE_LIMIT], frames)]

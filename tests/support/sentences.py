"""The sentences that people read, out of the source: messages, settings, templates, scripts of the page, documentation.

What is no prose is taken out before: code spans, names of options, settings and keys, addresses, SQL, expressions.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGE = "src/andon"
#: Stands for a value in a sentence that is put together at run time.
GAP = "…"

#: A literal that continues on the next line.
_JOIN = re.compile(r"""["']\s*\n\s*[rRfF]{0,2}["']""")
_SQL = re.compile(
    r"\b(?:SELECT|INSERT|UPDATE|DELETE|WHERE|FROM|JOIN|CREATE|CASE|ON CONFLICT|GROUP BY|ORDER BY|UNION)\b"
)
_EXPRESSION = re.compile(r"\\[bwsdWSD(\[.]|\(\?[:P<!=]|\[\^|\$\{")
_TEMPLATE_CODE = re.compile(r"\{#.*?#\}|\{%.*?%\}|<(?:script|style|svg)\b.*?</(?:script|style|svg)>", re.DOTALL)
_TEMPLATE_VALUE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_SHOWN_ATTRIBUTE = re.compile(r"""\b(?:title|aria-label|placeholder|alt|data-[\w-]+)=(?:"([^"]*)"|'([^']*)')""")
_SCRIPT_TEXT = re.compile(r""""((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`""")
_SCRIPT_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'`\w])//[^\n]*", re.DOTALL)
_FENCED = re.compile(r"^```.*?^```|^<!--.*?-->|^ {4,}\S[^\n]*$", re.DOTALL | re.MULTILINE)
_NOT_PROSE = re.compile(
    r"`[^`]*`"  # a code span
    r"|\[[^\]]*\]\(#[^)]*\)"  # a link to a heading of the page, such as that of a command
    r"|\]\([^)]*\)"  # where a link leads
    r"|^[a-z]+: "  # the key that an error is about
    r"|https?://\S+"
    r"|\bandon [a-z-]+(?: (?:show|merge|split|list)\b)?"  # a command
    r"|(?<!\w)--?[a-zA-Z][\w-]*"  # an option
    r"|(?<![\w<])/[\w{}*./-]+"  # a path
    r"|\b\w*_\w*\b"  # a setting or a key
    r"|\b\w+(?:\.\w+)+\b"  # a name with dots
)


class Sentence(NamedTuple):
    """``text`` as people read it, without what is no prose, and the file and line where it begins."""

    file: str
    line: int
    text: str


def prose(text: str) -> str:
    """``text`` in one line, without code spans, options, paths, settings and keys."""
    return " ".join(_NOT_PROSE.sub(GAP, text).split())


def is_prose(text: str) -> bool:
    """Whether a literal may be read by people: two words or more, and neither SQL, an expression nor a list of words."""
    if " " not in text.strip() or _SQL.search(text) or _EXPRESSION.search(text):
        return False
    return not ("\n" in text and not re.search(r"[.,:;]", text))


def of_python(source: str, file: str) -> Iterator[Sentence]:
    """Literals of a module, an f-string as one; docstrings are none of them."""
    tree = ast.parse(source)
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            skipped.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            skipped.update(id(part) for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in skipped and is_prose(node.value):
                yield Sentence(file, node.lineno, prose(node.value))
            continue
        else:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = (str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values)
            text = "".join(parts)
            if is_prose(text):
                yield Sentence(file, node.lineno, prose(text))


def of_template(source: str, file: str) -> Iterator[Sentence]:
    """The text of a template, the attributes that are shown, and the literals within what it fills in."""
    lines = _TEMPLATE_CODE.sub(lambda found: "\n" * found[0].count("\n"), source)
    for found in _TEMPLATE_VALUE.finditer(lines):
        for literal in _SCRIPT_TEXT.finditer(found[1]):
            text = next(part for part in literal.groups() if part is not None)
            if is_prose(text):
                yield Sentence(file, _line(lines, found.start()), prose(text))
    filled = _TEMPLATE_VALUE.sub(GAP, lines)
    for found in _SHOWN_ATTRIBUTE.finditer(filled):
        if is_prose(text := found[1] or found[2] or ""):
            yield Sentence(file, _line(filled, found.start()), prose(text))
    for number, text in enumerate(re.sub(r"<[^>]*>", " ", filled).splitlines(), 1):
        if is_prose(text):
            yield Sentence(file, number, prose(text))


def of_script(source: str, file: str) -> Iterator[Sentence]:
    """Literals of a script of the page."""
    code = _SCRIPT_COMMENT.sub(lambda found: "\n" * found[0].count("\n"), source)
    for found in _SCRIPT_TEXT.finditer(code):
        text = re.sub(r"\$\{[^}]*\}", GAP, next(part for part in found.groups() if part is not None))
        if is_prose(text) and "<" not in text:
            yield Sentence(file, _line(code, found.start()), prose(text))


def of_page(source: str, file: str) -> Iterator[Sentence]:
    """Paragraphs, items and cells of a page of documentation, without its code."""
    text = _FENCED.sub(lambda found: "\n" * found[0].count("\n"), source)
    start, held = 1, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], 1):
        begins = re.match(r"\s*(?:[-*+]|\d+\.|#+|\|) ?", line)
        if (begins or not line.strip()) and held:
            yield Sentence(file, start, prose(" ".join(held)))
            held = []
        if line.strip():
            start = start if held else number
            held.append(line.strip())


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def may_hold(source: str, wanted: re.Pattern[str]) -> bool:
    """Whether ``wanted`` is anywhere in a module, so that it is worth parsing: literals over two lines are joined."""
    return wanted.search(" ".join(_JOIN.sub("", source).split())) is not None


def everywhere(wanted: re.Pattern[str]) -> Iterator[Sentence]:
    """The sentences of all files that people read in which ``wanted`` may be."""
    readers = (
        (ROOT / PACKAGE, "*.py", of_python),
        (ROOT / PACKAGE / "app" / "web" / "templates", "*.html", of_template),
        (ROOT / PACKAGE / "app" / "web" / "static", "*.js", of_script),
        (ROOT / "docs", "*.md", of_page),
        (ROOT / "examples", "*.md", of_page),
        (ROOT, "[A-Z]*.md", of_page),
    )
    for folder, names, read in readers:
        deep = folder.glob(names) if folder == ROOT else folder.rglob(names)
        for path in sorted(one for one in deep if "vendor" not in one.parts and one.name != "CHANGELOG.md"):
            source = path.read_text(encoding="utf-8")
            if read is not of_python or may_hold(source, wanted):
                yield from read(source, path.relative_to(ROOT).as_posix())

"""The report of a shift as Markdown. What comes from logs and people is shown as it is: no markup is read from it."""

from __future__ import annotations

import re

from andon.core.text import printable
from andon.insight.report.sections import Section, opening, sections, when
from andon.insight.report.shift_report import ShiftReport

_MARKUP = re.compile(r"([\\`*_\[\]<>|#~!&{}])")
_CELL_MAX, _ITEM_MAX = 200, 2_000


def markdown(report: ShiftReport) -> str:
    """The whole report, ending with a line feed."""
    parts = [
        f"# Shift report: {_plain(report.shift)}, {when(report)}",
        "\n\n".join(map(_plain, opening(report))),
        *(f"## {section.title}\n\n{_body(section)}" for section in sections(report).values()),
    ]
    return "\n\n".join(parts) + "\n"


def _body(section: Section) -> str:
    if section.rows:
        names = [name.rstrip(">!.") for name in section.names]
        cells = [names, ["---"] * len(names), *([_plain(cell) for cell in row] for row in section.rows)]
        lines = ["| " + " | ".join(row) + " |" for row in cells]
    else:
        lines = [f"- {_plain(item, _ITEM_MAX)}" for item in section.items] or [section.empty]
    return "\n".join([section.intro, "", *lines] if section.intro else lines)


def _plain(text: str, limit: int = _CELL_MAX) -> str:
    """A text on one line that Markdown reads no markup from."""
    words = printable(" ".join(text.split()))
    return _MARKUP.sub(r"\\\1", words if len(words) <= limit else words[: limit - 1] + "…")

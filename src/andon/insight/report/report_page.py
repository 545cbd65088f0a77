"""The report of a shift as one HTML page: no script, nothing from elsewhere, ready to be printed and signed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from andon.core.text import html_text
from andon.core.times import lasting
from andon.insight.report.pareto import Column, chart
from andon.insight.report.sections import Section, opening, sections, when
from andon.insight.report.shift_report import ShiftReport

_STYLE = """
:root { color-scheme: light; } body { font: 15px/1.45 system-ui, sans-serif; color: #1b1b1b; background: #fff;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem;
  border-bottom: 2px solid #d8d8d8; } p { margin: .3rem 0; } .aside { color: #555; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25rem .7rem .25rem 0;
  border-bottom: 1px solid #e4e4e4; vertical-align: top; overflow-wrap: anywhere; }
th { color: #555; font-weight: 600; }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.t { white-space: nowrap; } .CRITICAL { color: #fff; background: #a4001d; padding: 0 .3rem; }
.ERROR { color: #b3261e; font-weight: 600; } .WARNING { color: #855b00; font-weight: 600; }
svg { max-width: 100%; height: auto; display: block; margin: .4rem 0; }
.sign { display: flex; gap: 3rem; margin-top: 2.5rem; } .sign div { flex: 1; border-top: 1px solid #333; color: #555; }
@page { margin: 15mm; } @media print { body { margin: 0; max-width: none; font-size: 11pt; }
  h2, tr, svg { break-inside: avoid; } h2 { break-after: avoid; } .CRITICAL { print-color-adjust: exact; } }
"""
_SIGN = '<div class="sign"><div>handed over by, time</div><div>taken over by, time</div></div>'
_COMMAND = re.compile(r"`([^`]+)`")


def page(report: ShiftReport) -> str:
    """The whole page."""
    title = f"Shift report: {report.shift}, {when(report)}"
    found = sections(report)
    inner = {name: _body(section) for name, section in found.items()}
    inner["figures"] += f"\n<h2>Against the targets of ISA-18.2</h2>\n{_targets(report)}"
    inner["signatures"] = (inner["signatures"] if report.signatures else "") + _SIGN
    if report.bars:
        inner["pareto"] = _pareto(report)
    body = [
        f"<h1>{html_text(title)}</h1>",
        *(f'<p class="aside">{html_text(line)}</p>' for line in opening(report)),
        *(f"<h2>{html_text(section.title)}</h2>\n{inner[name]}" for name, section in found.items()),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{html_text(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _body(section: Section) -> str:
    intro = f"<p>{html_text(section.intro)}</p>" if section.intro else ""
    if section.rows:
        return intro + _table(section.names, section.rows)
    if section.items:
        return f"{intro}<ul>{''.join(f'<li>{html_text(item)}</li>' for item in section.items)}</ul>"
    return "<p>" + _COMMAND.sub(r"<code>\1</code>", html_text(section.empty)) + "</p>"


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are escaped here; the names of columns are those of :class:`Section`."""
    kinds = [name[-1:] for name in names]
    classes = {">": ' class="n"', ".": ' class="t"'}
    head = "".join(
        f"<th{classes.get(k, '')}>{html_text(n.rstrip('>!.'))}</th>" for n, k in zip(names, kinds, strict=True)
    )
    lines = []
    for row in rows:
        cells = [
            f'<td class="t"><span class="{html_text(cell)}">{html_text(cell)}</span></td>'
            if kind == "!"
            else f"<td{classes.get(kind, '')}>{html_text(cell)}</td>"
            for cell, kind in zip(row, kinds, strict=True)
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _targets(report: ShiftReport) -> str:
    marks = {True: "good", False: "too much", None: "-"}
    provisional = "<p class='aside'>Provisional: the targets are meant for 30 days of data.</p>"
    rows = [(one.name, one.value, one.target, marks[one.good]) for one in report.targets]
    note = provisional if report.alarms.provisional else ""
    return _table(("", "is>", "should be>", ""), rows) + note


def _pareto(report: ShiftReport) -> str:
    counts = [Column(bar.source, bar.count, f"{bar.count:,} ×") for bar in report.bars]
    times = [Column(bar.source, bar.seconds, lasting(bar.seconds)) for bar in report.bars if bar.seconds]
    pictures = [chart("How often", counts, "#3f6fb0")]
    if times:
        pictures.insert(0, chart("How long", times, "#b3541e"))
    else:
        pictures.append("<p class='aside'>How long they lasted is not known: no log says when they ended.</p>")
    return "".join(pictures)

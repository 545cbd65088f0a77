"""The report of a shift as one HTML page: no script, nothing from elsewhere, ready to be printed and signed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from zoneinfo import ZoneInfo

from andon.core.times import seconds
from andon.insight.report import report_text
from andon.insight.report.durations import at, lasting
from andon.insight.report.pareto import Column, chart
from andon.insight.report.shift_report import Problem, ShiftReport

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


def page(report: ShiftReport) -> str:
    """The whole page."""
    zone = ZoneInfo(report.zone)
    title = f"Shift report: {report.shift}, {report_text.when(report)}"
    body = [
        f"<h1>{escape(title)}</h1>",
        *(f'<p class="aside">{escape(line)}</p>' for line in report_text.opening(report)),
        _section("Figures", _table(("", "this shift>", "before>"), report_text.figure_rows(report.figures))),
        _section("Against the targets of ISA-18.2", _targets(report)),
        _section("Open alarms", _open(report, zone)),
        _section("Shelved alarms", _shelved(report, zone)),
        _section(report_text.pareto_title(report), _pareto(report)),
        _section("Top problems", _problems(report.top, "No log was recorded in this shift.")),
        _section("New problems", _problems(report.new, "Nothing was seen for the first time.")),
        _section("What rose", _problems(report.rising, "Nothing rose beyond what chance explains.")),
        _section("What went quiet", _quiet(report.quiet)),
        _section("Fixes confirmed", _fixes(report, zone)),
        _section(
            "Notes", _listed(f"{at(one.at, zone)}, {one.author or 'unknown'}: {one.text}" for one in report.notes)
        ),
        _section("Hand-over", _signatures(report, zone)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _section(title: str, inner: str) -> str:
    return f"<h2>{escape(title)}</h2>\n{inner}"


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are escaped here. A name that ends with ``>`` is of numbers, with ``!`` of a severity, ``.`` unbroken."""
    kinds = [name[-1:] for name in names]
    classes = {">": ' class="n"', ".": ' class="t"'}
    head = "".join(f"<th{classes.get(k, '')}>{escape(n.rstrip('>!.'))}</th>" for n, k in zip(names, kinds, strict=True))
    lines = []
    for row in rows:
        cells = [
            f'<td class="t"><span class="{escape(cell)}">{escape(cell)}</span></td>'
            if kind == "!"
            else f"<td{classes.get(kind, '')}>{escape(cell)}</td>"
            for cell, kind in zip(row, kinds, strict=True)
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _listed(lines: Iterable[str]) -> str:
    items = [f"<li>{escape(line)}</li>" for line in lines]
    return f"<ul>{''.join(items)}</ul>" if items else "<p>None.</p>"


def _targets(report: ShiftReport) -> str:
    marks = {True: "good", False: "too much", None: "-"}
    provisional = "<p class='aside'>Provisional: the targets are meant for 30 days of data.</p>"
    rows = [(one.name, one.value, one.target, marks[one.good]) for one in report.targets]
    note = provisional if report.alarms.provisional else ""
    return _table(("", "is>", "should be>", ""), rows) + note


def _open(report: ShiftReport, zone: ZoneInfo) -> str:
    summary = f"<p>{escape(report_text.open_summary(report))}</p>"
    if not report.open:
        return summary
    rows = [
        (
            str(one.id),
            at(one.active_since or one.last_seen, zone),
            lasting(report.made - (one.active_since or one.last_seen)),
            one.severity,
            one.source,
            report_text.seen(one),
        )
        for one in report.open
    ]
    return summary + _table(("id>", "since.", "for.", "severity!", "alarm", "acknowledged"), rows)


def _shelved(report: ShiftReport, zone: ZoneInfo) -> str:
    if not report.shelved:
        return "<p>None.</p>"
    rows = [
        (str(one.id), at(one.shelved_until or 0.0, zone), one.shelved_by or "", one.source, one.shelve_note or "")
        for one in report.shelved
    ]
    return _table(("id>", "until.", "by", "alarm", "why"), rows)


def _pareto(report: ShiftReport) -> str:
    if not report.bars:
        return "<p>Nothing.</p>"
    counts = [Column(bar.source, bar.count, f"{bar.count:,} ×") for bar in report.bars]
    times = [Column(bar.source, bar.seconds, lasting(bar.seconds)) for bar in report.bars if bar.seconds]
    pictures = [chart("How often", counts, "#3f6fb0")]
    if times:
        pictures.insert(0, chart("How long", times, "#b3541e"))
    else:
        pictures.append("<p class='aside'>How long they lasted is not known: no log says when they ended.</p>")
    return "".join(pictures)


def _problems(rows: Sequence[Problem], nothing: str) -> str:
    if not rows:
        return f"<p>{escape(nothing)}</p>"
    cells = [
        (str(one.pattern_id), one.severity, f"{one.count:,}", one.template, report_text.problem_note(one))
        for one in rows
    ]
    return _table(("id>", "worst!", "logs>", "problem", "check first"), cells)


def _quiet(rows: Sequence[Problem]) -> str:
    if not rows:
        return "<p>Nothing that was regular fell silent.</p>"
    cells = [(str(one.pattern_id), f"{one.before_per_hour or 0:.1f}", one.template) for one in rows]
    return _table(("id>", "an hour before>", "problem"), cells)


def _fixes(report: ShiftReport, zone: ZoneInfo) -> str:
    def line(at_: str, author: str | None, pattern: int, template: str, fix: str, cause: str | None) -> str:
        moment = at(seconds(at_), zone)
        by, why = f", {author}" if author else "", f" Cause: {cause}" if cause else ""
        return f"{moment}{by}, problem {pattern} ({template}): {fix}{why}"

    return _listed(line(one.at, one.author, one.pattern_id, one.template, one.fix, one.cause) for one in report.fixes)


def _signatures(report: ShiftReport, zone: ZoneInfo) -> str:
    given = _listed(f"{one.name}, {at(one.at, zone)}" for one in report.signatures) if report.signatures else ""
    return given + '<div class="sign"><div>handed over by, time</div><div>taken over by, time</div></div>'

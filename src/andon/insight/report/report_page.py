"""The report of a shift as HTML: one printed page, without scripts and without anything from elsewhere.

:func:`body` is what the screen shows too; both are styled by ``report.css``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import resources
from zoneinfo import ZoneInfo

from andon.core.text import counted, html_text
from andon.core.times import clock
from andon.insight.report import sections as parts
from andon.insight.report.rate_picture import picture
from andon.insight.report.sections import FLAG_WORDS, NO_FIGURE, figure, of_part
from andon.insight.report.shift_problems import ShiftProblem
from andon.insight.report.shift_report import KeyFigure, ShiftReport

#: The five figures of the page, by their names in the report, and how they are called there.
FIVE = {
    "alarms": "Alarms",
    "alarms in 10 min, worst": "Worst 10 minutes",
    "floods": "Floods",
    "time stopped": "Time stopped",
    "mean time to acknowledge": "Time to acknowledge",
}
#: Problems that are neither open nor shelved are printed down to so many, fewer beside many others; the screen shows
#: them all.
PRINTED, _PRINTED_LEAST, _ROWS = 12, 3, 16
#: With more open and shelved ones the page is printed closer, and with many more as small as is read well.
_LOOSE, _DENSE = 8, 10
#: The shapes of severities, in a square of 20 by 20; the first is filled where it is printed.
_SHAPES = {
    "CRITICAL": '<path class="fill" d="M2 2h16v16H2z"/><path class="glyph" d="M6.5 6.5l7 7m0-7l-7 7"/>',
    "ERROR": '<path class="fill" d="M10 1l9 9-9 9-9-9z"/><path class="glyph" d="M10 5v6m0 2.500v1.500"/>',
    "WARNING": '<path class="fill" d="M10 1.500L19 18H1z"/><path class="glyph" d="M10 7v6m0 2v1.500"/>',
}
_OTHER_SHAPE = '<circle class="fill" cx="10" cy="10" r="8"/><path class="glyph" d="M10 9v6m0-9v1"/>'
#: What a browser may do with the page as a file.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"

#: Where a problem leads: its address by its id.
Link = Callable[[int], str]


def page(report: ShiftReport, site: str = "") -> str:
    """The whole page."""
    title = f"{name_of(report)}, {span_of(report)}"
    style = (resources.files("andon.insight.report") / "report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<title>Shift report: {html_text(title)}</title><style>{style}</style></head>\n<body class="standalone">\n'
        f"<h1>{html_text(name_of(report))}</h1>\n"
        f'<p class="report-when">{html_text(f"{site}, all lines" if site else "All lines")} · {span_of(report)}</p>\n'
        f"{body(report)}\n</body></html>\n"
    )


def name_of(report: ShiftReport) -> str:
    """``Night shift``; a report of any time is called by what it is."""
    word = f"{report.shift[:1].upper()}{report.shift[1:]}"
    return word if " " in report.shift else f"{word} shift"


def span_of(report: ShiftReport) -> str:
    """When it worked, as :func:`span_words`."""
    return span_words(report.start, report.end, ZoneInfo(report.zone))


def span_words(since: float, until: float, zone: ZoneInfo) -> str:
    """A time on the site's clock: ``Sun 29 Nov 2026, 22:00 to Mon 30 Nov, 06:00 CET``."""
    start, end = clock(since, zone), clock(until, zone)
    last = f"{end:%H:%M %Z}" if end.date() == start.date() else f"{end:%a} {end.day} {end:%b, %H:%M %Z}"
    return f"{start:%a} {start.day} {start:%b %Y, %H:%M} to {last}"


def opening(report: ShiftReport) -> str:
    """What a reader must know before the figures, in a few sentences."""
    zone = ZoneInfo(report.zone)
    made = f"{day_and_time(report.made, zone)}"
    told = [f"The shift is still running. Figures up to {made}."] if report.running else []
    if report.previous is not None:
        before = clock(report.previous.start, zone)
        so_far = ", up to the same point" if report.running else ""
        told.append(f"“Before” is the same shift on {before:%a} {before.day} {before:%b}{so_far}.")
    if report.frozen:
        told.append(f"Signed, and kept as it was on {made}.")
    elif not report.running:
        told.append(f"Open and shelved problems are as of {made}.")
    return " ".join(told)


def day_and_time(moment: float, zone: ZoneInfo) -> str:
    """``Mon 30 Nov, 04:43``."""
    found = clock(moment, zone)
    return f"{found:%a} {found.day} {found:%b, %H:%M}"


def body(report: ShiftReport, link: Link | None = None) -> str:
    """The report below its title. ``link`` says where problems lead; without it they lead nowhere."""
    made = [f'<p class="aside">{html_text(opening(report))}</p>', _figures(report)]
    if not report.alarms.judged:
        made.append(f"<p>{html_text(parts.sections(report)['figures'].intro)}</p>")
    elif report.course is not None:
        made.append(picture(report.course, report.end, ZoneInfo(report.zone)))
    made += [_section(report, name, link) for name in ("open", "shelved", "problems")]
    made.append(f'<section class="short"><h2>New kinds</h2><p>{html_text(parts.new_words(report))}</p></section>')
    made += [notes(report), signatures(report)]
    beside = _beside(report)
    dense = " dense closest" if beside > _DENSE else " dense" if beside > _LOOSE else ""
    return f'<article class="report{dense}">\n{"".join(made)}\n</article>'


def _figures(report: ShiftReport) -> str:
    known = {one.name: one for one in report.figures}
    tiles = "".join(_tile(FIVE[name], known[name]) for name in FIVE if name in known)
    return f'<dl class="five">{tiles}</dl>'


def _tile(name: str, one: KeyFigure) -> str:
    value, before = figure(one.value, one.unit), figure(one.before, one.unit)
    kind = ' class="unknown"' if value == NO_FIGURE else ""
    shown = f"<dd>{html_text(value.capitalize())}</dd><dd>before: {html_text(before)}</dd>"
    return f"<div{kind}><dt>{name}</dt>{shown}</div>"


def _section(report: ShiftReport, name: str, link: Link | None) -> str:
    section = parts.sections(report)[name]
    rows = of_part(report, name)
    if not rows:
        return f'<section class="short"><h2>{section.title}</h2><p>{html_text(section.empty)}</p></section>'
    kept = _room(report) if name == "problems" else len(rows)
    zone = ZoneInfo(report.zone)
    lines = "".join(_row(one, report, zone, link, beyond=at >= kept) for at, one in enumerate(rows))
    more = _more(rows[kept:]) if len(rows) > kept else ""
    intro = f' <span class="sum">{html_text(section.intro)}</span>' if section.intro else ""
    head = (
        '<thead><tr><th scope="col">Severity</th><th scope="col">Problem</th><th scope="col">Where</th>'
        '<th scope="col" class="n">Times</th><th scope="col" class="n">Minutes</th>'
        '<th scope="col">What was done</th></tr></thead>'
    )
    return (
        f'<section class="part-{name}"><h2>{section.title}: {counted(len(rows), "problem")}{intro}</h2>'
        f"<table>{head}<tbody>{lines}</tbody></table>{more}</section>"
    )


def _room(report: ShiftReport) -> int:
    """How many problems beside those that are open or shelved find room on one page."""
    active = sum(one.state == "acknowledged" for one in report.problems)  # these come first
    return max(_PRINTED_LEAST, active, min(PRINTED, _ROWS - _beside(report)))


def _beside(report: ShiftReport) -> int:
    """How many problems are open or shelved."""
    return sum(one.state in ("open", "shelved") for one in report.problems)


def _row(one: ShiftProblem, report: ShiftReport, zone: ZoneInfo, link: Link | None, *, beyond: bool) -> str:
    text = html_text(one.text)
    if link is not None and one.pattern_id is not None:
        text = f'<a href="{link(one.pattern_id)}">{text}</a>'
    flags = "".join(f' <span class="flag">{FLAG_WORDS[flag]}</span>' for flag in one.flags)
    check = html_text(one.first_check) if one.first_check and one.state in ("open", "acknowledged") else ""
    check = check and f'<div class="check"><b>Check first:</b> {check}</div>'
    deeds = "".join(f"<div>{html_text(line)}</div>" for line in parts.done(one, report, zone)) or "–"
    quiet = "" if deeds != "–" else " none"
    line = one.line if one.line and one.line != one.where else ""
    place = html_text(one.where) + (line and f'<span class="line">{html_text(line)}</span>')
    beyond_print = ' class="beyond"' if beyond else ""
    return (
        f"<tr{beyond_print}><td>{severity(one.severity)}</td><th scope='row'>{text}{flags}{check}</th><td>{place}</td>"
        f'<td class="n">{html_text(parts.times(one))}</td><td class="n">{parts.minutes(one)}</td>'
        f'<td class="done{quiet}">{deeds}</td></tr>'
    )


def severity(value: str) -> str:
    """A severity as its shape and its word."""
    shape = _SHAPES.get(value, _OTHER_SHAPE)
    word = html_text(value.capitalize() or "Unknown")
    kind = value.lower() if value in _SHAPES else "info"
    return f'<span class="shape {kind}"><svg viewBox="0 0 20 20" aria-hidden="true">{shape}</svg>{word}</span>'


def _more(left: Sequence[ShiftProblem]) -> str:
    """What stands for the problems that are not printed."""
    ranks = [name for name in _SHAPES if any(one.severity == name for one in left)]
    worst = (
        "" if not ranks else ", up to Critical" if ranks[0] == "CRITICAL" else f", none above {ranks[0].capitalize()}"
    )
    return f'<p class="more">and {len(left)} more problem{"s" * (len(left) > 1)}{worst}</p>'


def notes(report: ShiftReport) -> str:
    """What people wrote down for the next shift."""
    zone = ZoneInfo(report.zone)
    items = "".join(
        f"<li><b>{parts.clock_at(one.at, report, zone)}, {html_text(one.author or 'unknown')}:</b> "
        f"{html_text(one.text)}</li>"
        for one in report.notes
    )
    inner = f"<ul>{items}</ul>" if items else "<p>No notes.</p>"
    return f'<section class="notes"><h2>Notes</h2>{inner}</section>'


def signatures(report: ShiftReport) -> str:
    """Who handed over and who took over; lines to sign on where nobody has."""
    zone = ZoneInfo(report.zone)
    signed = [f"{one.name}, {day_and_time(one.at, zone)}" for one in report.signatures]
    fields = "".join(
        f"<div><dt>{label}</dt><dd>{html_text(signed[n]) if n < len(signed) else '<span>Name, time</span>'}</dd></div>"
        for n, label in enumerate(("Handed over by", "Taken over by"))
    )
    others = "".join(f"<p>Also signed by: {html_text(name)}</p>" for name in signed[2:])
    return f'<section class="signing"><h2>Sign-off</h2><dl>{fields}</dl>{others}</section>'

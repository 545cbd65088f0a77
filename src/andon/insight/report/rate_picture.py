"""Alarms per ten minutes of a shift as an SVG that needs nothing else: outlined bars, to be printed. Pure."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from andon.core.times import clock
from andon.insight.alarms.metrics import FLOOD_BEGINS
from andon.insight.alarms.rhythm import HOUR, Course

WIDTH, HEIGHT = 760, 96
#: The axis ends here: what is higher is cut, and says its number.
TOP = 30
_LEFT, _RIGHT, _ABOVE, _BELOW = 24, 6, 16, 16


def picture(course: Course, end: float, zone: ZoneInfo) -> str:
    """The bars of a shift up to its ``end`` (unix seconds), with the limit of a flood."""
    length = max(end - course.since, course.step)
    width, height = WIDTH - _LEFT - _RIGHT, HEIGHT - _ABOVE - _BELOW

    def x(moment: float) -> float:
        return _LEFT + width * (moment - course.since) / length

    def y(count: float) -> float:
        return _ABOVE + height * (1 - min(count, TOP) / TOP)

    peak = max(course.values, default=0)
    label = f"Alarms per 10 minutes, {peak} at most; a flood begins above {FLOOD_BEGINS}"
    made = [
        f'<svg class="rates" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="xMinYMid" '
        f'role="img" aria-label="{label}">',
        f'<text x="{_LEFT}" y="10">Alarms per 10 minutes</text>',
        f'<path class="limit" d="M{_LEFT} {y(FLOOD_BEGINS):.1f}H{WIDTH - _RIGHT}"/>',
        f'<text x="{_LEFT + 4}" y="{y(FLOOD_BEGINS) - 3:.1f}">Flood: more than {FLOOD_BEGINS}</text>',
        *(_words(_LEFT - 5, y(n) + 4, str(n), "end") for n in (0, 10, 20, TOP)),
    ]
    for index, count in enumerate(course.values):
        left, wide = x(course.since + index * course.step), width * course.step / length
        if count:
            size = f'width="{max(wide - 1, 1):.1f}" height="{y(0) - y(count):.1f}"'
            kind = ' class="flood"' if count > FLOOD_BEGINS else ""
            made.append(f'<rect{kind} x="{left + 0.5:.1f}" y="{y(count):.1f}" {size}/>')
        if count > TOP:
            made.append(f'<text x="{left + wide / 2:.1f}" y="{_ABOVE - 3}" text-anchor="middle">{count}</text>')
    made.append(f'<path class="base" d="M{_LEFT} {y(0):.1f}H{WIDTH - _RIGHT}"/>')
    step = HOUR if length <= 12 * HOUR else 3 * HOUR
    moment = course.since + -course.since % step
    while moment <= end:
        anchor = "end" if moment > end - HOUR / 3 else "middle"
        made.append(_words(x(moment), HEIGHT - 3, f"{clock(moment, zone):%H:%M}", anchor))
        moment += step
    return "".join(made) + "</svg>"


def _words(x: float, y: float, said: str, anchor: str) -> str:
    return f'<text class="axis" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{said}</text>'

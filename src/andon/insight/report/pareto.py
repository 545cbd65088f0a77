"""A Pareto picture: what cost most, by how often and by how long, as SVG that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from andon.core.text import html_text

WIDTH = 760
_ROW, _TOP, _LABEL, _VALUE = 24, 30, 300, 110
_LABEL_MAX = 42


class Column(NamedTuple):
    """One bar: its label, its length, and the text at its end."""

    label: str
    size: float
    shown: str


def chart(title: str, bars: Sequence[Column], colour: str) -> str:
    """Horizontal bars, the longest first, with the share that those down to each make up together."""
    ranked = sorted((bar for bar in bars if bar.size > 0), key=lambda bar: -bar.size)
    height = _TOP + _ROW * len(ranked) + 6
    room = WIDTH - _LABEL - _VALUE
    total, largest = sum(bar.size for bar in ranked), max((bar.size for bar in ranked), default=1.0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{html_text(title)}" font-family="system-ui, sans-serif" font-size="13">',
        f'<text x="0" y="18" font-weight="600">{html_text(title)}</text>',
    ]
    so_far = 0.0
    for index, bar in enumerate(ranked):
        so_far += bar.size
        y, length = _TOP + _ROW * index, max(2.0, room * bar.size / largest)
        label = bar.label if len(bar.label) <= _LABEL_MAX else bar.label[: _LABEL_MAX - 1] + "…"
        parts += [
            f'<text x="{_LABEL - 8}" y="{y + 15}" text-anchor="end">{html_text(label)}'
            f"<title>{html_text(bar.label)}</title></text>",
            f'<rect x="{_LABEL}" y="{y + 3}" width="{length:.1f}" height="{_ROW - 8}" rx="2" fill="{colour}"/>',
            f'<text x="{_LABEL + length + 6:.1f}" y="{y + 15}">{html_text(bar.shown)} '
            f'<tspan fill="#666" font-size="11">{100 * so_far / total:.0f} %</tspan></text>',
        ]
    return "".join(parts) + "</svg>"

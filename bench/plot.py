"""A plot as an SVG file, readable on light and dark pages: small panels, each with a logarithmic axis of sizes.

Each point is a median, with a bar from the smallest to the largest pass: the machine's noise. The band is 20 % up and down
from the first point: a cost that does not grow stays in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

WIDTH, HEIGHT = 400, 250  # of a panel
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 18, 44, 42
_FLAT = 0.2

_STYLE = """
  svg { color-scheme: light dark; --ink: #1f2328; --faint: #8b949e; --grid: #d8dee4; --line: #0969da; --band: #0969da22; }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #e6edf3; --faint: #8b949e; --grid: #30363d; --line: #58a6ff; --band: #58a6ff26; }
  }
  text { font: 12px system-ui, sans-serif; fill: var(--ink); }
  .title { font-weight: 600; font-size: 13px; }
  .faint { fill: var(--faint); font-size: 11px; }
  .grid { stroke: var(--grid); }
  .line { stroke: var(--line); fill: none; stroke-width: 2; }
  .bar { stroke: var(--line); stroke-width: 1.5; }
  .dot { fill: var(--line); }
  .band { fill: var(--band); }
"""


@dataclass(frozen=True)
class Panel:
    """(size, values of the passes) for each point."""

    title: str
    unit: str
    sizes: str  # what the sizes are, in words
    points: Sequence[tuple[int, Sequence[float]]]


def draw(panels: Sequence[Panel], notes: Sequence[str], columns: int = 2) -> str:
    """The whole file; `notes` stand below."""
    rows = math.ceil(len(panels) / columns)
    width, height = WIDTH * columns, HEIGHT * rows + 16 * len(notes) + 12
    drawn = "".join(
        f'<g transform="translate({number % columns * WIDTH} {number // columns * HEIGHT})">{_panel(panel)}</g>\n'
        for number, panel in enumerate(panels)
    )
    below = "".join(
        f'<text class="faint" x="{_LEFT}" y="{HEIGHT * rows + 14 + 16 * number}">{escape(note)}</text>\n'
        for number, note in enumerate(notes)
    )
    said = "; ".join(f"{panel.title}: {_said(panel)}" for panel in panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img"><title>{escape(said)}</title>\n<style>{_STYLE}</style>\n{drawn}{below}</svg>\n'
    )


def _panel(panel: Panel) -> str:
    top = _ceiling(max(max(values) for _, values in panel.points) * 1.05)
    low, high = (math.log10(size) for size in (panel.points[0][0], panel.points[-1][0]))

    def x(size: int) -> float:
        share = (math.log10(size) - low) / (high - low) if high > low else 0.5
        return round(_LEFT + 14 + share * (WIDTH - _LEFT - _RIGHT - 28), 1)

    def y(value: float) -> float:
        return round(HEIGHT - _BOTTOM - value / top * (HEIGHT - _TOP - _BOTTOM), 1)

    parts = [f'<text class="title" x="{_LEFT}" y="18">{escape(panel.title)}</text>',
             f'<text class="faint" x="{_LEFT}" y="34">{escape(panel.unit)}</text>']  # fmt: skip
    for step in range(5):
        value = top * step / 4
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(value)}" y2="{y(value)}"/>')
        parts.append(
            f'<text class="faint" x="{_LEFT - 6}" y="{y(value) + 4}" text-anchor="end">{_number(value)}</text>'
        )
    first = median(panel.points[0][1])
    band = y(min(first * (1 + _FLAT), top)), y(first * (1 - _FLAT))
    parts.append(
        f'<rect class="band" x="{_LEFT}" width="{WIDTH - _LEFT - _RIGHT}" y="{band[0]}" '
        f'height="{round(band[1] - band[0], 1)}"/>'
    )
    parts.append(
        '<polyline class="line" points="'
        + " ".join(f"{x(size)},{y(median(values))}" for size, values in panel.points)
        + '"/>'
    )
    for size, values in panel.points:
        across, middle = x(size), y(median(values))
        parts.append(f'<line class="bar" x1="{across}" x2="{across}" y1="{y(min(values))}" y2="{y(max(values))}"/>')
        parts.append(f'<circle class="dot" cx="{across}" cy="{middle}" r="3.5"/>')
        above = y(max(values)) - 8
        parts.append(f'<text x="{across}" y="{above}" text-anchor="middle">{_number(median(values))}</text>')
        below = HEIGHT - _BOTTOM + 16
        parts.append(f'<text class="faint" x="{across}" y="{below}" text-anchor="middle">{size:,}</text>')
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(
        f'<text class="faint" x="{middle}" y="{HEIGHT - _BOTTOM + 32}" text-anchor="middle">{escape(panel.sizes)}</text>'
    )
    return "\n".join(parts)


def _ceiling(value: float) -> float:
    """A round number at or above it."""
    unit = 10 ** math.floor(math.log10(value)) if value > 0 else 1
    return next(step * unit for step in (1, 1.2, 1.6, 2, 3, 4, 6, 8, 10) if step * unit >= value)


def _number(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _said(panel: Panel) -> str:
    return ", ".join(f"{_number(median(values))} at {size:,}" for size, values in panel.points) + f" {panel.unit}"

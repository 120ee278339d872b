"""Pictures made of numbers, as coordinates: the templates draw them as SVG."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

MOST_NODES = 10  # on either side; what is smaller stands in the table only

_WIDTH, _BAR, _HEAD, _ROW, _GAP = 360, 10, 10, 30, 14


@dataclass(frozen=True, slots=True)
class Flow:
    """Copies from one feed by another. Times are hours the copies came later; negative: earlier."""

    source: int
    copier: int
    copies: int
    median_hours: float


@dataclass(frozen=True, slots=True)
class Node:
    """A feed as a bar at the left or right edge: `y` is its top, `label_y` the baseline of its name above it."""

    feed: int
    x: float
    y: float
    height: float
    label_y: float
    copies: int


@dataclass(frozen=True, slots=True)
class Arrow:
    """Copies as a band from a bar on the left to one on the right. `colour` is a number from 0 to 5."""

    flow: Flow
    path: str
    head: str  # the arrow's head, as a path
    width: float
    colour: int


@dataclass(frozen=True, slots=True)
class Picture:
    """Who copies whom: origins on the left, copiers on the right; `hidden` copies are in the table only."""

    width: int
    height: int
    left: tuple[Node, ...]
    right: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    hidden: int


def flows(copies: Iterable[tuple[int, int, float]]) -> list[Flow]:
    """(source, copier, hours later) of each copy -> the flows, the largest first."""
    hours: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    for source, copier, later in copies:
        hours[source, copier].append(later)
    found = [Flow(source, copier, len(times), median(times)) for (source, copier), times in hours.items()]
    return sorted(found, key=lambda flow: (-flow.copies, flow.source, flow.copier))


def picture(found: Sequence[Flow]) -> Picture:
    """The largest flows as bars and bands."""
    sources: Counter[int] = Counter()
    copiers: Counter[int] = Counter()
    for flow in found:
        sources[flow.source] += flow.copies
        copiers[flow.copier] += flow.copies
    left_side = [feed for feed, _ in sources.most_common(MOST_NODES)]
    right_side = [feed for feed, _ in copiers.most_common(MOST_NODES)]
    drawn = [flow for flow in found if flow.source in left_side and flow.copier in right_side]
    total_left: Counter[int] = Counter()
    total_right: Counter[int] = Counter()
    for flow in drawn:
        total_left[flow.source] += flow.copies
        total_right[flow.copier] += flow.copies
    left_side = [feed for feed in left_side if total_left[feed]]
    right_side = [feed for feed in right_side if total_right[feed]]
    # One scale for both sides, so that a band is as wide at its end as at its beginning.
    scale = min(12.0, 220 / max(1, sum(total_left.values())))
    left = _side(left_side, total_left, 0, scale)
    right = _side(right_side, total_right, _WIDTH - _BAR, scale)
    arrows = _arrows(drawn, left, right, scale)
    bottom = max((node.y + node.height for node in (*left, *right)), default=0)
    hidden = sum(flow.copies for flow in found) - sum(flow.copies for flow in drawn)
    return Picture(_WIDTH, round(bottom + _GAP), left, right, arrows, hidden)


def _side(feeds: Sequence[int], totals: Mapping[int, int], x: float, scale: float) -> tuple[Node, ...]:
    nodes, y = [], 0.0
    for feed in feeds:
        height = max(3.0, totals[feed] * scale)
        nodes.append(Node(feed, x, round(y + _ROW - 8, 1), round(height, 1), round(y + _ROW - 13, 1), totals[feed]))
        y += _ROW + height
    return tuple(nodes)


def _arrows(drawn: Sequence[Flow], left: Sequence[Node], right: Sequence[Node], scale: float) -> tuple[Arrow, ...]:
    starts = {node.feed: node.y for node in left}
    ends = {node.feed: node.y for node in right}
    place = {node.feed: number for number, node in enumerate(right)}
    colours = {node.feed: number % 6 for number, node in enumerate(left)}
    order = {node.feed: number for number, node in enumerate(left)}
    arrows = []
    for flow in sorted(drawn, key=lambda flow: (order[flow.source], place[flow.copier])):
        width = max(1.5, flow.copies * scale)
        y1, y2 = starts[flow.source] + width / 2, ends[flow.copier] + width / 2
        starts[flow.source] += flow.copies * scale
        ends[flow.copier] += flow.copies * scale
        x1, x2, middle = _BAR + 1, _WIDTH - _BAR - 1 - _HEAD, _WIDTH / 2
        path = f"M{x1} {y1:.1f}C{middle:g} {y1:.1f} {middle:g} {y2:.1f} {x2} {y2:.1f}"
        half = max(3.5, width / 2 + 1.5)
        head = f"M{x2} {y2 - half:.1f}l{_HEAD} {half:.1f}l-{_HEAD} {half:.1f}z"
        arrows.append(Arrow(flow, path, head, round(width, 1), colours[flow.source]))
    return tuple(arrows)


def sparkline(counts: Sequence[int], width: int = 120, height: int = 28) -> str:
    """Numbers per day as one path of bars, the last day at the right; a day with nothing has no bar."""
    most = max(counts, default=0)
    if not most:
        return ""
    step = width / len(counts)
    bars = []
    for number, value in enumerate(counts):
        if value:
            tall = max(2.0, value / most * height)
            bars.append(f"M{number * step:.1f} {height}v-{tall:.1f}h{step * 0.7:.1f}v{tall:.1f}z")
    return "".join(bars)

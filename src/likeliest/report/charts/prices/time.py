"""What charts through time share: the axis of days, daily values as one path, and labels beside the last day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from likeliest.report.charts.common import WIDTH, chart
from likeliest.report.theme import INK

LEADER = 14
"""Pixels from a line's end to its label."""


def days_axis(days: Sequence[str], *, labels: bool = True, room: int = 0) -> alt.X:
    """Return the axis of days, in universal time so that no time zone moves a day.

    Args:
        days: those to be drawn, rising ISO dates.
        labels: whether days are printed under it.
        room: pixels of its width that are kept free at the right, for labels.
    """
    first, last = dt.date.fromisoformat(days[0][:10]), dt.date.fromisoformat(days[-1][:10])
    span = max((last - first).days, 1)
    ends = [first.isoformat(), (last + dt.timedelta(days=round(span * room / (WIDTH - room)))).isoformat()]
    form = "%Y" if span > 4 * 365 else "%b %Y" if span > 120 else "%d %b %Y"
    axis = alt.Axis(format=form, tickCount=_ticks(span), grid=False, labels=labels, ticks=labels, labelFlush=False)
    scale = alt.Scale(type="utc", domain=ends, nice=False)
    return alt.X("day:T", title=None, scale=scale, axis=axis)


def _ticks(span: int) -> int:
    """About how many ticks so many days bear; never more than one a year where only years are printed."""
    return min(8, span // 365) if span > 4 * 365 else 6 if span > 120 else 5


def line(days: Sequence[str], values: Sequence[float], key: str = "y") -> alt.Chart:
    """Return the rows of a line through all days."""
    return chart([{"day": day, key: value} for day, value in zip(days, values, strict=True)])


def impulses(days: Sequence[str], values: Sequence[float | None]) -> alt.Chart:
    """Return one path that goes from 0 to each day's value and back.

    Thousands of days are then one light element, whose strokes do not add up where they are close.
    """
    rows: list[dict[str, Any]] = []
    for day, value in zip(days, values, strict=True):
        if value is not None:
            rows += [{"day": day, "y": y, "place": len(rows) + i} for i, y in enumerate((0.0, value, 0.0))]
    return chart(rows).encode(order="place:Q")


def stroke(count: int) -> float:
    """The width of one of so many impulses, thin enough that its neighbours stay apart."""
    return round(min(2.0, max(0.4, 0.6 * WIDTH / max(count, 1))), 2)


def end_labels(
    ends: Sequence[Mapping[str, Any]], width: float, scale: alt.Scale, gap: float
) -> list[alt.Chart | alt.LayerChart]:
    """Return layers that print a name beside each line's end, moved apart where they would overlap.

    Args:
        ends: rows with ``y`` (where the line ends), ``name`` and ``colour``.
        width: pixels from the left to where the lines end.
        scale: of y.
        gap: the least distance of two names, in units of y.
    """
    heights = spread([float(end["y"]) for end in ends], gap)
    rows = [{**end, "at": height} for end, height in zip(ends, heights, strict=True)]
    base = chart(rows)
    colour = alt.Color("colour:N", scale=None)
    leaders = base.mark_rule(strokeWidth=1).encode(
        x=alt.value(width + 1), x2=alt.value(width + LEADER - 2), y=alt.Y("y:Q", scale=scale), y2="at:Q", color=colour
    )
    words = base.mark_text(align="left", baseline="middle", fontSize=11, color=INK)
    return [leaders, words.encode(x=alt.value(width + LEADER), y=alt.Y("at:Q", scale=scale), text="name:N")]


def frame(values: Sequence[float], tall: float, margin: float = 0.05) -> tuple[alt.Scale, float]:
    """Return a scale over all values with a margin, and how much of it one of ``tall`` pixels is."""
    low, high = min(values), max(values)
    room = (high - low or 1.0) * margin
    scale = alt.Scale(domain=[low - room, high + room], nice=False)
    return scale, (high - low + 2 * room) / tall


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Move heights apart until neighbours are ``gap`` from each other, in their order and about their places.

    Example:
        >>> spread([0.0, 0.0, 5.0], 2.0)
        [-1.0, 1.0, 5.0]
    """
    order = sorted(range(len(heights)), key=heights.__getitem__)
    blocks: list[tuple[float, int]] = []  # centre and number of names that stand directly on one another
    for i in order:
        centre, count = heights[i], 1
        while blocks and centre - blocks[-1][0] < gap * (count + blocks[-1][1]) / 2:
            below, few = blocks.pop()
            centre, count = (below * few + centre * count) / (few + count), few + count
        blocks.append((centre, count))
    placed = [centre + gap * (k - (count - 1) / 2) for centre, count in blocks for k in range(count)]
    return [place for _, place in sorted(zip(order, placed, strict=True))]

"""What all charts share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import altair as alt

from likeliest.report.schema import Curve, Histogram
from likeliest.report.theme import MUTED

Chart: TypeAlias = alt.Chart | alt.LayerChart | alt.VConcatChart | alt.HConcatChart | alt.ConcatChart | alt.FacetChart

WIDTH = 560
"""Width of a full-width plot, in pixels, axes not counted."""


def chart(rows: Sequence[Mapping[str, Any]]) -> alt.Chart:
    """Return a chart over these rows, which travel inside the specification."""
    return alt.Chart({"values": list(rows)})


def points(curves: Sequence[Curve]) -> list[dict[str, Any]]:
    """Return curves as rows to draw."""
    return [
        {"label": curve["label"], "x": x, "y": y}
        for curve in curves
        for x, y in zip(curve["x"], curve["y"], strict=True)
    ]


def bins(histogram: Histogram) -> list[dict[str, Any]]:
    """Return a histogram as rows to draw."""
    edges = histogram["edges"]
    return [
        {"label": histogram["label"], "from": low, "to": high, "rows": count}
        for low, high, count in zip(edges[:-1], edges[1:], histogram["counts"], strict=True)
    ]


def diagonal(low: float, high: float, scale: alt.Scale) -> alt.Chart:
    """Return the dashed line of a model that is right."""
    line: alt.Chart = chart([{"x": low, "y": low}, {"x": high, "y": high}]).mark_line(
        color=MUTED, strokeDash=[4, 3], strokeWidth=1.5
    )
    return line.encode(x=alt.X("x:Q", scale=scale), y=alt.Y("y:Q", scale=scale))


def row_height(rows: int) -> float:
    """Return the height of one row of a chart with many, in pixels, so that the chart fits a page."""
    return max(6, min(24, 480 / rows))

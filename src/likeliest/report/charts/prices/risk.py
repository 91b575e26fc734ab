"""Value at risk through time, and the fan of prices to come."""

from __future__ import annotations

from typing import Any

import altair as alt

from likeliest.report.charts.common import WIDTH, Chart, chart
from likeliest.report.charts.prices.time import LEADER, days_axis, end_labels, frame, impulses, line, stroke
from likeliest.report.formatting import level
from likeliest.report.schema import ExceedanceChart, Fan
from likeliest.report.theme import ACCENT, CONTRAST, INK, MUTED, PALE

COLOURS = [CONTRAST, ACCENT, "#7a5195", "#009e73"]
"""Of levels, the rarest first."""
SHAPES = ["circle", "diamond", "square", "triangle-up"]
NAMES = 62
"""Pixels for the names of levels beside their lines."""
TALL = 250


def exceedances(page: ExceedanceChart) -> Chart:
    """Returns as impulses, −VaR as lines, and a mark on each day that fell below one: that of the rarest level."""
    days, keys = page["days"], sorted(page["quantiles"], key=float)
    x = days_axis(days)
    values = [*page["returns"], *(v for key in keys for v in page["quantiles"][key])]
    scale, pixel = frame(values, TALL)
    y = alt.Y("y:Q", title="return a day", scale=scale, axis=alt.Axis(format="~%", tickCount=6))
    layers: list[Any] = [
        impulses(days, page["returns"]).mark_line(color=PALE, strokeWidth=stroke(len(days))).encode(x=x, y=y)
    ]
    for place, key in enumerate(keys):
        path = line(days, page["quantiles"][key]).mark_line(color=COLOURS[place % 4], strokeWidth=1.3)
        layers.append(path.encode(x=x, y=y))
    for place, rows in enumerate(_beyond(page, keys)):
        mark = chart(rows).mark_point(
            filled=True, size=55, opacity=1, color=COLOURS[place % 4], shape=SHAPES[place % 4], stroke="white",
            strokeWidth=0.6,
        )  # fmt: skip
        layers.append(mark.encode(x=x, y=y))
    ends = [
        {"y": page["quantiles"][k][-1], "name": f"VaR {level(float(k))}", "colour": COLOURS[i % 4]}
        for i, k in enumerate(keys)
    ]
    width = WIDTH - NAMES
    layers += end_labels(ends, width, scale, 15 * pixel)
    return alt.layer(*layers).properties(width=width, height=TALL)


def _beyond(page: ExceedanceChart, keys: list[str]) -> list[list[dict[str, Any]]]:
    """The days below each level's quantile, a day at its rarest level only."""
    found: list[list[dict[str, Any]]] = [[] for _ in keys]
    for place, (day, value) in enumerate(zip(page["days"], page["returns"], strict=True)):
        rarest = next((i for i, key in enumerate(keys) if value < page["quantiles"][key][place]), None)
        if rarest is not None:
            found[rarest].append({"day": day, "y": value})
    return found


def fan(page: Fan) -> Chart:
    """The price so far as a line, and bands between the quantiles of the days to come, each edge named."""
    days = [*page["past_days"][-1:], *page["days"]]
    start = page["past_prices"][-1:]
    curves = [[*start, *prices] for prices in page["prices"]]
    x = days_axis([*page["past_days"], *page["days"]])
    values = [*page["past_prices"], *(v for curve in curves for v in curve)]
    scale, pixel = frame(values, TALL)
    y = alt.Y("y:Q", title="price", scale=scale, axis=alt.Axis(tickCount=6, format=",.6~r"))
    layers: list[Any] = []
    for lower, upper in zip(curves[: len(curves) // 2], reversed(curves), strict=False):
        rows = [{"day": d, "y": a, "high": b} for d, a, b in zip(days, lower, upper, strict=True)]
        layers.append(chart(rows).mark_area(color=ACCENT, opacity=0.2).encode(x=x, y=y, y2="high:Q"))
    if len(curves) % 2:
        layers.append(line(days, curves[len(curves) // 2]).mark_line(color=ACCENT, strokeWidth=1.8).encode(x=x, y=y))
    if page["past_days"]:
        past = line(page["past_days"], page["past_prices"]).mark_line(color=INK, strokeWidth=1.5, strokeJoin="round")
        now = chart([{"day": page["past_days"][-1]}]).mark_rule(color=MUTED, strokeDash=[3, 3]).encode(x=x)
        layers += [past.encode(x=x, y=y), now]
    ends = [
        {"y": curve[-1], "name": level(share), "colour": MUTED}
        for share, curve in zip(page["levels"], curves, strict=True)
    ]
    width = WIDTH - NAMES + LEADER
    layers += end_labels(ends, width, scale, 14 * pixel)
    return alt.layer(*layers).properties(width=width, height=TALL)

"""Who forecasts better, and whether forecasts are true: scores, transforms, probabilities of a rise."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from likeliest.report.charts.common import WIDTH, Chart, chart
from likeliest.report.charts.prices.time import days_axis, end_labels, frame
from likeliest.report.formatting import short
from likeliest.report.schema import PriceReport, TransformChart, TrendModel
from likeliest.report.theme import ACCENT, CONTRAST, INK, MUTED, PALE, PALETTE, SOFT

NAMES = 168
"""Pixels for the names beside the lines."""
TALL = 250


def scores(report: PriceReport) -> Chart:
    """Cumulative differences to GARCH(1,1), each line named at its end."""
    best, days = report["conclusion"]["model"], report["score_days"]
    order = [curve for curve in report["scores"] if curve["y"]]
    ends = [
        {"y": c["y"][-1], "name": short(c["title"], 27), "colour": PALETTE[i % len(PALETTE)]}
        for i, c in enumerate(order)
    ]
    rows = [
        {
            "day": day,
            "y": y,
            "name": place,
            "colour": ends[place]["colour"],
            "width": 2.4 if c["model"] == best else 1.4,
        }
        for place, c in enumerate(order)
        for day, y in zip(days, c["y"], strict=True)
    ]
    scale, pixel = frame([0.0, *(y for curve in order for y in curve["y"])], TALL)
    x = days_axis(days)
    y = alt.Y("y:Q", title="nats more than GARCH(1,1)", scale=scale, axis=alt.Axis(tickCount=6))
    lines = chart(rows).mark_line(strokeJoin="round").encode(
        x=x, y=y, detail="name:N", color=alt.Color("colour:N", scale=None),
        strokeWidth=alt.StrokeWidth("width:Q", scale=None),
    )  # fmt: skip
    zero = chart([{"y": 0.0}]).mark_rule(color=INK, strokeWidth=1).encode(y=y)
    width = WIDTH - NAMES
    names = end_labels(ends, width, scale, 15 * pixel)
    return alt.layer(zero, lines, *names).properties(width=width, height=TALL)


def transforms(report: PriceReport) -> Chart:
    """Histograms of u side by side, each before the band of true forecasts."""
    titles = {model["name"]: model["title"] for model in report["models"]}
    pages = report["transforms"]
    top = 1.08 * max(max([*page["counts"], page["high"]]) for page in pages)
    width = 340 if len(pages) == 1 else WIDTH / 2 - 28
    panels = [
        _histogram(page, titles.get(page["model"], page["model"]), top, width, i == 0) for i, page in enumerate(pages)
    ]
    return alt.hconcat(*panels, spacing=24)


def _histogram(page: TransformChart, title: str, top: float, width: float, first: bool) -> Chart:
    """Bars, those outside the band in another colour, between the band's ends."""
    bins = len(page["counts"])
    rows = [
        {"from": i / bins, "to": (i + 1) / bins, "y": count, "colour": SOFT if inside else CONTRAST}
        for i, count in enumerate(page["counts"])
        for inside in [page["low"] <= count <= page["high"]]
    ]
    axis = alt.Axis(values=[i / 5 for i in range(6)], format=".1f", grid=False)
    x = alt.X("from:Q", title="u = F(y)", bin="binned", scale=alt.Scale(domain=[0, 1], nice=False), axis=axis)
    across = alt.Scale(domain=[0, top], nice=False)
    y = alt.Y("y:Q", title="days" if first else None, scale=across, axis=alt.Axis(tickCount=5))
    bars = chart(rows).mark_bar(stroke="white", strokeWidth=1)
    limits = chart([{"from": 0, "to": 1, "y": page["low"], "high": page["high"]}]).mark_rect(color=PALE, opacity=0.35)
    ends = chart([{"y": page["low"]}, {"y": page["high"]}]).mark_rule(color=MUTED, strokeWidth=1)
    flat = chart([{"y": sum(page["counts"]) / bins}]).mark_rule(color=INK, strokeDash=[4, 3])
    return alt.layer(
        limits.encode(x=x, x2="to:Q", y=y, y2="high:Q"),
        bars.encode(x=x, x2="to:Q", y=y, color=alt.Color("colour:N", scale=None)),
        ends.encode(y=y),
        flat.encode(y=y),
    ).properties(width=width, height=170, title=_name(title))


def _name(title: str) -> alt.TitleParams:
    return alt.TitleParams(short(title, 34), anchor="start", fontSize=12, fontWeight=600, color=INK, offset=6)


def calibration(models: Sequence[TrendModel]) -> Chart:
    """Probability of a rise against how often it came, one panel a model, all on the same scales."""
    bins = [b for model in models for b in model["calibration"]]
    across = _domain([b["confidence"] for b in bins])
    up = _domain([value for b in bins for value in (b["low"], b["high"])])
    width = 300 if len(models) == 1 else WIDTH / 2 - 40
    panels = [_reliability(model, across, up, width, place % 2 == 0) for place, model in enumerate(models)]
    return alt.concat(*panels, columns=2, spacing=30)


def _domain(shares: list[float]) -> list[float]:
    """From the least to the largest share, with a margin."""
    return [max(0.0, min(shares) - 0.03), min(1.0, max(shares) + 0.03)]


def _reliability(model: TrendModel, across: list[float], up: list[float], width: float, first: bool) -> Chart:
    axis = alt.Axis(format="~%", tickCount=5)
    x = alt.X(
        "confidence:Q", title="forecast probability of a rise", axis=axis, scale=alt.Scale(domain=across, nice=False)
    )
    scale, seen = alt.Scale(domain=up, nice=False), "how often it rose" if first else None
    base = chart(model["calibration"])
    ends = [max(across[0], up[0]), min(across[1], up[1])]
    true = chart([{"confidence": end, "observed": end} for end in ends])
    return alt.layer(
        true.mark_line(color=MUTED, strokeDash=[4, 3], strokeWidth=1.5).encode(x=x, y=alt.Y("observed:Q", scale=scale)),
        base.mark_rule(color=ACCENT, opacity=0.45, strokeWidth=1.5).encode(
            x=x, y=alt.Y("low:Q", title=seen, axis=axis, scale=scale), y2="high:Q"
        ),
        base.mark_point(filled=True, size=50, color=ACCENT, opacity=1).encode(x=x, y=alt.Y("observed:Q", scale=scale)),
    ).properties(width=width, height=190, title=_name(model["title"]))

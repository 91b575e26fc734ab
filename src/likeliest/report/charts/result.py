"""Charts of chapter 6: calibration, confusion, predictions."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from likeliest.report.charts.common import Chart, chart, diagonal
from likeliest.report.formatting import number
from likeliest.report.schema import Calibration, Confusion, Predictions
from likeliest.report.theme import ACCENT, INK, WASH

SIDE = 320
"""Width and height of a square plot, in pixels."""


def calibration(page: Calibration, is_number: bool) -> Chart:
    """Observed against promised, with intervals, on the diagonal of a true model."""
    titles = ("nominal share below the quantile", "observed share") if is_number else ("confidence", "accuracy")
    low = min(0.98, *(min(b["confidence"], b["low"]) for b in page["bins"]))
    scale, axis = alt.Scale(domain=[low, 1], nice=False), alt.Axis(tickCount=6)
    base = chart(page["bins"]).encode(x=alt.X("confidence:Q", title=titles[0], scale=scale, axis=axis))
    bars = base.mark_rule(color=ACCENT, opacity=0.5)
    dots = base.mark_point(filled=True, size=50, color=ACCENT, opacity=1)
    return alt.layer(
        diagonal(low, 1.0, scale),
        bars.encode(y=alt.Y("low:Q", title=titles[1], scale=scale, axis=axis), y2="high:Q"),
        dots.encode(y=alt.Y("observed:Q", scale=scale)),
    ).properties(width=SIDE, height=SIDE)


def confusion(page: Confusion) -> Chart:
    """Counts with their shade by share of the true class; counts are printed while there is room."""
    names = page["classes"]
    rows = [
        {"true": names[i], "predicted": names[j], "text": number(count) if count else "", "share": count / sum(row)}
        for i, row in enumerate(page["counts"])
        for j, count in enumerate(row)
        if sum(row)
    ]
    cell = max(6, min(64, 400 // len(names)))
    across = alt.Axis(orient="top", labelAngle=0 if len(names) < 12 and _narrow(names) else -60, labelOverlap=True)
    base = chart(rows).encode(
        x=alt.X("predicted:N", sort=names, title="predicted", axis=across),
        y=alt.Y("true:N", sort=names, title="true", axis=alt.Axis(labelOverlap=True)),
    )
    shade = alt.Color("share:Q", scale=alt.Scale(domain=[0, 1], range=[WASH, ACCENT]), legend=None)
    ink = alt.condition("datum.share > 0.5", alt.value("white"), alt.value(INK))
    layers: list[alt.Chart] = [base.mark_rect(stroke="white").encode(color=shade)]
    if cell >= 20:
        layers.append(base.mark_text(fontSize=11).encode(text="text:N", color=ink))
    return alt.layer(*layers).properties(width=alt.Step(84 if len(names) < 5 else cell), height=alt.Step(cell))


def _narrow(names: Sequence[str]) -> bool:
    """Whether names fit over their columns without being turned."""
    return max(map(len, names)) <= (12 if len(names) < 5 else 4)


def predictions(page: Predictions) -> Chart:
    """Observed against predicted, on the diagonal of a perfect model."""
    pairs = zip(page["predicted"], page["observed"], strict=True)
    low, high = min(*page["predicted"], *page["observed"]), max(*page["predicted"], *page["observed"])
    scale = alt.Scale(domain=[low, high], nice=True)
    dots = chart([{"p": p, "o": o} for p, o in pairs]).mark_point(filled=True, size=34, color=ACCENT, opacity=0.55)
    return alt.layer(
        diagonal(low, high, scale),
        dots.encode(x=alt.X("p:Q", title="predicted mean"), y=alt.Y("o:Q", title="observed")),
    ).properties(width=SIDE, height=SIDE)

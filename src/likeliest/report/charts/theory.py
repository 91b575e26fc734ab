"""Charts of chapters 1 to 4: target, probability function, update against error."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from likeliest.report.charts.common import WIDTH, Chart, bins, chart, points, row_height
from likeliest.report.formatting import short
from likeliest.report.schema import Certificate, ClassCount, Histogram, LearningRule, Probability, Target
from likeliest.report.theme import ACCENT, CONTRAST, INK, MUTED, PALETTE, SOFT

SEPARATE = 6
"""Classes that still get a colour each."""
LEAST_ERROR = 1e-16
"""Where a smaller relative error is drawn."""


def target(page: Target) -> Chart:
    """Class counts by role, or the histogram of a number."""
    if page["classes"] is not None:
        return _class_counts(page["classes"])
    bars = chart([] if page["histogram"] is None else bins(page["histogram"])).mark_bar(color=ACCENT, binSpacing=1)
    title = short(page["name"], 60)
    encoded = bars.encode(x=alt.X("from:Q", title=title, bin="binned"), x2="to:Q", y=alt.Y("rows:Q", title="rows"))
    return encoded.properties(width=WIDTH, height=150)


def _class_counts(classes: Sequence[ClassCount]) -> alt.Chart:
    roles = {"train": ACCENT, "validation": SOFT, "test": CONTRAST}
    rows = [
        {"class": c["name"], "role": role, "place": place, "rows": count}
        for c in classes
        for place, (role, count) in enumerate(zip(roles, (c["train"], c["validation"], c["test"]), strict=True))
    ]
    colour = alt.Scale(domain=list(roles), range=list(roles.values()))
    height = row_height(len(classes))
    bars: alt.Chart = chart(rows).mark_bar(size=0.6 * height)
    return bars.encode(
        x=alt.X("rows:Q", title="rows", stack="zero"),
        y=alt.Y("class:N", title=None, sort=[c["name"] for c in classes], axis=alt.Axis(labelOverlap=True)),
        color=alt.Color("role:N", title=None, scale=colour, legend=alt.Legend(orient="top")),
        order="place:O",
    ).properties(width=WIDTH - 60, height=alt.Step(height))


def probability(page: Probability) -> Chart:
    """The probability function above, this data's test rows below, on one abscissa."""
    scale = alt.Scale(domain=[page["curves"][0]["x"][0], page["curves"][0]["x"][-1]], nice=False)
    curve = chart(points(page["curves"])).mark_line(strokeWidth=2.5, color=INK)
    above = curve.encode(
        x=alt.X("x:Q", title=None, scale=scale, axis=alt.Axis(tickCount=9)),
        y=alt.Y("y:Q", title=short(page["y_title"], 32)),
        detail="label:N",
    )
    below = _stacked(page["histograms"], short(page["x_title"], 80), scale)
    return alt.vconcat(above.properties(width=WIDTH, height=150), below.properties(width=WIDTH, height=110), spacing=8)


def _stacked(histograms: Sequence[Histogram], title: str, scale: alt.Scale) -> alt.Chart:
    """Histograms on one another, a colour each."""
    shown = histograms if len(histograms) <= SEPARATE else [_together(histograms)]
    names = [h["label"] for h in shown]
    rows = [row | {"place": place} for place, h in enumerate(shown) for row in bins(h)]
    legend = alt.Legend(orient="top", columns=3, title=None) if len(names) > 1 else None
    colour = alt.Scale(domain=names, range=PALETTE[: len(names)])
    bars: alt.Chart = chart(rows).mark_bar(binSpacing=0.5)
    return bars.encode(
        x=alt.X("from:Q", bin="binned", title=title, scale=scale, axis=alt.Axis(tickCount=9)),
        x2="to:Q",
        y=alt.Y("rows:Q", title="test rows", stack="zero"),
        color=alt.Color("label:N", scale=colour, legend=legend),
        order="place:O",
    )


def _together(histograms: Sequence[Histogram]) -> Histogram:
    """Add up the histograms of too many classes to tell apart."""
    counts = [sum(column) for column in zip(*(h["counts"] for h in histograms), strict=True)]
    return {"label": "all classes", "edges": histograms[0]["edges"], "counts": counts}


def updates(page: LearningRule) -> Chart:
    """Update against η, one line a rule, told apart by colour and by dash."""
    names = [curve["label"] for curve in page["curves"]]
    colour = alt.Scale(domain=names, range=PALETTE)
    lines = chart(points(page["curves"])).mark_line(strokeWidth=2.5)
    drawn = lines.encode(
        x=alt.X("x:Q", title="η of a row with y = 1"),
        y=alt.Y("y:Q", title="update = factor of x in Δw / learning rate"),
        color=alt.Color("label:N", title=None, scale=colour, legend=alt.Legend(orient="top")),
        strokeDash=alt.StrokeDash("label:N", sort=names, legend=None),
    )
    zero = chart([{"zero": 0}]).mark_rule(color=MUTED).encode(y="zero:Q")
    return alt.layer(zero, drawn).properties(width=WIDTH, height=220)


def ladder(certificate: Certificate) -> Chart:
    """Error of central differences against their step, one line a part, both axes logarithmic."""
    rows = [
        {"part": curve["part"], "step": step, "error": max(error, LEAST_ERROR)}
        for curve in certificate.get("curves", [])
        for step, error in zip(curve["steps"], curve["errors"], strict=True)
    ]
    axis = alt.Axis(format="~e", tickCount=6)
    return (
        chart(rows)
        .mark_line(point=alt.OverlayMarkDef(size=18), strokeWidth=1.5)
        .encode(
            x=alt.X("step:Q", title="step h", scale=alt.Scale(type="log", nice=False), axis=axis),
            y=alt.Y("error:Q", title="relative error", scale=alt.Scale(type="log"), axis=axis),
            color=alt.Color("part:N", title=None, sort=None),
        )
        .properties(width=WIDTH, height=170)
    )

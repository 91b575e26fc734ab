"""One Altair specification per figure, built from ``report.json`` alone and drawn alike in HTML and PDF.

User text (class, column and rule names) enters as data values and titles, never as a field name or an expression.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import altair as alt

from likeliest.report.formatting import number, short
from likeliest.report.schema import Application, Calibration, Histogram, LearningRule, Probability, Race, Report, Target
from likeliest.report.theme import ACCENT, CONTRAST, INK, MUTED, PALE, PALETTE

Chart: TypeAlias = alt.Chart | alt.LayerChart | alt.VConcatChart | alt.FacetChart
WIDTH = 560
SEPARATE = 6
"""Classes that still get a colour each."""


def figures(report: Report) -> dict[str, Chart]:
    """Every figure that this report has the numbers for, by name."""
    charts: dict[str, Chart] = {"target": _target(report["data"]["target"])}
    if "probability" in report:
        charts["probability"] = _probability(report["probability"])
    if "learning_rule" in report and report["learning_rule"]["curves"]:
        charts["updates"] = _updates(report["learning_rule"])
    if "race" in report and report["race"]["curves"]:
        charts["race"] = _race(report["race"])
    if "race" in report and report["race"]["rows"]:
        charts["work"] = _work(report["race"])
    if "application" in report:
        charts |= _application(report, report["application"])
    return charts


def _data(rows: Sequence[dict[str, Any]]) -> alt.Data:
    return alt.Data(values=list(rows))


def _target(target: Target) -> Chart:
    """Class counts by role, or the histogram of a number."""
    if target["classes"] is None:
        bars = [] if target["histogram"] is None else _bins(target["histogram"])
        return _bars(bars, short(target["name"], 60)).properties(width=WIDTH, height=150)
    order = [short(c["name"]) for c in target["classes"]]
    rows = [
        {"class": short(c["name"]), "role": role, "place": place, "rows": count}
        for c in target["classes"]
        for place, (role, count) in enumerate({"train": c["train"], "validation": c["validation"], "test": c["test"]}.items())
    ]
    colour = alt.Scale(domain=["train", "validation", "test"], range=[ACCENT, "#7fb3d5", CONTRAST])
    return (
        alt.Chart(_data(rows))
        .mark_bar(size=14)
        .encode(
            x=alt.X("rows:Q", title="rows", stack="zero"),
            y=alt.Y("class:N", title=None, sort=order),
            color=alt.Color("role:N", title=None, scale=colour, legend=alt.Legend(orient="top")),
            order="place:O",
        )
        .properties(width=WIDTH - 60, height=alt.Step(24))
    )


def _bins(histogram: Histogram) -> list[dict[str, Any]]:
    edges = histogram["edges"]
    return [
        {"label": short(histogram["label"]), "from": low, "to": high, "rows": count}
        for low, high, count in zip(edges[:-1], edges[1:], histogram["counts"], strict=True)
    ]


def _bars(bins: list[dict[str, Any]], title: str) -> alt.Chart:
    return (
        alt.Chart(_data(bins))
        .mark_bar(color=ACCENT, binSpacing=1)
        .encode(x=alt.X("from:Q", title=title, bin="binned"), x2="to:Q", y=alt.Y("rows:Q", title="rows"))
    )


def _probability(page: Probability) -> Chart:
    """The probability function above, this data's test rows below, on one abscissa."""
    domain = [page["curves"][0]["x"][0], page["curves"][0]["x"][-1]]
    points = [
        {"curve": short(c["label"]), "x": x, "y": y} for c in page["curves"] for x, y in zip(c["x"], c["y"], strict=True)
    ]
    axis = alt.X("x:Q", title=None, scale=alt.Scale(domain=domain, nice=False))
    curve = alt.Chart(_data(points)).mark_line(strokeWidth=2.5, color=INK).encode(
        x=axis, y=alt.Y("y:Q", title=short(page["y_title"], 32)), detail="curve:N"
    )
    rug = _stacked(page["histograms"], page["x_title"], domain)
    return alt.vconcat(curve.properties(width=WIDTH, height=150), rug.properties(width=WIDTH, height=110), spacing=8)


def _stacked(histograms: Sequence[Histogram], title: str, domain: list[float]) -> alt.Chart:
    """Histograms on one another, a colour each."""
    if len(histograms) > SEPARATE:
        histograms = [_together(histograms)]
    names = [short(h["label"]) for h in histograms]
    rows = [row | {"place": place} for place, h in enumerate(histograms) for row in _bins(h)]
    legend = alt.Legend(orient="top", columns=5, title=None) if len(names) > 1 else None
    scale = alt.Scale(domain=names, range=PALETTE[: len(names)])
    return (
        alt.Chart(_data(rows))
        .mark_bar(binSpacing=0.5)
        .encode(
            x=alt.X("from:Q", bin="binned", title=short(title, 80), scale=alt.Scale(domain=domain, nice=False)),
            x2="to:Q",
            y=alt.Y("rows:Q", title="test rows", stack="zero"),
            color=alt.Color("label:N", scale=scale, legend=legend),
            order="place:O",
        )
    )


def _together(histograms: Sequence[Histogram]) -> Histogram:
    """Add up the histograms of too many classes to tell apart."""
    counts = [sum(column) for column in zip(*(h["counts"] for h in histograms), strict=True)]
    return {"label": "all classes", "edges": histograms[0]["edges"], "counts": counts}


def _updates(page: LearningRule) -> Chart:
    """Update against η, one line a rule."""
    names = [curve["label"] for curve in page["curves"]]
    points = [{"rule": c["label"], "eta": x, "update": y} for c in page["curves"] for x, y in zip(c["x"], c["y"], strict=True)]
    lines = alt.Chart(_data(points)).mark_line(strokeWidth=2.5).encode(
        x=alt.X("eta:Q", title="η of a row with y = 1"),
        y=alt.Y("update:Q", title="update = factor of x in Δw / learning rate"),
        color=alt.Color("rule:N", title=None, scale=alt.Scale(domain=names, range=PALETTE), legend=alt.Legend(orient="top")),
        strokeDash=alt.StrokeDash("rule:N", sort=names, legend=None),
    )
    zero = alt.Chart(_data([{"zero": 0}])).mark_rule(color=MUTED).encode(y="zero:Q")
    return (zero + lines).properties(width=WIDTH, height=220)


def _race(race: Race) -> Chart:
    """Small multiples: each rule's median and band before all the others in grey."""
    rows = [
        {"rule": c["rule"], "shown": shown["rule"], "own": c is shown, "end": c["work"][-1], "work": w, "median": m, "low": low, "high": high}
        for shown in race["curves"]
        for c in race["curves"]
        for w, m, low, high in zip(c["work"], c["median"], c["low"], c["high"], strict=True)
    ]
    base = alt.Chart(_data(rows)).encode(x=alt.X("work:Q", title="work (passes)", axis=alt.Axis(tickCount=3)))
    y, own = alt.Y("median:Q", title="validation NLL", **_nll_axis(race)), alt.datum["own"]
    others = base.transform_filter(~own).mark_line(strokeWidth=0.8, color=PALE, clip=True).encode(y=y, detail="rule:N")
    band = base.transform_filter(own).mark_area(opacity=0.25, color=ACCENT, clip=True).encode(y=alt.Y("low:Q"), y2="high:Q")
    line = base.transform_filter(own).mark_line(strokeWidth=2, color=ACCENT, clip=True).encode(y=y)
    layers: list[alt.Chart] = [others, band, line]
    if race["target"] is not None:
        last = base.transform_filter(own & (alt.datum["work"] == alt.datum["end"]))
        layers.append(last.mark_rule(color=CONTRAST, strokeDash=[4, 3]).encode(x=alt.value(0), x2=alt.value(126), y=alt.datum(race["target"])))
    order = [row["rule"] for row in race["rows"]]
    facet = alt.Facet("shown:N", title=None, sort=order, header=alt.Header(labelFontWeight=600))
    return alt.layer(*layers).properties(width=126, height=96).facet(facet=facet, columns=4, spacing=14)


def _nll_axis(race: Race) -> dict[str, Any]:
    """Scale and ticks from the best band to a little above the start; logarithmic where the NLL falls threefold or more."""
    lows = [value for curve in race["curves"] for value in curve["low"]]
    low, start = min(lows), race["start"] if race["start"] is not None else max(lows)
    if low > 0 and start > 3 * low:
        scale = alt.Scale(type="log", domain=[low / 1.1, start * 1.3], nice=False)
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(start)) + 1)
        return {"scale": scale, "axis": alt.Axis(values=[10.0**k for k in decades], format="~g")}
    scale = alt.Scale(domain=[low, start + 0.1 * abs(start - low)], nice=False)
    return {"scale": scale, "axis": alt.Axis(tickCount=4)}


def _work(race: Race) -> Chart:
    """Median work to target with its range over seeds; an open triangle at the budget for a miss."""
    order = [row["rule"] for row in race["rows"]]
    rows = [dict(row) | {"budget": race["budget"]} for row in race["rows"]]
    base = alt.Chart(_data(rows)).encode(y=alt.Y("rule:N", title=None, sort=order))
    seen = [w for row in race["rows"] for w in (row["work_low"], row["work_to_target"]) if w is not None]
    scale = alt.Scale(type="log", nice=False, domain=[0.8 * min(seen, default=race["budget"] / 2), 1.1 * race["budget"]])
    x = alt.X("work_to_target:Q", title="work to target (passes over the training rows)", scale=scale)
    reached, missed = base.transform_filter("isValid(datum.work_to_target)"), base.transform_filter("!isValid(datum.work_to_target)")
    whisker = reached.transform_calculate(end="isValid(datum.work_high) ? datum.work_high : datum.budget")
    layers = [
        whisker.mark_rule(strokeWidth=2, color=PALE).encode(x=alt.X("work_low:Q"), x2="end:Q"),
        reached.mark_point(filled=True, size=80, color=ACCENT, opacity=1).encode(x=x),
        missed.mark_point(shape="triangle-right", size=80, color=CONTRAST, opacity=1).encode(x=alt.X("budget:Q")),
    ]
    return alt.layer(*layers).properties(width=WIDTH - 90, height=alt.Step(24))


def _application(report: Report, page: Application) -> dict[str, Chart]:
    """Calibration, and confusion or predictions."""
    model = next(m for m in report["models"] if m["name"] == page["model"])
    charts: dict[str, Chart] = {"calibration": _calibration(model["calibration"], report["data"]["target"]["classes"] is None)}
    if page["confusion"] is not None:
        charts["confusion"] = _confusion(page["confusion"]["classes"], page["confusion"]["counts"])
    if page["predictions"] is not None:
        charts["predictions"] = _predictions(page["predictions"]["predicted"], page["predictions"]["observed"])
    return charts


def _calibration(calibration: Calibration, is_number: bool) -> Chart:
    """Observed against promised, with intervals, on the diagonal of a true model."""
    titles = ("nominal share below the quantile", "observed share") if is_number else ("confidence", "accuracy")
    low = min(0.98, *(min(b["confidence"], b["low"]) for b in calibration["bins"]))
    scale = alt.Scale(domain=[low, 1], nice=False)
    base = alt.Chart(_data([dict(b) for b in calibration["bins"]])).encode(x=alt.X("confidence:Q", title=titles[0], scale=scale))
    line = alt.Chart(_data([{"x": low, "y": low}, {"x": 1, "y": 1}])).mark_line(color=MUTED, strokeDash=[4, 3]).encode(
        x=alt.X("x:Q", scale=scale), y=alt.Y("y:Q", scale=scale)
    )
    bars = base.mark_rule(color=ACCENT, opacity=0.5).encode(y=alt.Y("low:Q", title=titles[1], scale=scale), y2="high:Q")
    dots = base.mark_point(filled=True, size=50, color=ACCENT, opacity=1).encode(y=alt.Y("observed:Q", scale=scale))
    return (line + bars + dots).properties(width=300, height=300)


def _confusion(classes: Sequence[str], counts: Sequence[Sequence[int]]) -> Chart:
    """Counts with their shade by share of the true class."""
    names = [short(name, 24) for name in classes]
    rows = [
        {"true": names[i], "predicted": names[j], "rows": count, "text": number(count) if count else "", "share": count / max(sum(row), 1)}
        for i, row in enumerate(counts)
        for j, count in enumerate(row)
    ]
    side = max(24, min(64, 360 // len(names)))
    base = alt.Chart(_data(rows)).encode(
        x=alt.X("predicted:N", sort=names, title="predicted", axis=alt.Axis(orient="top", labelAngle=0 if len(names) < 12 else -60)),
        y=alt.Y("true:N", sort=names, title="true"),
    )
    shade = alt.Color("share:Q", scale=alt.Scale(domain=[0, 1], range=["#f4f6f8", ACCENT]), legend=None)
    ink = alt.condition("datum.share > 0.5", alt.value("white"), alt.value(INK))
    grid = base.mark_rect(stroke="white").encode(color=shade) + base.mark_text(fontSize=11).encode(text="text:N", color=ink)
    return grid.properties(width=alt.Step(max(side, 84) if len(names) < 5 else side), height=alt.Step(side))


def _predictions(predicted: Sequence[float], observed: Sequence[float]) -> Chart:
    """Observed against predicted, on the diagonal of a perfect model."""
    rows = [{"predicted": p, "observed": o} for p, o in zip(predicted, observed, strict=True)]
    low, high = min(*predicted, *observed), max(*predicted, *observed)
    scale = alt.Scale(domain=[low, high], nice=True)
    line = alt.Chart(_data([{"x": low, "y": low}, {"x": high, "y": high}])).mark_line(color=MUTED, strokeDash=[4, 3])
    dots = alt.Chart(_data(rows)).mark_point(filled=True, size=34, color=ACCENT, opacity=0.55)
    return (
        line.encode(x=alt.X("x:Q", scale=scale), y=alt.Y("y:Q", scale=scale))
        + dots.encode(x=alt.X("predicted:Q", title="predicted mean"), y=alt.Y("observed:Q", title="observed"))
    ).properties(width=340, height=300)



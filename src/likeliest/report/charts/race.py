"""Charts of chapter 5: validation loss and work to target of every rule."""

from __future__ import annotations

import math
from typing import Any

import altair as alt

from likeliest.report.charts.common import WIDTH, Chart, chart, row_height
from likeliest.report.schema import Race, RaceCurve
from likeliest.report.theme import ACCENT, CONTRAST, PALE

PANEL = 126
"""Width of one small panel, in pixels."""


def race(page: Race) -> Chart:
    """Small multiples: each rule's median and band before all the others in grey."""
    rows = [row for shown in page["curves"] for curve in page["curves"] for row in _rows(shown, curve)]
    base = chart(rows).encode(x=alt.X("work:Q", title="work (passes)", axis=alt.Axis(tickCount=3)))
    own, y = alt.datum["own"], alt.Y("median:Q", title="validation NLL", **_axis(page))
    layers: list[alt.Chart] = [
        base.transform_filter(~own).mark_line(strokeWidth=0.8, color=PALE, clip=True).encode(y=y, detail="rule:N"),
        base.transform_filter(own).mark_area(opacity=0.25, color=ACCENT, clip=True).encode(y="low:Q", y2="high:Q"),
        base.transform_filter(own).mark_line(strokeWidth=2, color=ACCENT, clip=True).encode(y=y),
    ]
    if page["target"] is not None:
        one_row = base.transform_filter(own & (alt.datum["place"] == 0))
        goal = one_row.mark_rule(color=CONTRAST, strokeDash=[4, 3])
        layers.append(goal.encode(x=alt.value(0), x2=alt.value(PANEL), y=alt.datum(page["target"])))
    header = alt.Header(labelFontWeight=600, labelLimit=PANEL)
    facet = alt.Facet("shown:N", title=None, sort=[row["rule"] for row in page["rows"]], header=header)
    return alt.layer(*layers).properties(width=PANEL, height=96).facet(facet=facet, columns=4, spacing=14)


def _rows(shown: RaceCurve, curve: RaceCurve) -> list[dict[str, Any]]:
    """One curve as rows of the panel of ``shown``."""
    columns = zip(curve["work"], curve["median"], curve["low"], curve["high"], strict=True)
    fixed = {"shown": shown["rule"], "rule": curve["rule"], "own": curve is shown}
    return [
        fixed | {"place": place, "work": work, "median": median, "low": low, "high": high}
        for place, (work, median, low, high) in enumerate(columns)
    ]


def _axis(page: Race) -> dict[str, Any]:
    """Scale and ticks from the best band to just above the start; logarithmic where the NLL falls threefold or more."""
    seen = [value for curve in page["curves"] for value in (*curve["low"], *curve["median"]) if value is not None]
    low = min(seen, default=0.0)
    start = page["start"] if page["start"] is not None else max(seen, default=1.0)
    if low > 0 and start > 3 * low:
        scale = alt.Scale(type="log", domain=[low / 1.1, start * 1.3], nice=False)
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(start)) + 1)
        return {"scale": scale, "axis": alt.Axis(values=[10.0**k for k in decades], format="~g")}
    scale = alt.Scale(domain=[low, start + 0.1 * abs(start - low)], nice=False)
    return {"scale": scale, "axis": alt.Axis(tickCount=4)}


def work(page: Race) -> Chart:
    """Median work to target with its range over seeds; an open triangle at the budget for a miss."""
    raced = [row for row in page["rows"] if row["criterion"] == "nll"]
    rows = [row | {"budget": page["budget"], "end": row["work_high"] or page["budget"]} for row in raced]
    order = alt.Y("rule:N", title=None, sort=[row["rule"] for row in raced], axis=alt.Axis(labelOverlap=False))
    base = chart(rows).encode(y=order)
    least = min((row["work_low"] for row in page["rows"] if row["work_low"]), default=page["budget"] / 2)
    scale = alt.Scale(type="log", nice=False, domain=[0.8 * least, 1.1 * page["budget"]])
    x = alt.X("work_to_target:Q", title="work to target (passes over the training rows)", scale=scale)
    reached = base.transform_filter("isValid(datum.work_to_target)")
    missed = base.transform_filter("!isValid(datum.work_to_target)")
    layers = [
        reached.mark_rule(strokeWidth=2, color=PALE).encode(x="work_low:Q", x2="end:Q"),
        reached.mark_point(filled=True, size=80, color=ACCENT, opacity=1).encode(x=x),
        missed.mark_point(shape="triangle-right", size=80, color=CONTRAST, opacity=1).encode(x="budget:Q"),
    ]
    return alt.layer(*layers).properties(width=WIDTH - 90, height=alt.Step(max(14, row_height(len(rows)))))

"""Prices, returns and volatility through time."""

from __future__ import annotations

import altair as alt

from likeliest.report.charts.common import WIDTH, Chart, chart
from likeliest.report.charts.prices.time import days_axis, frame, impulses, line, stroke
from likeliest.report.formatting import percent, short
from likeliest.report.schema import PriceData, VolatilityChart
from likeliest.report.theme import ACCENT, CONTRAST, INK, MUTED, PALE

WIDE = 4.0
"""Times that the highest price must be the lowest for a logarithmic axis."""


def prices(page: PriceData) -> Chart:
    """The price above, daily returns below, with the worst and the best day named."""
    known = [price for price in page["prices"] if price > 0]
    wide = len(known) == len(page["prices"]) and max(known) > WIDE * min(known)
    scale = alt.Scale(type="log") if wide else alt.Scale(zero=False)
    title = f"price of {short(page['asset'], 18)}{' (log scale)' if wide else ''}"
    axis = alt.Axis(tickCount=5, format=",.6~r")
    above = line(page["dates"], page["prices"]).mark_line(strokeWidth=1.3, color=ACCENT, strokeJoin="round")
    above = above.encode(x=days_axis(page["dates"], labels=False), y=alt.Y("y:Q", title=title, scale=scale, axis=axis))
    return alt.vconcat(above.properties(width=WIDTH, height=170), _returns(page), spacing=10)


def _returns(page: PriceData) -> Chart:
    x, tall = days_axis(page["dates"]), 130
    scale, _ = frame([0.0, *(value for value in page["returns"] if value is not None)], tall, margin=0.18)
    y = alt.Y("y:Q", title="return a day", scale=scale, axis=alt.Axis(format="~%", tickCount=4))
    path = impulses(page["dates"], page["returns"]).mark_line(color=MUTED, strokeWidth=stroke(len(page["dates"])))
    return alt.layer(path.encode(x=x, y=y), *_extremes(page, x, y)).properties(width=WIDTH, height=tall)


def _extremes(page: PriceData, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """The worst day named below its return and the best one above, in the half of the chart where there is room."""
    first, middle, last = page["dates"][0], page["dates"][len(page["dates"]) // 2], page["dates"][-1]
    layers: list[alt.Chart] = []
    for found, down in ((page["summary"]["worst"], True), (page["summary"]["best"], False)):
        if first <= found["day"] <= last:
            text = f"{found['day']}   {percent(found['value'], 2)}"
            base = chart([{"day": found["day"], "y": found["value"], "text": text}]).encode(x=x, y=y)
            late = found["day"] > middle
            words = base.mark_text(
                align="right" if late else "left", dx=4 if late else -4, dy=11 if down else -10, fontSize=11, color=INK
            )
            layers += [base.mark_point(filled=True, size=26, color=CONTRAST, opacity=1), words.encode(text="text:N")]
    return layers


def volatility(page: VolatilityChart) -> Chart:
    """What each day showed as impulses, and the forecast as a line over them."""
    x = days_axis(page["days"])
    names = alt.Scale(domain=["forecast", "seen"], range=[ACCENT, PALE])
    legend = alt.Legend(orient="top", title=None, symbolType="stroke", symbolStrokeWidth=3)
    y = alt.Y("y:Q", title="standard deviation a day", axis=alt.Axis(format="~%", tickCount=5))
    seen = impulses(page["days"], page["realised"]).mark_line(strokeWidth=stroke(len(page["days"])))
    told = line(page["days"], page["sigma"]).mark_line(strokeWidth=1.7)
    colour = alt.Color("what:N", scale=names, legend=legend)
    return alt.layer(
        seen.transform_calculate(what="'seen'").encode(x=x, y=y, color=colour),
        told.transform_calculate(what="'forecast'").encode(x=x, y=y, color=colour),
    ).properties(width=WIDTH, height=210)

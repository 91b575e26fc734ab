"""Prices, returns and volatility through time."""

from __future__ import annotations

import altair as alt

from likeliest.report.charts.common import WIDTH, Chart, chart
from likeliest.report.charts.prices.time import days_axis, impulses, line, stroke
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
    x = days_axis(page["dates"])
    y = alt.Y("y:Q", title="return a day", axis=alt.Axis(format="~%", tickCount=4))
    path = impulses(page["dates"], page["returns"]).mark_line(color=MUTED, strokeWidth=stroke(len(page["dates"])))
    middle = page["dates"][len(page["dates"]) // 2]
    extremes = [
        {"day": found["day"], "y": found["value"], "text": f"{found['day']}  {percent(found['value'], 2)}"}
        for found in (page["summary"]["worst"], page["summary"]["best"])
        if page["dates"][0] <= found["day"] <= page["dates"][-1]
    ]
    base = chart(extremes).encode(x=x, y=y)
    layers: list[alt.Chart] = [path.encode(x=x, y=y), base.mark_point(filled=True, size=26, color=CONTRAST, opacity=1)]
    for late in (False, True):
        # Words stand on the side of their day where there is room.
        rows = [row for row in extremes if (str(row["day"]) > middle) == late]
        words = chart(rows).mark_text(align="right" if late else "left", dx=-7 if late else 7, fontSize=11, color=INK)
        layers.append(words.encode(x=x, y=y, text="text:N"))
    return alt.layer(*layers).properties(width=WIDTH, height=120)


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

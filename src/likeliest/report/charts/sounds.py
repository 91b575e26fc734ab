"""Charts of a study of sounds: how long recordings are, who is understood how well, what more data would bring."""

from __future__ import annotations

from typing import Any

import altair as alt

from likeliest.report.charts.common import WIDTH, Chart, bins, chart, row_height
from likeliest.report.formatting import short
from likeliest.report.schema import Histogram, SizeCurve, SpeakerScore, SpeakerScores
from likeliest.report.theme import ACCENT, CONTRAST, INK, MUTED, SOFT

PEOPLE = 40
"""Speakers that are drawn; report.json has them all."""


def durations(page: Histogram) -> Chart:
    """How many recordings are how long."""
    bars = chart(bins(page)).mark_bar(color=SOFT, stroke="white", strokeWidth=0.5)
    return bars.encode(
        x=alt.X("from:Q", title="duration (s)", bin="binned", scale=alt.Scale(nice=False, zero=False)),
        x2="to:Q",
        y=alt.Y("rows:Q", title="recordings", axis=alt.Axis(tickCount=5)),
    ).properties(width=WIDTH, height=150)


def speakers(page: SpeakerScores) -> Chart:
    """Each speaker's rate of errors with its interval, and that of all."""
    rows = [_speaker(score, score["rate"]) for score in page["speakers"] if score["rate"] is not None][-PEOPLE:]
    names = [str(row["name"]) for row in rows]
    title = "recordings misunderstood" if page["unit"] == "recording" else "word error rate"
    highest = max((float(row["high"]) for row in rows), default=1.0)
    scale = alt.Scale(domain=[0, min(max(highest, 0.1), 1.5) * 1.03], nice=False)
    across = alt.Axis(format="%", tickCount=6)
    base = chart(rows).encode(y=alt.Y("name:N", sort=names, title=None, axis=alt.Axis(labelPadding=9)))
    layers: list[alt.Chart] = []
    if page["interval"] is not None:
        ends = dict(zip(("low", "high"), page["interval"], strict=True))
        band = chart([ends]).mark_rect(color=CONTRAST, opacity=0.12, clip=True)
        layers.append(band.encode(x=alt.X("low:Q", scale=scale), x2="high:Q"))
    line = chart([{"rate": page["rate"]}]).mark_rule(color=CONTRAST, strokeDash=[4, 3], strokeWidth=1.5)
    layers.append(line.encode(x=alt.X("rate:Q", scale=scale)))
    bars = base.mark_rule(color=ACCENT, opacity=0.6, strokeWidth=2, clip=True)
    layers.append(bars.encode(x=alt.X("low:Q", title=title, scale=scale, axis=across), x2="high:Q"))
    dots = base.mark_point(filled=True, size=60, color=ACCENT, opacity=1)
    layers.append(dots.encode(x=alt.X("rate:Q", scale=scale)))
    return alt.layer(*layers).properties(width=WIDTH - 60, height=alt.Step(row_height(len(rows))))


def _speaker(score: SpeakerScore, rate: float) -> dict[str, Any]:
    low, high = score["interval"] or [rate, rate]
    return {"name": short(score["name"], 30), "rate": rate, "low": low, "high": high}


def sizes(page: SizeCurve) -> Chart:
    """NLL and errors against training rows, with intervals."""
    error = "recordings misunderstood" if page["unit"] == "recording" else "word error rate"
    return alt.hconcat(
        _size(page, "nll", "NLL (nats a recording)", ""),
        _size(page, "error", error, "%"),
        spacing=40,
    )


def _size(page: SizeCurve, key: str, title: str, form: str) -> Chart:
    rows = [
        {"rows": point["rows"], "y": value, "low": low, "high": high}
        for point in page["points"]
        for value in [point["nll"] if key == "nll" else point["error"]]
        if value is not None
        for low, high in [(point["nll_interval"] if key == "nll" else point["error_interval"]) or [value, value]]
    ]
    sizes = [point["rows"] for point in page["points"]]
    scale = alt.Scale(type="log", domain=[sizes[0] * 0.85, sizes[-1] * 1.18], nice=False)
    axis = alt.Axis(values=sizes, format=",d", grid=False)
    base = chart(rows).encode(x=alt.X("rows:Q", title="training rows", scale=scale, axis=axis))
    y = alt.Y("y:Q", title=title, scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=5, format=form))
    bars = base.mark_rule(color=ACCENT, opacity=0.5, strokeWidth=2)
    return alt.layer(
        bars.encode(y=alt.Y("low:Q", title=title), y2="high:Q"),
        base.mark_line(color=MUTED, strokeDash=[3, 3], strokeWidth=1).encode(y=y),
        base.mark_point(filled=True, size=60, color=INK, opacity=1).encode(y=y),
    ).properties(width=WIDTH / 2 - 60, height=170)

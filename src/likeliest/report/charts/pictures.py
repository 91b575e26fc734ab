"""Charts of a study of pictures: how the net learnt."""

from __future__ import annotations

import altair as alt

from likeliest.report.charts.common import WIDTH, Chart, chart
from likeliest.report.schema import Training
from likeliest.report.theme import ACCENT, CONTRAST


def training(page: Training) -> Chart:
    """NLL of training and validation rows against passes, on a logarithmic scale."""
    names = {"nll_train": "training rows", "nll_validation": "validation rows"}
    rows = [
        {"passes": record["passes"], "nll": value, "rows": name}
        for record in page["records"]
        for value, name in ((record["nll_train"], "training rows"), (record["nll_validation"], "validation rows"))
        if value is not None and value > 0
    ]
    colour = alt.Scale(domain=list(names.values()), range=[ACCENT, CONTRAST])
    lines = chart(rows).mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=22))
    return lines.encode(
        x=alt.X("passes:Q", title="work (passes over the training rows)"),
        y=alt.Y("nll:Q", title="NLL (nats a row)", scale=alt.Scale(type="log", nice=True), axis=alt.Axis(tickCount=6)),
        color=alt.Color("rows:N", title=None, scale=colour, legend=alt.Legend(orient="top")),
    ).properties(width=WIDTH, height=190)

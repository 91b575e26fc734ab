"""Charts over a recording's time: its spectrogram, and under it what a model makes of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import altair as alt

from likeliest.report.charts.common import WIDTH, Chart, chart
from likeliest.report.formatting import short
from likeliest.report.schema import Frames, Heard, Listening, Span, Spectrogram
from likeliest.report.theme import ACCENT, CONTRAST, INK, MUTED, PALE, PALETTE

COLUMNS = 3
"""Words side by side."""
WORD, HEIGHT = 150, 84
"""Width and height of a word's spectrogram, in pixels."""
TALL = 120
"""Height of an utterance's."""
HERTZ = (250, 500, 1000, 2000, 4000)
_ROW = 20
_LETTER = 6.5
_TO_HERTZ = "format(700 * (pow(10, datum.value / 2595) - 1), ',.0f')"


def surprising_words(page: Sequence[Heard]) -> Chart:
    """Spectrograms of single words, and the likeliest words of each."""
    return _grid([_surprising(heard) for heard in page])


def _surprising(heard: Heard) -> alt.VConcatChart:
    picture = _spectrogram(heard["spectrogram"], WORD, HEIGHT, time=True)
    rows = [
        {"word": f"{short(g['word'], 14)}", "p": g["p"], "at": place, "own": g["word"] == heard["observed"]}
        for place, g in enumerate(heard["guesses"])
    ]
    base = chart(rows).encode(y=alt.Y("at:O", axis=None))
    across = alt.X("p:Q", scale=alt.Scale(domain=[0, 1.45]), axis=None)
    colour = alt.condition("datum.own", alt.value(ACCENT), alt.value(PALE))
    bars = base.mark_bar(height=11).encode(x=across, color=colour)
    text = base.mark_text(align="left", dx=4, fontSize=11, color=INK).encode(x=across, text="label:N")
    named = text.transform_calculate(label="datum.word + '  ' + format(datum.p, '.2f')")
    under = alt.layer(bars, named).properties(width=WORD, height=17 * len(rows))
    return alt.vconcat(picture, under, spacing=6).properties(title=_title(heard["observed"], heard["understood"]))


def listening(page: Sequence[Listening]) -> Chart:
    """Spectrograms of single words, and what silence does to the log-probability of the word named."""
    low = min(0.0, *(min(one["falls"]) for one in page))
    high = max(0.0, *(max(one["falls"]) for one in page))
    return _grid([_listening(one, [low, high]) for one in page])


def _listening(one: Listening, domain: list[float]) -> alt.VConcatChart:
    picture = _spectrogram(one["spectrogram"], WORD, HEIGHT, time=False)
    rows = [{"t": t, "fall": fall} for t, fall in zip(one["times"], one["falls"], strict=True)]
    base = chart(rows).encode(
        x=_time(one["spectrogram"], title="s"),
        y=alt.Y("fall:Q", title="Δ log p", scale=alt.Scale(domain=domain), axis=alt.Axis(tickCount=3)),
    )
    area = base.mark_area(color=ACCENT, opacity=0.25, line={"color": ACCENT, "strokeWidth": 1.5})
    under = alt.layer(area).properties(width=WORD, height=64)
    title = _title(one["observed"], f"{one['understood']}", one["p"])
    return alt.vconcat(picture, under, spacing=4).properties(title=title)


def utterance(heard: Heard) -> Chart:
    """An utterance's spectrogram, the labels' probabilities, and both texts on their most probable paths."""
    frames = heard["frames"]
    assert frames is not None
    parts: list[Chart] = [_spectrogram(heard["spectrogram"], WIDTH, TALL, time=False)]
    if frames["curves"]:
        parts.append(_curves(heard["spectrogram"], frames))
    parts.append(_lanes(heard["spectrogram"], frames))
    return alt.vconcat(*parts, spacing=6).resolve_scale(color="independent")


def _curves(page: Spectrogram, frames: Frames) -> alt.Chart:
    """Probability of each label over time; its colour is that of the legend above."""
    names = [curve["label"] for curve in frames["curves"]]
    rows = [
        {"t": t, "p": p, "label": curve["label"]}
        for curve in frames["curves"]
        for t, p in zip(frames["times"], curve["p"], strict=True)
    ]
    legend = alt.Legend(orient="top", columns=10, symbolType="stroke", symbolStrokeWidth=3)
    lines = chart(rows).mark_line(strokeWidth=1.6, clip=True)
    drawn: alt.Chart = lines.encode(
        x=_time(page, labels=False),
        y=alt.Y("p:Q", title="probability", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=3)),
        color=alt.Color("label:N", title=None, scale=alt.Scale(domain=names, range=PALETTE), legend=legend),
    ).properties(width=WIDTH, height=84)
    return drawn


def _lanes(page: Spectrogram, frames: Frames) -> Chart:
    """Both texts, one under the other: each label over its frames, mistakes in another colour."""
    rows = [
        _box(page, span, lane)
        for lane, spans in (("said", frames["observed"]), ("understood", frames["understood"]))
        for span in spans
    ]
    lanes = alt.Y("lane:N", sort=["said", "understood"], scale=alt.Scale(domain=["said", "understood"]), title=None)
    base = chart(rows)
    wrong = alt.condition("datum.wrong", alt.value(CONTRAST), alt.value(MUTED))
    boxes = base.mark_bar(height=_ROW - 4, opacity=0.28, cornerRadius=2, clip=True)
    text = base.mark_text(fontSize=11, clip=True)
    return alt.layer(
        boxes.encode(x=_time(page, "start", title="time (s)"), x2="end:Q", y=lanes, color=wrong),
        text.encode(
            x=_time(page, "middle", title="time (s)"),
            y=lanes,
            text="shown:N",
            color=alt.condition("datum.wrong", alt.value(CONTRAST), alt.value(INK)),
        ),
    ).properties(width=WIDTH, height=2 * _ROW)


def _box(page: Spectrogram, span: Span, lane: str) -> dict[str, object]:
    """A label over its frames; a longer one than there is room for is cut."""
    left, right = page["extent"]
    room = max(1, int((span["end"] - span["start"]) / (right - left) * WIDTH / _LETTER))
    start, end = max(span["start"], left), min(span["end"], right)
    shown = span["label"] if len(span["label"]) == 1 else short(span["label"], max(2, room))
    return {
        "lane": lane,
        "start": start,
        "end": end,
        "middle": (start + end) / 2,
        "shown": shown,
        "wrong": span["kind"] != "equal",
    }


# The axes of time and frequency.


def _spectrogram(page: Spectrogram, width: int, height: int, *, time: bool) -> alt.Chart:
    """The picture between its axes; where something with the same axis of time stands under it, without that one."""
    low, high = (_mel(f) for f in page["hertz"])
    left, right = page["extent"]
    row = {"x": (left + right) / 2, "y": (low + high) / 2, "url": f"data:image/png;base64,{page['png']}"}
    values = [_mel(f) for f in HERTZ if low <= _mel(f) <= high]
    axis = alt.Axis(values=values, labelExpr=_TO_HERTZ, grid=False)
    picture = chart([row]).mark_image(width=width, height=height, aspect=False)
    drawn: alt.Chart = picture.encode(
        x=_time(page, "x", title="s" if time else None, labels=time),
        y=alt.Y("y:Q", title="Hz", scale=alt.Scale(domain=[low, high], nice=False, zero=False), axis=axis),
        url="url:N",
    ).properties(width=width, height=height)
    return drawn


def _time(page: Spectrogram, field: str = "t", *, title: str | None = None, labels: bool = True) -> alt.X:
    scale = alt.Scale(domain=page["extent"], nice=False, zero=False)
    ticks = 5 if page["extent"][1] - page["extent"][0] < 1.5 else 8
    axis = alt.Axis(labels=labels, ticks=labels, tickCount=ticks, labelOverlap=True, grid=False, titlePadding=2)
    return alt.X(f"{field}:Q", title=title, scale=scale, axis=axis)


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


def _grid(charts: list[alt.VConcatChart]) -> alt.ConcatChart:
    return alt.concat(*charts, columns=COLUMNS, spacing=18)


def _title(observed: str, understood: str, p: float | None = None) -> alt.TitleParams:
    """What was said, and what was understood; words of a data set are values here, never expressions."""
    sure = "" if p is None else f" {p:.2f}"
    return alt.TitleParams(
        short(observed, 20),
        subtitle=f"understood: {short(understood, 16)}{sure}",
        anchor="start",
        fontSize=12,
        fontWeight=600,
        color=INK,
        subtitleColor=MUTED,
        subtitleFontSize=11,
        subtitlePadding=2,
        offset=4,
    )

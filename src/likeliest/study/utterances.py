"""What a model says of an utterance over time: the labels' probabilities, and the texts that were said and understood.

An alignment is the most probable path of a text through the frames; see `likeliest.families.ctc.align`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from likeliest.speech import Alphabet
from likeliest.speech.edits import alignment
from likeliest.speech.timing import spans

if TYPE_CHECKING:
    from likeliest.report.schema import Frames, LabelCurve, Span

LONGEST = 6.0
"""Seconds of a long utterance that are shown, from one before the first mistake."""
BEFORE = 1.0
CURVES = 10
"""Labels whose probabilities are shown, at most."""
SEEN = 0.05
"""A label that is nowhere more probable is not shown."""
DIGITS = 4
SPACE = "␣"


def frames_json(
    log_p: NDArray[np.float64], alphabet: Alphabet, said: str, understood: str, seconds: float
) -> tuple[Frames, tuple[float, float]]:
    """Return what a model says of an utterance, and which seconds of it are worth to be shown.

    Args:
        log_p: (T, K) log-probabilities of each frame.
        alphabet: its K.
        said: the text.
        understood: what was made of it.
        seconds: from one frame to the next; frame t reaches from t to t + 1 times as much.
    """
    texts = [[] if alphabet.unknown(text) else alphabet.labels(text) for text in (said, understood)]
    kinds = _kinds(*texts)
    lanes = [_lane(log_p, alphabet, *pair, seconds) for pair in zip(texts, kinds, strict=True)]
    shown = _worth_showing([span for lane in lanes for span in lane], len(log_p) * seconds)
    middles = (np.arange(len(log_p)) + 0.5) * seconds
    inside = (middles >= shown[0]) & (middles <= shown[1])
    found: Frames = {
        "times": middles[inside].round(DIGITS).tolist(),
        "curves": _curves(np.exp(log_p[inside]), alphabet, sorted({label for text in texts for label in text})),
        "observed": _within(lanes[0], shown),
        "understood": _within(lanes[1], shown),
    }
    return found, shown


def _kinds(said: list[int], understood: list[int]) -> tuple[list[str], list[str]]:
    """The kind of edit that each label of either text has part in."""
    own, other = ["equal"] * len(said), ["equal"] * len(understood)
    for chunk in alignment(said, understood):
        own[chunk.start : chunk.end] = [chunk.kind] * (chunk.end - chunk.start)
        width = chunk.hypothesis_end - chunk.hypothesis_start
        other[chunk.hypothesis_start : chunk.hypothesis_end] = [chunk.kind] * width
    return own, other


def _lane(
    log_p: NDArray[np.float64], alphabet: Alphabet, labels: list[int], kinds: list[str], seconds: float
) -> list[Span]:
    """The labels of a text with their frames; none where the text has no path through them."""
    if not labels:
        return []
    found = spans(log_p, [tuple(labels)])[0]
    if any(start < 0 for start, _ in found):
        return []
    return [
        {
            "label": _named(alphabet, label),
            "start": round(start * seconds, DIGITS),
            "end": round(end * seconds, DIGITS),
            "kind": kind,
        }
        for label, kind, (start, end) in zip(labels, kinds, found, strict=True)
    ]


def _named(alphabet: Alphabet, label: int) -> str:
    return SPACE if label == alphabet.space else alphabet.symbols[label - 1]


def _worth_showing(every: list[Span], duration: float) -> tuple[float, float]:
    """All of a short utterance; of a long one the stretch around the first mistake."""
    if duration <= LONGEST:
        return 0.0, duration
    first = min((span["start"] for span in every if span["kind"] != "equal"), default=0.0)
    start = min(max(first - BEFORE, 0.0), duration - LONGEST)
    return start, start + LONGEST


def _within(lane: list[Span], shown: tuple[float, float]) -> list[Span]:
    return [span for span in lane if span["start"] < shown[1] and span["end"] > shown[0]]


def _curves(p: NDArray[np.float64], alphabet: Alphabet, labels: list[int]) -> list[LabelCurve]:
    """The labels that are probable somewhere, in the order of the alphabet."""
    seen = [label for label in labels if p[:, label].max(initial=0) >= SEEN]
    kept = sorted(sorted(seen, key=lambda label: -float(p[:, label].sum()))[:CURVES])
    return [{"label": _named(alphabet, label), "p": p[:, label].round(DIGITS).tolist()} for label in kept]

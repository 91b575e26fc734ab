"""Where a long recording can be cut: at its pauses, so that the pieces together hold all that is said."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from likeliest.data.sounds.decoding import Samples

LONGEST = 30.0
"""Seconds of a piece, at most."""

HOP = 0.01
PAUSE = 0.3
MARGIN = 0.15
_NEIGHBOURS = 5
_FLOOR, _PEAK = 0.1, 0.95
_SHARE, _MOST_ABOVE = 0.3, 12.0
_LEAST_RANGE = 6.0
_NOTHING = 1.0


def pauses(samples: Samples, rate: int, longest: float = LONGEST) -> list[tuple[float, float]]:
    """Return the pieces (start, end), in seconds, that a recording is cut into; a short one is a single piece.

    Levels are mean squares of frames of 10 ms, smoothed over 5 of them, in dB. The background's level is their 0.1
    quantile, that of speech their 0.95 quantile; what lies below the background's plus 0.3 of the distance between
    them, and at most 12 dB above it, is quiet. Where that distance is under 6 dB nothing is, for there is no telling
    background from speech, unless all samples are 0. Quiet stretches of 0.3 s or more are pauses. Speech is what lies
    between pauses, with 0.15 s of them on both sides. Stretches of speech are joined to pieces while these stay within
    ``longest``. A stretch that is longer itself is cut at the quietest frame of the second half of what is allowed, and
    nothing of it is lost. The rule is the classical one of energy detectors, as in Rabiner and Sambur (1975), An
    algorithm for determining the endpoints of isolated utterances, here with levels relative to the recording's own.

    Args:
        samples: int16 (L,).
        rate: samples a second.
        longest: seconds of a piece, at most.

    Returns:
        Pieces in order that do not overlap; none of a long silence.

    Example:
        >>> tone, silence = np.full(8000, 1000, np.int16), np.zeros(8000, np.int16)
        >>> pauses(np.concatenate([tone, silence, tone]), 8000, longest=2)
        [(0.0, 1.17), (1.83, 3.0)]
    """
    seconds = len(samples) / rate
    if seconds <= longest:
        return [(0.0, seconds)]
    hop = max(round(HOP * rate), 1)
    levels = _levels(samples, hop)
    frames = max(int(longest * rate / hop), 2)
    pieces = _joined([cut for stretch in _speech(levels, hop / rate) for cut in _cut(levels, *stretch, frames)], frames)
    return [(start * hop / rate, min(end * hop / rate, seconds)) for start, end in pieces]


def _levels(samples: Samples, hop: int) -> NDArray[np.float64]:
    """Return the smoothed level of each frame of ``hop`` samples, in dB; the last frame may be shorter."""
    starts = np.arange(0, len(samples), hop)
    squares = np.concatenate([_squares(samples[i : i + hop * 4096], hop) for i in range(0, len(samples), hop * 4096)])
    squares /= np.minimum(hop, len(samples) - starts)
    window = np.ones(_NEIGHBOURS)
    smooth = np.convolve(squares, window, "same") / np.convolve(np.ones(len(squares)), window, "same")
    return 10 * np.log10(np.maximum(smooth, 0) + _NOTHING)


def _squares(samples: Samples, hop: int) -> NDArray[np.float64]:
    """Return the sum of squares of each frame."""
    return np.add.reduceat(samples.astype(np.float64) ** 2, np.arange(0, len(samples), hop))


def _speech(levels: NDArray[np.float64], step: float) -> Iterator[tuple[int, int]]:
    """Yield the stretches of frames, from and up to, that lie between pauses, with a margin."""
    floor, peak = np.quantile(levels, [_FLOOR, _PEAK])
    if peak - floor < _LEAST_RANGE:
        if levels.max() > 0:
            yield 0, len(levels)
        return
    loud = np.flatnonzero(levels > floor + min(_SHARE * (peak - floor), _MOST_ABOVE))
    breaks = np.flatnonzero(np.diff(loud) - 1 >= round(PAUSE / step))
    margin = round(MARGIN / step)
    for first, last in zip(loud[np.r_[0, breaks + 1]], loud[np.r_[breaks, len(loud) - 1]], strict=True):
        yield max(int(first) - margin, 0), min(int(last) + 1 + margin, len(levels))


def _cut(levels: NDArray[np.float64], start: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield a stretch in pieces of at most ``most`` frames."""
    while end - start > most:
        half = start + most // 2
        cut = half + int(np.argmin(levels[half : start + most]))
        yield start, cut
        start = cut
    yield start, end


def _joined(stretches: list[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    """Join neighbours, with the pauses between them, while a piece has at most ``most`` frames."""
    pieces: list[tuple[int, int]] = []
    for start, end in stretches:
        if pieces and end - pieces[-1][0] <= most:
            pieces[-1] = pieces[-1][0], end
        else:
            pieces.append((start, end))
    return pieces

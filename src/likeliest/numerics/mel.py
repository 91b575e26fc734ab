"""The mel scale: pitch as it is heard, and filters that are evenly spaced on it.

Two formulas are in use. "htk" is logarithmic throughout,

    m = 2595 log₁₀(1 + f / 700),

and "slaney" linear below 1,000 Hz and logarithmic above, 27 mels for each factor of 6.4:

    m = 3 f / 200                             for f < 1000
    m = 15 + 27 log(f / 1000) / log 6.4       else.

Source: O'Shaughnessy (1987), Speech communication, and Young et al. (2006), The HTK book, for the first; Slaney (1998),
Auditory toolbox, for the second.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeliest.errors import SpecificationError, UnknownNameError

Scale: TypeAlias = Literal["htk", "slaney"]
SCALES = ("htk", "slaney")

_BREAK = 1000.0
_SLOPE = 3 / 200
_PER_OCTAVE = 27 / math.log(6.4)
"""Mels for each factor e above the break."""


def hertz_to_mel(hertz: ArrayLike, scale: Scale = "htk") -> NDArray[np.float64]:
    """Frequencies ≥ 0 in hertz on the mel scale, of any shape; see the module.

    Raises:
        UnknownNameError: another scale.

    Example:
        >>> hertz_to_mel([0.0, 1000.0]).round(2).tolist(), hertz_to_mel([0.0, 1000.0], "slaney").tolist()
        ([0.0, 999.99], [0.0, 15.0])
    """
    _check_scale(scale)
    f = np.asarray(hertz, dtype=np.float64)
    if scale == "htk":
        return np.asarray(2595.0 * np.log10(1.0 + f / 700.0))
    above = _SLOPE * _BREAK + _PER_OCTAVE * np.log(np.maximum(f, _BREAK) / _BREAK)
    return np.where(f < _BREAK, _SLOPE * f, above)


def mel_to_hertz(mel: ArrayLike, scale: Scale = "htk") -> NDArray[np.float64]:
    """Inverse of `hertz_to_mel`.

    Raises:
        UnknownNameError: another scale.

    Example:
        >>> mel_to_hertz(hertz_to_mel(440.0)).round(9).item()
        440.0
    """
    _check_scale(scale)
    m = np.asarray(mel, dtype=np.float64)
    if scale == "htk":
        return np.asarray(700.0 * (10.0 ** (m / 2595.0) - 1.0))
    knee = _SLOPE * _BREAK
    return np.where(m < knee, m / _SLOPE, _BREAK * np.exp((np.maximum(m, knee) - knee) / _PER_OCTAVE))


def mel_edges(bins: int, low: float, high: float, scale: Scale = "htk") -> NDArray[np.float64]:
    """The edges of mel filters in hertz, (bins + 2,): evenly spaced on the scale from low to high.

    Filter i reaches from edge i to edge i + 2 and has its peak at edge i + 1.

    Raises:
        SpecificationError: no bin, or frequencies that are not 0 ≤ low < high.
        UnknownNameError: another scale.

    Example:
        >>> mel_edges(2, 0.0, 4000.0).round().tolist()
        [0.0, 621.0, 1791.0, 4000.0]
    """
    if bins < 1 or not 0 <= low < high < math.inf:
        raise SpecificationError(
            f"mel filters need one bin or more and 0 <= low < high in hertz, found {bins} bins from {low:g} to {high:g}"
        )
    first, last = hertz_to_mel([low, high], scale)
    return mel_to_hertz(np.linspace(first, last, bins + 2), scale)


def mel_filters(
    rate: float, points: int, bins: int, low: float = 0.0, high: float | None = None, *,
    scale: Scale = "htk", equal_area: bool = False,
) -> NDArray[np.float64]:  # fmt: skip
    """Triangular filters on the frequencies f_k = k · rate / points, k = 0 … points/2: (points // 2 + 1, bins).

    With the edges e of `mel_edges`, filter i is

        h_i(f) = max(0, min((f − e_i) / (e_{i+1} − e_i), (e_{i+2} − f) / (e_{i+2} − e_{i+1}))),

    which is 1 at its peak; of equal area, it is multiplied by 2 / (e_{i+2} − e_i). A power spectrum
    (…, points // 2 + 1) times this matrix is a mel spectrum (…, bins).

    Args:
        rate: samples a second.
        points: of the Fourier transform.
        bins: how many filters.
        low: the lowest edge in hertz.
        high: the highest; None is rate / 2.
        scale: "htk" or "slaney".
        equal_area: whether each filter has the area 1 in hertz, rather than the peak 1.

    Raises:
        SpecificationError: edges that are not 0 ≤ low < high ≤ rate / 2, no bin, or so many that a filter has no
            frequency of the transform inside.
        UnknownNameError: another scale.

    Example:
        >>> mel_filters(8000, 8, 2).round(2).tolist()
        [[0.0, 0.0], [0.68, 0.32], [0.0, 0.91], [0.0, 0.45], [0.0, 0.0]]
    """
    high = rate / 2 if high is None else high
    if high > rate / 2:
        raise SpecificationError(
            f"mel filters up to {high:g} Hz need {2 * high:g} samples a second or more, found {rate:g}; lower high"
        )
    edges = mel_edges(bins, low, high, scale)
    frequencies = np.arange(points // 2 + 1) * (rate / points)
    ramps, widths = frequencies[:, None] - edges, np.diff(edges)
    filters = np.maximum(0.0, np.minimum(ramps[:, :-2] / widths[:-1], -ramps[:, 2:] / widths[1:]))
    if (empty := ~filters.any(0)).any():
        raise SpecificationError(
            f"{empty.sum()} of {bins} mel filters lie between two of the frequencies, {rate / points:g} Hz apart, that "
            f"a transform of {points} points has; ask for fewer bins or a longer window"
        )
    return filters * (2.0 / (edges[2:] - edges[:-2])) if equal_area else filters


def _check_scale(scale: str) -> None:
    if scale not in SCALES:
        raise UnknownNameError(f"no mel scale {scale!r}; there are {', '.join(SCALES)}")

"""Are class probabilities true? Of the rows that are given 80 %, 80 % should come out so.

Rows are sorted by a probability and cut into bins of equal mass; the expected calibration error is

    ECE = Σ_b (n_b / n) |share observed_b − mean probability_b|.

The probability is that of the predicted class, where a hit is a right prediction, or that of one class against the
rest, where a hit is a row of that class. Under labels drawn from the model itself each row is a hit with the very
probability it was given, which leaves probabilities and bins as they are: so ECE stands beside what perfect
calibration would show.

Source: Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks; Kull and others (2019), Beyond
temperature scaling, for the classes one by one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeliest.calibration.diagram import BINS, DRAWS, FEWEST, Bin, Calibration, portions
from likeliest.errors import ShapeError
from likeliest.randomness import stream

Floats = NDArray[np.float64]


def top_label_calibration(p: ArrayLike, y: ArrayLike, *, bins: int = BINS, seed: int = 0) -> Calibration:
    """Compare the probability of the predicted class with how often it is the right one.

    Args:
        p: probabilities (n, K), or of class 1 of two (n,).
        y: indices of the true classes (n,).
        bins: at most so many, of equal mass; equal confidences are never parted.
        seed: names the simulated labels.

    Raises:
        ShapeError: p and y do not fit together, or have no rows.

    Example:
        >>> p, y = np.array([0.9, 0.8, 0.3, 0.6, 0.7]), np.array([1, 1, 0, 0, 1])
        >>> round(top_label_calibration(p, y).ece, 3)
        0.06
    """
    confidence, right = _top_label(*_rows(p, y))
    sure, share = confidence.mean(), right.mean()
    detail = f"too {'sure' if sure > share else 'unsure'}: on average it is {sure:.3f} sure and right in {share:.3f}"
    return _reliability(confidence, right, bins, seed, detail)


def class_calibration(p: ArrayLike, y: ArrayLike, *, bins: int = BINS, seed: int = 0) -> tuple[Calibration, ...]:
    """Compare, class by class, the probability of that class with how often it is the true one.

    A classifier may be right as often as it is sure of its predictions and still give one class too much and another
    too little; rare classes hardly show among the predicted ones.

    Args:
        p: probabilities (n, K), or of class 1 of two (n,).
        y: indices of the true classes (n,).
        bins: at most so many, of equal mass; equal probabilities are never parted.
        seed: names the simulated labels.

    Returns:
        K of them, one a class; ``confidence`` is the mean probability of the class and ``observed`` its share.

    Raises:
        ShapeError: p and y do not fit together, or have no rows.

    Example:
        >>> p, y = np.array([0.9, 0.8, 0.3, 0.6, 0.7]), np.array([1, 1, 0, 0, 1])
        >>> [round(found.ece, 3) for found in class_calibration(p, y)]
        [0.06, 0.06]
    """
    p, y = _rows(p, y)
    found = []
    for k in range(p.shape[1]):
        given, share = p[:, k].mean(), (y == k).mean()
        detail = f"given too {'much' if given > share else 'little'}: on average {given:.3f}, and it is {share:.3f}"
        found.append(_reliability(p[:, k], y == k, bins, seed, detail))
    return tuple(found)


def ece_interval(
    p: ArrayLike, y: ArrayLike, *, bins: int = BINS, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Return an interval of the top-label expected calibration error, by a bootstrap over rows.

    The error of a resample exceeds the sample's as that exceeds the true one, for all take absolute values of noise. So
    the interval is the basic one, which reflects the resamples' quantiles in the sample's error, cut off at 0. Bins
    stay those of the sample.

    Args:
        p: probabilities (n, K), or of class 1 of two (n,).
        y: indices of the true classes (n,).
        bins: as in `top_label_calibration`.
        level: of the interval.
        seed: names the resamples.

    Source: Efron (1979), Bootstrap methods; Davison and Hinkley (1997), Bootstrap methods and their application, 5.2.

    Raises:
        ShapeError: p and y do not fit together, or have no rows.

    Example:
        >>> low, high = ece_interval(np.full(100, 0.9), np.arange(100) % 5 > 0)
        >>> 0 < low < 0.1 < high
        True
    """
    confidence, right = _top_label(*_rows(p, y))
    order = np.argsort(confidence, kind="stable")
    gap, starts, n = (right - confidence)[order], _starts(confidence[order], bins), len(order)
    place = np.searchsorted(starts, np.arange(n), side="right") - 1
    draws = stream(seed, "bootstrap")
    resampled = [_resampled(gap, place, draws.integers(n, size=(m, n))) for m in portions(DRAWS, n)]
    ece = np.abs(np.add.reduceat(gap, starts)).sum() / n
    low, high = 2 * ece - np.quantile(np.concatenate(resampled), (0.5 + level / 2, 0.5 - level / 2))
    return max(0.0, float(low)), max(0.0, float(high))


def _rows(p: ArrayLike, y: ArrayLike) -> tuple[Floats, NDArray[np.int64]]:
    p, y = np.asarray(p, np.float64), np.asarray(y)
    if p.ndim == 1:
        p = np.stack((1 - p, p), -1)
    if p.ndim != 2 or y.shape != p.shape[:1] or not len(y):
        raise ShapeError(f"calibration needs p (n, K) and y (n,) with n ≥ 1; found {p.shape} and {y.shape}")
    return p, y.astype(np.int64)


def _top_label(p: Floats, y: NDArray[np.int64]) -> tuple[Floats, NDArray[np.bool_]]:
    top = p.argmax(-1)
    return p[np.arange(len(y)), top], top == y


def _reliability(confidence: Floats, hit: NDArray[np.bool_], bins: int, seed: int, detail: str) -> Calibration:
    """Compare probabilities (n,) of hits with the hits."""
    order = np.argsort(confidence, kind="stable")
    confidence, n = confidence[order], len(order)
    starts = _starts(confidence, bins)
    counts = np.diff(np.append(starts, n))
    claimed, hits = (np.add.reduceat(v, starts) for v in (confidence, hit[order].astype(np.int64)))
    simulated = _simulated_hits(confidence, starts, seed)
    found = tuple(Bin.of(int(m), float(c) / int(m), int(k)) for m, c, k in zip(counts, claimed, hits, strict=True))
    ece = float(np.abs(hits - claimed).sum() / n)
    return Calibration.of(found, ece, np.abs(simulated - claimed).sum(-1) / n, n, detail)


def _resampled(gap: Floats, place: NDArray[np.int64], rows: NDArray[np.int64]) -> Floats:
    """The error of each resample (m,) of rows (m, n), of hit − probability (n,) and the bin (n,) of a row."""
    m, bins = len(rows), int(place[-1]) + 1
    cells = place[rows] + bins * np.arange(m)[:, None]
    sums = np.bincount(cells.ravel(), gap[rows].ravel(), m * bins)
    errors: Floats = np.abs(sums.reshape(m, bins)).sum(-1) / rows.shape[1]
    return errors


def _starts(confidence: Floats, bins: int) -> NDArray[np.int64]:
    """Where bins of equal mass begin among sorted confidences, each moved down to the first of its equals."""
    bins = max(1, min(bins, len(confidence) // FEWEST))
    sizes = np.full(bins, len(confidence) // bins)
    sizes[: len(confidence) % bins] += 1
    cuts = np.cumsum(sizes) - sizes
    return np.unique(np.searchsorted(confidence, confidence[cuts]))


def _simulated_hits(confidence: Floats, starts: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Hits per bin (DRAWS, bins) when labels are drawn from the model: each row is one with its own probability."""
    draws = stream(seed, "calibration")
    parts = [draws.random((m, len(confidence))) < confidence for m in portions(DRAWS, len(confidence))]
    return np.concatenate([np.add.reduceat(right, starts, axis=1, dtype=np.int64) for right in parts])

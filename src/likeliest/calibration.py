"""Are the probabilities true? Reliability, and what a perfectly calibrated model of the same size would show.

A classifier is calibrated when, of the rows it is 80 % sure of, 80 % come out right. Rows are sorted by the probability
of the predicted class and cut into bins of equal mass; the expected calibration error is

    ECE = Σ_b (n_b / n) |accuracy_b − confidence_b|.

It is never 0 on finitely many rows, even for the true probabilities. So it stands beside its distribution under labels
drawn from the model itself, y ~ p, which leaves confidences and bins as they are.

A predictive distribution F of a number is calibrated when u = F(y) is uniform (Dawid, 1984; Diebold, Gunther and Tay,
1998): below its predicted quantile of level q lie a share q of the rows. Levels take the place of the bins.

Source: Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks; Bröcker and Smith (2007),
Increasing the reliability of reliability diagrams; Wilson (1927), Probable inference, the law of succession, and
statistical inference.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from likeliest.errors import ShapeError
from likeliest.randomness import stream

BINS = 15
FEWEST = 5
"""Rows to a bin, at least: with fewer rows there are fewer bins."""
DRAWS = 1_000
_AT_ONCE = 2**22


@dataclass(frozen=True, slots=True)
class Bin:
    """One point of a reliability diagram.

    Attributes:
        count: rows in the bin; for a number, all rows.
        confidence: mean probability of the predicted class; for a number, the level of the quantile.
        observed: share of rows predicted rightly; for a number, share of rows below the quantile.
        low: lower end of the 95 % Wilson interval of ``observed``.
        high: its upper end.
    """

    count: int
    confidence: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """How true a model's probabilities are, beside what perfect ones would show on as many rows.

    Attributes:
        bins: in rising confidence.
        ece: expected calibration error.
        ece_expected: its mean under perfect calibration.
        ece_interval: the central 95 % of it under perfect calibration.
        statement: all of this in a sentence.
    """

    bins: tuple[Bin, ...]
    ece: float
    ece_expected: float
    ece_interval: tuple[float, float]
    statement: str

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as reports hold them."""
        return {**asdict(self), "bins": [asdict(b) for b in self.bins], "ece_interval": list(self.ece_interval)}


def wilson_interval(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a probability after k successes in n trials; (0, 1) where there were none.

    Example:
        >>> tuple(round(end, 3) for end in wilson_interval(9, 10))
        (0.596, 0.982)
    """
    if n == 0:
        return 0.0, 1.0
    z = float(ndtri(0.5 + level / 2))
    centre = (k + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(k * (n - k) / n + z * z / 4)
    return (0.0 if k == 0 else centre - half), (1.0 if k == n else centre + half)


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
    p, y = np.asarray(p, np.float64), np.asarray(y)
    if p.ndim == 1:
        p = np.stack((1 - p, p), -1)
    if p.ndim != 2 or y.shape != p.shape[:1] or not len(y):
        raise ShapeError(f"calibration needs p (n, K) and y (n,) with n ≥ 1; found {p.shape} and {y.shape}")
    top = p.argmax(-1)
    confidence, right = p[np.arange(len(y)), top], top == y
    order = np.argsort(confidence, kind="stable")
    confidence, right = confidence[order], right[order]
    starts = _starts(confidence, bins)
    counts = np.diff(np.append(starts, len(y)))
    claimed, hits = np.add.reduceat(confidence, starts), np.add.reduceat(right.astype(np.int64), starts)
    simulated = _simulated_hits(confidence, starts, seed)
    found = tuple(_bin(int(n), float(c) / int(n), int(k)) for n, c, k in zip(counts, claimed, hits, strict=True))
    ece = float(np.abs(hits - claimed).sum() / len(y))
    leaning = "sure" if claimed.sum() > hits.sum() else "unsure"
    detail = f"on average it is {claimed.sum() / len(y):.3f} sure and right in {hits.sum() / len(y):.3f}"
    return _calibration(found, ece, np.abs(simulated - claimed).sum(-1) / len(y), len(y), f"too {leaning}: {detail}")


def _starts(confidence: np.ndarray, bins: int) -> np.ndarray:
    """Where bins of equal mass begin among sorted confidences, each moved down to the first of its equals."""
    bins = max(1, min(bins, len(confidence) // FEWEST))
    sizes = np.full(bins, len(confidence) // bins)
    sizes[: len(confidence) % bins] += 1
    cuts = np.cumsum(sizes) - sizes
    return np.unique(np.searchsorted(confidence, confidence[cuts]))


def _simulated_hits(confidence: np.ndarray, starts: np.ndarray, seed: int) -> np.ndarray:
    """Right rows per bin (DRAWS, bins) when labels are drawn from the model: each is right with its own confidence."""
    draws = stream(seed, "calibration")
    parts = [draws.random((m, len(confidence))) < confidence for m in _portions(DRAWS, len(confidence))]
    return np.concatenate([np.add.reduceat(right, starts, axis=1, dtype=np.int64) for right in parts])


def pit(y: ArrayLike, mean: ArrayLike, scale: ArrayLike) -> np.ndarray:
    """Return the probability integral transform u = Φ((y − mean) / scale) of a normal predictive, (n,).

    As the scale goes to 0, u goes to 0 below the mean, 1 above it, and ½ at the mean itself.
    """
    residual = np.asarray(y, np.float64) - np.asarray(mean, np.float64)
    with np.errstate(divide="ignore"):
        z = np.divide(residual, np.asarray(scale, np.float64), out=np.zeros_like(residual), where=residual != 0)
    transformed: np.ndarray = ndtr(z)
    return transformed


def normal_calibration(
    y: ArrayLike, mean: ArrayLike, scale: ArrayLike, *, bins: int = BINS, seed: int = 0
) -> Calibration:
    """Compare the levels of a normal predictive's quantiles with the share of rows below them.

    Args:
        y: (n,).
        mean: predicted means, (n,) or a number.
        scale: predicted standard deviations ≥ 0, (n,) or a number.
        bins: number of levels, 1/(bins + 1) to bins/(bins + 1).
        seed: names the simulated rows.

    Raises:
        ShapeError: there are no rows, or mean and scale do not fit y.
    """
    y = np.asarray(y, np.float64)
    if y.ndim != 1 or not len(y) or np.broadcast_shapes(y.shape, np.shape(mean), np.shape(scale)) != y.shape:
        raise ShapeError(f"calibration needs y (n,) with n ≥ 1, mean and scale like it; found y of shape {y.shape}")
    return quantile_calibration(pit(y, mean, scale), bins=bins, seed=seed)


def quantile_calibration(u: ArrayLike, *, bins: int = BINS, seed: int = 0) -> Calibration:
    """Compare the levels of predicted quantiles with the share of rows below them.

    Args:
        u: the probability integral transform F(y) of each row, (n,), uniform on [0, 1] if calibrated. For counts, one
            drawn uniformly between F(y − 1) and F(y).
        bins: number of levels, 1/(bins + 1) to bins/(bins + 1).
        seed: names the simulated rows.
    """
    u = np.sort(np.asarray(u, np.float64))
    n, levels = len(u), np.arange(1, bins + 1) / (bins + 1)
    below = np.searchsorted(u, levels, side="right")
    cells = stream(seed, "calibration").multinomial(n, np.full(bins + 1, 1 / (bins + 1)), DRAWS)
    found = tuple(_bin(n, float(q), int(k)) for q, k in zip(levels, below, strict=True))
    simulated = np.abs(cells.cumsum(-1)[:, :-1] / n - levels).mean(-1)
    share = float(np.mean(np.abs(u - 0.5) <= 0.45))
    error = float(np.abs(below / n - levels).mean())
    return _calibration(found, error, simulated, n, f"its 90 % intervals hold {share:.1%}")


def central_coverage(y: ArrayLike, mean: ArrayLike, scale: ArrayLike, level: float = 0.9) -> float:
    """Return the share of rows inside the central interval of that probability of a normal predictive."""
    return float(np.mean(np.abs(pit(y, mean, scale) - 0.5) <= level / 2))


def pit_histogram(y: ArrayLike, mean: ArrayLike, scale: ArrayLike, bins: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Return counts (bins,) and edges (bins + 1,) of the probability integral transform, flat if calibrated."""
    return np.histogram(pit(y, mean, scale), bins, (0.0, 1.0))


def rmse_interval(y: ArrayLike, predicted: ArrayLike, *, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the root mean squared error over rows (Efron, 1979).

    Example:
        >>> low, high = rmse_interval(np.zeros(50), np.arange(50) % 2)
        >>> low < 0.5**0.5 < high
        True
    """
    squares = np.square(np.asarray(y, np.float64) - np.asarray(predicted, np.float64))
    draws, n = stream(seed, "bootstrap"), len(squares)
    means = [squares[draws.integers(n, size=(m, n))].mean(-1) for m in _portions(DRAWS, n)]
    low, high = np.quantile(np.sqrt(np.concatenate(means)), (0.5 - level / 2, 0.5 + level / 2))
    return float(low), float(high)


def _portions(draws: int, rows: int) -> Iterator[int]:
    """Cut a number of draws so that no array of draws × rows gets large."""
    at_once = max(1, _AT_ONCE // rows)
    for start in range(0, draws, at_once):
        yield min(at_once, draws - start)


def _bin(n: int, confidence: float, k: int) -> Bin:
    return Bin(n, confidence, k / n, *wilson_interval(k, n))


def _calibration(bins: tuple[Bin, ...], ece: float, simulated: np.ndarray, rows: int, detail: str) -> Calibration:
    low, high = (float(q) for q in np.quantile(simulated, (0.025, 0.975)))
    beside = f"calibration error {ece:.3f}, where a perfectly calibrated model would show {low:.3f} to {high:.3f}"
    said = f"Not calibrated, {detail}: {beside}." if ece > high else f"As calibrated as {rows} rows can show: {beside}."
    return Calibration(bins, ece, float(simulated.mean()), (low, high), said)

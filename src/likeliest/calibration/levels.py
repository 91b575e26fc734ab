"""Is a predicted distribution of a number true? Its quantiles, and the share of rows below them.

A predictive distribution F is calibrated when u = F(y) is uniform (Dawid, 1984; Diebold, Gunther and Tay, 1998): below
its predicted quantile of level q lie a share q of the rows. Levels take the place of the bins of a class.

Source: Dawid (1984), Statistical theory: the prequential approach; Diebold, Gunther and Tay (1998), Evaluating density
forecasts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from likeliest.calibration.diagram import BINS, DRAWS, Bin, Calibration, portions
from likeliest.errors import ShapeError
from likeliest.randomness import stream


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
    found = tuple(Bin.of(n, float(q), int(k)) for q, k in zip(levels, below, strict=True))
    simulated = np.abs(cells.cumsum(-1)[:, :-1] / n - levels).mean(-1)
    share = float(np.mean(np.abs(u - 0.5) <= 0.45))
    error = float(np.abs(below / n - levels).mean())
    return Calibration.of(found, error, simulated, n, f"its 90 % intervals hold {share:.1%}")


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
    means = [squares[draws.integers(n, size=(m, n))].mean(-1) for m in portions(DRAWS, n)]
    low, high = np.quantile(np.sqrt(np.concatenate(means)), (0.5 - level / 2, 0.5 + level / 2))
    return float(low), float(high)

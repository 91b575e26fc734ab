r"""From prices to returns, and what the range of a day tells of its variance.

All variances are of the log return over one row: over a day, where prices are daily. Multiply by the days of trade in a
year, about 252, for the variance of a year.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeliest.errors import ShapeError, SupportError

Floats = NDArray[np.float64]

DAYS = 252
"""Days of trade in a year."""


def log_returns(close: ArrayLike) -> Floats:
    """Return r_t = log(P_t / P_{t−1}) of prices (n,): (n − 1,), a fraction, not per cent.

    Raises:
        ShapeError: not one price after another.
        SupportError: a price at or below zero, or one that is missing or infinite.

    Example:
        >>> log_returns([100.0, 110.0, 99.0]).round(6).tolist()
        [0.09531, -0.105361]
    """
    return np.diff(np.log(_prices(close, "prices")))


def excess_returns(returns: ArrayLike, rate: ArrayLike, days: float = DAYS) -> Floats:
    """Return log returns less that of a riskless asset over one day: r_t − log(1 + R_t) / days.

    Args:
        returns: log returns (n,).
        rate: what a riskless asset yields in a year, as a fraction: 0.05 for 5 per cent; one number, or one for each
            return (n,).
        days: returns in a year.

    Raises:
        ShapeError: the rate is neither one number nor one for each return.
        SupportError: a rate that is missing, or not between −1 and 1, as one in per cent is not.

    Example:
        >>> excess_returns([0.01, -0.02], 0.05, days=250).round(8).tolist()
        [0.00980484, -0.02019516]
    """
    r, annual = np.asarray(returns, dtype=np.float64), np.asarray(rate, dtype=np.float64)
    if annual.shape not in ((), r.shape):
        raise ShapeError(f"expected one rate, or one for each of {r.shape} returns, found {annual.shape}; align them")
    bad = ~((annual > -1) & (annual < 1))
    if bad.any():
        raise SupportError(
            f"expected annual rates as fractions between −1 and 1, found {annual[bad].flat[0]:g}; 5 per cent is 0.05"
        )
    return r - np.log1p(annual) / days


def parkinson_variance(high: ArrayLike, low: ArrayLike) -> Floats:
    """Return the daily variances (n,) that the ranges tell: (log H/L)² / (4 log 2), NaN where a cell is missing.

    Unbiased for a Brownian motion without drift that is watched all the time, with a fifth of the variance of the
    squared return; few trades make the range too small. Nothing is known of the night.

    Source:
        Parkinson (1980), The extreme value method for estimating the variance of the rate of return, Journal of
        Business 53(1).

    Raises:
        ShapeError: not as many highs as lows.
        SupportError: a price at or below zero or infinite, or a high below its low.

    Example:
        >>> parkinson_variance([102.0], [100.0]).round(8).tolist()
        [0.00014144]
    """
    h, low_ = _range(high, low)
    return np.log(h / low_) ** 2 / (4 * math.log(2))


def garman_klass_variance(open: ArrayLike, high: ArrayLike, low: ArrayLike, close: ArrayLike) -> Floats:
    """Return the daily variances (n,): ½ (log H/L)² − (2 log 2 − 1) (log C/O)², NaN where a cell is missing.

    Never negative, for open and close lie between low and high. Under the assumptions of `parkinson_variance` its
    variance is about a seventh of that of the squared return.

    Source:
        Garman and Klass (1980), On the estimation of security price volatilities from historical data, Journal of
        Business 53(1), the estimator that they call practical.

    Raises:
        ShapeError: the columns differ in length.
        SupportError: a price at or below zero or infinite, or an open or close outside low and high.

    Example:
        >>> garman_klass_variance([100.0], [102.0], [99.0], [101.0]).round(8).tolist()
        [0.00040735]
    """
    h, low_ = _range(high, low)
    first, last = (_prices(values, name, missing=True) for values, name in ((open, "opens"), (close, "closes")))
    if not first.shape == last.shape == h.shape:
        raise ShapeError(f"expected {len(h)} opens and closes, found {len(first)} and {len(last)}; align them")
    outside = (np.fmax(first, last) > h) | (np.fmin(first, last) < low_)
    _refuse(outside, np.where(first > h, first, last), "an open and a close between low and high")
    return 0.5 * np.log(h / low_) ** 2 - (2 * math.log(2) - 1) * np.log(last / first) ** 2


def realised_variance(dates: NDArray[np.datetime64], close: ArrayLike) -> tuple[NDArray[np.datetime64], Floats]:
    """Return the days (d,) of intraday prices, and for each the sum of its squared log returns (d,).

    The returns over nights are left out: the sum is the variance of the open market. Days with one price are left out.

    Source:
        Andersen, Bollerslev, Diebold and Labys (2003), Modeling and forecasting realized volatility, Econometrica
        71(2).

    Args:
        dates: moments (n,), ascending.
        close: prices (n,).

    Raises:
        ShapeError: not as many dates as prices.
        SupportError: as `log_returns`.

    Example:
        >>> times = np.array(["2024-03-01T10:00", "2024-03-01T11:00", "2024-03-04T10:00"], dtype="M8[us]")
        >>> realised_variance(times, [100.0, 101.0, 99.0])[1].round(8).tolist()
        [9.901e-05]
    """
    r, days = log_returns(close), np.asarray(dates).astype("M8[D]")
    if len(days) != len(r) + 1:
        raise ShapeError(f"expected {len(r) + 1} dates, one for each price, found {len(days)}; align them")
    within = days[1:] == days[:-1]
    found, of = np.unique(days[1:][within], return_inverse=True)
    sums = np.zeros(len(found))
    np.add.at(sums, of, r[within] ** 2)
    return found, sums


def _range(high: ArrayLike, low: ArrayLike) -> tuple[Floats, Floats]:
    h, low_ = _prices(high, "highs", missing=True), _prices(low, "lows", missing=True)
    if h.shape != low_.shape:
        raise ShapeError(f"expected as many highs as lows, found {len(h)} and {len(low_)}; align them")
    _refuse(h < low_, h, "a high that is not below its low")
    return h, low_


def _prices(values: ArrayLike, what: str, *, missing: bool = False) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ShapeError(f"expected {what} (n,), found shape {array.shape}; give one asset at a time")
    good = np.isfinite(array) & (array > 0)
    _refuse(~(good | (np.isnan(array) & missing)), array, f"{what} above 0 and finite")
    return array


def _refuse(bad: NDArray[np.bool_], values: Floats, needed: str) -> None:
    if bad.any():
        at, more = int(np.argmax(bad)), int(bad.sum()) - 1
        others = f" (and {more:,} more such positions)" if more else ""
        raise SupportError(
            f"position {at}: expected {needed}, found {values[at]:g}{others}; correct it or leave it out"
        )

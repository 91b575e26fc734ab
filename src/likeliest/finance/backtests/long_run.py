"""The variance of a mean over days that remember one another.

For a stationary series d with autocovariances γ_k, n Var(d̄) tends to the long-run variance γ₀ + 2 Σ γ_k. It is
estimated from lags up to L, with weights

    rectangular   1                 right for a memory of L days, as forecasts L + 1 days ahead have; may be negative
    bartlett      1 − k/(L + 1)     never negative, a little too small

Source: Newey and West (1987), A simple, positive semi-definite, heteroskedasticity and autocorrelation consistent
covariance matrix; Andrews (1991), Heteroskedasticity and autocorrelation consistent covariance matrix estimation.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from likeliest.finance.backtests.base import Floats

Kernel = Literal["rectangular", "bartlett"]
MOST = 0.97
"""Of an AR(1)'s coefficient."""


def autocovariances(centred: Floats, most: int) -> Floats:
    """Return γ₀ … γ_most (…, most + 1) of centred series (…, n), each a sum over days divided by n.

    Example:
        >>> autocovariances(np.array([1.0, -1.0, 1.0, -1.0]), 1).tolist()
        [1.0, -0.75]
    """
    n = centred.shape[-1]
    lagged = [np.einsum("...t,...t->...", centred[..., k:], centred[..., : n - k]) for k in range(most + 1)]
    gamma: Floats = np.stack(lagged, -1) / n
    return gamma


def long_run_variance(d: Floats, lag: int, kernel: Kernel) -> Floats:
    """Return the long-run variance (…,) of series (…, n) from autocovariances up to a lag < n.

    Example:
        >>> d = np.array([1.0, 2.0, 4.0, 3.0])
        >>> float(long_run_variance(d, 0, "bartlett")), float(long_run_variance(d, 1, "bartlett"))
        (1.25, 1.4375)
    """
    gamma = autocovariances(d - d.mean(-1, keepdims=True), lag)
    k = np.arange(lag + 1)
    weight = np.where(k == 0, 1.0, 2.0) * (1.0 if kernel == "rectangular" else 1 - k / (lag + 1))
    variance: Floats = gamma @ weight
    return variance


def prewhitened_variance(d: Floats, least: int = 0) -> tuple[float, int]:
    """Return the long-run variance of a series (n,) that remembers, and the lag behind it.

    An AR(1) is taken out first, which leaves Bartlett's weights little to be biased by, and put back: with its
    coefficient ρ and the long-run variance V of what is left, V / (1 − ρ)². As estimates of ρ are too small by about
    (1 + 3ρ)/n in short series, that much is added.

    Args:
        d: (n,).
        least: lag, at least.

    Source: Andrews and Monahan (1992), An improved heteroskedasticity and autocorrelation consistent covariance matrix
    estimator; Kendall (1954), Note on bias in the estimation of autocorrelation.

    Example:
        >>> noise = np.random.default_rng(0).standard_normal(4_000)
        >>> variance, lag = prewhitened_variance(noise)
        >>> bool(abs(variance - 1) < 0.1), lag
        (True, 0)
    """
    centred = d - d.mean()
    rho = first_order(centred)
    rho = min(rho + (1 + 3 * rho) / len(d), MOST)
    rest = centred[1:] - rho * centred[:-1]
    lag = max(least, automatic_lag(rest))
    free = len(d) / (len(d) - 2)  # a mean and ρ were learnt
    return free * float(long_run_variance(rest, lag, "bartlett")) / (1 - rho) ** 2, lag


def first_order(centred: Floats) -> float:
    """Return the first autocorrelation of a centred series (n,), kept away from ±1.

    Example:
        >>> first_order(np.array([1.0, -1.0, 1.0, -1.0]))
        -0.75
    """
    gamma = autocovariances(centred, 1)
    return max(min(float(gamma[1] / gamma[0]), MOST), -MOST)


def automatic_lag(d: Floats) -> int:
    """Return the lag that serves Bartlett's weights best if the series (n,) is an AR(1) of its own coefficient.

    L + 1 = 1.1447 (α n)^⅓ with α = 4ρ² / ((1 − ρ)² (1 + ρ)²), rounded up, L < n: 0 without a memory.

    Source: Andrews (1991), equations 6.2 and 6.4, for the bandwidth L + 1 beyond which weights are 0.

    Example:
        >>> automatic_lag(np.random.default_rng(0).standard_normal(400))
        0
    """
    rho = first_order(d - d.mean())
    alpha = 4 * rho**2 / ((1 - rho) ** 2 * (1 + rho) ** 2)
    lag = math.ceil(1.1447 * float(np.cbrt(alpha * len(d)))) - 1
    return min(max(lag, 0), len(d) - 1)


def is_constant(d: Floats) -> bool:
    """Whether a series varies by no more than the rounding of its values."""
    return float(np.ptp(d)) <= 64 * float(np.finfo(np.float64).eps) * float(np.abs(d).max())

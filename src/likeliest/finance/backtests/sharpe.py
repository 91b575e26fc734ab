"""Is a Sharpe ratio more than the luck of the best of many strategies?

The best of N strategies without any skill has a Sharpe ratio of about

    SR₀ = sd(SR) ((1 − γ) Φ⁻¹(1 − 1/N) + γ Φ⁻¹(1 − 1/(N e))),    γ = 0.5772… Euler's constant,

and the deflated ratio is the probability that the true one is above it, given n returns of skewness s and kurtosis κ:

    DSR = Φ((SR − SR₀) √(n − 1) / √(1 − s SR + (κ − 1)/4 · SR²)).

Source: Bailey and López de Prado (2014), The deflated Sharpe ratio: correcting for selection bias, backtest overfitting
and non-normality.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from likeliest.errors import InputError, SpecificationError
from likeliest.finance.backtests.base import TestResult, days
from likeliest.finance.backtests.long_run import is_constant

_WHAT = "the deflated Sharpe ratio"


def luckiest(trials: int, spread: float) -> float:
    """Return SR₀, the Sharpe ratio to be expected of the best of so many strategies without skill.

    Args:
        trials: N, how many independent strategies were tried.
        spread: standard deviation of their Sharpe ratios, in the unit in which SR₀ is wanted.

    Raises:
        SpecificationError: trials < 1, or the spread is negative.

    Source: Bailey and López de Prado (2014), equation 1.

    Example:
        >>> round(luckiest(100, math.sqrt(0.5 / 250)), 4)                                     # the source's own example
        0.1132
    """
    if trials < 1 or not spread >= 0:
        raise SpecificationError(f"{_WHAT} needs at least 1 trial and a spread ≥ 0, found {trials} and {spread}")
    if trials == 1:
        return 0.0
    return spread * float(
        (1 - np.euler_gamma) * ndtri(1 - 1 / trials) + np.euler_gamma * ndtri(1 - 1 / (trials * math.e))
    )


def deflated_sharpe(returns: ArrayLike, *, trials: int, spread: float | None = None) -> TestResult:
    """Test whether the Sharpe ratio of the best of many strategies is above what luck gives the best of them.

    Args:
        returns: (n,) of the strategy that was chosen, above those of cash, one a period.
        trials: how many independent strategies were tried before it was chosen; 1 makes this the probabilistic Sharpe
            ratio above 0.
        spread: standard deviation of the tried ones' Sharpe ratios, per period; None is 1/√n, that of strategies
            without skill.

    Returns:
        ``p_value`` is 1 − DSR. Ratios are per period: times √252 for a year of days.

    Raises:
        ShapeError: returns are not (n,).
        InputError: there are fewer than 20 returns, or they do not vary.
        SupportError: a number is not finite.
        SpecificationError: trials < 1, or the spread is negative.

    Source: Bailey and López de Prado (2014), equation 2; Mertens (2002) for the variance of a Sharpe ratio.

    Example:
        >>> returns = 0.1 + np.random.default_rng(0).standard_normal(1_000)
        >>> deflated_sharpe(returns, trials=1).p_value < 0.05 < deflated_sharpe(returns, trials=1_000).p_value
        True
    """
    (x,) = days(_WHAT, {"returns": returns}, fewest=20, why="for their skewness and kurtosis")
    if is_constant(x):
        raise InputError(f"{_WHAT} needs returns that vary, found {x[0]:g} in all {len(x)} periods")
    n, z = len(x), (x - x.mean()) / x.std()
    sharpe, skewness, kurtosis = float(x.mean() / x.std()), float(np.mean(z**3)), float(np.mean(z**4))
    luck = luckiest(trials, 1 / math.sqrt(n) if spread is None else spread)
    variance = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2
    statistic = (sharpe - luck) * math.sqrt((n - 1) / variance)
    return TestResult(
        name="Deflated Sharpe ratio (Bailey, López de Prado)",
        statistic=statistic,
        p_value=float(ndtr(-statistic)),
        method="asymptotic normal, variance by skewness and kurtosis",
        n=n,
        null=f"the Sharpe ratio is no higher than that of the best of {trials} without skill, {luck:.4g} a period",
        counts={"trials": trials},
        evidence={"sharpe": sharpe, "luck": luck, "skewness": skewness, "kurtosis": kurtosis},
    )

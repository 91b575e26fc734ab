"""Is one forecast better than another, beyond chance? Diebold and Mariano's test of two series of losses.

With d_t = loss of the first − loss of the second and V the long-run variance of d,

    DM = d̄ / √(V / n) · √((n + 1 − 2h + h (h − 1)/n) / n)

is compared with Student's t of n − 1 degrees of freedom (Harvey, Leybourne and Newbold, 1997). Forecasts h days ahead
have errors that overlap by h − 1 days, so V takes in as many lags.

What is tested are the forecasts as they were made, not the models behind them. Where one model nests the other and
both are estimated in an expanding window, their forecasts become equal and the statistic is not normal; estimated in a
rolling window of fixed length it stays so, and the test is that of Giacomini and White (2006) of equal ability to
predict, estimation included.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from likeliest.errors import InputError, SpecificationError
from likeliest.finance.backtests.base import Floats, TestResult, days
from likeliest.finance.backtests.long_run import is_constant, long_run_variance, prewhitened_variance

Memory = Literal["horizon", "automatic"]
_WHAT = "the Diebold-Mariano test"
_FEWEST = 10
_NULL = (
    "both forecasts, as they were made, have the same mean loss (in a rolling window: the equal ability to predict of "
    "Giacomini and White, also where one model nests the other)"
)


def diebold_mariano(
    first: ArrayLike, second: ArrayLike, *, horizon: int = 1, memory: Memory = "horizon", level: float = 0.95
) -> TestResult:
    """Test whether two forecasts have the same mean loss; small p-values say that one is better.

    Args:
        first: losses (n,) of one forecast, one a day.
        second: losses (n,) of the other. Below 0 the statistic speaks for the first.
        horizon: h, how many days ahead both were made.
        memory: which autocovariances of d are in V. ``horizon``: those up to h − 1 with full weight, as in the source;
            where that is not positive, Bartlett's weights, and ``method`` says so. ``automatic``: for losses that come
            in good and bad times, an AR(1), and of what it leaves Bartlett's weights up to the lag that Andrews (1991)
            chooses, at least h − 1; see `prewhitened_variance`.
        level: of the interval of the mean difference in ``evidence``: ``low`` to ``high``.

    Returns:
        ``evidence`` has the mean difference, its standard error and interval, and the lag. Equal losses on all days
        have p = 1.

    Raises:
        ShapeError: the losses do not have one length.
        InputError: there are fewer than 10 days, or than 3 h; or the difference is one number other than 0.
        SupportError: a number is not finite.
        SpecificationError: horizon, memory or level are none.

    Source: Diebold and Mariano (1995), Comparing predictive accuracy; Harvey, Leybourne and Newbold (1997), Testing the
    equality of prediction mean squared errors; Giacomini and White (2006), Tests of conditional predictive ability.

    Example:
        >>> draws = np.random.default_rng(0)
        >>> first, second = draws.standard_normal((2, 500)) ** 2
        >>> diebold_mariano(first, second).p_value > 0.05, diebold_mariano(first, second + 0.5).p_value < 0.001
        (True, True)
    """
    _checked(horizon, memory, level)
    fewest = max(_FEWEST, 3 * horizon)
    first, second = days(_WHAT, {"first": first, "second": second}, fewest=fewest, why=_why(horizon))
    d, n = first - second, len(first)
    if not d.any():
        return TestResult("Equal losses (Diebold, Mariano)", 0.0, 1.0, "both losses are equal on all days", n, _NULL)
    if is_constant(d):
        raise InputError(
            f"{_WHAT} needs differences that vary, found {d[0]:g} on all {n} days: nothing tells what chance does to it"
        )
    variance, lag, how = _variance(d, horizon, memory)
    shrink = (n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n
    mean, error = float(d.mean()), math.sqrt(variance / n / shrink)
    half = float(stdtrit(n - 1, 0.5 + level / 2)) * error
    return TestResult(
        name="Equal losses (Diebold, Mariano)",
        statistic=mean / error,
        p_value=float(2 * stdtr(n - 1, -abs(mean) / error)),
        method=f"Student's t, {n - 1} degrees of freedom, {how}",
        n=n,
        null=_NULL,
        evidence={"mean": mean, "error": error, "low": mean - half, "high": mean + half, "level": level, "lag": lag},
    )


def _checked(horizon: int, memory: Memory, level: float) -> None:
    if horizon < 1:
        raise SpecificationError(f"{_WHAT} needs a horizon of at least 1 day, found {horizon}")
    if memory not in ("horizon", "automatic"):
        raise SpecificationError(f"{_WHAT} takes autocovariances by horizon or automatic, found {memory!r}")
    if not 0 < level < 1:
        raise SpecificationError(f"an interval's level lies between 0 and 1, found {level}")


def _why(horizon: int) -> str:
    return "for the variance of their mean is learnt from them" + (f", three times {horizon}" if horizon > 3 else "")


def _variance(d: Floats, horizon: int, memory: Memory) -> tuple[float, int, str]:
    """Return the long-run variance > 0, its lag, and how it was made in words."""
    lag = horizon - 1
    if memory == "automatic":
        variance, lag = prewhitened_variance(d, lag)
        return variance, lag, f"an AR(1) and autocovariances up to lag {lag} with Bartlett's weights"
    variance = float(long_run_variance(d, lag, "rectangular"))
    if variance > np.finfo(np.float64).eps * float(np.var(d)):
        return variance, lag, f"autocovariances up to lag {lag}"
    variance, why = float(long_run_variance(d, lag, "bartlett")), "as without them the variance is not positive"
    return variance, lag, f"autocovariances up to lag {lag} with Bartlett's weights, {why}"

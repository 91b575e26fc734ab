"""Do exceedances of the value at risk come as often as promised, and without memory?

Under a true forecast the exceedances I₁ … Iₙ are independent and each has probability a, the level. Three likelihood
ratios ask for it:

    unconditional   2 [ℓ(x/n) − ℓ(a)]            is their share x/n the level?          Kupiec (1995)
    independence    2 [ℓ(π₀₁, π₁₁) − ℓ(π)]       do they follow one another?            Christoffersen (1998)
    conditional     2 [ℓ(π₀₁, π₁₁) − ℓ(a)]       both at once                           Christoffersen (1998)

ℓ is the log-likelihood of a Bernoulli sequence, or of the n − 1 steps of a chain with P(1 after i) = πᵢ₁. All three
depend on the data through few counts whose distribution under the null is known in full, so the p-values are exact:
what a Monte Carlo test (Dufour, 2006) would find with infinitely many draws. The step counts follow from x, from the
number r of runs of exceedances and from the two ends, and C(x − 1, r − 1) C(n − x − 1, r′ − 1) sequences share them, r′
being the number of runs between (Mood, 1940).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, gammaln, xlog1py, xlogy
from scipy.stats import binom

from likeliest.finance.backtests.base import Flags, Floats, TestResult, days, tail
from likeliest.finance.backtests.monte_carlo import PValue, exact_p, lot

_LEFT_OUT = 1e-15
"""Probability of the numbers of exceedances that are too rare to be enumerated, on each side."""
EXACT = "exact distribution, lots among equal statistics"


class Steps(NamedTuple):
    """How often day follows day: ``n01`` is an exceedance after none. Numbers, or arrays of cases."""

    n00: Floats
    n01: Floats
    n10: Floats
    n11: Floats

    @classmethod
    def of(cls, hits: Flags) -> Steps:
        """Count the steps of a sequence (n,)."""
        counted = np.bincount(2 * hits[:-1] + hits[1:], minlength=4).astype(np.float64)
        return cls(*counted)


def unconditional_coverage(y: ArrayLike, var: ArrayLike, *, level: float, seed: int = 0) -> TestResult:
    """Test whether exceedances are as frequent as the level says: Kupiec's likelihood ratio.

    Args:
        y: returns (n,).
        var: forecast value at risk, (n,) or a number, in the unit of the returns.
        level: its tail probability a.
        seed: names the lots among equal statistics.

    Raises:
        ShapeError: the series do not have one length.
        InputError: there are fewer than two days.
        SupportError: a number is not finite.
        SpecificationError: the level is no probability.

    Source: Kupiec (1995), Techniques for verifying the accuracy of risk measurement models.

    Example:
        >>> y = np.where(np.arange(250) % 36 == 0, -3.0, 0.5)
        >>> found = unconditional_coverage(y, 2.0, level=0.01)
        >>> found.counts, round(found.statistic, 3)
        ({'exceedances': 7, 'expected': 2.5}, 5.497)
    """
    y, var, hits = _hits("unconditional coverage", y, var, level)
    n, x = len(hits), int(hits.sum())
    all_x = np.arange(n + 1.0)
    ratios = _unconditional(all_x, n, level)
    p = exact_p(float(ratios[x]), ratios, binom.pmf(all_x, n, level), lot(seed, "kupiec", y, var))
    null = f"each day has an exceedance with probability {level:g}, independently"
    return _result("Unconditional coverage (Kupiec)", float(ratios[x]), p, hits, level, null, 1)


def independence(y: ArrayLike, var: ArrayLike, *, level: float, seed: int = 0) -> TestResult:
    """Test whether an exceedance makes one on the next day more or less probable, whatever their frequency.

    Given how many exceedances there are, all orders of them are equally probable under the null: so the unknown
    probability drops out and the p-value is exact. Fewer than three exceedances say next to nothing of their order, and
    then `TestResult.p_range` is wide.

    Args:
        y: returns (n,).
        var: forecast value at risk, (n,) or a number, in the unit of the returns.
        level: its tail probability a, for the number of exceedances expected.
        seed: names the lots among equal statistics.

    Raises:
        ShapeError: the series do not have one length.
        InputError: there are fewer than two days.
        SupportError: a number is not finite.
        SpecificationError: the level is no probability.

    Source: Christoffersen (1998), Evaluating interval forecasts; conditioning on the count as in Mood (1940), The
    distribution theory of runs.

    Example:
        >>> y = np.where(np.arange(250) < 6, -3.0, 0.5)
        >>> independence(y, 2.0, level=0.01).p_value < 1e-6
        True
    """
    y, var, hits = _hits("a test of independence", y, var, level)
    statistic = float(_independence(Steps.of(hits)))
    steps, log_count = _arrangements(len(hits), int(hits.sum()))
    weight = np.exp(log_count - log_count.max())
    p = exact_p(statistic, _independence(steps), weight / weight.sum(), lot(seed, "independence", y, var))
    null = "given their number, all orders of exceedances are equally probable"
    return _result("Independence (Christoffersen)", statistic, p, hits, level, null, 1)


def conditional_coverage(y: ArrayLike, var: ArrayLike, *, level: float, seed: int = 0) -> TestResult:
    """Test frequency and independence of exceedances at once: P(exceedance) = a after a day with and without one.

    The first day is taken as given, as in the source: the statistic is that of the n − 1 steps.

    Args:
        y: returns (n,).
        var: forecast value at risk, (n,) or a number, in the unit of the returns.
        level: its tail probability a.
        seed: names the lots among equal statistics.

    Raises:
        ShapeError: the series do not have one length.
        InputError: there are fewer than two days.
        SupportError: a number is not finite.
        SpecificationError: the level is no probability.

    Source: Christoffersen (1998), Evaluating interval forecasts.

    Example:
        >>> y = np.where(np.arange(250) % 100 < 2, -3.0, 0.5)
        >>> found = conditional_coverage(y, 2.0, level=0.01)
        >>> found.counts["exceedances"], found.p_value < 0.001
        (6, True)
    """
    y, var, hits = _hits("conditional coverage", y, var, level)
    statistic = float(_conditional(Steps.of(hits), level))
    p = exact_p(statistic, *_conditional_null(len(hits), level), lot(seed, "conditional coverage", y, var))
    null = f"each day has an exceedance with probability {level:g}, whether or not the day before had one"
    return _result("Conditional coverage (Christoffersen)", statistic, p, hits, level, null, 2)


def _hits(what: str, y: ArrayLike, var: ArrayLike, level: float) -> tuple[Floats, Floats, Flags]:
    """Return the days and their exceedances, checked."""
    tail(what, level)
    y, var = days(what, {"y": y, "var": var}, fewest=2, why="for a step from one to the next")
    return y, var, y < -var


def _result(name: str, statistic: float, p: PValue, hits: Flags, level: float, null: str, freedom: int) -> TestResult:
    n, x = len(hits), int(hits.sum())
    steps = {step: float(count) for step, count in Steps.of(hits)._asdict().items()}
    evidence = {"rate": x / n, "level": level, **steps, "p_asymptotic": float(chdtrc(freedom, statistic))}
    counts = {"exceedances": x, "expected": n * level}
    return TestResult(name, statistic, p.value, EXACT, n, null, counts, evidence, p.range)


def _unconditional(x: Floats, n: int, level: float) -> Floats:
    """Return Kupiec's ratio for numbers of exceedances among n days."""
    ratio: Floats = 2 * (_likelihood(n - x, x, x / n) - _likelihood(n - x, x, level))
    return np.maximum(ratio, 0.0)


def _independence(steps: Steps) -> Floats:
    """Return the likelihood ratio of a chain against independent days of one probability."""
    n00, n01, n10, n11 = steps
    common = (n01 + n11) / (n00 + n01 + n10 + n11)
    ratio: Floats = 2 * (_chain(steps) - _likelihood(n00 + n10, n01 + n11, common))
    return np.maximum(ratio, 0.0)


def _conditional(steps: Steps, level: float) -> Floats:
    """Return the likelihood ratio of a chain against independent days of the level's probability."""
    n00, n01, n10, n11 = steps
    ratio: Floats = 2 * (_chain(steps) - _likelihood(n00 + n10, n01 + n11, level))
    return np.maximum(ratio, 0.0)


def _chain(steps: Steps) -> Floats:
    """Return the largest log-likelihood of a chain's steps; from where no step was taken there is nothing to learn."""
    n00, n01, n10, n11 = steps
    after_none, after_one = n01 / np.maximum(n00 + n01, 1), n11 / np.maximum(n10 + n11, 1)
    return _likelihood(n00, n01, after_none) + _likelihood(n10, n11, after_one)


def _likelihood(misses: Floats, hits: Floats, p: Floats | float) -> Floats:
    found: Floats = np.asarray(xlogy(hits, p) + xlog1py(misses, -p), np.float64)
    return found


def _arrangements(n: int, x: int) -> tuple[Steps, Floats]:
    """Return all step counts (m,) of x exceedances on n days, and the log of how many sequences have them."""
    runs, first, last = (v.ravel() for v in np.meshgrid(np.arange(min(x, 1), x + 1.0), (0.0, 1.0), (0.0, 1.0)))
    between = runs + 1 - first - last
    log_count = _log_choose(x - 1, runs - 1) + _log_choose(n - x - 1, between - 1)
    kept = log_count > -np.inf
    runs, first, last, between = runs[kept], first[kept], last[kept], between[kept]
    return Steps(n - x - between, runs - first, runs - last, x - runs), log_count[kept]


def _log_choose(a: int, b: Floats) -> Floats:
    """Return log C(a, b), C(−1, −1) = 1: nothing is cut into no runs in one way; −∞ where there is no way."""
    possible = (b >= 0) & (b <= a) if a >= 0 else b == -1
    inside = np.where(possible & (b >= 0), b, 0.0)
    found = gammaln(max(a, 0) + 1) - gammaln(inside + 1) - gammaln(max(a, 0) - inside + 1)
    return np.where(possible, found, -np.inf)


@lru_cache(maxsize=16)
def _conditional_null(n: int, level: float) -> tuple[Floats, NDArray[np.float64]]:
    """Return the values (m,) of the conditional ratio under the null, and their probabilities (m,)."""
    lowest, highest = (int(binom.ppf(q, n, level)) for q in (_LEFT_OUT, 1 - _LEFT_OUT))
    support, probability = [], []
    for x in range(lowest, highest + 1):
        steps, log_count = _arrangements(n, x)
        support.append(_conditional(steps, level))
        probability.append(np.exp(log_count + xlogy(x, level) + xlog1py(n - x, -level)))
    return np.concatenate(support), np.concatenate(probability)

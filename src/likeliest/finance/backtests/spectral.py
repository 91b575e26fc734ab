"""Is the whole tail as forecast, by the transforms u = F(y) alone?

A cumulative violation H = (1 − u/a)⁺ weighs an exceedance by its depth: 0 at the value at risk, 1 at the worst that can
be. Under true forecasts its mean is a/2 and its variance a (1/3 − a/4), so

    U = (H̄ − a/2) / √(a (1/3 − a/4) / n)

has one distribution whatever the forecasts are; it is large where the tail is heavier than forecast.

Source: Costanzino and Curran (2015), Backtesting general spectral risk measures with application to expected shortfall;
Du and Escanciano (2017), Backtesting expected shortfall: accounting for tail risk.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from likeliest.errors import SpecificationError
from likeliest.finance.backtests.base import Floats, TestResult, tail
from likeliest.finance.backtests.monte_carlo import DRAWS, Against, lot, lower_p, simulated
from likeliest.finance.backtests.uniforms import tail_draws, transforms
from likeliest.randomness import stream


def spectral_shortfall(
    u: ArrayLike, *, level: float, against: Against = "worse", draws: int = DRAWS, seed: int = 0
) -> TestResult:
    """Test frequency and depth of exceedances from transforms u = F(y) alone.

    Args:
        u: probability integral transforms (n,), in [0, 1].
        level: tail probability a.
        against: ``worse`` speaks only against tails that are not heavy enough, ``any`` also against too heavy ones.
        draws: from the null.
        seed: names them, and the lots among equal statistics.

    Raises:
        ShapeError: u is not (n,).
        InputError: there are fewer than two days, or a value lies outside [0, 1].
        SupportError: a number is not finite.
        SpecificationError: level, against or draws are none.

    Source: Costanzino and Curran (2015); Du and Escanciano (2017), their unconditional test; Dufour (2006).

    Example:
        >>> spectral_shortfall((np.arange(250) + 0.5) / 250, level=0.05).p_value > 0.3
        True
        >>> spectral_shortfall(((np.arange(250) + 0.5) / 250) ** 2, level=0.05).p_value < 0.001
        True
    """
    tail("the spectral test", level)
    if against not in ("worse", "any"):
        raise SpecificationError(f"the spectral test is against worse or any, found {against!r}")
    u = transforms("the spectral test", u, fewest=2, why="for more than one number")
    n, hits = len(u), int((u <= level).sum())
    statistic = float(_standardised(np.maximum(1 - u[None] / level, 0.0).sum(-1), n, level)[0])
    null = -_spectral_null(n, level, draws, seed)[::-1]
    p = lower_p(-statistic, null, lot(seed, "spectral", u), against)
    return TestResult(
        name="Spectral shortfall (Costanzino, Curran; Du, Escanciano)",
        statistic=statistic,
        p_value=p.value,
        method=f"Monte Carlo, {draws} draws, lots among equal statistics",
        n=n,
        null="in the tail the forecast distributions are true, so the transforms of the returns are uniform",
        counts={"exceedances": hits, "expected": n * level},
        evidence={"level": level, "against": against, "p_asymptotic": _asymptotic(statistic, against)},
        p_range=p.range,
    )


def _asymptotic(statistic: float, against: Against) -> float:
    """Return the normal p-value."""
    return float(ndtr(-statistic) if against == "worse" else 2 * ndtr(-abs(statistic)))


def _standardised(total: Floats, n: int, level: float) -> Floats:
    """Return U of Σ H: mean and variance of H are a/2 and a (1/3 − a/4)."""
    return (total / n - level / 2) / math.sqrt(level * (1 / 3 - level / 4) / n)


@lru_cache(maxsize=16)
def _spectral_null(n: int, level: float, draws: int, seed: int) -> Floats:
    """Return U (draws,) under the null, rising: a binomial number of exceedances, each of a uniform depth."""
    generator = stream(seed, f"spectral {level!r}", n)

    def statistics(m: int) -> Floats:
        depth, present = tail_draws(generator, m, n, level)
        return _standardised(np.where(present, 1 - depth / level, 0.0).sum(-1), n, level)

    return simulated(draws, int(2 * n * level) + 20, statistics)

"""Is the expected shortfall as deep as forecast?

Acerbi and Székely give two statistics, 0 on average under a true forecast, positive where losses are milder and
negative where they are worse; with I_t the exceedance of the value at risk, N their number and a the level,

    Z₁ = 1 + Σ y_t I_t / ES_t / N            how deep are exceedances, given that they happen?
    Z₂ = 1 + Σ y_t I_t / ES_t / (n a)        how deep and how frequent?

Their distribution depends on the whole tail that was forecast, so it is simulated from the stored predictive
distributions, day by day.

Source: Acerbi and Székely (2014), Backtesting expected shortfall.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from likeliest.errors import InputError, ShapeError, SpecificationError
from likeliest.finance.backtests.base import Floats, TestResult, days, finite, tail
from likeliest.finance.backtests.monte_carlo import DRAWS, Against, enough_draws, lot, lower_p, portions
from likeliest.randomness import stream

Simulate = Callable[[np.random.Generator, int], ArrayLike]
"""Given a generator and m, returns (m, n): m times a return of each day, from its predictive distribution."""
Kind = Literal["Z1", "Z2"]
_WHAT = "the Acerbi-Székely test"
_NULLS = {
    "Z1": "given an exceedance, losses are on average as deep as the forecast expected shortfall",
    "Z2": "losses beyond the value at risk are as frequent and as deep as forecast",
}


def acerbi_szekely(
    y: ArrayLike,
    var: ArrayLike,
    es: ArrayLike,
    predictive: Simulate | ArrayLike,
    *,
    level: float,
    kind: Kind = "Z2",
    against: Against = "worse",
    draws: int = DRAWS,
    seed: int = 0,
) -> TestResult:
    """Test the expected shortfall by Acerbi and Székely's Z₁ or Z₂, against returns simulated from the forecasts.

    Without an exceedance Z₁ says nothing and is 0; as draws without one are as well, the lots decide among these.

    Args:
        y: returns (n,).
        var: forecast value at risk, (n,) or a number, in the unit of the returns.
        es: forecast expected shortfall > 0, (n,) or a number, at least the value at risk.
        predictive: a function (generator, m) → (m, n) that draws from each day's predictive distribution, or its draws
            (m, n), which then take the place of ``draws``.
        level: the tail probability a of both.
        kind: ``Z1`` judges depth alone, ``Z2`` depth and frequency.
        against: ``worse`` speaks only against forecasts that are not deep enough, as in the source; ``any`` also
            against those that are too deep, by doubling the smaller of both p-values.
        draws: histories to be simulated.
        seed: names them, and the lots among equal statistics.

    Raises:
        ShapeError: series or draws do not have the same days.
        InputError: there are fewer than two days, or an expected shortfall is not positive or below the value at risk.
        SupportError: a number is not finite.
        SpecificationError: level, kind, against or draws are none.

    Source: Acerbi and Székely (2014), Backtesting expected shortfall.

    Example:
        >>> normal = lambda generator, m: generator.standard_normal((m, 250))
        >>> y = np.where(np.arange(250) % 60 == 0, -4.0, 0.1)
        >>> found = acerbi_szekely(y, 1.96, 2.338, normal, level=0.025, draws=999)
        >>> round(found.statistic, 3), found.p_value < 0.1
        (-0.369, False)
        >>> acerbi_szekely(y, 1.96, 2.338, normal, level=0.025, kind="Z1", draws=999).p_value < 0.01
        True
    """
    tail(_WHAT, level)
    if kind not in _NULLS or against not in ("worse", "any"):
        raise SpecificationError(f"{_WHAT} is Z1 or Z2, against worse or any; found {kind!r} against {against!r}")
    y, var, es = days(_WHAT, {"y": y, "var": var, "es": es}, fewest=2, why="for more than one number")
    _consistent(var, es)
    hits = int((y < -var).sum())
    statistic = float(_statistics(y[None], var, es, level, kind)[0])
    null = np.sort(_null(predictive, var, es, level, kind, draws, seed))
    p = lower_p(statistic, null, lot(seed, f"shortfall {kind}", y, var, es), against)
    return TestResult(
        name=f"Expected shortfall {kind} (Acerbi, Székely)",
        statistic=statistic,
        p_value=p.value,
        method=f"Monte Carlo, {len(null)} histories from the predictive distributions, lots among equal statistics",
        n=len(y),
        null=_NULLS[kind],
        counts={"exceedances": hits, "expected": len(y) * level},
        evidence={"level": level, "against": against, "null_mean": float(null.mean()), "null_sd": float(null.std())},
        p_range=p.range,
    )


def _consistent(var: Floats, es: Floats) -> None:
    """Raise InputError, with the day, where no distribution has such a value at risk and expected shortfall."""
    if len(wrong := np.flatnonzero((es <= 0) | (es < var))):
        t = wrong[0]
        raise InputError(
            f"{_WHAT} needs expected shortfalls > 0 and at least the value at risk, found ES[{t}] = {es[t]:g} beside "
            f"VaR[{t}] = {var[t]:g}: both are losses, positive as a rule, of the same tail probability"
        )


def _statistics(y: Floats, var: Floats, es: Floats, level: float, kind: Kind) -> Floats:
    """Return Z (m,) of returns (m, n)."""
    history, day = np.nonzero(y < -var)
    count = np.bincount(history, minlength=len(y))
    depth = np.bincount(history, y[history, day] / es[day], minlength=len(y))
    mean = depth / np.maximum(count, 1) if kind == "Z1" else depth / (y.shape[-1] * level)
    return np.where((count > 0) | (kind == "Z2"), 1 + mean, 0.0)


def _null(
    predictive: Simulate | ArrayLike, var: Floats, es: Floats, level: float, kind: Kind, draws: int, seed: int
) -> Floats:
    """Return Z (N,) of histories from the predictive distributions, portion by portion."""
    if not callable(predictive):
        given = _histories(np.asarray(predictive, np.float64), len(var), None)
        enough_draws(len(given))
        return _statistics(given, var, es, level, kind)
    generator, found = stream(seed, "shortfall"), []
    for m in portions(enough_draws(draws), len(var)):
        history = _histories(np.asarray(predictive(generator, m), np.float64), len(var), m)
        found.append(_statistics(history, var, es, level, kind))
    return np.concatenate(found)


def _histories(drawn: Floats, n: int, m: int | None) -> Floats:
    """Return simulated histories, checked."""
    if drawn.ndim != 2 or drawn.shape[1] != n or m not in (None, len(drawn)):
        wanted = f"({'m' if m is None else m}, {n})"
        raise ShapeError(
            f"{_WHAT} needs predictive draws {wanted}, a return of each day in each row; found {drawn.shape}"
        )
    finite(_WHAT, "predictive", drawn)
    return drawn

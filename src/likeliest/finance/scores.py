"""Scores of forecasts, per day: what forecasts of quantiles, tails or whole distributions lose by what happened.

All are losses, the smaller the better, and proper: on average the true forecast has the smallest. The log score, which
is the family's own ``log_prob``, is the other way round.

::

    pinball            of a quantile
    fissler_ziegel     of value at risk and expected shortfall together
    crps_…             of a distribution, in the unit of the returns: from quantiles, from draws, or in closed form

The continuous ranked probability score is ∫ (F(x) − [y ≤ x])² dx = 2 ∫ pinball of the a-quantile da, and |y − x| for a
forecast that is sure of x.

Source: Gneiting and Raftery (2007), Strictly proper scoring rules, prediction, and estimation.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, ndtr, stdtr

from likeliest.errors import InputError, ShapeError, SpecificationError

Floats = NDArray[np.float64]


def pinball(y: ArrayLike, quantile: ArrayLike, level: ArrayLike) -> Floats:
    """Return (a − [y < q]) (y − q): the loss of which the a-quantile is the best forecast.

    Args:
        y: what happened, any shape.
        quantile: q, of a shape that broadcasts with y; −VaR for a value at risk.
        level: a, between 0 and 1, likewise.

    Raises:
        SpecificationError: a level is not between 0 and 1.

    Source: Koenker and Bassett (1978), Regression quantiles.

    Example:
        >>> pinball([1.0, -2.0], -1.0, 0.1).round(3).tolist()
        [0.2, 0.9]
    """
    y, q, a = (np.asarray(v, np.float64) for v in (y, quantile, level))
    _levels(a)
    loss: Floats = (a - (y < q)) * (y - q)
    return loss


def fissler_ziegel(y: ArrayLike, var: ArrayLike, es: ArrayLike, level: ArrayLike) -> Floats:
    """Return the joint loss FZ0 of a value at risk and an expected shortfall, both positive losses.

    FZ0 = [y < −VaR] (−VaR − y) / (a ES) + VaR / ES + log ES − 1. Expected shortfall alone has no proper score; with its
    value at risk it has, and of these scores this one orders forecasts alike in all units.

    Args:
        y: returns, any shape.
        var: value at risk, of a shape that broadcasts with y.
        es: expected shortfall > 0, at least the value at risk.
        level: the tail probability a of both.

    Raises:
        SpecificationError: a level is not between 0 and 1.
        InputError: an expected shortfall is not positive, or below the value at risk.

    Source: Fissler and Ziegel (2016), Higher order elicitability and Osband's principle; Patton, Ziegel and Chen
    (2019), Dynamic semiparametric models for expected shortfall (and value-at-risk), equation 6.

    Example:
        >>> fissler_ziegel([0.01, -0.03], 0.02, 0.025, 0.05).round(4).tolist()
        [-3.8889, 4.1111]
    """
    y, v, e, a = (np.asarray(x, np.float64) for x in (y, var, es, level))
    _levels(a)
    if len(wrong := np.argwhere(~np.broadcast_to((e > 0) & (e >= v), np.broadcast_shapes(e.shape, v.shape)))):
        raise InputError(
            f"the score of a tail needs ES > 0 and ES ≥ VaR, both as positive losses; {len(wrong)} are not so, the "
            f"first at {tuple(wrong[0].tolist())}"
        )
    loss: Floats = np.maximum(-v - y, 0.0) / (a * e) + v / e + np.log(e) - 1
    return loss


def crps_normal(y: ArrayLike, mean: ArrayLike, scale: ArrayLike) -> Floats:
    """Return the CRPS of N(mean, scale²): scale (z (2Φ(z) − 1) + 2φ(z) − 1/√π), z = (y − mean) / scale.

    Args:
        y: what happened, any shape; ``mean`` and ``scale`` broadcast with it.
        mean: of the forecasts.
        scale: their standard deviations > 0.

    Raises:
        InputError: a scale is not positive.

    Source: Gneiting and Raftery (2007), section 4.2.

    Example:
        >>> float(crps_normal(0.0, 0.0, 1.0).round(6))
        0.233695
    """
    y, mean, scale = _positive(y, mean, scale)
    z = (y - mean) / scale
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    score: Floats = scale * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / math.sqrt(math.pi))
    return score


def crps_student_t(y: ArrayLike, df: ArrayLike, location: ArrayLike, scale: ArrayLike) -> Floats:
    """Return the CRPS of location + scale · t, t Student's with ν = ``df`` degrees of freedom.

    With F and f of t and z = (y − location) / scale it is

        scale [ z (2F(z) − 1) + 2 f(z) (ν + z²)/(ν − 1) − 2√ν/(ν − 1) · B(½, ν − ½) / B(½, ν/2)² ].

    Args:
        y: what happened, any shape; the others broadcast with it.
        df: ν > 1; with less the score is infinite.
        location: of the forecasts.
        scale: > 0, the factor of t and not its standard deviation, which is √(ν/(ν − 2)) times as large.

    Raises:
        InputError: a scale is not positive, or a ν not above 1.

    Source: Jordan, Krüger and Lerch (2019), Evaluating probabilistic forecasts with scoringRules, appendix A.

    Example:
        >>> float(crps_student_t(0.0, 1e6, 0.0, 1.0).round(5))
        0.2337
    """
    y, location, scale = _positive(y, location, scale)
    nu = np.asarray(df, np.float64)
    if not (nu > 1).all():
        raise InputError(f"the CRPS of Student's t needs more than 1 degree of freedom, found {float(np.min(nu)):g}")
    z = (y - location) / scale
    log_density = -(nu + 1) / 2 * np.log1p(z**2 / nu) - np.log(nu) / 2 - betaln(0.5, nu / 2)
    spread = 2 * np.sqrt(nu) / (nu - 1) * np.exp(betaln(0.5, nu - 0.5) - 2 * betaln(0.5, nu / 2))
    score: Floats = scale * (z * (2 * stdtr(nu, z) - 1) + 2 * np.exp(log_density) * (nu + z**2) / (nu - 1) - spread)
    return score


def crps_quantiles(y: ArrayLike, quantiles: ArrayLike, levels: ArrayLike) -> Floats:
    """Return the CRPS of forecast quantiles: twice the mean pinball loss over levels, each standing for its share.

    A level stands for what lies nearer to it than to its neighbours, so levels need no equal spacing: the sum is exact
    for a distribution of jumps at the quantiles.

    Args:
        y: what happened (…, n).
        quantiles: (…, n, K), of rising levels.
        levels: (K,), rising, between 0 and 1.

    Raises:
        ShapeError: they do not fit together.
        SpecificationError: levels are not rising between 0 and 1.

    Source: Laio and Tamea (2007), Verification tools for probabilistic forecasts of continuous hydrological variables.

    Example:
        >>> levels = (np.arange(1000) + 0.5) / 1000
        >>> float(crps_quantiles(0.3, levels, levels).round(4))                              # of U(0, 1): y² − y + ⅓
        0.1233
    """
    y, q, a = (np.asarray(v, np.float64) for v in (y, quantiles, levels))
    if q.shape != (*y.shape, *a.shape) or a.ndim != 1:
        raise ShapeError(
            f"CRPS needs y (…, n), quantiles (…, n, K) and levels (K,), found {y.shape}, {q.shape}, {a.shape}"
        )
    _levels(a)
    if not len(a) or (np.diff(a) <= 0).any():
        raise SpecificationError("CRPS needs at least one level, and rising ones")
    edges = np.concatenate(([0.0], (a[1:] + a[:-1]) / 2, [1.0]))
    score: Floats = 2 * pinball(y[..., None], q, a) @ np.diff(edges)
    return score


def crps_draws(y: ArrayLike, draws: ArrayLike, *, fair: bool = False) -> Floats:
    """Return the CRPS of draws from the forecast: mean |x − y| − ½ mean |x − x′|.

    Args:
        y: what happened (…, n).
        draws: (…, n, m) from each day's predictive distribution.
        fair: whether x and x′ are two different draws: then the score is on average that of the distribution drawn
            from, whatever m is, and needs m ≥ 2. Without it the score is that of the empirical distribution itself.

    Raises:
        ShapeError: they do not fit together, or there are too few draws.

    Source: Gneiting and Raftery (2007), equation 21; Ferro (2014), Fair scores for ensemble forecasts.

    Example:
        >>> crps_draws([0.0], [[-1.0, 1.0]]).tolist(), crps_draws([0.0], [[-1.0, 1.0]], fair=True).tolist()
        ([0.5], [0.0])
    """
    y, x = np.asarray(y, np.float64), np.asarray(draws, np.float64)
    m = x.shape[-1] if x.ndim else 0
    if x.shape[:-1] != y.shape or m < 1 + fair:
        raise ShapeError(f"CRPS needs y (…, n) and {1 + fair} draws or more, (…, n, m); found {y.shape} and {x.shape}")
    x = np.sort(x, axis=-1)
    apart = (x * (2 * np.arange(m) - m + 1)).sum(-1) / (m * (m - 1 if fair else m))  # Σᵢⱼ |xᵢ − xⱼ| / 2, of sorted x
    score: Floats = np.abs(x - y[..., None]).mean(-1) - apart
    return score


def _levels(a: Floats) -> None:
    if not ((a > 0) & (a < 1)).all():
        raise SpecificationError(f"levels of quantiles lie between 0 and 1, found {a.min()} to {a.max()}")


def _positive(y: ArrayLike, location: ArrayLike, scale: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return them as float64, scales checked."""
    s = np.asarray(scale, np.float64)
    if not (s > 0).all():
        raise InputError(f"a CRPS needs scales > 0, found {float(np.min(s)):g}")
    return np.asarray(y, np.float64), np.asarray(location, np.float64), s

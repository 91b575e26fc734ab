"""The volatility models of the field by their names, with the data that a fit of given returns stands on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from likeliest.errors import ShapeError, SpecificationError
from likeliest.predictors.base import Predictor
from likeliest.predictors.constant import Constant
from likeliest.predictors.volatility.egarch import ExponentialGarch
from likeliest.predictors.volatility.linear_variance import LinearVariance, Term

DECAY, DAYS = 0.94, 75
"""Of the exponentially weighted mean of the first squares, which stands for the variance before them."""


def garch(returns: Any, p: int = 1, o: int = 0, q: int = 1, *, mean: Predictor | None = None) -> LinearVariance:
    """Return GARCH(p, o, q): h_t = ω + Σ α_i ε²_{t−i} + Σ γ_i ε²_{t−i} [ε_{t−i} < 0] + Σ β_j h_{t−j}.

    With o = 0 it is Bollerslev's GARCH, with q = 0 Engle's ARCH, with o > 0 that of Glosten, Jagannathan and Runkle.
    α ≥ 0, α + γ ≥ 0 (γ may be negative), β ≥ 0, and Σ α + ½ Σ γ + Σ β < 1, all by construction.

    Args:
        returns: (n,), or (R, n) of R series, from which the variance before the first day and the start of a fit are
            taken. The predictor's x is the same returns as a column, (n, 1) or (R, n, 1), and further columns for the
            mean.
        p: lags of ε².
        o: lags of ε² after losses alone.
        q: lags of h.
        mean: of the mean of r_t; a constant if None.

    Raises:
        SpecificationError: p + o = 0, an order below 0, or returns that do not vary.
        ShapeError: returns are no series of numbers.

    Source: Engle (1982), Bollerslev (1986), Glosten, Jagannathan and Runkle (1993).

    Example:
        >>> import likeliest as lk, numpy as np
        >>> r = np.random.default_rng(0).standard_t(5, 500) * 0.01
        >>> objective = lk.Objective(lk.family("normal"), lk.garch(r), r[:, None], r)
        >>> lk.fit(objective, "levenberg_marquardt").verdict.good
        True
    """
    if min(p, o, q) < 0 or p + o == 0:
        raise SpecificationError(f"a GARCH needs p + o ≥ 1 and q ≥ 0; found p={p}, o={o}, q={q}")
    terms = [term for lag in range(1, max(p, o) + 1) for term in _terms(lag, p, o)]
    return LinearVariance(terms, q, **_data(returns, mean))


def _terms(lag: int, p: int, o: int) -> list[Term]:
    """What ε² of one lag adds: gains and losses apart up to o, losses alone beyond p."""
    if lag > o:
        return [Term("square", lag)]
    return [*([Term("gain", lag)] if lag <= p else []), Term("loss", lag)]


def egarch(returns: Any, p: int = 1, o: int = 1, q: int = 1, *, mean: Predictor | None = None) -> ExponentialGarch:
    """Return EGARCH(p, o, q); see `ExponentialGarch` for the formula, and `garch` for the arguments.

    Raises:
        SpecificationError: no lag at all, returns that do not vary, or numba is missing when it is first used.
        ShapeError: returns are no series of numbers.

    Source: Nelson (1991).

    Example:
        >>> import likeliest as lk, numpy as np
        >>> tuple(lk.egarch(np.random.default_rng(0).normal(size=500)).parts)
        ('mean.value', 'intercept', 'alpha', 'gamma', 'persistence')
    """
    return ExponentialGarch(p, o, q, **_data(returns, mean))


def ewma(returns: Any, *, mean: Predictor | None = None) -> LinearVariance:
    """Return exponential smoothing: h_t = (1 − λ) ε²_{t−1} + λ h_{t−1}, with λ to be estimated.

    See `garch` for the arguments and what is raised.

    Source: J. P. Morgan and Reuters (1996), RiskMetrics technical document, 4th edition.

    Example:
        >>> import likeliest as lk, numpy as np
        >>> lk.ewma(np.random.default_rng(0).normal(size=500)).size
        2
    """
    return LinearVariance([Term("square")], 1, integrated=True, **_data(returns, mean))


def har(
    returns: Any, windows: Sequence[int] = (1, 5, 22), *, measured: bool = False, mean: Predictor | None = None
) -> LinearVariance:
    """Return the heterogeneous autoregression h_t = ω + Σ_w c_w · (mean of ε², or of a measure, over w days before).

    Args:
        returns: see `garch`.
        windows: in days: a day, a week and a month by default.
        measured: whether the second column of x holds each day's realised variance, to take the place of ε².
        mean: of the mean of r_t; a constant if None.

    Raises:
        SpecificationError: a window below one day, or none; returns that do not vary.
        ShapeError: returns are no series of numbers.

    Source: Corsi (2009), A simple approximate long-memory model of realized volatility; Müller et al. (1997).

    Example:
        >>> import likeliest as lk, numpy as np
        >>> [term.window for term in lk.har(np.random.default_rng(0).normal(size=500)).terms]
        [1, 5, 22]
    """
    if not windows or min(windows) < 1:
        raise SpecificationError(f"windows are of one day or more, found {list(windows)}")
    return LinearVariance([Term("measure" if measured else "square", 1, w) for w in windows], **_data(returns, mean))


def _data(returns: Any, mean: Predictor | None) -> dict[str, Any]:
    """What is taken from returns: the variance before the first day, the level, and where the mean starts."""
    r = torch.as_tensor(returns, dtype=torch.float64)
    if r.ndim not in (1, 2) or r.shape[-1] < 2 or not bool(r.isfinite().all()):
        raise ShapeError(f"returns need finite numbers (n,) or (R, n) of two days or more; found {tuple(r.shape)}")
    presample, level = presample_variance(r), r.var(-1, correction=0)
    if not bool((presample > 0).all()):
        raise SpecificationError("these returns do not vary, so that there is no volatility to model")
    start = Constant(start=float(r.mean())) if mean is None else mean
    return {"mean": start, "presample": presample.tolist(), "level": float(level.mean())}


def presample_variance(returns: Tensor) -> Tensor:
    """Return the exponentially weighted mean of the first squares about the series' mean, (…), of returns (…, n).

    Σ 0.94^t (r_t − r̄)² / Σ 0.94^t over the first 75 days: what stands for the variance before them, once and for all.

    Example:
        >>> presample_variance(torch.tensor([1.0, -1.0, 1.0, -1.0])).item()
        1.0
    """
    weight = DECAY ** torch.arange(min(DAYS, returns.shape[-1]), dtype=returns.dtype)
    error = (returns - returns.mean(-1, keepdim=True))[..., : len(weight)]
    return (error.square() * weight).sum(-1) / weight.sum()

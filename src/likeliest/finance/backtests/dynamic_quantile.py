"""Can exceedances be foretold from what was known the day before: the last exceedances, and the value at risk itself?

With h_t = I_t − a and the regressors X_t = (1, I_{t−1}, …, I_{t−k}, VaR_t), the statistic

    DQ = hᵀX (XᵀX)⁺ Xᵀh / (a (1 − a))

is what the regression of h on X explains, in units of its variance under the null. It is χ²(k + 2) in long samples; in
short ones the columns of lags are nearly empty and it is not, so the p-value comes from drawn exceedances.

Source: Engle and Manganelli (2004), CAViaR: conditional autoregressive value at risk by regression quantiles, 6.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from likeliest.errors import SpecificationError
from likeliest.finance.backtests.base import Floats, TestResult, days, tail
from likeliest.finance.backtests.monte_carlo import DRAWS, drawn_p, lot, simulated
from likeliest.randomness import stream

LAGS = 4
_RANK = 1e-9
"""A column that others explain but for this share of its square adds nothing."""


def dynamic_quantile(
    y: ArrayLike, var: ArrayLike, *, level: float, lags: int = LAGS, draws: int = DRAWS, seed: int = 0
) -> TestResult:
    """Test whether exceedances can be foretold from earlier ones and from the value at risk.

    Draws under the null are independent exceedances of probability a, beside the value at risk as it was. A value at
    risk that answers to the returns before it is not drawn anew with them, which the p-value leaves out: with GARCH
    forecasts that makes no difference that simulation shows (``benchmarks/backtests.py``).

    Args:
        y: returns (n,).
        var: forecast value at risk, (n,) or a number, in the unit of the returns. A constant one adds no regressor.
        level: its tail probability a.
        lags: k, earlier exceedances in the regression; as many days at the start serve as such alone.
        draws: from the null.
        seed: names the draws, and the lots among equal statistics.

    Raises:
        ShapeError: the series do not have one length.
        InputError: there are no more days to explain than regressors.
        SupportError: a number is not finite.
        SpecificationError: the level is no probability, lags < 1, or draws < 19.

    Source: Engle and Manganelli (2004), CAViaR; Dufour (2006) for the p-value.

    Example:
        >>> y = np.where(np.arange(250) % 50 < 2, -3.0, 0.5)
        >>> found = dynamic_quantile(y, 2.0, level=0.05, draws=999)
        >>> found.counts["exceedances"], found.p_value < 0.01
        (10, True)
    """
    tail("the dynamic quantile test", level)
    if lags < 1:
        raise SpecificationError(f"the dynamic quantile test needs at least 1 lag, found {lags}")
    why = f"more than {lags} lags and {lags + 2} regressors use up"
    y, var = days("the dynamic quantile test", {"y": y, "var": var}, fewest=2 * lags + 3, why=why)
    hits, risk = y < -var, _standardised(var[lags:])
    statistic = float(_statistics(hits[None], risk, level, lags)[0])
    generator = stream(seed, "dynamic quantile")
    null = simulated(
        draws,
        len(y) * (lags + 3),
        lambda m: _statistics(generator.random((m, len(y))) < level, risk, level, lags),
    )
    p = drawn_p(statistic, null, lot(seed, "dynamic quantile lots", y, var))
    freedom = lags + 1 + int(risk.any())
    return TestResult(
        name="Dynamic quantile (Engle, Manganelli)",
        statistic=statistic,
        p_value=p.value,
        method=f"Monte Carlo, {draws} draws given the value at risk, lots among equal statistics",
        n=len(y),
        null=f"each day has an exceedance with probability {level:g}, whatever happened before and whatever its VaR",
        counts={"exceedances": int(hits.sum()), "expected": len(y) * level},
        evidence={"level": level, "lags": lags, "p_asymptotic": float(chdtrc(freedom, statistic))},
        p_range=p.range,
    )


def _standardised(var: Floats) -> Floats:
    """Return a column of mean 0 and mean square 1; zeros where it does not vary, as beside the intercept it is none."""
    centred = var - var.mean()
    spread = float(np.sqrt(np.mean(centred**2)))
    constant = spread <= 8 * np.finfo(np.float64).eps * float(np.abs(var).max())
    return np.zeros_like(centred) if constant else centred / spread


def _statistics(hits: np.ndarray, risk: Floats, level: float, lags: int) -> Floats:
    """Return DQ (m,) of exceedances (m, n) beside one path of the value at risk (n − lags,)."""
    m, rows = len(hits), len(risk)
    x = np.empty((m, lags + 2, rows))
    x[:, 0], x[:, 1] = 1.0, risk
    windows = sliding_window_view(hits, rows, axis=1)
    x[:, 2:] = windows[:, :lags]
    moment = (x @ (windows[:, lags] - level)[..., None])[..., 0]
    explained = _explained(x @ x.swapaxes(1, 2), moment)
    statistics: Floats = explained / (level * (1 - level))
    return statistics


def _explained(gram: Floats, moment: Floats) -> Floats:
    """Return bᵀA⁺b (m,) of A (m, k, k) and b (m, k), b in the range of A: Gaussian elimination, empty pivots left out.

    Lags without an exceedance, or equal ones, leave A singular; what remains of a column that others explain is no
    more than rounding.
    """
    a, b, found = gram.copy(), moment.copy(), np.zeros(len(gram))
    least = _RANK * np.maximum(np.einsum("mii->mi", gram), 1.0)
    for j in range(a.shape[1]):
        pivot = a[:, j, j]
        used = pivot > least[:, j]
        inverse = np.divide(1.0, pivot, out=np.zeros_like(pivot), where=used)
        row, target = a[:, j].copy(), b[:, j].copy()
        found += target**2 * inverse
        factor = row * inverse[:, None]
        a -= factor[:, :, None] * row[:, None, :]
        b -= factor * target[:, None]
    return found

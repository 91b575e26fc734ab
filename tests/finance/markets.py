"""Simulated markets."""

import numpy as np

from likeliest.data import PriceSeries
from likeliest.finance.days import Days


def garch_returns(n, seed=0, *, omega=2e-6, alpha=0.08, beta=0.9, df=6):
    """Returns of a GARCH(1,1) with student-t shocks."""
    rng = np.random.default_rng(seed)
    z = rng.standard_t(df, n) * np.sqrt((df - 2) / df)
    h, r = omega / (1 - alpha - beta), np.empty(n)
    for t in range(n):
        r[t] = np.sqrt(h) * z[t]
        h = omega + alpha * r[t] ** 2 + beta * h
    return r


def series(n, seed=0, *, ranges=False, returns=None, name="simulated"):
    """Prices of n + 1 weekdays."""
    r = garch_returns(n, seed) if returns is None else returns
    rng = np.random.default_rng([seed, 1])
    dates = np.busday_offset("2010-01-04", np.arange(n + 1), roll="forward")
    close = 100 * np.exp(np.concatenate(([0.0], np.cumsum(r))))
    if not ranges:
        return PriceSeries(name, dates, close)
    open_ = close * np.exp(rng.normal(0, 0.002, n + 1))
    reach = np.exp(np.abs(rng.normal(0, 0.004, (2, n + 1))))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    return PriceSeries(name, dates, close, open_, high, low, rng.integers(1e5, 1e6, n + 1).astype(float))


def days(n, seed=0, **options):
    """Days with a return."""
    return Days.of(series(n, seed, **options))

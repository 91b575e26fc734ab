"""What a case of the exam is, and the simulated table that every case accepts.

Nothing here knows how leaks are found: the truth of a case is what was written into it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]
Pipeline = Callable[[pl.DataFrame], np.ndarray | pl.DataFrame | pl.Series]

SECTORS = ("banks", "energy", "health", "tech")
QUIET_DAYS = 21
"""No asset reports earnings in the first month."""


@dataclass(frozen=True)
class Case:
    """A pipeline, and whether it looks ahead.

    Attributes:
        name: unique, in snake_case.
        pipeline: maps a table, sorted by date, to one value or one row of values per row of the table.
        lag: row t may use days ≤ t − lag: 0 is known at the close of day t, 1 predicts day t the evening before.
        leaky: whether some row uses a later day than that.
        why: which future gets into which past row, or why it only looks so.
        extra: whether the case is beyond the twenty of its kind.
        assets: what the case wants of `sample_table`: more than one is a table in long form, a row per date and asset.
    """

    name: str
    pipeline: Pipeline
    lag: int
    leaky: bool
    why: str
    extra: bool = False
    assets: int = 1

    def __str__(self) -> str:
        return self.name


class Cases(list[Case]):
    """The cases of a module; its two decorators enter a pipeline under its own name and leave it as it is."""

    def leaky(self, why: str, *, lag: int = 0, extra: bool = False, assets: int = 1) -> Callable[[Pipeline], Pipeline]:
        return self._entered(leaky=True, why=why, lag=lag, extra=extra, assets=assets)

    def clean(self, why: str, *, lag: int = 0, extra: bool = False, assets: int = 1) -> Callable[[Pipeline], Pipeline]:
        return self._entered(leaky=False, why=why, lag=lag, extra=extra, assets=assets)

    def _entered(self, **truth) -> Callable[[Pipeline], Pipeline]:
        def enter(pipeline: Pipeline) -> Pipeline:
            self.append(Case(name=pipeline.__name__, pipeline=pipeline, **truth))
            return pipeline

        return enter


def sample_table(n: int = 600, seed: int = 0, assets: int = 1) -> pl.DataFrame:
    """A table of ``n`` business days: prices with clustered volatility, volume, a macro rate, a sector, earnings.

    With several assets it is in long form, sorted by date and asset; of every four assets the third is listed late and
    the fourth leaves early. The table of fewer days is the beginning of the table of more.
    """
    # One row of draws per day, so that the days of a shorter table are drawn the same.
    draws = np.random.default_rng(seed).normal(size=(n, assets + 1, 8))
    common = {"date": _business_days(n), "rate": _rate(draws[:, 0, 0]), "sector": _sectors(draws[:, 0, 1:3])}
    parts = [_listed(common, draws[:, 0, 3], draws[:, 1 + i], i) for i in range(assets)]
    columns = ("date", "asset", "open", "high", "low", "close", "volume", "rate", "sector", "earnings")
    return pl.concat(parts).select(columns).sort("date", "asset")


def _listed(common: dict, market: Floats, draws: Floats, i: int) -> pl.DataFrame:
    """The days of one asset from its listing to its end."""
    table = pl.DataFrame({**common, **_prices(market, draws), "earnings": _earnings(draws[:, 5:7])})
    enters = 40 + 10 * i if i % 4 == 2 else 0
    leaves = 200 + 20 * i if i % 4 == 3 else len(table)
    return table.with_columns(asset=pl.lit(f"A{i:02}"))[enters:leaves]


def _business_days(n: int) -> pl.Series:
    return pl.Series("date", np.busday_offset("2015-01-02", np.arange(n))).cast(pl.Date)


def _prices(market: Floats, draws: Floats) -> dict[str, Floats]:
    """Bars in cents, of GARCH(1, 1) returns with a jump on some days, and the volume that goes with them."""
    shock = (0.6 * market + 0.8 * draws[:, 0]) * np.where(abs(draws[:, 1]) > 2.2, 2.5, 1.0)
    log_return, variance = np.empty(len(shock)), 1.5e-4
    for t, z in enumerate(shock):
        log_return[t] = 3e-4 + np.sqrt(variance) * z
        variance = 3e-6 + 0.10 * log_return[t] ** 2 + 0.87 * variance
    close = np.round(100 * np.exp(np.cumsum(log_return)), 2)
    before = np.concatenate([[100.0], close[:-1]])
    start = np.round(before * np.exp(0.004 * draws[:, 2]), 2)
    high = np.round(np.maximum(start, close) * np.exp(0.004 * abs(draws[:, 3])), 2)
    low = np.round(np.minimum(start, close) * np.exp(-0.004 * abs(draws[:, 4])), 2)
    volume = np.round(np.exp(13 + 0.3 * draws[:, 7] + 15 * abs(log_return)))
    return {"open": start, "high": high, "low": low, "close": close, "volume": volume}


def _rate(draws: Floats) -> Floats:
    """An interest rate in percent that wanders about 2."""
    rate, now = np.empty(len(draws)), 2.0
    for t, z in enumerate(draws):
        now += 0.01 * (2.0 - now) + 0.03 * z
        rate[t] = now
    return np.round(rate, 3)


def _sectors(draws: Floats) -> list[str]:
    """The day's dominant sector, which stays for about a week."""
    names, now = [], 0
    for change, choice in draws:
        if change > 0.8:
            now = min(int(len(SECTORS) * ndtr(choice)), len(SECTORS) - 1)
        names.append(SECTORS[now])
    return names


def _earnings(draws: Floats) -> pl.Series:
    """Earnings per share on about one day in 20, else null."""
    reported = (draws[:, 0] > 1.65) & (np.arange(len(draws)) >= QUIET_DAYS)
    return pl.Series(np.where(reported, np.round(1 + 0.5 * draws[:, 1], 2), np.nan)).fill_nan(None)

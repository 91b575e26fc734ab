"""Days of one asset as models see them: what each brought, and what was known when it closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.data.prices import PriceSeries, garman_klass_variance, parkinson_variance
from likeliest.finance.features import Feature, feature_matrix, standard_features

Floats: TypeAlias = NDArray[np.float64]
Inputs: TypeAlias = Literal["returns", "measured", "features"]
"""What a predictor's x holds: returns; returns and a measure of each day's variance; features."""


@dataclass(frozen=True, eq=False)
class Days:
    """n days with a return, in order.

    Attributes:
        dates: of the closes (n,).
        close: prices (n,).
        returns: log returns (n,) from the close before to that day's.
        measure: variance of each day (n,), from its range where there is one and its squared return elsewhere.
        measured_by: how, in words.
        features: known at each day's close (n, k); NaN where too few days came before.
        names: of the features.
    """

    dates: NDArray[np.datetime64]
    close: Floats
    returns: Floats
    measure: Floats
    measured_by: str
    features: Floats
    names: tuple[str, ...]

    @classmethod
    def of(cls, series: PriceSeries, features: Sequence[Feature] | None = None) -> Days:
        """Take a series of prices, with its standard features unless others are given.

        Example:
            >>> days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-01-05"))
            >>> found = Days.of(PriceSeries("A", days, np.array([100.0, 110.0, 99.0, 99.0])))
            >>> len(found), found.returns.round(4).tolist()
            (3, [0.0953, -0.1054, 0.0])
        """
        table = table_of(series)
        wanted = standard_features(table) if features is None else tuple(features)
        measure, measured_by = _measure(series)
        matrix = feature_matrix(wanted, table)[1:]
        names = tuple(feature.name for feature in wanted)
        return cls(series.dates[1:], series.close[1:], series.returns, measure[1:], measured_by, matrix, names)

    def __len__(self) -> int:
        return len(self.returns)

    def x(self, inputs: Inputs) -> Floats:
        """Return what predictors take (n + 1, …): row t is of the forecast of day t, and the last of tomorrow's.

        A series of returns is its own x: a predictor of volatility uses, for a day, those of the days before alone, and
        tomorrow's row only takes its place. Features are those of the close before.
        """
        if inputs == "features":
            return np.vstack((np.full((1, self.features.shape[1]), np.nan), self.features))
        columns = [self.returns] if inputs == "returns" else [self.returns, self.measure]
        return np.column_stack([np.append(column, 0.0) for column in columns])

    def until(self, stop: int) -> Days:
        """Return the first ``stop`` days."""
        return replace(
            self,
            dates=self.dates[:stop],
            close=self.close[:stop],
            returns=self.returns[:stop],
            measure=self.measure[:stop],
            features=self.features[:stop],
        )


def table_of(series: PriceSeries) -> pl.DataFrame:
    """Return a series as the table that features are computed from: date, close, and what else there is of each day."""
    columns = {name: pl.Series(values).fill_nan(None) for name, values in series.columns().items()}
    table = pl.DataFrame({"date": pl.Series(series.dates), **columns})
    return table.hstack(series.extra) if series.extra.width else table


def _measure(series: PriceSeries) -> tuple[Floats, str]:
    """The variance of each day, from as much as is known of it."""
    squared = np.append(0.0, np.square(series.returns))
    if series.high is None or series.low is None:
        return squared, "squared return"
    if series.open is None:
        found, words = parkinson_variance(series.high, series.low), "Parkinson's range"
    else:
        found, words = garman_klass_variance(series.open, series.high, series.low, series.close), "Garman–Klass range"
    return np.where(np.isfinite(found), found, squared), words

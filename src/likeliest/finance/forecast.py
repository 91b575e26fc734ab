"""Predictive distributions of days: a family at each day's η, and all that is asked of a forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from likeliest.errors import ShapeError
from likeliest.families import Family
from likeliest.finance.scores import crps_normal, crps_quantiles, crps_student_t
from likeliest.interfaces import Eta
from likeliest.predictors import columns_of

Floats: TypeAlias = NDArray[np.float64]

_LEVELS = (np.arange(200) + 0.5) / 200
"""Of the quantiles that stand for a distribution whose CRPS has no closed form."""


@dataclass(frozen=True)
class Forecast:
    """Distributions of the returns of n days, each made before its day.

    Attributes:
        family: p(r | η), of numbers.
        columns: η (n, K), its columns in the family's order.
    """

    family: Family
    columns: Floats

    @classmethod
    def of(cls, family: Family, eta: Eta, rows: slice, n: int) -> Forecast:
        """Take some rows of an η whose columns may be the same for all n."""
        columns = [column.expand(n)[rows].double().numpy(force=True) for column in columns_of(eta)]
        return cls(family, np.column_stack(columns))

    @classmethod
    def joined(cls, parts: Sequence[Forecast]) -> Forecast:
        """Put forecasts of one family one after another."""
        return cls(parts[0].family, np.concatenate([part.columns for part in parts]))

    def __len__(self) -> int:
        return len(self.columns)

    def __getitem__(self, rows: slice) -> Forecast:
        return Forecast(self.family, self.columns[rows])

    @cached_property
    def _eta(self) -> tuple[Tensor, ...]:
        return tuple(torch.from_numpy(column.copy()) for column in self.columns.T)

    @property
    def mean(self) -> Floats:
        """E[r] (n,)."""
        return self._spread(self.family.mean(self._eta))

    @property
    def sigma(self) -> Floats:
        """The standard deviation (n,)."""
        return self._spread(self.family.deviation(self._eta))

    def quantile(self, level: float) -> Floats:
        """The return that falls short with probability ``level`` (n,)."""
        return self._spread(self.family.quantile(self._eta, torch.tensor(level, dtype=torch.float64)))

    def value_at_risk(self, level: float) -> Floats:
        """VaR = −quantile at the tail probability (n,), a loss."""
        return -self.quantile(level)

    def expected_shortfall(self, level: float) -> Floats:
        """ES = −E[r | r ≤ −VaR] (n,), a loss."""
        return -self._spread(self.family.tail_mean(self._eta, torch.tensor(level, dtype=torch.float64)))

    def above(self, threshold: float = 0.0) -> Floats:
        """P(r > threshold) (n,)."""
        return 1 - self._spread(self.family.cdf(self._eta, torch.tensor(threshold, dtype=torch.float64)))

    def sample(self, generator: np.random.Generator, m: int) -> Floats:
        """Return m draws of each day (m, n), days drawn independently."""
        eta = tuple(column.expand(m, -1) for column in self._eta)
        return self.family.sample(eta, generator).numpy(force=True)

    def log_score(self, returns: ArrayLike) -> Floats:
        """Log density of what came (n,): the larger, the better."""
        return self._spread(self.family.log_prob(self._eta, self._returns(returns)))

    def transform(self, returns: ArrayLike) -> Floats:
        """Transforms u = F(r) of what came (n,): independent and uniform if the forecasts are true."""
        return self._spread(self.family.cdf(self._eta, self._returns(returns)))

    def crps(self, returns: ArrayLike) -> Floats:
        """Continuous ranked probability score (n,), in units of returns: the smaller, the better.

        In closed form for normal and student-t; elsewhere by 200 quantiles.
        """
        y = self._returns(returns).numpy()
        if self.family.name == "normal":
            return crps_normal(y, self.mean, self.sigma)
        if self.family.name == "standardised_student_t":
            df = 2 + np.exp(self.columns[:, 2])
            limit = np.isinf(df)
            told = np.where(limit, 1e9, df)
            return crps_student_t(y, told, self.mean, self.sigma * np.sqrt((told - 2) / told))
        return crps_quantiles(y, np.column_stack([self.quantile(float(level)) for level in _LEVELS]), _LEVELS)

    def _returns(self, returns: ArrayLike) -> Tensor:
        y = torch.as_tensor(np.asarray(returns, np.float64))
        if tuple(y.shape) != (len(self),):
            raise ShapeError(f"expected a return for each of {len(self)} forecasts, found {tuple(y.shape)}")
        return y

    def _spread(self, values: Tensor) -> Floats:
        return values.expand(len(self)).double().numpy(force=True).copy()

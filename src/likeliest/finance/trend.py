"""Does the price rise? P(return over h days > cost), by models that are humble about it.

What a day's direction can be told from is little, so that weights start from the belief that they are small: with
l2 = 100 a coefficient of a standardised feature is about normal around 0 with the deviation 0.1. The base rate, the
share of rises among the days learnt from, is what any model has to beat.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, final

import numpy as np
import torch
from numpy.typing import NDArray

from likeliest.families import Family
from likeliest.families import family as family_by_name
from likeliest.finance.days import Days
from likeliest.finance.walk_forward import Fold
from likeliest.fit import fit
from likeliest.objective import Objective
from likeliest.predictors import MLP, Constant, Linear, Predictor, columns_of
from likeliest.randomness import stream

Floats: TypeAlias = NDArray[np.float64]

PRIOR_L2 = 100.0


def rises(days: Days, horizon: int = 1, cost: float = 0.0) -> Floats:
    """Return whether the log return of days t … t + h − 1 is above the cost, (n,): 1 or 0, NaN where it is not known.

    Example:
        >>> from likeliest.data import PriceSeries
        >>> dates = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-01-05"))
        >>> rises(Days.of(PriceSeries("A", dates, np.array([100.0, 101.0, 99.0, 110.0]))), horizon=2).tolist()
        [0.0, 1.0, nan]
    """
    total = np.concatenate(([0.0], np.cumsum(days.returns)))
    label = np.full(len(days), np.nan)
    label[: len(days) - horizon + 1] = total[horizon:] - total[:-horizon] > cost
    return label


@dataclass(frozen=True)
class TrendModel(ABC):
    """A model of the probability of a rise.

    Attributes:
        name: a short key.
        title: for people.
    """

    name: str
    title: str
    refit_every: ClassVar[int] = 1
    """Refits of the walk after which this model is fitted anew."""

    @abstractmethod
    def fit(self, x: Floats, y: Floats) -> FittedTrend:
        """Learn from features (n, k) and labels (n,)."""


@dataclass(frozen=True)
class FittedTrend:
    """A trend model fitted to some days: log odds of a rise, from features in their own units."""

    model: TrendModel
    predictor: Predictor
    theta: torch.Tensor

    @property
    def family(self) -> Family:
        """Bernoulli with the logit link."""
        return family_by_name("bernoulli")

    def log_odds(self, x: Floats) -> Floats:
        """Return η (n,) of days with features (n, k)."""
        with torch.no_grad():
            eta = self.predictor.forward(self.theta, torch.from_numpy(x))[0]
        return columns_of(eta)[0].expand(len(x)).numpy().copy()


@final
@dataclass(frozen=True)
class BaseRate(TrendModel):
    """The share of rises among the days learnt from."""

    def fit(self, x: Floats, y: Floats) -> FittedTrend:
        """Take the share, between one rise and one fall."""
        share = np.clip(y.mean(), 1 / (len(y) + 1), len(y) / (len(y) + 1))
        return FittedTrend(self, Constant(), torch.tensor([np.log(share / (1 - share))], dtype=torch.float64))


@final
@dataclass(frozen=True)
class Logistic(TrendModel):
    """Logistic regression on standardised features.

    Attributes:
        l2: penalty of the weights, in sums.
    """

    l2: float = PRIOR_L2

    def fit(self, x: Floats, y: Floats) -> FittedTrend:
        """Reach the optimum by Newton's method."""
        z, centre, spread = standardised(x)
        predictor = Linear(x.shape[1], 1)
        found = fit(Objective(family_by_name("bernoulli"), predictor, z, y, l2=self.l2), "newton")
        return FittedTrend(self, predictor, predictor.reexpress(found.theta, centre, spread))


@final
@dataclass(frozen=True)
class TrendNet(TrendModel):
    """A net with one hidden layer, stopped where the later days, a sixth of those learnt from, are forecast best.

    Attributes:
        hidden: units.
        l2: penalty of the weights, in sums.
        steps: of L-BFGS, at most.
        gap: days between those learnt from and those it is stopped by: as many as a label takes.
        seed: of the first weights.
    """

    hidden: int = 8
    l2: float = PRIOR_L2
    steps: int = 40
    gap: int = 1
    seed: int = 0
    refit_every: ClassVar[int] = 12

    def fit(self, x: Floats, y: Floats) -> FittedTrend:
        """Learn by L-BFGS, in standard units."""
        held = len(x) // 6
        learnt = slice(0, len(x) - held - self.gap + 1)
        z, centre, spread = standardised(x, learnt)
        predictor = MLP((x.shape[1], self.hidden, 1), activation="tanh")
        objective = Objective(family_by_name("bernoulli"), predictor, z[learnt], y[learnt], l2=self.l2)
        validation = objective.held_out(torch.from_numpy(z[-held:]), torch.from_numpy(y[-held:]))
        theta = predictor.init([stream(self.seed, "init")], torch.float64)[0]
        found = fit(objective, "lbfgs", theta=theta, budget=self.steps, validation=validation, patience=10)
        return FittedTrend(self, predictor, predictor.reexpress(found.theta, centre, spread))


def standardised(x: Floats, rows: slice = slice(None)) -> tuple[Floats, torch.Tensor, torch.Tensor]:
    """Return features in standard units, with the centre and spread (k,) of some of the rows.

    Example:
        >>> standardised(np.array([[1.0], [3.0], [9.0]]), slice(0, 2))[0].tolist()
        [[-1.0], [1.0], [7.0]]
    """
    centre, spread = x[rows].mean(0), x[rows].std(0)
    spread[spread == 0] = 1.0
    return (x - centre) / spread, torch.from_numpy(centre), torch.from_numpy(spread)


def trend_models(horizon: int = 1, seed: int = 0) -> Mapping[str, TrendModel]:
    """Return the models of a rise over so many days, by name, the base rate first."""
    models: tuple[TrendModel, ...] = (
        BaseRate("base_rate", "base rate"),
        Logistic("logistic", "logistic regression"),
        TrendNet("net", "net with one hidden layer", gap=horizon, seed=seed),
    )
    return {model.name: model for model in models}


@dataclass(frozen=True)
class TrendWalked:
    """What one trend model said of each day.

    Attributes:
        model: who said it.
        log_odds: of a rise (m,), of all days forecast.
        last: the last fit.
        seconds: wall time.
    """

    model: TrendModel
    log_odds: Floats
    last: FittedTrend
    seconds: float

    @property
    def probability(self) -> Floats:
        """P(rise) (m,)."""
        return 1 / (1 + np.exp(-self.log_odds))

    def log_score(self, y: Floats) -> Floats:
        """Log-probability of what came, for labels (m,) of 1 and 0; days whose label is not known are left out."""
        told = np.isfinite(y)
        odds = self.log_odds[told]
        return -np.logaddexp(0.0, np.where(y[told] > 0, -odds, odds))


def walk_trend(model: TrendModel, days: Days, labels: Floats, folds: Sequence[Fold]) -> TrendWalked:
    """Return what a model says of each day of the folds.

    Args:
        model: what learns.
        days: of one asset.
        labels: see `rises`.
        folds: see `likeliest.finance.walk_forward`, with the horizon of the labels.
    """
    began, fitted = time.perf_counter(), None
    x, said = days.x("features")[:-1], []
    usable = np.isfinite(x).all(1) & np.isfinite(labels)
    for turn, fold in enumerate(folds):
        if fitted is None or turn % model.refit_every == 0:
            told = np.flatnonzero(usable[fold.learnt]) + fold.start
            fitted = model.fit(x[told], labels[told])
        said.append(fitted.log_odds(x[fold.forecast]))
    assert fitted is not None
    return TrendWalked(model, np.concatenate(said), fitted, time.perf_counter() - began)

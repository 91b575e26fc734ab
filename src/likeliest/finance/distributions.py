"""Models of tomorrow's return: each learns from some days and gives the distribution of others.

::

    base_rate      all days alike: mean, scale and tail of those learnt from        ┐
    random_walk    no drift, normal steps of one size                               │
    ewma           exponentially weighted variance, normal                          ├─ the baselines of every table
    garch          GARCH(1,1), student-t                                            │
    har            variance from that of a day, a week and a month, student-t       ┘
    gjr            GARCH that knows losses from gains, student-t
    egarch         the logarithm of the variance, student-t
    skewed         GJR with Hansen's skewed student-t
    net            a small net on features, for mean, volatility and tail
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import ClassVar, TypeAlias, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likeliest.errors import InputError
from likeliest.families import Family
from likeliest.families import family as family_by_name
from likeliest.finance.days import Days, Inputs
from likeliest.finance.fitting import fit_series, reached
from likeliest.finance.forecast import Forecast
from likeliest.fit import fit
from likeliest.interfaces import Verdict, VerdictKind
from likeliest.objective import Objective
from likeliest.predictors import MLP, Columns, Constant, Fixed, Predictor, egarch, ewma, garch, har
from likeliest.randomness import stream

Floats: TypeAlias = NDArray[np.float64]

FEWEST_ROWS = 30
"""Days that a net learns from, at least."""
TAIL, SKEW = 1.8, 0.0
"""Where log(ν − 2) starts, ν = 8, and the skewness."""
TOLERANCE = 1e-5
"""Of the gradient a day: the likelihood is then within 10⁻⁶ nats of its maximum."""
_SHAPES: Mapping[str, Mapping[str, float]] = {
    "normal": {},
    "standardised_student_t": {"log_df_above_two": TAIL},
    "skewed_student_t": {"log_df_above_two": TAIL, "skew": SKEW},
}


@dataclass(frozen=True)
class Fitted:
    """A model fitted to some days.

    Attributes:
        model: what was fitted.
        family: p(r | η).
        predictor: η of each day.
        theta: (P,).
        start: the first day that was learnt from, at which a series begins.
        verdict: why the fit ended.
    """

    model: DistributionModel
    family: Family
    predictor: Predictor
    theta: Tensor
    start: int
    verdict: Verdict

    def forecast(self, days: Days, rows: slice) -> Forecast:
        """Return the distributions of some days, each from the days before it; row n is the first after the last."""
        x = torch.from_numpy(days.x(self.model.inputs)[self.start : rows.stop])
        with torch.no_grad():
            eta = self.predictor.forward(self.theta, x)[0]
        own = slice(rows.start - self.start, rows.stop - self.start)
        return Forecast.of(self.family, eta, own, len(x))

    def objective(self, days: Days, rows: slice) -> Objective:
        """Return the objective of this model on some days."""
        return self.model.objective(days, rows, self.predictor)


@dataclass(frozen=True)
class DistributionModel(ABC):
    """A model of the distribution of tomorrow's return.

    Attributes:
        name: a short key.
        title: for people.
        formula: of mean, variance and tail.
        source: paper or book.
        family: the family's name.
    """

    name: str
    title: str
    formula: str
    source: str
    family: str
    inputs: ClassVar[Inputs] = "returns"
    refit_every: ClassVar[int] = 1
    """Refits of the walk after which this model is fitted anew."""

    @abstractmethod
    def fit(self, days: Days, rows: slice, before: Fitted | None = None) -> Fitted:
        """Learn from some days, from where an earlier fit ended if there is one."""

    def objective(self, days: Days, rows: slice, predictor: Predictor) -> Objective:
        """Return the objective on some days."""
        x, family = days.x(self.inputs)[:-1][rows], family_by_name(self.family)
        return Objective(family, predictor, x, days.returns[rows])


@final
@dataclass(frozen=True)
class Unconditional(DistributionModel):
    """One distribution of all days.

    Attributes:
        drift: whether the mean is learnt; 0 otherwise.
    """

    drift: bool = True

    def fit(self, days: Days, rows: slice, before: Fitted | None = None) -> Fitted:
        """Take the maximum that the family finds, or go on from an earlier one."""
        family, returns = family_by_name(self.family), torch.from_numpy(days.returns[rows])
        shapes = {name: Constant() for name in _SHAPES[self.family]}
        mean = Constant() if self.drift else Fixed(0.0)
        predictor = Columns(mean=mean, log_scale=Constant(), **shapes)
        if before is not None and shapes and bool(before.theta.isfinite().all()):
            found = fit_series(self.objective(days, rows, predictor), before.theta, tolerance=TOLERANCE, search=False)
            if reached(found.verdict):
                return Fitted(self, family, predictor, found.theta, rows.start, found.verdict)
        theta = family.null_eta(returns) if self.drift else returns.square().mean().log().mul(0.5)[None]
        verdict = Verdict(VerdictKind.CONVERGED, "the family's own maximum: all days are alike")
        return Fitted(self, family, predictor, theta, rows.start, verdict)


@final
@dataclass(frozen=True)
class Volatility(DistributionModel):
    """A recursion for the variance, fitted to a whole series.

    Attributes:
        build: from returns (n,) to the predictor of mean and log standard deviation.
    """

    build: Callable[[Floats], Predictor] = garch

    def fit(self, days: Days, rows: slice, before: Fitted | None = None) -> Fitted:
        """Maximise the likelihood; several starting points are tried the first time, and where one leads nowhere."""
        shapes = {name: Constant(start=value) for name, value in _SHAPES[self.family].items()}
        predictor: Predictor = self.build(days.returns[rows])
        if shapes:
            predictor = Columns(predictor, **shapes)
        objective = self.objective(days, rows, predictor)
        start = None if before is None else before.theta
        found = fit_series(objective, start, tolerance=TOLERANCE, search=before is None)
        if before is not None and not reached(found.verdict):
            found = fit_series(objective, tolerance=TOLERANCE)
        return Fitted(self, objective.family, predictor, found.theta, rows.start, found.verdict)


@final
@dataclass(frozen=True)
class MeasuredVolatility(DistributionModel):
    """As `Volatility`, from a measure of each day's variance, which is its squared return where there is no range."""

    build: Callable[[Floats], Predictor] = har
    inputs: ClassVar[Inputs] = "measured"
    fit = Volatility.fit


@final
@dataclass(frozen=True)
class FeatureNet(DistributionModel):
    """A small net on features, whose three outputs are mean, log standard deviation and tail.

    It learns from the earlier days and stops where the later ones, a sixth of them, are forecast best.

    Attributes:
        hidden: units for the volatility.
        few: units for mean and tail, of which returns tell less.
        l2: penalty of the weights, in sums.
        steps: of L-BFGS, at most.
        seed: of the first weights.
    """

    hidden: int = 16
    few: int = 4
    l2: float = 10.0
    steps: int = 60
    seed: int = 0
    inputs: ClassVar[Inputs] = "features"
    refit_every: ClassVar[int] = 12

    def fit(self, days: Days, rows: slice, before: Fitted | None = None) -> Fitted:
        """Learn in standard units, by L-BFGS, and carry the weights to those of features and returns."""
        x, y = days.x("features")[rows], days.returns[rows]
        told = np.isfinite(x).all(1)
        x, y = x[told], y[told]
        if len(x) < FEWEST_ROWS:
            raise InputError(
                f"{self.title} needs {FEWEST_ROWS} days whose features are known, a year after the first; found "
                f"{len(x)}. Take a longer history, or a model of returns alone, such as garch"
            )
        held = len(x) // 6
        centre, spread, unit = x[:-held].mean(0), x[:-held].std(0), float(y[:-held].std())
        spread[spread == 0] = 1.0
        z, r = (x - centre) / spread, y / unit
        k = x.shape[1]
        predictor = Columns(
            mean=MLP((k, self.few, 1), activation="tanh"),
            log_scale=MLP((k, self.hidden, 1), activation="tanh"),
            log_df_above_two=MLP((k, self.few, 1), activation="tanh"),
        )
        family = family_by_name(self.family)
        objective = Objective(family, predictor, z[:-held], r[:-held], l2=self.l2)
        validation = objective.held_out(torch.from_numpy(z[-held:]), torch.from_numpy(r[-held:]))
        theta = predictor.init([stream(self.seed, "init")], torch.float64)[0]
        found = fit(objective, "lbfgs", theta=theta, budget=self.steps, validation=validation, patience=10)
        theta = in_units(predictor, found.theta, centre, spread, unit)
        return Fitted(self, family, predictor, theta, rows.start, found.verdict)


def in_units(predictor: Columns, theta: Tensor, centre: Floats, spread: Floats, unit: float) -> Tensor:
    """Return the θ that gives on features and returns what this one gives in standard units.

    Args:
        predictor: columns of mean, log standard deviation, and others that have no unit.
        theta: (P,), for features (x − centre) / spread and returns in units of ``unit``.
        centre: (k,).
        spread: (k,).
        unit: of returns.
    """
    theta = predictor.reexpress(theta, torch.from_numpy(centre), torch.from_numpy(spread))
    moves = {"mean": (unit, 0.0), "log_scale": (1.0, math.log(unit))}
    named = zip(predictor.components, predictor.split(theta), strict=True)
    return torch.cat([p.affine_output(t, *moves[name]) if name in moves else t for name, (p, t) in named])


_T = "standardised_student_t"
_MEAN = "r[t] = μ + ε[t]"
MODELS: Mapping[str, DistributionModel] = {
    model.name: model
    for model in (
        Unconditional("base_rate", "base rate, student-t", f"{_MEAN}, ε ~ σ t(ν)", "the days learnt from", _T),
        Unconditional(
            "random_walk", "random walk, normal", "r[t] = ε[t], ε ~ N(0, σ²)", "Bachelier (1900)", "normal", False
        ),
        Volatility(
            "ewma", "EWMA, normal", f"{_MEAN}, h[t] = (1 − λ) ε²[t−1] + λ h[t−1]", "RiskMetrics (1996)", "normal", ewma
        ),
        Volatility(
            "garch",
            "GARCH(1,1), student-t",
            f"{_MEAN}, h[t] = ω + α ε²[t−1] + β h[t−1], ε ~ √h t(ν)",
            "Bollerslev (1986, 1987)",
            _T,
            garch,
        ),
        MeasuredVolatility(
            "har",
            "HAR, student-t",
            f"{_MEAN}, h[t] = ω + c₁ v(1) + c₅ v(5) + c₂₂ v(22), v(w) the mean variance measured over w days before",
            "Corsi (2009)",
            _T,
            partial(har, measured=True),
        ),
        Volatility(
            "gjr",
            "GJR(1,1,1), student-t",
            f"{_MEAN}, h[t] = ω + (α + γ [ε[t−1] < 0]) ε²[t−1] + β h[t−1], ε ~ √h t(ν)",
            "Glosten, Jagannathan and Runkle (1993)",
            _T,
            partial(garch, o=1),
        ),
        Volatility(
            "skewed",
            "GJR(1,1,1), skewed student-t",
            f"{_MEAN}, h[t] as GJR, ε ~ √h t(ν, λ)",
            "Hansen (1994)",
            "skewed_student_t",
            partial(garch, o=1),
        ),
        Volatility(
            "egarch",
            "EGARCH(1,1), student-t",
            f"{_MEAN}, log h[t] = ω + α (|z[t−1]| − √(2/π)) + γ z[t−1] + β log h[t−1], z = ε/√h",
            "Nelson (1991)",
            _T,
            egarch,
        ),
        FeatureNet(
            "net",
            "net on features, student-t",
            "μ, log σ and log(ν − 2) each by a net with one hidden layer on the features of the close before",
            "Rumelhart, Hinton and Williams (1986)",
            _T,
        ),
    )
}
"""By name, in the order to be shown: the baselines first."""


def at_hand() -> tuple[str, ...]:
    """Return the names of the models that can be fitted here: EGARCH needs numba, which the extra finance installs."""
    return tuple(name for name in MODELS if name != "egarch" or find_spec("numba") is not None)


BASELINES = ("base_rate", "random_walk", "ewma", "garch", "har")

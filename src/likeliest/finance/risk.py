"""Risk of the days to come: quantiles, value at risk and expected shortfall of the return over one day or several.

One day ahead they are the family's own. Over several days the fitted model is simulated: each path makes the volatility
of its next day by its own shocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from likeliest.errors import NotOnOfferError, SpecificationError
from likeliest.finance.days import Days
from likeliest.finance.distributions import Fitted
from likeliest.predictors import Columns, ConditionalVolatility, Predictor
from likeliest.randomness import stream

Floats: TypeAlias = NDArray[np.float64]

LEVELS = (0.01, 0.025, 0.05)
HORIZONS = (1, 5, 10, 20)
PATHS = 100_000
_BATCHES = 50
"""Of paths, from which the standard error of a simulated quantile is told."""


@dataclass(frozen=True, slots=True)
class Risk:
    """Risk over some days, at one level.

    Attributes:
        days: over how many.
        level: the tail probability.
        var: value at risk, a loss.
        es: expected shortfall, a loss.
        error: standard error of ``var`` from simulation; 0 where it is a closed form.
    """

    days: int
    level: float
    var: float
    es: float
    error: float

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def paths(fitted: Fitted, days: Days, horizon: int, *, draws: int = PATHS, seed: int = 0) -> Floats:
    """Return simulated returns of the days that follow the last one, (draws, horizon).

    Raises:
        SpecificationError: a horizon below one day.
        NotOnOfferError: the model forecasts one day only, for what it needs of the days after is not known yet.

    Example:
        >>> import numpy as np
        >>> from likeliest.data import PriceSeries
        >>> from likeliest.finance.distributions import MODELS
        >>> dates = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-04-01"))
        >>> close = 100 * np.exp(np.random.default_rng(0).normal(0, 0.01, len(dates)).cumsum())
        >>> days = Days.of(PriceSeries("A", dates, close))
        >>> fitted = MODELS["ewma"].fit(days, slice(0, len(days)))
        >>> paths(fitted, days, 10, draws=100).shape
        (100, 10)
    """
    if horizon < 1:
        raise SpecificationError(f"a horizon is of one day or more, found {horizon}")
    generator = stream(seed, "paths")
    volatility, theta = _volatility(fitted)
    if volatility is None or horizon == 1:
        return _alike(fitted, days, horizon, draws, generator)
    noise = _noise(fitted, days, draws, horizon, generator)
    x = torch.from_numpy(days.x(fitted.model.inputs)[fitted.start : -1])
    with torch.no_grad():
        return volatility.simulate(theta, x, noise).numpy()


def simulates(fitted: Fitted) -> bool:
    """Whether a model forecasts several days, and not only the next."""
    volatility, _ = _volatility(fitted)
    if volatility is None:
        return fitted.predictor.inputs is None
    return not volatility.measures and not volatility.mean.inputs


def _volatility(fitted: Fitted) -> tuple[ConditionalVolatility | None, torch.Tensor]:
    """The predictor of volatility with its own θ, if there is one."""
    predictor: Predictor = fitted.predictor
    parts = predictor.split(fitted.theta) if isinstance(predictor, Columns) else [(predictor, fitted.theta)]
    for part, theta in parts:
        if isinstance(part, ConditionalVolatility):
            return part, theta
    return None, fitted.theta


def _noise(fitted: Fitted, days: Days, draws: int, horizon: int, generator: np.random.Generator) -> torch.Tensor:
    """Independent shocks (draws, horizon), of mean 0 and scale 1 in the family's shape."""
    n = len(days)
    shape = fitted.forecast(days, slice(n, n + 1)).columns[0, 2:]
    columns = [torch.zeros(draws, horizon, dtype=torch.float64) for _ in range(2)]
    columns += [torch.full((draws, horizon), float(value), dtype=torch.float64) for value in shape]
    return fitted.family.sample(tuple(columns), generator)


def _alike(fitted: Fitted, days: Days, horizon: int, draws: int, generator: np.random.Generator) -> Floats:
    """Days that are all alike, which those of features are only for the first."""
    if fitted.predictor.inputs is not None and horizon > 1:
        raise NotOnOfferError(
            f"{fitted.model.title} forecasts one day: features of later days are not known yet; take a model of "
            "volatility, such as garch"
        )
    n = len(days)
    told = fitted.forecast(days, slice(n, n + 1)).columns[0]
    columns = tuple(torch.full((draws, horizon), float(value), dtype=torch.float64) for value in told)
    return fitted.family.sample(columns, generator).numpy()


def risk(
    fitted: Fitted,
    days: Days,
    *,
    horizons: Sequence[int] = HORIZONS,
    levels: Sequence[float] = LEVELS,
    draws: int = PATHS,
    seed: int = 0,
) -> list[Risk]:
    """Return value at risk and expected shortfall over the days after the last one, as losses of log return.

    Raises:
        SpecificationError: a horizon below one day, or a level that is no tail probability.
        NotOnOfferError: more than one day is asked for of a model that forecasts one.

    Example:
        >>> import numpy as np
        >>> from likeliest.data import PriceSeries
        >>> from likeliest.finance.distributions import MODELS
        >>> dates = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-04-01"))
        >>> close = 100 * np.exp(np.random.default_rng(0).normal(0, 0.01, len(dates)).cumsum())
        >>> days = Days.of(PriceSeries("A", dates, close))
        >>> fitted = MODELS["random_walk"].fit(days, slice(0, len(days)))
        >>> one, ten = risk(fitted, days, horizons=(1, 10), levels=(0.05,))
        >>> round(ten.var / one.var, 1)
        3.2
    """
    if wrong := [level for level in levels if not 0 < level < 0.5]:
        raise SpecificationError(f"a tail probability lies between 0 and 0.5, found {wrong[0]}")
    n, found = len(days), []
    tomorrow = fitted.forecast(days, slice(n, n + 1))
    simulated = paths(fitted, days, max(horizons), draws=draws, seed=seed) if max(horizons) > 1 else np.empty((0, 1))
    for horizon in horizons:
        totals = simulated[:, :horizon].sum(1)
        for level in levels:
            if horizon == 1:
                var, es = tomorrow.value_at_risk(level)[0], tomorrow.expected_shortfall(level)[0]
                found.append(Risk(1, level, float(var), float(es), 0.0))
            else:
                found.append(_simulated(totals, horizon, level))
    return found


def _simulated(totals: Floats, horizon: int, level: float) -> Risk:
    quantile = float(np.quantile(totals, level))
    batches = np.quantile(totals[: len(totals) // _BATCHES * _BATCHES].reshape(_BATCHES, -1), level, axis=1)
    error = float(batches.std(ddof=1) / np.sqrt(_BATCHES))
    return Risk(horizon, level, -quantile, -float(totals[totals <= quantile].mean()), error)

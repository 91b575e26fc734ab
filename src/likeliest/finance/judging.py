"""Were the forecasts true, and whose were best? Every model of a walk, by the same days and the same tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from likeliest.errors import SpecificationError
from likeliest.finance.backtests import (
    Edge,
    TestResult,
    acerbi_szekely,
    anderson_darling,
    berkowitz,
    conditional_coverage,
    confidence_set,
    diebold_mariano,
    dynamic_quantile,
    edges,
    exceedances,
    independence,
    unconditional_coverage,
)
from likeliest.finance.forecast import Forecast
from likeliest.finance.risk import LEVELS
from likeliest.finance.scores import pinball
from likeliest.randomness import stream

Floats: TypeAlias = NDArray[np.float64]

DRAWS = 999
"""Of the tests that simulate, and histories of expected shortfall."""
EDGE_DRAWS = 1_999
REFERENCE, BASE = "garch", "base_rate"


@dataclass(frozen=True)
class Coverage:
    """How often, and in which way, losses exceeded a value at risk.

    Attributes:
        level: the tail probability.
        exceedances: days on which they did.
        n: days.
        kupiec: test of their number.
        christoffersen: test of number and order.
        independence: test of their order.
        dynamic_quantile: test of whether they can be foretold.
        shortfall: test of how deep they went.
        pinball: mean loss of the quantile.
    """

    level: float
    exceedances: int
    n: int
    kupiec: TestResult
    christoffersen: TestResult
    independence: TestResult
    dynamic_quantile: TestResult
    shortfall: TestResult
    pinball: float

    @property
    def share(self) -> float:
        """Of days, those with an exceedance."""
        return self.exceedances / self.n


@dataclass(frozen=True)
class Judged:
    """One model's forecasts of a walk.

    Attributes:
        log_score: of each day (n,).
        crps: of each day (n,), in units of returns.
        transforms: u = F(r) of each day (n,).
        coverage: one for each level.
        berkowitz: test of the transforms' normal scores.
        uniformity: test of the transforms.
        against_garch: of losses −log p, the model's less GARCH's; None for GARCH itself, and where there is none.
        against_base: likewise, less the base rate's.
        edge: over the base rate, by Holm's procedure over all that was tried; None for the base rate itself.
        in_confidence_set: whether it may be the best.
    """

    log_score: Floats
    crps: Floats
    transforms: Floats
    coverage: tuple[Coverage, ...]
    berkowitz: TestResult
    uniformity: TestResult
    against_garch: TestResult | None
    against_base: TestResult | None
    edge: Edge | None
    in_confidence_set: bool


def judge(
    forecasts: Mapping[str, Forecast],
    returns: Floats,
    *,
    levels: Sequence[float] = LEVELS,
    others: Mapping[str, Floats] | None = None,
    horizon: int = 1,
    seed: int = 0,
) -> tuple[dict[str, Judged], dict[str, Edge]]:
    """Judge forecasts of the same days, and claim edges over base rates.

    Args:
        forecasts: by name of the model; edges are over the one called "base_rate".
        returns: what came (n,).
        levels: tail probabilities of value at risk.
        others: of other things that were tried, such as models of the direction, differences of log scores to a base
            rate of their own (m,): Holm's procedure is over all of them together.
        horizon: days ahead of those.
        seed: of all that is drawn.

    Returns:
        What was found of each model, and the edges of the others.

    Raises:
        SpecificationError: there is no base rate.

    Example:
        >>> from likeliest.families import family
        >>> r = np.random.default_rng(0).normal(0, 0.01, 300)
        >>> sure = Forecast(family("normal"), np.tile([0.0, np.log(0.01)], (300, 1)))
        >>> wide = Forecast(family("normal"), np.tile([0.0, np.log(0.02)], (300, 1)))
        >>> found, _ = judge({"base_rate": wide, "sure": sure}, r)
        >>> found["sure"].edge.claimed, found["base_rate"].coverage[0].kupiec.p_value < 0.2
        (True, True)
    """
    if BASE not in forecasts:
        raise SpecificationError(f"an edge is over a base rate; found {', '.join(forecasts)}")
    scores = {name: forecast.log_score(returns) for name, forecast in forecasts.items()}
    base = scores[BASE]
    tried = {name: score - base for name, score in scores.items() if name != BASE}
    further = {f"other {name}": difference for name, difference in (others or {}).items()}
    claims = edges(tried | further, horizon=horizon, draws=EDGE_DRAWS, seed=seed) if tried | further else {}
    best = confidence_set({name: -score for name, score in scores.items()}, level=0.9, draws=DRAWS, seed=seed)
    found = {}
    for name, forecast in forecasts.items():
        transforms = forecast.transform(returns)
        found[name] = Judged(
            scores[name],
            forecast.crps(returns),
            transforms,
            coverages(forecast, returns, levels, seed),
            berkowitz(transforms, draws=DRAWS, seed=seed),
            anderson_darling(transforms, draws=DRAWS, seed=seed),
            _against(scores, name, REFERENCE),
            _against(scores, name, BASE),
            claims.get(name),
            name in best.included,
        )
    return found, {name: claims[f"other {name}"] for name in others or {}}


def _against(scores: Mapping[str, Floats], name: str, other: str) -> TestResult | None:
    """Diebold and Mariano's test, with memory as long as the differences have it: the losses are −log scores."""
    if name == other or other not in scores:
        return None
    return diebold_mariano(-scores[name], -scores[other], memory="automatic")


def coverages(
    forecast: Forecast, returns: Floats, levels: Sequence[float] = LEVELS, seed: int = 0
) -> tuple[Coverage, ...]:
    """Return how each value at risk was exceeded."""
    drawn = forecast.sample(stream(seed, "histories"), DRAWS)
    return tuple(_coverage(forecast, returns, level, drawn, seed) for level in levels)


def _coverage(forecast: Forecast, returns: Floats, level: float, drawn: Floats, seed: int) -> Coverage:
    var, es = forecast.value_at_risk(level), forecast.expected_shortfall(level)
    return Coverage(
        level=level,
        exceedances=int(exceedances(returns, var).sum()),
        n=len(returns),
        kupiec=unconditional_coverage(returns, var, level=level, seed=seed),
        christoffersen=conditional_coverage(returns, var, level=level, seed=seed),
        independence=independence(returns, var, level=level, seed=seed),
        dynamic_quantile=dynamic_quantile(returns, var, level=level, draws=DRAWS, seed=seed),
        shortfall=acerbi_szekely(returns, var, es, drawn, level=level, seed=seed),
        pinball=float(pinball(returns, -var, level).mean()),
    )

"""Maximum likelihood for a series: from where a fit starts to the best of several maxima."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from likeliest.course import Budget
from likeliest.fit import Fit, fit
from likeliest.interfaces import Verdict, VerdictKind
from likeliest.objective import Objective
from likeliest.predictors import Columns, ConditionalVolatility
from likeliest.randomness import stream
from likeliest.rules import LevenbergMarquardt

STEPS = 200
TRIED = 3
"""From how many starting points a fit is made where the first led nowhere inside."""


def fit_series(
    objective: Objective, theta: Tensor | None = None, *, tolerance: float = 1e-6, search: bool = True
) -> Fit:
    """Return the fit with the highest likelihood that is found from some starting points.

    The first is θ, or the predictor's own. Where the maximum that it leads to lies inside, it is taken; where it lies
    at a bound, or none was reached, the most likely of sixteen others are tried too. Likelihoods of volatility models
    have several maxima where there is little volatility to be explained. A maximum at a bound is told by the verdict
    ``boundary``, which names the parameters.

    Args:
        objective: of one series.
        theta: (P,), such as that of a shorter past.
        tolerance: see `likeliest.fit.fit`.
        search: whether others are tried.

    Example:
        >>> import likeliest as lk, numpy as np
        >>> r = np.random.default_rng(0).standard_t(5, 500) * 0.01
        >>> found = fit_series(lk.Objective(lk.family("normal"), lk.garch(r), r[:, None], r))
        >>> reached(found.verdict)
        True
    """
    found = _fitted(objective, theta, tolerance)
    if not search or (found.verdict.kind is VerdictKind.CONVERGED and not _at_bound(objective, found.theta)):
        return _told(objective, found)
    tried = [found, *(_fitted(objective, start, tolerance) for start in best_starts(objective)[:TRIED])]
    return _told(objective, min(tried, key=lambda one: float(objective.at(one.theta).value.nan_to_num(torch.inf))))


def _fitted(objective: Objective, theta: Tensor | None, tolerance: float) -> Fit:
    return fit(objective, LevenbergMarquardt(), theta=theta, tolerance=tolerance, budget=Budget(steps=STEPS))


def _at_bound(objective: Objective, theta: Tensor) -> tuple[str, ...]:
    return objective.predictor.natural(theta).at_bound


def _told(objective: Objective, found: Fit) -> Fit:
    """The fit with a verdict that names the parameters at a bound."""
    held = _at_bound(objective, found.theta)
    if not held or not found.verdict.good:
        return found
    message = (
        f"the maximum lies at the bound of {', '.join(held)}, of which no standard error is told; those of the others "
        f"hold given that; {found.verdict.message}"
    )
    evidence = {**found.verdict.evidence, "at_bound": list(held)}
    return replace(found, verdicts=(Verdict(VerdictKind.BOUNDARY, message, evidence),))


def reached(verdict: Verdict) -> bool:
    """Whether a maximum was reached, be it at a bound."""
    return verdict.good or verdict.kind is VerdictKind.BOUNDARY


def best_starts(objective: Objective) -> Tensor:
    """Return other starting points (S, P), the most likely first: all evaluated in lockstep."""
    predictor = objective.predictor
    theta = predictor.init([stream(0, "init")], objective.dtype)[0]
    parts = predictor.split(theta) if isinstance(predictor, Columns) else [(predictor, theta)]
    columns = [p.starts(t) if isinstance(p, ConditionalVolatility) else t[None] for p, t in parts]
    most = max(len(column) for column in columns)
    starts = torch.cat([column.expand(most, -1) for column in columns], -1)
    with torch.no_grad():
        return starts[objective.at(starts).value.nan_to_num(torch.inf).argsort()]

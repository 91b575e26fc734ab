"""Linear models whose link has an edge, where a search stalls: to the optimum behind walls that come ever nearer to it.

With a small reward t log d for the way d that each row's η has left to a bound of its domain,

    f_t(θ) = f(θ) − t Σ w log d / W,

the optimum of f_t lies inside, where Newton's steps reach it. It gives each row the multiplier t w/(d W), so that it is
above that of f by at most t for each bound; t falls until that is nothing. `edge_verdict` judges what is left.

Source: Fiacco and McCormick (1968), Nonlinear programming; Boyd and Vandenberghe (2004), Convex optimization, section
11.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from likeliest.course import Budget
from likeliest.edge import edge_verdict
from likeliest.families import Automatic, Family
from likeliest.families.base import single
from likeliest.fit import Fit, fit
from likeliest.interfaces import Eta
from likeliest.objective import Objective
from likeliest.scaling import Scaling

_REWARDS = [10.0**-k for k in range(2, 10)]
_SETTLED = 1e-8
"""A gradient that is small enough. Behind the last wall, 1e-9 from the edge, η's rounding may make a larger one."""
_STEPS = Budget(steps=30)


def fit_within(objective: Objective, theta: Tensor, tolerance: float) -> Fit:
    """Minimise an objective of one linear column whose η is bounded, and say which rows touch the bound.

    Args:
        objective: of a family of one column with a bounded domain.
        theta: (P,), where every η lies inside the domain.
        tolerance: converged when every entry of the gradient is at most this, where the optimum lies inside.

    Example:
        >>> import likeliest as lk, torch
        >>> x, y = torch.tensor([[0.0], [0.0], [1.0]]).double(), torch.tensor([0.0, 1.0, 1.0])
        >>> objective = lk.Objective(lk.family("bernoulli", "log"), lk.Linear(1), x, y)
        >>> found = fit_within(objective, torch.tensor([0.0, -1.0]).double(), 1e-10)
        >>> str(found.verdict.kind), found.theta.exp().round(decimals=6).tolist()
        ('boundary', [2.0, 0.5])
    """
    work = 0.0
    for reward in _REWARDS:
        walled = _walled(objective, reward)
        found = fit(walled, "newton", theta=theta, budget=_STEPS, tolerance=_SETTLED, standardise=True)
        theta, work = found.theta, work + found.work
    scaling = Scaling.of(objective)
    if (verdict := edge_verdict(scaling.apply(objective), scaling.from_user(theta))) is not None:
        return replace(found, verdicts=(verdict,), work=work)
    found = fit(objective, "newton", theta=theta, tolerance=tolerance, standardise=True)
    return replace(found, work=work + found.work)


def _walled(objective: Objective, reward: float) -> Objective:
    walled = _Walled(objective.family, reward)
    weight, offset, l2 = objective.weight, objective.named_offset, objective.l2
    return Objective(walled, objective.predictor, objective.x, objective.y, weight, offset, 0.0 if l2 is None else l2)


@final
@dataclass(frozen=True)
class _Walled(Automatic):
    """A family with a reward for each row's way to the bounds of η."""

    inside: Family
    reward: float

    def check_support(self, y: Tensor, outputs: int | None = None) -> None:
        """See `Family.check_support`."""
        self.inside.check_support(y, outputs)

    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return log p(y | η) + t Σ log d."""
        first, (low, high) = single(eta)[..., 0], self.inside.domain
        ways = ([first - low] if math.isfinite(low) else []) + ([high - first] if math.isfinite(high) else [])
        inside = torch.stack([way > 0 for way in ways]).all(0)
        room = sum((torch.where(inside, way, 1.0).log() for way in ways), torch.zeros_like(first))
        return torch.where(inside, self.inside.log_prob(eta, y) + self.reward * room, -math.inf)

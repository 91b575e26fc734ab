"""Whether the likelihood of a linear model has its maximum on the edge of its link's domain, where p is 0 or 1.

A log-probability ends at 0, a probability at 0 and at 1. So a fit is over θ with low ≤ xᵢᵀθ + oᵢ ≤ high in every row,
and where the slope of the objective f leads out of that there is no θ with a gradient of 0. What proves an optimum are
multipliers λ ≥ 0 of the rows near a bound, which hold the gradient:

    ∇f = Σ ±λᵢ xᵢ     (+ at the lower bound, − at the upper)

With dᵢ the way that is left to the bound, no θ then has an f below f(θ) − Σ λᵢ dᵢ, for f is convex: the duality gap.

Source: Boyd and Vandenberghe (2004), Convex optimization, section 5.5.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import scipy
from torch import Tensor

from likeliest.families.base import single
from likeliest.interfaces import Verdict, VerdictKind
from likeliest.objective import Objective
from likeliest.predictors import Linear

NEAR = 1e-3
"""Rows whose η is so near a bound may be held by it."""
GAP = 1e-8
"""The optimum is proven to this much of the objective, which is per unit of weight."""
_NONE = 1e-6
"""A gradient whose entries are all below it is none, and so is what the multipliers leave of it."""
_NAMED = 6


class _Near(NamedTuple):
    """What may hold a θ: rows near a bound (m,), that bound, the way to it and its slope in θ (m, P)."""

    rows: np.ndarray
    bound: np.ndarray
    way: np.ndarray
    slope: np.ndarray


def has_edge(objective: Objective) -> bool:
    """Whether η is one linear column that has a bound."""
    return isinstance(objective.predictor, Linear) and any(map(math.isfinite, objective.family.domain))


def edge_verdict(objective: Objective, theta: Tensor) -> Verdict | None:
    """Return the verdict ``boundary`` where θ is an optimum that some rows hold on the edge of the domain, else None.

    Args:
        objective: with standardised columns, so that its numbers are of one size.
        theta: (P,), where a fit ended.
    """
    if not has_edge(objective) or not len((near := _near(objective, theta)).rows):
        return None
    gradient = objective.at(theta).grad.double().numpy()
    if not np.abs(gradient).max() > _NONE:
        return None
    multipliers = _multipliers(near, gradient)
    left = np.abs(gradient - near.slope.T @ multipliers).max()
    gap = float(multipliers @ near.way)
    return _on_the_edge(objective, near, multipliers > 0, gap) if left <= _NONE and gap <= GAP else None


def _near(objective: Objective, theta: Tensor) -> _Near:
    """The rows near either bound that have weight; those that are alike stand once."""
    block = objective.evaluate(theta, slice(None), objective.n)
    eta = single(block.eta)[:, 0].double().numpy()
    design = objective.predictor.jacobian(theta, block.tape)[0][0].expand(objective.n, -1).double().numpy()
    counts = np.ones(objective.n, dtype=bool) if objective.weight is None else objective.weight.numpy() > 0
    found = []
    for bound, sign in zip(objective.family.domain, (1.0, -1.0), strict=True):
        way = sign * (eta - bound)
        rows = np.flatnonzero((way <= NEAR) & counts)
        found.append(_Near(rows, np.full(len(rows), bound), way[rows].clip(0.0), sign * design[rows]))
    return _Near(*map(np.concatenate, zip(*found, strict=True)))


def _multipliers(near: _Near, gradient: np.ndarray) -> np.ndarray:
    """The λ ≥ 0 that come nearest to the gradient, one a row; rows that are alike share theirs."""
    alike = np.column_stack((near.slope, near.way))
    distinct, which, count = np.unique(alike, axis=0, return_inverse=True, return_counts=True)
    shared, _ = scipy.optimize.nnls(distinct[:, :-1].T, gradient)
    which = which.reshape(-1)
    return shared[which] / count[which]


def _on_the_edge(objective: Objective, near: _Near, holds: np.ndarray, gap: float) -> Verdict:
    held = [(int(row), float(bound)) for row, bound in zip(near.rows[holds], near.bound[holds], strict=True)]
    edges = {bound: [row for row, at in held if at == bound] for _, bound in held}
    where = " and ".join(f"η = {bound:g} in {_listed(rows)}" for bound, rows in edges.items())
    family = objective.family
    return Verdict(
        VerdictKind.BOUNDARY,
        f"the maximum lies on the edge of what the {family.link} link of {family.name} allows: {where}; the "
        "coefficients are the best within it, but standard errors do not hold there; a link without an edge has none",
        {"rows": sorted({row for row, _ in held}), "edges": sorted(edges), "duality_gap": gap},
    )


def _listed(rows: list[int]) -> str:
    shown = ", ".join(map(str, rows[:_NAMED]))
    more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more}"

"""The best η that all rows could share, found by Newton's method in a trust region where no formula gives it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import scipy
import torch
from torch import Tensor

from likeliest.errors import NotOnOfferError
from likeliest.families.base import Family, double
from likeliest.families.laplace import Laplace
from likeliest.families.location_scale import divided
from likeliest.families.normal import Normal
from likeliest.interfaces import Eta

_TOLERANCE = 1e-11
_POLISH = 5
_WORST = 1e300
"""What stands for a likelihood of zero, or for none: the search turns back there."""


def best_shared_eta(family: Family, y: Tensor, weight: Tensor | None, starts: Sequence[Sequence[float]]) -> Tensor:
    """Return the η that maximises Σ w log p(y | η), from the best of some starts.

    Where the maximum lies on the boundary, a large number stands for the infinite one.

    Args:
        family: what is likely; its score and observed information lead.
        y: (…, n), or what else the family takes.
        weight: (n,) or (…, n), not all 0.
        starts: points of K numbers.

    Returns:
        (…, K) in double precision.

    Raises:
        NotOnOfferError: log p is finite at none of the starts.
    """
    y, weight = double(y, weight)
    lead = family.log_prob(_shared(family, np.array(starts[0])), y).shape[:-1]
    if not lead:
        return _best(family, y, weight, starts)
    weight = None if weight is None else weight.expand(*lead, -1)
    found = [_best(family, y[i], None if weight is None else weight[i], starts) for i in np.ndindex(lead)]
    return torch.stack(found).reshape(*lead, -1)


def best_with_tails(family: Family, y: Tensor, weight: Tensor | None, starts: Sequence[Sequence[float]]) -> Tensor:
    """Return the best shared η = (μ, s, d, …), found numerically in a unit of y in which its sizes are about 1.

    Where a normal is better than what was found, d is +inf and columns after it are 0. Where all y are equal, s is
    −inf.

    Args:
        family: its columns are a location, the log of a scale, a tail that ends in the normal at +inf, and others.
        y: (…, n).
        weight: (n,) or (…, n), not all 0.
        starts: points of K numbers, in the unit of y's mean absolute deviation from its median.
    """
    y, weight = double(y, weight)
    centre, log_unit = Laplace().null_eta(y, weight).unbind(-1)
    equal = log_unit.isinf()
    log_unit = torch.where(equal, 0.0, log_unit)
    inner = divided(y - centre.unsqueeze(-1), log_unit.unsqueeze(-1))
    nothing = torch.zeros(*equal.shape, len(starts[0]), dtype=inner.dtype, device=inner.device)
    found = nothing if bool(equal.all()) else best_shared_eta(family, inner, weight, starts)
    normal = Normal().null_eta(inner, weight)
    rest = torch.zeros_like(found[..., 3:])
    limit = torch.cat((normal, torch.full_like(normal[..., :1], math.inf), rest), -1)
    better = _mean_log_prob(family, limit, inner, weight) >= _mean_log_prob(family, found, inner, weight) - 1e-12
    location, log_scale, *others = torch.where(better.unsqueeze(-1), limit, found).unbind(-1)
    scaled = (log_scale + log_unit).masked_fill(equal, -math.inf)
    return torch.stack((centre + location * log_unit.exp(), scaled, *others), -1)


def _mean_log_prob(family: Family, flat: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
    log_prob = family.log_prob(tuple(column.unsqueeze(-1) for column in flat.unbind(-1)), y)
    return log_prob.mean(-1) if weight is None else (weight * log_prob).sum(-1) / weight.sum(-1)


def _best(family: Family, y: Tensor, weight: Tensor | None, starts: Sequence[Sequence[float]]) -> Tensor:
    w = torch.ones(len(y), dtype=torch.float64) if weight is None else weight
    w = w / w.sum()

    def value(point: np.ndarray) -> float:
        mean = -float((w * family.log_prob(_shared(family, point), y)).sum())
        return mean if math.isfinite(mean) else _WORST

    def slope(point: np.ndarray) -> np.ndarray:
        score = family.score(_shared(family, point), y)
        columns = score if isinstance(score, tuple) else score.expand(len(y), -1).unbind(-1)
        return np.array([-float((w * column).sum()) for column in columns])

    def curvature(point: np.ndarray) -> np.ndarray:
        observed = family.observed(_shared(family, point), y)
        return np.asarray(torch.nan_to_num((w[:, None, None] * observed).sum(0)))

    start = min((np.array(point, dtype=float) for point in starts), key=value)
    if value(start) >= _WORST:
        raise NotOnOfferError(
            f"log p of {family.name} is finite for no η that was tried, such as {start.tolist()}, in all rows; "
            f"define null_eta in the class {type(family).__name__}, or check the support of y"
        )
    with torch.no_grad():
        found = scipy.optimize.minimize(
            value, start, jac=slope, hess=curvature, method="trust-exact", options={"gtol": _TOLERANCE, "maxiter": 500}
        )
        return torch.from_numpy(_polished(found.x, slope, curvature))


def _polished(
    point: np.ndarray, slope: Callable[[np.ndarray], np.ndarray], curvature: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Newton steps as long as they shrink the slope: it has digits where the value, flat at its top, has none."""
    here = slope(point)
    for _ in range(_POLISH):
        there = point - np.linalg.lstsq(curvature(point), here)[0]
        ahead = slope(there)
        if not np.abs(ahead).max() < np.abs(here).max():
            break
        point, here = there, ahead
    return point


def _shared(family: Family, point: np.ndarray) -> Eta:
    """One η for all rows, laid out as the family wants it."""
    eta = torch.from_numpy(point).double()
    several = family.columns is not None and len(family.columns) > 1
    return tuple(eta[:, None].unbind(0)) if several else eta[None]

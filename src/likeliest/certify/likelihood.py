"""`certify_objective`: the score pulled back, against the likelihood's own values and against autograd."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from likeliest.certify.certificate import Certificate
from likeliest.certify.compare import Check, compare, judge
from likeliest.certify.differences import SAFETY
from likeliest.certify.reference import autograd_gradient
from likeliest.errors import ShapeError
from likeliest.objective import Objective
from likeliest.randomness import stream

ROWS = 256
"""A certificate looks at so many rows at most: a gradient is wrong on few rows or on many alike."""
FINE = 1e-4
"""Where differences resolve no less of the gradient than this, θ counts as an optimum: a point beside it is taken."""
_ELEMENTS = 2**21
_WOBBLES = 3


def certify_objective(objective: Objective, theta: Tensor, *, seed: int = 0, rows: int = ROWS) -> Certificate:
    """Certify an objective's analytic gradient at θ in double precision, part by part, by two witnesses.

    Central differences of the value see every part: small ones entry by entry, large ones at a sample of entries and
    along random directions. Autograd, through a forward of its own, sees every entry. At an optimum there is no
    gradient to compare; the comparison is then made at a point beside it, and the message says so.

    Args:
        objective: family × predictor × penalty over data.
        theta: (P,).
        seed: names the rows, the entries and the directions.
        rows: at most so many of the objective's rows are used, a seeded sample.

    Raises:
        ShapeError: θ is not (P,).

    Example:
        >>> import likeliest as lk, torch
        >>> from likeliest.certify import certify_objective
        >>> x, y = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([0.0, 1.0, 1.0])
        >>> objective = lk.Objective(lk.family("bernoulli"), lk.Linear(1), x, y)
        >>> certify_objective(objective, torch.zeros(2)).passed
        True
    """
    if tuple(theta.shape) != (objective.predictor.size,):
        raise ShapeError(f"θ needs the shape ({objective.predictor.size},), one run; found {tuple(theta.shape)}")
    seen = _sampled(objective, rows, seed)
    seen = seen.replaced(x=seen.x.double())
    at = theta.detach().double()
    found = judge(_checks(seen, at, seed), f"Compared at θ on {seen.n} rows.")
    if found.resolution <= FINE:
        return found
    beside = at * torch.from_numpy(stream(seed, "beside").uniform(0.5, 1.0, len(at)))
    message = (
        f"Compared on {seen.n} rows at θ with each entry shrunk by up to a half: "
        "at θ itself the gradient is too near to zero."
    )
    moved = judge(_checks(seen, beside, seed), message)
    return moved if moved.resolution < found.resolution else found


def _sampled(objective: Objective, rows: int, seed: int) -> Objective:
    """The objective on a seeded sample of the rows that have weight; series are not cut."""
    weighted = np.arange(objective.n) if objective.weight is None else np.flatnonzero(objective.weight.numpy() > 0)
    if objective.predictor.unit != "row" or len(weighted) <= rows:
        return objective
    return objective.subset(np.sort(stream(seed, "certify rows").choice(weighted, rows, replace=False)))


def _checks(objective: Objective, theta: Tensor, seed: int) -> list[Check]:
    """Both witnesses at θ, part by part."""
    at_once = max(1, _ELEMENTS // max(theta.numel(), objective.n))

    def values(points: Tensor) -> Tensor:
        return torch.cat([objective.at(some).value for some in points.split(at_once)])

    with torch.no_grad():
        got = objective.at(theta).grad.clone()
        checks = compare(values, theta, got, objective.predictor.parts, torch.finfo(torch.float64).eps, seed)
        auto = autograd_gradient(objective, theta)
        if auto is None:
            return checks
        noise = _wobble(objective, theta, got, auto, seed).numpy()
    return [
        replace(
            check,
            autograd=auto[check.part.slice].numpy(),
            autograd_allowed=SAFETY * float(noise[check.part.slice].max()),
        )
        for check in checks
    ]


def _wobble(objective: Objective, theta: Tensor, got: Tensor, auto: Tensor, seed: int) -> Tensor:
    """By how much both gradients move (P,) when θ moves in its last digits: their round-off, as it is here."""
    epsilon = torch.finfo(torch.float64).eps
    noise = SAFETY * epsilon * torch.maximum(got.abs(), auto.abs())
    for draw in range(_WOBBLES):
        jitter = torch.from_numpy(stream(seed, "wobble", draw).choice((-2.0, 2.0), len(theta)))
        near = theta * (1 + epsilon * jitter)
        other = autograd_gradient(objective, near)
        assert other is not None
        noise = torch.maximum(noise, (objective.at(near).grad - got).abs() + (other - auto).abs())
    return noise

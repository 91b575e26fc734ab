"""`certify_objective`: the score pulled back, against the likelihood's own values and against autograd."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from likeliest.certify.certificate import Certificate
from likeliest.certify.compare import Gradient
from likeliest.certify.judge import certify
from likeliest.certify.reference import autograd_gradient
from likeliest.errors import ShapeError
from likeliest.interfaces import Eta
from likeliest.objective import Objective
from likeliest.randomness import stream

ROWS = 256
"""A certificate looks at so many rows at most: a gradient is wrong on few rows or on many alike."""
_ELEMENTS = 2**21
_DRAWS = 3


def certify_objective(objective: Objective, theta: Tensor, *, seed: int = 0, rows: int = ROWS) -> Certificate:
    """Certify an objective's analytic gradient at θ in double precision, part by part, by two witnesses.

    Central differences of the value see every part: small ones entry by entry, large ones at a sample of entries and
    along random directions. Autograd, through a forward of its own, sees every entry. At an optimum, or on a kink,
    there is no gradient to compare; the comparison is then made a little way off, and the message says so.

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
    size = objective.predictor.size
    if tuple(theta.shape) != (size,):
        raise ShapeError(f"θ needs the shape ({size},), one run; found {tuple(theta.shape)}")
    seen = _sampled(objective, rows, seed)
    seen = seen.replaced(x=seen.x.double())
    at_once = max(1, _ELEMENTS // max(size, seen.n))

    def values(points: Tensor) -> Tensor:
        return torch.cat([seen.at(some).value for some in points.split(at_once)])

    with torch.no_grad():
        return certify(
            values,
            lambda at: _gradient(seen, at, seed),
            theta.detach().double(),
            seen.predictor.parts,
            seed,
            f"central differences and autograd on {seen.n} rows",
        )


def _sampled(objective: Objective, rows: int, seed: int) -> Objective:
    """The objective on a seeded sample of the rows that have weight; series are not cut."""
    weighted = np.arange(objective.n) if objective.weight is None else np.flatnonzero(objective.weight.numpy() > 0)
    if objective.predictor.unit != "row" or len(weighted) <= rows:
        return objective
    return objective.subset(np.sort(stream(seed, "certify rows").choice(weighted, rows, replace=False)))


def _gradient(objective: Objective, theta: Tensor, seed: int) -> Gradient:
    """Both gradients at θ, and their round-off as it is here.

    It is measured by what they do when numbers change in their last digits: θ, which changes all roundings of both, and
    the rows' scores, which shows how much cancels in the sum over rows.
    """
    epsilon = torch.finfo(torch.float64).eps
    got, auto = objective.at(theta).grad.clone(), autograd_gradient(objective, theta)
    rounding = epsilon * got.abs()
    for draw in range(_DRAWS):
        draws = stream(seed, "rounding", draw)
        near = theta * (1 + epsilon * _signs(draws, theta))
        change = (objective.at(near).grad - got).abs()
        if auto is not None and (moved := autograd_gradient(objective, near)) is not None:
            change += (moved - auto).abs()
        rounding = torch.maximum(rounding, change + _cancelling(objective, theta, draws) * epsilon)
    return Gradient(got, rounding, auto)


def _cancelling(objective: Objective, theta: Tensor, draws: np.random.Generator) -> Tensor:
    """The size of the sum over rows (P,) when each score has a random sign."""

    def signed(eta: Eta, y: Tensor) -> Eta:
        score = objective.family.score(eta, y)
        if isinstance(score, Tensor):
            return score * _signs(draws, score)
        return tuple(column * _signs(draws, column) for column in score)

    return objective.at(theta).pullback(signed).abs()


def _signs(draws: np.random.Generator, like: Tensor) -> Tensor:
    return torch.from_numpy(draws.choice((-1.0, 1.0), tuple(like.shape)))

"""`certify_objective`: the score pulled back, against the likelihood's own values and against autograd."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from likeliest.certify.certificate import Certificate
from likeliest.certify.curvature import Curvature, with_curvatures
from likeliest.certify.information import family_at_fault, quadratic_model
from likeliest.certify.judge import certify
from likeliest.certify.learnt import Learnt
from likeliest.certify.problem import Problem, Witness
from likeliest.certify.reference import autograd_gradient, has_reference
from likeliest.errors import ShapeError, SpecificationError
from likeliest.families import Family
from likeliest.interfaces import Eta, Need
from likeliest.objective import Objective
from likeliest.randomness import stream

ROWS = 256
"""A certificate looks at so many rows at most: a gradient is wrong on few rows or on many alike."""
FEWEST = 16
_ELEMENTS, _WORK = 2**21, 2**25
_DRAWS = 3


def certify_objective(
    objective: Objective, theta: Tensor, *, seed: int = 0, rows: int = ROWS, order: int = 1
) -> Certificate:
    """Certify an objective's analytic gradient at θ in double precision, part by part, by two witnesses.

    Central differences of the value see every part: small ones entry by entry, large ones at a sample of entries and
    along random directions. Autograd, through a forward of its own, sees every entry. At an optimum, or on a kink,
    there is no gradient to compare; the comparison is then made a little way off, and the message says so.

    Args:
        objective: family × predictor × penalty over data.
        theta: (P,).
        seed: names the rows, the entries and the directions.
        rows: at most so many of the objective's rows are used, a seeded sample.
        order: 2 certifies Fisher and Hessian products as well, where they are on offer: each against differences, of η
            for Fisher products, and the family's Fisher information against the variance of its score.

    Raises:
        ShapeError: θ is not (P,).
        SpecificationError: the predictor has no parameters to be learnt.

    Example:
        >>> import likeliest as lk, torch
        >>> from likeliest.certify import certify_objective
        >>> x, y = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([0.0, 1.0, 1.0])
        >>> objective = lk.Objective(lk.family("bernoulli"), lk.Linear(1), x, y)
        >>> certify_objective(objective, torch.zeros(2)).passed
        True
    """
    size, parts = objective.predictor.size, objective.predictor.parts.values()
    if tuple(theta.shape) != (size,):
        raise ShapeError(f"θ needs the shape ({size},), one run; found {tuple(theta.shape)}")
    if not any(part.size for part in parts if part.learnt):
        raise SpecificationError("the predictor has no parameters, and so there is no gradient to certify")
    rows = min(rows, max(FEWEST, _WORK // size))
    seen = _sampled(objective, rows, seed)
    seen = seen.replaced(x=seen.x[:].double())
    with torch.no_grad():
        learnt = Learnt(theta.detach().double(), seen.predictor.parts)
        problem = objective_problem(seen, learnt, seed)
        certificate = _with_origin(certify(problem, seed, f" on {seen.n} rows"), seen.family)
        return with_curvatures(
            certificate, problem, _curvatures(seen, learnt, problem, seed) if order > 1 else (), seed
        )


def _with_origin(certificate: Certificate, family: Family) -> Certificate:
    """Say where the score comes from, if that leaves one witness fewer."""
    if family.derivatives != "autograd":
        return certificate
    said = f"The score of {family.name} is autograd's, so that differences of log p are its only independent witness."
    return replace(certificate, message=f"{certificate.message} {said}")


def _curvatures(objective: Objective, learnt: Learnt, problem: Problem, seed: int) -> Iterator[Curvature]:
    """The products on offer: the Fisher product, and the Hessian product of a linear predictor."""

    def modelled(at: Tensor) -> Callable[[Tensor], Tensor]:
        model = quadratic_model(objective, learnt.among(at))
        return lambda there: learnt.only(model(learnt.among(there)))

    if Need.FISHER in objective.offers:
        yield Curvature(
            "Fisher product",
            lambda at, v: learnt.only(objective.at(learnt.among(at)).fisher(learnt.direction(v))),
            modelled,
            "η, with the family's F,",
            semidefinite=True,
            further=lambda at: family_at_fault(objective, learnt.among(at), seed),
        )
    if Need.HESSIAN in objective.offers:
        yield Curvature(
            "Hessian product",
            lambda at, v: learnt.only(objective.at(learnt.among(at)).hessian(learnt.direction(v))),
            lambda at: problem.gradient,
        )


def objective_problem(objective: Objective, learnt: Learnt, seed: int) -> Problem:
    """The analytic gradient of an objective in double precision as a `Problem`."""
    theta, among, only = learnt.theta, learnt.among, learnt.only
    numbers = objective.n if objective.at_once() == objective.block else objective.x.numel()
    at_once = max(1, _ELEMENTS // max(len(theta), numbers))
    reference = Witness("autograd", lambda at: only(_known(autograd_gradient(objective, among(at)))))

    def values(points: Tensor) -> Tensor:
        return torch.cat([objective.at(among(some)).value for some in points.split(at_once)])

    return Problem(
        values=values,
        value=lambda at: float(objective.at(among(at)).value),
        gradient=lambda at: only(objective.at(among(at)).grad),
        theta=theta,
        parts=learnt.parts,
        epsilon=torch.full_like(theta, torch.finfo(torch.float64).eps),
        witnesses=(reference,) if has_reference(objective.predictor) else (),
        sizes={"number of rows": objective.n},
        rounding=lambda at: only(_cancelling(objective, among(at), seed)) * _round_off(objective),
    )


def _round_off(objective: Objective) -> float:
    """Of one row; in a series that of each day is carried on to later ones, up to n of them, with signs at random."""
    carried = math.sqrt(objective.n) if objective.predictor.unit == "series" else 1.0
    return carried * torch.finfo(torch.float64).eps


def _known(gradient: Tensor | None) -> Tensor:
    assert gradient is not None
    return gradient


def _sampled(objective: Objective, rows: int, seed: int) -> Objective:
    """The objective on a seeded sample of the rows that have weight, or on the first days of a series."""
    if objective.predictor.unit == "series":
        return objective if objective.n <= rows else objective.until(rows)
    weighted = np.arange(objective.n) if objective.weight is None else np.flatnonzero(objective.weight.numpy() > 0)
    if len(weighted) <= rows:
        return objective
    return objective.subset(np.sort(stream(seed, "certify rows").choice(weighted, rows, replace=False)))


def _cancelling(objective: Objective, theta: Tensor, seed: int) -> Tensor:
    """How much cancels in the sum over rows: its size (P,) when each score has a random sign."""
    largest = torch.zeros_like(theta)
    for draw in range(_DRAWS):
        draws = stream(seed, "cancelling", draw)

        def signed(eta: Eta, y: Tensor, draws: np.random.Generator = draws) -> Eta:
            score = objective.family.score(eta, y)
            if isinstance(score, Tensor):
                return score * _signs(draws, score)
            return tuple(column * _signs(draws, column) for column in score)

        largest = torch.maximum(largest, objective.at(theta).pullback(signed).abs())
    return largest


def _signs(draws: np.random.Generator, like: Tensor) -> Tensor:
    return torch.from_numpy(draws.choice((-1.0, 1.0), tuple(like.shape)))

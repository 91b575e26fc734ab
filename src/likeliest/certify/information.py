"""The Fisher product of an objective: its derivation from differences of η, and the family's F from draws of y."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from likeliest.certify.certificate import Finding
from likeliest.certify.curvature import Map
from likeliest.certify.suspect import Cause
from likeliest.errors import NotOnOfferError
from likeliest.interfaces import Eta
from likeliest.local import Block, fisher_times, pulled_back
from likeliest.objective import Objective
from likeliest.predictors import columns_of
from likeliest.randomness import stream

DRAWS = 2**16
"""So many pairs of a row and a y, over all rows; a factor of F shows from a few per cent on."""
COLUMNS, MIXED = 8, 2
_SURE, _FAIR = 8.0, 4.0
_MATRICES = 2**22


def quadratic_model(objective: Objective, theta: Tensor) -> Map:
    """θ′ ↦ Jᵀ F (η(θ′) − η(θ)) + penalty″ (θ′ − θ), with J and F at θ: its derivative along v is the Fisher product.

    J on the right is then known by differences of η alone, and Jᵀ is the pullback, which the gradient has certified.
    """
    block = _all_rows(objective, theta)
    few = block.rows * len(columns_of(block.eta)) ** 2 <= _MATRICES
    matrix = _fisher(objective, block) if few else None

    def mapped(there: Tensor) -> Tensor:
        moved = _minus(_all_rows(objective, there).eta, block.eta)
        if matrix is None:
            u = fisher_times(objective.family, block, moved)
        else:
            u = _laid_out(torch.einsum("nij,nj->ni", matrix, _matrix(moved, block.rows)), block.eta)
        out = pulled_back(objective.predictor, block, block.weigh(u), torch.empty_like(theta))
        return out if objective.penalty is None else out + objective.penalty * (there - theta)

    return mapped


def _fisher(objective: Objective, block: Block) -> Tensor:
    """F of each row, (n, K, K)."""
    matrix, trials = objective.family.fisher(block.eta), objective.family.trials(block.y)
    return matrix if trials is None else matrix * trials[..., None, None]


def family_at_fault(objective: Objective, theta: Tensor, seed: int) -> tuple[Finding, ...]:
    """A column of η whose F is not the variance of the family's own score, by draws of y.

    F = E[score scoreᵀ]. Draws in which the score does not even average to zero have missed what happens rarely, and
    say nothing.
    """
    family, block = objective.family, _all_rows(objective, theta)
    try:
        for name, e in _directions(objective, block, seed):
            found = _variance(objective, block, e, seed)
            if found is not None:
                expected, got = found
                part = _last_part(objective, block, e)
                said = (
                    f"{part}: Fisher product: the family's Fisher information is wrong {name}: the variance of the "
                    f"score there is {expected:.3g} by draws from {family.name}, and F says {got:.3g}."
                )
                return (Finding(part, None, expected, got, Cause.UNKNOWN, said),)
    except NotOnOfferError:  # nothing can be drawn from it
        return ()
    return ()


def _variance(objective: Objective, block: Block, e: Tensor, seed: int) -> tuple[float, float] | None:
    """E[(eᵀ score)²] by draws, and eᵀFe, summed over rows, where they differ for sure."""
    family, repeats = objective.family, -(-DRAWS // block.rows)
    eta = _matrix(block.eta, block.rows)
    direction = _laid_out(e.expand_as(eta), block.eta)
    told = (_matrix(family.fisher_times(block.eta, direction), block.rows) * e).sum(-1)
    many = _laid_out(eta.repeat(repeats, 1), block.eta)
    y = family.sample(many, stream(seed, "information"))
    score = (_matrix(family.score(many, y), len(eta) * repeats) * e).sum(-1)
    apart = score**2 - told.repeat(repeats)
    if not abs(float(score.mean())) <= _FAIR * _error(score):
        return None
    if abs(float(apart.mean())) <= _SURE * _error(apart) + 1e-9 * float(told.abs().mean()):
        return None
    return float((score**2).mean()), float(told.mean())


def _error(values: Tensor) -> float:
    return float(values.std()) / math.sqrt(len(values))


def _directions(objective: Objective, block: Block, seed: int) -> Iterator[tuple[str, Tensor]]:
    """Columns of η one by one, and random mixtures of them, which see what F says of two together."""
    k = _matrix(block.eta, block.rows).shape[1]
    names = objective.family.columns or tuple(map(str, range(k)))
    for i in range(min(k, COLUMNS)):
        yield f"in the column {names[i]}", torch.eye(k, dtype=torch.float64)[i]
    for i in range(MIXED if k > 1 else 0):
        mixed = torch.from_numpy(stream(seed, "mixture", i).standard_normal(k))
        yield "in a mixture of all columns", mixed / mixed.norm()


def _last_part(objective: Objective, block: Block, e: Tensor) -> str:
    """The part nearest to the output on which the columns in e depend."""
    u = _laid_out(e.repeat(block.rows, 1), block.eta)
    out = pulled_back(objective.predictor, block, block.weigh(u), torch.empty_like(block.theta))
    parts = objective.predictor.parts
    return next((name for name in reversed(list(parts)) if bool(out[parts[name].slice].any())), list(parts)[-1])


def _all_rows(objective: Objective, theta: Tensor) -> Block:
    return objective.evaluate(theta, slice(None), objective.n)


def _minus(one: Eta, other: Eta) -> Eta:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one - other
    return tuple(a - b for a, b in zip(columns_of(one), columns_of(other), strict=True))


def _matrix(eta: Eta, rows: int) -> Tensor:
    """Columns side by side (n, K)."""
    return torch.stack([c.expand(rows) for c in columns_of(eta)], -1)


def _laid_out(matrix: Tensor, like: Eta) -> Eta:
    return matrix if isinstance(like, Tensor) else matrix.unbind(-1)

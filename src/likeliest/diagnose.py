"""Why a likelihood has no optimum, or more than one: boundary, separation, aliasing.

A linear predictor under a family whose negative log-likelihood is bounded below has a finite optimum unless there is a
direction of recession: a change of θ along which no row's NLL ever grows (Albert and Anderson, 1984; Geyer, 2009). For
each row a family states as a cone, c · Δη ≥ 0, which changes of η those are.

Existence is decided by the cheapest evidence that suffices:

1. θ itself separates every row: complete separation, proven by checking the margins.
2. The Newton decrement ν at θ satisfies ν R ≤ √λ / 2, with λ the smallest eigenvalue of the Hessian and R a bound on
   the rows: a unique finite optimum exists (Bach, 2010, Self-concordant analysis for logistic regression, proposition
   2). That needs |f‴| ≤ f″, which canonical links have and others have not; these are judged by their scores at θ
   (`scores_leave_no_recession`).
3. Otherwise a linear program looks for a direction of recession (Konis, 2007).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
import torch
from torch import Tensor

from likeliest.edge import edge_verdict
from likeliest.interfaces import Verdict, VerdictKind
from likeliest.objective import Objective
from likeliest.predictors import Columns, Constant, Fixed, Linear, Predictor, columns_of

_RANK_TOLERANCE = 1e-9
_PROGRAM_LIMIT = 50_000_000
"""Entries of the largest linear program that is set up; it comes only where the cheaper evidence has failed."""
_NAMED = 6


@dataclass(frozen=True)
class Separation:
    """A direction of recession (P,), and whether it separates every row strictly."""

    direction: Tensor
    complete: bool


def diagnose(objective: Objective, theta: Tensor) -> Verdict | None:
    """Say why an objective with a linear predictor has no unique finite optimum inside its domain; None if it has one.

    With a penalty there is always one, and only the edge of a domain is in question.

    Args:
        objective: with standardised columns, so that its numbers are of one size.
        theta: (P,), where a fit ended.
    """
    if (verdict := edge_verdict(objective, theta)) is not None:
        return verdict
    linear = linear_part(objective.predictor)
    if linear is None or objective.penalty is not None:
        return None
    if not objective.x.is_floating_point():
        objective = objective.replaced(x=objective.batch(slice(None))[0])
    if objective.weight is not None and not bool(objective.weight.all()):
        objective = objective.subset(torch.nonzero(objective.weight)[:, 0])
    if objective.recession_cone is not None and linear is objective.predictor:
        if (verdict := _empty_category(objective)) is not None:
            return verdict
        if (separation := find_separation(objective, theta)) is not None:
            return _separated(objective, linear, separation)
    if aliased := aliased_columns(objective, linear):
        return _aliased(objective, aliased)
    return None


def linear_part(predictor: Predictor) -> Linear | None:
    """The one Linear among a predictor's columns, where all others are constant; None for anything else."""
    components = predictor.components.values() if isinstance(predictor, Columns) else [predictor]
    linear = [p for p in components if isinstance(p, Linear)]
    rest = [p for p in components if not isinstance(p, Linear | Constant | Fixed)]
    return linear[0] if len(linear) == 1 and not rest else None


def _empty_category(objective: Objective) -> Verdict | None:
    """A class or count that never occurs sends the intercept to −∞ whatever the columns say."""
    null = objective.family.null_eta(objective.y, objective.weight, objective.outputs)
    if bool(torch.isfinite(null).all()):
        return None
    missing = torch.nonzero(~torch.isfinite(null))[:, 0].tolist()
    return Verdict(
        VerdictKind.BOUNDARY,
        f"the intercept of η column {missing[0]} has its maximum at {float(null[missing[0]]):+}: the target shows "
        "only part of what it could be; collect rows of the missing kind, or leave that class out",
        {"columns_of_eta": missing, "null_eta": [float(v) for v in null]},
    )


def margins(objective: Objective, direction: Tensor) -> Tensor | None:
    """C · Δη for each row and face of its cone, (n, m), along a direction (P,); None where the family has no cone."""
    cone = objective.recession_cone
    if cone is None:
        return None
    pushed, _ = objective.predictor.forward(direction.to(objective.dtype), objective.x)
    return torch.einsum("nmk,nk->nm", cone.to(objective.dtype), torch.stack(columns_of(pushed), -1))


def find_separation(objective: Objective, theta: Tensor) -> Separation | None:
    """Return a direction of recession, or None where there is none."""
    own = margins(objective, theta)
    if own is None:
        return None
    if bool((own > 0).all()):
        return Separation(theta, complete=True)
    exists = optimum_exists if objective.family.canonical else scores_leave_no_recession
    if exists(objective, theta):
        return None
    return _separation_by_program(objective)


def optimum_exists(objective: Objective, theta: Tensor) -> bool:
    """Bach's sufficient condition for a finite optimum near θ, unique but for the gauge and for aliased columns.

    Along those directions no η changes, so that they are left out of the spectrum.
    """
    local = objective.at(theta)
    grad, hessian = local.grad.double().clone(), local.hessian_matrix().double()
    if (gauge := local.gauge) is not None:
        hessian = hessian + gauge @ gauge.mT
    free = _free_directions(objective)
    spectrum, vectors = torch.linalg.eigh(hessian)
    spectrum, vectors = spectrum[free:], vectors[:, free:]
    smallest = float(spectrum[0]) if len(spectrum) else 0.0
    if smallest <= 0:
        return False
    decrement = float(((vectors.mT @ grad).square() / spectrum).sum().sqrt())
    radius = float((objective.x.double().square().sum(-1) + 1).sqrt().max())
    if objective.family.columns is None:
        radius *= math.sqrt(2)
    return decrement * radius <= 0.5 * math.sqrt(smallest)


def scores_leave_no_recession(objective: Objective, theta: Tensor) -> bool:
    """Whether the scores s of a family of one column, at a θ of small gradient g, prove that an optimum is finite.

    Let a direction d of length 1 move row i by mᵢ = xᵢ · d. If no row's NLL ever grows along it, every sᵢ mᵢ ≥ 0, and
    Σ w s² m² ≤ max|s m| Σ w s m ≤ max|s| R |g|, R a bound on the rows. So there is no such d where the smallest
    eigenvalue of Σ w s² x xᵀ is larger. Rows that no d may move have m = 0 and join that sum with any factor.
    """
    cone = objective.recession_cone
    assert cone is not None
    block = objective.evaluate(theta.to(objective.dtype), slice(None), objective.n)
    rows = objective.predictor.jacobian(block.theta, block.tape)[0][0].double()
    score = torch.stack(columns_of(objective.family.score(block.eta, block.y)), -1).double()[:, 0]
    held = cone[:, 0, 0] != cone[:, -1, 0]
    weight = torch.as_tensor(block.scale, dtype=torch.float64)
    gram = (rows * (weight * torch.where(held, 1.0, score.square())).unsqueeze(-1)).mT @ rows
    pull = float((rows.mT @ (weight * score)).norm() * score.abs().max() * rows.norm(dim=-1).max())
    spectrum = torch.linalg.eigvalsh(gram)[_free_directions(objective) :]
    return bool((spectrum > pull).all())


def _free_directions(objective: Objective) -> int:
    """How many directions of θ change no η, for aliased columns."""
    linear = linear_part(objective.predictor)
    assert linear is not None
    return len(aliased_columns(objective, linear)) * linear.outputs


def _separation_by_program(objective: Objective) -> Separation | None:
    """Maximise the sum of margins over directions with |d_j| ≤ 1 that have none below 0."""
    cone = objective.recession_cone
    assert cone is not None
    if cone.shape[0] * cone.shape[1] * objective.predictor.size > _PROGRAM_LIMIT:
        return None
    _, tape = objective.predictor.forward(torch.zeros(objective.predictor.size, dtype=objective.dtype), objective.x)
    faces = np.zeros((objective.n, cone.shape[1], objective.predictor.size))
    for k, (matrix, index) in enumerate(objective.predictor.jacobian(torch.zeros(0, dtype=objective.dtype), tape)):
        faces[:, :, index.numpy()] += cone[:, :, k, None].numpy() * matrix.numpy()[:, None, :]
    flat = faces.reshape(-1, objective.predictor.size)
    program = scipy.optimize.linprog(-flat.sum(0), A_ub=-flat, b_ub=np.zeros(len(flat)), bounds=(-1, 1), method="highs")
    if program.x is None:
        return None
    reached = (flat @ program.x).reshape(objective.n, -1)
    if reached.max() <= 1e-7 * np.abs(flat).sum(-1).max():
        return None
    return Separation(torch.from_numpy(program.x), complete=bool((reached > 1e-7).all()))


def aliased_columns(objective: Objective, linear: Linear) -> list[int]:
    """Columns of x that are linear combinations of the intercept and of columns before them, in order."""
    x = objective.x.double()
    lead = [torch.ones(len(x), 1, dtype=torch.float64)] if linear.intercept else []
    triangle = torch.linalg.qr(torch.cat([*lead, x], 1), mode="r").R.numpy()
    return [j - len(lead) for j in dependent_columns(triangle) if j >= len(lead)]


def dependent_columns(matrix: np.ndarray) -> list[int]:
    """Columns that depend on those before them, by Gram–Schmidt twice over the independent ones."""
    basis = np.zeros((matrix.shape[0], 0))
    dependent = []
    for j, column in enumerate(matrix.T):
        size = float(np.linalg.norm(column))
        rest = column - basis @ (basis.T @ column)
        rest = rest - basis @ (basis.T @ rest)
        left = float(np.linalg.norm(rest))
        if left <= _RANK_TOLERANCE * size:
            dependent.append(j)
        else:
            basis = np.column_stack((basis, rest / left))
    return dependent


def _separated(objective: Objective, linear: Linear, separation: Separation) -> Verdict:
    weight = linear.views(separation.direction)[0]
    size = weight.abs().amax(-1)
    order = torch.argsort(size, descending=True, stable=True).tolist()
    moving = [j for j in order if float(size[j]) > 1e-6 * float(size.max())]
    alone = _separates_alone(objective, moving) if separation.complete else []
    columns = [objective.names[j] for j in moving]
    kind = "completely" if separation.complete else "quasi-completely"
    where = f"column {objective.names[alone[0]]!r} does so alone" if alone else f"foremost {_listed(columns)}"
    return Verdict(
        VerdictKind.SEPARATED,
        f"the rows are {kind} separable along a direction of {len(columns)} columns ({where}): the likelihood has no "
        "finite maximum, its weights grow without end; pass l2=1 or collect more rows",
        {
            "complete": separation.complete,
            "columns": columns,
            "alone": [objective.names[j] for j in alone],
            "direction": {objective.names[j]: [float(v) for v in weight[j]] for j in moving},
        },
    )


def _separates_alone(objective: Objective, columns: Sequence[int]) -> list[int]:
    """Columns that separate two classes without any other."""
    y = objective.y
    if objective.family.columns is None or y.ndim > 1 or not bool(((y == 0) | (y == 1)).all()):
        return []
    ones, zeros = objective.x[y == 1], objective.x[y == 0]
    apart = (ones.amin(0) > zeros.amax(0)) | (ones.amax(0) < zeros.amin(0))
    return [j for j in columns if bool(apart[j])]


def _aliased(objective: Objective, aliased: Sequence[int]) -> Verdict:
    names = [objective.names[j] for j in aliased]
    return Verdict(
        VerdictKind.ALIASED,
        f"{_listed(names)} can be computed from other columns, so that many coefficients fit equally well; these are "
        "the smallest of them; leave the columns out or pass l2=1",
        {"columns": names},
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(n) for n in names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown

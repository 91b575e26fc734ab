"""Linear models to the optimum: Newton on standardised columns, the dispersion after the coefficients, and a verdict.

Families with a scale take it in two steps: coefficients minimise Σ w·deviance/2 + penalty, that is the NLL at scale 1,
and the scale then maximises the likelihood given the coefficients. So ``l2`` means what it means in ridge regression.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from likeliest.errors import SpecificationError
from likeliest.families.base import Family
from likeliest.fit import Fit, fit
from likeliest.interfaces import Verdict, VerdictKind
from likeliest.objective import Objective, as_numbers
from likeliest.predictors import Columns, Constant, Fixed, Linear
from likeliest.rules import Rule

MATRIX_LIMIT = 2_000
"""Up to so many coefficients Newton's matrix is formed and solved; beyond it L-BFGS takes over."""
TOLERANCE = 1e-10


@dataclass(frozen=True)
class LinearFit:
    """A linear model at its optimum, or as near as there is one.

    Attributes:
        predictor: Linear, or Columns of a Linear mean and a Constant log-scale.
        theta: (P,) of that predictor, in the user's units.
        weight: (p, K) coefficients; of many equally good ones the smallest, which for classes sum to zero over them.
        bias: (K,) intercepts, zeros where there are none.
        scale: the dispersion's maximum-likelihood value σ̂, where the family has one.
        verdict: whether the optimum exists and was reached.
        fit: the driver's result, in the coefficients alone.
    """

    predictor: Linear | Columns
    theta: Tensor
    weight: Tensor
    bias: Tensor
    scale: float | None
    verdict: Verdict
    fit: Fit


def fit_linear(
    family: Family,
    x: Any,
    y: Any,
    *,
    outputs: int = 1,
    weight: Any = None,
    offset: Any = None,
    l2: float | Tensor = 0.0,
    intercept: bool = True,
    names: Sequence[str] | None = None,
    rule: Rule | str | None = None,
) -> LinearFit:
    """Fit η = x W + b by maximum likelihood, penalised by ½ l2 ‖W‖².

    Args:
        family: the probability function; a ``log_scale`` column is estimated, any other extra column is refused.
        x: (n, p).
        y: (n,).
        outputs: columns of η of a family with unnamed ones (classes).
        weight: (n,) ≥ 0.
        offset: added to the first column of η.
        l2: in the units of the sum of NLLs: a number, or one a column of x (p,).
        intercept: whether there is a b, which is never penalised.
        names: of the columns of x.
        rule: None takes Newton for up to `MATRIX_LIMIT` coefficients and L-BFGS beyond.

    Example:
        >>> import likeliest as lk
        >>> from likeliest.glm import fit_linear
        >>> found = fit_linear(lk.family("normal"), [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.5])
        >>> round(float(found.weight[0, 0]), 6)
        2.25
    """
    names = names if names is not None else getattr(x, "columns", None)
    x = as_numbers(x, "x").double()
    linear = Linear(x.shape[1], outputs, intercept=intercept)
    if isinstance(l2, Tensor):
        free = l2.new_zeros(linear.size - linear.parts["weight"].size)
        l2 = torch.cat((l2.repeat_interleave(outputs), free)).double()
    has_scale = _has_scale(family)
    predictor = Columns(mean=linear, log_scale=Fixed(0.0)) if has_scale else linear
    objective = Objective(family, predictor, x, y, weight, offset, l2, names=names)
    chosen = rule or ("newton" if linear.size <= MATRIX_LIMIT else "lbfgs")
    found = fit(
        objective, chosen, theta=torch.zeros(linear.size, dtype=torch.float64), tolerance=TOLERANCE, standardise=True
    )
    coefficients, bias = _split(linear, found.theta)
    if family.gauge is not None:
        coefficients, bias = (part - part.mean(-1, keepdim=True) for part in (coefficients, bias))
    if found.verdict.kind is VerdictKind.ALIASED:
        coefficients, bias = minimum_norm(x, coefficients, bias, intercept=intercept)
    theta = torch.cat((coefficients.flatten(), bias)) if intercept else coefficients.flatten()
    if not has_scale:
        return LinearFit(linear, theta, coefficients, bias, None, found.verdict, found)
    log_scale = _log_scale(objective, theta)
    scaled = Columns(mean=linear, log_scale=Constant())
    verdict = _perfect(found.verdict) if log_scale == -math.inf else found.verdict
    theta = torch.cat((theta, theta.new_tensor([log_scale])))
    return LinearFit(scaled, theta, coefficients, bias, math.exp(log_scale), verdict, found)


def _has_scale(family: Family) -> bool:
    if family.columns is None or len(family.columns) == 1:
        return False
    if tuple(family.columns[1:]) == ("log_scale",):
        return True
    raise SpecificationError(
        f"{family.name} has the columns {', '.join(family.columns)}; "
        "fit it jointly with Objective(…, Columns(…)) and lk.fit"
    )


def _split(linear: Linear, theta: Tensor) -> tuple[Tensor, Tensor]:
    weight, *bias = linear.views(theta)
    return weight.clone(), bias[0].clone() if bias else theta.new_zeros(linear.outputs)


def minimum_norm(x: Tensor, weight: Tensor, bias: Tensor, *, intercept: bool) -> tuple[Tensor, Tensor]:
    """Project coefficients (p, K) on the row space of x, which changes no η and makes ‖W‖ the smallest it can be."""
    centre = x.mean(0) if intercept else torch.zeros_like(x[0])
    _, spectrum, rows = torch.linalg.svd(x - centre, full_matrices=False)
    rows = rows[spectrum > 1e-10 * spectrum[0]]
    smallest = rows.mT @ (rows @ weight)
    return smallest, bias + centre @ (weight - smallest)


def _log_scale(objective: Objective, theta: Tensor) -> float:
    """Half the log of the weighted mean squared residual; −∞ where what is left is rounding."""
    eta, _ = objective.predictor.forward(theta, objective.x)
    shift = objective.offset[0] if isinstance(objective.offset, dict) else 0.0
    weight = torch.ones(objective.n, dtype=torch.float64) if objective.weight is None else objective.weight
    residual = objective.y - eta[0] - shift
    mean_square = float((weight * residual.square()).sum() / objective.total_weight)
    size = float((weight * objective.y.square()).sum() / objective.total_weight)
    if mean_square <= 1e-20 * size:
        return -math.inf
    return 0.5 * math.log(mean_square)


def _perfect(verdict: Verdict) -> Verdict:
    return Verdict(
        VerdictKind.BOUNDARY,
        "the columns reproduce the target exactly, so that the likelihood has its maximum at scale 0; the coefficients "
        "are the smallest that do; use fewer columns or more rows",
        {**verdict.evidence, "scale": 0.0},
    )

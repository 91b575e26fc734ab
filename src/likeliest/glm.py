"""Linear models to the optimum: Newton on standardised columns, the dispersion after the coefficients, and a verdict.

A dispersion is a column of η that the best coefficients do not depend on: a normal scale, a gamma dispersion. Its
families take two steps: coefficients minimise Σ w·deviance/2 + penalty, that is the NLL at dispersion 1, and the
dispersion then maximises the likelihood given the coefficients. So ``l2`` means what it means in ridge regression.
Other columns, such as student-t's tail, are constants that are fitted jointly with the coefficients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from scipy.optimize import brentq
from torch import Tensor

from likeliest.barrier import fit_within
from likeliest.edge import has_edge
from likeliest.families.base import Family, named
from likeliest.families.normal import Normal
from likeliest.fit import Fit, fit
from likeliest.interfaces import Verdict, VerdictKind
from likeliest.objective import Objective, as_numbers
from likeliest.pinball import fit_pinball
from likeliest.predictors import Columns, Constant, Fixed, Linear, Predictor
from likeliest.rules import Rule

MATRIX_LIMIT = 2_000
"""Up to so many coefficients Newton's matrix is formed and solved; beyond it L-BFGS takes over."""
TOLERANCE = 1e-10
_ROUNDING = 1e-10
"""Residuals of this share of y are rounding."""


@dataclass(frozen=True)
class LinearFit:
    """A linear model at its optimum, or as near as there is one.

    Attributes:
        predictor: Linear, or Columns of a Linear and a Constant for each further column of η.
        theta: (P,) of that predictor, in the user's units.
        weight: (p, K) coefficients; of many equally good ones the smallest, which for classes sum to zero over them.
        bias: (K,) intercepts, zeros where there are none.
        extra: the further columns' maximum-likelihood values by name, as they stand in η: log_scale, log_dispersion, …
        verdict: whether the optimum exists and was reached.
        fit: the driver's result, in the coefficients alone.
    """

    predictor: Linear | Columns
    theta: Tensor
    weight: Tensor
    bias: Tensor
    extra: dict[str, float]
    verdict: Verdict
    fit: Fit

    @property
    def scale(self) -> float | None:
        """σ̂, where the family has a scale."""
        return math.exp(self.extra["log_scale"]) if "log_scale" in self.extra else None


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
        family: the probability function; columns of η after the first are constants, estimated too.
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
    extra = (family.columns or ())[1:]
    apart = family.dispersion is not None and extra == (family.dispersion,)
    predictor = _beside(family, linear, {name: Fixed(0.0) if apart else Constant() for name in extra})
    if isinstance(l2, Tensor):
        free = l2.new_zeros(predictor.size - linear.parts["weight"].size)
        l2 = torch.cat((l2.repeat_interleave(outputs), free)).double()
    objective = Objective(family, predictor, x, y, weight, offset, l2, names=names)
    if "log_scale" in extra and not apart and family.smooth:
        exact = fit_linear(Normal(), x, y, weight=weight, offset=offset, intercept=intercept, names=names)
        if exact.scale == 0:
            return _of_no_scale(family, exact, linear)
    chosen = rule or ("newton" if linear.size <= MATRIX_LIMIT else "lbfgs")
    if family.smooth:
        start = _start(objective, linear)
        found = fit(objective, chosen, theta=start, tolerance=TOLERANCE, standardise=True)
        if found.verdict.kind is VerdictKind.BUDGET and has_edge(objective):
            found = fit_within(objective, start, TOLERANCE)
    else:
        found = fit_pinball(objective, family.settings.get("level", 0.5))
    coefficients, bias = _split(linear, found.theta[: linear.size])
    if family.gauge is not None:
        coefficients, bias = (part - part.mean(-1, keepdim=True) for part in (coefficients, bias))
    if found.verdict.kind is VerdictKind.ALIASED:
        coefficients, bias = minimum_norm(x, coefficients, bias, intercept=intercept)
    theta = torch.cat((coefficients.flatten(), bias)) if intercept else coefficients.flatten()
    rest = found.theta[linear.size :]
    verdict = found.verdict
    if apart:
        first = objective.evaluate(theta, slice(None), objective.n).eta[0]
        rest = theta.new_tensor([dispersion(family, first, objective.y, objective.weight)])
        verdict = _perfect(verdict) if rest[0] == -math.inf else verdict
    whole = _beside(family, linear, {name: Constant() for name in extra})
    return LinearFit(
        whole,
        torch.cat((theta, rest)),
        coefficients,
        bias,
        dict(zip(extra, rest.tolist(), strict=True)),
        verdict,
        found,
    )


def _beside(family: Family, linear: Linear, extra: Mapping[str, Predictor]) -> Linear | Columns:
    """The linear predictor alone, or with those of the family's further columns beside it."""
    return Columns(**{family.columns[0]: linear, **extra}) if family.columns and extra else linear


def _start(objective: Objective, linear: Linear) -> Tensor:
    """θ (P,) where η is as near as it can be to the best that all rows could share: inside the domain of any link."""
    null = objective.family.null_eta(objective.y, objective.weight, linear.outputs)
    null = torch.where(null.isfinite(), null, _inside(objective.family.domain))
    shared, rest = null[: linear.outputs], null[linear.outputs :]
    weight = objective.x.new_zeros(linear.parts["weight"].shape)
    if not linear.intercept:
        weight = torch.linalg.lstsq(objective.x, shared.expand(objective.n, -1), driver="gelsd").solution
    bias = shared if linear.intercept else shared[:0]
    extra = rest if objective.predictor.size > linear.size else rest[:0]
    return torch.cat((weight.flatten(), bias, extra))


def _inside(domain: tuple[float, float]) -> float:
    """A finite η that every link of such a domain allows."""
    low, high = domain
    if math.isfinite(low):
        return (low + high) / 2 if math.isfinite(high) else low + 1
    return high - 1 if math.isfinite(high) else 0.0


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


def dispersion(family: Family, first: Tensor, y: Tensor, weight: Tensor | None = None) -> float:
    """The dispersion, as it stands in η, that maximises the likelihood given η's first column; −∞ for a perfect fit.

    Its score, summed over rows, falls from above zero to below it: the root is bracketed and found by Brent's method.

    Args:
        family: one of two columns, the second of them its dispersion.
        first: the first column (n,) in double precision.
        y: (n,).
        weight: (n,) ≥ 0.
    """
    weight = torch.ones_like(first) if weight is None else weight

    def slope(column: float) -> float:
        return float((weight * named(family.score((first, first.new_tensor([column])), y))[1]).sum())

    size = (
        float((weight * y.double().square()).sum() / weight.sum()) ** 0.5 if family.dispersion == "log_scale" else 1.0
    )
    lowest = math.log(_ROUNDING * size) if size else -math.inf
    if slope(lowest) <= 0:
        return -math.inf
    highest = lowest + 1
    while slope(highest) > 0:
        highest += 2 * (highest - lowest)
    return float(brentq(slope, lowest, highest, xtol=1e-14, rtol=8.9e-16))


def _of_no_scale(family: Family, exact: LinearFit, linear: Linear) -> LinearFit:
    """The normal fit of a target that the columns of x reproduce, as one of a family with more columns than a scale."""
    rest = family.null_eta(exact.theta.new_zeros(1))[1:]
    names = (family.columns or ())[1:]
    return replace(
        exact,
        predictor=_beside(family, linear, {name: Constant() for name in names}),
        theta=torch.cat((exact.theta[: linear.size], rest)),
        extra=dict(zip(names, rest.tolist(), strict=True)),
    )


def _perfect(verdict: Verdict) -> Verdict:
    return Verdict(
        VerdictKind.BOUNDARY,
        "the columns reproduce the target exactly, so that the likelihood has its maximum at scale 0; the coefficients "
        "are the smallest that do; use fewer columns or more rows",
        {**verdict.evidence, "scale": 0.0},
    )

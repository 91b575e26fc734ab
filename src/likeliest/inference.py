"""How exactly the parameters of a fit are known: standard errors, intervals, information criteria.

At the maximum of a likelihood with the Hessian H of −log L and the scores s_i of its rows, the estimate is about normal
around the truth with the covariance H⁻¹ where the model is right, and H⁻¹ (Σ s sᵀ) H⁻¹ where only mean and variance
are. Both are carried to the parameters as their field writes them by the delta method.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from torch import Tensor

from likeliest.errors import NotOnOfferError, ShapeError, SpecificationError
from likeliest.interfaces import Need
from likeliest.objective import Objective
from likeliest.predictors import Columns, Constant, Natural, columns_of

MOST_PARAMETERS = 500
STEP = 0.02
"""Of the differences behind a Hessian, in standard errors."""
_ROUND_OFF = 1e-9
"""Of a scaled Hessian's largest eigenvalue: directions with less than this have no curvature."""
READ: Mapping[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "log_scale": ("scale", torch.exp),
    "log_shape": ("shape", torch.exp),
    "log_df": ("df", torch.exp),
    "log_df_above_two": ("df", lambda d: 2 + d.exp()),
    "skew": ("skew", torch.tanh),
}
"""What constant columns of η are called, and how they are read."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One parameter as its field writes it.

    Attributes:
        name: such as ``alpha[1]``.
        value: the estimate.
        standard_error: from H⁻¹; None at a bound.
        robust_error: from the sandwich H⁻¹ (Σ s sᵀ) H⁻¹; None at a bound.
        low: lower end of the robust interval; None at a bound.
        high: its upper end.
        at_bound: whether it lies on the edge of what it can be.
    """

    name: str
    value: float
    standard_error: float | None
    robust_error: float | None
    low: float | None
    high: float | None
    at_bound: bool

    @property
    def p_value(self) -> float | None:
        """Two-sided, that the parameter is 0, by the robust standard error; None at a bound."""
        return None if not self.robust_error else float(2 * ndtr(-abs(self.value / self.robust_error)))


@dataclass(frozen=True, slots=True)
class Inference:
    """What a likelihood says about its parameters.

    Attributes:
        estimates: in the order of θ.
        covariance: H⁻¹ of the parameters as they are written, (Q, Q).
        robust_covariance: the sandwich, (Q, Q).
        log_likelihood: of all rows.
        rows: n.
        parameters: how many are free.
        at_bound: which lie on the edge of what they can be, by name.
        level: of the intervals.
    """

    estimates: tuple[Estimate, ...]
    covariance: np.ndarray
    robust_covariance: np.ndarray
    log_likelihood: float
    rows: int
    parameters: int
    at_bound: tuple[str, ...]
    level: float

    @property
    def aic(self) -> float:
        """2 P − 2 log L (Akaike, 1974)."""
        return 2 * self.parameters - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """P log n − 2 log L (Schwarz, 1978)."""
        return self.parameters * math.log(self.rows) - 2 * self.log_likelihood

    def __getitem__(self, name: str) -> Estimate:
        """Return the estimate of that name."""
        return next(estimate for estimate in self.estimates if estimate.name == name)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "estimates": [asdict(estimate) for estimate in self.estimates],
            "log_likelihood": self.log_likelihood,
            "aic": self.aic,
            "bic": self.bic,
            "rows": self.rows,
            "at_bound": list(self.at_bound),
            "level": self.level,
        }


def inference(objective: Objective, theta: Tensor, *, level: float = 0.95) -> Inference:
    """Return standard errors of both kinds, with intervals, at a maximum θ (P,) of an unpenalised likelihood.

    The Hessian is the exact one where the predictor is linear, and else central differences of the analytic gradient,
    twice and extrapolated (Richardson). Where a parameter lies at a bound the likelihood is flat in θ: it is named, has
    no standard error, and those of the others are as if it were known.

    Args:
        objective: without a penalty.
        theta: (P,), where a fit converged.
        level: of the intervals, which are the robust ones.

    Raises:
        ShapeError: θ is not (P,).
        SpecificationError: the objective is penalised, or the level is none.
        NotOnOfferError: η is a sequence, or there are more than 500 parameters.

    Source: Huber (1967); White (1982), Maximum likelihood estimation of misspecified models; for volatility Bollerslev
    and Wooldridge (1992), Quasi-maximum likelihood estimation and inference in dynamic models.

    Example:
        >>> import likeliest as lk, numpy as np
        >>> x, y = np.arange(8.0)[:, None], np.array([1.0, 3.1, 4.9, 7.2, 8.8, 11.1, 12.9, 15.0])
        >>> objective = lk.Objective(lk.family("normal"), lk.Columns(mean=lk.Linear(1), log_scale=lk.Constant()), x, y)
        >>> found = inference(objective, lk.fit(objective, "newton").theta)
        >>> [(e.name, round(e.value, 3), round(e.standard_error, 3)) for e in found.estimates]
        [('mean.weight', 1.99, 0.019), ('mean.bias', 1.033, 0.078), ('scale', 0.121, 0.03)]
    """
    size = objective.predictor.size
    if tuple(theta.shape) != (size,):
        raise ShapeError(f"θ needs the shape ({size},), one run; found {tuple(theta.shape)}")
    if objective.penalty is not None:
        raise SpecificationError("a penalised estimate is biased, which no standard error tells; fit without l2")
    if not 0 < level < 1:
        raise SpecificationError(f"an interval's level lies between 0 and 1, found {level}")
    if objective.family.event_dims > 1 or size > MOST_PARAMETERS:
        raise NotOnOfferError(f"standard errors are for at most {MOST_PARAMETERS} parameters and no sequences of η")
    theta = theta.double()
    with torch.no_grad():
        scores = row_scores(objective, theta)
        hessian = _hessian(objective, theta, scores)
        natural = read(objective, theta)
        inverse = natural.jacobian @ _pseudo_inverse(hessian)
        centred = scores - scores.mean(0)
        robust = inverse @ (centred.mT @ centred) @ inverse.mT
        covariance = inverse @ natural.jacobian.mT
        value = -float(objective.at(theta).value) * objective.total_weight
    free = int((natural.jacobian.abs().sum(-1) > 0).sum()) - len(natural.at_bound)
    return Inference(
        _estimates(natural, covariance, robust, level),
        covariance.numpy(),
        robust.numpy(),
        value,
        objective.n,
        min(free, size),
        natural.at_bound,
        level,
    )


def _estimates(natural: Natural, covariance: Tensor, robust: Tensor, level: float) -> tuple[Estimate, ...]:
    reach = float(ndtri(0.5 + level / 2))
    found = []
    for k, name in enumerate(natural.names):
        value, held = float(natural.values[k]), name in natural.at_bound
        plain, own = (None if held else math.sqrt(max(float(c[k, k]), 0.0)) for c in (covariance, robust))
        low, high = (None if own is None else value + sign * reach * own for sign in (-1, 1))
        found.append(Estimate(name, value, plain, own, low, high, held))
    return tuple(found)


def row_scores(objective: Objective, theta: Tensor) -> Tensor:
    """Return the score of each row by θ times its weight, (n, P): their sum is the gradient of log L."""
    block = objective.evaluate(theta.to(objective.dtype), slice(None), objective.n)
    score = columns_of(objective.family.score(block.eta, block.y))
    total = theta.new_zeros(objective.n, objective.predictor.size)
    for own, (matrix, index) in zip(score, objective.predictor.jacobian(block.theta, block.tape), strict=True):
        total[:, index] += (own.unsqueeze(-1) * matrix).double()
    return total if objective.weight is None else total * objective.weight.unsqueeze(-1)


def _hessian(objective: Objective, theta: Tensor, scores: Tensor) -> Tensor:
    """Return the Hessian of −log L, (P, P)."""
    if Need.HESSIAN in objective.offers:
        return objective.at(theta).hessian_matrix().double() * objective.total_weight
    steps = STEP / scores.square().sum(0).sqrt().clamp(min=1.0)

    def slopes(steps: Tensor) -> Tensor:
        moved = torch.diag(steps)
        ahead, behind = (torch.stack([objective.at(theta + m).grad.clone() for m in sign * moved]) for sign in (1, -1))
        return (ahead - behind) / (2 * steps.unsqueeze(-1))

    found = (4 * slopes(steps / 2) - slopes(steps)) / 3 * objective.total_weight
    return (found + found.mT) / 2


def _pseudo_inverse(hessian: Tensor) -> Tensor:
    """H⁺, scaled to a diagonal of ones first; directions without curvature are left out."""
    scale = hessian.diagonal().abs().sqrt()
    scale = torch.where(scale > 0, scale, 1.0)
    values, vectors = torch.linalg.eigh(hessian / (scale[:, None] * scale))
    inverse = torch.where(values > _ROUND_OFF * values.max(), 1 / values, 0.0)
    found: Tensor = (vectors * inverse) @ vectors.mT / (scale[:, None] * scale)
    return found


def read(objective: Objective, theta: Tensor) -> Natural:
    """Return θ as its field writes it: constant columns of η by what they mean, such as a scale by its logarithm."""
    natural = objective.predictor.natural(theta)
    predictor = objective.predictor
    if not isinstance(predictor, Columns):
        return natural
    constant = {name for name, p in predictor.components.items() if isinstance(p, Constant) and name in READ}
    names, values, jacobian = list(natural.names), natural.values.clone(), natural.jacobian.clone()
    for k, name in enumerate(natural.names):
        if name in constant:
            names[k], reading = READ[name]
            jacobian[k] *= _slope(reading, values[k])
            values[k] = reading(values[k])
    return natural._replace(names=tuple(names), values=values, jacobian=jacobian)


def _slope(reading: Callable[[Tensor], Tensor], value: Tensor) -> Tensor:
    with torch.enable_grad():
        leaf = value.detach().clone().requires_grad_()
        return torch.autograd.grad(reading(leaf), leaf)[0]

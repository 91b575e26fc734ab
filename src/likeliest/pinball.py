"""Linear models whose NLL is a pinball loss, to the exact optimum by a linear program: medians and other quantiles.

Laplace's family and the asymmetric one have NLL/scale = ρ(r) = r (τ − [r < 0]) of the residual r = y − xᵀθ, with τ = ½
for the first, up to constants. It has a kink at every row, where rules that follow gradients stall. But

    ρ(r) = max { a r : τ − 1 ≤ a ≤ τ },   so   min_θ Σ w ρ(y − xᵀθ) = max { Σ b y : Σ b x = 0, w (τ − 1) ≤ b ≤ w τ }

is a linear program with as many constraints as coefficients, and θ are its multipliers. What both sides differ by, the
duality gap, proves the optimum.

Source: Koenker and Bassett (1978), Regression quantiles.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from scipy.optimize import linprog
from torch import Tensor

from likeliest.diagnose import diagnose
from likeliest.errors import SpecificationError
from likeliest.fit import Fit
from likeliest.interfaces import State, Trace, Verdict, VerdictKind
from likeliest.objective import Objective
from likeliest.scaling import Scaling

GAP = 1e-9
"""The optimum is proven to this share of the loss."""


def fit_pinball(objective: Objective, level: float) -> Fit:
    """Minimise Σ w ρ(y − xᵀθ) over the coefficients of one linear column.

    Args:
        objective: unpenalised, of one linear column beside fixed ones.
        level: τ, the quantile.

    Raises:
        SpecificationError: there is a penalty.

    Example:
        >>> import likeliest as lk, torch
        >>> family, columns = lk.family("laplace"), lk.Columns(mean=lk.Linear(1), log_scale=lk.Fixed(0.0))
        >>> x, y = torch.tensor([[0.0], [1.0], [2.0], [3.0]]).double(), torch.tensor([1.0, 2.0, 90.0, 4.0]).double()
        >>> fit_pinball(lk.Objective(family, columns, x, y), 0.5).theta.round(decimals=9).tolist()
        [1.0, 1.0]
    """
    if objective.penalty is not None:
        raise SpecificationError(
            f"{objective.family.name}: with a penalty its optimum is no linear program; pass l2=0, or use "
            "NetRegressor(hidden=(), …), which learns by steps"
        )
    began, scaling = time.perf_counter(), Scaling.of(objective)
    standardised = scaling.apply(objective)
    theta, steps, bound = _program(standardised, level)
    verdict = _verdict(standardised, theta, bound, level)
    seconds = time.perf_counter() - began
    return Fit(scaling.to_user(theta), Trace(), (verdict,), float(steps), seconds, State(step=steps))


def _program(objective: Objective, level: float) -> tuple[Tensor, int, float]:
    """θ, the simplex steps that it took, and the dual's value, which no θ can go below."""
    zero = torch.zeros(objective.predictor.size, dtype=objective.dtype)
    block = objective.evaluate(zero, slice(None), objective.n)
    design = objective.predictor.jacobian(zero, block.tape)[0][0].expand(objective.n, -1).numpy()
    y = (objective.y - block.eta[0]).numpy()
    weight = np.ones(objective.n) if objective.weight is None else objective.weight.numpy()
    bounds = list(zip((weight * (level - 1)).tolist(), (weight * level).tolist(), strict=True))
    found = linprog(-y, A_eq=design.T, b_eq=np.zeros(design.shape[1]), bounds=bounds, method="highs")
    return torch.from_numpy(-found.eqlin.marginals), int(found.nit), -float(found.fun or 0.0)


def _verdict(objective: Objective, theta: Tensor, bound: float, level: float) -> Verdict:
    """Compare both sides; several θ may be optimal where columns depend on each other."""
    if (aliased := diagnose(objective, theta)) is not None:
        return aliased
    residual = objective.y - objective.evaluate(theta, slice(None), objective.n).eta[0]
    loss = residual * (level - (residual < 0).double())
    reached = float((loss if objective.weight is None else loss * objective.weight).sum())
    gap = (reached - bound) / max(abs(reached), np.finfo(float).tiny)
    evidence = {"loss": reached, "duality_gap": gap}
    if gap <= GAP:
        return Verdict(
            VerdictKind.CONVERGED, f"a linear program's optimum, proven to {max(gap, 0.0):.0e} of the loss", evidence
        )
    return Verdict(
        VerdictKind.BUDGET,
        f"the linear program ended {gap:.0e} of the loss above its bound; scale the columns to similar size",
        evidence,
    )

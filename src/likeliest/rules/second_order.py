"""Newton's method and Fisher scoring (IRLS): one rule with two curvatures.

    θ ← θ − t C⁻¹ g,   C the Hessian (Newton) or the Fisher information (Fisher scoring, which for a GLM is iteratively
                       reweighted least squares); t by Armijo backtracking from 1

Under a canonical link the two are the same.

Source: Nocedal & Wright (2006), Numerical Optimization, 2nd edition, chapters 3.1 and 3.4; Nelder & Wedderburn (1972),
Generalized linear models; Green (1984), Iteratively reweighted least squares for maximum likelihood estimation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from likeliest.errors import SpecificationError
from likeliest.interfaces import Local, Need, State
from likeliest.rules.base import Rule, dot
from likeliest.rules.curvature import newton_direction
from likeliest.rules.hyperparameters import check_number

C1 = 1e-4
MAX_HALVINGS = 40
STALLED, STALLED_STEPS = 1e-11, 5
"""A shortened step that gains less than this, relative to 1 + |f|, gets nowhere; so many in a row are the end."""

_NAMES = {"hessian": "newton", "fisher": "irls"}
_FORMULAS = {"hessian": "θ ← θ − t·H⁻¹g,  H = ∇²f", "fisher": "θ ← θ − t·F⁻¹g,  F = JᵀE[ss′]J"}
_SOURCES = {
    "hessian": "Newton (1685), Raphson (1690), Simpson (1740)",
    "fisher": "Nelder & Wedderburn (1972); Green (1984)",
}


@dataclass(frozen=True)
class SecondOrder(Rule):
    """θ ← θ − t (C + damping · I)⁻¹ g; use `newton` and `irls` to make one.

    Directions that change nothing (the objective's gauge, linearly dependent columns) are left out: the step is the
    shortest that does the work. Where C is indefinite, its eigenvalues count by their size, so that the step descends.

    Leaves ``evidence["newton_decrement"]`` = ½ gᵀC⁻¹g: about how far the value, per unit of weight, lies above its
    minimum; over several runs the largest. At a kink of the objective, where no gradient vanishes, steps get shorter
    and shorter and gain less and less: there it says so and moves no more.

    Args:
        curvature: ``"hessian"`` or ``"fisher"``.
        damping: added to the diagonal of C, per unit of weight (Levenberg).
        search: whether a step is halved until the value falls; else t = 1.

    Raises:
        SpecificationError: an unknown curvature, a negative damping, or a search that is neither True nor False.
    """

    curvature: Literal["hessian", "fisher"]
    damping: float = 0.0
    search: bool = True

    full_batch = True

    def __post_init__(self) -> None:
        if self.curvature not in _NAMES:
            raise SpecificationError(
                f"SecondOrder: curvature must be one of {sorted(_NAMES)}, found {self.curvature!r}; "
                "use newton() or irls()"
            )
        check_number(self.name, "damping", self.damping)
        if not isinstance(self.search, bool):
            raise SpecificationError(f"{self.name}: search must be True or False, found {self.search!r}")

    @property
    def name(self) -> str:
        """``"newton"`` or ``"irls"``."""
        return _NAMES[self.curvature]

    @property
    def needs(self) -> frozenset[Need]:
        """Value, gradient and the curvature."""
        return frozenset({Need.VALUE, Need.GRAD, Need(self.curvature)})

    @property
    def formula(self) -> str:
        """The update on one line."""
        return _FORMULAS[self.curvature]

    @property
    def source(self) -> str:
        """The papers."""
        return _SOURCES[self.curvature]

    def step(self, local: Local, state: State) -> Tensor:
        """Return θ + t d; runs for which no t lowers the value stay, and where none moves ``state.outcome`` says so."""
        grad = local.grad.clone()
        matrix = local.hessian_matrix() if self.curvature == "hessian" else local.fisher_matrix()
        direction = newton_direction(matrix, grad, local.gauge, self.damping)
        slope = dot(grad, direction)
        state.evidence["newton_decrement"] = largest(-slope / 2)
        if not self.search:
            return local.theta + direction
        t, state.arrived = _backtrack(local, direction, slope)
        if bool((t == 0).all()) and not bool((grad == 0).all()):
            state.outcome = f"{self.name}: no step along its direction lowers the objective"
        elif stalled(local, state, bool((t < 1).all())):
            state.outcome = f"{self.name}: steps along its direction get ever shorter and gain nothing, as at a kink"
        return local.theta + t * direction if state.arrived is None else state.arrived.theta


def stalled(local: Local, state: State, shortened: bool) -> bool:
    """Whether the steps of the last times, this one too, were shortened and got no run anywhere."""
    if state.arrived is None or not shortened:
        state.memory["stalled"] = 0
        return False
    gained = local.value - state.arrived.value > STALLED * (1 + local.value.abs())
    state.memory["stalled"] = 0 if bool(gained.any()) else state.memory.get("stalled", 0) + 1
    return bool(state.memory["stalled"] >= STALLED_STEPS)


def slack(value: Tensor, dtype: torch.dtype) -> Tensor:
    """By how much an objective of this value may seem to rise for round-off alone."""
    return 4 * torch.finfo(dtype).eps * (1 + value.abs())


def _backtrack(local: Local, direction: Tensor, slope: Tensor) -> tuple[Tensor, Local | None]:
    """Halve t, run by run, until f(θ + t d) ≤ f(θ) + c₁ t ⟨g, d⟩; t = 0 for a run where that never holds.

    Near the optimum the decrease is smaller than the round-off of f, which is therefore allowed for: else the last,
    best Newton steps would be refused. Also returns the view at θ + t d, where the last trial was there.
    """
    value = local.value.unsqueeze(-1)
    allowed = value + slack(value, direction.dtype)
    descends = (slope < 0) & value.isfinite()
    t = descends.to(slope)
    for _ in range(MAX_HALVINGS):
        trial = local.moved(local.theta + t * direction)
        refused = descends & ~(trial.value.unsqueeze(-1) <= allowed + C1 * t * slope)
        if not bool(refused.any()):
            return t, trial
        t = torch.where(refused, t / 2, t)
    return torch.where(refused, 0.0, t), None


def largest(decrement: Tensor) -> float:
    """The largest decrement of the runs that have one."""
    known = decrement[~decrement.isnan()]
    return float(known.max()) if known.numel() else math.nan


def newton(*, damping: float = 0.0, search: bool = True) -> SecondOrder:
    """Newton's method: θ ← θ − t H⁻¹ g with the exact Hessian. Near an optimum each step doubles the right digits.

    Args:
        damping: added to the diagonal of H, per unit of weight.
        search: whether a step is halved until the value falls.

    Example:
        >>> newton().name, newton().full_batch
        ('newton', True)
    """
    return SecondOrder("hessian", damping, search)


def irls(*, damping: float = 0.0, search: bool = True) -> SecondOrder:
    """Fisher scoring: θ ← θ − t F⁻¹ g with the expected information; for a GLM, iteratively reweighted least squares.

    Args:
        damping: added to the diagonal of F, per unit of weight.
        search: whether a step is halved until the value falls.

    Example:
        >>> irls().name, Need.FISHER in irls().needs
        ('irls', True)
    """
    return SecondOrder("fisher", damping, search)

"""Levenberg and Marquardt's rule: Fisher scoring whose steps are held where its quadratic model can be trusted.

    θ ← θ − (F + λ I)⁻¹ g,   F = JᵀE[ss′]J

Where a step gains as much as the model of the objective foretold, λ falls and the rule becomes Fisher scoring; where it
does not, λ grows until it does, and directions along which the objective is flat are left alone. That is what a
parameter wants which stands for a share or a rate by its logit, and has nowhere to go once that is 0 or 1.

Source: Levenberg (1944), A method for the solution of certain non-linear problems in least squares; Marquardt (1963);
Nocedal & Wright (2006), Numerical Optimization, 2nd edition, chapters 4 and 10.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from likeliest.interfaces import Local, Need, Predictor, State
from likeliest.rules.base import Rule, dot
from likeliest.rules.curvature import newton_direction
from likeliest.rules.hyperparameters import check_number
from likeliest.rules.second_order import largest, slack, stalled

MAX_TRIALS = 40
GOOD, POOR, ENOUGH = 0.75, 0.25, 1e-4
"""Shares of the gain foretold: above the first λ falls, below the second it grows, below the last a step is refused."""
LEAST, MOST = 1e-10, 1e10


@dataclass(frozen=True)
class LevenbergMarquardt(Rule):
    """θ ← θ − (F + λ I)⁻¹ g, with λ chosen at every step by how much of the foretold gain there was.

    Leaves ``evidence["newton_decrement"]`` as `SecondOrder` does, with F + λI in place of the Hessian.

    Args:
        damping: the first λ, per unit of weight.

    Raises:
        SpecificationError: it is negative.

    Example:
        >>> LevenbergMarquardt().name, Need.FISHER in LevenbergMarquardt().needs
        ('levenberg_marquardt', True)
    """

    damping: float = 1e-3

    full_batch = True
    needs = frozenset({Need.VALUE, Need.GRAD, Need.FISHER})
    formula = "θ ← θ − (F + λI)⁻¹g,  F = JᵀE[ss′]J"
    source = "Levenberg (1944); Marquardt (1963)"

    def __post_init__(self) -> None:
        check_number(self.name, "damping", self.damping)

    def init(self, theta: Tensor, predictor: Predictor) -> State:
        """Return the state with the first λ of each run, (…, 1)."""
        return State(memory={"damping": theta.new_full((*theta.shape[:-1], 1), self.damping, dtype=torch.float64)})

    def step(self, local: Local, state: State) -> Tensor:
        """Return θ + d; runs for which no λ lowers the value stay, and where none moves ``state.outcome`` says so."""
        fisher, grad = local.fisher_matrix(), local.grad.clone()
        damping, allowed = state.memory["damping"], slack(local.value, grad.dtype).unsqueeze(-1)
        going = local.value.isfinite().unsqueeze(-1)
        taken, shortened = torch.zeros_like(grad), False
        for _ in range(MAX_TRIALS):
            direction = torch.where(going, _damped(fisher, grad, damping), taken)
            trial = local.moved(local.theta + direction)
            slope = dot(grad, direction)
            if not shortened:
                state.evidence["newton_decrement"] = largest(-slope / 2)
            # −gᵀd − ½ dᵀFd, where (F + λI) d = −g.
            foretold = 0.5 * (damping * dot(direction, direction) - slope)
            gained = (local.value - trial.value).unsqueeze(-1)
            fine = gained >= ENOUGH * foretold - allowed
            taken = torch.where(going & fine, direction, taken)
            damping.copy_(torch.where(going, _next(damping, gained, foretold, fine), damping))
            going = going & ~fine
            if not bool(going.any()):
                trial.fisher_matrix()  # for the next step; the gradient there then takes its Jacobian
                break
            shortened = True
        state.arrived = trial if not bool(going.any()) else None
        if not bool(taken.any()) and bool(grad.any()):
            state.outcome = f"{self.name}: no step, however damped, lowers the objective"
        elif stalled(local, state, shortened):
            state.outcome = f"{self.name}: steps get ever shorter and gain nothing, as at a kink"
        return local.theta + taken if state.arrived is None else state.arrived.theta


def _damped(fisher: Tensor, grad: Tensor, damping: Tensor) -> Tensor:
    """−(F + λI)⁻¹ g, (…, P)."""
    damped = fisher.clone()
    damped.diagonal(dim1=-2, dim2=-1).add_(damping)
    return newton_direction(damped, grad)


def _next(damping: Tensor, gained: Tensor, foretold: Tensor, fine: Tensor) -> Tensor:
    """λ after a trial: less where the model was right, more where it was not, much more where the step is refused."""
    fell = fine & (gained > GOOD * foretold)
    rose = ~fine | (gained < POOR * foretold)
    lower = torch.where(damping < LEAST, 0.0, damping / 10)
    higher = damping.clamp(min=LEAST) * torch.where(fine, 4.0, 10.0)
    return torch.where(fell, lower, torch.where(rose, higher, damping)).clamp(max=MOST)

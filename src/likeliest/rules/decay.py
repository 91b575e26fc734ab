"""Weight decay apart from the gradient, around any rule with a learning rate."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from likeliest.errors import SpecificationError
from likeliest.interfaces import Local, Predictor, State
from likeliest.rules.base import LR, current
from likeliest.rules.hyperparameters import check_number
from likeliest.rules.wrapping import Wrapping


@dataclass(frozen=True)
class Decayed(Wrapping):
    """W ← (1 − lr·λ) W, then the step of another rule: weights shrink by an amount that no moment sees.

    What shrinks is what a penalty would act on: weights, but neither intercepts nor the scales of a batch norm. It is
    no part of the objective; a penalty that is, is ``Objective(l2=…)``. Around plain gradient descent the two are the
    same, with λ = l2 over the sum of weights. `AdamW` is the rule that shrinks all of θ, as torch.optim.AdamW does.

    Args:
        rule: a rule that asks for gradients alone and has a learning rate.
        weight_decay: λ.

    Raises:
        SpecificationError: a rule that asks for more than gradients or has no learning rate; a λ below 0.

    Source: Loshchilov & Hutter (2019), Decoupled weight decay regularization.

    Example:
        >>> import likeliest as lk
        >>> from likeliest.rules import Decayed
        >>> Decayed(lk.rule("adam"), 1e-2).formula
        'W ← (1 − lr·0.01)·W;  m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;  θ ← θ − lr·m̂/(√v̂ + ε)'
    """

    weight_decay: float = 1e-2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not hasattr(self.rule, LR):
            raise SpecificationError(f"weights decay by lr·λ, and {self.rule.name} has no lr; use l2 instead")
        check_number("Decayed", "weight_decay", self.weight_decay)

    @property
    def formula(self) -> str:
        """The shrinking, then the update."""
        return f"W ← (1 − lr·{self.weight_decay:g})·W;  {self.rule.formula}"

    def init(self, theta: Tensor, predictor: Predictor) -> State:
        """Return the rule's own state, and which entries of θ shrink."""
        state = super().init(theta, predictor)
        state.memory["decayed"] = theta.new_zeros(theta.shape[-1])
        for part in predictor.parts.values():
            state.memory["decayed"][part.slice] = float(part.penalised)
        return state

    def step(self, local: Local, state: State) -> Tensor:
        """Shrink in place, then return the rule's next θ on the gradient from before."""
        _ = local.grad  # at θ as it was
        lr, theta, decayed = current(self.lr, state), local.theta, state.memory["decayed"]
        if isinstance(lr, Tensor):
            theta.mul_(1 - lr.to(theta) * self.weight_decay * decayed)
        else:
            theta.addcmul_(theta, decayed, value=-lr * self.weight_decay)
        return self.rule.step(local, state)

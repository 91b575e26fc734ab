"""Gradient clipping: any rule on gradients, none of which is longer, or has a larger entry, than is said."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from likeliest.errors import SpecificationError
from likeliest.interfaces import Local, State
from likeliest.rules.hyperparameters import check_number
from likeliest.rules.wrapping import View, Wrapping


@dataclass(frozen=True)
class Clipped(Wrapping):
    """g ← g · min(1, c/‖g‖) or g ← clamp(g, −c, c), then the step of another rule.

    The gradient is that of the batch's mean NLL with its penalty, over all of θ, as torch.nn.utils.clip_grad_norm_ and
    clip_grad_value_ take it; each of R runs is clipped by itself. To clip in both ways, clip a clipped rule: the outer
    one acts first.

    Args:
        rule: a rule that asks for gradients alone.
        norm: the largest Euclidean norm, c.
        value: the largest absolute entry, c.

    Raises:
        SpecificationError: a rule that asks for more than gradients; both or neither of ``norm`` and ``value``; one
            that is not positive.

    Source: Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks.

    Example:
        >>> import likeliest as lk
        >>> from likeliest.rules import Clipped
        >>> rule = Clipped(lk.rule("momentum", lr=0.1), norm=1.0)
        >>> rule.name, rule.with_lr(0.2).lr
        ('momentum', 0.2)
        >>> rule.formula
        'g ← g·min(1, 1/‖g‖);  m ← μm + g;  θ ← θ − lr·m'
    """

    norm: float | None = None
    value: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.norm is None) == (self.value is None):
            raise SpecificationError("Clipped takes one of norm and value; to clip by both, clip a clipped rule")
        name = "norm" if self.value is None else "value"
        check_number("Clipped", name, getattr(self, name), open_low=True)

    def step(self, local: Local, state: State) -> Tensor:
        """Return the rule's next θ on the clipped gradient."""
        return self.rule.step(View(local, self._clip(local.grad)), state)

    def _clip(self, grad: Tensor) -> Tensor:
        """Clip in place."""
        if self.norm is not None:
            norm: Tensor = torch.linalg.vector_norm(grad, dim=-1, keepdim=True)
            return grad.mul_((self.norm / norm).clamp_(max=1.0))
        return grad if self.value is None else grad.clamp_(-self.value, self.value)

    @property
    def formula(self) -> str:
        """The clipping, then the update."""
        clip = f"g·min(1, {self.norm:g}/‖g‖)" if self.value is None else f"clamp(g, −{self.value:g}, {self.value:g})"
        return f"g ← {clip};  {self.rule.formula}"

    @property
    def source(self) -> str:
        """The papers."""
        return f"Pascanu et al. (2013); {self.rule.source}"

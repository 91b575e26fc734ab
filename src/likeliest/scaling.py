"""Implicit standardisation: a fit works on centred and scaled columns while everything reported stays in the user's units.

With x̃ = (x − m)/s the same η has W̃ = s W and b̃ = b + m W. A penalty ½ l2 W² in the user's units is ½ (l2/s²) W̃² in the
solver's, so that the optimum is the same point, only better conditioned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from likeliest.objective import Objective
from likeliest.predictors import Predictor


@dataclass(frozen=True)
class Scaling:
    """The centre m (p,) and scale s (p,) of the columns of x, and what they do to θ."""

    predictor: Predictor
    centre: Tensor
    scale: Tensor

    @classmethod
    def of(cls, objective: Objective) -> Self:
        """Measure an objective's x. Columns that do not vary keep scale 1; without intercepts nothing is centred."""
        x = objective.x
        centre = x.mean(0) if objective.predictor.has_intercepts else torch.zeros_like(x[0])
        scale = (x - centre).square().mean(0).sqrt()
        negligible = scale <= 8 * torch.finfo(x.dtype).eps * x.abs().amax(0)
        return cls(objective.predictor, centre, torch.where(negligible, torch.ones_like(scale), scale))

    def apply(self, objective: Objective) -> Objective:
        """The same objective on standardised columns."""
        l2 = objective.l2
        if l2 is not None:
            ones = torch.ones_like(l2)
            l2 = l2 * self.predictor.reexpress(ones, torch.zeros_like(self.centre).to(l2), self.scale.to(l2)).square()
        return objective.replaced(x=(objective.x - self.centre) / self.scale, l2=l2)

    def to_user(self, theta: Tensor) -> Tensor:
        """Map the solver's θ (…, P) to the user's."""
        return self.predictor.reexpress(theta, self.centre.to(theta), self.scale.to(theta))

    def from_user(self, theta: Tensor) -> Tensor:
        """Map the user's θ (…, P) to the solver's."""
        return self.predictor.reexpress(theta, (-self.centre / self.scale).to(theta), (1 / self.scale).to(theta))

"""Implicit standardisation: a fit works on centred and scaled columns, reports stay in the user's units.

With x̃ = (x − m)/s the same η has W̃ = s W and b̃ = b + m W. A penalty ½ l2 W² in the user's units is ½ (l2/s²) W̃² in
the solver's, so that the optimum is the same point, only better conditioned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from likeliest.errors import NotOnOfferError
from likeliest.numerics import weighted_mean
from likeliest.objective import Objective
from likeliest.predictors import Predictor
from likeliest.sequences import is_ragged


@dataclass(frozen=True)
class Scaling:
    """The centre m (p,) and scale s (p,) of the columns of x, and what they do to θ."""

    predictor: Predictor
    centre: Tensor
    scale: Tensor

    @classmethod
    def of(cls, objective: Objective) -> Self:
        """Measure an objective's x.

        Raises:
            NotOnOfferError: the rows of x differ in length, and so have no columns.
        """
        if is_ragged(objective.x):
            raise NotOnOfferError("rows of unequal length have no columns to standardise; leave standardise out")
        return cls.measure(objective.predictor, objective.batch(slice(None))[0], objective.weight)

    @classmethod
    def measure(cls, predictor: Predictor, x: Tensor, weight: Tensor | None = None) -> Self:
        """Measure the columns of x (n, p), so that a weight of 2 is the row twice.

        Columns that do not vary keep scale 1; where the predictor has no intercepts nothing is centred.
        """
        centre = weighted_mean(x.mT, weight) if predictor.has_intercepts else torch.zeros_like(x[0])
        scale = weighted_mean((x - centre).square().mT, weight).sqrt()
        negligible = scale <= 8 * torch.finfo(x.dtype).eps * x.abs().amax(0)
        return cls(predictor, centre, torch.where(negligible, torch.ones_like(scale), scale))

    def apply(self, objective: Objective) -> Objective:
        """The same objective on standardised columns."""
        l2 = objective.l2
        return objective.replaced(x=self.standardised(objective.x), l2=None if l2 is None else self.penalty(l2))

    def standardised(self, x: Tensor) -> Tensor:
        """x̃ for the rows of x (n, p)."""
        return (x - self.centre) / self.scale

    def penalty(self, l2: Tensor) -> Tensor:
        """The solver's penalty of each parameter (P,), from the user's."""
        ones = torch.ones_like(l2)
        return l2 * self.predictor.reexpress(ones, torch.zeros_like(self.centre).to(l2), self.scale.to(l2)).square()

    def to_user(self, theta: Tensor) -> Tensor:
        """Map the solver's θ (…, P) to the user's."""
        return self.predictor.reexpress(theta, self.centre.to(theta), self.scale.to(theta))

    def from_user(self, theta: Tensor) -> Tensor:
        """Map the user's θ (…, P) to the solver's."""
        return self.predictor.reexpress(theta, (-self.centre / self.scale).to(theta), (1 / self.scale).to(theta))

"""Two thresholds that are crossed: a normal one, and one whose tails are as heavy as Cauchy's."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from likeliest.families.base import in_double
from likeliest.families.links.base import Link, Pair
from likeliest.numerics import hazard_excess, normal_hazards, normal_log_tails, normal_tails


@final
class Probit(Link):
    """The normal distribution function: a normal tolerance whose threshold is crossed."""

    name = "probit"
    formula = "Φ(η), the normal distribution function"
    source = "Bliss (1934)"

    @in_double
    def log_tails(self, eta: Tensor) -> Pair:
        """Return log Φ(η) and log Φ(−η)."""
        return normal_log_tails(eta)

    @in_double
    def slopes(self, eta: Tensor) -> Pair:
        """Return φ(η)/Φ(η) and −φ(η)/Φ(−η)."""
        success, failure = normal_hazards(eta)
        return success, -failure

    @in_double
    def curvatures(self, eta: Tensor) -> Pair:
        """Return λ (λ + η) and λ (λ − η), each with its own hazard λ."""
        return _normal_curvature(-eta), _normal_curvature(eta)

    @in_double
    def tails(self, eta: Tensor) -> Pair:
        """Return Φ(η) and Φ(−η)."""
        return normal_tails(eta)

    @in_double
    def inverse(self, p: Tensor, q: Tensor) -> Tensor:
        """Return Φ⁻¹(p)."""
        return torch.where(p < q, torch.special.ndtri(p), -torch.special.ndtri(q))

    @in_double
    def rise(self, eta: Tensor) -> Tensor:
        """Return ½ erf(η/√2)."""
        return 0.5 * torch.erf(eta * math.sqrt(0.5))


def _normal_curvature(x: Tensor) -> Tensor:
    """Return λ(x) (λ(x) − x), λ = φ(x)/Φ(−x): 1 at +∞, 0 at −∞."""
    x = x.clamp(-1e150, 1e150)
    hazard = normal_hazards(x)[1]
    return torch.where(x > 0, hazard * hazard_excess(x.clamp(min=0)), hazard * (hazard - x))


@final
class Cauchit(Link):
    """The Cauchy distribution function, whose tails forgive a surprise: log p falls like −log |η| and no faster."""

    name = "cauchit"
    formula = "½ + atan(η)/π"
    source = "Koenker & Yoon (2009)"

    @in_double
    def log_tails(self, eta: Tensor) -> Pair:
        """Return log p and log q, the larger one by log1p."""
        p, q = self.tails(eta)
        below = eta < 0
        small = torch.where(below, p, q)
        near, far = small.log(), torch.log1p(-small)
        return torch.where(below, near, far), torch.where(below, far, near)

    @in_double
    def slopes(self, eta: Tensor) -> Pair:
        """Return 1/((1 + η²) π p) and −1/((1 + η²) π q)."""
        return _cauchy_slope(eta), -_cauchy_slope(-eta)

    @in_double
    def curvatures(self, eta: Tensor) -> Pair:
        """Return s (s + 2η/(1 + η²)) for both slopes s: below 0 far out, where log p is convex."""
        success, failure = self.slopes(eta)
        bend = 2 / (eta + 1 / eta)
        return success * (success + bend), failure * (failure + bend)

    @in_double
    def tails(self, eta: Tensor) -> Pair:
        """Return p and q as angles seen from the origin."""
        one = torch.ones_like(eta)
        return torch.atan2(one, -eta) / math.pi, torch.atan2(one, eta) / math.pi

    @in_double
    def inverse(self, p: Tensor, q: Tensor) -> Tensor:
        """Return −1/tan(π p), or 1/tan(π q)."""
        return torch.where(p < q, -1 / torch.tan(math.pi * p), 1 / torch.tan(math.pi * q))

    @in_double
    def rise(self, eta: Tensor) -> Tensor:
        """Return atan(η)/π."""
        return torch.atan(eta) / math.pi


def _cauchy_slope(eta: Tensor) -> Tensor:
    """Return 1/((1 + η²) (π/2 + atan η)); where the square overflows, the limits −1/η and 1/(π η²)."""
    slope = 1 / ((1 + eta.square()) * torch.atan2(torch.ones_like(eta), -eta))
    ends = torch.where(eta < 0, -1 / eta, 1 / eta / eta / math.pi)
    return torch.where(eta.abs() < 1e100, slope, ends)

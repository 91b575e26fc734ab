"""Links whose domain has an edge, where p is 0 or 1: the log-probability, and the probability itself."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from likeliest.families.base import in_double
from likeliest.families.links.base import Link, Pair


@final
class Log(Link):
    """Log-probabilities, for risk ratios; η ≤ 0."""

    name = "log"
    formula = "e^η, η ≤ 0"
    source = "Wacholder (1986)"
    domain = (-math.inf, 0.0)

    @in_double
    def log_tails(self, eta: Tensor) -> Pair:
        """Return η and log(1 − e^η)."""
        near = torch.log(-torch.expm1(eta.clamp(-1.0, 0.0)))
        far = torch.log1p(-eta.clamp(max=-0.5).exp())
        failure = torch.where(eta < -0.7, far, near)
        return eta.masked_fill(eta > 0, -math.inf), failure.masked_fill(eta > 0, -math.inf)

    @in_double
    def slopes(self, eta: Tensor) -> Pair:
        """Return 1 and −e^η/(1 − e^η)."""
        success = torch.ones_like(eta).masked_fill_(eta > 0, -math.inf)
        failure = eta.exp() / torch.expm1(eta)
        return torch.where(eta.isnan(), eta, success), failure.masked_fill_(eta >= 0, -math.inf)

    @in_double
    def curvatures(self, eta: Tensor) -> Pair:
        """Return 0 and e^η/(1 − e^η)²."""
        success = torch.zeros_like(eta).masked_fill_(eta > 0, math.inf)
        failure = eta.exp() / torch.expm1(eta).square()
        return torch.where(eta.isnan(), eta, success), failure.masked_fill_(eta >= 0, math.inf)

    @in_double
    def tails(self, eta: Tensor) -> Pair:
        """Return e^η and 1 − e^η."""
        inside = eta.clamp(max=0.0)
        return inside.exp(), -torch.expm1(inside)

    def inverse(self, p: Tensor, q: Tensor) -> Tensor:
        """Return log p."""
        return torch.where(p < q, p.log(), torch.log1p(-q))

    def information(self, eta: Tensor) -> Tensor:
        """Return e^η/(1 − e^η)."""
        return (-self.slopes(eta)[1]).masked_fill_(eta >= 0, math.inf)


@final
class Identity(Link):
    """The probability itself, for risk differences; 0 ≤ η ≤ 1."""

    name = "identity"
    formula = "η, 0 ≤ η ≤ 1"
    source = "Wacholder (1986)"
    domain = (0.0, 1.0)

    @in_double
    def log_tails(self, eta: Tensor) -> Pair:
        """Return log η and log(1 − η)."""
        outside = (eta < 0) | (eta > 1)
        inside = eta.clamp(0.0, 1.0)
        return inside.log().masked_fill(outside, -math.inf), torch.log1p(-inside).masked_fill(outside, -math.inf)

    @in_double
    def slopes(self, eta: Tensor) -> Pair:
        """Return 1/η and −1/(1 − η)."""
        success, failure = (1 / eta).abs(), -(1 / (1 - eta)).abs()
        for slope in (success, failure):
            slope.masked_fill_(eta < 0, math.inf).masked_fill_(eta > 1, -math.inf)
        return success, failure

    @in_double
    def curvatures(self, eta: Tensor) -> Pair:
        """Return 1/η² and 1/(1 − η)²."""
        outside = (eta < 0) | (eta > 1)
        success, failure = 1 / eta.square(), 1 / (1 - eta).square()
        return success.masked_fill_(outside, math.inf), failure.masked_fill_(outside, math.inf)

    def tails(self, eta: Tensor) -> Pair:
        """Return η and 1 − η."""
        inside = eta.clamp(0.0, 1.0)
        return inside, 1 - inside

    def inverse(self, p: Tensor, q: Tensor) -> Tensor:
        """Return p."""
        return p.clone()

    def information(self, eta: Tensor) -> Tensor:
        """Return 1/(η (1 − η))."""
        p, q = self.tails(eta)
        return 1 / (p * q)

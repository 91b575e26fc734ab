"""How η maps to a positive mean μ = g⁻¹(η): by the logarithm, the inverse or the identity.

What a family needs of a link is log μ with its slope and bend, and of the ratio r = y/μ its logarithm and its excess
r − 1, which keep their digits where y is near μ. All is for double precision.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import final

import torch
from torch import Tensor

from likeliest.numerics import is_within

_NEAR = 0.5
_SMALLEST, _LARGEST = 1e-300, 1e300


class MeanLink(ABC):
    """One link of a positive mean."""

    name: str
    formula: str
    """μ by η."""
    domain: tuple[float, float] = (0.0, math.inf)
    bend: float
    """(log μ)″ / (log μ)′², a constant for each of these links."""

    @abstractmethod
    def mean(self, eta: Tensor) -> Tensor:
        """Return μ."""

    @abstractmethod
    def inverse(self, mean: Tensor) -> Tensor:
        """Return the η of a mean."""

    @abstractmethod
    def log_mean(self, eta: Tensor) -> Tensor:
        """Return log μ."""

    @abstractmethod
    def slope(self, eta: Tensor) -> Tensor:
        """Return d log μ/dη."""

    @abstractmethod
    def ratio(self, eta: Tensor, y: Tensor, log_scale: Tensor | float = 0.0) -> Tensor:
        """Return r e^(−log_scale), which may be a number where r is none."""

    @abstractmethod
    def excess(self, eta: Tensor, y: Tensor, t: Tensor) -> Tensor:
        """Return r − 1, given t = log r."""

    @abstractmethod
    def pull(self, eta: Tensor, y: Tensor, excess: Tensor, log_scale: Tensor | float = 0.0) -> Tensor:
        """Return e^(−log_scale) (r − 1) d log μ/dη."""

    def log_ratio(self, eta: Tensor, y: Tensor, log_y: Tensor) -> Tensor:
        """Return log r: of the ratio itself, for two large logarithms would leave few digits of a small one."""
        ratio = self.ratio(eta, y)
        if is_within(ratio, _SMALLEST, _LARGEST):
            return ratio.log()
        normal = (ratio > _SMALLEST) & (ratio < math.inf)
        return torch.where(normal, torch.where(normal, ratio, 1.0).log(), log_y - self.log_mean(eta))

    def inside(self, eta: Tensor) -> Tensor:
        """Return η, and the domain's edge for what lies below it."""
        low = self.domain[0]
        return eta if is_within(eta, math.nextafter(low, 0.5), math.inf) else torch.where(eta <= low, low, eta)


@final
class LogMean(MeanLink):
    """μ = e^η. Nearly all of e^(−η) is taken in two halves, which overflow only where y e^(−η) does."""

    name = "log"
    formula = "e^η"
    domain = (-math.inf, math.inf)
    bend = 0.0

    def mean(self, eta: Tensor) -> Tensor:
        """Return e^η."""
        return eta.exp()

    def inverse(self, mean: Tensor) -> Tensor:
        """Return log μ."""
        return mean.log()

    def log_mean(self, eta: Tensor) -> Tensor:
        """Return η."""
        return eta

    def slope(self, eta: Tensor) -> Tensor:
        """Return 1."""
        return torch.ones_like(eta)

    def ratio(self, eta: Tensor, y: Tensor, log_scale: Tensor | float = 0.0) -> Tensor:
        """Return y e^(−η − log_scale)."""
        half = torch.exp(-0.5 * (eta + log_scale))
        return y * half * half

    def excess(self, eta: Tensor, y: Tensor, t: Tensor) -> Tensor:
        """Return y − 1 + y (e^(−η) − 1) for small η; else from t where that is not large, and from r."""
        small, low = eta.clamp(-_NEAR, _NEAR), t.clamp(max=1)
        large = low.expm1()
        if not is_within(t, -math.inf, 1.0):
            large = torch.where(t == low, large, self.ratio(eta, y) - 1)
        return torch.where(eta == small, (y - 1) + y * torch.expm1(-small), large)

    def pull(self, eta: Tensor, y: Tensor, excess: Tensor, log_scale: Tensor | float = 0.0) -> Tensor:
        """Return e^(−log_scale) (r − 1)."""
        return scaled(excess, log_scale)

    def log_ratio(self, eta: Tensor, y: Tensor, log_y: Tensor) -> Tensor:
        """Return log y − η."""
        return log_y - eta


@final
class InverseMean(MeanLink):
    """μ = 1/η for η > 0."""

    name = "inverse"
    formula = "1/η"
    bend = 1.0

    def mean(self, eta: Tensor) -> Tensor:
        """Return 1/η."""
        return 1 / self.inside(eta)

    def inverse(self, mean: Tensor) -> Tensor:
        """Return 1/μ."""
        return mean.reciprocal()

    def log_mean(self, eta: Tensor) -> Tensor:
        """Return −log η."""
        return -eta.log()

    def slope(self, eta: Tensor) -> Tensor:
        """Return −1/η."""
        return -eta.reciprocal()

    def ratio(self, eta: Tensor, y: Tensor, log_scale: Tensor | float = 0.0) -> Tensor:
        """Return y e^(−log_scale) η."""
        return scaled(y, log_scale) * eta

    def excess(self, eta: Tensor, y: Tensor, t: Tensor) -> Tensor:
        """Return y η − 1."""
        return y * eta - 1

    def pull(self, eta: Tensor, y: Tensor, excess: Tensor, log_scale: Tensor | float = 0.0) -> Tensor:
        """Return e^(−log_scale) (1/η − y)."""
        return scaled(eta.reciprocal() - y, log_scale)


@final
class IdentityMean(MeanLink):
    """μ = η for η > 0."""

    name = "identity"
    formula = "η"
    bend = -1.0

    def mean(self, eta: Tensor) -> Tensor:
        """Return η."""
        return self.inside(eta)

    def inverse(self, mean: Tensor) -> Tensor:
        """Return μ."""
        return mean

    def log_mean(self, eta: Tensor) -> Tensor:
        """Return log η."""
        return eta.log()

    def slope(self, eta: Tensor) -> Tensor:
        """Return 1/η."""
        return eta.reciprocal()

    def ratio(self, eta: Tensor, y: Tensor, log_scale: Tensor | float = 0.0) -> Tensor:
        """Return y e^(−log_scale)/η."""
        return scaled(y, log_scale) / eta

    def excess(self, eta: Tensor, y: Tensor, t: Tensor) -> Tensor:
        """Return (y − η)/η."""
        return torch.where(eta == math.inf, -1.0, (y - eta) / eta)

    def pull(self, eta: Tensor, y: Tensor, excess: Tensor, log_scale: Tensor | float = 0.0) -> Tensor:
        """Return e^(−log_scale) (r − 1)/η."""
        return torch.where(excess == 0, excess, scaled(excess, log_scale, eta.reciprocal()))


def scaled(x: Tensor, log_scale: Tensor | float, factor: Tensor | float = 1.0) -> Tensor:
    """Return x · factor · e^(−log_scale), half of the power with each, so that they may balance; 0 and ±inf stay."""
    if isinstance(log_scale, float):
        return x * factor * math.exp(-log_scale)
    half = torch.exp(-0.5 * log_scale)
    product = (x * half) * (factor * half)
    if is_within(half, _SMALLEST, _LARGEST):
        return product
    return torch.where(product.isnan() & ~log_scale.isnan(), x * factor, product)


MEAN_LINKS: dict[str, MeanLink] = {link.name: link for link in (LogMean(), InverseMean(), IdentityMean())}

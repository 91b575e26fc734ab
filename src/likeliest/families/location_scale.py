"""What families of y = μ + e^s ε share: a standard noise ε, moved by a location μ and stretched by a scale e^s.

A residual of 0 or ±inf is the same in every unit, also in one of 0 or ±inf.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from likeliest.families.base import Entries, Family, lower_triangle, named
from likeliest.interfaces import Eta
from likeliest.numerics import is_within, xmul

_NEAR = 0.5
"""Below this, |s| is so small that e^(−s) − 1 has digits which e^(−s) has not."""
_LARGEST = 1e307


class LocationScale(Family):
    """y ∈ ℝ is μ + e^s ε; η = (μ, s, …), columns that broadcast, and what follows s shapes the noise ε."""

    discrete = False
    links = ("identity",)
    support = "a finite number y"

    @abstractmethod
    def _noise_cdf(self, z: Tensor, *shape: Tensor) -> Tensor:
        """Return P(ε ≤ z)."""

    @abstractmethod
    def _noise_quantile(self, level: Tensor, *shape: Tensor) -> Tensor:
        """Return the z with P(ε ≤ z) = level."""

    @abstractmethod
    def _noise_tail_mean(self, level: Tensor, *shape: Tensor) -> Tensor:
        """Return E[ε | ε ≤ z], z the quantile of that level; −inf at level 0, E[ε] at 1."""

    @abstractmethod
    def _draw_noise(self, generator: np.random.Generator, size: torch.Size, *shape: Tensor) -> np.ndarray:
        """Draw ε of that size."""

    def check_support(self, y: Tensor, outputs: int | None = None) -> None:
        """See `Family.check_support`."""
        self._refuse(torch.isfinite(y), y, "leave the row out or fill the value in")

    def sample(self, eta: Eta, generator: np.random.Generator) -> Tensor:
        """Draw μ + e^s ε, (…, n)."""
        location, log_scale, *shape = torch.broadcast_tensors(*named(eta))
        noise = torch.from_numpy(self._draw_noise(generator, location.shape, *shape)).to(location)
        return moved(location, log_scale, noise)

    def cdf(self, eta: Eta, y: Tensor) -> Tensor:
        """Return P(Y ≤ y) = P(ε ≤ z), z = (y − μ) e^(−s)."""
        return self._noise_cdf(standardised(eta, y), *named(eta)[2:])

    def quantile(self, eta: Eta, level: Tensor) -> Tensor:
        """Return μ + e^s times ε's quantile."""
        location, log_scale, *shape = named(eta)
        return moved(location, log_scale, self._noise_quantile(level, *shape))

    def tail_mean(self, eta: Eta, level: Tensor) -> Tensor:
        """Return μ + e^s E[ε | ε ≤ its quantile], (…, n)."""
        location, log_scale, *shape = named(eta)
        return moved(location, log_scale, self._noise_tail_mean(level, *shape))

    def fisher_entries(self, eta: Eta) -> Entries:
        """Return D G D, with G the information of the noise and D = diag(e^(−s), 1, …): the scale is but a unit."""
        log_scale, *shape = named(eta)[1:]
        entries = self._noise_fisher(torch.zeros_like(log_scale[..., :1]), *shape)
        units = {(i, k): (i == 0) + (k == 0) for i, k in entries}
        powers = {power: torch.exp(-power * log_scale) for power in set(units.values()) - {0}}
        return {at: own * powers[units[at]] if units[at] else own for at, own in entries.items()}

    def _noise_fisher(self, zero: Tensor, *shape: Tensor) -> Entries:
        """Return the information at μ = s = 0, its entries that are not 0."""
        matrix = lower_triangle(self.fisher((zero, zero, *shape)))
        return {at: entry for at, entry in matrix.items() if bool(entry.any())}

    def linear_error(self, eta: Eta, y: Tensor) -> tuple[Tensor, ...]:
        """Return (y − μ, 0, …), all (…, n)."""
        error, rest = residual(eta, y), named(eta)[1:]
        return error, *(torch.zeros_like(error) for _ in rest)


def residual(eta: Eta, y: Tensor) -> Tensor:
    """Return y − μ, (…, n), taken in the finer precision of the two and given in η's."""
    location = named(eta)[0]
    return (y - location).to(location.dtype)


def standardised(eta: Eta, y: Tensor) -> Tensor:
    """Return z = (y − μ) e^(−s), (…, n), in η's precision.

    In double precision z is rounded once: what y − μ loses is carried along. In single precision, where there are
    digits to spare before anybody sees them, that is left out.
    """
    location, log_scale = named(eta)[:2]
    error = residual(eta, y)
    if location.dtype != torch.float64:
        return divided(error, log_scale)
    return divided(error, log_scale, _lost(y, location, error).detach())


def divided(values: Tensor, log_scale: Tensor, lost: Tensor | None = None) -> Tensor:
    """Return values · e^(−log_scale); 0 and ±inf stay what they are whatever the scale is.

    The factor is e^(−s) = (whole + rest) · beyond. Near s = 0, where the rounding of s itself excuses nothing, whole is
    exactly 1; beyond is 1 wherever e^(−s) is a number of the format.

    Args:
        values: (…, n).
        log_scale: (…, n) or (…, 1).
        lost: what rounding took from the values.
    """
    precise = log_scale.dtype == torch.float64
    far = 700.0 if precise else 80.0
    ordinary = is_within(log_scale, -far, far)
    inside = log_scale if ordinary else log_scale.clamp(-far, far)
    whole = torch.exp(-inside)
    if not precise:
        quotient = values * whole
    else:
        near = inside.abs() < _NEAR
        rest, whole = torch.where(near, torch.expm1(-inside), 0.0), torch.where(near, 1.0, whole)
        small = values * rest if lost is None else values * rest + lost * whole
        quotient = values * whole
        finite = ordinary and is_within(quotient, -_LARGEST, _LARGEST)
        quotient = quotient + small if finite else torch.where(quotient.isinf(), quotient, quotient + small)
    if ordinary:
        return quotient
    quotient = quotient * torch.exp(inside - log_scale)
    return torch.where(quotient.isnan() & ~log_scale.isnan(), values, quotient)


def moved(location: Tensor, log_scale: Tensor, noise: Tensor) -> Tensor:
    """Return μ + e^s ε; an infinite location stays where it is, and no noise is none in any unit."""
    shift = product(log_scale.exp(), noise)
    return torch.where(location.isinf(), location, location + shift)


def product(x: Tensor, y: Tensor) -> Tensor:
    """Return x·y, and 0 wherever either is 0, also beside ±inf."""
    return xmul(x, y).masked_fill_(y == 0, 0.0)


def weighted_quantile(y: Tensor, weight: Tensor | None, level: float) -> Tensor:
    """Return the middle of the m that minimise Σ w ρ(y − m), with ρ the pinball loss: (…, n) → (…).

    Args:
        y: (…, n).
        weight: (n,) or (…, n), not all 0.
        level: between 0 and 1.

    Example:
        >>> weighted_quantile(torch.tensor([4.0, 1.0, 2.0, 3.0]), None, 0.5)
        tensor(2.5000)
    """
    weight = (torch.ones_like(y) if weight is None else weight).expand(y.shape)
    ordered, order = y.sort(-1)
    below = weight.gather(-1, order).cumsum(-1)
    total, slack = below[..., -1:], 4 * y.shape[-1] * torch.finfo(below.dtype).eps
    first = torch.searchsorted(below, (total * (level - slack)).clamp(min=torch.finfo(below.dtype).tiny))
    last = torch.searchsorted(below, total * min(level + slack, 1 - slack), right=True)
    low, high = ordered.gather(-1, first)[..., 0], ordered.gather(-1, last)[..., 0]
    return low + (high - low) / 2


def _lost(y: Tensor, location: Tensor, difference: Tensor) -> Tensor:
    """Return what y − μ lost when it was rounded (Knuth's two-sum)."""
    virtual = difference - y
    return (y - (difference - virtual)) - (location + virtual)

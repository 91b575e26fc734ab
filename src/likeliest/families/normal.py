"""The normal family with identity link and the log of its standard deviation: least squares, and its spread."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from likeliest.families.base import Family, double, named
from likeliest.interfaces import Eta
from likeliest.numerics import weighted_mean, xmul

_LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)


@final
@dataclass(frozen=True)
class Normal(Family):
    """y ∈ ℝ with mean μ and standard deviation e^s, in the unit of y; η = (μ, s), two columns that broadcast.

    A residual of 0 or ±inf is the same in every unit, also in one of 0 or ±inf. So at the ends:

    ==========  ===========  ==========  =====================
    μ           s            log p       score
    ==========  ===========  ==========  =====================
    ±inf        finite       −inf        (∓inf, +inf)
    y           −inf         +inf        (0, −1)
    not y       −inf         −inf        (±inf, +inf)
    finite      +inf         −inf        (0, −1)
    ==========  ===========  ==========  =====================

    Source: Gauss (1809), Theoria motus; as a pair of columns, Rigby and Stasinopoulos (2005).

    Example:
        >>> family, eta, y = Normal(), (torch.tensor([0.0, 1.0]), torch.tensor([0.0])), torch.tensor([1.0, 1.0])
        >>> family.log_prob(eta, y).tolist(), [column.tolist() for column in family.score(eta, y)]
        ([-1.4189385175704956, -0.9189385175704956], [[1.0, 0.0], [0.0, -1.0]])
    """

    name = "normal"
    discrete = False
    links = ("identity",)
    columns = ("mean", "log_scale")
    canonical = True
    support = "a finite number y"
    formula = "p(y|μ, s) = e^(−z²/2) / (√(2π) e^s), z = (y − μ) e^(−s)"
    log_prob_formula = "log p(y|μ, s) = −z²/2 − s − ½ log 2π, z = (y − μ) e^(−s)"
    mean_formula = "E[y] = μ"
    score_formula = "((y − μ) e^(−2s), z² − 1), z = (y − μ) e^(−s)"
    source = "Gauss (1809)"

    def check_support(self, y: Tensor, outputs: int | None = None) -> None:
        """See `Family.check_support`."""
        self._refuse(torch.isfinite(y), y, "leave the row out or fill the value in")

    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return −z²/2 − s − ½ log 2π."""
        z, log_scale = _standardised(eta, y)
        return (-0.5 * z.square() - log_scale).masked_fill_(z.isinf(), -math.inf) - _LOG_ROOT_2PI

    def score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return (z e^(−s), z² − 1), both (…, n)."""
        z, log_scale = _standardised(eta, y)
        return _divided(z, log_scale), z.square() - 1

    def mean(self, eta: Eta) -> Tensor:
        """Return μ, (…, n) or (…, 1)."""
        return named(eta)[0]

    def fisher_times(self, eta: Eta, v: Eta) -> tuple[Tensor, Tensor]:
        """Return (e^(−2s) v₀, 2 v₁)."""
        _, log_scale = named(eta)
        return xmul(v[0], torch.exp(-2 * log_scale)), 2 * v[1]

    def observed_times(self, eta: Eta, y: Tensor, v: Eta) -> tuple[Tensor, Tensor]:
        """Return (e^(−2s) v₀ + 2 z e^(−s) v₁, 2 z e^(−s) v₀ + 2 z² v₁)."""
        z, log_scale = _standardised(eta, y)
        mixed = 2 * _divided(z, log_scale)
        first = xmul(v[0], torch.exp(-2 * log_scale)) + xmul(v[1], mixed)
        return first, xmul(v[0], mixed) + xmul(v[1], 2 * z.square())

    def sample(self, eta: Eta, generator: np.random.Generator) -> Tensor:
        """Draw μ + e^s · N(0, 1), (…, n)."""
        mean, log_scale = torch.broadcast_tensors(*named(eta))
        noise = torch.from_numpy(generator.standard_normal(mean.shape)).to(mean)
        drawn: Tensor = mean + noise * log_scale.exp()
        return drawn

    def deviation(self, eta: Eta) -> Tensor:
        """Return e^s, (…, n) or (…, 1)."""
        return named(eta)[1].exp()

    def cdf(self, eta: Eta, y: Tensor) -> Tensor:
        """Return Φ(z)."""
        below: Tensor = torch.special.ndtr(_standardised(eta, y)[0])
        return below

    def quantile(self, eta: Eta, level: Tensor) -> Tensor:
        """Return μ + e^s Φ⁻¹(level)."""
        mean, log_scale = named(eta)
        return mean + xmul(log_scale.exp(), torch.special.ndtri(level))

    def null_eta(self, y: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor:
        """Return (mean, log standard deviation with divisor Σw), (…, 2); −inf where all y are equal."""
        y, weight = double(y, weight)
        mean = weighted_mean(y, weight)
        variance = weighted_mean((y - mean.unsqueeze(-1)).square(), weight)
        return torch.stack((mean, 0.5 * variance.log()), -1)

    def linear_error(self, eta: Eta, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return (y − μ, 0), both (…, n)."""
        error = _residual(eta, y)
        return error, torch.zeros_like(error)


def _residual(eta: Eta, y: Tensor) -> Tensor:
    """Return y − μ, taken in the finer precision of the two and given in η's."""
    mean = named(eta)[0]
    return (y - mean).to(mean.dtype)


def _standardised(eta: Eta, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return z = (y − μ) e^(−s), and s."""
    log_scale = named(eta)[1]
    return _divided(_residual(eta, y), log_scale), log_scale


def _divided(residual: Tensor, log_scale: Tensor) -> Tensor:
    """Return residual · e^(−log_scale), where 0 and ±inf stay what they are in every unit."""
    divided = residual * torch.exp(-log_scale)
    return torch.where(divided.isnan() & ~log_scale.isnan(), residual, divided)

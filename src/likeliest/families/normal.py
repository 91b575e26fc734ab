"""The normal family with identity link and the log of its standard deviation: least squares, and its spread."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from likeliest.families.base import double, named
from likeliest.families.location_scale import LocationScale, divided, product, residual, standardised
from likeliest.interfaces import Eta
from likeliest.numerics import normal_hazards, weighted_mean, xmul

_LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)


@final
@dataclass(frozen=True)
class Normal(LocationScale):
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
    columns = ("mean", "log_scale")
    dispersion = "log_scale"
    canonical = True
    formula = "p(y|μ, s) = e^(−z²/2) / (√(2π) e^s), z = (y − μ) e^(−s)"
    log_prob_formula = "log p(y|μ, s) = −z²/2 − s − ½ log 2π, z = (y − μ) e^(−s)"
    mean_formula = "E[y] = μ"
    score_formula = "((y − μ) e^(−2s), z² − 1), z = (y − μ) e^(−s)"
    source = "Gauss (1809)"

    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return −z²/2 − s − ½ log 2π."""
        z = standardised(eta, y)
        return (-0.5 * z * z - named(eta)[1]).masked_fill_(z.isinf(), -math.inf) - _LOG_ROOT_2PI

    def score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return (z e^(−s), z² − 1), both (…, n)."""
        z = standardised(eta, y)
        return divided(z, named(eta)[1]), z.square() - 1

    def mean(self, eta: Eta) -> Tensor:
        """Return μ, (…, n) or (…, 1)."""
        return named(eta)[0]

    def fisher_times(self, eta: Eta, v: Eta) -> tuple[Tensor, Tensor]:
        """Return (e^(−2s) v₀, 2 v₁)."""
        _, log_scale = named(eta)
        return xmul(v[0], torch.exp(-2 * log_scale)), 2 * v[1]

    def observed_times(self, eta: Eta, y: Tensor, v: Eta) -> tuple[Tensor, Tensor]:
        """Return (e^(−2s) (v₀ + 2 (y − μ) v₁), 2 z e^(−s) (v₀ + (y − μ) v₁))."""
        error, log_scale = residual(eta, y), named(eta)[1]
        by_scale = xmul(v[1], error)
        first = divided(divided(v[0] + 2 * by_scale, log_scale), log_scale)
        return first, 2 * product(divided(v[0] + by_scale, log_scale), standardised(eta, y))

    def deviation(self, eta: Eta) -> Tensor:
        """Return e^s, (…, n) or (…, 1)."""
        return named(eta)[1].exp()

    def _noise_cdf(self, z: Tensor, *shape: Tensor) -> Tensor:
        below: Tensor = torch.special.ndtr(z)
        return below

    def _noise_quantile(self, level: Tensor, *shape: Tensor) -> Tensor:
        quantile: Tensor = torch.special.ndtri(level)
        return quantile

    def _noise_tail_mean(self, level: Tensor, *shape: Tensor) -> Tensor:
        """Return −φ(z)/Φ(z) at the quantile z."""
        below, _ = normal_hazards(torch.special.ndtri(level.double()))
        return -below.to(level)

    def _draw_noise(self, generator: np.random.Generator, size: torch.Size, *shape: Tensor) -> np.ndarray:
        return generator.standard_normal(size)

    def null_eta(self, y: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor:
        """Return (mean, log standard deviation with divisor Σw), (…, 2); −inf where all y are equal."""
        y, weight = double(y, weight)
        mean = weighted_mean(y, weight)
        variance = weighted_mean((y - mean.unsqueeze(-1)).square(), weight)
        return torch.stack((mean, 0.5 * variance.log()), -1)

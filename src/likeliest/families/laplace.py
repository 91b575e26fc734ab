"""Exponential noise on both sides: the Laplace family, and what it shares with the asymmetric one."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from likeliest.families.base import double, in_double, named
from likeliest.families.location_scale import (
    LocationScale,
    divided,
    moved,
    product,
    residual,
    standardised,
    weighted_quantile,
)
from likeliest.interfaces import Eta
from likeliest.numerics import weighted_mean, xmul


class TwoSidedExponential(LocationScale):
    """The density ab/(a + b) e^(−ρ(z)) of a noise z, ρ(z) = az above 0 and −bz below it, at least 0 on both sides.

    The chance to lie below 0 is a/(a + b), ρ(z) is exponential with mean 1 on either side, and the best location is the
    quantile of the level a/(a + b). At z = 0 the loss has a kink: its slope there is the mean of those beside it.
    """

    dispersion = "log_scale"
    smooth = False

    @property
    @abstractmethod
    def slopes(self) -> tuple[float, float]:
        """The slopes (a, b) of the loss above and below the location."""

    @property
    @abstractmethod
    def log_constant(self) -> float:
        """Return log ab/(a + b)."""

    @property
    def _level(self) -> float:
        above, below = self.slopes
        return above / (above + below)

    def _loss(self, z: Tensor) -> Tensor:
        """ρ(z). At 0 autograd finds the mean slope, for maximum shares its gradient between two equals."""
        above, below = self.slopes
        zero = torch.zeros_like(z)
        return above * torch.maximum(z, zero) + below * torch.maximum(-z, zero)

    def _slope(self, eta: Eta, y: Tensor) -> Tensor:
        """ρ′(z) e^(−s), by the sign of y − μ, which outlives that of a z too small for a number."""
        above, below = self.slopes
        side = torch.sign(residual(eta, y))
        on_kink = torch.where(side == 0, (above - below) / 2, side)
        return divided(torch.where(side > 0, above, torch.where(side < 0, -below, on_kink)), named(eta)[1])

    @in_double
    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return log ab/(a + b) − s − ρ(z)."""
        z = standardised(eta, y)
        return (-named(eta)[1] - self._loss(z)).masked_fill_(z.isinf(), -math.inf) + self.log_constant

    @in_double
    def score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return (ρ′(z) e^(−s), ρ(z) − 1), both (…, n)."""
        return self._slope(eta, y), self._loss(standardised(eta, y)) - 1

    def mean(self, eta: Eta) -> Tensor:
        """Return μ + e^s (b − a)/(ab)."""
        location, log_scale = named(eta)
        above, below = self.slopes
        return moved(location, log_scale, log_scale.new_tensor(1 / above - 1 / below))

    def deviation(self, eta: Eta) -> Tensor:
        """Return e^s √(1/a² + 1/b²), (…, n) or (…, 1)."""
        above, below = self.slopes
        return named(eta)[1].exp() * math.hypot(1 / above, 1 / below)

    def fisher_times(self, eta: Eta, v: Eta) -> tuple[Tensor, Tensor]:
        """Return (a b e^(−2s) v₀, v₁)."""
        above, below = self.slopes
        return xmul(v[0], above * below * torch.exp(-2 * named(eta)[1])), v[1].clone()

    def observed_times(self, eta: Eta, y: Tensor, v: Eta) -> tuple[Tensor, Tensor]:
        """Return ρ′(z) e^(−s) (v₁, v₀ + (y − μ) v₁); there is no more of it off the kink."""
        slope = self._slope(eta, y)
        return xmul(v[1], slope), product(v[0] + xmul(v[1], residual(eta, y)), slope)

    def _noise_cdf(self, z: Tensor, *shape: Tensor) -> Tensor:
        tail = torch.exp(-self._loss(z))
        return torch.where(z < 0, self._level * tail, 1 - (1 - self._level) * tail)

    def _noise_quantile(self, level: Tensor, *shape: Tensor) -> Tensor:
        above, below = self.slopes
        lower, upper = torch.log(level / self._level) / below, -torch.log((1 - level) / (1 - self._level)) / above
        return torch.where(level < self._level, lower, upper)

    def _noise_tail_mean(self, level: Tensor, *shape: Tensor) -> Tensor:
        """Return z − 1/b at a quantile z ≤ 0, and (1/a − 1/b − (1 − level) (z + 1/a))/level at one above."""
        above, below = self.slopes
        wanted = level.double()
        z = self._noise_quantile(wanted)
        beyond = product(z + 1 / above, 1 - wanted)
        return torch.where(wanted < self._level, z - 1 / below, (1 / above - 1 / below - beyond) / wanted).to(level)

    def _draw_noise(self, generator: np.random.Generator, size: torch.Size, *shape: Tensor) -> np.ndarray:
        above, below = self.slopes
        lies_below = generator.random(size) < self._level
        return generator.standard_exponential(size) * np.where(lies_below, -1 / below, 1 / above)

    def null_eta(self, y: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor:
        """Return (quantile, log of the mean loss), (…, 2); −inf where all y are equal."""
        y, weight = double(y, weight)
        location = weighted_quantile(y, weight, self._level)
        loss = weighted_mean(self._loss(y - location.unsqueeze(-1)), weight)
        return torch.stack((location, loss.log()), -1)


@final
@dataclass(frozen=True)
class Laplace(TwoSidedExponential):
    """y ∈ ℝ with median μ and mean absolute deviation e^s, in the unit of y; η = (μ, s), two columns that broadcast.

    Its maximum likelihood is the least absolute deviation: robust against wild y, where the normal follows them. A
    residual of 0 or ±inf is the same in every unit, so that at the ends, and on the kink:

    ==========  ===========  ==========  =====================
    μ           s            log p       score
    ==========  ===========  ==========  =====================
    ±inf        finite       −inf        (∓e^(−s), +inf)
    y           finite       −s − log 2  (0, −1)
    y           −inf         +inf        (0, −1)
    not y       −inf         −inf        (±inf, +inf)
    finite      +inf         −inf        (0, −1)
    ==========  ===========  ==========  =====================

    Source: Laplace (1774), Mémoire sur la probabilité des causes par les événements.

    Example:
        >>> family, eta, y = Laplace(), (torch.tensor([0.0, 1.0]), torch.tensor([0.0])), torch.tensor([1.0, 1.0])
        >>> family.log_prob(eta, y).tolist(), [column.tolist() for column in family.score(eta, y)]
        ([-1.6931471824645996, -0.6931471824645996], [[1.0, 0.0], [0.0, -1.0]])
    """

    name = "laplace"
    columns = ("mean", "log_scale")
    slopes = (1.0, 1.0)
    log_constant = -math.log(2)
    formula = "p(y|μ, s) = e^(−|z|) / (2 e^s), z = (y − μ) e^(−s)"
    log_prob_formula = "log p(y|μ, s) = −|z| − s − log 2, z = (y − μ) e^(−s)"
    mean_formula = "E[y] = μ"
    score_formula = "(sign(z) e^(−s), |z| − 1), z = (y − μ) e^(−s)"
    source = "Laplace (1774)"

"""The Poisson family with its canonical link, the logarithm: counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import scipy
import torch
from torch import Tensor

from likeliest.families.base import Canonical, as_column, double, in_double, single
from likeliest.interfaces import Eta
from likeliest.numerics import log_poisson_peak, weighted_mean, xmul

_LARGE = 1e9


@final
@dataclass(frozen=True)
class Poisson(Canonical):
    """y ∈ {0, 1, 2, …} with mean e^η; y may also be a rate ≥ 0, a count over the exposure that is its weight.

    η is (…, n, 1), the log of the mean. An offset of log exposure models counts by their rates; rates weighted by their
    exposure have the same score, and between integers log p goes on by y! = Γ(y + 1). At the ends:

    ==========  ==========  ===========  ==========
    η           log p(0)    log p(y>0)   score
    ==========  ==========  ===========  ==========
    −inf        0           −inf         y
    −1e308      0           −y · 1e308   y
    +1e308      −inf        −inf         −inf
    +inf        −inf        −inf         −inf
    ==========  ==========  ===========  ==========

    Source: Nelder and Wedderburn (1972), Generalized linear models; log p after Loader (2000), Fast and accurate
    computation of binomial probabilities.

    Example:
        >>> family, eta, y = Poisson(), torch.zeros(2, 1), torch.tensor([0.0, 1.0])
        >>> family.log_prob(eta, y).tolist(), family.score(eta, y).tolist()
        ([-1.0, -1.0], [[-1.0], [0.0]])
    """

    name = "poisson"
    discrete = True
    links = ("log",)
    columns = ("mean",)
    support = "a count or a rate y ≥ 0"
    formula = "p(y|η) = e^(yη) e^(−e^η) / y!"
    log_prob_formula = "log p(y|η) = yη − e^η − log y!"
    mean_formula = "E[y] = e^η"
    score_formula = "y − e^η"
    source = "Nelder & Wedderburn (1972)"

    def check_support(self, y: Tensor, outputs: int | None = None) -> None:
        """See `Family.check_support`."""
        self._refuse((y >= 0) & (y < math.inf), y, "leave the row out, or use the family normal")

    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return log p of y under its own mean, less half the deviance: neither cancels, however large y."""
        eta = single(eta)[..., 0]
        y = y.to(eta.dtype)
        return log_poisson_peak(y) - _half_deviance(eta, y)

    def score(self, eta: Eta, y: Tensor) -> Tensor:
        """Return y − e^η."""
        eta = single(eta)
        return as_column(eta, y) - eta.exp()

    def mean(self, eta: Eta) -> Tensor:
        """Return e^η, (…, n)."""
        return single(eta)[..., 0].exp()

    def fisher_times(self, eta: Eta, v: Eta) -> Tensor:
        """Return e^η v."""
        return xmul(single(v), single(eta).exp())

    def sample(self, eta: Eta, generator: np.random.Generator) -> Tensor:
        """Draw counts, (…, n), in η's precision; numpy refuses means above 9.2e18."""
        mean = self.mean(eta)
        return torch.as_tensor(generator.poisson(mean.cpu().numpy()), dtype=mean.dtype, device=mean.device)

    def deviation(self, eta: Eta) -> Tensor:
        """Return e^(η/2), (…, n)."""
        return torch.exp(single(eta)[..., 0] / 2)

    @in_double
    def cdf(self, eta: Eta, y: Tensor) -> Tensor:
        """Return Q(⌊y⌋ + 1, e^η), the regularised upper incomplete gamma function, and 0 below 0."""
        mean = self.mean(eta)
        count = y.to(mean.dtype).floor()
        return torch.where(count < 0, 0.0, torch.special.gammaincc(count.clamp(min=0) + 1, mean))

    @in_double
    def quantile(self, eta: Eta, level: Tensor) -> Tensor:
        """Return the least count whose distribution function reaches the level; +inf where the mean is.

        Of means above 10⁹ Cornish and Fisher's expansion is right to within one count.
        """
        mean = self.mean(eta)
        counts = scipy.stats.poisson.ppf(level.cpu().numpy(), mean.clamp(max=_LARGE).cpu().numpy())
        z = torch.special.ndtri(level.to(mean)).clamp(-40, math.inf)
        large = (mean + z * mean.sqrt() + (z.square() - 1) / 6).ceil()
        quantile = torch.where(mean > _LARGE, large, torch.as_tensor(counts, device=mean.device).to(mean)).clamp(min=0)
        return torch.where(mean == math.inf, mean, quantile)

    def statistic(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return y as a column."""
        return as_column(eta, y)

    def null_eta(self, y: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor:
        """Return the log of the mean, (…, 1)."""
        return weighted_mean(*double(y, weight)).log().unsqueeze(-1)

    def recession_cone(self, y: Tensor, outputs: int | None = None) -> Tensor:
        """Return (n, 2, 1): Δη ≤ 0 where y = 0, which the second face repeats; Δη = 0 elsewhere."""
        rising = torch.where(y > 0, 1.0, -1.0).double()
        return torch.stack((rising, -torch.ones_like(rising)), -1).unsqueeze(-1)

    def deviance(self, eta: Eta, y: Tensor) -> Tensor:
        """Return 2 (y log(y/μ) − (y − μ))."""
        eta = single(eta)[..., 0]
        return 2 * _half_deviance(eta, y.to(eta.dtype)).clamp(min=0)


def _half_deviance(eta: Tensor, y: Tensor) -> Tensor:
    """Return μ − y − y t with t = η − log y, which is y (e^t − 1 − t) ≥ 0; where e^η overflows it outgrows y t."""
    mean, t = eta.exp(), eta - y.log()
    near = t.clamp(-1, 1)
    error = torch.where(t == near, y * near.expm1(), mean - y)
    return torch.where((y == 0) | (mean == math.inf), mean, error - y * t)

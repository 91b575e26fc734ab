"""The gamma family: positive numbers whose spread grows with their mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
import scipy
import torch
from torch import Tensor

from likeliest.errors import UnknownNameError
from likeliest.families.base import Family, double, in_double, named
from likeliest.families.location_scale import product
from likeliest.families.means import MEAN_LINKS, MeanLink, scaled
from likeliest.interfaces import Eta
from likeliest.numerics import (
    is_within,
    log1p_below_tangent,
    plus,
    stirling_curvature,
    stirling_error,
    stirling_slope,
    weighted_mean,
    xmul,
)

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_AROUND_ONE = 0.7
_NEAR = 0.9
"""Up to this |log r|, r − 1 − log r is taken from a series."""
_TAME, _MOST = 300.0, 1e300
"""With logarithms and ratios up to here nothing over- or underflows."""
_EXPONENTIAL = 600.0
"""From this log dispersion on, k is so small that log p is −a, up to terms far below one rounding."""


@final
@dataclass(frozen=True)
class Gamma(Family):
    """y > 0 with mean μ = g⁻¹(η) and variance e^a μ²: a gamma of shape k = e^(−a). Two columns that broadcast, (η, a).

    The link g is the log, μ = e^η; the inverse, μ = 1/η; or the identity, μ = η. The last two want η > 0. With r = y/μ
    the ends are

    ==================  ===========  ===========  ==================
    η                   a            log p        score
    ==================  ===========  ===========  ==================
    r = 0 or +inf       any          −inf         (back, +inf)
    0 or less, where    any          −inf         (+inf, +inf)
    η > 0 is needed
    r = 1               −inf         +inf         (0, −½)
    r ≠ 1               −inf         −inf         (±inf, +inf)
    any other           +inf         −inf         (0, −1)
    ==================  ===========  ===========  ==================

    Args:
        link: ``"log"``, ``"inverse"`` or ``"identity"``.

    Raises:
        UnknownNameError: there is no such link.

    Source: McCullagh and Nelder (1989), Generalized linear models, chapter 8.

    Example:
        >>> family, eta, y = Gamma(), (torch.tensor([0.0, 1.0]), torch.tensor([0.0])), torch.tensor([1.0, 1.0])
        >>> [f"{log_prob:.4f}" for log_prob in family.log_prob(eta, y)]
        ['-1.0000', '-1.3679']
        >>> [f"{score:.4f}" for score in family.score(eta, y)[0]]
        ['0.0000', '-0.6321']
    """

    link: str = "log"

    name = "gamma"
    discrete = False
    links = tuple(MEAN_LINKS)
    columns = ("mean", "log_dispersion")
    dispersion = "log_dispersion"
    support = "a finite number y > 0"
    formula = "p(y|η, a) = (k/μ)^k y^(k−1) e^(−ky/μ) / Γ(k), k = e^(−a)"
    log_prob_formula = "log p(y|η, a) = −k (r − 1 − log r) − log y + k log k − k − log Γ(k), r = y/μ, k = e^(−a)"
    source = "McCullagh & Nelder (1989)"

    def __post_init__(self) -> None:
        if self.link not in MEAN_LINKS:
            raise UnknownNameError(
                f"no link of {self.name} goes by the name {self.link!r}; there are {', '.join(MEAN_LINKS)}"
            )

    @property
    def _link(self) -> MeanLink:
        return MEAN_LINKS[self.link]

    @property
    def domain(self) -> tuple[float, float]:
        """Where η must lie for μ to be positive."""
        return self._link.domain

    @property
    def mean_formula(self) -> str:
        """E[y] on one line."""
        return f"E[y] = {self._link.formula}"

    @property
    def score_formula(self) -> str:
        """The score on one line."""
        first = {"log": "k (r − 1)", "inverse": "k (1/η − y)", "identity": "k (r − 1)/η"}[self.link]
        return f"({first}, k (r − 1 − log r − log k + ψ(k))), r = y/μ, k = e^(−a)"

    def check_support(self, y: Tensor, outputs: int | None = None) -> None:
        """See `Family.check_support`."""
        self._refuse((y > 0) & (y < math.inf), y, "leave the row out, or use the family normal")

    @in_double
    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return −k (r − 1 − log r) − log y + log k/2 − log 2π/2 − δ(k), δ Stirling's error."""
        return self._log_prob(self._terms(eta, y))

    @in_double
    def score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return k (r − 1) d log μ/dη and k (r − 1 − log r) − ½ + k δ′(k), δ Stirling's error; both (…, n)."""
        return self._score(self._terms(eta, y))

    @in_double
    def log_prob_and_score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Eta]:
        """Return both; they share the loss."""
        terms = self._terms(eta, y)
        return self._log_prob(terms), self._score(terms)

    def _log_prob(self, at: _Terms) -> Tensor:
        """Far from the mean k log r and log y may cancel; for k near 1, (k − 1) log y and k log μ do not."""
        linear = self._linear(at)
        if at.large is None:
            far = linear - scaled(at.excess, at.a)
            return torch.where(at.near, -at.log_y - at.loss, far) + _log_peak(at.a)
        far = linear - torch.where(at.excess == math.inf, at.large, scaled(at.excess, at.a))
        value = torch.where(at.near, -at.log_y - at.loss, far) + _log_peak(at.a)
        return value.masked_fill(at.loss == math.inf, -math.inf)

    def _linear(self, at: _Terms) -> Tensor:
        """Return k log r − log y."""
        around = at.a.clamp(-_AROUND_ONE, _AROUND_ONE)
        apart = torch.expm1(-around) * at.log_y - torch.exp(-around) * at.log_mean
        if is_within(at.a, -_AROUND_ONE, _AROUND_ONE):
            return apart
        return torch.where(at.a == around, apart, scaled(at.t, at.a) - at.log_y)

    def _score(self, at: _Terms) -> tuple[Tensor, Tensor]:
        return at.pull, at.loss - 0.5 + stirling_slope(torch.exp(-at.a))

    def _terms(self, eta: Eta, y: Tensor) -> _Terms:
        first, a = named(eta)
        eta, y, link = self._link.inside(first), y.to(a.dtype), self._link
        log_y, log_mean = y.log(), link.log_mean(eta)
        t = link.log_ratio(eta, y, log_y)
        excess, near = link.excess(eta, y, t), t.abs() <= _NEAR
        above = torch.where(near, log1p_below_tangent(excess.clamp(-0.6, 1.9)), excess - t)
        pull = link.pull(eta, y, excess, a)
        if is_within(t, -_TAME, _TAME) and is_within(a, -_TAME, _TAME) and is_within(excess, -1.0, _MOST):
            return _Terms(eta, a, log_y, log_mean, t, near, excess, None, pull, above, scaled(above, a))
        above = above.masked_fill(t.isinf(), math.inf)
        large = _known(link.ratio(eta, y, a), excess)
        loss = torch.where((excess == math.inf) & ~t.isinf(), large, scaled(above, a))
        pull = torch.where((excess == math.inf) & pull.isinf(), _known(large * link.slope(eta), pull), pull)
        return _Terms(eta, a, log_y, log_mean, t, near, excess, large, pull, above, loss)

    def mean(self, eta: Eta) -> Tensor:
        """Return μ, (…, n) or (…, 1)."""
        return self._link.mean(named(eta)[0])

    @in_double
    def fisher_times(self, eta: Eta, v: Eta) -> tuple[Tensor, Tensor]:
        """Return (k (d log μ/dη)² v₀, (k² ψ′(k) − k) v₁): the two columns are orthogonal."""
        first, a = named(eta)
        slope = self._link.slope(self._link.inside(first))
        return xmul(v[0], scaled(slope, a, slope)), v[1] * (0.5 + stirling_curvature(torch.exp(-a)))

    @in_double
    def observed_times(self, eta: Eta, y: Tensor, v: Eta) -> tuple[Tensor, Tensor]:
        """Return k (log μ)′² (r − b (r − 1)) v₀ + m v₁ and m v₀ + (loss + k δ′(k) + k² δ″(k)) v₁, m the first score.

        b is the bend (log μ)″/(log μ)′² of the link.
        """
        at, bend = self._terms(eta, y), self._link.bend
        shape, slope = torch.exp(-at.a), self._link.slope(at.eta)
        weight = 1 + (1 - bend) * at.excess if bend != 1 else torch.ones_like(at.excess)
        curvature = scaled(weight * slope, at.a, slope)
        if bend != 1:
            curvature = torch.where(at.excess == math.inf, (1 - bend) * at.pull * slope, curvature)
        curvature = curvature.masked_fill(weight == 0, 0.0)
        last = at.loss + (stirling_slope(shape) + stirling_curvature(shape))
        return plus(xmul(v[0], curvature), xmul(v[1], at.pull)), plus(xmul(v[1], last), xmul(v[0], at.pull))

    def sample(self, eta: Eta, generator: np.random.Generator) -> Tensor:
        """Draw y, (…, n); what is too small for a number becomes the smallest normal one."""
        first, a = torch.broadcast_tensors(*named(eta))
        shape = torch.exp(-a.double())
        drawn = torch.from_numpy(generator.standard_gamma(shape.cpu().numpy())).to(shape) / shape
        return (drawn * self._link.mean(first.double())).to(first.dtype).clamp(min=torch.finfo(first.dtype).tiny)

    def deviation(self, eta: Eta) -> Tensor:
        """Return e^(a/2) μ, (…, n) or (…, 1)."""
        return scaled(self.mean(eta), -0.5 * named(eta)[1])

    @in_double
    def cdf(self, eta: Eta, y: Tensor) -> Tensor:
        """Return P(k, k y/μ), the regularised lower incomplete gamma function, and 0 below 0."""
        first, a = named(eta)
        a = a.clamp(-_EXPONENTIAL, _EXPONENTIAL)
        eta, y = self._link.inside(first), y.to(a.dtype).clamp(min=0)
        at = _known(self._link.ratio(eta, y, a), self._link.ratio(eta, y))
        shape = torch.exp(-a)
        return torch.as_tensor(scipy.special.gammainc(shape.cpu().numpy(), at.cpu().numpy()), device=shape.device)

    @in_double
    def quantile(self, eta: Eta, level: Tensor) -> Tensor:
        """Return μ/k times the inverse of P(k, ·) at the level."""
        shape = torch.exp(-named(eta)[1].clamp(-_EXPONENTIAL, _EXPONENTIAL))
        standard = scipy.special.gammaincinv(shape.cpu().numpy(), level.double().cpu().numpy())
        return product(torch.as_tensor(standard, device=shape.device) / shape, self.mean(eta))

    def null_eta(self, y: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor:
        """Return (η of the mean, a), (…, 2); a = −inf where all y are equal."""
        y, weight = double(y, weight)
        first = self._link.inverse(weighted_mean(y, weight)).unsqueeze(-1)
        loss = weighted_mean(self._terms((first, torch.zeros_like(first)), y).above, weight)
        return torch.stack((first[..., 0], _dispersion_of(loss)), -1)

    @in_double
    def deviance(self, eta: Eta, y: Tensor) -> Tensor:
        """Return 2 (r − 1 − log r): the dispersion is left out, as in linear models of this family."""
        first = named(eta)[0]
        return 2 * self._terms((first, torch.zeros_like(first)), y).above

    def linear_error(self, eta: Eta, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return (y − η, 0), both (…, n)."""
        first = named(eta)[0]
        error = y.to(first.dtype) - first
        return error, torch.zeros_like(error)


class _Terms(NamedTuple):
    """What log p and its derivatives share, with r = y/μ."""

    eta: Tensor
    a: Tensor
    log_y: Tensor
    log_mean: Tensor
    t: Tensor
    """log r."""
    near: Tensor
    """Whether |log r| is small."""
    excess: Tensor
    """r − 1."""
    large: Tensor | None
    """k r, which may be a number where r is none; None where all are far from over- and underflow."""
    pull: Tensor
    """k (r − 1) d log μ/dη."""
    above: Tensor
    """r − 1 − log r, +inf where log r is infinite."""
    loss: Tensor
    """k times that."""


def _known(x: Tensor, otherwise: Tensor) -> Tensor:
    return torch.where(x.isnan(), otherwise, x)


def _log_peak(a: Tensor) -> Tensor:
    """Return k log k − k − log Γ(k): log p of y = μ = 1."""
    inner = a.clamp(max=_EXPONENTIAL)
    return torch.where(a > _EXPONENTIAL, -a, -0.5 * inner - _HALF_LOG_2PI - stirling_error(torch.exp(-inner)))


def _dispersion_of(loss: Tensor) -> Tensor:
    """Return the a with ½ − k δ′(k) = k loss, k = e^(−a), by Newton's method on the logarithms of both sides.

    In log k they differ by a convex function with a slope between −1 and 0, which twenty steps leave at its root.
    """
    log_k = -torch.log(2 * loss)
    for _ in range(20):
        k = torch.exp(log_k)
        slope, curvature = stirling_slope(k), stirling_curvature(k)
        gap = torch.log(0.5 - slope) - log_k - torch.log(loss)
        log_k = torch.where(loss > 0, log_k + gap / (1 + (slope + curvature) / (0.5 - slope)), math.inf)
    return -log_k

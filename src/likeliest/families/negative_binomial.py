"""The negative binomial family: counts that spread wider than Poisson's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
import scipy
import torch
from torch import Tensor

from likeliest.errors import NotOnOfferError
from likeliest.families.base import Family, double, in_double, named
from likeliest.families.location_scale import product
from likeliest.families.means import scaled
from likeliest.interfaces import Eta
from likeliest.numerics import (
    is_within,
    log1p_below_tangent,
    plus,
    stirling_curvature,
    stirling_error,
    stirling_errors,
    stirling_slope,
    weighted_mean,
    xmul,
)

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_MODERATE = 40.0
_TAME = 300.0
"""With logarithms up to here no product of powers of e over- or underflows."""
_BEYOND = 600.0
"""Powers of e from here on are taken by their logarithm."""
_MOST = 1e308
_MANY = 1e100
_NOTHING = 1e-18
"""What 1 + x does not feel."""


@final
@dataclass(frozen=True)
class NegativeBinomial(Family):
    """y ∈ {0, 1, 2, …} with mean μ = e^η and variance μ + αμ², α = e^a: the NB2. Two columns that broadcast, (η, a).

    It is a Poisson whose mean is drawn from a gamma of shape k = 1/α; k → ∞ is Poisson's. The Fisher information of a
    has no closed form; observed information has. At the ends, the first row that fits:

    ======  ======  ==============  ==============  ==================  ==================
    η       a       log p(0)        log p(y>0)      score at 0          score at y>0
    ======  ======  ==============  ==============  ==================  ==================
    +inf    any     −inf            −inf            (−k, +inf)          (−k, +inf)
    −inf    any     0               −inf            (0, 0)              (y, as it is)
    finite  −inf    Poisson's       Poisson's       (Poisson's, 0)      (Poisson's, 0)
    finite  +inf    0               −inf            (0, 0)              (0, −1)
    ======  ======  ==============  ==============  ==================  ==================

    Source: Lawless (1987), Negative binomial and mixed Poisson regression; log p after Loader (2000), Fast and accurate
    computation of binomial probabilities.

    Example:
        >>> family, eta, y = NegativeBinomial(), (torch.tensor([0.0]), torch.tensor([0.0])), torch.tensor([0.0, 1.0])
        >>> [f"{p:.4f}" for p in family.log_prob(eta, y).exp()]
        ['0.5000', '0.2500']
        >>> [f"{score:.4f}" for score in family.score(eta, y)[0]]
        ['-0.5000', '0.0000']
    """

    name = "negative_binomial"
    discrete = True
    has_fisher = False
    links = ("log",)
    columns = ("mean", "log_dispersion")
    support = "a count y, 0 or a whole number above"
    formula = "p(y|η, a) = Γ(y + k)/(Γ(k) y!) (k/(k + μ))^k (μ/(k + μ))^y, μ = e^η, k = e^(−a)"
    log_prob_formula = (
        "log p(y|η, a) = log Γ(y + k) − log Γ(k) − log y! + k log(k/(k + μ)) + y log(μ/(k + μ)), μ = e^η, k = e^(−a)"
    )
    mean_formula = "E[y] = e^η"
    score_formula = (
        "((y − μ)/(1 + αμ), k (z − log(1 + z) + ψ(k) − ψ(y + k) + log(1 + αy))), z = (y − μ)/(k + μ), α = e^a"
    )
    source = "Lawless (1987)"

    def check_support(self, y: Tensor, outputs: int | None = None) -> None:
        """See `Family.check_support`."""
        fine = (y >= 0) & (y < math.inf) & (y == y.round())
        self._refuse(fine, y, "leave the row out, or give rates as counts with the log of their exposure as an offset")

    @in_double
    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return the log-probability of y under its own mean, less half the deviance: neither cancels."""
        return _log_prob(_Row(eta, y))

    @in_double
    def score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return (y − μ)/(1 + αμ) and k (z − log(1 + z)) less what knows no mean; both (…, n)."""
        return _score(_Row(eta, y))

    @in_double
    def log_prob_and_score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Eta]:
        """Return both; they share the logarithms."""
        row = _Row(eta, y)
        return _log_prob(row), _score(row)

    def mean(self, eta: Eta) -> Tensor:
        """Return e^η, (…, n) or (…, 1)."""
        return named(eta)[0].exp()

    def fisher_times(self, eta: Eta, v: Eta) -> tuple[Tensor, ...]:
        """Refuse: nobody knows E[ψ′(y + k)] in closed form.

        Raises:
            NotOnOfferError: always.
        """
        raise NotOnOfferError(
            f"{self.name} has no Fisher information of log_dispersion in closed form; use observed_times, or a rule "
            "that needs HESSIAN in place of FISHER"
        )

    @in_double
    def observed_times(self, eta: Eta, y: Tensor, v: Eta) -> tuple[Tensor, Tensor]:
        """Return the products with y p q + m q, y p q − m p and minus the slope of the second score by a.

        p = μ/(k + μ), q = 1 − p and m = kμ/(k + μ).
        """
        row = _Row(eta, y)
        first, a, y = row.first, row.a, row.y
        log_odds = _sum(first, a)
        p, q = torch.sigmoid(log_odds), torch.sigmoid(-log_odds)
        least = torch.where(log_odds > 0, product(torch.exp(-a), p), product(first.exp(), q))
        mean, mixed = y * p * q + product(least, q), y * p * q - product(least, p)
        (pull, loss), k, share = _pull_and_loss(row), row.k, row.share
        total = (y + k).clamp(min=torch.finfo(a.dtype).tiny)
        remainders = share * stirling_slope(total) + share.square() * stirling_curvature(total)
        gone = 0.5 * share * (1 - share) - remainders + stirling_slope(k) + stirling_curvature(k)
        bent = torch.where(pull.isinf(), math.inf, (pull / total.sqrt()).square())
        last = torch.where(loss.isinf(), loss, loss - bent) + gone
        return plus(xmul(v[0], mean), xmul(v[1], mixed)), plus(xmul(v[1], last), xmul(v[0], mixed))

    @in_double
    def sample(self, eta: Eta, generator: np.random.Generator) -> Tensor:
        """Draw counts, (…, n); numpy refuses means above 9.2e18."""
        first, a = torch.broadcast_tensors(*named(eta))
        shape = torch.exp(-a.clamp(-_BEYOND, _BEYOND)).cpu().numpy()
        rate = generator.standard_gamma(shape) / shape * first.exp().cpu().numpy()
        return torch.as_tensor(generator.poisson(rate), dtype=a.dtype, device=a.device)

    def deviation(self, eta: Eta) -> Tensor:
        """Return √(μ + αμ²), (…, n) or (…, 1)."""
        first, a = named(eta)
        return torch.hypot(torch.exp(0.5 * first), torch.exp(_sum(first, 0.5 * a)))

    @in_double
    def cdf(self, eta: Eta, y: Tensor) -> Tensor:
        """Return I_q(k, ⌊y⌋ + 1), the regularised incomplete beta function at q = k/(k + μ), and 0 below 0."""
        first, a, y = _columns(eta, y)
        return _distribution(_sum(first, a), torch.exp(-a.clamp(-_BEYOND, _BEYOND)), y.floor())

    @in_double
    def quantile(self, eta: Eta, level: Tensor) -> Tensor:
        """Return the least count whose distribution function reaches the level: between −1 and +inf, by bisection.

        The middle of far bounds is their geometric mean.
        """
        first, a, level = _columns(eta, level)
        log_odds, k = _sum(first, a), torch.exp(-a.clamp(-_BEYOND, _BEYOND))
        low, high = torch.full_like(level, -1.0), torch.full_like(level, math.inf)
        while True:
            top = high.clamp(max=_MOST)
            far = top > 4 * (low + 4)
            middle = torch.where(far, (low + 2).sqrt() * top.sqrt(), 0.5 * low + 0.5 * top).floor()
            apart = (middle > low) & (middle < high)
            if not bool(apart.any()):
                return high
            reached = _distribution(log_odds, k, middle) >= level
            high, low = torch.where(apart & reached, middle, high), torch.where(apart & ~reached, middle, low)

    def null_eta(self, y: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor:
        """Return (log of the mean, a), (…, 2); a = −inf where the counts spread no wider than Poisson's."""
        y, weight = double(y, weight)
        weight = torch.ones_like(y) if weight is None else weight.expand_as(y)
        first = weighted_mean(y, weight).log()
        rows = zip(first.reshape(-1), y.reshape(-1, y.shape[-1]), weight.reshape(-1, y.shape[-1]), strict=True)
        dispersion = [self._best_dispersion(*row) for row in rows]
        return torch.stack((first, first.new_tensor(dispersion).reshape(first.shape)), -1)

    def _best_dispersion(self, first: Tensor, y: Tensor, weight: Tensor) -> float:
        """Return the root in a of the sum of scores over distinct counts, the only one (Levin and Reeds, 1977)."""
        counts, where = torch.unique(y, return_inverse=True)
        weight = torch.zeros_like(counts).index_add_(0, where, weight)
        mean = first.exp()
        excess = float(weight @ ((counts - mean).square() - counts))
        if excess <= 0:
            return -math.inf

        def slope(a: float) -> float:
            return float(weight @ self.score((first.expand(1), first.new_tensor([a])), counts)[1])

        low = high = math.log(excess / float(weight.sum() * mean.square()))
        while slope(low) < 0:
            low -= 2
        while slope(high) > 0:
            high += 2
        return float(scipy.optimize.brentq(slope, low, high, xtol=1e-300, rtol=8.9e-16)) if low < high else low

    @in_double
    def deviance(self, eta: Eta, y: Tensor) -> Tensor:
        """Return 2 (y log(y/μ) − (y + k) log((y + k)/(μ + k))): the saturated model has the same α."""
        row = _Row(eta, y)
        return 2 * torch.where(row.none, _no_counts(row), _half_deviance(row).clamp(min=0))

    def linear_error(self, eta: Eta, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return (y − η, 0), both (…, n)."""
        first = named(eta)[0]
        error = y.to(first.dtype) - first
        return error, torch.zeros_like(error)


class _Row:
    """η, a and y, columns that broadcast, with what log p and its derivatives share, worked out when asked for.

    A row without counts has one count wherever nobody looks.
    """

    def __init__(self, eta: Eta, y: Tensor) -> None:
        self.first, self.a = named(eta)
        self.y = y.to(self.a.dtype)
        self.none, self.count = self.y == 0, self.y.clamp(min=1)
        tame = is_within(self.first, -_TAME, _TAME) and is_within(self.a, -_TAME, _TAME)
        self.tame = tame and is_within(self.y, 0.0, _MANY)
        """Whether no product of e^η, e^a and y over- or underflows in any row."""

    @cached_property
    def mean(self) -> Tensor:
        """μ."""
        return self.first.exp()

    @cached_property
    def alpha(self) -> Tensor:
        """e^a."""
        return self.a.exp()

    @cached_property
    def k(self) -> Tensor:
        """e^(−a)."""
        return torch.exp(-self.a)

    @cached_property
    def log_count(self) -> Tensor:
        """The log y of the count."""
        return self.count.log()

    @cached_property
    def total(self) -> Tensor:
        """The count and k in sum."""
        return self.count + self.k

    @cached_property
    def share(self) -> Tensor:
        """1/(1 + αy)."""
        return 1 / (1 + (self.y * self.alpha if self.tame else product(self.y, self.alpha)))

    @cached_property
    def count_growth(self) -> Tensor:
        """log(1 + αy)."""
        if self.tame:
            return torch.log1p(self.y * self.alpha)
        moderate = torch.log1p(self.y * self.a.clamp(max=_BEYOND).exp())
        return torch.where(self.a > _BEYOND, self.log_count + self.a, moderate).masked_fill(self.none, 0.0)

    @cached_property
    def growth(self) -> Tensor:
        """log(1 + αμ), from the product as long as it is moderate."""
        if self.tame:
            return torch.log1p(self.alpha * self.mean)
        log_odds, inner = _sum(self.first, self.a), self.a.clamp(max=_BEYOND)
        moderate = log_odds <= _MODERATE
        beyond = torch.where(moderate, self.a - inner, 0.0).exp()
        grown = scaled(inner.exp(), -torch.where(moderate, self.first, 0.0), beyond)
        grown = grown.masked_fill(log_odds == -math.inf, 0.0)
        far = torch.where(moderate, _MODERATE, log_odds)
        return torch.where(moderate, grown.log1p(), far + torch.exp(-far))


def _columns(eta: Eta, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return η, a and y broadcast."""
    first, a = named(eta)
    first, a, y = torch.broadcast_tensors(first, a, y.to(a.dtype))
    return first, a, y


def _sum(first: Tensor, a: Tensor) -> Tensor:
    """Return η + a, of which an infinite η is all."""
    return torch.where(first.isinf() & ~a.isnan(), first, first + a)


def _log_prob(row: _Row) -> Tensor:
    return torch.where(row.none, -_no_counts(row), _log_peak(row) - _half_deviance(row))


def _score(row: _Row) -> tuple[Tensor, Tensor]:
    pull, loss = _pull_and_loss(row)
    rise = 0.5 * (1 - row.share) + row.share * stirling_slope(row.total) - stirling_slope(row.k)
    return pull, loss - rise.masked_fill(row.none, 0.0)


def _no_counts(row: _Row) -> Tensor:
    """Return k log(1 + αμ) = −log p(0): μ where αμ is nothing, and nothing where k is."""
    if row.tame:
        return row.growth * row.k
    value = torch.where(row.growth < _NOTHING, row.mean, scaled(row.growth, row.a))
    return value.masked_fill((row.a == math.inf) & (row.first < math.inf), 0.0)


def _log_peak(row: _Row) -> Tensor:
    """Return log p(y) of the mean μ = y ≥ 1: −½ log(2πy (1 + αy)) + δ(y + k) − δ(k) − δ(y), δ Stirling's error."""
    of_count, of_total = stirling_errors(row.count, row.total)
    width = 0.5 * (row.log_count + row.count_growth)
    if row.tame:
        return of_total - of_count - (width + (_HALF_LOG_2PI + stirling_error(row.k)))
    inner = row.a.clamp(max=_BEYOND)
    few = torch.where(row.a > inner, _HALF_LOG_2PI - 0.5 * row.a, -stirling_error(torch.exp(-inner)))
    return of_total - of_count - width - _HALF_LOG_2PI + few


def _half_deviance(row: _Row) -> Tensor:
    """Return y log(y/μ) − (y + k) log((y + k)/(μ + k)) for y ≥ 1.

    With n = y + k, the smaller m of y and k, and s the log of μ/y where that is y, of y/μ where it is k, it is
    n log(1 + m (e^s − 1)/n) − m s, which loses digits neither for k nor for y large.
    """
    y, k, total = row.count, row.k, row.total
    t, fewer, least = row.first - row.log_count, k < y, torch.minimum(k, y)
    s = torch.where(fewer, -t, t)
    near = s.clamp(-1, 1)
    by_shape = k * (y / row.mean) if row.tame else scaled(y, _sum(row.first, row.a))
    gain = torch.where(s == near, least * near.expm1(), torch.where(fewer, by_shape, row.mean) - least)
    if row.tame:
        return total * torch.log1p(gain / total) - least * s
    log_share = torch.where(fewer, -row.a, row.log_count) - total.log()
    huge = s > _BEYOND
    log_sum = torch.logaddexp(torch.where(huge, s + log_share, 0.0), torch.zeros_like(s))
    log_growth = torch.where(huge, log_sum, torch.log1p(torch.where(huge, 0.0, gain / total)))
    value = torch.where(total == math.inf, gain, total * log_growth) - least * s
    return torch.where(value.isnan() & ~row.first.isnan() & ~row.a.isnan(), math.inf, value)


def _pull_and_loss(row: _Row) -> tuple[Tensor, Tensor]:
    """Return (y − μ)/(1 + αμ) = k z and k (z − log(1 + z)) with z = (y − μ)/(k + μ)."""
    first, a, y, k = row.first, row.a, row.y, row.k
    if row.tame:
        error = y - row.mean
        pull, z = error / (1 + row.alpha * row.mean), error / (k + row.mean)
        near = z.clamp(-0.6, 1.9)
        return pull, torch.where(z == near, log1p_below_tangent(near), z - (row.count_growth - row.growth)) * k
    rises = first > 0
    mean, inverse = first.clamp(max=0.0).exp(), torch.exp(-first.clamp(min=0.0))
    error = torch.where(rises, y * inverse - 1, y - mean)
    pull = error / torch.where(rises, inverse + row.alpha, 1 + product(mean, row.alpha))
    z = error / torch.where(rises, 1 + product(inverse, k), k + mean)
    near = z.clamp(-0.6, 1.9)
    far = pull - scaled(row.count_growth - row.growth, a)
    loss = torch.where(z == near, scaled(log1p_below_tangent(near), a), far)
    loss = loss.masked_fill((a == math.inf) & (first < math.inf), 0.0)
    return pull, torch.where(loss.isnan() & ~first.isnan() & ~a.isnan(), math.inf, loss)


def _distribution(log_odds: Tensor, k: Tensor, y: Tensor) -> Tensor:
    """Return P(Y ≤ y) for a whole y, from the smaller of μ/(k + μ) and k/(k + μ)."""
    p, q, above = torch.sigmoid(log_odds), torch.sigmoid(-log_odds), y.clamp(min=0) + 1
    few = scipy.special.betaincc(above.cpu().numpy(), k.cpu().numpy(), p.cpu().numpy())
    many = scipy.special.betainc(k.cpu().numpy(), above.cpu().numpy(), q.cpu().numpy())
    value = torch.where(p < 0.5, torch.as_tensor(few, device=y.device), torch.as_tensor(many, device=y.device))
    return value.masked_fill(y < 0, 0.0).masked_fill(y == math.inf, 1.0)

"""The binomial family with every link of a probability: successes and failures, counted."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import NotOnOfferError, SupportError
from likeliest.families.base import double, in_double, single
from likeliest.families.links import Link, Pair, recession_faces
from likeliest.families.trials import Trials
from likeliest.interfaces import Eta
from likeliest.numerics import is_within, log1p_below_tangent, stirling_errors, two_product, weighted_mean, xmul

_LEAST = 1e-290
"""A probability below it is near the subnormal ones, so that its logarithm takes its place."""
_LARGEST = torch.finfo(torch.float64).max


@final
@dataclass(frozen=True)
class Binomial(Trials):
    """k successes and f failures in m = k + f trials of probability p = g⁻¹(η); y = (k, f), (…, n, 2), as R's cbind.

    η is (…, n, 1); `Bernoulli` lists the links and what holds at the ends, where k successes count k times and a row
    without trials not at all. How many trials there were is no part of what is random: mean, sample and Fisher
    information are of one trial, and `trials` says how many a row has. Between integers m! goes on as Γ(m + 1).

    The log of C(m, k) p^k q^f is a difference of numbers of size m. So it is taken from Stirling's errors δ and half
    the deviance D, each of which is small where it should be (Loader, 2000):

        log p(y | η) = −½ log(2π k f/m) + δ(m) − δ(k) − δ(f) − D,   D = k log(k/(m p)) + f log(f/(m q))

    D follows from the residual r = k − m p alone, which is exact where p is next to its value at η = 0.

    Args:
        link: the name of the link.

    Raises:
        UnknownNameError: there is no such link.

    Source: Bernoulli (1713), Ars conjectandi; Loader (2000), Fast and accurate computation of binomial probabilities.

    Example:
        >>> family, eta, y = Binomial(), torch.zeros(2, 1), torch.tensor([[2.0, 2.0], [0.0, 4.0]])
        >>> family.log_prob(eta, y).exp().tolist(), family.score(eta, y).tolist()
        ([0.375, 0.0625], [[0.0], [-2.0]])
    """

    name = "binomial"
    y_columns = 2
    support = "two finite counts ≥ 0, successes and failures"

    @property
    def formula(self) -> str:
        """p(y | η) on one line."""
        return f"p(y|η) = C(m, k) p^k (1 − p)^(m−k), m = k + f, p = {self._link.formula}"

    @property
    def log_prob_formula(self) -> str:
        """The log p(y | η) on one line."""
        return f"log p(y|η) = log C(m, k) + k log p + f log(1 − p), m = k + f, p = {self._link.formula}"

    @property
    def mean_formula(self) -> str:
        """The mean of one trial on one line."""
        return f"E[k/m] = {self._link.formula}"

    @property
    def score_formula(self) -> str:
        """The score on one line."""
        return "k − m σ(η)" if self.canonical else "(k − m p) p′/(p (1 − p)), p′ = dp/dη"

    @property
    def source(self) -> str:
        """The papers."""
        return f"Bernoulli (1713); {self._link.source}"

    def check_support(self, y: Tensor, outputs: int | None = None) -> None:
        """See `Family.check_support`."""
        if y.ndim < 2 or y.shape[-1] != 2:
            raise SupportError(
                f"{self.name} needs two columns of y, successes and failures; found the shape {tuple(y.shape)}; write "
                "y = (k, m − k), or use the family bernoulli with fractions k/m and the weights m"
            )
        fine = ((y >= 0) & (y < math.inf)).all(-1)
        self._refuse(fine, y, "count the successes and, beside them, the failures")

    def trials(self, y: Tensor) -> Tensor:
        """Return m = k + f, (…, n)."""
        return y.sum(-1)

    @in_double
    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return log C(m, k) + k log p + f log(1 − p)."""
        return _log_prob(_Row(self._link, eta, y))

    @in_double
    def score(self, eta: Eta, y: Tensor) -> Tensor:
        """Return (k − m p) p′/(p q), where p′/(p q) = p′/p + p′/q."""
        return _score(_Row(self._link, eta, y))

    @in_double
    def log_prob_and_score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Eta]:
        """Return both; they share the residual."""
        row = _Row(self._link, eta, y)
        return _log_prob(row), _score(row)

    def mean(self, eta: Eta) -> Tensor:
        """Return p, (…, n)."""
        return self._link.tails(single(eta)[..., 0])[0]

    def fisher_times(self, eta: Eta, v: Eta) -> Tensor:
        """Return p′²/(p q) v, of one trial."""
        return xmul(single(v), self._link.information(single(eta)))

    @in_double
    def observed_times(self, eta: Eta, y: Tensor, v: Eta) -> Tensor:
        """Return the curvature of −k log p − f log q, times v."""
        k, f = y.double().split(1, -1)
        success, failure = self._link.curvatures(single(eta))
        return xmul(single(v), xmul(k, success) + xmul(f, failure))

    def sample(self, eta: Eta, generator: np.random.Generator) -> Tensor:
        """Draw one trial for each row of η: (1, 0) or (0, 1), (…, n, 2), in η's precision."""
        mean = self.mean(eta)
        success = (torch.from_numpy(generator.random(mean.shape)).to(mean.device) < mean).to(mean.dtype)
        return torch.stack((success, 1 - success), -1)

    def null_eta(self, y: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor:
        """Return g of the share of successes among all trials, (…, 1)."""
        y, weight = double(y, weight)
        successes, failures = weighted_mean(y[..., 0], weight), weighted_mean(y[..., 1], weight)
        total = successes + failures
        return self._link.inverse(successes / total, failures / total).unsqueeze(-1)

    def recession_cone(self, y: Tensor, outputs: int | None = None) -> Tensor | None:
        """Return (n, m, 1): Δη ≥ 0 where all trials succeed and Δη ≤ 0 where all fail, if η may go there."""
        return recession_faces(self.domain, y[..., 0] > 0, y[..., 1] > 0)

    @in_double
    def deviance(self, eta: Eta, y: Tensor) -> Tensor:
        """Return 2 (k log(k/(m p)) + f log(f/(m q)))."""
        row = _Row(self._link, eta, y)
        return 2 * row.by_sides(_half_deviance, lambda row: -_one_sided(row))

    def _no_number(self, what: str) -> NotOnOfferError:
        return NotOnOfferError(
            f"{self.name} has no {what}: η says nothing of how many trials there are; with m of them successes are "
            "scipy.stats.binom(m, p), p = mean(eta)"
        )

    def linear_error(self, eta: Eta, y: Tensor) -> Tensor:
        """Return k − m η: the sum of y − η over the trials."""
        eta = single(eta)
        return y[..., :1].to(eta.dtype) - self.trials(y).to(eta.dtype).unsqueeze(-1) * eta


class _Row:
    """η and y, (…, n) each, with what log p and the score share, worked out when asked for."""

    def __init__(self, link: Link, eta: Eta, y: Tensor) -> None:
        self.link, self.eta = link, single(eta)[..., 0]
        self.k, self.f = y.double().unbind(-1)
        self.m, least = self.k + self.f, torch.minimum(self.k, self.f)
        self.two_sided = least > 0
        """Whether there are successes and failures."""
        self.all_two_sided = is_within(least, math.ulp(0.0), math.inf)

    @cached_property
    def tails(self) -> Pair:
        """The probabilities p and q."""
        return self.link.tails(self.eta)

    @cached_property
    def log_tails(self) -> Pair:
        """The logs of p and q."""
        return self.link.log_tails(self.eta)

    @cached_property
    def residual(self) -> Tensor:
        """The residual k − m p: exact where p is next to its value at η = 0."""
        k, f, m = self.k, self.f, self.m
        p, q = self.tails
        residual = torch.where(p < q, k - m * p, m * q - f)
        rise = self.link.rise(self.eta)
        if rise is None:
            return residual
        return torch.where(self.eta.abs() < 1, self._at_zero - m * rise, residual)

    @property
    def _at_zero(self) -> Tensor:
        """The residual at η = 0, where m p is exact if p is a half."""
        if self.link.centre == (0.5, 0.0):
            return self.k - 0.5 * self.m
        centre, rest = (self.m.new_tensor(part) for part in self.link.centre)
        expected, lost = two_product(self.m, centre)
        return ((self.k - expected) - lost) - self.m * rest

    def by_sides(self, both: Callable[[_Row], Tensor], one: Callable[[_Row], Tensor]) -> Tensor:
        """Return what holds of successes and failures, and where there is only one kind of them, or neither."""
        return both(self) if self.all_two_sided else torch.where(self.two_sided, both(self), one(self))

    @cached_property
    def counts(self) -> Pair:
        """The counts where there are both, 1 of each where nobody looks."""
        if self.all_two_sided:
            return self.k, self.f
        return torch.where(self.two_sided, self.k, 1.0), torch.where(self.two_sided, self.f, 1.0)


def _log_prob(row: _Row) -> Tensor:
    return row.by_sides(_two_sided, _one_sided)


def _score(row: _Row) -> Tensor:
    success, failure = row.link.slopes(row.eta)
    steep = success - failure
    value = row.residual * steep
    if not (row.all_two_sided and is_within(steep, 0.0, _LARGEST)):
        apart = xmul(row.k, success) + xmul(row.f, failure)
        value = torch.where(row.two_sided & steep.isfinite(), value, apart)
    return value.unsqueeze(-1)


def _one_sided(row: _Row) -> Tensor:
    """Return k log p + f log q, where one of k and f is 0."""
    log_p, log_q = row.log_tails
    return xmul(row.k, log_p) + xmul(row.f, log_q)


def _two_sided(row: _Row) -> Tensor:
    """Return log p where k and f are above 0."""
    k, f = row.counts
    m = k + f
    of_m, of_k, of_f = stirling_errors(m, k, f)
    width = 2 * math.pi * torch.minimum(k, f) * (torch.maximum(k, f) / m)
    return of_m - of_k - of_f - 0.5 * width.log() - _half_deviance(row)


def _half_deviance(row: _Row) -> Tensor:
    """Return k log(k/(m p)) + f log(f/(m q)), the sum of two that are never negative, where k and f are above 0."""
    (k, f), (p, q), excess = row.counts, row.tails, -row.residual
    ordinary = is_within(p, _LEAST, 1.0) and is_within(q, _LEAST, 1.0)
    log_p, log_q = (None, None) if ordinary else row.log_tails
    return _surprise(k, k + f, p, log_p, excess) + _surprise(f, k + f, q, log_q, row.residual)


def _surprise(count: Tensor, m: Tensor, p: Tensor, log_p: Tensor | None, excess: Tensor) -> Tensor:
    """Return c log(c/(m p)) + m p − c ≥ 0 for a count c, given the excess m p − c and, if p may be near 0, its log.

    It is c (v − log(1 + v)) with v = excess/c; where v is near −1, the logarithm is taken of c/(m p) itself.
    """
    v = excess / count
    if is_within(v, -0.5, math.inf):
        return count * log1p_below_tangent(v)
    if log_p is None:
        ratio = (count / (m * p)).log()
    else:
        ratio = torch.where(p > _LEAST, (count / (m * p.clamp(min=_LEAST))).log(), (count / m).log() - log_p)
    return torch.where(v > -0.5, count * log1p_below_tangent(v.clamp(min=-0.5)), count * ratio + excess)

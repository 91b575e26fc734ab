"""The Bernoulli family with every link of a probability: logistic regression, probit, hazards, risks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from likeliest.families.base import as_column, double, single
from likeliest.families.links import recession_faces
from likeliest.families.trials import Trials
from likeliest.interfaces import Eta
from likeliest.numerics import weighted_mean, xmul


@final
@dataclass(frozen=True)
class Bernoulli(Trials):
    """y ∈ {0, 1} with P(y = 1) = p = g⁻¹(η); y may also be a fraction in [0, 1], the share of ones among equal trials.

    η is (…, n, 1). The link g is one of

    ==========  ========================  ==================================================
    link        p                         source
    ==========  ========================  ==================================================
    logit       σ(η) = 1/(1 + e^(−η))     Cox (1958), The regression analysis of binary sequences
    probit      Φ(η)                      Bliss (1934), The method of probits
    cloglog     1 − e^(−e^η)              Fisher (1922), On the mathematical foundations of theoretical statistics
    loglog      e^(−e^(−η))               the same, of failures
    cauchit     ½ + atan(η)/π             Koenker and Yoon (2009), Parametric links for binary choice models
    log         e^η, η ≤ 0                Wacholder (1986), Binomial regression in GLIM
    identity    η, 0 ≤ η ≤ 1              the same
    ==========  ========================  ==================================================

    At the ends, which are limits wherever there is one:

    ==================  =======  ==========  ==========  ===========  ===========
    link                η        log p(1)    log p(0)    score at 1   score at 0
    ==================  =======  ==========  ==========  ===========  ===========
    logit               −inf     −inf        0           1            0
    logit               +inf     0           −inf        0            −1
    probit              −inf     −inf        0           +inf         0
    probit              +inf     0           −inf        0            −inf
    cloglog             −inf     −inf        0           1            0
    cloglog             +inf     0           −inf        0            −inf
    loglog              −inf     −inf        0           +inf         0
    loglog              +inf     0           −inf        0            −1
    cauchit             −inf     −inf        0           0            0
    cauchit             +inf     0           −inf        0            0
    log                 −inf     −inf        0           1            0
    log                 0        0           −inf        1            −inf
    log                 above    −inf        −inf        −inf         −inf
    identity            below    −inf        −inf        +inf         +inf
    identity            0        −inf        0           +inf         −1
    identity            1        0           −inf        1            −inf
    identity            above    −inf        −inf        −inf         −inf
    ==================  =======  ==========  ==========  ===========  ===========

    Args:
        link: the name of the link.

    Raises:
        UnknownNameError: there is no such link.

    Example:
        >>> family, eta, y = Bernoulli(), torch.tensor([[0.0], [-1000.0]]), torch.tensor([1.0, 1.0])
        >>> family.log_prob(eta, y).tolist(), family.score(eta, y).tolist()
        ([-0.6931471824645996, -1000.0], [[0.5], [1.0]])
        >>> Bernoulli("probit").score(eta, y).tolist()
        [[0.7978845834732056], [1000.0009765625]]
    """

    name = "bernoulli"
    support = "y in [0, 1]"

    @property
    def formula(self) -> str:
        """p(y | η) on one line."""
        if self.canonical:
            return "p(y|η) = σ(η)^y (1 − σ(η))^(1−y), σ(η) = 1/(1 + e^(−η))"
        return f"p(y|η) = p^y (1 − p)^(1−y), p = {self._link.formula}"

    @property
    def log_prob_formula(self) -> str:
        """The log p(y | η) on one line."""
        if self.canonical:
            return "log p(y|η) = y log σ(η) + (1 − y) log σ(−η)"
        return f"log p(y|η) = y log p + (1 − y) log(1 − p), p = {self._link.formula}"

    @property
    def mean_formula(self) -> str:
        """E[y | η] on one line."""
        return f"E[y] = {self._link.formula}"

    @property
    def score_formula(self) -> str:
        """The score on one line."""
        return "y − σ(η)" if self.canonical else "(y − p) p′/(p (1 − p)), p′ = dp/dη"

    @property
    def source(self) -> str:
        """The paper."""
        return self._link.source

    def check_support(self, y: Tensor, outputs: int | None = None) -> None:
        """See `Family.check_support`."""
        self._refuse((y >= 0) & (y <= 1), y, "code the two classes as 0 and 1, or use the family categorical")

    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return y log p + (1 − y) log(1 − p)."""
        eta = single(eta)[..., 0]
        return self._link.log_prob(eta, y.to(eta.dtype))

    def score(self, eta: Eta, y: Tensor) -> Tensor:
        """Return y p′/p − (1 − y) p′/(1 − p)."""
        eta = single(eta)
        return self._link.score(eta, as_column(eta, y))

    def mean(self, eta: Eta) -> Tensor:
        """Return p, (…, n)."""
        return self._link.tails(single(eta)[..., 0])[0]

    def fisher_times(self, eta: Eta, v: Eta) -> Tensor:
        """Return p′²/(p (1 − p)) v."""
        return self._times(self._link.information(single(eta)), single(v))

    def observed_times(self, eta: Eta, y: Tensor, v: Eta) -> Tensor:
        """Return the curvatures of −log p and −log(1 − p), weighted by y and 1 − y, times v."""
        eta = single(eta)
        return self._times(self._link.observed(eta, as_column(eta, y)), single(v))

    def _times(self, curvature: Tensor, v: Tensor) -> Tensor:
        """Return curvature · v; only the logit's is always finite."""
        return curvature * v if self.canonical else xmul(v, curvature)

    def sample(self, eta: Eta, generator: np.random.Generator) -> Tensor:
        """Draw zeros and ones, (…, n), in η's precision."""
        mean = self.mean(eta)
        return (torch.from_numpy(generator.random(mean.shape)).to(mean.device) < mean).to(mean.dtype)

    def null_eta(self, y: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor:
        """Return g of the mean, (…, 1)."""
        y, weight = double(y, weight)
        return self._link.inverse(weighted_mean(y, weight), weighted_mean(1 - y, weight)).unsqueeze(-1)

    def recession_cone(self, y: Tensor, outputs: int | None = None) -> Tensor | None:
        """Return (n, m, 1): Δη ≥ 0 where y = 1 and Δη ≤ 0 where y = 0, if η may go there; two faces hold Δη to 0."""
        return recession_faces(self.domain, y > 0, y < 1)

    def deviance(self, eta: Eta, y: Tensor) -> Tensor:
        """Return 2 (y log y + (1 − y) log(1 − y) − log p(y | η))."""
        log_prob = self.log_prob(eta, y)
        y = y.to(log_prob.dtype)
        return 2 * (torch.xlogy(y, y) + torch.xlogy(1 - y, 1 - y) - log_prob)

    def linear_error(self, eta: Eta, y: Tensor) -> Tensor:
        """Return y − η."""
        eta = single(eta)
        return as_column(eta, y) - eta

    def decision_error(self, eta: Eta, y: Tensor) -> Tensor:
        """Return y − [p > ½]."""
        eta = single(eta)
        half = eta.new_tensor(0.5)
        return as_column(eta, y) - (eta > self._link.inverse(half, half)).to(eta.dtype)

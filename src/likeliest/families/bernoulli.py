"""The Bernoulli family with its canonical link, the logit: logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from likeliest.families.base import Canonical, as_column, double, single
from likeliest.interfaces import Eta
from likeliest.numerics import weighted_mean, xmul


@final
@dataclass(frozen=True)
class Bernoulli(Canonical):
    """y ∈ {0, 1} with P(y = 1) = σ(η); y may also be a fraction in [0, 1], the share of ones among equal trials.

    η is (…, n, 1). At the ends:

    ==========  ==========  ==========  ===========  ===========
    η           log p(1)    log p(0)    score at 1   score at 0
    ==========  ==========  ==========  ===========  ===========
    −inf        −inf        0           1            0
    −1e308      −1e308      0           1            0
    +1e308      0           −1e308      0            −1
    +inf        0           −inf        0            −1
    ==========  ==========  ==========  ===========  ===========

    Source: Cox (1958), The regression analysis of binary sequences.

    Example:
        >>> family, eta, y = Bernoulli(), torch.tensor([[0.0], [-1000.0]]), torch.tensor([1.0, 1.0])
        >>> family.log_prob(eta, y).tolist(), family.score(eta, y).tolist()
        ([-0.6931471824645996, -1000.0], [[0.5], [1.0]])
    """

    name = "bernoulli"
    discrete = True
    links = ("logit",)
    columns = ("mean",)
    support = "y in [0, 1]"
    formula = "p(y|η) = σ(η)^y (1 − σ(η))^(1−y), σ(η) = 1/(1 + e^(−η))"
    log_prob_formula = "log p(y|η) = y log σ(η) + (1 − y) log σ(−η)"
    mean_formula = "E[y] = σ(η) = 1/(1 + e^(−η))"
    score_formula = "y − σ(η)"
    source = "Cox (1958)"

    def check_support(self, y: Tensor, outputs: int | None = None) -> None:
        """See `Family.check_support`."""
        self._refuse((y >= 0) & (y <= 1), y, "code the two classes as 0 and 1, or use the family categorical")

    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return y log σ(η) + (1 − y) log σ(−η)."""
        eta = single(eta)[..., 0]
        y = y.to(eta.dtype)
        return xmul(y, logsigmoid(eta)) + xmul(1 - y, logsigmoid(-eta))

    def score(self, eta: Eta, y: Tensor) -> Tensor:
        """Return y − σ(η): on the line from −σ(η) at y = 0 to σ(−η) at y = 1, both of them exact in the tails."""
        eta = single(eta)
        return torch.lerp(-torch.sigmoid(eta), torch.sigmoid(-eta), as_column(eta, y))

    def mean(self, eta: Eta) -> Tensor:
        """Return σ(η), (…, n)."""
        return torch.sigmoid(single(eta)[..., 0])

    def fisher_times(self, eta: Eta, v: Eta) -> Tensor:
        """Return σ(η) σ(−η) v."""
        eta = single(eta)
        return torch.sigmoid(eta) * torch.sigmoid(-eta) * single(v)

    def sample(self, eta: Eta, generator: np.random.Generator) -> Tensor:
        """Draw zeros and ones, (…, n), in η's precision."""
        mean = self.mean(eta)
        return (torch.from_numpy(generator.random(mean.shape)).to(mean.device) < mean).to(mean.dtype)

    def statistic(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return y as a column."""
        return as_column(eta, y)

    def null_eta(self, y: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor:
        """Return the log-odds of the mean, (…, 1)."""
        y, weight = double(y, weight)
        return (weighted_mean(y, weight).log() - weighted_mean(1 - y, weight).log()).unsqueeze(-1)

    def recession_cone(self, y: Tensor, outputs: int | None = None) -> Tensor:
        """Return (n, 1, 1): Δη ≥ 0 where y = 1 and Δη ≤ 0 where y = 0; (n, 2, 1) where fractions hold Δη to 0."""
        y = y.double()
        upper, lower = torch.where(y > 0, 1.0, -1.0), torch.where(y < 1, -1.0, 1.0)
        faces = (upper,) if bool((upper == lower).all()) else (upper, lower)
        return torch.stack(faces, -1).double().unsqueeze(-1)

    def deviance(self, eta: Eta, y: Tensor) -> Tensor:
        """Return 2 (y log y + (1 − y) log(1 − y) − log p(y | η))."""
        log_prob = self.log_prob(eta, y)
        y = y.to(log_prob.dtype)
        return 2 * (torch.xlogy(y, y) + torch.xlogy(1 - y, 1 - y) - log_prob)

    def decision_error(self, eta: Eta, y: Tensor) -> Tensor:
        """Return y − [η > 0]."""
        eta = single(eta)
        return as_column(eta, y) - (eta > 0).to(eta.dtype)

"""The categorical family with its canonical link, the softmax: one of K classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import SupportError
from likeliest.families.base import Canonical, double, single
from likeliest.interfaces import Eta
from likeliest.numerics import exp_below, finite, gap, log_sum_exp_below, sum_of_powers, xmul

_SUMS_TO_ONE = 1e-5


@final
@dataclass(frozen=True)
class Categorical(Canonical):
    """One of K classes with probabilities softmax(η); all K columns are kept, so a shift of them all changes nothing.

    η is (…, n, K). y is the index of the class, int64 (n,), or its probabilities, floats (n, K), as distillation, label
    smoothing and crowds give them: log p is then Σ_k y_k log p_k. At the ends:

    ===================  ======================  ======================
    η                    p                       log p
    ===================  ======================  ======================
    m times +inf         1/m for each, else 0    −log m for each, else −inf
    all −inf             1/K for each            −log K for each
    −inf, others finite  0                       −inf
    (1e308, −1e308)      (1, 0)                  (0, −inf)
    ===================  ======================  ======================

    Source: Bridle (1990), Probabilistic interpretation of feedforward classification network outputs; Böhning (1992).

    Example:
        >>> family, eta, y = Categorical(), torch.tensor([[0.0, 0.0], [40.0, 0.0]]), torch.tensor([1, 0])
        >>> family.log_prob(eta, y).tolist(), family.score(eta, y).tolist()
        ([-0.6931471824645996, -4.24835...e-18], [[-0.5, 0.5], [4.24835...e-18, -4.24835...e-18]])
    """

    name = "categorical"
    discrete = True
    links = ("softmax",)
    columns = None
    gauge = "shift"
    support = "the index of a class, int64 and at least 0, or probabilities (n, K) that sum to 1"
    formula = "p(y|η) = e^(η_y) / Σ_k e^(η_k)"
    log_prob_formula = "log p(y|η) = η_y − log Σ_k e^(η_k)"
    mean_formula = "P(y = k) = p_k = e^(η_k) / Σ_j e^(η_j)"
    score_formula = "[k = y] − p_k"
    source = "Bridle (1990)"

    def check_support(self, y: Tensor, outputs: int | None = None) -> None:
        """See `Family.check_support`."""
        if y.dtype == torch.int64:
            fine = (y >= 0) if outputs is None else (y >= 0) & (y < outputs)
            self._refuse(fine, y, f"number the {outputs or 'K'} classes from 0")
        elif y.is_floating_point() and y.ndim > 1 and outputs in (None, y.shape[-1]):
            fine = (y >= 0).all(-1) & ((y.sum(-1) - 1).abs() <= _SUMS_TO_ONE)
            self._refuse(fine, y, "divide each row by its sum")
        else:
            kind = f"{str(y.dtype).removeprefix('torch.')} of shape {tuple(y.shape)}"
            raise SupportError(
                f"{self.name} with {outputs or 'K'} classes needs {self.support}, found {kind}; "
                "pass y.long() for indices"
            )

    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return η_y − log Σ e^η."""
        eta = single(eta)
        top, at = eta.max(-1, keepdim=True)
        return _log_prob(eta, top, log_sum_exp_below(exp_below(finite(eta), finite(top)), at), y)

    def score(self, eta: Eta, y: Tensor) -> Tensor:
        """Return onehot(y) − softmax(η)."""
        return _score(_powers(single(eta)), y)

    def log_prob_and_score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return both from one set of exponentials."""
        eta = single(eta)
        top, at = eta.max(-1, keepdim=True)
        powers = exp_below(finite(eta), finite(top))
        return _log_prob(eta, top, log_sum_exp_below(powers, at), y), _score(powers, y)

    def mean(self, eta: Eta) -> Tensor:
        """Return the probabilities, (…, n, K)."""
        powers = _powers(single(eta))
        return powers / sum_of_powers(powers)

    def fisher_times(self, eta: Eta, v: Eta) -> Tensor:
        """Return p ∘ (v − ⟨p, v⟩)."""
        p = self.mean(eta)
        return p * (single(v) - (p * single(v)).sum(-1, keepdim=True))

    def sample(self, eta: Eta, generator: np.random.Generator) -> Tensor:
        """Draw indices, int64 (…, n), by inverting the cumulative probabilities."""
        below = self.mean(eta).double().cumsum(-1)
        uniform = torch.from_numpy(generator.random((*below.shape[:-1], 1))).to(below.device)
        return (uniform * below[..., -1:] >= below[..., :-1]).sum(-1)

    def statistic(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return onehot(y), or the probabilities that y is."""
        return _one_hot(y, eta.shape[-1]).to(eta.dtype)

    def null_eta(self, y: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor:
        """Return the log of the classes' shares, (…, K); without ``outputs`` K is the largest index + 1."""
        hot, weight = double(_one_hot(y, outputs), weight)
        totals = hot.sum(-2) if weight is None else (hot * weight.unsqueeze(-1)).sum(-2)
        return (totals / totals.sum(-1, keepdim=True)).log()

    def recession_cone(self, y: Tensor, outputs: int | None = None) -> Tensor:
        """Return (n, K − 1, K): Δη_y ≥ Δη_k for each k ≠ y; twice as many faces where y holds classes level."""
        hot = _one_hot(y, outputs).double()
        n, k = hot.shape
        anchor = hot.argmax(-1, keepdim=True)
        others = torch.arange(k, device=y.device).expand(n, k)
        others = others[others != anchor].view(n, k - 1)
        eye = torch.eye(k, dtype=torch.float64, device=y.device)
        faces = eye[anchor] - eye[others]
        level = hot.gather(-1, others) > 0
        return torch.cat((faces, torch.where(level.unsqueeze(-1), -faces, faces)), 1) if bool(level.any()) else faces

    def deviance(self, eta: Eta, y: Tensor) -> Tensor:
        """Return 2 (Σ_k y_k log y_k − log p(y | η)), which for an index is −2 log p."""
        log_prob = self.log_prob(eta, y)
        return 2 * (torch.xlogy(y, y).sum(-1) - log_prob) if y.is_floating_point() else -2 * log_prob

    def decision_error(self, eta: Eta, y: Tensor) -> Tensor:
        """Return onehot(y) − onehot(argmax η); of equal η the first wins."""
        eta = single(eta)
        return self.statistic(eta, y) - _one_hot(eta.argmax(-1), eta.shape[-1]).to(eta.dtype)


def _log_prob(eta: Tensor, top: Tensor, log_total: Tensor, y: Tensor) -> Tensor:
    """Return η_y − top − log_total, where log_total = log Σ e^(η − top)."""
    if y.is_floating_point():
        return xmul(y.to(eta.dtype), gap(eta, top)).sum(-1) - log_total
    return gap(eta.gather(-1, _index(eta, y)), top)[..., 0] - log_total


def _powers(eta: Tensor) -> Tensor:
    """Return numbers ∝ p, fresh; +inf stands for the largest finite number, so that ties share equally."""
    eta = finite(eta)
    return exp_below(eta, eta.detach().amax(-1, keepdim=True))


def _score(powers: Tensor, y: Tensor) -> Tensor:
    """Overwrite powers ∝ p with onehot(y) − p; at y that is the sum of the others, for 1 − p would cancel."""
    if y.is_floating_point():
        return powers.div_(-sum_of_powers(powers)).add_(y)
    index = _index(powers, y)
    own = powers.gather(-1, index)
    others = sum_of_powers(powers.scatter_(-1, index, 0.0))
    return powers.scatter_(-1, index, -others).div_(own.add_(others).neg_())


def _index(eta: Tensor, y: Tensor) -> Tensor:
    """Return the class of each row of η, (…, n, 1)."""
    return y.expand(eta.shape[:-1]).unsqueeze(-1)


def _one_hot(y: Tensor, outputs: int | None) -> Tensor:
    """Return y as probabilities (…, n, K)."""
    if y.is_floating_point():
        return y
    return torch.nn.functional.one_hot(y, int(y.max()) + 1 if outputs is None else outputs)
